"""The embedding store: every distinct item is encoded once.

A store is one SQLite file in write-ahead-log mode. SQLite is in the standard library,
commits are atomic (what was committed survives a killed process), and any number of
processes may read while one writes, which a folder of pickles gives none of.
"""

import sqlite3

import numpy as np

from sklearn_clip._shared import as_path
from sklearn_clip.embedding.store._claims import claim, give_up, name_owner
from sklearn_clip.embedding.store._database import Database, is_only_unwritable
from sklearn_clip.embedding.store._vectors import insert, look_up

_FILE_NAME = "embeddings.sqlite"
# A bounded file that is larger than this many times its bound is made smaller.
_SLACK = 1.3


class EmbeddingStore:
    """Content-addressed embeddings in a folder.

    Parameters
    ----------
    folder : str or os.PathLike
        Where the store lives; made if it does not exist. Several processes and threads
        may use one folder at once. It must be on a local disk: SQLite's log does not
        work over network file systems.
    max_bytes : int or None, default=None
        Bound of the file's size; SQLite's log beside it takes up to a megabyte or two
        while it is open. Where other processes are at it without a pause it grows to
        32, and beyond while they do not let it be emptied. Vectors that were not used
        for longest are removed first. None sets no bound.

    Attributes
    ----------
    hits, misses : int
        Distinct items that this object found, and did not find.

    Raises
    ------
    ValueError
        If `max_bytes` is no positive integer, or, at first use, if the folder holds a
        file ``embeddings.sqlite`` that is no embedding store.
    OSError
        At first use, if the folder cannot be made or the file not be opened.

    Notes
    -----
    A key is made from the content of an item and from everything its vector depends on
    (weights, preprocessing, precision), so an entry is never out of date. Every vector
    carries a checksum; one that does not agree is encoded again, and a file whose inner
    structure SQLite finds damaged is set aside with a warning and begun anew. A file
    that does not begin like a store is refused: it may be something else.

    A store that may only be read, in a folder where nothing can be made, is read: what
    is encoded beside it is not kept, of which `transform` warns.

    What counts is the room that vectors take in the file, half-filled pages included,
    so that it stays under `max_bytes`. Only a store with a bound notes when a
    vector was used.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn_clip import EmbeddingStore
    >>> store = EmbeddingStore(tempfile.mkdtemp(), max_bytes=10**9)
    >>> store.put_many([b"key"], np.ones((1, 4)))
    >>> store.get_many([b"key"])
    {b'key': array([1., 1., 1., 1.], dtype=float32)}
    """

    def __init__(self, folder, max_bytes=None):
        whole = isinstance(max_bytes, int | np.integer) and max_bytes is not True
        if max_bytes is not None and (not whole or max_bytes < 1):
            raise ValueError(
                f"max_bytes must be a positive integer or None. Got {max_bytes!r}."
            )
        self.folder = as_path(folder, "folder").absolute()
        self.max_bytes = max_bytes
        self.hits = 0
        self.misses = 0
        self._database = Database(self.folder / _FILE_NAME)
        self._void_owners = set()

    def get_many(self, keys):
        """Look up vectors.

        Parameters
        ----------
        keys : list of bytes
            Distinct keys.

        Returns
        -------
        dict of bytes to ndarray of shape (d,), dtype float32
            The vectors that are there.
        """
        found = self._database.run(lambda sql: self._look_up(sql, keys), write=False)
        self._count(len(found), len(keys) - len(found))
        return found

    def put_many(self, keys, vectors):
        """Write vectors in one transaction; keys that are there already are left.

        Parameters
        ----------
        keys : list of bytes
            Distinct keys.
        vectors : ndarray of shape (len(keys), d)
            Their vectors.

        Raises
        ------
        ValueError
            If there are not as many vectors as keys.
        """
        vectors = np.ascontiguousarray(vectors, dtype="<f4")
        if len(keys) != len(vectors):
            raise ValueError(
                f"vectors must have one row per key. Got {len(vectors)} rows for "
                f"{len(keys)} keys."
            )
        if len(keys):
            self._database.run(
                lambda sql: insert(sql, keys, vectors, self.max_bytes), write=True
            )
            if self.max_bytes is not None and self._database.size() > (
                _SLACK * self.max_bytes + 2**20
            ):
                self._database.shrink()  # it had a larger bound, or none

    def claim(self, keys, owner):
        """Look up missing vectors again, and claim those that nobody has claimed.

        Whoever claims an item encodes it; everybody else goes on with other items and
        looks again later. So processes that want the same items share the work.

        Parameters
        ----------
        keys : list of bytes
            Distinct keys that :meth:`get_many` did not find.
        owner : str
            From :meth:`new_owner`. A claim ends when its vector is written, when it is
            released, when its process dies, or after two minutes.

        Returns
        -------
        found : dict of bytes to ndarray of shape (d,), dtype float32
            The vectors that are there.
        claimed : list of bytes
            Keys that this owner must encode.
        """
        found, claimed = self._database.run(
            lambda sql: self._claim(sql, keys, owner), write=True
        )
        self._count(len(found), -len(found))
        return found, claimed

    def release(self, owner, keys=None):
        """Give up claims on items that could not be encoded.

        Parameters
        ----------
        owner : str
            Who claimed them.
        keys : list of bytes or None, default=None
            Their keys; None gives up all claims of the owner.
        """
        try:
            self._database.run(lambda sql: give_up(sql, owner, keys), write=True)
        except sqlite3.DatabaseError:
            if keys is None:  # so that this process does not wait for itself
                self._void_owners.add(owner)
            raise

    @staticmethod
    def new_owner():
        """Name a new owner of claims.

        Returns
        -------
        str
            Machine, process, and a random part.
        """
        return name_owner()

    def info(self):
        """Count what is in the store and how it was used.

        Returns
        -------
        dict
            ``items`` and ``bytes`` of vectors in the store, and the ``hits`` and
            ``misses`` of this process: distinct items found, and not found.

        Raises
        ------
        OSError
            If the store is not there and cannot be made.
        """
        query = "SELECT items, bytes FROM totals"
        items, size = self._database.run(
            lambda sql: sql.execute(query).fetchone(), write=False
        )
        return {
            "items": items,
            "bytes": size,
            "hits": self.hits,
            "misses": self.misses,
        }

    def clear(self):
        """Remove every embedding and set the counters to zero.

        Raises
        ------
        OSError
            If the store cannot be opened or written to, or the disk is full.
        """

        def empty(sql):
            for table in ("items", "vectors", "claims"):
                sql.execute(f"DELETE FROM {table}")
            sql.execute("UPDATE totals SET items = 0, bytes = 0")

        try:
            self._database.run(empty, write=True)
        except sqlite3.OperationalError as exc:
            if not is_only_unwritable(exc):
                raise
            raise OSError(
                f"The embedding store in {str(self.folder)!r} cannot be cleared "
                f"({exc}). Make its folder writable and give it some space, or remove "
                "the folder."
            ) from exc
        self._database.shrink()
        with self._database.lock:
            self.hits = self.misses = 0

    def close(self):
        """Close the file; it is opened again when it is needed."""
        self._database.close()

    def _count(self, hits, misses):
        with self._database.lock:
            self.hits += hits
            self.misses += misses

    def _look_up(self, sql, keys):
        # Only a store with a bound has to know what was used last.
        bounded = self.max_bytes is not None
        return look_up(sql, keys, upgrade=self._database.upgrade, notes_use=bounded)

    def _claim(self, sql, keys, owner):
        # The protocol is look up, claim what is missing, encode, write. Between the
        # caller's look-up and this one others may have written: looking again and
        # claiming are one transaction that holds the lock of the writer from its start,
        # so of two processes that miss one item exactly one gets it. Without the second
        # look, an item written just before the claim is encoded twice.
        found = self._look_up(sql, keys)
        missing = [key for key in keys if key not in found]
        return found, claim(sql, missing, owner, self._void_owners)

    def __copy__(self):
        """Return the store itself: clones of an estimator share it and its counters."""
        return self

    def __deepcopy__(self, memo):
        return self

    def __repr__(self):
        bound = "" if self.max_bytes is None else f", max_bytes={self.max_bytes}"
        return f"EmbeddingStore({str(self.folder)!r}{bound})"

    def __getstate__(self):
        return {"folder": self.folder, "max_bytes": self.max_bytes}

    def __setstate__(self, state):
        self.__init__(**state)
