"""Exactly k labels in every row, those that are worth most to the metric."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.thresholds._decoding import rank_labels
from sklearn_clip.thresholds._objective import Objective
from sklearn_clip.thresholds._scored_rows import ScoredRows

_MAX_STEPS = 30


def take_exactly(
    probabilities: NDArray[Any], worth: NDArray[np.float64] | None, k: int
) -> NDArray[np.bool_]:
    """Give every row the k labels of highest worth.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_labels)
        P(label = 1), or scores where `worth` is None.
    worth : ndarray of shape (n_labels, 2) or None
        What the label is worth in a row that has it, and in a row that has not; None
        ranks the labels by their scores.
    k : int
        Number of labels, no more than there are.

    Returns
    -------
    predictions : ndarray of shape (n_rows, n_labels), dtype=bool
        Exactly k of every row are True; of labels of equal worth the first.
    """
    if worth is not None:
        right, wrong = worth.T
        probabilities = right * probabilities + wrong * (1 - probabilities)
    return rank_labels(probabilities) < k


def find_worth(
    rows: ScoredRows,
    probabilities: NDArray[np.float64],
    expected: ScoredRows,
    objective: Objective,
    k: int,
) -> NDArray[np.float64] | None:
    """Find what each label is worth, so that the k of highest worth are best together.

    Parameters
    ----------
    rows : ScoredRows
        Scores and targets, by which what was found is judged.
    probabilities : ndarray of shape (n_rows, n_labels)
        P(label = 1) of the same rows.
    expected : ScoredRows
        The targets whose counts are climbed on: those of `rows`, or expected ones.
    objective : Objective
        What is maximised.
    k : int
        Number of labels of each row.

    Returns
    -------
    worth : ndarray of shape (n_labels, 2) or None
        As :func:`take_exactly` takes it. None where the k highest scores do as well.

    Notes
    -----
    A metric of the counts of labels is, near some counts, linear in them, and its
    derivative tells what one more true and one more false positive of each label are
    worth there. The k labels of highest worth maximise that linear function in every
    row, the new counts give new derivatives, and so on with shrinking steps (the
    conditional gradient of Frank and Wolfe, 1956). Of all that was met, the scores
    themselves included, the best on the rows is taken.
    """

    def value(predictions):
        return objective.score(
            objective.tally(
                rows.targets,
                predictions,
                known=rows.known,
                sample_weight=rows.sample_weight,
            )
        )

    n_labels = probabilities.shape[1]
    best, found = value(take_exactly(rows.scores, None, k)), None
    worth = np.repeat([[1.0, 0.0]], n_labels, axis=0)
    for step in range(_MAX_STEPS):
        predictions = take_exactly(probabilities, worth, k)
        reached = value(predictions)
        if reached > best:
            best, found = reached, worth
        if objective.average == "samples":
            # With as many labels in every row, the likeliest are best.
            break
        tally = objective.tally(
            expected.targets,
            predictions,
            known=expected.known,
            sample_weight=expected.sample_weight,
        )
        slope = _derivatives(objective, tally)
        size = np.abs(slope).max()
        if size == 0:
            break
        # Only the order matters: of one length, they can be added up.
        slope /= size
        share = 1.0 if step == 0 else 2 / (step + 2)
        moved = (1 - share) * worth + share * slope
        if np.allclose(moved, worth, rtol=0, atol=1e-9):
            break
        worth = moved
    return found


def _derivatives(objective, tally):
    """Differentiate the metric by each label's true and by its false positives."""
    tp, fp, positives, negatives = tally
    n_labels = len(tp)
    shares = objective.shares(positives, negatives)
    if objective.average == "micro":
        tp, fp, positives, negatives = (part.sum(keepdims=True) for part in tally)
        shares = np.ones(1)
    sizes = positives, negatives
    slopes = []
    for at, count, most in ((0, tp, positives), (1, fp, negatives)):
        low, high = np.maximum(count - 0.5, 0), np.minimum(count + 0.5, most)
        high = np.maximum(high, low)
        both = [
            objective.values(*(end if at == 0 else tp, fp if at == 0 else end), *sizes)
            for end in (low, high)
        ]
        width = np.where(high > low, high - low, 1.0)
        slopes.append(shares * (both[1] - both[0]) / width)
    return np.broadcast_to(np.stack(slopes, axis=1), (n_labels, 2)).copy()
