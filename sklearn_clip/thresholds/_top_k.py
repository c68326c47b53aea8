"""At most k labels a row, and one threshold for all labels: the best pair of the two.

For one k the best threshold takes a pass over all scores. Most k need none: all pairs
are laid out as a grid of boxes, a few k by a few neighbouring thresholds, and no pair
of a box is worth more than the true positives of its largest k and lowest threshold
with the false ones of its smallest k and highest threshold. Boxes below what is found
elsewhere are left out, and the others are cut into smaller ones.
"""

from __future__ import annotations

import numpy as np

from sklearn_clip.thresholds._decoding import rank_labels
from sklearn_clip.thresholds._global_threshold import GlobalThresholdSearch
from sklearn_clip.thresholds._objective import Objective
from sklearn_clip.thresholds._scored_rows import BLOCK_SIZE, ScoredRows, absent

# What is worth less than the best by this is so whatever the rounding.
_SLACK = 1e-9
# Boxes along the sides of a grid, which costs about a pass: of k, and of thresholds.
_SIDE, _MOST_PLACES = 64, 4096
# So few k are searched at once, or more where a grid leaves out less than half of the
# pairs.
_FEW, _WORTH = 4, 0.5
# Boxes of a grid for each score.
_BOXES = 8


def find_top_k(
    rows: ScoredRows,
    objective: Objective,
    *,
    at_least_one: bool = False,
    limit: int | None = None,
) -> tuple[int, float]:
    """Find the best number of labels per row, and the threshold they have to reach.

    Parameters
    ----------
    rows, objective, at_least_one, limit
        As for `find_global_threshold`; `limit` bounds k.

    Returns
    -------
    k : int
        Number of labels, at least 1; the smallest of equally good ones.
    threshold : float
        The score that a label has to reach.
    """
    n_labels = rows.scores.shape[1]
    # Whatever k, the scores and their order stay: they are sorted once.
    search, ranks = GlobalThresholdSearch(rows, objective), rank_labels(rows.scores)
    forced = ranks == 0 if at_least_one else None
    best = -np.inf
    for k in hopeful_counts(search, ranks, min(n_labels, limit or n_labels), forced):
        threshold, value = search.best(allowed=ranks < k, forced=forced)
        if value > best + 1e-12:
            best, found = value, (int(k), threshold)
    return found


def hopeful_counts(search, ranks, most, forced=None):
    """List the k that may be better than all smaller ones.

    Parameters
    ----------
    search : GlobalThresholdSearch
        The search for a threshold.
    ranks : ndarray of shape (n_rows, n_labels), dtype=int
        As of `rank_labels`.
    most : int
        The largest k.
    forced : ndarray of shape (n_rows, n_labels), dtype=bool, or None, default=None
        True where an entry is predicted whatever the threshold.

    Returns
    -------
    ndarray of int
        Rising; all from 1 to `most` under a metric that is a callable, of which nothing
        is known.
    """
    every = np.arange(1, most + 1)
    if most <= _FEW or callable(search.objective.metric):
        return every
    boxes = _Boxes(search, ranks, most, forced)
    places = np.flatnonzero(search.valid[0])
    counts = np.append(0, _spread(every, _SIDE))
    at = _spread(places, boxes.room(len(counts)))
    shut = np.zeros((len(counts) - 1, len(at) - 1), dtype=bool)
    best, size = -np.inf, np.inf
    while True:
        highest, reached = boxes.bound(counts, at)
        best = max(best, reached)
        hopeful = (highest >= best - _SLACK) & ~shut
        some, high = hopeful.any(axis=1), hopeful.any(axis=0)
        every = np.flatnonzero(np.repeat(some, np.diff(counts))) + counts[0] + 1
        left = np.outer(np.diff(counts), np.diff(at))[hopeful].sum()
        if len(every) <= _FEW or left > _WORTH * size:
            return every
        size = left
        counts, no_count = _cut(counts, some, _SIDE, np.arange(most + 1))
        at, no_place = _cut(at, high, boxes.room(len(counts)), places)
        shut = no_count[:, None] | no_place


def _spread(values, most):
    """Keep some of a rising sequence, the first and the last among them.

    The more of them the nearer to its beginning.
    """
    if len(values) <= most:
        return values
    steps = np.geomspace(1, len(values), most).round().astype(int) - 1
    return values[np.unique(steps)]


def _cut(ends, hopeful, most, every):
    """Cut the hopeful ones of neighbouring intervals, and join the others.

    Parameters
    ----------
    ends : ndarray of shape (n + 1,), dtype=int
        Where one interval ends and the next begins.
    hopeful : ndarray of shape (n,), dtype=bool
        Some are.
    most : int
        Into so many they are cut, about.
    every : ndarray of int
        Where ends may lie, rising.

    Returns
    -------
    ends : ndarray of shape (m + 1,), dtype=int
        From the first hopeful one to the last.
    shut : ndarray of shape (m,), dtype=bool
        Those that are not hopeful.
    """
    pieces = max(most // hopeful.sum(), 2)
    found, shut = [], []
    for i in range(*(np.flatnonzero(hopeful)[[0, -1]] + [0, 1])):
        if hopeful[i]:
            place = np.searchsorted(every, ends[i : i + 2])
            inner = np.linspace(*place, pieces + 1).astype(int)[:-1]
            found.append(every[np.unique(inner)])
        elif hopeful[i - 1]:
            found.append(ends[i : i + 1])
        else:
            continue
        shut += [not hopeful[i]] * len(found[-1])
    return np.append(np.concatenate(found), ends[i + 1]), np.array(shut)


class _Boxes:
    """Boxes of pairs of k and a threshold, and bounds on what the pairs are worth.

    Parameters
    ----------
    search, ranks, most, forced
        As for `hopeful_counts`.
    """

    def __init__(self, search, ranks, most, forced):
        self._search, self._forced = search, forced is not None
        self._ranks = search.lay_out(ranks)
        n_entries = ranks.size
        small = n_entries <= np.iinfo(np.int32).max
        place = np.empty(n_entries, dtype=np.int32 if small else np.int64)
        place[search.pooled_order] = np.arange(n_entries)
        place = place.reshape(self._ranks.shape)
        # Ranks of k and above are first met here: what lies before is as for k.
        found = np.full(ranks.shape[1] + 1, n_entries)
        np.minimum.at(found, self._ranks.ravel(), place.ravel())
        self._first = np.minimum.accumulate(found[::-1])[::-1]
        if forced is not None:
            place[search.lay_out(forced)] = -1
        self._place = place
        self._steps = None
        if search.objective.average == "samples":
            self._steps = self._row_steps()

    def room(self, n_counts):
        """Say how many intervals of thresholds a grid may have.

        Parameters
        ----------
        n_counts : int
            Intervals of k.

        Returns
        -------
        int
            So many that the boxes of all groups are some times as many as the scores.
        """
        n_groups = 1 if self._steps is not None else len(self._ranks)
        most = _BOXES * self._ranks.size // (n_groups * n_counts)
        return int(np.clip(most, _SIDE, _MOST_PLACES))

    def bound(self, counts, at):
        """Bound the boxes of a grid.

        Parameters
        ----------
        counts : ndarray of shape (n + 1,), dtype=int
            Rising k: a box holds those above one up to the next.
        at : ndarray of shape (m + 1,), dtype=int
            Rising numbers of scores that a threshold is below, likewise.

        Returns
        -------
        highest : ndarray of shape (n, m)
            What no pair of a box is worth more than; minus infinity where all are worth
            what they are with a smaller k.
        reached : float
            What some pair at a corner of a box is worth.
        """
        by_rank = np.searchsorted(counts, np.arange(len(self._first)), side="right")
        by_place = np.repeat(
            np.arange(len(at) + 1), np.diff(at, prepend=0, append=self._place.size)
        )
        # The last one is of the entries before all: their place is -1.
        grid = _Grid(by_rank, np.append(by_place, 0), len(counts), len(at))
        bound = self._bound_labels if self._steps is None else self._bound_rows
        highest, corners = bound(grid, np.diff(counts) == 1)
        highest[at[1:] <= self._first[counts[:-1], None]] = -np.inf
        if counts[0] == at[0] == 0:  # a threshold above all scores is in no box
            highest[0, 0] = max(highest[0, 0], corners[1, 0])
        real = corners[counts > 0]
        if self._forced and at[0] == 0:
            real = real[:, 1:]  # and it may be infinite, which forbids all labels
        return highest, real.max()

    def _bound_labels(self, grid, single):
        """Add up what each label, or all entries together, may reach."""
        search = self._search
        corners = np.zeros(grid.shape)
        highest = np.zeros((len(single), grid.shape[1] - 1))
        for group, share in enumerate(search.shares):
            if not share:
                continue
            cells, inside = grid.of(self._ranks[group], self._place[group])
            weight = None if search.weight is None else search.weight[group][inside]
            targets = search.targets[group][inside]
            tp, fp = (
                grid.add_up(cells, part if weight is None else weight * part)
                for part in (targets, absent(targets))
            )
            sizes = [size[group, 0] for size in search.sizes]
            corners += share * search.objective.values(tp, fp, *sizes)
            least = np.where(single[:, None], fp[1:, :-1], fp[:-1, :-1])
            highest += share * search.objective.values(tp[1:, 1:], least, *sizes)
        return highest, corners

    def _bound_rows(self, grid, single):
        """Add up the steps of all rows: of a box only those that lead upwards."""
        start, steps = self._steps
        cells, inside = grid.of(self._ranks, self._place)
        steps = steps[inside]
        corners = start + grid.add_up(cells, steps)
        rises = grid.add_up(cells, np.maximum(steps, 0.0))
        least = np.where(single[:, None], corners[1:, :-1], corners[:-1, :-1])
        below = np.where(single[:, None], rises[1:, :-1], rises[:-1, :-1])
        return least + rises[1:, 1:] - below, corners

    def _row_steps(self):
        """Change of the mean by the metric of its row as each entry is passed.

        A threshold, and k, keep the first of a row: what the next one changes is the
        same whichever of the two lets it in.
        """
        search = self._search
        n_rows, n_labels = self._ranks.shape
        steps, start = np.empty((n_rows, n_labels)), 0.0
        width = max(1, BLOCK_SIZE // n_labels)
        for first in range(0, n_rows, width):
            block = slice(first, first + width)
            order = np.empty_like(self._ranks[block])
            np.put_along_axis(order, self._ranks[block], np.arange(n_labels), axis=1)
            targets = search.targets[block]
            parts = [targets, absent(targets)]
            if search.weight is not None:
                parts = [search.weight[block] * part for part in parts]
            counts = []
            for part in parts:
                counts.append(np.zeros((len(part), n_labels + 1)))
                part = np.take_along_axis(part, order, axis=1)
                np.cumsum(part, axis=1, out=counts[-1][:, 1:])
            sizes = [size[block] for size in search.sizes]
            values = search.objective.values(*counts, *sizes)
            share = search.shares[block]
            start += values[:, 0] @ share
            changes = np.diff(values, axis=1) * share[:, None]
            np.put_along_axis(steps[block], order, changes, axis=1)
        return start, steps


class _Grid:
    """Corners of boxes, and what lies before each.

    Parameters
    ----------
    by_rank, by_place : ndarray of int
        First corner, along either side, that a rank and a place in the order of all
        scores lie before.
    n_counts, n_places : int
        Corners along either side.

    Attributes
    ----------
    shape : tuple of int
        The two.
    """

    def __init__(self, by_rank, by_place, n_counts, n_places):
        self._by_rank, self._by_place = by_rank, by_place
        self.shape = n_counts, n_places

    def of(self, ranks, places):
        """Tell the first corner of entries, and which entries lie before any."""
        row, column = self._by_rank[ranks], self._by_place[places]
        inside = (row < self.shape[0]) & (column < self.shape[1])
        return (row * self.shape[1] + column)[inside], inside

    def add_up(self, cells, values):
        """Add up what lies before each corner."""
        found = np.bincount(cells, values, minlength=self.shape[0] * self.shape[1])
        return found.reshape(self.shape).cumsum(axis=0).cumsum(axis=1)
