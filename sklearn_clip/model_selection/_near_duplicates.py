"""Groups of near copies, found in the embeddings."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Literal, TypeAlias, get_args, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from sklearn_clip._shared import as_array
from sklearn_clip.model_selection._average_linkage import average_linkage
from sklearn_clip.model_selection._near_duplicate_report import (
    NearDuplicateReport,
    suggest_threshold,
)
from sklearn_clip.model_selection._pair_collectors import (
    ClosestPairs,
    Components,
    NearestCosines,
    walk_pairs,
)

Linkage: TypeAlias = Literal["single", "average"]
# Rows brought to length 1 at once.
_BLOCK = 2048
# What float32 products of unit vectors may lack.
_ROUNDING = 1e-6
# The report's other thresholds, as parts of the distance of the threshold from 1.
_LEVELS = np.array([4, 2, 1, 0.5, 0.25])


def _unit_rows(embeddings):
    """Rows of length 1 in float32, without those of zeros or NaN; places; all rows."""
    if sparse.issparse(embeddings):
        raise TypeError(
            "embeddings must be dense. Got a sparse matrix of shape "
            f"{embeddings.shape}. Reduce it first, by TruncatedSVD for one, or give "
            "embeddings.toarray() if that has room in memory."
        )
    values = as_array(embeddings, "embeddings")
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise ValueError(
            "embeddings must be a numeric array of shape (n_samples, n_features). "
            f"Got shape {values.shape} and dtype {values.dtype}."
        )
    units = np.empty(values.shape, np.float32)
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK].astype(np.float64)
        block[np.isnan(block).all(axis=1)] = 0  # what on_error="nan" leaves
        if not np.isfinite(block).all():
            row, column = np.argwhere(~np.isfinite(block))[0]
            raise ValueError(
                f"embeddings must be finite. Got {block[row, column]} "
                f"(row {start + row}, column {column}). Give rows without an embedding "
                "zeros, or NaN throughout: they are alone."
            )
        largest = np.abs(block).max(axis=1, initial=0.0, keepdims=True)
        block /= np.where(largest == 0, 1.0, largest)
        norm = np.sqrt((block**2).sum(axis=1, keepdims=True))
        units[start : start + _BLOCK] = block / np.where(norm == 0, 1.0, norm)
    present = np.flatnonzero(units.any(axis=1))
    if len(present) < len(units):
        units = units[present]
    return units, present, len(values)


@overload
def near_duplicate_groups(
    embeddings: ArrayLike,
    threshold: float = ...,
    *,
    linkage: Linkage = ...,
    report: Literal[False] = ...,
    n_pairs: int = ...,
) -> NDArray[np.int64]: ...
@overload
def near_duplicate_groups(
    embeddings: ArrayLike,
    threshold: float = ...,
    *,
    linkage: Linkage = ...,
    report: Literal[True],
    n_pairs: int = ...,
) -> tuple[NDArray[np.int64], NearDuplicateReport]: ...
@overload
def near_duplicate_groups(
    embeddings: ArrayLike,
    threshold: float = ...,
    *,
    linkage: Linkage = ...,
    report: bool,
    n_pairs: int = ...,
) -> NDArray[np.int64] | tuple[NDArray[np.int64], NearDuplicateReport]: ...
def near_duplicate_groups(
    embeddings: ArrayLike,
    threshold: float = 0.95,
    *,
    linkage: Linkage = "single",
    report: bool = False,
    n_pairs: int = 20,
) -> NDArray[np.int64] | tuple[NDArray[np.int64], NearDuplicateReport]:
    """Group rows that are near copies of one another.

    Two rows are near copies if the cosine of their embeddings is at least `threshold`.
    Given to :class:`MultiLabelStratifiedGroupKFold`, the groups keep a row from being
    tested on a model that has learnt its copy.

    Parameters
    ----------
    embeddings : array-like of shape (n_samples, n_features)
        One embedding per row, of any length. A row of zeros or of NaN alone, a missing
        item, is a near copy of nothing.
    threshold : float, default=0.95
        Lowest cosine of near copies, in (0, 1]. The value that suits depends on the
        model: ask for a report.
    linkage : {"single", "average"}, default="single"
        ``"single"`` joins rows by chains: no near copy of a row is outside its group,
        but too low a threshold joins what is merely alike into one large group.
        ``"average"`` joins two groups while the mean cosine over the pairs between them
        is at least `threshold`: it does not chain, but may put near copies at the rims
        of two groups apart, which then can be learnt and tested.
    report : bool, default=False
        Whether to return a report as well.
    n_pairs : int, default=20
        Pairs around the threshold in the report, at least 2.

    Returns
    -------
    groups : ndarray of shape (n_samples,), dtype=int64
        Group of every row, numbered by first appearance.
    report : NearDuplicateReport
        If `report`: sizes, doubtful pairs, what other thresholds would join, and a
        suggestion for the threshold, with how it was found.

    Raises
    ------
    ValueError
        If `embeddings` is not a 2-dimensional array of numbers, or holds an infinite
        one or NaN beside numbers, or another value is out of range.
    TypeError
        If `embeddings` is sparse.

    See Also
    --------
    MultiLabelStratifiedGroupKFold : Folds that keep groups together.
    sklearn_clip.plotting.NearDuplicateDisplay : The doubtful pairs as pictures.

    Notes
    -----
    All pairs are compared, by matrix products of blocks in float32: the time grows
    with the square of `n_samples`, the memory with `n_samples` alone, however many near
    copies there are. A cosine within 1e-6 of the threshold counts as reached.

    Average linkage is done within the groups of single linkage. That is exact: a mean
    over pairs reaches the threshold only if one of them does, so two clusters without a
    near pair are never joined. Within a group clusters are held as their means, whose
    product is the average cosine, so that the memory stays that of the rows. A single
    group of m rows takes about m products of all its rows with one: of 512 numbers
    each, one core took 0.8 s for 2,000 rows, 1.6 s for 4,000 and 7.8 s for 8,000.

    Examples
    --------
    >>> from sklearn_clip.model_selection import near_duplicate_groups
    >>> near_duplicate_groups([[1, 0], [0, 1], [2, 0.1], [0, 0], [0, 0]]).tolist()
    [0, 1, 0, 2, 3]

    Three directions in a chain, about 20 degrees from one to the next:

    >>> X = [[0.94, -0.34], [1, 0], [0.93, 0.37]]
    >>> near_duplicate_groups(X, 0.9).tolist()
    [0, 0, 0]
    >>> near_duplicate_groups(X, 0.9, linkage="average").tolist()
    [0, 0, 1]
    >>> groups, report = near_duplicate_groups(X, 0.9, report=True)
    >>> report.pairs.tolist(), report.together.tolist()
    ([[0, 1], [1, 2], [0, 2]], [True, True, True])
    """
    _check_options(threshold, linkage, report, n_pairs)
    units, present, n_samples = _unit_rows(embeddings)
    n = len(units)
    limit = max(threshold - _ROUNDING, 1e-9)
    components = Components(n, limit)
    collectors: list[Any] = [components]
    if report:
        levels = 1 - (1 - threshold) * _LEVELS
        levels = np.unique(levels[levels > 0])
        chains = [Components(n, max(level - _ROUNDING, 1e-9)) for level in levels]
        nearest = NearestCosines(n)
        above, below = (ClosestPairs(limit, side, n_pairs) for side in (1, 0))
        collectors += [nearest, above, below, *chains]
    walk_pairs(units, collectors)
    found = components.groups()
    if linkage == "average":
        found = _split_by_average(units, found, limit)
    groups = np.arange(n_samples) + n  # those of missing items, alone
    groups[present] = found
    groups = _by_appearance(groups)
    if not report:
        return groups
    return groups, _make_report(
        threshold,
        linkage,
        n_pairs,
        groups,
        embeddings,
        present,
        nearest,
        (above, below),
        (levels, chains),
    )


def _check_options(threshold, linkage, report, n_pairs):
    """Check everything but the embeddings."""
    good = isinstance(threshold, Real) and not isinstance(threshold, bool)
    if not good or not 0 < threshold <= 1:
        raise ValueError(f"threshold must be in (0, 1]. Got {threshold!r}.")
    if not isinstance(linkage, str) or linkage not in get_args(Linkage):
        raise ValueError(f"linkage must be 'single' or 'average'. Got {linkage!r}.")
    if not isinstance(report, bool | np.bool_):
        raise TypeError(f"report must be True or False. Got {report!r}.")
    good = isinstance(n_pairs, Integral) and not isinstance(n_pairs, bool)
    if not good or n_pairs < 2:
        raise ValueError(f"n_pairs must be an integer of at least 2. Got {n_pairs!r}.")


def _by_appearance(groups):
    """Renumber groups by first appearance."""
    _, first_row, groups = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first_row))[groups].astype(np.int64)


def _split_by_average(units, groups, limit):
    """Cluster each group of single linkage by average linkage."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    found = np.empty(len(groups), np.int64)
    for rows in np.split(order, starts[1:]) if len(order) else ():
        # One pair is its own mean.
        few = len(rows) <= 2
        found[rows] = rows[0] if few else rows[average_linkage(units[rows], limit)]
    return found


def _make_report(
    threshold, linkage, n_pairs, groups, embeddings, present, nearest, sides, others
):
    """Put together what has been seen of the pairs; `present` holds the rows seen."""
    (upper, high), (lower, low) = (side.choose() for side in sides)
    levels, chains = others
    # Half and half, but a side that has too few leaves its places to the other.
    n_low = min(len(low), max(n_pairs // 2, n_pairs - len(high)))
    upper, high = upper[: n_pairs - n_low], high[: n_pairs - n_low]
    lower, low = lower[:n_low], low[:n_low]
    pairs, cosines = np.concatenate([upper, lower]), np.concatenate([high, low])
    order = np.argsort(-cosines, kind="stable")
    pairs, cosines = present[pairs[order]], np.minimum(cosines[order], 1.0)
    index = getattr(embeddings, "index", None)
    if index is not None and not callable(index):  # lists have a method of that name
        index = np.asarray(index, dtype=object)[pairs]
    else:
        index = None
    closest = np.full(len(groups), np.nan, np.float32)
    seen = nearest.cosines > -2
    closest[present[seen]] = np.minimum(nearest.cosines[seen], 1.0)
    suggestion, reason = suggest_threshold(closest[~np.isnan(closest)])
    sizes = [np.bincount(chain.groups()) for chain in chains]
    return NearDuplicateReport(
        threshold=float(threshold),
        linkage=linkage,
        sizes=np.bincount(groups),
        nearest=closest,
        pairs=pairs,
        cosines=cosines,
        together=groups[pairs[:, 0]] == groups[pairs[:, 1]],
        index=index,
        levels=levels,
        joined=np.array([size[size > 1].sum() for size in sizes], np.int64),
        largest=np.array([size.max(initial=0) for size in sizes], np.int64),
        suggested_threshold=suggestion,
        reason=reason,
    )
