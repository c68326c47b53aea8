"""Metrics of the first few of many labels, as the extreme-label field reports them."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_clip._shared import (
    TargetsLike,
    column_names,
    first_difference,
    in_label_order,
    row_blocks,
    warn_user,
)
from sklearn_clip.metrics._entries import check_scores, check_targets, weigh_rows
from sklearn_clip.metrics._sorted_scores import top_k


def precision_at_k_score(
    y_true: TargetsLike,
    y_score: ArrayLike,
    *,
    k: int,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Share of the `k` highest scores of each row that are true, mean over rows (P@k).

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    y_score : {array-like, DataFrame} of shape (n_samples, n_labels)
        Probabilities or decision values.
    k : int
        Scores looked at of each row, at least 1.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float
        In [0, 1]; rows with fewer than `k` labels keep it below 1.

    Raises
    ------
    ValueError
        If shapes differ, `y_true` holds something other than 0, 1 and NaN or nothing
        known, `y_score` holds NaN, or `k` is no positive integer.

    See Also
    --------
    propensity_scored_precision_at_k_score : In which rare labels count for more.
    global_average_precision_score : Of the first `k` of all rows together.
    ndcg_at_k_score : In which the first places count for more.

    Notes
    -----
    Unknown entries are left out before the `k` highest are taken: of a row with fewer
    known ones these are all that count, and a row with none does not count. Of equal
    scores at the k-th place those of the first columns are taken.

    Examples
    --------
    >>> from sklearn_clip.metrics import precision_at_k_score
    >>> Y = [[1, 0, 1], [0, 1, 0]]
    >>> P = [[0.9, 0.8, 0.7], [0.1, 0.6, 0.2]]
    >>> precision_at_k_score(Y, P, k=1), precision_at_k_score(Y, P, k=2)
    (1.0, 0.5)
    """
    entries, scores, weights = _check(y_true, y_score, k, sample_weight)
    shares, counted = precisions(entries, scores, k)
    return _mean_of_rows(shares, counted, weights)


def ndcg_at_k_score(
    y_true: TargetsLike,
    y_score: ArrayLike,
    *,
    k: int,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Discounted gain of the `k` highest scores of each row, mean over rows (nDCG@k).

    A hit counts ``1 / log2(1 + place)``, and a row what its hits come to beside the
    best order of its labels.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    y_score : {array-like, DataFrame} of shape (n_samples, n_labels)
        Probabilities or decision values.
    k : int
        Scores looked at of each row, at least 1.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float
        In [0, 1]; a row without a positive counts 0.

    Raises
    ------
    ValueError
        As of :func:`precision_at_k_score`.

    See Also
    --------
    precision_at_k_score : In which the places of the hits do not matter; says which
        scores are taken.
    sklearn.metrics.ndcg_score : The same, if all entries are known and no scores of a
        row are equal: of equal ones, which here are in the order of the columns, that
        takes the mean.

    Examples
    --------
    >>> from sklearn_clip.metrics import ndcg_at_k_score
    >>> Y = [[1, 0, 1], [0, 1, 0]]
    >>> P = [[0.9, 0.8, 0.7], [0.1, 0.6, 0.2]]
    >>> ndcg_at_k_score(Y, P, k=1), round(ndcg_at_k_score(Y, P, k=2), 4)
    (1.0, 0.8066)
    """
    entries, scores, weights = _check(y_true, y_score, k, sample_weight)
    shares, counted = discounted_gains(entries, scores, k)
    return _mean_of_rows(shares, counted, weights)


def propensity_scored_precision_at_k_score(
    y_true: TargetsLike,
    y_score: ArrayLike,
    propensity: ArrayLike | dict[Any, float],
    *,
    k: int,
    sample_weight: ArrayLike | None = None,
) -> float:
    """P@k in which a hit counts as much as its label is likely to be missing (PSP@k).

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    y_score : {array-like, DataFrame} of shape (n_samples, n_labels)
        Probabilities or decision values.
    propensity : array-like of shape (n_labels,), dict or Series
        Probability that a true label is among those given, in (0, 1]: of
        :func:`label_propensities`, on the rows of training. A dict, or a Series with
        names, gives that of each label by its name.
    k : int
        Scores looked at of each row, at least 1.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float
        In [0, 1]: of the sum of 1 / propensity over hits, the share that the best order
        would have; 0.0 where there is no positive, with a warning.

    Raises
    ------
    ValueError
        As of :func:`precision_at_k_score`, or if `propensity` has another length, lacks
        a label or holds other numbers.

    See Also
    --------
    label_propensities : The usual propensities.

    References
    ----------
    .. [1] H. Jain, Y. Prabhu, M. Varma, "Extreme multi-label loss functions for
       recommendation, tagging, ranking & other missing label applications", KDD 2016.
       :doi:`10.1145/2939672.2939756`

    Examples
    --------
    >>> from sklearn_clip.metrics import propensity_scored_precision_at_k_score
    >>> Y = [[1, 0, 1], [0, 1, 0]]
    >>> P = [[0.9, 0.8, 0.7], [0.1, 0.6, 0.2]]
    >>> propensity_scored_precision_at_k_score(Y, P, [0.5, 0.5, 0.25], k=1)
    0.6666666666666666
    """
    return _share_of_best(
        y_true, y_score, propensity, k, sample_weight, "PSP@k", np.ones_like
    )


def propensity_scored_ndcg_at_k_score(
    y_true: TargetsLike,
    y_score: ArrayLike,
    propensity: ArrayLike | dict[Any, float],
    *,
    k: int,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Discounted gain in which rare labels count for more (PSnDCG@k).

    A hit counts ``1 / (propensity log2(1 + place))``.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    y_score : {array-like, DataFrame} of shape (n_samples, n_labels)
        Probabilities or decision values.
    propensity : array-like of shape (n_labels,), dict or Series
        As of :func:`propensity_scored_precision_at_k_score`.
    k : int
        Scores looked at of each row, at least 1.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float
        In [0, 1]: of the sum over all hits, the share that the best order would have;
        0.0 where there is no positive, with a warning.

    Raises
    ------
    ValueError
        As of :func:`propensity_scored_precision_at_k_score`.

    See Also
    --------
    propensity_scored_precision_at_k_score : Without places; with the source.
    ndcg_at_k_score : Without propensities.

    Examples
    --------
    >>> from sklearn_clip.metrics import propensity_scored_ndcg_at_k_score
    >>> Y = [[1, 0, 1], [0, 1, 0]]
    >>> P = [[0.9, 0.8, 0.7], [0.1, 0.6, 0.2]]
    >>> found = propensity_scored_ndcg_at_k_score(Y, P, [0.5, 0.5, 0.25], k=2)
    >>> round(found, 4)
    0.5508
    """
    return _share_of_best(
        y_true, y_score, propensity, k, sample_weight, "PSnDCG@k", discount_places
    )


def label_propensities(
    y_true: TargetsLike, *, a: float = 0.55, b: float = 1.5
) -> NDArray[np.float64]:
    """Propensity of every label, by how many rows of training have it.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        Targets of training: 0 and 1 or False and True; NaN where a label is unknown.
    a, b : float
        Constants of the data. 0.55 and 1.5 are the usual ones, of encyclopedia
        articles; 0.6 and 2.6 those of shops.

    Returns
    -------
    ndarray of shape (n_labels,)
        ``1 / (1 + c (n_l + b)^-a)`` with ``c = (log n - 1) (b + 1)^a``, for n rows, of
        which n_l have the label; in (0, 1]. ``pandas.Series(found, Y.columns)`` keeps
        them by name.

    Raises
    ------
    ValueError
        If `y_true` holds something other than 0, 1 and NaN, or `a` or `b` is no
        positive number.

    See Also
    --------
    propensity_scored_precision_at_k_score : What they are for; with the source.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.metrics import label_propensities
    >>> Y = np.arange(100)[:, None] < [1, 10, 90]
    >>> label_propensities(Y).round(2)
    array([0.22, 0.39, 0.67])
    """
    for name, value in (("a", a), ("b", b)):
        if not (isinstance(value, Real) and 0 < value < np.inf):
            raise ValueError(f"{name} must be a positive number. Got {value!r}.")
    entries = check_targets(y_true, keep_sparse=True)
    # Fewer than three rows would make c negative.
    scale = max(np.log(entries.shape[0]) - 1, 0.0) * (b + 1) ** a
    return 1 / (1 + scale * (entries.count_ones(axis=0) + b) ** -a)


def precisions(entries, scores, k):
    """Share of the k highest scores that are true, of each row.

    Parameters
    ----------
    entries : Entries or StoredEntries
        Checked targets.
    scores : ndarray of shape (n_samples, n_labels)
        Checked scores.
    k : int
        How many scores of each row.

    Returns
    -------
    shares : ndarray of shape (n_samples,)
        The shares.
    counted : ndarray of shape (n_samples,), dtype=bool
        Whether anything is known of the row.
    """
    shares, counted = np.zeros(len(scores)), np.zeros(len(scores), dtype=bool)
    for rows, positive, kept, _ in _blocks(entries, scores, k):
        taken = np.count_nonzero(kept, axis=1)
        hits = np.count_nonzero(kept & positive, axis=1)
        shares[rows] = hits / np.maximum(taken, 1)
        counted[rows] = taken > 0
    return shares, counted


def discounted_gains(entries, scores, k):
    """Discounted gain of the k highest scores of each row, as a share of the best.

    Parameters
    ----------
    entries, scores, k
        As of `precisions`.

    Returns
    -------
    shares, counted
        As of `precisions`.
    """
    shares, counted = np.zeros(len(scores)), np.zeros(len(scores), dtype=bool)
    for rows, positive, kept, block in _blocks(entries, scores, k):
        first = np.minimum(np.count_nonzero(positive, axis=1), k)
        best = np.append(0.0, np.cumsum(discount_places(np.arange(first.max()))))[first]
        row, column, place = _places(kept, block)
        gain = discount_places(place) * positive[row, column]
        found = np.bincount(row, weights=gain, minlength=len(block))
        np.divide(found, best, out=shares[rows], where=first > 0)
        counted[rows] = kept.any(axis=1)
    return shares, counted


def gains_and_best(entries, scores, gain, k, discount):
    """Gain of the hits of each row, and that of the best order.

    Parameters
    ----------
    entries, scores, k
        As of `precisions`.
    gain : ndarray of shape (n_labels,)
        What a hit of each label counts.
    discount : callable
        What that is multiplied by, of the number of entries before it.

    Returns
    -------
    found, best : ndarray of shape (n_samples,)
        The gains.
    """
    found, best = np.zeros((2, len(scores)))
    for parts in _gains(entries, scores, gain, k, discount):
        for total, (row, worth) in zip((found, best), parts, strict=True):
            total += np.bincount(row, weights=worth, minlength=len(scores))
    return found, best


def _gains(entries, scores, gain, k, discount):
    """Rows and gains of the hits, and of the entries first in the best order."""
    for rows, positive, kept, block in _blocks(entries, scores, k):
        row, column, place = _places(kept, block)
        hit = positive[row, column]
        row, column, place = row[hit], column[hit], place[hit]
        hits = rows.start + row, gain[column] * discount(place)
        row, column, place = _places(positive, np.broadcast_to(gain, positive.shape))
        first = place < k
        row, column, place = row[first], column[first], place[first]
        yield hits, (rows.start + row, gain[column] * discount(place))


def _check(y_true, y_score, k, sample_weight):
    """Check everything, and drop the rows that weigh nothing."""
    if not isinstance(k, Integral) or isinstance(k, bool | np.bool_) or k < 1:
        raise ValueError(f"k must be a positive integer. Got {k!r}.")
    entries = check_targets(y_true, keep_sparse=True)
    scores = check_scores(y_score, y_true, entries)
    return weigh_rows(sample_weight, entries, scores)


def _blocks(entries, scores, k):
    """Go through the rows.

    Yields
    ------
    rows : slice
        Some rows.
    positive : ndarray of shape (n_rows, n_labels), dtype=bool
        Where their labels are known to be 1.
    kept : ndarray of shape (n_rows, n_labels), dtype=bool
        Where the k highest known scores of each are.
    scores : ndarray of shape (n_rows, n_labels)
        The scores.
    """
    for rows in row_blocks(*scores.shape):
        block, part = scores[rows], entries.rows(rows)
        if k < block.shape[1]:
            kept = top_k(block, part.known, k)
        else:
            kept = np.ones(block.shape, bool) if part.known is None else part.known
        yield rows, part.positive, kept, block


def _mean_of_rows(values, counted, weights):
    """Mean over rows; those of which nothing is known weigh 0."""
    weights = counted * (1.0 if weights is None else weights)
    if weights.sum() <= 0:
        raise ValueError("y_true must hold a known label in some row. Got none.")
    # Sums of weights round.
    return min(1.0, float(weights @ values / weights.sum()))


def _share_of_best(y_true, y_score, propensity, k, sample_weight, name, discount):
    """Gain of the hits, as a share of that of the best order."""
    entries, scores, weights = _check(y_true, y_score, k, sample_weight)
    names = column_names(y_true) or column_names(y_score)
    gain = label_gains(propensity, names, scores.shape[1])
    weights = np.ones(len(scores)) if weights is None else weights
    found = best = 0.0
    for (row, own), (top, most) in _gains(entries, scores, gain, k, discount):
        found += float(weights[row] @ own)
        best += float(weights[top] @ most)
    if best <= 0:
        warn_user(
            f"{name} is not defined without a positive in y_true, and is set to 0.0.",
            UndefinedMetricWarning,
        )
        return 0.0
    return min(1.0, found / best)


def _places(chosen, values):
    """Rank chosen entries in their rows by falling value, ties by column.

    Parameters
    ----------
    chosen : ndarray of shape (n_rows, n_labels), dtype=bool
        Which ones.
    values : ndarray of shape (n_rows, n_labels)
        What they are ranked by.

    Returns
    -------
    row, column, place : ndarray of shape (n_chosen,), dtype=int
        Where each is, and how many of its row are before it.
    """
    row, column = np.nonzero(chosen)
    order = np.lexsort((-values[row, column], row))  # stable: equal ones stay in order
    # Sorted or not, the entries of a row are in the same range.
    place = np.empty_like(order)
    place[order] = np.arange(len(row)) - np.searchsorted(row, row)
    return row, column, place


def discount_places(place):
    """Weigh an entry that so many others of its row are before.

    Parameters
    ----------
    place : ndarray of int
        How many.

    Returns
    -------
    ndarray of float64
        In (0, 1].
    """
    return 1 / np.log2(place + 2.0)


def label_gains(propensity, names, n_labels):
    """Find what a hit of each label counts, by name where both have names.

    Parameters
    ----------
    propensity : array-like of shape (n_labels,), dict or Series
        Propensities of the labels.
    names : list of length n_labels or None
        Names of the labels.
    n_labels : int
        How many there are.

    Returns
    -------
    ndarray of shape (n_labels,), dtype=float64
        1 / propensity.

    Raises
    ------
    ValueError
        If they have another length, lack a label or hold other numbers.
    """
    names = range(n_labels) if names is None else names
    index = propensity.index if hasattr(propensity, "to_dict") else None
    if isinstance(propensity, dict) or first_difference(index, names) is not None:
        propensity = in_label_order(propensity, names, "propensity")
    values = np.asarray(propensity, dtype=np.float64)
    if values.shape != (n_labels,):
        raise ValueError(
            f"propensity must have one number for each of the {n_labels} labels. Got "
            f"shape {values.shape}."
        )
    bad = np.flatnonzero(~((values > 0) & (values <= 1)))
    if len(bad):
        raise ValueError(
            f"propensity must be in (0, 1]. Got {values[bad[0]]} (label {bad[0]})."
        )
    return 1 / values
