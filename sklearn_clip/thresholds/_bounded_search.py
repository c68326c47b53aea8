"""One threshold for all labels, sought only where it can be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.thresholds._counted_rows import CountedRows
from sklearn_clip.thresholds._objective import Objective
from sklearn_clip.thresholds._scored_rows import BLOCK_SIZE
from sklearn_clip.thresholds._threshold_curves import place_between

# Means that differ by less are equal but for the rounding of their sums.
_TOLERANCE = 1e-12
# Of the scores of the grid every so many are looked at first; then, between those that
# are left, more of them.
_STRIDES = (1024, 128, 16, 2)


class Edge(NamedTuple):
    """A threshold for all labels, and what it counts.

    Attributes
    ----------
    score : float
        The lowest score that is predicted; infinite where none is, -inf where all are.
    above : ndarray of shape (n_parts, n_labels)
        Known rows that reach it, of the parts and labels of the search.
    hits : ndarray of shape (n_labels,)
        Positives among them.
    """

    score: float
    above: np.ndarray
    hits: np.ndarray


def find_pooled_threshold(
    rows: CountedRows, objective: Objective, labels: NDArray[np.intp] | None = None
) -> float:
    """Find the best threshold for all labels, or for some of them.

    Every named metric rises with the true positives and falls with the false ones.
    Of thresholds from one down to another, the mean over labels is therefore at most
    what the true positives of the last and the false ones of the first would give. So
    the counts at a few of the scores tell between which of them the best can lie. These
    spans are cut further, and only the scores in those that are left are gone through.

    Parameters
    ----------
    rows : CountedRows
        What it is chosen on.
    objective : Objective
        What is maximised: a named metric, and no mean over rows.
    labels : ndarray of int or None, default=None
        The labels; None takes all.

    Returns
    -------
    threshold : float
        The best one: of those whose mean is the highest up to rounding, the one nearest
        to the usual threshold.
    """
    if labels is None:
        labels = np.arange(rows.shape[1])
    return _BoundedSearch(rows, objective, labels).best()


class _BoundedSearch:
    """One search: what it is about, the highest mean so far, and where it is reached.

    Parameters
    ----------
    rows, objective, labels
        As of :func:`find_pooled_threshold`.
    """

    def __init__(self, rows, objective, labels):
        self.rows, self.objective, self.labels = rows, objective, labels
        self.parts, self.grid = rows.parts, rows.parts.grid
        self.known = self.parts.known[np.ix_(rows.chosen, labels)]
        self.pools = objective.average == "micro"
        sizes = [size[labels] for size in rows.support()]
        self.sizes = [size.sum(keepdims=True) if self.pools else size for size in sizes]
        self.shares = objective.shares(*self.sizes)
        meant = np.zeros(rows.shape[1], dtype=bool)
        meant[labels] = True
        grid = self.grid
        mine = meant[grid.hit_label] & np.isin(grid.hit_part, rows.chosen)
        self.hit_score = grid.hit_score[mine]
        self.hit_label = (np.cumsum(meant) - 1)[grid.hit_label[mine]]
        self.highest, self.found = -np.inf, []

    def best(self):
        """Search, and give the best threshold."""
        top, bottom = (edge[self.labels] for edge in self.rows.extremes)
        top, bottom = top.max(), bottom.min()
        if top < bottom:  # nothing is known
            return np.inf
        # To predict nothing is the first of all thresholds.
        nothing = np.zeros((1, len(self.labels)))
        self._keep(self._means(nothing, nothing), [np.inf], [top])
        for begin, end in self._spans():
            self._search(begin, end)
        values, upper, lower = map(np.concatenate, zip(*self.found, strict=True))
        at = np.flatnonzero(values >= self.highest - _TOLERANCE)
        at = at[np.argsort(-upper[at], kind="stable")]
        thresholds = place_between(
            upper[at],
            lower[at],
            first=upper[at] == np.inf,
            end=lower[at] == -np.inf,
            top=top,
            bottom=bottom,
            probability=self.rows.probability,
        )
        return float(thresholds[np.abs(thresholds - self.rows.default).argmin()])

    def _keep(self, values, upper, lower):
        """Note thresholds that may be the best."""
        self.highest = max(self.highest, values.max())
        near = values >= self.highest - _TOLERANCE
        self.found.append(
            tuple(
                np.asarray(each, dtype=np.float64)[near]
                for each in (values, upper, lower)
            )
        )

    def _means(self, hits, false):
        """Mean of the metric for true and false positives of shape (n, n_labels)."""
        if self.pools:
            hits, false = (each.sum(axis=1, keepdims=True) for each in (hits, false))
        return self.objective.values(hits, false, *self.sizes) @ self.shares

    def _can_hold(self, begin, end):
        """Whether a best threshold can lie in a span below `begin`, down to `end`."""
        false = begin.above.sum(axis=0) - begin.hits
        bound = self._means(end.hits[None], false[None])
        return bound[0] >= self.highest - 2 * _TOLERANCE

    def _spans(self):
        """Edges between which the best threshold can lie."""
        spans, left = np.array([[-1, len(self.grid.scores)]]), self.known.sum()
        for stride in _STRIDES:
            if left <= BLOCK_SIZE // 8:
                break
            cut = np.concatenate([_cut(*span, stride) for span in spans])
            # To count and to compare has to be less work than to go through the rest.
            missing = self.grid.missing(np.unique(cut))
            if (len(cut) + 2 * len(missing)) * len(self.labels) > left:
                break
            spans, left = self._bound(cut)
        # Neighbours are gone through together.
        parted = spans[1:, 0] != spans[:-1, 1]
        firsts = spans[np.append(True, parted), 0]
        lasts = spans[np.append(parted, True), 1]
        return [
            tuple(self._edges(np.array(span)))
            for span in zip(firsts, lasts, strict=True)
        ]

    def _bound(self, spans):
        """Spans that can hold a best threshold, and how many scores these have."""
        bounds, cells = [], []
        width = max(1, 2 * BLOCK_SIZE // self.known.size)
        for start in range(0, len(spans), width):
            points, at = np.unique(spans[start : start + width], return_inverse=True)
            edges = self._edges(points)
            hits = np.stack([edge.hits for edge in edges])
            false = np.stack([edge.above.sum(axis=0) for edge in edges]) - hits
            self.highest = max(self.highest, self._means(hits, false).max())
            begin, end = at.reshape(-1, 2).T
            bounds.append(self._means(hits[end], false[begin]))
            cells.append((hits + false).sum(axis=1)[end])
            cells[-1] -= (hits + false).sum(axis=1)[begin]
        left = np.concatenate(bounds) >= self.highest - 2 * _TOLERANCE
        return spans[left], np.concatenate(cells)[left].sum()

    def _edges(self, points):
        """Edges at ascending places of the grid; -1 is before its first."""
        scores, last = self.grid.scores, len(self.grid.scores)
        inner = points[(points >= 0) & (points < last)]
        above = [
            *np.zeros((np.count_nonzero(points < 0), *self.known.shape), dtype=int),
            *self.grid.above(inner, self.rows.chosen)[:, :, self.labels],
            *[self.known] * np.count_nonzero(points == last),
        ]
        levels = np.concatenate([[np.inf], scores, [-np.inf]])[points + 1]
        # The first of the edges that each positive reaches; then all those after it.
        reached = len(points) - np.searchsorted(levels[::-1], self.hit_score, "right")
        n_labels = len(self.labels)
        hits = np.bincount(
            reached * n_labels + self.hit_label, minlength=len(points) * n_labels
        )
        hits = hits[: len(points) * n_labels].reshape(len(points), n_labels)
        return list(map(Edge, levels, above, hits.cumsum(axis=0)))

    def _search(self, begin, end):
        """Go through the scores of a span, in parts if it has many."""
        if not self._can_hold(begin, end):
            return
        if (end.above - begin.above).sum() > BLOCK_SIZE:
            middle = self._middle(begin, end)
            if middle is not None:
                self._search(begin, middle)
                self._search(middle, end)
                return
        self._go_through(begin, end)

    def _middle(self, begin, end):
        """Edge that parts a span in about halves, or None if all scores are equal."""
        found, counts = [], []
        for each, first, last in zip(
            self.rows.chosen, begin.above, end.above, strict=True
        ):
            values = self.parts.values[each]
            some = last > first
            # Rising from the end of the row: the lowest score of the span is the
            # `last`-th, and in the middle stands the one between.
            at = values.shape[1] - (first + last + 1) // 2
            found.append(values[self.labels[some], at[some]])
            counts.append((last - first)[some])
        found, counts = np.concatenate(found), np.concatenate(counts)
        order = np.argsort(found)
        passed = np.cumsum(counts[order])
        score = found[order[np.searchsorted(passed, passed[-1] / 2)]]
        for bound in (score, np.nextafter(score, score.dtype.type(np.inf))):
            above = self.parts.count_above(bound[None], self.rows.chosen)[:, 0]
            above = above[:, self.labels]
            if begin.above.sum() < above.sum() < end.above.sum():
                hits = self.hit_label[self.hit_score >= bound]
                hits = np.bincount(hits, minlength=len(self.labels))
                return Edge(bound, above, hits)
        return None

    def _go_through(self, begin, end):
        """Compute the mean at every threshold of a span."""
        scores, labels, below = [], [], [-np.inf]
        every = np.arange(len(self.labels))
        for each, first, last in zip(
            self.rows.chosen, begin.above, end.above, strict=True
        ):
            values = self.parts.values[each]
            n_members = values.shape[1]
            lengths = last - first
            starts = self.labels * n_members + n_members - last
            offsets = np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
            scores.append(values.reshape(-1)[offsets + np.arange(len(offsets))])
            labels.append(np.repeat(every, lengths))
            lower = values[self.labels, np.maximum(n_members - last - 1, 0)]
            below.append(np.where(last < n_members, lower, -np.inf).max())
        # A positive is first passed as if it were none, and then put right: what is
        # counted counts where all of the same score are passed.
        inside = slice(
            np.searchsorted(-self.hit_score, -begin.score, "right"),
            np.searchsorted(-self.hit_score, -end.score, "right"),
        )
        n_passed = sum(map(len, scores))
        scores = np.concatenate([*scores, self.hit_score[inside]])
        if not len(scores):
            return
        labels = np.concatenate([*labels, self.hit_label[inside]])
        order = np.argsort(-scores)
        scores, labels, true = scores[order], labels[order], order >= n_passed
        steps, start = self._steps(begin, labels, true)
        # M(t_k) = M(t_0) + sum_{i <= k} s_g(i) [m_g(i)(after) - m_g(i)(before)], where
        # g(i) is the label of the i-th score, s its share in the mean and m its metric.
        values = start + np.cumsum(steps)
        last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
        upper = scores[last].astype(np.float64)
        self._keep(values[last], upper, np.append(upper[1:], max(below)))

    def _steps(self, begin, labels, true):
        """Change of the mean as each entry is passed, and the mean before the first."""
        hits = begin.hits.astype(np.float64)
        false = begin.above.sum(axis=0) - hits
        start = self._means(hits[None], false[None])[0]
        if self.pools:
            hits, false = hits.sum(keepdims=True), false.sum(keepdims=True)
            labels = np.zeros(len(labels), dtype=np.intp)
        small = len(hits) <= 2**16
        # Stable, so that each label's entries stay in the order of their scores.
        order = np.argsort(labels.astype(np.uint16) if small else labels, kind="stable")
        group, true = labels[order], true[order]
        first = np.flatnonzero(np.diff(group, prepend=-1))
        sizes = np.diff(np.append(first, len(group)))
        counts = []
        for part, before in ((true, hits), (1 - 2 * true, false)):
            passed = np.cumsum(part)
            # What the labels before have passed does not count.
            own = before[group[first]] - np.append(0, passed[first[1:] - 1])
            counts.append(passed + np.repeat(own, sizes))
        after = self.objective.values(*counts, *(size[group] for size in self.sizes))
        earlier = np.append(0.0, after[:-1])
        at_start = self.objective.values(hits, false, *self.sizes)
        earlier[first] = at_start[group[first]]
        steps = np.empty(len(order))
        steps[order] = (after - earlier) * self.shares[group]
        return steps, start


def _cut(begin, end, stride):
    """Parts of a span of the grid, at every so many of its places."""
    inner = range((begin // stride + 1) * stride, end, stride)
    points = np.array([begin, *inner, end])
    return np.stack([points[:-1], points[1:]], axis=1)
