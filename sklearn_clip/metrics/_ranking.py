"""Metrics of scores: how well positives are ranked before negatives."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_clip._shared import TargetsLike, shown_first, warn_user
from sklearn_clip.metrics._entries import (
    check_scores,
    check_targets,
    weigh_rows,
)
from sklearn_clip.metrics._sorted_scores import (
    Scored,
    average_precision,
    join,
    kept_scores,
    weighted_precision,
)

# Columns are turned into rows in blocks of this many scores.
_BLOCK_SIZE = 1 << 24


def global_average_precision_score(
    y_true: TargetsLike,
    y_score: ArrayLike,
    *,
    k: int | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Average precision of the pooled scores of all rows and labels (GAP, GAP@k).

    The `k` largest scores of every row are pooled and sorted; GAP is the sum of the
    precision at the rank of every positive among them, divided by the number of
    **all** positives: a positive that is not among the `k` largest of its row counts
    as one that is never found. So a row with more than `k` labels keeps GAP@k below 1.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    y_score : {array-like, DataFrame} of shape (n_samples, n_labels)
        Probabilities or decision values, comparable between labels.
    k : int or None, default=None
        Scores kept of each row; None, or at least n_labels, keeps all.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float
        GAP in [0, 1]; 0.0 where there is no positive, with a warning.

    Raises
    ------
    ValueError
        If shapes differ, `y_true` holds something other than 0, 1 and NaN, `y_score`
        holds NaN, or `k` is no positive integer.

    See Also
    --------
    macro_average_precision_score : The mean over labels, in which all weigh the same.
    sklearn.metrics.average_precision_score : With ``average="micro"`` it equals this
        for ``k=None`` and known labels.

    Notes
    -----
    Equal scores share one rank, as in scikit-learn: precision is taken behind the last
    of them. Of equal scores at the k-th place of a row those of the first columns are
    kept. Unknown entries are left out before the `k` largest are taken.

    The metric is that of the YouTube-8M data set [1]_. The precision at a positive of
    score s is the number of positives that score at least s, divided by the number of
    entries that do. Both are found by binary search in the sorted scores of the
    positives and of the negatives, so there is no sorting of pairs.

    References
    ----------
    .. [1] S. Abu-El-Haija et al., "YouTube-8M: A large-scale video classification
       benchmark", 2016. :arxiv:`1609.08675`

    Examples
    --------
    >>> from sklearn_clip.metrics import global_average_precision_score
    >>> Y = [[1, 0, 0], [1, 0, 1], [0, 1, 1]]
    >>> P = [[0.9, 0.8, 0.1], [0.7, 0.2, 0.6], [0.3, 0.95, 0.4]]
    >>> round(global_average_precision_score(Y, P), 4)
    0.8767
    >>> round(global_average_precision_score(Y, P, k=1), 4)
    0.6
    """
    if k is not None and (
        not isinstance(k, Integral) or isinstance(k, bool | np.bool_) or k < 1
    ):
        raise ValueError(f"k must be a positive integer or None. Got {k!r}.")
    entries = check_targets(y_true, keep_sparse=True)
    scores = check_scores(y_score, y_true, entries)
    entries, scores, weights = weigh_rows(sample_weight, entries, scores)
    value = pooled_average_precision(entries, scores, weights, k=k)
    if np.isnan(value):
        warn_user(
            "GAP is not defined without a positive in y_true, and is set to 0.0.",
            UndefinedMetricWarning,
        )
        return 0.0
    return value


def macro_average_precision_score(
    y_true: TargetsLike,
    y_score: ArrayLike,
    *,
    min_support: int = 1,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Mean over labels of the average precision (macro mAP).

    Labels with fewer than `min_support` positives are left out, with a warning: the
    average precision of a label without positives is not defined. Other libraries
    count such labels as 0, which makes the mean depend on the split.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    y_score : {array-like, DataFrame} of shape (n_samples, n_labels)
        Probabilities or decision values.
    min_support : int, default=1
        Positives that a label must have to count, whatever they weigh. A larger number
        gives the mAP of the majority labels.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float
        Macro mAP in [0, 1]; NaN where no label counts.

    Warns
    -----
    sklearn.exceptions.UndefinedMetricWarning
        If labels are left out; it names how many.

    Raises
    ------
    ValueError
        If shapes differ, `y_true` holds something other than 0, 1 and NaN, `y_score`
        holds NaN, or `min_support` is no positive integer.

    See Also
    --------
    average_precision_per_label : The values that are averaged.
    global_average_precision_score : One ranking of all rows and labels.

    Notes
    -----
    Average precision is the non-interpolated one of
    :func:`sklearn.metrics.average_precision_score`. The mean over majority labels is
    what MuMIC reports [1]_.

    References
    ----------
    .. [1] F. Wang et al., "MuMIC: multimodal embedding for multi-label image
       classification with tempered sigmoid", 2023. :arxiv:`2211.05232`

    Examples
    --------
    >>> from sklearn_clip.metrics import macro_average_precision_score
    >>> Y = [[1, 0], [0, 1], [1, 1]]
    >>> P = [[0.9, 0.8], [0.7, 0.6], [0.3, 0.5]]
    >>> round(macro_average_precision_score(Y, P), 4)
    0.7083
    """
    if (
        not isinstance(min_support, Integral)
        or isinstance(min_support, bool | np.bool_)
        or min_support < 1
    ):
        raise ValueError(
            f"min_support must be a positive integer. Got {min_support!r}."
        )
    entries = check_targets(y_true, keep_sparse=True)
    scores = check_scores(y_score, y_true, entries)
    entries, scores, weights = weigh_rows(sample_weight, entries, scores)
    counted = entries.count_ones(axis=0) >= min_support
    if not counted.all():
        left_out = np.flatnonzero(~counted)
        names = entries.names or range(len(counted))
        few = f"fewer than {min_support} known positives"
        few = "no known positive" if min_support == 1 else few
        warn_user(
            f"{len(left_out)} of {len(counted)} labels have {few} in y_true and are "
            "left out of the macro mAP: "
            f"{shown_first([names[label] for label in left_out], 5)}.",
            UndefinedMetricWarning,
        )
    if not counted.any():
        return float("nan")
    values = label_average_precision(entries, scores, counted, weights)
    return float(values[counted].mean())


def average_precision_per_label(
    y_true: TargetsLike, y_score: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Average precision of every label.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    y_score : {array-like, DataFrame} of shape (n_samples, n_labels)
        Probabilities or decision values.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    ndarray of shape (n_labels,)
        Non-interpolated average precision in [0, 1]; NaN for a label without a known
        positive.

    Raises
    ------
    ValueError
        If shapes differ, `y_true` holds something other than 0, 1 and NaN, or `y_score`
        holds NaN.

    See Also
    --------
    macro_average_precision_score : The mean.

    Examples
    --------
    >>> from sklearn_clip.metrics import average_precision_per_label
    >>> Y = [[1, 0, 0], [0, 1, 0], [1, 1, float("nan")]]
    >>> P = [[0.9, 0.8, 0.1], [0.7, 0.6, 0.2], [0.3, 0.5, 0.9]]
    >>> average_precision_per_label(Y, P).round(4)
    array([0.8333, 0.5833,    nan])
    """
    entries = check_targets(y_true, keep_sparse=True)
    scores = check_scores(y_score, y_true, entries)
    entries, scores, weights = weigh_rows(sample_weight, entries, scores)
    wanted = entries.count_ones(axis=0) > 0
    return label_average_precision(entries, scores, wanted, weights)


def pooled_average_precision(entries, scores, weights=None, *, k=None):
    """Average precision of the pooled scores.

    Parameters
    ----------
    entries : Entries or StoredEntries
        Checked targets.
    scores : ndarray of shape (n_samples, n_labels)
        Checked scores.
    weights : ndarray of shape (n_samples,) or None, default=None
        Row weights above 0.
    k : int or None, default=None
        Scores kept of each row.

    Returns
    -------
    float
        GAP; NaN if there is no positive.
    """
    # GAP = sum over the positives kept of precision at their rank / number of all
    # positives. Counted before the k largest are taken: a positive beyond them was
    # never found, and must cost recall, or a small k would make any ranking perfect.
    n_positives = entries.count_ones(axis=1)
    total = n_positives.sum() if weights is None else weights @ n_positives
    if total == 0:
        return float("nan")
    whole = k is None or k >= scores.shape[1]
    if weights is not None:
        return weighted_precision(entries, scores, weights, None if whole else k, total)
    if whole:
        # Walked through twice, so that the scores are never copied as a whole.
        positives = Scored(entries.at_ones(scores), None)
        kept = kept_scores(entries, scores)
    else:
        kept = list(kept_scores(entries, scores, k=k))
        positives = join([hits for hits, _ in kept])
    return average_precision(positives, (misses for _, misses in kept), total)


def label_average_precision(entries, scores, wanted, weights=None):
    """Average precision of some labels.

    Parameters
    ----------
    entries : Entries or StoredEntries
        Checked targets.
    scores : ndarray of shape (n_samples, n_labels)
        Checked scores.
    wanted : ndarray of shape (n_labels,), dtype=bool
        Labels that have a positive and are to be computed.
    weights : ndarray of shape (n_samples,) or None, default=None
        Row weights above 0.

    Returns
    -------
    ndarray of shape (n_labels,)
        The values; NaN for the other labels.
    """
    found = np.full(len(wanted), np.nan)
    columns = np.flatnonzero(wanted)
    entries = entries.by_label()
    # A few columns are turned into rows at a time: a stride costs a cache line.
    step = max(1, _BLOCK_SIZE // len(scores))
    for start in range(0, len(columns), step):
        labels = columns[start : start + step]
        rows = np.ascontiguousarray(scores[:, labels].T)
        part = entries.columns(labels)
        positive = np.ascontiguousarray(part.positive.T)
        negative = ~positive
        if part.known is not None:
            negative &= part.known.T
        for label, row, yes, no in zip(labels, rows, positive, negative, strict=True):
            hits, misses = Scored(row, weights).at(yes), Scored(row, weights).at(no)
            total = len(hits.scores) if weights is None else hits.weights.sum()
            found[label] = average_precision(hits, [misses], total)
    return found
