"""Metrics as functions of how often each row occurs.

A resample of rows is the number of times each of them occurs in it. What a metric needs
of the rows is sorted and summed once; a thousand resamples are then products of these
sums with their counts, and no row is copied.
"""

from __future__ import annotations

import functools
import inspect
import warnings

import numpy as np
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_clip.metrics._calibration import (
    entry_losses,
    expected_calibration_error,
    log_losses,
    masked_brier_score,
    masked_log_loss,
    square_errors,
)
from sklearn_clip.metrics._counted_bins import BinnedError
from sklearn_clip.metrics._counted_means import (
    MeanOfRows,
    ShareOfBest,
    all_right,
    bind,
    mean_of_losses,
    ratio_by_row,
    wrong_share,
)
from sklearn_clip.metrics._counts import Counts, average_counts
from sklearn_clip.metrics._entries import check_predictions, check_scores
from sklearn_clip.metrics._first_k import (
    discount_places,
    discounted_gains,
    gains_and_best,
    label_gains,
    ndcg_at_k_score,
    precision_at_k_score,
    precisions,
    propensity_scored_ndcg_at_k_score,
    propensity_scored_precision_at_k_score,
)
from sklearn_clip.metrics._masked import (
    masked_f1_score,
    masked_fbeta_score,
    masked_hamming_loss,
    masked_jaccard_score,
    masked_precision_score,
    masked_recall_score,
    masked_subset_accuracy_score,
)
from sklearn_clip.metrics._ranking import (
    average_precision_per_label,
    global_average_precision_score,
    macro_average_precision_score,
)
from sklearn_clip.metrics._sorted_scores import top_k

_RATIOS = {
    masked_f1_score: "fbeta",
    masked_fbeta_score: "fbeta",
    masked_jaccard_score: "jaccard",
    masked_precision_score: "precision",
    masked_recall_score: "recall",
}
_MEANS = {masked_hamming_loss: wrong_share, masked_subset_accuracy_score: all_right}
_LOSSES = {masked_log_loss: log_losses, masked_brier_score: square_errors}
_AT_K = {
    precision_at_k_score: (precisions, None),
    ndcg_at_k_score: (discounted_gains, None),
    propensity_scored_precision_at_k_score: (gains_and_best, np.ones_like),
    propensity_scored_ndcg_at_k_score: (gains_and_best, discount_places),
}
_BY_RANK = (
    average_precision_per_label,
    global_average_precision_score,
    macro_average_precision_score,
)
# Steps of a ranking at a time: with a block of resamples they fit into the caches.
_STEPS = 1024


def as_numbers(entries):
    """Make targets numbers again.

    Parameters
    ----------
    entries : Entries
        Checked targets.

    Returns
    -------
    ndarray of shape (n_samples, n_labels)
        0 and 1, and NaN where they are unknown.
    """
    if entries.known is None:
        return entries.positive.astype(np.int64)
    return np.where(entries.known, entries.positive, np.nan)


def is_by_rank(metric):
    """Whether only the order of scores matters to a metric.

    Parameters
    ----------
    metric : callable
        The metric.

    Returns
    -------
    bool
        True for the average precisions.
    """
    return metric in _BY_RANK


def ranks_all_together(metric):
    """Whether a metric ranks the scores of all labels together.

    Parameters
    ----------
    metric : callable
        The metric.

    Returns
    -------
    bool
        True for GAP.
    """
    return metric is global_average_precision_score


class Rows:
    """The rows that a metric judges, and the units in which they are drawn.

    Parameters
    ----------
    entries : Entries
        Checked targets.
    response : array-like of shape (n_samples, n_labels)
        Scores or labels, as the metric takes them.
    unit : ndarray of shape (n_samples,), dtype=int64
        The unit of each row, from 0 on: rows of one unit occur together.
    n_units : int
        Number of units, some of which may have no row.
    weights : ndarray of shape (n_samples,) or None, default=None
        Row weights.
    """

    def __init__(self, entries, response, unit, n_units, weights=None):
        self.entries = entries
        self.response = response
        self.unit = unit
        self.n_units = n_units
        self.weights = weights

    def sum_by_unit(self, values):
        """Sum (weighted) values of rows over the rows of each unit.

        Parameters
        ----------
        values : ndarray of shape (n_samples, n_columns)
            The values.

        Returns
        -------
        ndarray of shape (n_units, n_columns), dtype=float64
            The sums.
        """
        weights = np.ones(len(self.unit)) if self.weights is None else self.weights
        rows = np.arange(len(self.unit) + 1)
        # One entry a row: the transpose sums the rows of each unit.
        by_unit = sparse.csr_matrix(
            (weights, self.unit, rows), shape=(len(self.unit), self.n_units)
        ).T.tocsr()
        return np.asarray(by_unit @ values.astype(np.float64))


def counted_metric(metric, rows, kwargs):
    """Prepare a metric for resamples.

    Parameters
    ----------
    metric : callable
        Called as ``metric(y_true, response, **kwargs)``.
    rows : Rows
        The rows.
    kwargs : dict
        Keyword arguments of the metric.

    Returns
    -------
    callable
        Takes counts of shape (n_units, n_resamples), returns the metric of each
        resample, an ndarray of shape (n_resamples,) or (n_resamples, n_labels); NaN
        where it is not defined.
    """
    if metric in _BY_RANK:
        return _AveragePrecision(metric, rows, kwargs)
    if metric in _LOSSES:
        average = bind(metric, kwargs)["average"]
        return mean_of_losses(rows, _losses(metric, rows), average)
    if metric is expected_calibration_error:
        return _binned(metric, rows, kwargs)
    if metric in _AT_K:
        return _first_k(metric, rows, kwargs)
    if metric in _RATIOS or metric in _MEANS:
        return _of_predictions(metric, rows, kwargs)
    return functools.partial(_copy_rows, metric, rows, kwargs)


def _losses(metric, rows):
    """Losses of entries, 0 where they are unknown."""
    entries, response = rows.entries, rows.response
    scores = check_scores(response, entries.positive, entries)
    losses = entry_losses(_LOSSES[metric], response, scores)(entries.positive, scores)
    return losses if entries.known is None else np.where(entries.known, losses, 0.0)


def _binned(metric, rows, kwargs):
    """Prepare the calibration error."""
    scores = check_scores(rows.response, rows.entries.positive, rows.entries)
    return BinnedError(rows, scores, bind(metric, kwargs))


def _first_k(metric, rows, kwargs):
    """Prepare a metric of the first labels of each row."""
    entries, k = rows.entries, kwargs["k"]
    scores = check_scores(rows.response, entries.positive, entries)
    by_row, discount = _AT_K[metric]
    if discount is None:
        return MeanOfRows(rows, *by_row(entries, scores, k), most=1.0)
    gain = label_gains(kwargs["propensity"], entries.names, scores.shape[1])
    return ShareOfBest(rows, *by_row(entries, scores, gain, k, discount))


def _of_predictions(metric, rows, kwargs):
    """Prepare a metric of predicted labels."""
    entries, arguments = rows.entries, bind(metric, kwargs)
    if metric in _RATIOS and arguments["average"] != "samples":
        return _RatioOfCounts(rows, _RATIOS[metric], arguments)
    predicted = check_predictions(rows.response, entries.positive, entries)
    if metric in _MEANS:
        return MeanOfRows(rows, *_MEANS[metric](entries, predicted))
    return MeanOfRows(
        rows, *ratio_by_row(entries, predicted, _RATIOS[metric], arguments)
    )


def takes_weights(metric):
    """Tell whether a metric takes `sample_weight`.

    Parameters
    ----------
    metric : callable
        The metric.

    Returns
    -------
    bool
        Whether it has such a parameter; False also for one that does not say.
    """
    try:
        return "sample_weight" in inspect.signature(metric).parameters
    except (TypeError, ValueError):  # of some that are written in C
        return False


class _Steps:
    """Where the precision of a ranking counts, and the units in between.

    Average precision adds precision at every distinct score that a positive has. Step j
    is the stretch of the ranking from behind the last such score down to the j-th.

    Parameters
    ----------
    scores, positive, unit : ndarray of shape (n_entries,)
        What is ranked; at least one entry is positive.
    weights : ndarray of shape (n_entries,) or None
        What each entry weighs.
    n_units : int
        Number of units.
    """

    def __init__(self, scores, positive, unit, weights, n_units):
        order = np.argsort(-scores)
        ranked, hit = scores[order], positive[order]
        # The last entry of each run of equal scores, which share one precision.
        last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
        hits = np.cumsum(hit)[last]
        steps = np.diff(hits, prepend=0) > 0
        ends = last[steps] + 1
        # What ranks below the last positive changes nothing.
        order = order[: ends[-1]]
        seen = _StepSums(order, ends, unit, weights, n_units)
        found = _StepSums(order[hit[: ends[-1]]], hits[steps], unit, weights, n_units)
        self.parts = list(zip(seen.parts, found.parts, strict=True))
        self.longest = seen.longest


class _StepSums:
    """Matrices, some steps by units each, of what weighs how much in which step."""

    def __init__(self, order, ends, unit, weights, n_units):
        starts = np.concatenate([[0], ends[:-1]])
        self.longest = int((ends - starts).max())
        self.parts = []
        for first in range(0, len(ends), _STEPS):
            own = ends[first : first + _STEPS]
            begin = starts[first]
            entries = order[begin : own[-1]]
            data = np.ones(len(entries)) if weights is None else weights[entries]
            rows = np.concatenate([[0], own - begin])
            shape = len(own), n_units
            matrix = sparse.csr_matrix((data, unit[entries], rows), shape=shape)
            self.parts.append(matrix)


class _AveragePrecision:
    """Average precision: of each label, their mean, or of all entries pooled."""

    def __init__(self, metric, rows, kwargs):
        entries = rows.entries
        scores = check_scores(rows.response, entries.positive, entries)
        positive = entries.positive
        known = np.ones_like(positive) if entries.known is None else entries.known
        arguments = bind(metric, kwargs)
        self._pooled = metric is global_average_precision_score
        self._macro = metric is macro_average_precision_score
        if self._pooled:
            k = arguments["k"]
            if k is not None and k < scores.shape[1]:
                known = top_k(scores, entries.known, k)
            # Positives beyond the k-th place were never found, and count in the total.
            total = rows.sum_by_unit(positive.sum(axis=1, keepdims=True))
            number = np.count_nonzero(known, axis=1)
            columns = [(scores[known], positive[known], number)]
        else:
            total = rows.sum_by_unit(positive)
            columns = (
                (scores[own, label], positive[own, label], own.astype(np.intp))
                for label, own in enumerate(known.T)
            )
        self._total = sparse.csr_matrix(total.T)
        support = np.count_nonzero(positive, axis=0)
        self._counted = support >= arguments.get("min_support", 1)
        self._steps = {}
        for label, (ranked, hit, number) in enumerate(columns):
            if hit.any():
                unit, weights = rows.unit, rows.weights
                weights = None if weights is None else np.repeat(weights, number)
                unit = np.repeat(unit, number)
                steps = _Steps(ranked, hit, unit, weights, rows.n_units)
                self._steps[label] = steps
        self._is_weighted = rows.weights is not None
        parts = [seen for s in self._steps.values() for seen, _ in s.parts]
        self._largest = max((part.nnz for part in parts), default=0)
        self._kind = None

    def __call__(self, counts):
        """Compute the metric of each resample."""
        total = (self._total @ counts.astype(np.float64)).T
        # Where there are positives, but none among the k largest, it is 0.
        values = np.where(total > 0, 0.0, np.nan)
        counts = self._cast(counts)
        for label, steps in self._steps.items():
            gained = _sum_precisions(steps.parts, counts)
            defined = total[:, label] > 0
            found = gained[defined] / total[defined, label]
            values[defined, label] = np.minimum(found, 1.0)  # sums of weights round
        if self._pooled:
            return values[:, 0]
        if not self._macro:
            return values
        values[:, ~self._counted] = np.nan
        return _mean_of_defined(values)

    def _cast(self, counts):
        """Bring counts, and the matrices, to the smallest type of their sums."""
        kind = np.float64
        if not self._is_weighted:
            # Of one step. The largest sum of a part has to fit into 32 bits, too.
            longest = max((steps.longest for steps in self._steps.values()), default=0)
            most = int(counts.max(initial=0))
            kind = np.int16 if longest * most < 1 << 15 else np.int32
            if self._largest * most >= 1 << 31:
                kind = np.float64
        if kind is not self._kind:
            for steps in self._steps.values():
                steps.parts = [
                    (seen.astype(kind), found.astype(kind))
                    for seen, found in steps.parts
                ]
            self._kind = kind
        return np.ascontiguousarray(counts, dtype=kind)


def _sum_precisions(parts, counts):
    """Sum over steps of (positives of the step) * tp / (tp + fp), for each resample.

    The steps go by in parts that stay in the caches, each turned to one resample a row,
    so that the sums along the ranking run through memory in order.
    """
    # Whole numbers are summed several times faster than others. A part has too few
    # entries to take them beyond 32 bits.
    kind = np.float64 if counts.dtype == np.float64 else np.int32
    gained = np.zeros(counts.shape[1])
    tp, ranked = np.zeros((2, counts.shape[1], 1))
    for seen, found in parts:
        hits = (found @ counts).T.astype(kind, order="C")
        entries = (seen @ counts).T.astype(kind, order="C")
        np.cumsum(entries, axis=1, dtype=kind, out=entries)
        below = np.add(entries, ranked)
        np.cumsum(hits, axis=1, dtype=kind, out=entries)
        behind = np.add(entries, tp)
        some_unseen = not ranked.all()
        tp, ranked = behind[:, -1:].copy(), below[:, -1:].copy()
        if some_unseen:
            # Where none of the entries so far occurs, 0 / 1 is added.
            below[below == 0] = 1
        behind /= below
        behind *= hits
        gained += behind.sum(axis=1)
    return gained


class _RatioOfCounts:
    """Precision, recall, F-beta or Jaccard of the counts of labels."""

    def __init__(self, rows, ratio, arguments):
        entries = rows.entries
        predicted = check_predictions(rows.response, entries.positive, entries)
        known = np.ones_like(predicted) if entries.known is None else entries.known
        positive, guess = entries.positive, predicted & known
        masks = positive & guess, guess & ~positive, positive & ~guess, known
        # Labels are mostly absent: what is counted is few of the entries.
        self._by_unit = [
            sparse.csr_matrix(rows.sum_by_unit(mask).T) for mask in masks[:3]
        ]
        self._known = rows.sum_by_unit(known)
        self._average = functools.partial(
            average_counts,
            metric=ratio,
            average=arguments["average"],
            beta=float(arguments.get("beta", 1.0)),
            zero_division=arguments["zero_division"],
        )

    def __call__(self, counts):
        """Compute the metric of each resample."""
        counts = counts.astype(np.float64)
        sums = [(table @ counts).T for table in self._by_unit]
        sums.append(counts.T @ self._known)
        return np.array([self._average(Counts(*s)) for s in zip(*sums, strict=True)])


def _copy_rows(metric, rows, kwargs, counts):
    """Compute any metric of each resample, by weights or by copies of the rows."""
    y, response = as_numbers(rows.entries), np.asarray(rows.response)
    weighted = takes_weights(metric)
    known = rows.entries.count_known(axis=1) > 0
    values, undefined = [], []
    for place, column in enumerate(counts.T):
        times = column[rows.unit]
        if not (times[known] > 0).any():
            # Of other rows many metrics raise. All of them stand in, for the shape.
            undefined.append(place)
            times = np.ones_like(times)
        if weighted:
            chosen = np.flatnonzero(times)
            weights = times[chosen].astype(np.float64)
            if rows.weights is not None:
                weights *= rows.weights[chosen]
            kwargs = kwargs | {"sample_weight": weights}
        else:
            chosen = np.repeat(np.arange(len(times)), times)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)
            values.append(metric(y[chosen], response[chosen], **kwargs))
    values = np.array(values, dtype=np.float64)
    values[undefined] = np.nan
    return values


def _mean_of_defined(values):
    """Mean of each row over what is not NaN; NaN where there is nothing."""
    defined = ~np.isnan(values)
    sums = np.where(defined, values, 0.0).sum(axis=1)
    number = defined.sum(axis=1)
    return np.divide(sums, number, out=np.full(len(sums), np.nan), where=number > 0)
