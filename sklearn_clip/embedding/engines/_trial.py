"""Whether another arithmetic, or another engine, is true to torch in fp32."""

import numpy as np
from PIL import Image

from sklearn_clip.embedding.engines._trial_items import varied_pictures, varied_texts

# How near to fp32 the worst of the varied items must be for "auto" to take it. One item
# is too few: with convolutions the cosine of one picture was 0.9997, that of another
# 0.94 (see `benchmarks/STUDIES.md`).
LEAST_COSINE = 0.999
# Two texts for each length, and two pictures of each kind.
N_ITEMS = 16
_BATCH = 8  # as on a CPU
# Length of a vector that stands for nothing, beside the longest one.
_NOTHING = 1e-4
# By how much a vector may differ beside other items, of the longest one.
_BATCH_TOLERANCE = 1e-5


def encode_trial(tower, kind, size, n=N_ITEMS):
    """Encode the varied items.

    Parameters
    ----------
    tower : ImageTower, TextTower, GraphImageTower or GraphTextTower
        What encodes.
    kind : {"image", "text"}
        Which items.
    size : tuple of (int, int)
        Height and width in which pictures are drawn.
    n : int, default=16
        How many.

    Returns
    -------
    ndarray of shape (n, d), dtype float32
        Their vectors, not normalised.
    """
    parts = _trial_batches(tower, kind, size, n)
    return np.concatenate([tower.encode(part) for part in parts])


def depends_on_batch(tower, kind, size, together):
    """Whether a vector is another one where its item is encoded alone.

    Such vectors would make the store wrong.

    Parameters
    ----------
    tower, kind, size : object, str and tuple
        As of `encode_trial`.
    together : ndarray of shape (16, d)
        What that returned.

    Returns
    -------
    bool
        The answer, of the first item.
    """
    alone = tower.encode(_trial_batches(tower, kind, size)[0][:1])
    largest = np.linalg.norm(together, axis=1).max()
    return not np.abs(alone - together[:1]).max() <= _BATCH_TOLERANCE * largest


def _trial_batches(tower, kind, size, n=N_ITEMS):
    if kind == "text":
        return [varied_texts(n)]
    drawn = varied_pictures(n, size=size)
    prepared = [tower.prepare(Image.fromarray(pixels)) for pixels in drawn]
    return [tower.collate(prepared[i : i + _BATCH]) for i in range(0, n, _BATCH)]


def worst_cosine(found, expected):
    """Return the least cosine between rows.

    Parameters
    ----------
    found, expected : ndarray of shape (n, d)
        Vectors.

    Returns
    -------
    float
        0.0 where a vector is not finite.
    """
    lengths = [np.linalg.norm(rows, axis=1) for rows in (found, expected)]
    if not np.isfinite(lengths).all():
        return 0.0
    # A model may have no word for an item: nothing is then true to nothing.
    least = _NOTHING * lengths[1].max()
    empty = (lengths[0] <= least) & (lengths[1] <= least)
    cosines = (found * expected).sum(axis=1) / np.maximum(
        lengths[0] * lengths[1], 1e-30
    )
    return float(np.where(empty, 1.0, cosines).min())
