"""How far probabilities mean what they say: log loss, Brier score, calibration error.

NaN in `y_true` marks an unknown label, which every metric leaves out.
"""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_clip._shared import TableLike, TargetsLike, as_array, row_blocks
from sklearn_clip.metrics._calibration_bins import bin_labels, calibration_error
from sklearn_clip.metrics._counts import (
    AVERAGES,
    Average,
    check_average,
    mean_of_defined,
    warn_if_nothing_is_known,
)
from sklearn_clip.metrics._entries import check_scores, check_targets, weigh_rows

LabelAverage: TypeAlias = Literal["macro", "micro", "weighted"]


class BrierParts(NamedTuple):
    """Parts of a Brier score: ``reliability - resolution + uncertainty``.

    Parameters
    ----------
    reliability : float or ndarray of shape (n_labels,)
        What the probabilities lose because they do not mean what they say, the
        calibration part; 0 is best, and a calibrator can bring it there.
    resolution : float or ndarray of shape (n_labels,)
        What they gain because they tell rows apart, the refinement part; no calibrator
        brings more.
    uncertainty : float or ndarray of shape (n_labels,)
        The score of one who says the base rate of every row.
    """

    reliability: float | NDArray[np.float64]
    resolution: float | NDArray[np.float64]
    uncertainty: float | NDArray[np.float64]


@overload
def masked_log_loss(
    y_true: TargetsLike,
    y_prob: TableLike,
    *,
    average: Average = ...,
    sample_weight: ArrayLike | None = ...,
) -> float: ...
@overload
def masked_log_loss(
    y_true: TargetsLike,
    y_prob: TableLike,
    *,
    average: None,
    sample_weight: ArrayLike | None = ...,
) -> NDArray[np.float64]: ...
def masked_log_loss(
    y_true: TargetsLike,
    y_prob: TableLike,
    *,
    average: Average | None = "macro",
    sample_weight: ArrayLike | None = None,
) -> float | NDArray[np.float64]:
    """Log loss of known entries, of labels that are there and of those that are not.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    y_prob : {array-like, DataFrame} of shape (n_samples, n_labels)
        Probabilities in [0, 1] of each label. Those of exactly 0 and 1 are taken for
        the machine epsilon of their type and its opposite, as scikit-learn does; bool
        and integers count as float64.
    average : {"macro", "micro", "weighted", "samples"} or None, default="macro"
        - "macro": mean over labels; those without a known entry are left out;
        - "weighted": the same, weighted by the number of known positives;
        - "micro": mean over all known entries, the same as "macro" if all are known;
        - "samples": mean over rows; those without a known entry are left out;
        - None: one value per label, NaN for one without a known entry.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        Mean of ``-ln p`` where the label is there and ``-ln(1 - p)`` where it is not,
        at least 0, smaller is better; NaN, with a warning, where nothing is known.

    Raises
    ------
    ValueError
        If shapes differ, a probability is outside [0, 1], or a value is not among those
        named above.

    See Also
    --------
    masked_brier_score : Bounded; forgives one bad mistake sooner.
    sklearn.metrics.log_loss : For classes that exclude each other. Given several
        labels, it adds up ``-ln p`` of those that are there alone, so that
        probabilities of 1 for everything are perfect.

    Examples
    --------
    >>> from sklearn_clip.metrics import masked_log_loss
    >>> Y = [[1, float("nan")], [0, 1]]
    >>> round(masked_log_loss(Y, [[0.9, 0.9], [0.2, 0.5]]), 4)
    0.4287
    """
    return _mean_of_entries(y_true, y_prob, log_losses, average, sample_weight)


@overload
def masked_brier_score(
    y_true: TargetsLike,
    y_prob: TableLike,
    *,
    average: Average = ...,
    sample_weight: ArrayLike | None = ...,
) -> float: ...
@overload
def masked_brier_score(
    y_true: TargetsLike,
    y_prob: TableLike,
    *,
    average: None,
    sample_weight: ArrayLike | None = ...,
) -> NDArray[np.float64]: ...
def masked_brier_score(
    y_true: TargetsLike,
    y_prob: TableLike,
    *,
    average: Average | None = "macro",
    sample_weight: ArrayLike | None = None,
) -> float | NDArray[np.float64]:
    """Brier score of known entries: mean squared error of the probabilities.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    y_prob : {array-like, DataFrame} of shape (n_samples, n_labels)
        Probabilities in [0, 1] of each label.
    average : {"macro", "micro", "weighted", "samples"} or None, default="macro"
        As in :func:`masked_log_loss`.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        In [0, 1], smaller is better; NaN, with a warning, where nothing is known.

    Raises
    ------
    ValueError
        As in :func:`masked_log_loss`.

    See Also
    --------
    brier_score_parts : What of it calibration can mend.
    sklearn.metrics.brier_score_loss : The same for one label, all of it known.

    Examples
    --------
    >>> from sklearn_clip.metrics import masked_brier_score
    >>> Y = [[1, float("nan")], [0, 1]]
    >>> round(masked_brier_score(Y, [[0.9, 0.9], [0.2, 0.5]]), 4)
    0.1375
    """
    return _mean_of_entries(y_true, y_prob, square_errors, average, sample_weight)


def brier_score_parts(
    y_true: TargetsLike,
    y_prob: TableLike,
    *,
    n_bins: int = 15,
    average: LabelAverage | None = "macro",
    sample_weight: ArrayLike | None = None,
) -> BrierParts:
    """Part the Brier score into calibration, refinement and what the data gives.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    y_prob : {array-like, DataFrame} of shape (n_samples, n_labels)
        Probabilities in [0, 1] of each label.
    n_bins : int, default=15
        Bins of equal weight that the rows of a label are sorted into by probability;
        equal probabilities share one.
    average : {"macro", "micro", "weighted"} or None, default="macro"
        "micro" sorts the entries of all labels into the same bins; the others are as
        in :func:`masked_log_loss`.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    BrierParts
        A named tuple ``(reliability, resolution, uncertainty)``, of floats or of
        ndarrays of shape (n_labels,). ``reliability - resolution + uncertainty`` is
        :func:`masked_brier_score` of the same average.

    Raises
    ------
    ValueError
        As in :func:`masked_log_loss`, or if `n_bins` is no positive integer.

    Notes
    -----
    Of a bin with mean probability f and share o of positives, at a base rate b, the
    reliability is the mean of ``(f - o)^2`` and the uncertainty is ``b (1 - b)`` [1]_.
    The resolution, the mean of ``(o - b)^2``, has two terms more for what is in a bin,
    twice the covariance of probability and outcome less the variance of the
    probabilities: with them the sum is exact [2]_.

    References
    ----------
    .. [1] A. H. Murphy, "A new vector partition of the probability score", Journal of
       Applied Meteorology 12(4), 1973.
    .. [2] D. B. Stephenson, C. A. S. Coelho, I. T. Jolliffe, "Two extra components in
       the Brier score decomposition", Weather and Forecasting 23(4), 2008.
       :doi:`10.1175/2007WAF2006116.1`

    Examples
    --------
    >>> from sklearn_clip.metrics import brier_score_parts
    >>> parts = brier_score_parts([[1], [0], [0], [0]], [[0.5], [0.5], [0.1], [0.1]])
    >>> [round(part, 4) for part in parts]
    [0.005, 0.0625, 0.1875]
    """
    entries, scores, weights = _check(y_true, y_prob, average, sample_weight)
    pooled = average == "micro"
    bins = bin_labels(
        entries, scores, weights, n_bins=n_bins, pooled=pooled, spread=True
    )
    parts = np.full((3, len(bins)), np.nan)
    for label, found in enumerate(bins):
        if not len(found.weight):
            continue
        share = found.weight / found.weight.sum()
        base = share @ found.positive
        within = 2 * found.covariance - found.variance
        parts[:, label] = (
            share @ (found.predicted - found.positive) ** 2,
            share @ ((found.positive - base) ** 2 + within),
            base * (1 - base),
        )
    return BrierParts(*(_average(part, bins, average) for part in parts))


@overload
def expected_calibration_error(
    y_true: TargetsLike,
    y_prob: TableLike,
    *,
    n_bins: int = ...,
    norm: Literal["l1", "l2", "max"] = ...,
    debiased: bool = ...,
    average: LabelAverage = ...,
    sample_weight: ArrayLike | None = ...,
) -> float: ...
@overload
def expected_calibration_error(
    y_true: TargetsLike,
    y_prob: TableLike,
    *,
    n_bins: int = ...,
    norm: Literal["l1", "l2", "max"] = ...,
    debiased: bool = ...,
    average: None,
    sample_weight: ArrayLike | None = ...,
) -> NDArray[np.float64]: ...
def expected_calibration_error(
    y_true: TargetsLike,
    y_prob: TableLike,
    *,
    n_bins: int = 15,
    norm: Literal["l1", "l2", "max"] = "l1",
    debiased: bool = True,
    average: LabelAverage | None = "macro",
    sample_weight: ArrayLike | None = None,
) -> float | NDArray[np.float64]:
    """Measure how far probabilities are from how often they hold, in bins.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    y_prob : {array-like, DataFrame} of shape (n_samples, n_labels)
        Probabilities in [0, 1] of each label.
    n_bins : int, default=15
        Bins of equal weight that the rows of a label are sorted into by probability;
        equal probabilities share one. Bins of equal width, which others use, leave
        nearly all rows of a rare label in the first.
    norm : {"l1", "l2", "max"}, default="l1"
        Mean of the distances of the bins, root of the mean of their squares, or the
        largest.
    debiased : bool, default=True
        Whether to take off what chance alone adds, see Notes. Without, even perfect
        probabilities have an error, the larger the fewer the rows and the more the
        bins.
    average : {"macro", "micro", "weighted"} or None, default="macro"
        - "macro": mean over labels; those without a known entry are left out;
        - "weighted": the same, weighted by the number of known positives;
        - "micro": the entries of all labels in the same bins. Labels that are too high
          and others that are too low hide each other there;
        - None: one value per label, NaN for one without a known entry.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.

    Returns
    -------
    float or ndarray of shape (n_labels,)
        In [0, 1], smaller is better; NaN, with a warning, where nothing is known.

    Raises
    ------
    ValueError
        As in :func:`masked_log_loss`, or if `n_bins` is no positive integer.

    See Also
    --------
    masked_log_loss : Judges calibration and refinement at once; choose by it. A base
        rate said of every row has no calibration error, and is of no use.
    sklearn_clip.plotting.MultiLabelCalibrationDisplay : Draws the bins.

    Notes
    -----
    The share of positives o of n rows in a bin has the variance ``s^2 = o (1 - o) /
    (n - 1)``. For "l2" that is subtracted from the squared distance, which makes it
    unbiased [1]_. For "l1" and "max", what the distance d is expected to become if o is
    drawn once more, ``E |N(d, s^2)|``, shows the bias: ``d - (E |N(d, s^2)| - d)`` is
    taken [2]_. Sums below 0 are 0. With weights n is ``(sum w)^2 / sum w^2``.

    References
    ----------
    .. [1] A. Kumar, P. Liang, T. Ma, "Verified uncertainty calibration", NeurIPS 2019.
       :arxiv:`1909.10155`
    .. [2] J. Brocker, "Estimating reliability and resolution of probability forecasts
       through decomposition of the empirical score", Climate Dynamics 39, 2012.
       :doi:`10.1007/s00382-011-1191-1`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.metrics import expected_calibration_error
    >>> rng = np.random.default_rng(0)
    >>> P = rng.random((2000, 3))
    >>> Y = rng.random((2000, 3)) < P
    >>> expected_calibration_error(Y, P) < 0.02
    True
    >>> expected_calibration_error(Y, P**2) > 0.1
    True
    """
    if not isinstance(norm, str) or norm not in ("l1", "l2", "max"):
        raise ValueError(f"norm must be 'l1', 'l2' or 'max'. Got {norm!r}.")
    entries, scores, weights = _check(y_true, y_prob, average, sample_weight)
    bins = bin_labels(
        entries, scores, weights, n_bins=n_bins, pooled=average == "micro"
    )
    errors = [calibration_error(found, norm, debiased=debiased) for found in bins]
    return _average(np.array(errors), bins, average)


def _check(y_true, y_prob, average, sample_weight):
    """Check what the metrics in bins are given."""
    if average == "samples":
        raise ValueError(
            "average must be 'macro', 'micro', 'weighted' or None: the labels of one "
            "row are too few to be counted in bins. Got 'samples'."
        )
    check_average(average, [name for name in AVERAGES if name != "samples"])
    entries = check_targets(y_true, keep_sparse=True)
    scores = check_probabilities(y_prob, y_true, entries)
    entries, scores, weights = weigh_rows(sample_weight, entries, scores)
    warn_if_nothing_is_known(entries.count_known(axis=0))
    return entries, scores, weights


def check_probabilities(y_prob, y_true, entries):
    """Check probabilities.

    Parameters
    ----------
    y_prob : {array-like, DataFrame} of shape (n_samples, n_labels)
        Probabilities.
    y_true : object
        The targets as they were given, for their column names.
    entries : Entries or StoredEntries
        The checked targets.

    Returns
    -------
    ndarray of shape (n_samples, n_labels), dtype=float32 or float64
        The probabilities.

    Raises
    ------
    ValueError
        If one lies outside [0, 1], or for what `check_scores` raises.
    """
    scores = check_scores(y_prob, y_true, entries, "y_prob")
    for rows in row_blocks(*scores.shape):
        wrong = (scores[rows] < 0) | (scores[rows] > 1)
        if not wrong.any():
            continue
        row, column = np.argwhere(wrong)[0]
        row += rows.start
        raise ValueError(
            "y_prob must hold probabilities in [0, 1]. Got "
            f"{scores[row, column]:.4g} (row {row}, column {column}). "
            "MultiLabelCalibrator makes probabilities of decision values."
        )
    return scores


def _edge(y_prob, scores):
    """Machine epsilon of probabilities, in the type they came in.

    A float32 of 1 is less sure than a float64, and a float16 less than that; a label
    in the place of a probability is wholly sure, whatever holds it.
    """
    given = getattr(y_prob, "dtype", None)
    if not isinstance(given, np.dtype):  # a table, a list, a tensor
        given = as_array(y_prob, "y_prob").dtype
    if given.kind != "f":
        return np.finfo(np.float64 if given.kind in "biu" else scores.dtype).eps
    return np.finfo(np.float16 if given.itemsize == 2 else scores.dtype).eps


def _average(values, bins, average):
    """Average values of labels, each with its bins."""
    if average == "micro":
        return float(values[0])
    if average is None:
        return values
    positives = np.array([found.weight @ found.positive for found in bins])
    return mean_of_defined(values, positives if average == "weighted" else None)


def log_losses(positive, scores, edge):
    """Log loss of every entry.

    Parameters
    ----------
    positive : ndarray of shape (n_samples, n_labels), dtype=bool
        Where the label is there.
    scores : ndarray of shape (n_samples, n_labels)
        Probabilities.
    edge : float
        What a probability of 0 is taken for.

    Returns
    -------
    ndarray of shape (n_samples, n_labels), dtype=float64
        The losses.
    """
    right = np.where(positive, scores, 1 - scores).astype(np.float64)
    return -np.log(np.clip(right, edge, 1 - edge))


def square_errors(positive, scores):
    """Squared error of every entry.

    Parameters
    ----------
    positive, scores
        As of `log_losses`.

    Returns
    -------
    ndarray of shape (n_samples, n_labels), dtype=float64
        The errors.
    """
    return (scores.astype(np.float64) - positive) ** 2


def entry_losses(losses, y_prob, scores):
    """Give a loss of entries what it needs to know of the probabilities.

    Parameters
    ----------
    losses : callable
        `log_losses` or `square_errors`.
    y_prob : {array-like, DataFrame} of shape (n_samples, n_labels)
        Probabilities as they were given.
    scores : ndarray of shape (n_samples, n_labels)
        The same, checked.

    Returns
    -------
    callable
        Takes `positive` and `scores`, of all rows or of some.
    """
    if losses is not log_losses:
        return losses
    return functools.partial(losses, edge=_edge(y_prob, scores))


def _mean_of_entries(y_true, y_prob, losses, average, sample_weight):
    """Average a loss of entries over the known ones."""
    check_average(average)
    entries = check_targets(y_true, keep_sparse=True)
    scores = check_probabilities(y_prob, y_true, entries)
    losses = entry_losses(losses, y_prob, scores)
    entries, scores, weights = weigh_rows(sample_weight, entries, scores)
    warn_if_nothing_is_known(entries.count_known(axis=0))
    by_row = np.full(len(scores), np.nan)
    above, below, positives = np.zeros((3, scores.shape[1]))
    for rows in row_blocks(*scores.shape):
        positive, known, _ = entries.rows(rows)
        known = np.ones(positive.shape, dtype=bool) if known is None else known
        values = np.where(known, losses(positive, scores[rows]), 0.0)
        count = known.sum(axis=1)
        own = values.sum(axis=1)
        np.divide(own, count, out=by_row[rows], where=count > 0)
        weight = np.ones(len(values)) if weights is None else weights[rows]
        above += weight @ values
        below += weight @ known
        positives += weight @ positive
    if average == "samples":
        return mean_of_defined(by_row, weights)
    if average == "micro":
        above, below = above.sum(keepdims=True), below.sum(keepdims=True)
    labels = np.full(len(above), np.nan)
    np.divide(above, below, out=labels, where=below > 0)
    if average is None:
        return labels
    return mean_of_defined(labels, positives if average == "weighted" else None)
