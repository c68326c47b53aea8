"""Thresholds that keep a bound on the precision or the recall of each label."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from sklearn_clip._shared import shown_first, warn_user
from sklearn_clip.thresholds._scored_rows import ScoredRows
from sklearn_clip.thresholds._threshold_curves import (
    pick_thresholds,
    take_positions,
    trace_curves,
)

# Where tests of precision begin, in multiples of the fewest rows that can pass. Several
# starts, each with its share of the error, are the multi-start form of fixed-sequence
# testing (Angelopoulos et al. 2025): one unlucky row among the first few would else end
# the only sequence.
_STARTS = (1, 4)


class Bound(NamedTuple):
    """A bound on one of precision and recall; the other is maximised.

    Attributes
    ----------
    quantity : {"precision", "recall"}
        What is bounded.
    value : float
        Its least value, in (0, 1].
    confidence : float or None
        Probability with which the bound is to hold on new rows; None asks only that
        it hold on the rows searched.
    """

    quantity: str
    value: float
    confidence: float | None = None


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
    confidence = optimizer.confidence
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
    if confidence is not None:
        _check_confidence(optimizer, given, held_out=held_out, weighted=weighted)
    for quantity, value in given.items():
        return Bound(quantity, value, confidence)
    return None


def _check_confidence(optimizer, given, *, held_out, weighted):
    """Refuse a confidence where no guarantee can be given."""
    if not given:
        raise ValueError(
            "confidence must come with the bound it is for, min_precision or "
            f"min_recall. Got confidence={optimizer.confidence} and neither."
        )
    if not held_out:
        raise ValueError(
            "confidence must go with scores of the very classifier that predicts, on "
            "rows it was not fitted on: a float cv with refit=False, cv='prefit' or a "
            "FrozenEstimator. Fitting it again on all rows voids the guarantee. Got "
            f"cv={optimizer.cv!r} and refit={optimizer.refit}."
        )
    if optimizer.strategy != "per_label":
        raise ValueError(
            "confidence must go with strategy='per_label': the labels of one row are "
            "not independent, so they cannot be pooled. "
            f"Got {optimizer.strategy!r}."
        )
    if weighted:
        raise ValueError(
            "confidence must go without sample_weight: the guarantee counts rows."
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
        "global" bounds precision or recall of all labels pooled, under one threshold.

    Returns
    -------
    thresholds : ndarray of shape (n_labels,)
        Infinite where none keeps the bound.

    Notes
    -----
    With a confidence, thresholds are tested in an order fixed beforehand, each with an
    exact binomial test of "the quantity is below the bound", until one fails:
    fixed-sequence testing, which keeps the error of all tests together [1]_. One that
    passes has the one-sided Clopper-Pearson lower limit at or above the bound.

    Recall falls as the threshold rises, so the order is upwards from the lowest.
    Precision is tested downwards. The highest predict too few rows to pass, so the
    tests start where a perfect count passes, and once more at 4 times as many predicted
    rows, in case of an early miss, each with half of the error. The bound is exact if
    precision does not fall as the threshold rises, as for scores that rank sensibly.

    References
    ----------
    .. [1] A. N. Angelopoulos, S. Bates, E. J. Candes, M. I. Jordan, L. Lei, "Learn
       then test: calibrating predictive algorithms to achieve risk control", Annals
       of Applied Statistics 19(2), 2025. :arxiv:`2110.01052`
    """
    n_labels = rows.scores.shape[1]
    filled, weight = rows.without_unknown(), rows.weight
    parts = [filled.scores, filled.targets]
    if weight is not None:
        parts.append(np.broadcast_to(weight, rows.scores.shape))
    if strategy == "global":
        parts = [part.reshape(1, -1) for part in parts]
    else:
        parts = [np.ascontiguousarray(part.T) for part in parts]
    curves = trace_curves(
        *parts[:2],
        sample_weight=parts[2] if weight is not None else None,
        probability=rows.probability,
        order=None if strategy == "global" else rows.order,
    )
    kept = _keeps_bound(curves, bound) & curves.valid & (curves.tp > 0)
    thresholds = curves.ranked.place_all()
    if bound.confidence is not None and bound.quantity == "precision":
        # The lowest score predicted is the highest threshold to predict these rows.
        ranked = curves.ranked.scores
        thresholds = np.concatenate([np.full((len(ranked), 1), np.inf), ranked], axis=1)
    with np.errstate(invalid="ignore"):
        precision = curves.tp / (curves.tp + curves.fp)
    first, second = curves.tp, precision
    if bound.quantity == "recall":
        first, second = second, first
    # Of those that are best in what is maximised, the best in what is bounded.
    best = np.where(kept, first, -np.inf).max(axis=1, keepdims=True)
    ties = kept & (first >= best * (1 - 1e-12))
    picked = pick_thresholds(
        second, ties, lambda label, at: thresholds[label, at], rows.default
    )
    found = np.where(kept.any(axis=1), take_positions(thresholds, picked), np.inf)
    return np.broadcast_to(found, n_labels).copy()


def _keeps_bound(curves, bound):
    """Tell which thresholds keep the bound: on these rows, or with a confidence."""
    hits = curves.tp
    trials = curves.tp + curves.fp
    if bound.quantity == "recall":
        trials = np.broadcast_to(curves.positives, hits.shape)
    if bound.confidence is None:
        # Compared as products: no division by 0 trials, and 3 of 5 keeps 0.6 in floats.
        return hits >= bound.value * trials * (1 - 1e-12)
    hits, trials = hits.astype(np.intp), trials.astype(np.intp)
    error = 1 - bound.confidence
    # Fixed-sequence testing (Maurer, Hothorn and Lehmacher 1995): hypotheses tested in
    # an order that does not depend on the data, each at the full error, until the first
    # that is not rejected, have a family-wise error of no more than that. For the first
    # true hypothesis in the order has to be rejected for any error to happen.
    if bound.quantity == "recall":
        # Lower thresholds have more hits of the same trials, so that those that pass
        # are those before the first failure: no need to look for it.
        return hits >= least_hits(trials.max(), bound.value, error)[trials]
    return _pass_downwards(hits, trials, bound.value, error, curves.valid)


def least_hits(n_trials: int, value: float, error: float) -> NDArray[np.intp]:
    """Least number of hits that shows a rate of at least `value`.

    Parameters
    ----------
    n_trials : int
        Largest number of trials.
    value : float
        The rate, in (0, 1].
    error : float
        Probability of so many hits at most, were the rate lower.

    Returns
    -------
    hits : ndarray of shape (n_trials + 1,), dtype=int
        For every number of trials; more than that where even all do not show it.
    """
    trials = np.arange(n_trials + 1)
    # The smallest c with P(Binomial(n, value) >= c) <= error: c or more hits would be
    # that rare were the rate `value` or lower. It is where the one-sided lower limit of
    # Clopper and Pearson (Biometrika 26, 1934), the error-quantile of
    # Beta(c, n - c + 1), reaches `value`. Exact for any n: with the few rows of a rare
    # label normal or Hoeffding limits are wrong or far too wide.
    return binom.isf(error, trials, value).astype(np.intp) + 1


def _pass_downwards(hits, trials, value, error, valid):
    """Precision tests from several starts, each down to its first failure."""
    n_trials = int(trials.max())
    needed = least_hits(n_trials, value, error / len(_STARTS))
    possible = np.flatnonzero(needed <= np.arange(n_trials + 1))
    passed = np.zeros(hits.shape, dtype=bool)
    if not len(possible):
        return passed
    fails = valid & (hits < needed[trials])
    # The number of rows predicted, by which the starts are fixed, does not look at the
    # targets. Each start has error / n_starts (Bonferroni), and all that passes from
    # any of them is kept.
    for start in possible[0] * np.array(_STARTS):
        tested = trials >= start
        passed |= tested & ~np.logical_or.accumulate(fails & tested, axis=1)
    return passed & valid


def warn_of_unmet(unmet, bound):
    """Warn of the labels that have no threshold under the bound.

    Parameters
    ----------
    unmet : list
        Names of the labels.
    bound : Bound
        The bound.
    """
    if not unmet:
        return
    sure = "" if bound.confidence is None else f" with confidence {bound.confidence}"
    warn_user(
        f"No threshold has a {bound.quantity} of at least {bound.value}{sure} for "
        f"{len(unmet)} label(s): [{shown_first(unmet, 10)}]. They are never predicted. "
        "More rows, a better classifier or a lower bound would help.",
    )


def warn_of_broken(bound, tally, thresholds, *, strategy, held_out):
    """Warn that a bound without a confidence need not hold on new rows.

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
    if bound.confidence is not None:
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
            "a bound on new rows pass confidence with strategy='per_label'."
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
