"""Thresholds that keep a bound on the precision or the recall of each label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_clip._shared import is_part_of_a_fit, shown_first, warn_user
from sklearn_clip.thresholds._precision_boundary import least_hits, precision_boundary
from sklearn_clip.thresholds._row_risk import find_row_threshold
from sklearn_clip.thresholds._scored_rows import ScoredRows
from sklearn_clip.thresholds._threshold_curves import (
    ThresholdCurves,
    pick_thresholds,
    trace_blocks,
)


class Bound(NamedTuple):
    """A bound on one of precision and recall; the other is maximised.

    Attributes
    ----------
    quantity : {"precision", "recall"}
        What is bounded.
    value : float
        Its least value, in (0, 1].
    confidence : float, "expectation" or None
        Probability with which the bound is to hold on new rows; "expectation" has it
        hold on the average of such searches, None only on the rows searched.
    shared : bool
        Whether the confidence is that all labels keep it, and not each.
    """

    quantity: str
    value: float
    confidence: float | Literal["expectation"] | None = None
    shared: bool = False


class KeptThresholds(NamedTuple):
    """Which thresholds of some labels keep a bound.

    Attributes
    ----------
    labels : slice
        The labels.
    curves : ThresholdCurves
        All of their thresholds.
    kept : ndarray of shape (n_labels, n_rows + 1), dtype=bool
        True where a threshold exists, predicts a positive and keeps the bound.
    """

    labels: slice
    curves: ThresholdCurves
    kept: np.ndarray


def read_bound(optimizer, *, held_out, weighted):
    """Turn the parameters of the estimator into a bound.

    Parameters
    ----------
    optimizer : ThresholdOptimizer
        The estimator.
    held_out : bool
        Whether `estimator_` will be the very classifier that gives the scores.
    weighted : bool
        Whether rows have weights.

    Returns
    -------
    bound : Bound or None
        None where neither minimum is set.

    Raises
    ------
    ValueError
        If parameters contradict each other.
    """
    given = {
        "precision": optimizer.min_precision,
        "recall": optimizer.min_recall,
    }
    given = {name: value for name, value in given.items() if value is not None}
    confidence, family_error = optimizer.confidence, optimizer.family_error
    if confidence is not None and family_error is not None:
        raise ValueError(
            "confidence and family_error exclude each other: one is for each label "
            f"alone, the other for all together. Got {confidence} and {family_error}."
        )
    if len(given) == 2:
        raise ValueError(
            "min_precision and min_recall exclude each other: under either the other "
            f"is maximised. Got {given['precision']} and {given['recall']}."
        )
    if given and optimizer.strategy == "top_k":
        raise ValueError(
            "min_precision and min_recall must go with strategy='per_label' or "
            "'global': they bound thresholds, not a number of labels. Got 'top_k'."
        )
    if given and (optimizer.at_least_one or optimizer.max_labels is not None):
        raise ValueError(
            "min_precision and min_recall must go without at_least_one and "
            "max_labels, which change what the thresholds predict: the bound would "
            f"not be kept. Got at_least_one={optimizer.at_least_one}, "
            f"max_labels={optimizer.max_labels}."
        )
    if family_error is not None:
        confidence = 1 - family_error
    if confidence is not None:
        _check_confidence(optimizer, given, held_out=held_out, weighted=weighted)
    for quantity, value in given.items():
        return Bound(quantity, value, confidence, family_error is not None)
    return None


def _check_confidence(optimizer, given, *, held_out, weighted):
    """Refuse a confidence where no guarantee can be given."""
    name = "confidence" if optimizer.family_error is None else "family_error"
    value = getattr(optimizer, name)
    if not given:
        raise ValueError(
            f"{name} must come with the bound it is for, min_precision or "
            f"min_recall. Got {name}={value} and neither."
        )
    if value == "expectation" and "precision" in given:
        raise ValueError(
            "confidence='expectation' must go with min_recall: a precision does not "
            "rise with every row predicted, as the proof needs. Give a number, 0.9, "
            f"say. Got min_precision={given['precision']}."
        )
    check_held_out(optimizer, name, held_out=held_out, weighted=weighted)
    if name == "family_error" and optimizer.strategy == "global":
        raise ValueError(
            "family_error must go with strategy='per_label': one threshold for all "
            "labels has one error, for which confidence is there. Got 'global'."
        )


def check_held_out(optimizer, name, *, held_out, weighted):
    """Refuse a guarantee on rows that are not new to the classifier, or weighted.

    Parameters
    ----------
    optimizer : estimator instance
        What was asked for the guarantee; it has `cv` and `refit`.
    name : str
        The parameter that asks for it.
    held_out : bool
        Whether `estimator_` will be the very classifier that gives the scores.
    weighted : bool
        Whether rows have weights.

    Raises
    ------
    ValueError
        If no guarantee can be given.
    """
    if not held_out:
        raise ValueError(
            f"{name} must go with scores of the very classifier that predicts, on "
            "rows it was not fitted on: a float cv with refit=False, cv='prefit' or a "
            "FrozenEstimator. Fitting it again on all rows voids the guarantee. Got "
            f"cv={optimizer.cv!r} and refit={optimizer.refit}."
        )
    if weighted:
        raise ValueError(
            f"{name} must go without sample_weight: the guarantee counts rows."
        )


def find_bounded_thresholds(
    rows: ScoredRows,
    bound: Bound,
    *,
    strategy: Literal["per_label", "global"] = "per_label",
) -> NDArray[np.float64]:
    """Find thresholds that keep a bound and are best in the other quantity.

    Parameters
    ----------
    rows : ScoredRows
        What the thresholds are chosen on. With a confidence, rows that neither the
        classifier nor anything else was fitted on, without weights.
    bound : Bound
        The bound.
    strategy : {"per_label", "global"}, default="per_label"
        "global" finds one threshold. It bounds precision or recall of all labels
        pooled, with a confidence those of a row, see :func:`find_row_threshold`.

    Returns
    -------
    thresholds : ndarray of shape (n_labels,)
        Infinite where none keeps the bound.

    Notes
    -----
    With a confidence precision is tested at all cuts of a label's ranking at once, see
    :func:`precision_boundary`. Recall falls as the threshold rises, so its thresholds
    are tested upwards from the lowest, each with an exact binomial test of "recall is
    below the bound", until one fails [1]_. One that passes has the one-sided
    Clopper-Pearson lower limit at or above the bound.

    The bound on precision is exact if precision does not fall as the threshold rises,
    as for scores that rank sensibly; that on recall always.

    References
    ----------
    .. [1] A. N. Angelopoulos, S. Bates, E. J. Candes, M. I. Jordan, L. Lei, "Learn
       then test: calibrating predictive algorithms to achieve risk control", Annals
       of Applied Statistics 19(2), 2025. :arxiv:`2110.01052`
    """
    n_labels = rows.scores.shape[1]
    if strategy == "global":
        if bound.confidence is not None:
            return np.full(n_labels, find_row_threshold(rows, bound))
        rows = _pool(rows)
    found = np.empty(rows.scores.shape[1])
    for traced in trace_kept([(rows, bound)])[0]:
        found[traced.labels] = _best_kept(traced, bound, rows.default)
    return np.broadcast_to(found, n_labels).copy()


def _pool(rows):
    """All entries as rows of one label."""
    filled, weight = rows.without_unknown(), rows.weight
    if weight is not None:
        weight = np.broadcast_to(weight, rows.scores.shape).reshape(-1)
    scores, targets = filled.scores.reshape(-1, 1), filled.targets.reshape(-1, 1)
    return ScoredRows(scores, targets, None, weight, rows.probability)


def _best_kept(traced, bound, default):
    """Threshold of each label that is best in what is not bounded."""
    _, curves, kept = traced

    def place(labels, positions):
        if bound.confidence is not None and bound.quantity == "precision":
            # The lowest score predicted is the highest threshold to predict these rows.
            return curves.ranked.scores[labels, positions - 1]
        return curves.ranked.place(labels, positions)

    every = np.arange(len(kept))
    with np.errstate(invalid="ignore"):
        precision = curves.tp / (curves.tp + curves.fp)
    first, second = curves.tp, precision
    if bound.quantity == "recall":
        first, second = second, first
    # Of those that are best in what is maximised, the best in what is bounded.
    best = np.where(kept, first, -np.inf).max(axis=1, keepdims=True)
    ties = kept & (first >= best * (1 - 1e-12))
    picked = pick_thresholds(second, ties, place, default)
    return np.where(kept.any(axis=1), place(every, picked), np.inf)


def trace_kept(
    families: list[tuple[ScoredRows, Bound]],
) -> list[Iterator[KeptThresholds]]:
    """Trace the thresholds of labels, and tell which of them keep a bound.

    Parameters
    ----------
    families : list of tuple (ScoredRows, Bound)
        Scores and targets of some labels, and the bound on their thresholds. If one
        bound is shared, all are, with one confidence.

    Returns
    -------
    list of iterator of KeptThresholds
        Those of each family, a few labels at a time.
    """
    first = families[0][1]
    if not first.shared or not isinstance(first.confidence, float):
        return [_trace_kept(rows, bound) for rows, bound in families]
    families = [
        (rows if rows.order is not None else rows.presort(pooled=False), bound)
        for rows, bound in families
    ]
    together = keep_together(families, 1 - first.confidence)
    return [
        _trace_kept(*family, kept)
        for family, kept in zip(families, together, strict=True)
    ]


def _trace_kept(rows, bound, known=None):
    """Do it for one family, of which `known` may tell what keeps the bound."""
    n_trials = _most_trials(rows)
    for block, curves in trace_blocks(rows):
        kept = keeps_bound(curves, bound, n_trials) if known is None else known[block]
        yield KeptThresholds(block, curves, kept & curves.valid & (curves.tp > 0))


def _most_trials(rows):
    """Most rows that are known of any label."""
    if rows.known is None:
        return len(rows.scores)
    return int(np.count_nonzero(rows.known, axis=0).max())


def keeps_bound(
    curves: ThresholdCurves, bound: Bound, n_trials: int
) -> NDArray[np.bool_]:
    """Tell which thresholds keep a bound: on these rows, or with a confidence.

    Parameters
    ----------
    curves : ThresholdCurves
        The counts of all thresholds of every label.
    bound : Bound
        The bound, of each label alone.
    n_trials : int
        The number of rows that a ranking has at most, here or in other labels.

    Returns
    -------
    ndarray of shape (n_labels, n_rows + 1), dtype=bool
        True where a threshold keeps it, and would for another label of such counts;
        of no meaning where `curves.valid` is False.
    """
    hits, trials = curves.tp, curves.tp + curves.fp
    if bound.quantity == "recall":
        trials = np.broadcast_to(curves.positives, hits.shape)
    if bound.confidence is None:
        # Compared as products: no division by 0 trials, and 3 of 5 keeps 0.6 in floats.
        return hits >= bound.value * trials * (1 - 1e-12)
    if bound.confidence == "expectation":
        # Conformal risk control (Angelopoulos et al. 2024): with one missed positive
        # more, that of the row to come, which is one of n + 1 in random order. Then
        # (n - hits + 1) / (n + 1) <= 1 - value, solved for the hits.
        return hits >= bound.value * (trials + 1) * (1 - 1e-12)
    return _test(curves, bound, 1 - bound.confidence, n_trials)


def keep_together(
    families: list[tuple[ScoredRows, Bound]], error: float
) -> list[NDArray[np.bool_]]:
    """Tell which thresholds keep their bounds, so that all that do keep them at once.

    Parameters
    ----------
    families : list of tuple (ScoredRows, Bound)
        Scores and targets of some labels, and the bound on their thresholds.
    error : float
        Probability that any threshold of any label is wrong.

    Returns
    -------
    list of ndarray of shape (n_labels, n_rows + 1), dtype=bool
        As of :func:`keeps_bound`, for each family.
    """
    shapes = [rows.scores.shape for rows, _ in families]
    kept = [np.zeros((n_labels, n_rows + 1), bool) for n_rows, n_labels in shapes]
    # Of what is not known there is no threshold that could be wrong.
    settled = [np.add(*rows.support()) == 0 for rows, _ in families]
    n_trials = [_most_trials(rows) for rows, _ in families]
    while not np.concatenate(settled).all():
        # Each label that has thresholds left to test has an equal share (Bonferroni).
        # One of which all have passed needs its share no more, and the others get it,
        # as in Holm's method (Scandinavian Journal of Statistics 6, 1979): until an
        # error is made no label with a wrong threshold is among the settled, so that
        # the shares of those add up to no more than the error.
        share = error / np.count_nonzero(~np.concatenate(settled))
        news = False
        for found, done, most, (rows, bound) in zip(
            kept, settled, n_trials, families, strict=True
        ):
            for block, curves in trace_blocks(rows):
                found[block] |= _test(curves, bound, share, most)
                passed = (found[block] | ~curves.valid)[:, 1:].all(axis=1)
                news |= bool((passed & ~done[block]).any())
                done[block] |= passed
        if not news:
            break
    return kept


def _test(curves, bound, error, n_trials):
    """Test the thresholds of every label, each label with an error of its own."""
    hits = curves.tp.astype(np.intp)
    if bound.quantity == "recall":
        positives = np.broadcast_to(curves.positives, hits.shape).astype(np.intp)
        return _keeps_recall(hits, positives, bound.value, error)
    trials = hits + curves.fp.astype(np.intp)
    boundary = precision_boundary(n_trials, bound.value, error)
    return _keeps_precision(hits, trials, boundary, curves.valid)


def _keeps_recall(hits, trials, value, error):
    """Recall tests: fixed sequences upwards from the lowest threshold."""
    # Fixed-sequence testing (Maurer, Hothorn and Lehmacher 1995): hypotheses tested in
    # an order that does not depend on the data, each at the full error, until the first
    # that is not rejected, have a family-wise error of no more than that. For the first
    # true hypothesis in the order has to be rejected for any error to happen. Lower
    # thresholds have more hits of the same trials, so that those that pass are those
    # before the first failure: no need to look for it.
    return hits >= least_hits(np.arange(trials.max() + 1), value, error)[trials]


def _keeps_precision(hits, trials, boundary, valid):
    """Precision tests: from the deepest crossing of the boundary on to a failure."""
    position = np.arange(hits.shape[1])
    passed = valid & (hits >= boundary.anywhere[trials])
    depth = np.where(passed, position, 0).max(axis=1, keepdims=True)
    fails = valid & (hits < boundary.onward[trials]) & (position > depth)
    # All cuts before the first failure: those above the crossing are more precise.
    return ~np.logical_or.accumulate(fails, axis=1)


def warn_of_unmet(unmet, bound):
    """Warn of the labels that have no threshold under the bound.

    Of the folds of a search nothing is said: the fit on all rows says it.

    Parameters
    ----------
    unmet : list
        Names of the labels.
    bound : Bound
        The bound.
    """
    if not unmet or is_part_of_a_fit():
        return
    sure = "" if bound.confidence is None else f" with confidence {bound.confidence}"
    if bound.confidence == "expectation":
        sure = " in expectation"
    elif bound.shared:
        sure = f" with confidence {bound.confidence:g} for all labels together"
    warn_user(
        f"No threshold has a {bound.quantity} of at least {bound.value}{sure} for "
        f"{len(unmet)} label(s): [{shown_first(unmet, 10)}]. They are never predicted. "
        "More rows, a better classifier or a lower bound would help.",
    )


def warn_of_broken(bound, tally, thresholds, *, strategy, held_out):
    """Warn that a bound without a confidence need not hold on new rows.

    Of the folds of a search nothing is said: their scores are those of new rows.

    Parameters
    ----------
    bound : Bound
        The bound.
    tally : ndarray of shape (4, n_labels)
        Weighted tp, fp, positives and negatives of every label, on rows that the
        thresholds were not chosen on.
    thresholds : ndarray of shape (n_labels,)
        The thresholds that will be used; infinite ones bind nothing.
    strategy : {"per_label", "global"}
        Under "global" the bound is one on all labels pooled.
    held_out : bool
        Whether the rows are new to the classifier that predicts, so that a confidence
        is all that is missing.
    """
    if bound.confidence is not None or is_part_of_a_fit():
        return
    hits, false, positives, _ = tally[:, np.isfinite(thresholds)]
    trials = hits + false if bound.quantity == "precision" else positives
    if strategy == "global":
        hits, trials = hits.sum(keepdims=True), trials.sum(keepdims=True)
    # A label that is not predicted there has no precision to keep.
    judged = trials > 0
    kept = hits[judged] >= bound.value * trials[judged] * (1 - 1e-12)
    if kept.all():
        return
    name = f"min_{bound.quantity}={bound.value}"
    if strategy == "global":
        reached = float(hits[0] / trials[0])
        warn_user(
            f"{name} without confidence holds for the rows searched, not for new ones: "
            f"on rows that the threshold was not chosen on the {bound.quantity} of all "
            f"labels together was {reached:.3g}. A higher minimum leaves a margin; for "
            "a bound on new rows pass confidence with strategy='per_label' (of each "
            "label) or 'global' (of the mean over rows)."
        )
        return
    # However many rows kept it, the next may not: no test can show a rate of 1.
    lower = "a lower minimum with " if bound.value == 1 else ""
    way_out = f"For a bound on new rows pass {lower}confidence=0.95, say"
    if not held_out:
        way_out += (
            ", and rows that the classifier is not fitted on: cv=0.5 with refit=False, "
            "cv='prefit' or a FrozenEstimator"
        )
    warn_user(
        f"{name} without confidence holds for the rows searched, not for new ones: on "
        f"rows that the thresholds were not chosen on {kept.sum()} of {len(kept)} "
        f"label(s) kept it. {way_out}."
    )
