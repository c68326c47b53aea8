"""scikit-learn's metrics of predicted labels, for targets with unknown entries."""

from __future__ import annotations

from numbers import Real
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_clip._shared import TableLike, TargetsLike
from sklearn_clip.metrics._counts import (
    Average,
    average_counts,
    check_average,
    check_zero_division,
    count_entries,
    mean_of_defined,
    warn_if_nothing_is_known,
)
from sklearn_clip.metrics._entries import check_predictions, check_targets, weigh_rows


@overload
def masked_precision_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    average: Average = ...,
    zero_division: float = ...,
    sample_weight: ArrayLike | None = ...,
) -> float: ...
@overload
def masked_precision_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    average: None,
    zero_division: float = ...,
    sample_weight: ArrayLike | None = ...,
) -> NDArray[np.float64]: ...
def masked_precision_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    average: Average | None = "macro",
    zero_division: float = 0.0,
    sample_weight: ArrayLike | None = None,
) -> float | NDArray[np.float64]:
    """Precision over known entries: right ones among those predicted.

    Parameters
    ----------
    y_true, y_pred : {array-like, sparse matrix, DataFrame} of shape \
            (n_samples, n_labels)
        0 and 1 or False and True; NaN in `y_true` where a label is unknown.
    average : {"macro", "micro", "weighted", "samples"} or None, default="macro"
        As in :func:`masked_fbeta_score`.
    zero_division : {0.0, 1.0, np.nan}, default=0.0
        Value where nothing is predicted; NaN leaves it out of the mean.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Precision in [0, 1].

    See Also
    --------
    masked_fbeta_score : Says how unknown entries are left out, and what raises.
    sklearn.metrics.precision_score : The same if all entries are known.

    Examples
    --------
    >>> from sklearn_clip.metrics import masked_precision_score
    >>> masked_precision_score([[1, float("nan")], [0, 1]], [[1, 1], [1, 1]])
    0.75
    """
    return _score(y_true, y_pred, "precision", average, zero_division, sample_weight)


@overload
def masked_recall_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    average: Average = ...,
    zero_division: float = ...,
    sample_weight: ArrayLike | None = ...,
) -> float: ...
@overload
def masked_recall_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    average: None,
    zero_division: float = ...,
    sample_weight: ArrayLike | None = ...,
) -> NDArray[np.float64]: ...
def masked_recall_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    average: Average | None = "macro",
    zero_division: float = 0.0,
    sample_weight: ArrayLike | None = None,
) -> float | NDArray[np.float64]:
    """Recall over known entries: those found among the true ones.

    Parameters
    ----------
    y_true, y_pred : {array-like, sparse matrix, DataFrame} of shape \
            (n_samples, n_labels)
        0 and 1 or False and True; NaN in `y_true` where a label is unknown.
    average : {"macro", "micro", "weighted", "samples"} or None, default="macro"
        As in :func:`masked_fbeta_score`.
    zero_division : {0.0, 1.0, np.nan}, default=0.0
        Value where there is no positive; NaN leaves it out of the mean.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Recall in [0, 1].

    See Also
    --------
    masked_fbeta_score : Says how unknown entries are left out, and what raises.
    sklearn.metrics.recall_score : The same if all entries are known.

    Examples
    --------
    >>> from sklearn_clip.metrics import masked_recall_score
    >>> masked_recall_score([[1, float("nan")], [1, 1]], [[1, 0], [0, 1]])
    0.75
    """
    return _score(y_true, y_pred, "recall", average, zero_division, sample_weight)


@overload
def masked_f1_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    average: Average = ...,
    zero_division: float = ...,
    sample_weight: ArrayLike | None = ...,
) -> float: ...
@overload
def masked_f1_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    average: None,
    zero_division: float = ...,
    sample_weight: ArrayLike | None = ...,
) -> NDArray[np.float64]: ...
def masked_f1_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    average: Average | None = "macro",
    zero_division: float = 0.0,
    sample_weight: ArrayLike | None = None,
) -> float | NDArray[np.float64]:
    """F1 over known entries: the harmonic mean of precision and recall.

    Parameters
    ----------
    y_true, y_pred : {array-like, sparse matrix, DataFrame} of shape \
            (n_samples, n_labels)
        0 and 1 or False and True; NaN in `y_true` where a label is unknown.
    average : {"macro", "micro", "weighted", "samples"} or None, default="macro"
        As in :func:`masked_fbeta_score`.
    zero_division : {0.0, 1.0, np.nan}, default=0.0
        Value where there is no positive, true or predicted; NaN leaves it out of the
        mean.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        F1 in [0, 1].

    See Also
    --------
    masked_fbeta_score : Says how unknown entries are left out, and what raises.
    sklearn.metrics.f1_score : The same if all entries are known.

    Examples
    --------
    >>> from sklearn_clip.metrics import masked_f1_score
    >>> Y = [[1, float("nan")], [0, 1], [1, 0]]
    >>> masked_f1_score(Y, [[1, 1], [0, 1], [1, 0]])
    1.0
    """
    return _score(y_true, y_pred, "fbeta", average, zero_division, sample_weight)


@overload
def masked_fbeta_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    beta: float,
    average: Average = ...,
    zero_division: float = ...,
    sample_weight: ArrayLike | None = ...,
) -> float: ...
@overload
def masked_fbeta_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    beta: float,
    average: None,
    zero_division: float = ...,
    sample_weight: ArrayLike | None = ...,
) -> NDArray[np.float64]: ...
def masked_fbeta_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    beta: float,
    average: Average | None = "macro",
    zero_division: float = 0.0,
    sample_weight: ArrayLike | None = None,
) -> float | NDArray[np.float64]:
    """F-beta over known entries: precision and recall, the latter `beta` times as much.

    Parameters
    ----------
    y_true, y_pred : {array-like, sparse matrix, DataFrame} of shape \
            (n_samples, n_labels)
        0 and 1 or False and True; NaN in `y_true` where a label is unknown.
    beta : float
        Weight of recall against precision, at least 0; infinity is recall.
    average : {"macro", "micro", "weighted", "samples"} or None, default="macro"
        - "macro": mean over labels; those without a known entry are left out;
        - "weighted": the same, weighted by the number of known positives;
        - "micro": the metric of the counts of all known entries;
        - "samples": mean over rows; those without a known entry are left out;
        - None: one value per label, NaN for one without a known entry.
    zero_division : {0.0, 1.0, np.nan}, default=0.0
        Value of 0 / 0; NaN leaves it out of the mean. There is no warning.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        F-beta in [0, 1]; NaN, with a warning, where nothing is known.

    Raises
    ------
    ValueError
        If shapes differ or a value is not among those named above.

    See Also
    --------
    masked_f1_score : For ``beta=1``.
    sklearn.metrics.fbeta_score : The same if all entries are known.

    Examples
    --------
    >>> from sklearn_clip.metrics import masked_fbeta_score
    >>> Y = [[1, float("nan")], [0, 1], [1, 0]]
    >>> P = [[1, 1], [1, 1], [1, 0]]
    >>> round(masked_fbeta_score(Y, P, beta=0.5), 4)
    0.8571
    """
    if not isinstance(beta, Real) or not beta >= 0:
        raise ValueError(f"beta must be a number of at least 0. Got {beta!r}.")
    return _score(
        y_true, y_pred, "fbeta", average, zero_division, sample_weight, float(beta)
    )


@overload
def masked_jaccard_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    average: Average = ...,
    zero_division: float = ...,
    sample_weight: ArrayLike | None = ...,
) -> float: ...
@overload
def masked_jaccard_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    average: None,
    zero_division: float = ...,
    sample_weight: ArrayLike | None = ...,
) -> NDArray[np.float64]: ...
def masked_jaccard_score(
    y_true: TargetsLike,
    y_pred: TableLike,
    *,
    average: Average | None = "macro",
    zero_division: float = 0.0,
    sample_weight: ArrayLike | None = None,
) -> float | NDArray[np.float64]:
    """Jaccard index over known entries: intersection of true and predicted by union.

    Parameters
    ----------
    y_true, y_pred : {array-like, sparse matrix, DataFrame} of shape \
            (n_samples, n_labels)
        0 and 1 or False and True; NaN in `y_true` where a label is unknown.
    average : {"macro", "micro", "weighted", "samples"} or None, default="macro"
        As in :func:`masked_fbeta_score`. ``"samples"`` is what the literature calls
        the accuracy of a multi-label classifier.
    zero_division : {0.0, 1.0, np.nan}, default=0.0
        Value where there is no positive, true or predicted; NaN leaves it out of the
        mean.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Jaccard index in [0, 1].

    See Also
    --------
    masked_fbeta_score : Says how unknown entries are left out, and what raises.
    sklearn.metrics.jaccard_score : The same if all entries are known.

    Examples
    --------
    >>> from sklearn_clip.metrics import masked_jaccard_score
    >>> Y = [[1, float("nan")], [1, 1]]
    >>> masked_jaccard_score(Y, [[1, 1], [1, 0]], average="samples")
    0.75
    """
    return _score(y_true, y_pred, "jaccard", average, zero_division, sample_weight)


def masked_hamming_loss(
    y_true: TargetsLike, y_pred: TableLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Share of wrong entries among the known ones.

    Parameters
    ----------
    y_true, y_pred : {array-like, sparse matrix, DataFrame} of shape \
            (n_samples, n_labels)
        0 and 1 or False and True; NaN in `y_true` where a label is unknown.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float
        Loss in [0, 1]; NaN, with a warning, where nothing is known.

    See Also
    --------
    masked_fbeta_score : Says what raises.
    sklearn.metrics.hamming_loss : The same if all entries are known.

    Examples
    --------
    >>> from sklearn_clip.metrics import masked_hamming_loss
    >>> masked_hamming_loss([[1, float("nan")], [0, 1], [1, 0]], [[1, 1]] * 3)
    0.4
    """
    counts, _ = _count(y_true, y_pred, sample_weight, axis=0)
    n_known = counts.known.sum()
    if n_known == 0:
        return float("nan")
    return float((counts.fp.sum() + counts.fn.sum()) / n_known)


def masked_subset_accuracy_score(
    y_true: TargetsLike, y_pred: TableLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Share of rows whose known entries are all right.

    Rows without a known entry are left out.

    Parameters
    ----------
    y_true, y_pred : {array-like, sparse matrix, DataFrame} of shape \
            (n_samples, n_labels)
        0 and 1 or False and True; NaN in `y_true` where a label is unknown.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float
        Accuracy in [0, 1]; NaN, with a warning, where nothing is known.

    See Also
    --------
    masked_fbeta_score : Says what raises.
    sklearn.metrics.accuracy_score : The same if all entries are known.

    Examples
    --------
    >>> from sklearn_clip.metrics import masked_subset_accuracy_score
    >>> masked_subset_accuracy_score([[1, float("nan")], [0, 1]], [[1, 1], [1, 1]])
    0.5
    """
    counts, weights = _count(y_true, y_pred, sample_weight, axis=1)
    right = np.where(counts.known > 0, counts.fp + counts.fn == 0, np.nan)
    return mean_of_defined(right, weights)


def _score(y_true, y_pred, metric, average, zero_division, sample_weight, beta=1.0):
    """Check everything, count and average."""
    check_average(average)
    check_zero_division(zero_division)
    axis = 1 if average == "samples" else 0
    counts, weights = _count(y_true, y_pred, sample_weight, axis=axis)
    return average_counts(
        counts,
        metric,
        average=average,
        beta=beta,
        zero_division=zero_division,
        weights=weights,
    )


def _count(y_true, y_pred, sample_weight, *, axis):
    """Check everything and count; the weights are those of the rows counted."""
    entries = check_targets(y_true, keep_sparse=True)
    predicted = check_predictions(y_pred, y_true, entries, keep_sparse=True)
    entries, predicted, weights = weigh_rows(sample_weight, entries, predicted)
    counts = count_entries(entries, predicted, axis=axis, weights=weights)
    warn_if_nothing_is_known(counts.known)
    return counts, weights
