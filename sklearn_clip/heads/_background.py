"""General words that labels stand out from."""

import numpy as np

# Cosine from which two texts are taken for one.
_SAME = 0.9999


def find_others(background, labels):
    """Find, for labels that are among the general words, the words that are not they.

    Parameters
    ----------
    background : array-like of shape (n_background, n_features) or None
        Embeddings of general words, of length 1.
    labels : array-like of shape (n_labels, n_features)
        Embeddings of the labels, of length 1.

    Returns
    -------
    dict of int to list of int
        By label, the rows of `background` that are no embedding of it; labels of which
        there is none in it are left out.

    Raises
    ------
    ValueError
        If nothing is left for a label.
    """
    if background is None:
        return {}
    own = np.asarray(labels) @ np.asarray(background).T > _SAME
    alone = own.all(axis=1)
    if alone.any():
        raise ValueError(
            "The background must hold a vector that is not the label's own. Got "
            f"{own.shape[1]}, all of them that of label {int(alone.argmax())}."
        )
    return {
        int(label): np.flatnonzero(~own[label]).tolist()
        for label in np.flatnonzero(own.any(axis=1))
    }
