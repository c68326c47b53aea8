"""Thresholds of rare labels drawn towards the global one, as far as evidence goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.model_selection._out_of_fold import ENOUGH_POSITIVES
from sklearn_clip.thresholds._objective import Objective

# Candidates, in positives: a label with as many is drawn half of the way.
PSEUDO_COUNTS = (0.0, 1.0, 3.0, 10.0, 30.0, 100.0, np.inf)
# Taken unless another candidate is better by more than its standard error.
# benchmarks/study_thresholds.py shows how it does on splits of clip art.
USUAL_COUNT = 10.0


def shrink_thresholds(
    thresholds: NDArray[np.float64],
    global_threshold: float,
    positives: NDArray[Any],
    count: float,
) -> NDArray[np.float64]:
    """Draw the threshold of every label towards the global one.

    Parameters
    ----------
    thresholds : ndarray of shape (n_labels,)
        Those of the labels alone; infinite ones stay.
    global_threshold : float
        The global threshold; if it is infinite all thresholds stay.
    positives : ndarray of shape (n_labels,)
        Number of positives each was chosen on. Without any it stays.
    count : float
        Number of positives that the global threshold weighs as much as.

    Returns
    -------
    thresholds : ndarray of shape (n_labels,)
        ``(positives * thresholds + count * global_threshold) / (positives + count)``.
    """
    # The weight n / (n + m) of a label's own evidence is that of credibility theory
    # (Buehlmann, "Experience rating and credibility", ASTIN Bulletin 4(3), 1967) and
    # of the mean under a conjugate prior worth m observations. Positives are counted,
    # not rows: F1 knows no true negatives, and where the best threshold lies is learnt
    # from the scores of the positives.
    moves = (
        np.isfinite(thresholds)
        & np.isfinite(global_threshold)
        & (positives > 0)
        & (count > 0)
    )
    total = np.maximum(positives, 1e-300) + count
    share = 1.0 if np.isinf(count) else count / total
    with np.errstate(invalid="ignore"):
        return np.where(
            moves, thresholds + share * (global_threshold - thresholds), thresholds
        )


def candidate_counts(
    shrinkage: Literal["auto"] | float | None, positives: NDArray[Any]
) -> tuple[float, ...]:
    """Pseudo-counts to choose among.

    Parameters
    ----------
    shrinkage : "auto", float or None
        The parameter of the optimizer.
    positives : ndarray of shape (n_labels,)
        Weighted number of positives of every label.

    Returns
    -------
    counts : tuple of float
        All of `PSEUDO_COUNTS`, or the one that is to be used: 0 for None, and where
        every label that has a positive has `ENOUGH_POSITIVES`.
    """
    if shrinkage is None or not positives.any():
        return (0.0,)
    if shrinkage != "auto":
        return (float(shrinkage),)
    # The usual count would move such thresholds by a thirtieth of the way.
    if positives[positives > 0].min() >= ENOUGH_POSITIVES:
        return (0.0,)
    return PSEUDO_COUNTS


def choose_count(
    objective: Objective, counts: Sequence[float], tallies: NDArray[Any]
) -> float:
    """Choose how far thresholds are drawn, by how they do on rows not searched.

    Parameters
    ----------
    objective : Objective
        What is maximised.
    counts : tuple of float
        The candidates.
    tallies : ndarray of shape (n_parts, n_counts, ...)
        Of every part of the rows and candidate what its thresholds, found on the other
        parts, come to there, as :meth:`Objective.tally` counts it.

    Returns
    -------
    count : float
        The best candidate if it is better than `USUAL_COUNT` by more than one standard
        error, else that.
    """
    if len(counts) == 1:
        return counts[0]
    n_parts = len(tallies)
    if n_parts < 2:
        return USUAL_COUNT
    whole = tallies.sum(axis=0)
    values = [objective.score(tally) for tally in whole]
    best, usual = int(np.argmax(values)), counts.index(USUAL_COUNT)
    # Jackknife over parts: with d_(i) the gain without part i, the variance of the
    # gain is (n - 1) / n * sum (d_(i) - mean d)^2 (Efron and Stein, Annals of
    # Statistics 9(3), 1981). A gain within one standard error is noise: then the usual
    # count, as in the "one standard error" rule of Breiman et al., CART, 1984.
    left = [whole - tally for tally in tallies]
    gains = np.array(
        [objective.score(t[best]) - objective.score(t[usual]) for t in left]
    )
    error = np.sqrt((n_parts - 1) * gains.var())
    gain = values[best] - values[usual]
    return counts[best] if gain > error + 1e-12 else USUAL_COUNT
