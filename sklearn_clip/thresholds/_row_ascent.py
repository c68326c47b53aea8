"""Coordinate ascent on a mean over rows, without rules: every step one lookup a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.thresholds._objective import Objective
from sklearn_clip.thresholds._scored_rows import ScoredRows
from sklearn_clip.thresholds._threshold_curves import RankedScores, pick_thresholds

# Values of the metric that are held at once, about.
_MAX_TABLE = 2**22
_MAX_SWEEPS = 50
# Gains of one step below this are rounding; a sweep that gains less than the second
# is the last.
_TOLERANCE = 1e-12
_LEAST_GAIN = 1e-6


class RowAscent:
    """Ascent of a samples average from thresholds to a local maximum.

    The metric of a row depends on how many true and false positives it has, and on how
    many labels: whole numbers, whose values fit into a table. What passing a row
    changes is read from it; the changes, added up in the order of the label's scores,
    give the mean at all of its thresholds. The scores are sorted once for all climbs.

    Parameters
    ----------
    rows : ScoredRows
        What the thresholds are chosen on, all targets known.
    objective : Objective
        What is maximised, under a samples average.
    """

    def __init__(self, rows: ScoredRows, objective: Objective):
        self.rows = rows
        scores = self.scores = np.ascontiguousarray(rows.scores.T)
        self.order = rows.order
        if self.order is None:
            self.order = np.argsort(-scores, axis=1).astype(np.int32)
        ranked = np.take_along_axis(scores, self.order, axis=1)
        self.ranked = RankedScores(ranked, rows.probability)
        self.valid = self.ranked.valid
        self.hits = np.ascontiguousarray(rows.targets.T)
        size = self.hits.sum(axis=0)
        n_labels = len(scores)
        n_hits = int(size.max(initial=0))
        # One entry for each number of labels, of true and of false positives; the last
        # of each is never passed from.
        shape = n_hits + 1, n_hits + 2, n_labels + 2
        number, tp, fp = np.ogrid[: shape[0], : shape[1], : shape[2]]
        # What cannot be counts neither: it must only not be an error.
        tp, fp = np.minimum(tp, number), np.minimum(fp, n_labels - number)
        counts = [part.astype(np.float64) for part in (tp, fp, number)]
        every = np.broadcast_arrays(*counts, n_labels - counts[2])
        values = objective.values(*every)
        self.values = values.reshape(-1)
        # Change of the metric with one more false positive, and with one more true one.
        changes = np.zeros((2, *shape))
        changes[0, :, :, :-1] = np.diff(values, axis=2)
        changes[1, :, :-1] = np.diff(values, axis=1)
        self.changes = changes.reshape(-1)
        self.table = values.size
        self.base = (size * shape[1] * shape[2]).astype(np.int32)
        # How far predicting a label moves a row in the table.
        self.steps = np.where(self.hits, np.int32(shape[2]), np.int32(1))
        self.shares = objective.shares(size, n_labels - size, rows.sample_weight)

    @staticmethod
    def fits(rows: ScoredRows) -> bool:
        """Whether all values of the metric fit into a table."""
        if rows.known is not None or rows.targets.dtype != bool:
            return False
        n_labels = rows.scores.shape[1]
        largest = int(rows.targets.sum(axis=1).max(initial=0))
        return (largest + 1) * (largest + 2) * (n_labels + 2) <= _MAX_TABLE

    def run(self, start: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Climb from some thresholds and return those reached, and what they are worth.

        No step loses: what is reached is never worse than the start.
        """
        thresholds = start.copy()
        # Place of every row in the table, of its labels that are predicted.
        above = self.scores >= start[:, None]
        place = self.base.copy()
        for label, passed in enumerate(above):
            place += passed * self.steps[label]
        for _ in range(_MAX_SWEEPS):
            gains = [
                self._improve(label, thresholds, above, place)
                for label in range(len(thresholds))
            ]
            if sum(gains) < _LEAST_GAIN:
                break
        value = self.values[place] @ self.shares
        return thresholds, float(value)

    def _improve(self, label, thresholds, above, place):
        """Move one label to its best threshold and return what that gains."""
        step = self.steps[label]
        without = place - above[label] * step
        at = without + self.hits[label] * np.int32(self.table)
        gains = np.take(self.changes, at)
        gains *= self.shares
        order = self.order[label]
        values = np.zeros((1, len(order) + 1))
        np.cumsum(np.take(gains, order), out=values[0, 1:])

        valid = self.valid[label : label + 1]
        here = np.count_nonzero(above[label])
        if not (values > values[0, here] + _TOLERANCE)[valid].any():
            return 0.0

        def placed(labels, positions):
            return self.ranked.place(np.full_like(labels, label), positions)

        best = pick_thresholds(values, valid, placed, self.rows.default)[0]
        thresholds[label] = self.ranked.place(label, best)
        above[label] = False
        above[label, order[:best]] = True
        np.add(without, above[label] * step, out=place)
        return values[0, best] - values[0, here]
