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
# By how much a unit vector may differ beside other items.
_BATCH_TOLERANCE = 1e-5


def encode_trial(tower, kind, size):
    """Encode the varied items.

    Parameters
    ----------
    tower : ImageTower, TextTower, GraphImageTower or GraphTextTower
        What encodes.
    kind : {"image", "text"}
        Which items.
    size : tuple of (int, int)
        Height and width in which pictures are drawn.

    Returns
    -------
    ndarray of shape (16, d), dtype float32
        Their vectors, not normalised.
    """
    parts = _trial_batches(tower, kind, size)
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
    a, b = (rows[:1] / np.linalg.norm(rows[:1], axis=1) for rows in (alone, together))
    return not np.abs(a - b).max() <= _BATCH_TOLERANCE


def _trial_batches(tower, kind, size):
    if kind == "text":
        return [varied_texts(N_ITEMS)]
    drawn = varied_pictures(N_ITEMS, size=size)
    prepared = [tower.prepare(Image.fromarray(pixels)) for pixels in drawn]
    # As many as a batch on a CPU has.
    return [tower.collate(part) for part in (prepared[:8], prepared[8:])]


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
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    cosines = (found * expected).sum(axis=1) / norms
    return float(cosines.min()) if np.isfinite(cosines).all() else 0.0
