"""All thresholds of a label: where each lies and what it counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.thresholds._scored_rows import BLOCK_SIZE, ScoredRows


def place_between(
    upper: NDArray[np.float64],
    lower: NDArray[np.float64],
    *,
    first: NDArray[np.bool_],
    end: NDArray[np.bool_],
    top: NDArray[np.float64],
    bottom: NDArray[np.float64],
    probability: bool,
) -> NDArray[np.float64]:
    """Put thresholds between two scores, as far from both as can be.

    Parameters
    ----------
    upper, lower : ndarray
        The lowest score that is predicted, and the highest that is not.
    first, end : ndarray, dtype=bool
        Where no score is predicted, so that `upper` means nothing, and where all are
        and `lower` means nothing.
    top, bottom : ndarray
        The highest and the lowest score of all.
    probability : bool
        See :class:`RankedScores`.

    Returns
    -------
    thresholds : ndarray
        Those of the scores between; infinite where a top score of 1 leaves no room.
    """
    if probability:
        above, below = np.maximum(top, 1.0), np.minimum(bottom, 0.0)
    else:
        # No natural bound: half the range of the scores is left as a margin.
        with np.errstate(over="ignore"):
            reach = np.where(top > bottom, top - bottom, np.maximum(abs(top), 1.0))
            above, below = top + reach, bottom - reach
    upper, lower = np.where(first, above, upper), np.where(end, below, lower)
    # Halving before adding cannot overflow. Where the midpoint rounds onto the lower
    # neighbour (adjacent floats, subnormals), the upper one is exact.
    middle = 0.5 * upper + 0.5 * lower
    found = np.where((middle > lower) & (middle <= upper), middle, upper)
    # Nothing fits between a top score of 1 and the bound 1: infinity it is.
    return np.where(first & ~(found > top), np.inf, found)


class RankedScores(NamedTuple):
    """Falling scores, and the thresholds between them.

    Attributes
    ----------
    scores : ndarray of shape (n_labels, n_rows), dtype=float64
        Finite scores, falling along each row.
    probability : bool
        Whether scores are probabilities, so that 0 and 1 bound the outermost
        thresholds.
    """

    scores: np.ndarray
    probability: bool

    @property
    def valid(self):
        """Where a threshold exists: False between rows of equal score.

        Position ``k`` of ``n_rows + 1`` predicts the ``k`` rows of highest score.
        """
        n_labels, n_rows = self.scores.shape
        valid = np.ones((n_labels, n_rows + 1), dtype=bool)
        np.not_equal(self.scores[:, 1:], self.scores[:, :-1], out=valid[:, 1:-1])
        return valid

    def place(self, labels, positions):
        """Thresholds at some positions, as far from both neighbours as can be.

        Few of all the positions are ever asked for: the best ones.

        Parameters
        ----------
        labels, positions : ndarray of int, of shapes that broadcast
            Which label, and how many of its rows to predict.

        Returns
        -------
        thresholds : ndarray
            ``score >= threshold`` holds for exactly ``scores[label, :position]``
            wherever the scores on both sides differ.
        """
        last = self.scores.shape[1] - 1
        return place_between(
            self.scores[labels, np.maximum(positions - 1, 0)],
            self.scores[labels, np.minimum(positions, last)],
            first=positions == 0,
            end=positions > last,
            top=self.scores[labels, 0],
            bottom=self.scores[labels, -1],
            probability=self.probability,
        )

    def place_all(self):
        """Thresholds at all positions, of shape (n_labels, n_rows + 1)."""
        n_labels, n_rows = self.scores.shape
        return self.place(np.arange(n_labels)[:, None], np.arange(n_rows + 1))


class ThresholdCurves(NamedTuple):
    """Every threshold of every label, from "predict nothing" to "predict everything".

    Position ``k`` on the last axis predicts the ``k`` rows of highest score.

    Attributes
    ----------
    tp, fp : ndarray of shape (n_labels, n_rows + 1)
        Weighted true and false positives.
    positives, negatives : ndarray of shape (n_labels, 1)
        Weighted number of rows with and without the label.
    ranked : RankedScores
        The scores in falling order, and the thresholds between them.
    valid : ndarray of shape (n_labels, n_rows + 1), dtype=bool
        False where the position would separate rows of equal score.
    order : ndarray of shape (n_labels, n_rows)
        Row numbers by falling score.
    """

    tp: np.ndarray
    fp: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    ranked: RankedScores
    valid: np.ndarray
    order: np.ndarray


def trace_curves(
    scores: NDArray[np.float64],
    targets: NDArray[np.bool_],
    *,
    sample_weight: NDArray[Any] | None = None,
    probability: bool,
    order: NDArray[Any] | None = None,
) -> ThresholdCurves:
    """Count the confusion of every threshold of every label.

    Parameters
    ----------
    scores : ndarray of shape (n_labels, n_rows), dtype=float64
        Finite scores; note that labels come first.
    targets : ndarray of shape (n_labels, n_rows), dtype=bool
        True where the row has the label.
    sample_weight : ndarray broadcastable to (n_labels, n_rows) or None
        Row weights; None counts every row as 1.
    probability : bool
        See :class:`RankedScores`.
    order : ndarray of shape (n_labels, n_rows) or None, default=None
        Row numbers by falling score, if they have been sorted already.

    Returns
    -------
    curves : ThresholdCurves
        The counts, the thresholds and which of them exist.
    """
    if order is None:
        order = np.argsort(-scores, axis=1)
    ranked = RankedScores(np.take_along_axis(scores, order, axis=1), probability)
    tp, fp = count_above(targets, order, sample_weight)
    sizes = tp[:, -1:], fp[:, -1:]
    return ThresholdCurves(tp, fp, *sizes, ranked, ranked.valid, order)


def trace_blocks(rows: ScoredRows) -> Iterator[tuple[slice, ThresholdCurves]]:
    """Yield the curves of a few labels at a time, with the slice of these labels.

    Parameters
    ----------
    rows : ScoredRows
        Scores and targets.

    Yields
    ------
    block : slice
        The labels.
    curves : ThresholdCurves
        Their curves, which take about a hundred bytes a score.
    """
    rows, weight = rows.without_unknown(), rows.weight
    n_rows, n_labels = rows.scores.shape
    width = max(1, BLOCK_SIZE // n_rows)
    for start in range(0, n_labels, width):
        block = slice(start, min(start + width, n_labels))
        part = weight
        if weight is not None and weight.shape[1] > 1:
            part = weight[:, block]
        yield (
            block,
            trace_curves(
                np.ascontiguousarray(rows.scores[:, block].T),
                np.ascontiguousarray(rows.targets[:, block].T),
                sample_weight=None if part is None else part.T,
                probability=rows.probability,
                order=None if rows.order is None else rows.order[block],
            ),
        )


def count_above(
    targets: NDArray[np.bool_], order: NDArray[Any], weight: NDArray[Any] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Count true and false positives as one row after the other is predicted.

    Parameters
    ----------
    targets : ndarray of shape (n_labels, n_rows), dtype=bool or float
        True where the row has the label; or the probability that it has.
    order : ndarray of shape (n_labels, n_rows)
        The rows in the order in which they are predicted.
    weight : ndarray broadcastable to (n_labels, n_rows) or None, default=None
        Weights; None counts every entry as 1.

    Returns
    -------
    tp, fp : ndarray of shape (n_labels, n_rows + 1)
        Weighted counts of the first 0, 1, ... rows.
    """
    n_labels, n_rows = targets.shape
    hits = np.take_along_axis(targets, order, axis=1)
    tp, fp = np.zeros((2, n_labels, n_rows + 1))
    if weight is None:
        np.cumsum(hits, axis=1, out=tp[:, 1:])
        np.subtract(np.arange(n_rows + 1), tp, out=fp)
    else:
        weight = np.broadcast_to(weight, targets.shape)
        weight = np.take_along_axis(weight, order, axis=1)
        np.cumsum(weight * hits, axis=1, out=tp[:, 1:])
        np.cumsum(weight * (1.0 - hits), axis=1, out=fp[:, 1:])
    return tp, fp


def pick_thresholds(
    values: NDArray[Any],
    valid: NDArray[np.bool_],
    place: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]],
    default: float,
    tolerance: float = 0.0,
) -> NDArray[np.intp]:
    """Position of the best threshold of each label.

    Parameters
    ----------
    values : ndarray of shape (n_labels, n_positions)
        What each position is worth.
    valid : ndarray of shape (n_labels, n_positions), dtype=bool
        Which positions may be picked.
    place : callable
        Gives the thresholds at ``(labels, positions)``.
    default : float
        Of equally good thresholds the one nearest to this is taken; of two as near,
        the first, which predicts fewer rows.
    tolerance : float, default=0.0
        Values that are lower than the best by no more than this are equal to it.

    Returns
    -------
    positions : ndarray of shape (n_labels,)
        The picked positions.
    """
    values = np.where(valid, values, -np.inf)
    best = values.max(axis=1, keepdims=True)
    # Row-major, so that each label's candidates stand together; none is without.
    labels, positions = np.nonzero(values >= best - tolerance)
    return positions[first_nearest(labels, place(labels, positions), default)]


def first_nearest(
    labels: NDArray[np.intp], thresholds: NDArray[np.float64], default: float
) -> NDArray[np.intp]:
    """Of each label's thresholds, the first of those nearest to the usual one.

    Parameters
    ----------
    labels : ndarray of shape (n_thresholds,)
        0, 1, ..., ascending; each has a threshold.
    thresholds : ndarray of shape (n_thresholds,)
        Equally good ones.
    default : float
        The usual threshold.

    Returns
    -------
    places : ndarray of shape (n_labels,)
        Where they stand.
    """
    distance = np.abs(thresholds - default)
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    nearest = np.minimum.reduceat(distance, starts)
    # An infinite threshold is the nearest only where it is the only candidate.
    hit = np.flatnonzero(distance == nearest[labels])
    return hit[np.flatnonzero(np.diff(labels[hit], prepend=-1))]


def take_positions(values: NDArray[Any], positions: NDArray[Any]) -> NDArray[Any]:
    """Element of each row at its position."""
    return np.take_along_axis(values, positions[:, None], axis=1)[:, 0]
