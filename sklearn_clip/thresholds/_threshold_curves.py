"""All thresholds of a label: where each lies and what it counts."""

from typing import NamedTuple

import numpy as np


class ThresholdCurves(NamedTuple):
    """Every cut of every label, from "predict nothing" to "predict everything".

    Position ``k`` on the last axis predicts the ``k`` rows of highest score.

    Attributes
    ----------
    tp, fp : ndarray of shape (n_labels, n_rows + 1)
        Weighted true and false positives.
    positives, negatives : ndarray of shape (n_labels, 1)
        Weighted number of rows with and without the label.
    thresholds : ndarray of shape (n_labels, n_rows + 1)
        The threshold that predicts exactly these rows.
    valid : ndarray of shape (n_labels, n_rows + 1), dtype=bool
        False where the position would separate rows of equal score.
    order : ndarray of shape (n_labels, n_rows)
        Row numbers by falling score.
    """

    tp: np.ndarray
    fp: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    thresholds: np.ndarray
    valid: np.ndarray
    order: np.ndarray


def place_thresholds(ranked, *, probability):
    """Thresholds between neighbours of each sorted row, as far from both as can be.

    Parameters
    ----------
    ranked : ndarray of shape (n_labels, n_rows), dtype=float64
        Finite scores, falling along each row.
    probability : bool
        Whether scores are probabilities, so that 0 and 1 bound the outermost cuts.

    Returns
    -------
    thresholds : ndarray of shape (n_labels, n_rows + 1)
        ``score >= thresholds[l, k]`` holds for exactly ``ranked[l, :k]`` wherever the
        scores on both sides of the cut differ.
    """
    top, bottom = ranked[:, :1], ranked[:, -1:]
    if probability:
        above, below = np.maximum(top, 1.0), np.minimum(bottom, 0.0)
    else:
        # No natural bound: half the range of the scores is left as a margin.
        with np.errstate(over="ignore"):
            reach = np.where(top > bottom, top - bottom, np.maximum(abs(top), 1.0))
            above, below = top + reach, bottom - reach
    edges = np.concatenate([above, ranked, below], axis=1)
    upper, lower = edges[:, :-1], edges[:, 1:]
    # Halving before adding cannot overflow. Where the midpoint rounds onto the lower
    # neighbour (adjacent floats, subnormals), the upper one is the exact cut.
    thresholds = 0.5 * upper + 0.5 * lower
    thresholds = np.where(
        (thresholds > lower) & (thresholds <= upper), thresholds, upper
    )
    # Nothing fits between a top score of 1 and the bound 1: such a label is cut off
    # at infinity.
    thresholds[:, 0] = np.where(thresholds[:, 0] > top[:, 0], thresholds[:, 0], np.inf)
    return thresholds


def trace_curves(scores, targets, *, sample_weight=None, probability, order=None):
    """Count the confusion of every cut of every label.

    Parameters
    ----------
    scores : ndarray of shape (n_labels, n_rows), dtype=float64
        Finite scores; note that labels come first.
    targets : ndarray of shape (n_labels, n_rows), dtype=bool
        True where the row has the label.
    sample_weight : ndarray broadcastable to (n_labels, n_rows) or None
        Row weights; None counts every row as 1.
    probability : bool
        See :func:`place_thresholds`.
    order : ndarray of shape (n_labels, n_rows) or None, default=None
        Row numbers by falling score, if they have been sorted already.

    Returns
    -------
    curves : ThresholdCurves
        The counts, the thresholds and which of them exist.
    """
    n_labels, n_rows = scores.shape
    if order is None:
        order = np.argsort(-scores, axis=1)
    ranked = np.take_along_axis(scores, order, axis=1)
    hits = np.take_along_axis(targets, order, axis=1)
    tp, fp = np.zeros((2, n_labels, n_rows + 1))
    if sample_weight is None:
        np.cumsum(hits, axis=1, out=tp[:, 1:])
        np.subtract(np.arange(n_rows + 1), tp, out=fp)
    else:
        weight = np.broadcast_to(sample_weight, scores.shape)
        weight = np.take_along_axis(weight, order, axis=1)
        np.cumsum(weight * hits, axis=1, out=tp[:, 1:])
        np.cumsum(weight * ~hits, axis=1, out=fp[:, 1:])
    valid = np.ones((n_labels, n_rows + 1), dtype=bool)
    np.not_equal(ranked[:, 1:], ranked[:, :-1], out=valid[:, 1:-1])
    thresholds = place_thresholds(ranked, probability=probability)
    return ThresholdCurves(tp, fp, tp[:, -1:], fp[:, -1:], thresholds, valid, order)


def pick_thresholds(values, thresholds, valid, default, tolerance=0.0):
    """Position of the best cut of each row; of equal ones the nearest to `default`.

    Of two cuts as near, the first is taken, which predicts fewer rows.
    """
    values = np.where(valid, values, -np.inf)
    best = values.max(axis=-1, keepdims=True)
    distance = np.where(
        values >= best - tolerance, np.abs(thresholds - default), np.inf
    )
    # Where only an infinite cut is left every distance is infinite, and argmin gives
    # position 0, "predict nothing": no other cut of finite scores can be infinite.
    return distance.argmin(axis=-1)


def take_positions(values, positions):
    """Element of each row at its position."""
    return np.take_along_axis(values, positions[:, None], axis=1)[:, 0]
