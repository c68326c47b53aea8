"""Rows drawn anew: what they are drawn by, how often each occurs, and what follows."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Literal, TypeAlias

import numpy as np
from scipy import sparse
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from sklearn_clip._shared import (
    _check_sample_weight,
    as_array,
    column_names,
    group_numbers,
    warn_user,
)
from sklearn_clip.metrics._entries import check_targets
from sklearn_clip.metrics._occurrences import (
    Rows,
    counted_metric,
    is_by_rank,
    ranks_all_together,
    takes_weights,
)
from sklearn_clip.metrics._scorers import MultiLabelScorer

Method: TypeAlias = Literal["bca", "percentile"]
# Resamples counted at a time: of 10,000 rows in 16 bits they fit into a cache.
_BLOCK = 64
# The acceleration of BCa is found from this many parts of the rows, at most.
_MOST_PARTS = 200
# Beyond this z0 five of six resamples are on one side of the estimate, and the ends of
# BCa close in on the few others.
_MOST_BIAS = 1.0


class Drawing:
    """The units that are drawn with replacement, and the metrics of what is drawn.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        Targets.
    groups : array-like of shape (n_samples,) or None
        Rows of one group are drawn together; None draws rows.
    sample_weight : array-like of shape (n_samples,) or None
        Row weights.
    rng : numpy.random.RandomState
        Draws.

    Raises
    ------
    ValueError
        If there are fewer than two units, or weights are negative or of other rows.
    """

    def __init__(self, y_true, groups, sample_weight, rng):
        self.y_true = y_true
        self._given = check_targets(y_true)
        n_rows = len(self._given.positive)
        self._weights = sample_weight
        if sample_weight is not None:
            # Not every metric looks at them, and none at those of rows left out.
            self._weights = _check_sample_weight(
                sample_weight,
                self._given.positive,
                dtype=np.float64,
                ensure_non_negative=True,
            )
        if groups is None:
            self._unit, self.n_units, what = np.arange(n_rows), n_rows, "rows"
        else:
            self._unit, self.n_units = group_numbers(groups, n_rows)
            what = "groups"
        # Of the generator that draws whole numbers of few bits fastest.
        self._rng = np.random.default_rng(rng.randint(1 << 31, size=4))
        if self.n_units < 2:
            raise ValueError(
                f"y_true must have at least two {what} to draw from. "
                f"Got {self.n_units}."
            )

    def prepare(self, metric, *responses, kwargs):
        """Prepare a metric of one response, or of several below each other.

        Parameters
        ----------
        metric : callable
            The metric.
        *responses : array-like of shape (n_samples, n_labels)
            Scores or labels. The units of the second one are counted on from those of
            the first.
        kwargs : dict
            Keyword arguments of the metric.

        Returns
        -------
        callable
            Takes counts of shape (n_responses * n_units, n_resamples).
        """
        n = len(responses)
        entries = self._given
        names = entries.names or column_names(responses[0])
        entries = entries._replace(names=names)
        if n > 1:
            known = None if entries.known is None else np.tile(entries.known, (n, 1))
            entries = entries._replace(
                positive=np.tile(entries.positive, (n, 1)), known=known
            )
        # Sparse ones, tables and lists alike: rows are taken, and lie below each other.
        tables = [_dense(response) for response in responses]
        if n > 1 and is_by_rank(metric):
            counted = self._counted(tables[0].shape)
            tables = [_rank(table, metric, counted) for table in tables]
        response = np.vstack(tables)
        unit = np.concatenate([self._unit + i * self.n_units for i in range(n)])
        weights = self._weights
        if weights is not None:
            weights = np.tile(weights, n)
            counts = weights > 0
            entries = entries._replace(
                positive=entries.positive[counts],
                known=None if entries.known is None else entries.known[counts],
            )
            response, unit = response[counts], unit[counts]
            weights = weights[counts]
        rows = Rows(entries, response, unit, n * self.n_units, weights)
        return counted_metric(metric, rows, kwargs)

    def _counted(self, shape):
        """Entries that a metric looks at: known ones, of rows that weigh something."""
        counted = np.ones(shape, dtype=bool)
        if self._given.known is not None:
            counted &= self._given.known
        if self._weights is not None:
            counted &= (self._weights > 0)[:, None]
        return counted

    def names_of(self, estimate, kwargs):
        """Names of estimates.

        Parameters
        ----------
        estimate : float or ndarray of shape (n_values,)
            What a metric gives.
        kwargs : dict
            Keyword arguments of the metric.

        Returns
        -------
        list or None
            Names of the labels, by number where they have none; None for one number,
            and for numbers that are not one for each label in their order.
        """
        n_labels = self._given.positive.shape[1]
        # scikit-learn's `labels` chooses some of them, in an order of its own.
        if np.shape(estimate) != (n_labels,) or kwargs.get("labels") is not None:
            return None
        return list(self._given.names or range(n_labels))

    def draw(self, n_resamples):
        """Draw with replacement.

        Parameters
        ----------
        n_resamples : int
            How often.

        Yields
        ------
        ndarray of shape (n_units, n_block), dtype=int64
            How often each unit occurs in each of some resamples.
        """
        for start in range(0, n_resamples, _BLOCK):
            n = min(_BLOCK, n_resamples - start)
            shape = n, self.n_units
            cells = self._rng.integers(self.n_units, size=shape, dtype=np.int32) * n
            cells += np.arange(n)[:, None]
            counts = np.bincount(cells.ravel(), minlength=self.n_units * n)
            yield counts.reshape(self.n_units, n)

    def swap(self, n_permutations):
        """Draw which units exchange their two responses.

        Parameters
        ----------
        n_permutations : int
            How often.

        Yields
        ------
        ndarray of shape (2 * n_units, n_block), dtype=int64
            1 where the first response of a unit, and below where its second one, is
            taken.
        """
        for start in range(0, n_permutations, _BLOCK):
            n = min(_BLOCK, n_permutations - start)
            own = self._rng.integers(2, size=(n, self.n_units)).T
            yield np.concatenate([own, 1 - own])

    def leave_out(self):
        """Leave out one part of the units after the other.

        Yields
        ------
        ndarray of shape (n_units, n_block), dtype=int64
            0 for the units of one part, 1 for the others.
        """
        n_parts = min(self.n_units, _MOST_PARTS)
        part = self._rng.permutation(self.n_units) % n_parts
        for start in range(0, n_parts, _BLOCK):
            several = np.arange(start, min(start + _BLOCK, n_parts))
            yield (part[:, None] != several).astype(np.int64)


def _dense(response):
    """Make an array of scores or labels."""
    if sparse.issparse(response):
        return response.toarray()
    return as_array(response, "y_score")


def _rank(scores, metric, counted):
    """Give scores their ranks, among all that count or those of the same label."""
    axis = None if ranks_all_together(metric) else 0
    scores = np.where(counted, scores, np.nan)
    ranks = rankdata(scores, axis=axis, nan_policy="omit").reshape(scores.shape)
    return np.where(counted, ranks, 0.0)


def check_resampling(n_resamples, confidence_level, method):
    """Check what says how rows are drawn.

    Parameters
    ----------
    n_resamples, confidence_level, method : object
        Parameters of `bootstrap_interval`.

    Raises
    ------
    ValueError
        If one of them is out of its range.
    """
    check_count("n_resamples", n_resamples)
    real = isinstance(confidence_level, Real) and not isinstance(confidence_level, bool)
    if not real or not 0 < confidence_level < 1:
        raise ValueError(
            f"confidence_level must be between 0 and 1. Got {confidence_level!r}."
        )
    if method not in ("bca", "percentile"):
        raise ValueError(f"method must be 'bca' or 'percentile'. Got {method!r}.")


def check_metric(metric, *, weighted):
    """Check that a metric can be called with rows, and with their weights.

    Parameters
    ----------
    metric : object
        What was given.
    weighted : bool
        Whether there are row weights.

    Raises
    ------
    TypeError
        If it is no function, or a scorer.
    ValueError
        If there are weights, and it takes none.
    """
    # Those of scikit-learn have no public class; all keep what they call.
    scorer = isinstance(metric, MultiLabelScorer) or hasattr(metric, "_score_func")
    if not callable(metric) or scorer:
        hint = " A scorer calls a classifier: give the metric it is made of."
        raise TypeError(
            "metric must be a function of y_true and y_score, such as "
            f"masked_f1_score. Got {metric!r:.80}.{hint if scorer else ''}"
        )
    if weighted and not takes_weights(metric):
        raise ValueError(
            "sample_weight must go with a metric that takes it. Got "
            f"{getattr(metric, '__name__', metric)!r}, which has no such parameter."
        )


def check_count(name, value):
    """Check a number of resamples.

    Parameters
    ----------
    name : str
        Name of the parameter.
    value : object
        What was given.

    Raises
    ------
    ValueError
        If it is no integer of at least 10.
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
    if not whole or value < 10:
        raise ValueError(f"{name} must be an integer of at least 10. Got {value!r}.")


def find_limits(estimate, drawn, left_out, confidence_level):
    """Find the ends of bootstrap intervals.

    Parameters
    ----------
    estimate : ndarray of shape (n_values,)
        On the rows given.
    drawn : ndarray of shape (n_resamples, n_values)
        On the resamples; NaN where it is not defined.
    left_out : ndarray of shape (n_parts, n_values) or None
        With one part of the rows left out each, for BCa; None takes percentiles.
    confidence_level : float
        In (0, 1).

    Returns
    -------
    low, high : ndarray of shape (n_values,)
        The ends; NaN where fewer than half of the resamples define the value. Where
        most of them are on one side of it they are moved to it, in place of BCa.
    """
    low, high = np.full((2, len(estimate)), np.nan)
    tail = (1 - confidence_level) / 2
    levels = np.array([tail, 1 - tail])
    for i, value in enumerate(estimate):
        values = drawn[:, i][~np.isnan(drawn[:, i])]
        if np.isnan(value) or 2 * len(values) < len(drawn):
            continue
        z0 = _bias(value, values)
        if left_out is None:
            low[i], high[i] = np.quantile(values, levels)
        elif abs(z0) <= _MOST_BIAS:
            own = _shift_levels(z0, left_out[:, i], levels)
            low[i], high[i] = np.quantile(values, own)
        else:
            ends = value + np.quantile(values, levels) - values.mean()
            if values.min() >= 0 and values.max() <= 1:
                ends = np.clip(ends, 0, 1)
            low[i], high[i] = ends
    return low, high


def _bias(value, values):
    """Find z0 of BCa: the normal quantile of the share of resamples below."""
    n = len(values)
    below = (np.count_nonzero(values < value) + np.count_nonzero(values <= value)) / 2
    return ndtri(np.clip(below / n, 0.5 / n, 1 - 0.5 / n))


def _shift_levels(z0, left_out, levels):
    """Quantiles of BCa: corrected for bias and for a spread that follows the value.

    Efron (1987): Phi(z0 + (z0 + z) / (1 - a (z0 + z))) in the place of Phi(z), with z0
    from the share of resamples below the estimate, and a, the acceleration, a sixth of
    the skewness of the jackknife values, sum d^3 / (6 (sum d^2)^(3/2)).
    """
    left_out = left_out[~np.isnan(left_out)]
    d = left_out.mean() - left_out if left_out.size else np.zeros(1)
    spread = np.sum(d**2)
    a = np.sum(d**3) / (6 * spread**1.5) if spread > 0 else 0.0
    z = z0 + ndtri(levels)
    return ndtr(z0 + z / np.maximum(1 - a * z, 1e-3))


def warn_of_undefined(drawn, estimate, names):
    """Warn of values that too few resamples define.

    Parameters
    ----------
    drawn : ndarray of shape (n_resamples, n_values)
        On the resamples.
    estimate : ndarray of shape (n_values,)
        On the rows given.
    names : list of str
        What each value is of.
    """
    rare = 2 * np.isnan(drawn).sum(axis=0) > len(drawn)
    lost = np.flatnonzero(rare & ~np.isnan(estimate))
    if len(lost):
        warn_user(
            f"The metric is not defined on more than half of the resamples for "
            f"{len(lost)} of {len(names)} labels ({names[lost[0]]!r} ...), which get "
            "no interval: they have too few positives."
        )
