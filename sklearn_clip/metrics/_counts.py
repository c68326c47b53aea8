"""Counts of right and wrong entries, unknown ones left out, and their averages."""

from numbers import Real
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_clip._shared import StoredEntries, row_blocks, warn_user

Average: TypeAlias = Literal["macro", "micro", "weighted", "samples"]
AVERAGES = (*get_args(Average), None)


class Counts(NamedTuple):
    """Counts of known entries, by label, by row, or over all.

    Attributes
    ----------
    tp, fp, fn, known : ndarray of shape (n_groups,), dtype=int64 or float64
        True positives, false positives, false negatives, and known entries; the sums of
        their weights where they are weighted.
    """

    tp: np.ndarray
    fp: np.ndarray
    fn: np.ndarray
    known: np.ndarray


def count_entries(entries, predicted, *, axis, weights=None):
    """Count right and wrong predictions of known entries.

    Parameters
    ----------
    entries : Entries or StoredEntries
        Checked targets.
    predicted : {ndarray, csr_array} of shape (n_samples, n_labels), dtype=bool
        Checked predictions.
    axis : {0, 1}
        0 counts by label, 1 by row.
    weights : ndarray of shape (n_samples,) or None, default=None
        Row weights. They change no count by row.

    Returns
    -------
    Counts
        The counts.
    """
    if isinstance(entries, StoredEntries) and sparse.issparse(predicted):
        return _count_stored(entries, predicted, axis, weights if axis == 0 else None)
    if weights is not None and axis == 0:
        return _sum_weights(entries, predicted, weights)
    parts = []
    for rows in row_blocks(*predicted.shape):
        (positive, known, _), guess = entries.rows(rows), _table(predicted[rows])
        if known is not None:
            guess = guess & known
        tp = np.count_nonzero(positive & guess, axis=axis)
        all_of_them = np.full_like(tp, positive.shape[axis])
        parts.append(
            (
                tp,
                np.count_nonzero(guess, axis=axis) - tp,
                np.count_nonzero(positive, axis=axis) - tp,
                all_of_them if known is None else np.count_nonzero(known, axis=axis),
            )
        )
    join = np.sum if axis == 0 else np.concatenate
    return Counts(*(join(part, axis=0) for part in zip(*parts, strict=True)))


def _sum_weights(entries, predicted, weights):
    """Do what `count_entries` does by label, for rows that weigh differently."""
    sums = np.zeros((4, predicted.shape[1]))
    for rows in row_blocks(*predicted.shape):
        (positive, known, _), guess = entries.rows(rows), _table(predicted[rows])
        weight = weights[rows]
        if known is None:
            known = np.ones_like(positive)
        else:
            guess = guess & known
        masks = (positive & guess, guess & ~positive, positive & ~guess, known)
        sums += [weight @ mask for mask in masks]
    return Counts(*sums)


def _table(predicted):
    return predicted.toarray() if sparse.issparse(predicted) else predicted


def _count_stored(entries, predicted, axis, weights):
    """Do what `count_entries` does where all is sparse, and goes through no zeros."""
    length = entries.shape[1 - axis]

    def count(matrix):
        places = matrix.nonzero()
        own = None if weights is None else weights[places[0]]
        return np.bincount(places[1 - axis], own, minlength=length)

    positive, guess = entries.positive, predicted
    if entries.unknown is not None:
        guess = guess > entries.unknown
    hit = positive * guess
    known = entries.count_known(axis)
    if weights is not None:
        lost = 0.0 if entries.unknown is None else count(entries.unknown)
        known = np.where(known > 0, weights.sum() - lost, 0.0)  # as sums round
    return Counts(count(hit), count(guess > hit), count(positive > hit), known)


def fraction(counts, metric, *, beta=1.0):
    """Numerator and denominator of a metric.

    Parameters
    ----------
    counts : Counts
        The counts.
    metric : {"precision", "recall", "fbeta", "jaccard"}
        The metric.
    beta : float, default=1.0
        Weight of recall in ``"fbeta"``.

    Returns
    -------
    above, below : ndarray of shape (n_groups,)
        The metric is ``above / below``.
    """
    tp, fp, fn, _ = counts
    if metric == "fbeta" and np.isinf(beta):
        metric = "recall"
    if metric == "precision":
        return tp, tp + fp
    if metric == "recall":
        return tp, tp + fn
    if metric == "jaccard":
        return tp, tp + fp + fn
    # Held to where its products with counts are finite: long before that it is recall.
    weight = min(beta, 1e100) ** 2
    return (1 + weight) * tp, weight * (tp + fn) + tp + fp


def divide(above, below, known, zero_division):
    """Divide, with `zero_division` for 0 / 0 and NaN where nothing is known.

    Parameters
    ----------
    above, below, known : ndarray of shape (n_groups,)
        Numerator, denominator and the number of known entries.
    zero_division : float
        Value of 0 / 0.

    Returns
    -------
    ndarray of shape (n_groups,)
        The ratios.
    """
    ratio = np.full(len(above), float(zero_division))
    np.divide(above, below, out=ratio, where=below > 0)
    ratio[known == 0] = np.nan
    return ratio


def average_counts(
    counts, metric, *, average, beta=1.0, zero_division=0.0, weights=None
):
    """Compute a metric of counts and average it.

    Parameters
    ----------
    counts : Counts
        By row for ``average="samples"``, else by label.
    metric, beta
        As in :func:`fraction`.
    average : {"macro", "micro", "weighted", "samples"} or None
        None returns one value per group.
    zero_division : float, default=0.0
        Value of 0 / 0; NaN leaves it out of the mean.
    weights : ndarray of shape (n_samples,) or None, default=None
        Row weights, for ``average="samples"`` only.

    Returns
    -------
    float or ndarray of shape (n_groups,)
        The mean; NaN where there is nothing to average.
    """
    if average == "micro":
        counts = Counts(*(np.array([part.sum()]) for part in counts))
    above, below = fraction(counts, metric, beta=beta)
    values = divide(above, below, counts.known, zero_division)
    if average is None:
        return values
    if average == "weighted":
        return mean_of_defined(values, counts.tp + counts.fn)
    return mean_of_defined(values, weights if average == "samples" else None)


def mean_of_defined(values, weights=None):
    """Mean of what is not NaN.

    Parameters
    ----------
    values : ndarray of shape (n_groups,)
        Values.
    weights : ndarray of shape (n_groups,) or None, default=None
        Their weights; if all are 0 the values weigh the same, as in scikit-learn.

    Returns
    -------
    float
        The mean; NaN if there is none.
    """
    defined = ~np.isnan(values)
    if not defined.any():
        return float("nan")
    if weights is not None:
        weights = weights[defined] if weights[defined].any() else None
    return float(np.average(values[defined], weights=weights))


def check_average(average, allowed=AVERAGES):
    """Check the name of an average.

    Parameters
    ----------
    average : object
        What was given.
    allowed : sequence of str or None, default=AVERAGES
        What it may be.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if not (average is None or isinstance(average, str)) or average not in allowed:
        names = ", ".join(repr(name) for name in allowed)
        raise ValueError(f"average must be one of {names}. Got {average!r}.")


def check_zero_division(zero_division):
    """Check the value of 0 / 0.

    Parameters
    ----------
    zero_division : object
        What was given.

    Raises
    ------
    ValueError
        If it is neither 0, 1 nor NaN.
    """
    real = isinstance(zero_division, Real)
    if not real or not (zero_division in (0, 1) or np.isnan(zero_division)):
        raise ValueError(f"zero_division must be 0, 1 or NaN. Got {zero_division!r}.")


def warn_if_nothing_is_known(known):
    """Warn that a metric is not defined.

    Parameters
    ----------
    known : ndarray of int
        Known entries by group.
    """
    if not known.any():
        warn_user(
            "The metric is not defined where no entry of y_true is known. NaN is "
            "returned.",
            UndefinedMetricWarning,
        )
