"""Error bars: what a metric might have been on other rows of the same kind."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from sklearn_clip._shared import TargetsLike
from sklearn_clip.metrics._interval_results import BootstrapInterval, Comparison
from sklearn_clip.metrics._resampling import (
    Drawing,
    Method,
    check_count,
    check_metric,
    check_resampling,
    find_limits,
    warn_of_undefined,
)


def bootstrap_interval(
    metric: Callable[..., Any],
    y_true: TargetsLike,
    y_score: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    confidence_level: float = 0.95,
    n_resamples: int = 1000,
    method: Method = "bca",
    random_state: Any = None,
    **kwargs: Any,
) -> BootstrapInterval:
    """Compute the bootstrap interval of a metric.

    Rows are drawn with replacement, as many as there are, again and again; the spread
    of the metric over the resamples is about what it would be over other test sets of
    this size. Metrics of this module, but for :func:`brier_score_parts`, are computed
    from how often each row occurs, which takes a fraction of the time of as many
    evaluations.

    Parameters
    ----------
    metric : callable
        Called as ``metric(y_true, y_score, **kwargs)``: one of this module, or any
        other, which gives a number or one for each label. Another one that takes
        `sample_weight` is given the number of times each row occurs.
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    y_score : {array-like, DataFrame} of shape (n_samples, n_labels)
        Scores, or predicted labels, as the metric takes them.
    groups : array-like of shape (n_samples,) or None, default=None
        Rows of one group (copies, photographs of one product, one person's) are drawn
        together: an interval from single rows would be too narrow. None draws rows.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.
    confidence_level : float, default=0.95
        In (0, 1).
    n_resamples : int, default=1000
        At least 10.
    method : {"bca", "percentile"}, default="bca"
        ``"bca"`` corrects the quantiles of the resamples for bias and skewness, and
        gives no interval where the bias is beyond that.
    random_state : int, RandomState instance or None, default=None
        What is drawn.
    **kwargs : dict
        Keyword arguments of the metric.

    Returns
    -------
    BootstrapInterval
        Estimate, ends and standard error; arrays where the metric gives one number for
        each label.

    Raises
    ------
    ValueError
        If there are fewer than two rows (groups), a parameter is out of its range, or
        the metric refuses what it is given, gives no number, or takes no
        `sample_weight` where there is one.
    TypeError
        If `metric` is no function, or a scorer.

    See Also
    --------
    compare : The difference of two classifiers.

    Notes
    -----
    A resample without a positive of some label leaves the label out of a macro mean,
    as the metric itself does; the labels that `min_support` keeps are those of the rows
    given. The acceleration of BCa [1]_ is found by leaving out each row (group), or
    each of 200 parts of them.

    Rows that occur twice make some metrics worse, or better, than they are, such as
    `expected_calibration_error` of few rows in a bin, or the mean average precision of
    many labels. Where five of six resamples are on one side of the estimate, BCa would
    put both ends beside it: there the ends are quantiles of the resamples moved to the
    estimate as a whole, which tell its spread and say nothing of its bias.

    An interval speaks of the rows alone: not of another training set or seed.

    References
    ----------
    .. [1] B. Efron, "Better bootstrap confidence intervals", Journal of the American
       Statistical Association 82, 1987. :doi:`10.1080/01621459.1987.10478410`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.metrics import bootstrap_interval
    >>> from sklearn_clip.metrics import macro_average_precision_score
    >>> rng = np.random.default_rng(0)
    >>> Y = rng.random((200, 3)) < 0.3
    >>> P = rng.random((200, 3)) + Y / 2
    >>> found = bootstrap_interval(macro_average_precision_score, Y, P, random_state=0)
    >>> bool(found.low < found.estimate < found.high)
    True
    """
    check_resampling(n_resamples, confidence_level, method)
    check_metric(metric, weighted=sample_weight is not None)
    drawing = Drawing(y_true, groups, sample_weight, check_random_state(random_state))
    estimate = _call(metric, y_true, y_score, sample_weight, kwargs)
    counted = drawing.prepare(metric, y_score, kwargs=kwargs)
    drawn = np.concatenate([counted(block) for block in drawing.draw(n_resamples)])
    left_out = None
    if method == "bca":
        left_out = np.concatenate([counted(block) for block in drawing.leave_out()])
    names = drawing.names_of(estimate, kwargs)
    low, high = _limits(estimate, drawn, left_out, confidence_level, names)
    return BootstrapInterval(
        estimate,
        low,
        high,
        _plain(_spread(_table(drawn)), estimate),
        confidence_level,
        names,
        drawn,
    )


def compare(
    metric: Callable[..., Any],
    y_true: TargetsLike,
    score_a: ArrayLike,
    score_b: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    confidence_level: float = 0.95,
    n_resamples: int = 1000,
    n_permutations: int = 1000,
    method: Method = "bca",
    random_state: Any = None,
    **kwargs: Any,
) -> Comparison:
    """Compare two classifiers on the same rows.

    Parameters
    ----------
    metric : callable
        As in :func:`bootstrap_interval`.
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    score_a, score_b : {array-like, DataFrame} of shape (n_samples, n_labels)
        Scores, or predicted labels, of the two.
    groups : array-like of shape (n_samples,) or None, default=None
        Rows of one group are drawn, and exchanged, together.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Row weights of at least 0.
    confidence_level : float, default=0.95
        In (0, 1).
    n_resamples, n_permutations : int, default=1000
        At least 10. The least p-value is ``1 / (n_permutations + 1)``.
    method : {"bca", "percentile"}, default="bca"
        As in :func:`bootstrap_interval`.
    random_state : int, RandomState instance or None, default=None
        What is drawn.
    **kwargs : dict
        Keyword arguments of the metric.

    Returns
    -------
    Comparison
        Both metrics, their difference with its interval, and the p-value.

    Raises
    ------
    ValueError, TypeError
        As in :func:`bootstrap_interval`.

    Notes
    -----
    Both are judged on the same resamples, so that what makes rows hard for either of
    them cancels out. For the p-value the two exchange their scores of a row (group)
    with probability 1/2 [1]_. Average precision, which looks at nothing but the order,
    is given ranks in the place of scores there, as the scales of two classifiers may
    differ. p-values of many labels are not corrected for their number.

    References
    ----------
    .. [1] M. D. Smucker, J. Allan, B. Carterette, "A comparison of statistical
       significance tests for information retrieval evaluation", CIKM 2007.
       :doi:`10.1145/1321440.1321528`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip.metrics import compare, global_average_precision_score
    >>> rng = np.random.default_rng(0)
    >>> Y = rng.random((200, 3)) < 0.3
    >>> good, poor = rng.random((200, 3)) + Y, rng.random((200, 3)) + Y / 4
    >>> found = compare(
    ...     global_average_precision_score, Y, good, poor, random_state=0
    ... )
    >>> bool(found.low > 0), found.p_value < 0.01
    (True, True)
    """
    check_resampling(n_resamples, confidence_level, method)
    check_count("n_permutations", n_permutations)
    check_metric(metric, weighted=sample_weight is not None)
    drawing = Drawing(y_true, groups, sample_weight, check_random_state(random_state))
    a, b = (
        _call(metric, y_true, score, sample_weight, kwargs)
        for score in (score_a, score_b)
    )
    counted_a = drawing.prepare(metric, score_a, kwargs=kwargs)
    counted_b = drawing.prepare(metric, score_b, kwargs=kwargs)

    def differ(blocks):
        return np.concatenate([counted_a(block) - counted_b(block) for block in blocks])

    difference = a - b
    drawn = differ(drawing.draw(n_resamples))
    left_out = differ(drawing.leave_out()) if method == "bca" else None
    names = drawing.names_of(difference, kwargs)
    low, high = _limits(difference, drawn, left_out, confidence_level, names)
    both = drawing.prepare(metric, score_a, score_b, kwargs=kwargs)
    swapped = np.concatenate(
        [
            both(taken) - both(np.roll(taken, drawing.n_units, axis=0))
            for taken in drawing.swap(n_permutations)
        ]
    )
    return Comparison(
        a,
        b,
        difference,
        low,
        high,
        _plain(_p_values(_table(swapped), np.atleast_1d(difference)), difference),
        confidence_level,
        names,
        drawn,
    )


def _call(metric, y_true, y_score, sample_weight, kwargs):
    """Compute the metric on the rows given, with its own checks and warnings."""
    if sample_weight is not None:
        kwargs = kwargs | {"sample_weight": sample_weight}
    found = metric(y_true, y_score, **kwargs)
    try:
        value = None if found is None else np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        value = None
    if value is None or value.ndim > 1:
        got = f"{found!r:.80}" if value is None else f"an array of shape {value.shape}"
        raise ValueError(
            f"metric must give a number, or one for each label. Got {got}."
        )
    return value if value.ndim else float(value)


def _limits(estimate, drawn, left_out, confidence_level, names):
    """Find the ends of the interval, in the shape of the estimate."""
    values = np.atleast_1d(estimate)
    names = names or list(range(len(values)))
    warn_of_undefined(_table(drawn), values, names)
    left_out = None if left_out is None else _table(left_out)
    ends = find_limits(values, _table(drawn), left_out, confidence_level)
    return [_plain(end, estimate) for end in ends]


def _p_values(swapped, observed):
    """Share of differences that are no smaller, the observed one among them."""
    # What rounds otherwise is no larger difference.
    reach = np.abs(observed) * (1 - 1e-9) - 1e-12
    larger = (np.abs(swapped) >= reach).sum(axis=0)
    defined = (~np.isnan(swapped)).sum(axis=0)
    return np.where(np.isnan(observed), np.nan, (larger + 1) / (defined + 1))


def _table(values):
    return values if values.ndim == 2 else values[:, None]


def _spread(drawn):
    """Compute the standard deviation of each column over what is defined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a column without any
        return np.nanstd(drawn, axis=0, ddof=1)


def _plain(values, like):
    """Bring values to the shape of the estimate: a float where that is one."""
    return values if np.ndim(like) else float(values[0])
