"""What is gathered from blocks of cosines while all pairs of rows pass by."""

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

# Rows compared at once, and pairs that are kept until they are merged.
_BLOCK = 2048
_MAX_PAIRS = 1_000_000
# Of the pairs on one side of the threshold, how many candidates are kept for each that
# is asked for, so that there is a choice of rows.
_CANDIDATES = 16


def walk_pairs(units, collectors):
    """Show every pair of rows to some collectors, in blocks.

    Parameters
    ----------
    units : ndarray of shape (n, d), dtype=float32
        Rows of length 1.
    collectors : list
        Each is given ``add(i, j, cosines)``: the cosines of the rows from `i` on with
        those from `j` on, ``-2`` for what is no pair of its own.
    """
    n = len(units)
    for i in range(0, n, _BLOCK):
        for j in range(i, n, _BLOCK):
            cosines = units[i : i + _BLOCK] @ units[j : j + _BLOCK].T
            if i == j:
                cosines[np.tri(len(cosines), dtype=bool)] = -2.0
            for collector in collectors:
                collector.add(i, j, cosines)


class Components:
    """Rows joined by chains of pairs of at least a cosine.

    Parameters
    ----------
    n : int
        Number of rows.
    limit : float
        The cosine.
    """

    def __init__(self, n, limit):
        self.limit = np.float32(limit)
        self._group_of = np.arange(n)
        self._pairs, self._n_pairs = [], 0

    def add(self, i, j, cosines):
        """Take the pairs of a block that join what is not joined yet."""
        near = cosines >= self.limit
        if not near.any():
            return
        rows, columns = cosines.shape
        left, right = self._group_of[i : i + rows], self._group_of[j : j + columns]
        near &= left[:, None] != right
        first, second = np.nonzero(near)
        self._pairs.append(np.stack([left[first], right[second]]))
        self._n_pairs += len(first)
        if self._n_pairs > _MAX_PAIRS:
            self._merge()

    def _merge(self):
        """Join the groups of each pair."""
        if not self._pairs:
            return
        first, second = np.concatenate(self._pairs, axis=1)
        n = len(self._group_of)
        graph = sparse.coo_array(
            (np.ones(len(first), bool), (first, second)), shape=(n, n)
        )
        _, component = connected_components(graph, directed=False)
        self._group_of = component[self._group_of]
        self._pairs, self._n_pairs = [], 0

    def groups(self):
        """Group of every row, an ndarray of int."""
        self._merge()
        return self._group_of


class NearestCosines:
    """Cosine of every row with the nearest other one; -2 where there is none.

    Parameters
    ----------
    n : int
        Number of rows.
    """

    def __init__(self, n):
        self.cosines = np.full(n, -2.0, np.float32)

    def add(self, i, j, cosines):
        """Take the highest cosines of a block, for its rows and for its columns."""
        for start, axis in ((i, 1), (j, 0)):
            highest = cosines.max(axis=axis)
            own = self.cosines[start : start + len(highest)]
            np.maximum(own, highest, out=own)


class ClosestPairs:
    """Pairs on one side of a cosine, those closest to it.

    Parameters
    ----------
    limit : float
        The cosine, which belongs to the upper side.
    above : bool
        Which side.
    n_pairs : int
        How many are asked for.
    """

    def __init__(self, limit, above, n_pairs):
        self.limit = np.float32(limit)
        self.above = above
        self.n_pairs = n_pairs
        self._farthest = np.float32(2 if above else -2)
        self._pairs = np.empty((0, 2), np.int64)
        self._cosines = np.empty(0, np.float32)

    def add(self, i, j, cosines):
        """Take the pairs of a block that are closer than the farthest one kept."""
        if self.above:
            near = (cosines >= self.limit) & (cosines < self._farthest)
        else:
            near = (cosines < self.limit) & (cosines > self._farthest)
        first, second = np.nonzero(near)
        if not len(first):
            return
        n_kept = _CANDIDATES * self.n_pairs
        found = cosines[first, second]
        if len(found) > n_kept:
            # Of millions of pairs a few hundred stay, which are found without a sort;
            # all that are as far as the last of them go on to it.
            distances = np.abs(found - self.limit)
            last = np.partition(distances, n_kept - 1)[n_kept - 1]
            close = np.flatnonzero(distances <= last)
            first, second, found = first[close], second[close], found[close]
        found = np.concatenate([self._cosines, found])
        pairs = np.concatenate([self._pairs, np.column_stack([i + first, j + second])])
        # Stable, and pairs come in one order: the choice does not depend on chance.
        kept = np.argsort(np.abs(found - self.limit), kind="stable")[:n_kept]
        self._pairs, self._cosines = pairs[kept], found[kept]
        if len(kept) == n_kept:
            self._farthest = self._cosines[-1]

    def choose(self):
        """Choose the closest pairs, no row twice while there are others.

        Returns
        -------
        pairs : ndarray of shape (n, 2), dtype=int64
            Rows, at most as many pairs as were asked for.
        cosines : ndarray of shape (n,)
            Their cosines.
        """
        seen, fresh, rest = set(), [], []
        for place, pair in enumerate(self._pairs.tolist()):
            (rest if seen & set(pair) else fresh).append(place)
            if place in fresh[-1:]:
                seen |= set(pair)
        chosen = np.array((fresh + rest)[: self.n_pairs], dtype=np.int64)
        return self._pairs[chosen], self._cosines[chosen]
