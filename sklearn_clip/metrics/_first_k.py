"""Metrics of the first few of many labels, as the extreme-label field reports them."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_clip._shared import TargetsLike, row_blocks, warn_user
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
    sklearn.metrics.ndcg_score : With ``k=``, the discounted gain, of known labels.

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
    entries, scores, weights = _read(y_true, y_score, k, sample_weight)
    found = total = 0.0
    for rows in row_blocks(*scores.shape):
        kept = _kept(entries, scores, rows, k)
        taken = np.count_nonzero(kept, axis=1)
        hits = np.count_nonzero(kept & entries.positive[rows], axis=1)
        weight = (taken > 0) * (1.0 if weights is None else weights[rows])
        found += float(weight @ (hits / np.maximum(taken, 1)))
        total += float(weight.sum())
    if total <= 0:
        raise ValueError("y_true must hold a known label in some row. Got none.")
    return found / total


def propensity_scored_precision_at_k_score(
    y_true: TargetsLike,
    y_score: ArrayLike,
    propensity: ArrayLike,
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
    propensity : array-like of shape (n_labels,)
        Probability that a true label is among those given, in (0, 1]: of
        :func:`label_propensities`, on the rows of training.
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
        As of :func:`precision_at_k_score`, or if `propensity` has another length or
        holds other numbers.

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
    entries, scores, weights = _read(y_true, y_score, k, sample_weight)
    gain = 1 / _check_propensity(propensity, scores.shape[1])
    found = best = 0.0
    for rows in row_blocks(*scores.shape):
        positive = entries.positive[rows]
        gains = np.where(positive, gain, 0.0)
        kept = _kept(entries, scores, rows, k)
        weight = np.ones(len(gains)) if weights is None else weights[rows]
        found += float(weight @ (gains * kept).sum(axis=1))
        first = min(k, gains.shape[1])
        ideal = np.partition(gains, gains.shape[1] - first, axis=1)[:, -first:]
        best += float(weight @ ideal.sum(axis=1))
    if best <= 0:
        warn_user(
            "PSP@k is not defined without a positive in y_true, and is set to 0.0.",
            UndefinedMetricWarning,
        )
        return 0.0
    return found / best


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
        which n_l have the label; in (0, 1].

    Raises
    ------
    ValueError
        If `y_true` holds something other than 0, 1 and NaN, or `a` or `b` is not
        positive.

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
        if not value > 0:
            raise ValueError(f"{name} must be positive. Got {value!r}.")
    entries = check_targets(y_true)
    counts = np.count_nonzero(entries.positive, axis=0)
    # Fewer than three rows would make c negative.
    scale = max(np.log(len(entries.positive)) - 1, 0.0) * (b + 1) ** a
    return 1 / (1 + scale * (counts + b) ** -a)


def _read(y_true, y_score, k, sample_weight):
    if not isinstance(k, Integral) or isinstance(k, bool | np.bool_) or k < 1:
        raise ValueError(f"k must be a positive integer. Got {k!r}.")
    entries = check_targets(y_true)
    scores = check_scores(y_score, y_true, entries)
    return weigh_rows(sample_weight, entries, scores)


def _kept(entries: Any, scores: NDArray[Any], rows: slice, k: int) -> NDArray[np.bool_]:
    """Where the k highest known scores of some rows are."""
    known = None if entries.known is None else entries.known[rows]
    block = scores[rows]
    if k < block.shape[1]:
        return top_k(block, known, k)
    return np.ones(block.shape, dtype=bool) if known is None else known


def _check_propensity(propensity, n_labels):
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
    return values
