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
# Taken unless others are surely better, see `choose_count`;
# benchmarks/study_shrinkage.py shows how it does.
USUAL_COUNT = 10.0
# Standard errors that are noise where thresholds would be drawn less far than usual.
# Parts do not see all that thresholds of rare labels cost: models that were fitted
# without the positives of a part, of hardly more than there are parts, score that part
# low, and a threshold that is best there lies below nearly all scores of the model of
# all rows. And few parts say little about their own spread: of five, a mean is three
# errors away in one of fifty draws (Student's t). Expected counts come from a map of
# all scores, which a few low ones do not move.
_ERRORS_DOWN = 3


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
    objective: Objective,
    counts: Sequence[float],
    tallies: NDArray[Any],
    *,
    expected: bool = False,
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
    expected : bool, default=False
        Whether the thresholds were chosen by expected counts.

    Returns
    -------
    count : float
        `USUAL_COUNT`, unless the best candidate is better by more than one standard
        error, or three where it is smaller and thresholds are chosen by counts of
        targets; then the first on the way to it of which the same cannot be said.
    """
    if len(counts) == 1:
        return counts[0]
    n_parts = len(tallies)
    if n_parts < 2:
        return USUAL_COUNT
    whole = tallies.sum(axis=0)
    values = np.array([objective.score(tally) for tally in whole])
    best, usual = int(np.argmax(values)), counts.index(USUAL_COUNT)
    # Jackknife over parts: with d_(i) the gain without part i, the variance of the
    # gain is (n - 1) / n * sum (d_(i) - mean d)^2 (Efron and Stein, Annals of
    # Statistics 9(3), 1981). The first on the way from the usual count to the best one
    # that is not surely worse is taken, as Breiman et al., CART, 1984, choose a tree.
    left = np.array(
        [[objective.score(tally) for tally in whole - part] for part in tallies]
    )
    errors = np.sqrt((n_parts - 1) * (left[:, [best]] - left).var(axis=0))
    up = best > usual
    noise = errors if up or expected else _ERRORS_DOWN * errors
    good = values[best] - values <= noise + 1e-12
    way = range(usual, best, 1 if up else -1)
    return counts[next((at for at in way if good[at]), best)]
