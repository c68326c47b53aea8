"""Local features in half the bytes: 16 bits a number, in a store of float32."""

import numpy as np

from sklearn_clip.embedding.store._guarded_store import GuardedStore


class HalfPrecisionStore(GuardedStore):
    """The store as a run sees it whose vectors have long tails, kept in 16 bits.

    The local features of a picture are as long as hundreds of embeddings. In 16 bits a
    number is off by a part in 2,000 at the most, which changes a cosine by less than a
    part in a million.

    Parameters
    ----------
    store : EmbeddingStore or None
        The store.
    width : int
        Length of the vectors.
    exact : int
        How many numbers at their beginning are kept as they are.
    """

    def __init__(self, store, width, exact):
        super().__init__(store)
        self._width = width
        self._exact = exact

    def look_up(self, keys):
        """Return the vectors that are there."""
        return self._unpack_all(super().look_up(keys))

    def claim(self, keys):
        """Return what is there by now, and the keys that are this run's to encode."""
        written, claimed = super().claim(keys)
        return self._unpack_all(written), claimed

    def put(self, keys, rows):
        """Write vectors, which ends the claims on them."""
        if keys:
            super().put(keys, pack(rows, self._exact))

    def keep(self, rows):
        """Round vectors as they will come back, lest a later pass give others."""
        if not len(rows):
            return rows
        return unpack(pack(rows, self._exact), self._width, self._exact)

    def _unpack_all(self, found):
        return {
            key: unpack(words[None], self._width, self._exact)[0]
            for key, words in found.items()
        }


def pack(rows, exact):
    """Pack vectors.

    Parameters
    ----------
    rows : ndarray of shape (n, d), dtype float32
        The vectors, finite.
    exact : int
        How many numbers of each stay as they are, at least 1 less than there are.

    Returns
    -------
    ndarray of shape (n, k), dtype float32
        Words of 32 bits: what stays; a power of two, by which the rest lies within
        [-1, 1]; and the rest, two numbers of 16 bits in each.
    """
    rest = rows[:, exact:]
    # largest = m * 2^e with m in [0.5, 1): no number is too large, and none that
    # matters beside the largest too small, for the five bits of an exponent.
    _, exponents = np.frexp(np.abs(rest).max(axis=1))
    halves = np.ldexp(rest, -exponents[:, None]).astype("<f2")
    if halves.shape[1] % 2:
        halves = np.pad(halves, ((0, 0), (0, 1)))
    scales = np.ldexp(np.float32(1), exponents)[:, None]
    words = np.ascontiguousarray(halves).view("<f4")
    return np.hstack([rows[:, :exact], scales, words], dtype="<f4")


def unpack(words, width, exact):
    """Unpack vectors.

    Parameters
    ----------
    words : ndarray of shape (n, k), dtype float32
        From `pack`.
    width : int
        Length of the vectors.
    exact : int
        As of `pack`.

    Returns
    -------
    ndarray of shape (n, width), dtype float32
        The vectors; the rest of them to 11 binary digits.
    """
    scales = words[:, exact, None]
    halves = np.ascontiguousarray(words[:, exact + 1 :]).view("<f2")
    rest = halves[:, : width - exact].astype(np.float32) * scales
    return np.hstack([words[:, :exact], rest])
