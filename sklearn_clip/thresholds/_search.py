"""Thresholds that maximise a metric: scores and targets in, one per label out.

Everything here is a pure function of arrays. A threshold ``t`` predicts a label where
``score >= t``; rows with equal scores stand or fall together, so a label with ``g``
distinct scores has ``g + 1`` of them that differ. All of them are candidates.

Every named metric is a ratio of two functions that are linear in the confusion counts
(tp, fp, fn, tn). That is what makes an exact search possible when all labels share one
ratio (``average="micro"``).
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_clip.thresholds._coordinate_ascent import climb
from sklearn_clip.thresholds._counted_rows import CountedRows, count_rows
from sklearn_clip.thresholds._counted_search import search_counted, thresholds_above
from sklearn_clip.thresholds._global_threshold import find_global_threshold
from sklearn_clip.thresholds._objective import (
    Average,
    Metric,
    Objective,
    metric_fraction,
)
from sklearn_clip.thresholds._pooled_ratio import maximise_ratio
from sklearn_clip.thresholds._scored_rows import ScoredRows
from sklearn_clip.thresholds._threshold_curves import (
    pick_thresholds,
    take_positions,
    trace_blocks,
    trace_curves,
)

Strategy: TypeAlias = Literal["per_label", "global"]
STRATEGIES = get_args(Strategy)
# A threshold for all labels that a climb only starts at is sought on about as many.
_ENOUGH_ROWS = 10_000


def separable_thresholds(rows: ScoredRows, objective: Objective) -> NDArray[np.float64]:
    """Maximise each label's own metric, which also maximises any mean of them.

    Parameters
    ----------
    rows : ScoredRows
        What the thresholds are chosen on.
    objective : Objective
        What is maximised.

    Returns
    -------
    thresholds : ndarray of shape (n_labels,)
        The best ones.
    """
    thresholds = np.empty(rows.scores.shape[1])
    for block, curves in trace_blocks(rows):
        # Between two neighbouring scores no count changes, so that the metric is a step
        # function of the threshold: its value at each of the n_rows + 1 steps, from the
        # cumulative sums of the sorted targets, is all there is to know. A mean over
        # labels sum_l s_l m_l(t_l) with shares s_l >= 0 that no threshold changes is
        # maximal where every m_l is.
        values = objective.values(*curves[:4])
        place = curves.ranked.place
        picked = pick_thresholds(values, curves.valid, place, rows.default)
        thresholds[block] = place(np.arange(len(picked)), picked)
    return thresholds


def _pooled_thresholds(rows, objective, totals):
    """Dinkelbach's thresholds of labels that have a positive."""
    filled, weight = rows.without_unknown(), rows.weight
    curves = trace_curves(
        np.ascontiguousarray(filled.scores.T),
        np.ascontiguousarray(filled.targets.T),
        sample_weight=None if weight is None else weight.T,
        probability=rows.probability,
        order=rows.order,
    )
    above, below = metric_fraction(
        objective.metric, *curves[:4], beta=objective.beta, totals=totals
    )
    place, valid = curves.ranked.place, curves.valid
    rounding = 1e-12 * np.abs(below).max()
    picked = maximise_ratio(
        above,
        below,
        highest=lambda gain: np.where(valid, gain, -np.inf).argmax(axis=1),
        nearest=lambda gain: pick_thresholds(
            gain, valid, place, rows.default, tolerance=rounding
        ),
        take=take_positions,
    )
    return place(np.arange(len(picked)), picked)


def _thresholds_without_positives(rows, global_threshold):
    """Thresholds of labels that have no positive."""
    scores, known = rows.scores, rows.known
    known = np.ones(scores.shape, dtype=bool) if known is None else known
    return thresholds_above(
        np.where(known, scores, -np.inf).max(axis=0),
        np.where(known, scores, np.inf).min(axis=0),
        global_threshold,
        default=rows.default,
        probability=rows.probability,
    )


def _unruled_thresholds(rows, objective, *, global_threshold=None):
    """Find exact thresholds: for a mean over labels, and for named micro metrics.

    `global_threshold` is that of labels without a positive, searched for if it is
    None.
    """
    positives, negatives = rows.support()
    known = positives > 0
    thresholds = np.empty(rows.scores.shape[1])
    if known.any():
        inner = rows.columns(known)
        if objective.average == "micro" and not callable(objective.metric):
            # Labels left out here still count as negatives where classes are balanced.
            totals = positives.sum(), negatives.sum()
            thresholds[known] = _pooled_thresholds(inner, objective, totals)
        else:
            thresholds[known] = separable_thresholds(inner, objective)
    if not known.all():
        # Without a positive every threshold has F1 = 0: the data do not choose one.
        if global_threshold is None:
            global_threshold = rows.default
            if known.any():
                global_threshold = find_global_threshold(inner, objective)
        thresholds[~known] = _thresholds_without_positives(
            rows.columns(~known), global_threshold
        )
    return thresholds


def find_thresholds(
    scores: ArrayLike,
    targets: NDArray[np.bool_],
    *,
    metric: Metric = "f1",
    average: Average = "macro",
    strategy: Strategy = "per_label",
    beta: float = 1.0,
    known: NDArray[np.bool_] | None = None,
    sample_weight: NDArray[Any] | None = None,
    probability: bool = True,
    at_least_one: bool = False,
    max_labels: int | None = None,
) -> NDArray[np.float64]:
    """Choose the thresholds that maximise a metric on these very scores.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_labels)
        Finite scores; float32 is compared as the float64 of the same value.
    targets : ndarray of shape (n_rows, n_labels), dtype=bool
        True where the row has the label, False where it has not or that is unknown.
    metric : {"f1", "fbeta", "jaccard", "balanced_accuracy", "accuracy"} or callable
        What is maximised, with 0 / 0 = 0. A callable takes arrays of counts
        (tp, fp, fn, tn) of one shape and returns the metric of each.
    average : {"macro", "weighted", "micro", "samples"}
        Mean over labels, mean weighted by the number of positives, the metric of
        the counts summed over labels, or the mean over rows.
    strategy : {"per_label", "global"}
        One threshold for each label or one for all.
    beta : float, default=1.0
        Weight of recall in ``metric="fbeta"``.
    known : ndarray of shape (n_rows, n_labels), dtype=bool, or None, default=None
        False where the target is unknown: such entries are left out.
    sample_weight : ndarray of shape (n_rows,) or None, default=None
        Non-negative row weights.
    probability : bool, default=True
        Whether scores lie in [0, 1]. Of those of equal value the one nearest to 0.5
        is taken, or to 0 if the scores are not probabilities.
    at_least_one : bool, default=False
        The rule of :func:`decode`, applied in the search.
    max_labels : int or None, default=None
        The `limit` of :func:`decode`, applied in the search.

    Returns
    -------
    thresholds : ndarray of shape (n_labels,)
        The label is predicted where ``score >= threshold``. Infinite for a label that
        is best never predicted although a score of exactly 1 occurs.

    Notes
    -----
    One threshold for all is exact. Those per label are exact for averages over labels,
    and for "micro" with a named metric, without rules. All else is coordinate ascent
    from the best of several starts: each step is the best threshold of one label with
    those of the others held, so the end is never below a start. The start that is one
    threshold for all is found on about 10,000 of the rows where there are no rules.
    """
    rows = ScoredRows(
        np.asarray(scores, dtype=np.float64), targets, known, sample_weight, probability
    )
    return search_thresholds(
        rows,
        Objective(metric, average, beta),
        strategy=strategy,
        at_least_one=at_least_one,
        limit=max_labels,
    )


def search_thresholds(
    rows: ScoredRows | CountedRows,
    objective: Objective,
    *,
    strategy: Strategy = "per_label",
    at_least_one: bool = False,
    limit: int | None = None,
) -> NDArray[np.float64]:
    """Do what :func:`find_thresholds` does, for rows and an objective.

    Parameters
    ----------
    rows : ScoredRows or CountedRows
        Scores and targets.
    objective : Objective
        What is maximised.
    strategy, at_least_one, limit
        As in :func:`find_thresholds`; `limit` is its `max_labels`.

    Returns
    -------
    thresholds : ndarray of shape (n_labels,)
        The best thresholds.
    """
    n_labels = rows.shape[1]
    if limit is not None and limit >= n_labels:
        limit = None
    rules: dict[str, Any] = {"at_least_one": at_least_one, "limit": limit}
    if strategy == "global":
        return np.full(n_labels, find_global_threshold(rows, objective, **rules))
    by_label = objective.average in ("macro", "weighted")
    pooled = objective.average == "micro" and not callable(objective.metric)
    ruled = at_least_one or limit is not None
    if (by_label or pooled) and not ruled:
        rows = count_rows(rows, objective)
        if not isinstance(rows, CountedRows):
            return _unruled_thresholds(rows, objective)
    if isinstance(rows, CountedRows):
        return search_counted(rows, objective)
    if not ruled and rows.order is None:
        # The start and the climb from it go through each label's scores in order.
        rows = rows.presort(pooled=False)
    global_threshold = find_global_threshold(
        _thin(rows) if not ruled else rows, objective, **rules
    )
    # Neither start is below the other always: rules can make the best thresholds
    # without rules bad, and the global one is exact under them but the same for all.
    starts = [
        _unruled_thresholds(rows, objective, global_threshold=global_threshold),
        np.full(n_labels, global_threshold),
    ]
    return climb(rows, objective, starts, **rules)


def _thin(rows):
    """Keep every so many rows, as many as tell where the climb may start."""
    every = -(-len(rows.scores) // _ENOUGH_ROWS)
    if every == 1:
        return rows
    return rows._replace(order=None, pooled_order=None).take(slice(None, None, every))


def label_curves(
    rows: ScoredRows, objective: Objective
) -> list[dict[str, NDArray[np.float64]]]:
    """Compute the metric of every label at every one of its thresholds.

    Parameters
    ----------
    rows : ScoredRows
        Scores and targets.
    objective : Objective
        The metric; its average does not matter.

    Returns
    -------
    curves : list of n_labels dicts
        ``"thresholds"``, the finite ones in ascending order, and ``"scores"``, the
        label's metric at each.
    """
    found = []
    for _, curves in trace_blocks(rows):
        values = objective.values(*curves[:4])
        placed = curves.ranked.place_all()
        kept = curves.valid & np.isfinite(placed)
        found += [
            {"thresholds": own[keep][::-1].copy(), "scores": value[keep][::-1].copy()}
            for own, value, keep in zip(placed, values, kept, strict=True)
        ]
    return found
