"""Rows that lie near: what they say of a label, and which of them agree."""

import numpy as np
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import safe_sparse_dot

_NEIGHBORS = 10
# Weight of a row of cosine c beside the nearest one of cosine c': exp(10 (c - c')).
_SHARPNESS = 10.0
_CELLS = 2**24  # of one block of cosines: 128 MB


def _blocks(vectors, rows, others, group_of, width=1):
    """Yield positions in `rows` and their cosines with others, of other groups."""
    step = max(1, _CELLS // max(len(others), width))
    theirs, groups = vectors[others].T, group_of[others]
    for start in range(0, len(rows), step):
        here = rows[start : start + step]
        cosines = safe_sparse_dot(vectors[here], theirs, dense_output=True)
        cosines[group_of[here][:, None] == groups] = -np.inf
        yield slice(start, start + step), cosines


def _nearest(cosines, count):
    """Positions of the highest cosines of each row, in any order."""
    # A tenth of the time of numpy's argpartition for ten of 100,000.
    import torch

    top = torch.topk(torch.from_numpy(cosines), count, dim=1, sorted=False)
    return top.indices.numpy()


def unit_vectors(vectors):
    """Scale rows to length 1; a row of zeros stays."""
    return normalize(vectors)


def neighbour_votes(vectors, given, group_of):
    """Share of the ten nearest labelled rows of other groups that have each label.

    Parameters
    ----------
    vectors : {ndarray, sparse matrix} of shape (n, d)
        Unit vectors.
    given : ndarray of shape (n, n_labels)
        0, 1 and NaN. Rows of NaN alone are no neighbours.
    group_of : ndarray of shape (n,)
        Rows of one group are no neighbours.

    Returns
    -------
    votes : ndarray of shape (n, n_labels)
        In [0, 1]; NaN where none of the nearest rows says anything of the label.
    """
    positive, known = np.nan_to_num(given), (~np.isnan(given)).astype(float)
    votes = np.full(given.shape, np.nan)
    labelled = np.flatnonzero(known.any(axis=1))
    count = min(_NEIGHBORS, len(labelled))
    if not count:
        return votes
    everyone = np.arange(len(given))
    width = count * given.shape[1]
    for part, cosines in _blocks(vectors, everyone, labelled, group_of, width):
        places = _nearest(cosines, count)
        weight = np.take_along_axis(cosines, places, axis=1)
        near = labelled[places]
        best = weight.max(axis=1, keepdims=True)
        best[np.isneginf(best)] = 0.0  # all rows are of its group
        weight = np.exp(_SHARPNESS * (weight - best))  # 0 for its own group
        said = np.einsum("nk,nkl->nl", weight, known[near])
        found = np.einsum("nk,nkl->nl", weight, positive[near])
        np.divide(found, said, out=votes[part], where=said > 0)
    return votes


def agreeing_rows(vectors, given, group_of, rows, labels, wanted, count):
    """Nearest rows that have what a cell should have.

    Parameters
    ----------
    vectors, given, group_of
        As for :func:`neighbour_votes`.
    rows, labels, wanted : ndarray of shape (n_cells,)
        The cells, and the value that agrees.
    count : int
        How many.

    Returns
    -------
    nearest : ndarray of shape (n_cells, count), dtype=int64
        The nearest first; -1 where there are no more.
    """
    nearest = np.full((len(rows), count), -1)
    if vectors is None:
        return nearest
    for label, value in np.unique(np.stack([labels, wanted], axis=1), axis=0):
        cells = np.flatnonzero((labels == label) & (wanted == value))
        agree = np.flatnonzero(given[:, int(label)] == value)
        some = min(count, len(agree))
        if not some:
            continue
        for part, cosines in _blocks(vectors, rows[cells], agree, group_of):
            near = _nearest(cosines, some)
            values = np.take_along_axis(cosines, near, axis=1)
            order = np.lexsort((near, -values))
            near = np.take_along_axis(near, order, axis=1)
            values = np.take_along_axis(values, order, axis=1)
            found = np.where(np.isneginf(values), -1, agree[near])
            nearest[cells[part], :some] = found
    return nearest
