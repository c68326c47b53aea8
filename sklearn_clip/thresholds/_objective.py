"""What is maximised: a metric of the confusion counts, and how it is averaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_clip.thresholds._scored_rows import absent

MetricName: TypeAlias = Literal[
    "f1", "fbeta", "jaccard", "balanced_accuracy", "accuracy"
]
Metric: TypeAlias = MetricName | Callable[..., Any]
Average: TypeAlias = Literal["macro", "weighted", "micro", "samples"]
METRICS = get_args(MetricName)
AVERAGES = get_args(Average)


class Objective(NamedTuple):
    """A metric and its average.

    Attributes
    ----------
    metric : {"f1", "fbeta", "jaccard", "balanced_accuracy", "accuracy"} or callable
        The metric of one group of entries; a callable takes arrays (tp, fp, fn, tn).
    average : {"macro", "weighted", "micro", "samples"}
        What a group is: a label, all entries, or a row.
    beta : float
        Weight of recall in ``"fbeta"``.
    """

    metric: Metric = "f1"
    average: Average = "macro"
    beta: float = 1.0

    def values(
        self, tp: ArrayLike, fp: ArrayLike, positives: ArrayLike, negatives: ArrayLike
    ) -> NDArray[Any]:
        """Metric of groups of entries, with 0 / 0 = 0.

        Parameters
        ----------
        tp, fp, positives, negatives : array-like
            Weighted counts, of shapes that broadcast.

        Returns
        -------
        values : ndarray
            The metric, of the broadcast shape.

        Raises
        ------
        ValueError
            If a callable metric returns another shape or an infinite value.
        """
        if callable(self.metric):
            return _call_metric(self.metric, tp, fp, positives, negatives)
        return ratio(
            *metric_fraction(self.metric, tp, fp, positives, negatives, beta=self.beta)
        )

    def shares(
        self,
        positives: NDArray[Any],
        negatives: NDArray[Any],
        row_weight: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """Share of each group in the mean; groups without a known entry have none.

        Parameters
        ----------
        positives, negatives : ndarray of shape (n_groups,)
            Weighted number of known entries with and without the label.
        row_weight : ndarray of shape (n_groups,) or None, default=None
            Weights of the rows, if they are the groups.

        Returns
        -------
        shares : ndarray of shape (n_groups,)
            Non-negative; they sum to 1 unless all are 0.
        """
        if self.average == "weighted":
            return ratio(positives, np.sum(positives))
        judged = (positives + negatives > 0).astype(np.float64)
        if self.average == "samples" and row_weight is not None:
            judged *= row_weight
        return ratio(judged, judged.sum())

    def tally(
        self,
        targets: NDArray[np.bool_],
        predictions: NDArray[np.bool_],
        *,
        known: NDArray[np.bool_] | None = None,
        sample_weight: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """Count what the metric of predictions needs, so that parts of rows add up.

        Parameters
        ----------
        targets, predictions : ndarray of shape (n_rows, n_labels), dtype=bool
            True and predicted labels; targets are False where they are unknown. Or
            probabilities of the labels, whose expected counts are added up.
        known : ndarray of shape (n_rows, n_labels), dtype=bool, or None, default=None
            False where the target is unknown: such entries are left out.
        sample_weight : ndarray of shape (n_rows,) or None, default=None
            Row weights.

        Returns
        -------
        tally : ndarray of shape (4, n_labels), or (2,) under a samples average
            Weighted tp, fp, positives and negatives of each label; or the weighted sum
            of the metrics of the rows, and the sum of their weights.
        """
        negatives = absent(targets, known)
        entries = targets * predictions, negatives * predictions, targets, negatives
        if self.average != "samples":
            weight = np.ones(len(targets)) if sample_weight is None else sample_weight
            return np.stack([weight @ part for part in entries])
        counts = np.stack([part.sum(axis=1, dtype=np.float64) for part in entries])
        # A row of which nothing is known is left out of the mean.
        weight = (counts[2] + counts[3] > 0).astype(np.float64)
        if sample_weight is not None:
            weight *= sample_weight
        return np.array([self.values(*counts) @ weight, weight.sum()])

    def score(self, tally: NDArray[Any]) -> float:
        """Compute the averaged metric from a tally, or from the sum of several.

        Parameters
        ----------
        tally : ndarray
            As :meth:`tally` gives it.

        Returns
        -------
        score : float
            The value of the metric, in [0, 1] if it is a named one.
        """
        if self.average == "samples":
            return float(ratio(*tally))
        if self.average == "micro":
            return float(self.values(*tally.sum(axis=1)))
        return float(self.values(*tally) @ self.shares(tally[2], tally[3]))


def _call_metric(metric, tp, fp, positives, negatives):
    """Values of a user's metric; NaN, as of 0 / 0, is read as 0."""
    tp, fp, positives, negatives = np.broadcast_arrays(
        *(np.asarray(part, dtype=np.float64) for part in (tp, fp, positives, negatives))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        found = metric(tp, fp, positives - tp, negatives - fp)
    values = np.asarray(found, dtype=np.float64)
    if values.shape != tp.shape:
        raise ValueError(
            "metric must be vectorised: given arrays tp, fp, fn and tn of one shape, "
            f"here {tp.shape}, it must return one of that shape. Got {values.shape}."
        )
    if np.isinf(values).any():
        raise ValueError(
            "metric must return finite values, or NaN for 0 / 0, which is read as 0. "
            "Got an infinite value."
        )
    return np.where(np.isnan(values), 0.0, values)


def recall_weight(beta: float) -> float:
    """Square the beta of F-beta.

    Parameters
    ----------
    beta : float
        At least 0.

    Returns
    -------
    float
        The square, held to where its products with counts are finite: long before that
        F-beta is recall.
    """
    return min(beta, 1e100) ** 2


def metric_fraction(
    metric: MetricName,
    tp: Any,
    fp: Any,
    positives: Any,
    negatives: Any,
    *,
    beta: float = 1.0,
    totals: tuple[Any, Any] | None = None,
) -> tuple[Any, Any]:
    """Numerator and denominator of a named metric, both linear in the counts.

    Parameters
    ----------
    metric : {"f1", "fbeta", "jaccard", "balanced_accuracy", "accuracy"}
        Name of the metric.
    tp, fp, positives, negatives : array-like
        Weighted counts, of shapes that broadcast.
    beta : float, default=1.0
        Weight of recall in F-beta.
    totals : tuple of (positives, negatives) or None, default=None
        The class sizes that balance accuracy: those of all labels together under
        micro averaging. None takes `positives` and `negatives`.

    Returns
    -------
    numerator, denominator : ndarray
        Their ratio is the metric, 0 / 0 is to be read as 0.
    """
    # Written over (tp, fp) and the class sizes, which no threshold changes: both parts
    # are linear in what it does change, which Dinkelbach's iteration needs.
    tn = negatives - fp
    if metric == "accuracy":
        return tp + tn, positives + negatives + np.zeros_like(tp)
    if metric == "jaccard":
        # tp / (tp + fp + fn), and fn = positives - tp.
        return tp, positives + fp
    if metric == "balanced_accuracy":
        # (tp/P + tn/N) / 2 = (N tp + P tn) / (2 P N). With one class only it is the
        # recall of that class, which the weights 1 and 1 give.
        total_p, total_n = (positives, negatives) if totals is None else totals
        both = (total_p > 0) & (total_n > 0)
        weight_p = np.where(both, total_n, 1.0)
        weight_n = np.where(both, total_p, 1.0)
        whole = weight_p * positives + weight_n * negatives
        return weight_p * tp + weight_n * tn, whole + np.zeros_like(tp)
    # F-beta = (1 + b^2) tp / ((1 + b^2) tp + b^2 fn + fp), and fn = positives - tp.
    squared = recall_weight(beta) if metric == "fbeta" else 1.0
    return (1.0 + squared) * tp, squared * positives + tp + fp


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> NDArray[Any]:
    """Divide, with 0 / 0 = 0."""
    out = np.zeros(np.broadcast(numerator, denominator).shape)
    return np.divide(numerator, denominator, out=out, where=np.asarray(denominator) > 0)


def metric_score(
    targets: NDArray[np.bool_],
    predictions: NDArray[np.bool_],
    *,
    metric: Metric,
    average: Average,
    beta: float = 1.0,
    known: NDArray[np.bool_] | None = None,
    sample_weight: NDArray[Any] | None = None,
) -> float:
    """Score 0/1 predictions with the convention 0 / 0 = 0.

    Parameters
    ----------
    targets, predictions : ndarray of shape (n_rows, n_labels), dtype=bool
        True and predicted labels; targets are False where they are unknown.
    metric, average, beta
        As in :class:`Objective`.
    known : ndarray of shape (n_rows, n_labels), dtype=bool, or None, default=None
        False where the target is unknown, which is left out.
    sample_weight : ndarray of shape (n_rows,) or None, default=None
        Row weights.

    Returns
    -------
    score : float
        The value of the metric, in [0, 1] if it is a named one.
    """
    objective = Objective(metric, average, beta)
    return objective.score(
        objective.tally(targets, predictions, known=known, sample_weight=sample_weight)
    )
