"""Average linkage of unit vectors by their means: exact, without a matrix of pairs."""

import numpy as np

# Cosines of one block of the first search.
_CELLS = 4_000_000


def average_linkage(units, limit):
    """Cluster unit vectors by average linkage, down to an average cosine.

    Parameters
    ----------
    units : ndarray of shape (n, d), dtype=float32
        Rows of length 1.
    limit : float
        Two clusters are joined while the mean cosine over the pairs between them is at
        least this; above 0.

    Returns
    -------
    cluster_of : ndarray of shape (n,), dtype=int64
        A row of the cluster of every row, the same for all of one cluster.

    Notes
    -----
    Memory grows with ``n * d``, time with ``n**2 * d``.
    """
    # The mean over pairs is the product of the means,
    #   1 / (|A| |B|)  sum_{a in A} sum_{b in B} a.b  =  mean(A) . mean(B),
    # so a cluster needs one vector and its size, and all its averages are one product.
    #
    # Chain of nearest neighbours (F. Murtagh, "A survey of recent advances in
    # hierarchical clustering algorithms", Computer Journal 26, 1983): step from a
    # cluster to its nearest one until two are nearest to each other, and join these.
    # Average linkage is reducible, s(A + B, C) <= max(s(A, C), s(B, C)), so joining
    # them spoils no other step of the chain, and the joins are those of the algorithm
    # that always takes the nearest pair of all, in another order. Each join takes two
    # steps, so at most 3 n times the nearest cluster is looked for.
    clusters = _Clusters(units)
    chain, links = [], []  # clusters, and the cosine by which each was reached
    while True:
        if not chain:
            start = clusters.next_open()
            if start is None:
                return clusters.resolve()
            chain, links = [start], [-np.inf]
        nearest, cosine = clusters.nearest_to(chain[-1])
        # Along the chain cosines only rise, so of its members the one before alone can
        # be nearest. Rounding could bring an older one back, and an endless circle.
        if len(chain) > 1 and (cosine <= links[-1] or nearest in chain):
            clusters.join(chain.pop(-2), chain.pop())
            del links[-2:]
        elif cosine >= limit:
            chain.append(nearest)
            links.append(cosine)
        else:  # by reducibility nothing will ever come nearer
            clusters.close(chain.pop())
            links.pop()
        chain = clusters.compact(chain)


class _Clusters:
    """Means and sizes of clusters; a slot that is done with holds zeros.

    No cosine with zeros reaches the limit, so such slots need no mask.
    """

    def __init__(self, units):
        self.means = units.copy()
        self.sizes = np.ones(len(units))
        self.rows = np.arange(len(units))  # a row of each cluster
        self.open = np.ones(len(units), bool)
        self.into = np.arange(len(units))  # the row that a row was joined to
        self.place = 0
        self.nearest = np.full(len(units), -1)
        self.cosine = np.zeros(len(units), np.float32)
        for start in range(0, len(units), max(1, _CELLS // len(units))):
            self._search(np.arange(start, len(units))[: max(1, _CELLS // len(units))])

    def nearest_to(self, slot):
        """Slot of the nearest cluster, and its cosine."""
        if self.nearest[slot] < 0:
            self._search(np.array([slot]))
        return int(self.nearest[slot]), float(self.cosine[slot])

    def _search(self, slots):
        """Find the nearest cluster of each of some."""
        cosines = self.means[slots] @ self.means.T
        cosines[np.arange(len(slots)), slots] = -np.inf
        self.nearest[slots] = cosines.argmax(axis=1)
        self.cosine[slots] = cosines.max(axis=1)

    def next_open(self):
        """Slot of a cluster that may still be joined, None if there is none."""
        while self.place < len(self.open):
            if self.open[self.place]:
                return self.place
            self.place += 1
        return None

    def join(self, first, second):
        """Put two clusters into the slot of the first."""
        sizes = self.sizes[[first, second]]
        mean = sizes @ self.means[[first, second]].astype(np.float64) / sizes.sum()
        self.means[first] = mean
        # Reducible: for all others, what was nearest still is.
        moved = (self.nearest == first) | (self.nearest == second)
        self.nearest[moved] = -1
        self.nearest[first] = -1
        self.sizes[first] = sizes.sum()
        self.into[self.rows[second]] = self.rows[first]
        self.close(second)
        self.place = min(self.place, first)

    def close(self, slot):
        """Leave a slot out of all further products."""
        self.means[slot] = 0
        self.open[slot] = False

    def compact(self, chain):
        """Drop closed slots once they are half of all; return the chain's new slots."""
        if 2 * np.count_nonzero(self.open) > len(self.open) or len(self.open) < 64:
            return chain
        new = np.cumsum(self.open) - 1
        self.means, self.sizes = self.means[self.open], self.sizes[self.open]
        self.rows, self.place = self.rows[self.open], 0
        self.nearest, self.cosine = self.nearest[self.open], self.cosine[self.open]
        # A closed slot that is somebody's nearest is below the limit, as any other is.
        known = self.nearest >= 0
        self.nearest[known] = np.where(self.open, new, 0)[self.nearest[known]]
        chain = new[chain].tolist()
        self.open = np.ones(len(self.rows), bool)
        return chain

    def resolve(self):
        """Follow every row to the last row that it was joined to."""
        into = self.into
        while True:
            further = into[into]
            if (further == into).all():
                return into
            into = further
