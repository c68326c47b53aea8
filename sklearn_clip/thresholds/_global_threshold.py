"""One threshold for all labels, lowered through all scores at once."""

from __future__ import annotations

import numpy as np

from sklearn_clip.thresholds._bounded_search import find_pooled_threshold
from sklearn_clip.thresholds._counted_rows import CountedRows, count_rows
from sklearn_clip.thresholds._decoding import rank_labels
from sklearn_clip.thresholds._objective import Objective
from sklearn_clip.thresholds._scored_rows import BLOCK_SIZE, ScoredRows, absent
from sklearn_clip.thresholds._threshold_curves import (
    RankedScores,
    count_above,
    pick_thresholds,
)


class GlobalThresholdSearch:
    """Search for the threshold that all labels share, under any average.

    An average is a mean over groups of entries: labels, rows, or all entries as one
    group. Lower it through all scores, highest first: each score passed changes the
    metric of its own group only. The sum of these changes, up to the last of each run
    of equal scores, is the mean at that threshold, so one sort of all scores finds the
    maximum (to the rounding of that sum, about 1e-13).

    Parameters
    ----------
    rows : ScoredRows
        What it is chosen on.
    objective : Objective
        What is maximised.
    """

    def __init__(self, rows, objective):
        self.rows, self.objective = rows.without_unknown(), objective
        by_row = objective.average == "samples"
        self.row_weight = rows.sample_weight if by_row else None
        if by_row:
            rows = rows._replace(sample_weight=None)
        self.weight = rows.weight
        self.scores = self.lay_out(self.rows.scores)
        pooled = self.scores.reshape(1, -1)
        # Entries of rows sorted before stand label by label, as here unless by row.
        self.pooled_order = None if by_row else rows.pooled_order
        if self.pooled_order is None:
            self.pooled_order = np.argsort(-pooled[0])
        self.order = self.pooled_order[None]
        if len(self.scores) > 1:
            self.order = None if by_row else rows.order
        if self.order is None:
            self.order = np.argsort(-self.scores, axis=1)
        self.ranked = RankedScores(pooled[:, self.pooled_order], rows.probability)
        self.valid = self.ranked.valid
        self.targets = self.lay_out(self.rows.targets)
        if self.weight is None:
            positives = self.targets.sum(axis=1, dtype=np.float64)
            negatives = self.targets.shape[1] - positives
        else:
            self.weight = self.lay_out(self.weight)
            positives = (self.weight * self.targets).sum(axis=1)
            negatives = (self.weight * absent(self.targets)).sum(axis=1)
        self.sizes = positives[:, None], negatives[:, None]
        self.shares = objective.shares(positives, negatives, self.row_weight)

    def lay_out(self, entries):
        """Lay entries out by groups.

        Parameters
        ----------
        entries : ndarray, of a shape that broadcasts to (n_rows, n_labels)
            The entries.

        Returns
        -------
        ndarray of shape (n_groups, n_members)
            The same.
        """
        entries = np.broadcast_to(entries, self.rows.scores.shape)
        if self.objective.average == "samples":
            return entries
        by_label = np.ascontiguousarray(entries.T)
        if self.objective.average == "micro":
            return by_label.reshape(1, -1)
        return by_label

    def best(self, allowed=None, forced=None):
        """Find the best threshold.

        Parameters
        ----------
        allowed : ndarray of shape (n_rows, n_labels), dtype=bool, or None
            False where an entry is never predicted.
        forced : ndarray of shape (n_rows, n_labels), dtype=bool, or None
            True where it is always predicted.

        Returns
        -------
        threshold : float
            The best one.
        value : float
            The mean metric there.
        """
        valid = self.valid
        if forced is not None:
            allowed = ~forced if allowed is None else allowed & ~forced
            forced = self.lay_out(forced)
            # No label could be forced if none were ever predicted.
            valid = valid.copy()
            valid[0, 0] = np.isfinite(self.ranked.place(0, 0))
        free = None if allowed is None else self.lay_out(allowed)
        changes, start = self._changes(free, forced)
        # M(t_k) = M(t_0) + sum_{i <= k} s_g(i) [m_g(i)(after) - m_g(i)(before)], where
        # g(i) is the group of the i-th highest score, s its share in the mean and m its
        # metric: the sum telescopes within each group, whatever comes in between.
        values = np.empty((1, changes.size + 1))
        values[0, 0] = start
        np.take(changes.reshape(-1), self.pooled_order, out=values[0, 1:])
        np.cumsum(values, axis=1, out=values)
        place = self.ranked.place
        at = pick_thresholds(values, valid, place, self.rows.default, tolerance=1e-12)
        return float(place(0, at)[0]), float(values[0, at[0]])

    def _changes(self, free, forced):
        """Change of the mean as each entry is passed, and the mean at the start."""
        n_groups, n_members = self.scores.shape
        changes, start = np.empty((n_groups, n_members)), 0.0
        width = max(1, BLOCK_SIZE // n_members)
        for first in range(0, n_groups, width):
            block = slice(first, first + width)
            targets, order = self.targets[block], self.order[block]
            weight = None if self.weight is None else self.weight[block]
            counts = count_above(targets, order, _weigh(weight, free, block))
            if forced is not None:
                given = _weigh(weight, forced, block)
                parts = targets, absent(targets)
                counts = [
                    passed + (given * part).sum(axis=1, keepdims=True)
                    for passed, part in zip(counts, parts, strict=True)
                ]
            sizes = [size[block] for size in self.sizes]
            values = self.objective.values(*counts, *sizes)
            # Back in the places of the entries, to be read in the order of all scores.
            steps = np.diff(values, axis=1) * self.shares[block, None]
            np.put_along_axis(changes[block], order, steps, axis=1)
            start += values[:, 0] @ self.shares[block]
        return changes, start


def _weigh(weight, entries, block):
    """Weights of a block of groups where entries hold, or None if all are 1."""
    if entries is None:
        return weight
    return entries[block] * (1.0 if weight is None else weight)


def find_global_threshold(
    rows: ScoredRows | CountedRows,
    objective: Objective,
    *,
    at_least_one: bool = False,
    limit: int | None = None,
) -> float:
    """Find the best threshold for all labels, with the rules of :func:`decode` applied.

    Parameters
    ----------
    rows : ScoredRows
        What it is chosen on.
    objective : Objective
        What is maximised.
    at_least_one, limit
        As in :func:`decode`.

    Returns
    -------
    threshold : float
        The best one.
    """
    if limit is not None and limit >= rows.shape[1]:
        limit = None
    allowed = forced = None
    ruled = at_least_one or limit is not None
    if not ruled:
        rows = count_rows(rows, objective)
    if isinstance(rows, CountedRows):
        return find_pooled_threshold(rows, objective)
    if ruled:
        ranks = rank_labels(rows.scores)
        allowed = None if limit is None else ranks < limit
        forced = ranks == 0 if at_least_one else None
    search = GlobalThresholdSearch(rows, objective)
    return search.best(allowed=allowed, forced=forced)[0]
