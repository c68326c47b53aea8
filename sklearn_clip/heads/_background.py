"""General words that labels stand out from, for heads that start from prompts."""

from collections.abc import Iterable, Mapping
from numbers import Real

import numpy as np

from sklearn_clip._shared import without_tensor
from sklearn_clip.embedding import Background


def read_background(background, n_labels, n_features, dtype=np.float32):
    """Check a background and scale its embeddings to length 1.

    Parameters
    ----------
    background : Background or None
        The general words.
    n_labels, n_features : int
        Number of labels, and width of the rows.
    dtype : dtype, default=np.float32
        Of the embeddings.

    Returns
    -------
    Background or None
        With a float scale; None if there is none.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If the embeddings have another width or a length of 0, the scale is not above 0,
        or `own` names what is not there or leaves a label nothing.
    """
    if background is None:
        return None
    if not isinstance(background, Background):
        raise TypeError(
            "background must be a sklearn_clip.zero_shot.Background, such as "
            "background_ of a fitted ZeroShotClassifier. Got "
            f"{type(background).__name__}."
        )
    vectors = without_tensor(background.embeddings, "background.embeddings")
    vectors = np.asarray(vectors, dtype=dtype)
    if vectors.ndim != 2 or not len(vectors) or vectors.shape[1] != n_features:
        raise ValueError(
            "The embeddings of background must have shape (n_background, "
            f"{n_features}), at least one, and as wide as the rows. Got "
            f"{vectors.shape}."
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = ~(np.isfinite(lengths) & (lengths > 0)).ravel()
    if bad.any():
        raise ValueError(
            "The embeddings of background must be finite vectors that are not zero. "
            f"Got another one (row {int(bad.argmax())})."
        )
    scale = background.logit_scale
    if not isinstance(scale, Real) or not 0 < scale < np.inf:
        raise ValueError(
            f"logit_scale of background must be a number above 0. Got {scale!r}."
        )
    _check_own(background.own, n_labels, len(vectors))
    return Background(vectors / lengths, float(scale), background.own)


def _check_own(own, n_labels, n_background):
    if not isinstance(own, Mapping):
        raise TypeError(
            "own of background must be a dict from labels to lists of rows. Got "
            f"{type(own).__name__}."
        )
    for label, rows in own.items():
        places = rows if isinstance(rows, Iterable) else [None]
        if label not in range(n_labels) or not set(places) <= set(range(n_background)):
            raise ValueError(
                f"own of background must name labels below {n_labels} and lists of "
                f"rows below {n_background}. Got {rows!r} of label {label!r}. It "
                "belongs to labels and an order of its own: fit zero-shot with the "
                "labels at hand, and take its background_."
            )
        if len(set(rows)) == n_background:
            raise ValueError(
                "The background must hold a word that is not the label's own. Got "
                f"{n_background}, all of them of label {label}."
            )


def other_words(background):
    """List the words that are alternatives, for labels that are among the words.

    Parameters
    ----------
    background : Background
        The general words.

    Returns
    -------
    dict of int to list of int
        By label, the rows of the embeddings that are not its own.
    """
    every = range(len(background.embeddings))
    return {
        label: [row for row in every if row not in set(rows)]
        for label, rows in background.own.items()
        if len(rows)
    }
