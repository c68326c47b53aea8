"""Groups of near copies, found in the embeddings."""

from numbers import Real

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

# Rows compared at once, and pairs that are kept until they are merged.
_BLOCK = 2048
_MAX_PAIRS = 1_000_000
# What float32 products of unit vectors may lack.
_ROUNDING = 1e-6


def _unit_rows(embeddings):
    """Rows of length 1 in float32; zero rows stay zero."""
    values = np.asarray(embeddings)
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise ValueError(
            "embeddings must be a numeric array of shape (n_samples, n_features). "
            f"Got shape {values.shape} and dtype {values.dtype}."
        )
    units = np.empty(values.shape, np.float32)
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK].astype(np.float64)
        if not np.isfinite(block).all():
            row, column = np.argwhere(~np.isfinite(block))[0]
            raise ValueError(
                f"embeddings must be finite. Got {block[row, column]} "
                f"(row {start + row}, column {column}). Give rows without an embedding "
                "zeros: they are alone."
            )
        largest = np.abs(block).max(axis=1, initial=0.0, keepdims=True)
        block /= np.where(largest == 0, 1.0, largest)
        norm = np.sqrt((block**2).sum(axis=1, keepdims=True))
        units[start : start + _BLOCK] = block / np.where(norm == 0, 1.0, norm)
    return units


def _merge(group_of, pairs):
    """Join the groups of each pair."""
    first, second = np.concatenate(pairs, axis=1)
    n = len(group_of)
    graph = sparse.coo_array((np.ones(len(first), bool), (first, second)), shape=(n, n))
    _, component = connected_components(graph, directed=False)
    return component[group_of]


def near_duplicate_groups(embeddings, threshold=0.95):
    """Group rows that are near copies of one another.

    Two rows are near copies if the cosine of their embeddings is at least `threshold`,
    and rows joined by a chain of near copies are one group. Given to
    :class:`MultiLabelStratifiedGroupKFold`, the groups keep a row from being tested on
    a model that has learnt its copy.

    Parameters
    ----------
    embeddings : array-like of shape (n_samples, n_features)
        One embedding per row, of any length.
    threshold : float, default=0.95
        Lowest cosine of near copies, in (0, 1]. The value that suits depends on the
        model: look at some pairs. Too low, chains join what is merely alike into one
        large group.

    Returns
    -------
    groups : ndarray of shape (n_samples,), dtype=int64
        Group of every row, numbered by first appearance. A zero row is alone.

    Raises
    ------
    ValueError
        If `embeddings` is not a 2-dimensional array of finite numbers, or `threshold`
        is out of range.

    See Also
    --------
    MultiLabelStratifiedGroupKFold : Folds that keep groups together.

    Notes
    -----
    All pairs are compared, by matrix products of blocks in float32: the time grows
    with the square of `n_samples`, the memory with `n_samples` alone, however many near
    copies there are. A cosine within 1e-6 of the threshold counts as reached.

    Examples
    --------
    >>> from sklearn_clip.model_selection import near_duplicate_groups
    >>> near_duplicate_groups([[1, 0], [0, 1], [2, 0.1], [0, 0], [0, 0]]).tolist()
    [0, 1, 0, 2, 3]
    """
    good = isinstance(threshold, Real) and not isinstance(threshold, bool)
    if not good or not 0 < threshold <= 1:
        raise ValueError(f"threshold must be in (0, 1]. Got {threshold!r}.")
    units = _unit_rows(embeddings)
    n = len(units)
    group_of = np.arange(n)
    limit = np.float32(max(threshold - _ROUNDING, 1e-9))  # zero rows reach none
    pairs, n_pairs = [], 0
    for i in range(0, n, _BLOCK):
        for j in range(i, n, _BLOCK):
            near = units[i : i + _BLOCK] @ units[j : j + _BLOCK].T >= limit
            if not near.any():
                continue
            left, right = group_of[i : i + _BLOCK], group_of[j : j + _BLOCK]
            near &= left[:, None] != right  # pairs that join groups not joined yet
            first, second = np.nonzero(near)
            pairs.append(np.stack([left[first], right[second]]))
            n_pairs += len(first)
            if n_pairs > _MAX_PAIRS:
                group_of, pairs, n_pairs = _merge(group_of, pairs), [], 0
    if pairs:
        group_of = _merge(group_of, pairs)
    _, first_row, group_of = np.unique(group_of, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first_row))[group_of].astype(np.int64)
