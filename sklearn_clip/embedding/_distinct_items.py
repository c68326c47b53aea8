"""The distinct items of a call: which they are, and where each of them stands."""

import numpy as np

from sklearn_clip.embedding._modalities import DIGEST_BYTES


class DistinctItems:
    """The distinct items of a call, by number, and the positions of each.

    Arrays, not a dict of lists: of ten million items it takes 400 megabytes.

    Parameters
    ----------
    digests : ndarray of shape (n, 16), dtype uint8
        Digest of each item.
    failures : collection of int
        Positions without a digest.
    space : bytes
        What the keys begin with.
    parts : int, default=1
        Positions that one image or text of the call has, one after the other.
    """

    def __init__(self, digests, failures, space, parts=1):
        self._digests = digests
        self._space = space
        self.parts = parts
        good = np.ones(len(digests), dtype=bool)
        good[list(failures)] = False
        self._good = np.flatnonzero(good)
        voids = digests[self._good].view(f"V{DIGEST_BYTES}").ravel()
        _, first, inverse = np.unique(voids, return_index=True, return_inverse=True)
        # Numbered in the order of their first positions, not in that of the digests.
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        self.first = self._good[first[order]]
        owner = rank[inverse.ravel()]
        self._sorted = self._good[np.argsort(owner, kind="stable")]
        self._counts = np.bincount(owner, minlength=len(order))
        self._starts = np.cumsum(self._counts) - self._counts

    def __len__(self):
        return len(self.first)

    def source(self, number):
        """Return the image or text that an item is of, and which part it is of it."""
        return divmod(int(self.first[number]), self.parts)

    def digest(self, number):
        """Return the digest of an item."""
        return self._digests[self.first[number]].tobytes()

    def key(self, number):
        """Return the key of an item in the store."""
        return self._space + self.digest(number)

    def of(self, numbers):
        """Return all positions of some items, and how many each has."""
        parts = [
            self._sorted[self._starts[n] : self._starts[n] + self._counts[n]]
            for n in numbers
        ]
        return np.concatenate(parts), self._counts[list(numbers)]
