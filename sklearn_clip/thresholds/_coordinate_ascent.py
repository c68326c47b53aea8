"""Coordinate ascent: the best threshold of one label at a time, the rest held."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.thresholds._decoding import decode, rank_labels
from sklearn_clip.thresholds._objective import Objective, metric_score
from sklearn_clip.thresholds._row_ascent import RowAscent
from sklearn_clip.thresholds._scored_rows import ScoredRows
from sklearn_clip.thresholds._threshold_curves import RankedScores, pick_thresholds

_MAX_SWEEPS = 50
# Gains of one step below this are rounding; a sweep that gains less than the second
# is the last.
_TOLERANCE = 1e-12
_LEAST_GAIN = 1e-6


def climb(
    rows: ScoredRows,
    objective: Objective,
    starts: Sequence[NDArray[np.float64]],
    *,
    at_least_one: bool = False,
    limit: int | None = None,
) -> NDArray[np.float64]:
    """Improve thresholds one by one until a sweep over all labels gains nothing more.

    Parameters
    ----------
    rows : ScoredRows
        What the thresholds are chosen on.
    objective : Objective
        What is maximised.
    starts : list of ndarray of shape (n_labels,)
        Thresholds to begin at. With `at_least_one`, infinite ones stay.
    at_least_one, limit
        The rules of :func:`decode`, under which every step is judged.

    Returns
    -------
    thresholds : ndarray of shape (n_labels,)
        The best thresholds reached, which are never worse than any of `starts`.
    """
    rules = {"at_least_one": at_least_one, "limit": limit}
    if not at_least_one and limit is None:
        # Unknown entries cannot matter: no threshold need separate them.
        rows = rows.without_unknown()
        if objective.average == "samples" and RowAscent.fits(rows):
            ascent = RowAscent(rows, objective)
            return max((ascent.run(start) for start in starts), key=itemgetter(1))[0]
    # One label is read at a time.
    rows = rows._replace(
        scores=np.asfortranarray(rows.scores), targets=np.asfortranarray(rows.targets)
    )

    ends = [_Ascent(rows, objective, start, **rules).run() for start in starts]
    return max([*ends, *starts], key=lambda end: _value(rows, objective, end, **rules))


def _value(rows, objective, thresholds, **rules):
    """Objective of the predictions at some thresholds."""
    return metric_score(
        rows.targets,
        decode(rows.scores, thresholds, **rules),
        known=rows.known,
        sample_weight=rows.sample_weight,
        **objective._asdict(),
    )


class _Events(NamedTuple):
    """What changes in the predictions when one label is passed in each row.

    Attributes
    ----------
    rows, labels : ndarray of shape (n_events,)
        The entries that change.
    signs : ndarray of shape (n_events,)
        1 where the entry becomes predicted, -1 where it no longer is.
    """

    rows: np.ndarray
    labels: np.ndarray
    signs: np.ndarray


class _Ascent:
    """State of one climb: which entries reach their thresholds, and the counts.

    Lowering the threshold of one label passes its rows one by one. In each the rules
    decide what else changes: the label may displace another (`limit`), or take the
    place of the one that was given for want of any (`at_least_one`). The changes of the
    counts, added up in the order of the rows, give the objective at every threshold.
    """

    def __init__(self, rows, objective, start, *, at_least_one, limit):
        self.rows, self.objective = rows, objective
        self.at_least_one, self.limit = at_least_one, limit
        self.thresholds = start.copy()
        self.above = rows.scores >= start
        self.n_above = self.above.sum(axis=1)
        by_row = objective.average == "samples"
        if by_row:
            self.weight = rows._replace(sample_weight=None).weight
        else:
            self.weight = rows.weight
        if self.weight is not None:
            self.weight = np.broadcast_to(self.weight, rows.scores.shape)
        every = np.ones(rows.scores.shape, dtype=bool)
        self.n_groups = {"samples": len(rows.scores), "micro": 1}.get(
            objective.average, rows.scores.shape[1]
        )
        positives, false_ones = self._count(every)
        self.sizes = positives, false_ones
        self.shares = objective.shares(
            positives, false_ones, rows.sample_weight if by_row else None
        )
        self.ranks = self.fallback = None
        if limit is not None or at_least_one:
            allowed = rows.scores
            if at_least_one:
                allowed = np.where(start < np.inf, allowed, -np.inf)
            self.ranks, self.fallback = rank_labels(allowed), allowed.argmax(axis=1)
        self.last_ranks, self.last_labels = np.zeros((2, len(self.above), 2), np.intp)
        self._find_last(np.arange(len(self.above)))
        # Which labels may be given to an empty row must not change on the way.
        usable = start < np.inf if at_least_one else np.ones(len(start), dtype=bool)
        self.movable = np.flatnonzero(usable)

    def _find_last(self, rows):
        """Find the last label that the limit leaves each of some rows, and the next.

        The next one is the last of the others, where a label before it is left out.
        """
        n_labels = self.above.shape[1]
        if self.limit is None or self.limit >= n_labels:
            return
        rows = rows[self.n_above[rows] >= self.limit]
        ranks = np.where(self.above[rows], self.ranks[rows], n_labels)
        places = [self.limit - 1, self.limit]
        found = np.partition(ranks, places, axis=1)[:, places]
        self.last_ranks[rows] = found
        for place, rank in enumerate(found.T):
            self.last_labels[rows, place] = (ranks == rank[:, None]).argmax(axis=1)

    def run(self):
        """Climb and return the thresholds."""
        # Each step is an exact maximum over one threshold with the others held, so that
        # the objective never falls; it is bounded and takes finitely many values, so it
        # settles. Where no single threshold gains any more, two moved together might:
        # the end is a local maximum, hence several starts.
        for _ in range(_MAX_SWEEPS):
            # Counted anew at each sweep, so that rounding does not add up.
            rules = {"at_least_one": self.at_least_one, "limit": self.limit}
            self.counts = self._count(
                decode(self.rows.scores, self.thresholds, **rules)
            )
            gains = [self._improve(label) for label in self.movable]
            if sum(gains) < _LEAST_GAIN:
                break
        return self.thresholds

    def _groups(self, rows, labels):
        """Group of the mean that each entry belongs to."""
        if self.objective.average == "samples":
            return rows
        return np.zeros_like(labels) if self.n_groups == 1 else labels

    def _tally(self, rows, labels, signs):
        """Group of each entry, and what it adds to the true and false positives."""
        weights = signs if self.weight is None else signs * self.weight[rows, labels]
        hits = self.rows.targets[rows, labels]
        return (
            self._groups(rows, labels),
            weights * hits,
            weights * (1.0 - hits),
        )

    def _sum(self, groups, *parts):
        return [np.bincount(groups, part, self.n_groups) for part in parts]

    def _count(self, predicted):
        """Count true and false positives of every group."""
        rows, labels = np.nonzero(predicted)
        return self._sum(*self._tally(rows, labels, np.ones(len(rows))))

    def _improve(self, label):
        """Move one label to its best threshold and return what that gains."""
        scores = self.rows.scores[:, label]
        order = np.argsort(-scores)
        ranked = RankedScores(scores[None, order], self.rows.probability)
        valid = ranked.valid
        if self.at_least_one:
            # An infinite threshold would keep the label from ever filling a row.
            valid[0, 0] = np.isfinite(ranked.place(0, 0))

        events = self._events(label)
        groups, true, false = self._tally(*events)
        # The counts with this label predicted in no row.
        passed = self.above[events.rows, label]
        now = self._sum(groups[passed], true[passed], false[passed])
        base = [count - part for count, part in zip(self.counts, now, strict=True)]
        position = np.empty(len(order), dtype=np.intp)
        position[order] = np.arange(len(order))
        # M(t_k) = M(t_0) + the sum over the first k rows of what passing each changes
        # in the mean: all thresholds of the label from one pass over its sorted rows.
        gains = self._gains(groups, true, false, position[events.rows], base)
        values = np.concatenate([[0.0], np.cumsum(gains)])
        here = np.count_nonzero(self.above[:, label])
        best = pick_thresholds(values[None], valid, ranked.place, self.rows.default)[0]
        if not values[best] > values[here] + _TOLERANCE:
            return 0.0
        self.thresholds[label] = ranked.place(0, best)
        reached = position < best
        moved = np.flatnonzero(reached != self.above[:, label])
        self.n_above -= self.above[:, label]
        self.above[:, label] = reached
        self.n_above += reached
        # Of all rows it would take the square of the number of labels in each sweep.
        self._find_last(moved)
        passed = self.above[events.rows, label]
        now = self._sum(groups[passed], true[passed], false[passed])
        self.counts = [count + part for count, part in zip(base, now, strict=True)]
        return values[best] - values[here]

    def _gains(self, groups, true, false, position, base):
        """Change of the objective as each row is passed, from counts at the top."""
        n_rows = len(self.rows.scores)
        if not len(groups):
            return np.zeros(n_rows)
        first = np.ones(len(groups), dtype=bool)
        if np.all(groups[1:] > groups[:-1]):  # each changes once: there is no order
            after = [
                start[groups] + part
                for part, start in zip((true, false), base, strict=True)
            ]
        else:
            order = np.lexsort((position, groups))
            groups, position = groups[order], position[order]
            first[1:] = groups[1:] != groups[:-1]
            run = np.cumsum(first) - 1
            after = []
            for part, start in zip((true[order], false[order]), base, strict=True):
                total = np.cumsum(part)
                before = (total - part)[first]
                after.append(total - before[run] + start[groups])
        sizes = [size[groups] for size in self.sizes]
        values = self.objective.values(*after, *sizes)
        at_base = self.objective.values(*base, *self.sizes)
        earlier = np.concatenate([[0.0], values[:-1]])
        steps = values - np.where(first, at_base[groups], earlier)
        return np.bincount(position, steps * self.shares[groups], n_rows)

    def _events(self, label):
        """Entries that change in each row when the label reaches its threshold."""
        n_rows = len(self.above)
        every = np.arange(n_rows)
        kept = np.ones(n_rows, dtype=bool)
        lost = np.full(n_rows, -1)
        if self.ranks is not None:
            n_others = self.n_above - self.above[:, label]
        if self.limit is not None:
            full = np.flatnonzero(n_others >= self.limit)
            own = self.ranks[full, label]
            # Of the others those before this place are kept whatever this label does.
            beyond = self.above[full, label] & (own <= self.last_ranks[full, 0])
            beyond = beyond.astype(np.intp)
            kept[full] = own < self.last_ranks[full, beyond]
            displaced = self.last_labels[full, beyond]
            lost[full] = np.where(kept[full], displaced, -1)
        if self.at_least_one:
            alone = n_others == 0
            kept &= ~(alone & (self.fallback == label))
            lost = np.where(alone & (self.fallback != label), self.fallback, lost)
        gone = np.flatnonzero(lost >= 0)
        rows = np.concatenate([every[kept], gone])
        labels = np.concatenate([np.full(np.count_nonzero(kept), label), lost[gone]])
        signs = np.repeat([1.0, -1.0], [np.count_nonzero(kept), len(gone)])
        return _Events(rows, labels, signs)
