"""Maps of scores that are known at knots: straight lines between them, and steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sklearn_clip.export.heads._graph_arrays import GraphArray

_ZERO, _ONE = np.zeros(1, np.int64), np.ones(1, np.int64)


class Knots:
    """Ascending numbers of every column, in a graph, among which scores are found.

    All columns are searched at once, by halving: as many nodes as the longest list has
    binary digits, and no matrix that is larger than that of the scores.

    Parameters
    ----------
    lists : sequence of ndarray
        The knots of every column, none of them empty; or one list for all columns.
    """

    def __init__(self, lists: Sequence[np.ndarray]):
        self._lists = [np.asarray(knots, dtype=np.float64) for knots in lists]
        self._sizes = np.array([len(knots) for knots in self._lists], dtype=np.int64)

    def count(self, scores: GraphArray, *, equal: bool) -> GraphArray:
        """Count the knots below every score.

        Parameters
        ----------
        scores : GraphArray
            Scores, float64.
        equal : bool
            Whether a knot at the score itself counts.

        Returns
        -------
        GraphArray
            Numbers of knots, int64.
        """
        found = scores.full(np.zeros(scores.width, dtype=np.int64))
        step = 1 << int(self._sizes.max()).bit_length() >> 1
        while step:
            # The knots below are at least `further` if the last of so many is below.
            further = found + np.array([step], np.int64)
            knot = self.pick(further.minimum(self._sizes) - _ONE, self._lists)
            below = ~(knot > scores) if equal else knot < scores
            below = below & ~(further > self._sizes)
            found = further.where(below, found)
            step >>= 1
        return found

    def pick(self, places: GraphArray, lists: Sequence[np.ndarray]) -> GraphArray:
        """Look up numbers.

        Parameters
        ----------
        places : GraphArray
            A place in the list of every column.
        lists : sequence of ndarray
            As many lists as there are of knots, of any lengths.

        Returns
        -------
        GraphArray
            What stands there, float64.
        """
        sizes = [len(values) for values in lists]
        starts = np.cumsum([0, *sizes[:-1]], dtype=np.int64)
        table = places.constant(np.concatenate(lists), np.float64)
        place = places + starts
        name = places.builder.add("Gather", table, place.name, axis=0)
        return GraphArray(places.builder, name, np.float64, place.width)

    def snap(self, scores: GraphArray, *, relative: bool) -> GraphArray:
        """Move scores that are at a knot but for rounding onto it.

        Knots are often the scores of rows that are asked about again. At them a map
        may have a step or a corner, of which another order of a sum must not make
        something else.

        Parameters
        ----------
        scores : GraphArray
            Scores.
        relative : bool
            Whether they are probabilities, which are the more exact the smaller they
            are; decision values are sums of terms as large as the largest of them.

        Returns
        -------
        GraphArray
            The scores, float64.
        """
        noise = self._noise(single=scores.dtype == np.float32)
        scores = scores.cast(np.float64)
        passed = self.count(scores, equal=True)
        lower = self.pick((passed - _ONE).maximum(_ZERO), self._lists)
        upper = self.pick(passed.minimum(self._sizes - 1), self._lists)
        above, below = (upper - scores).apply("Abs"), (scores - lower).apply("Abs")
        nearest = upper.where(above < below, lower)
        if relative:
            bound = (nearest * np.array([16.0])).minimum(np.array([1.0])) * noise
        else:
            size = np.array([np.abs(knots).max() for knots in self._lists])
            bound = scores.full(np.zeros(scores.width)) + 2.0 * noise * size
        return scores.where(above.minimum(below) > bound, nearest)

    def _noise(self, *, single):
        """Tell how far rounding moves a score of 1, in every column."""
        # A graph may widen what the classifier has computed in float32: knots tell.
        singles = [
            single or np.array_equal(knots.astype(np.float32), knots)
            for knots in self._lists
        ]
        return np.where(singles, 2.0 * np.finfo(np.float32).eps, 1e-14)

    def interpolate(
        self, scores: GraphArray, values: Sequence[np.ndarray]
    ) -> GraphArray:
        """Follow straight lines between the knots, and the end values beyond them.

        Parameters
        ----------
        scores : GraphArray
            Scores.
        values : sequence of ndarray
            Values at the knots.

        Returns
        -------
        GraphArray
            The values there, float64.
        """
        first = np.array([knots[0] for knots in self._lists])
        last = np.array([knots[-1] for knots in self._lists])
        scores = scores.cast(np.float64).maximum(first).minimum(last)
        # Lines begin at their knot, as NumPy's do: there they have its very value.
        place = self.count(scores, equal=True) - _ONE
        slopes = [
            np.append(np.diff(y.astype(np.float64)) / np.diff(x), 0.0)
            for x, y in zip(self._lists, values, strict=True)
        ]
        run = scores - self.pick(place, self._lists)
        return self.pick(place, slopes) * run + self.pick(place, values)
