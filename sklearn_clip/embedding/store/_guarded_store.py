"""A store whose failure costs what it would have kept, and not the run."""

import contextlib
import sqlite3

from sklearn_clip._shared import warn_user
from sklearn_clip.embedding.store._database import is_only_unwritable


class GuardedStore:
    """The store as a run sees it, or nothing; one that fails is done without.

    Parameters
    ----------
    store : EmbeddingStore or None
        The store.
    """

    def __init__(self, store):
        self._store = store
        self._works = self._writes = store is not None
        self._claimed = False
        self._owner = store.new_owner() if store is not None else None

    def look_up(self, keys):
        """Return the vectors that are there."""
        return self._try({}, lambda store: store.get_many(keys))

    def claim(self, keys):
        """Return what is there by now, and the keys that are this run's to encode."""
        self._claimed = True
        nothing = {}, keys
        return self._try(
            nothing, lambda store: store.claim(keys, self._owner), write=True
        )

    def put(self, keys, rows):
        """Write vectors, which ends the claims on them."""
        if keys:
            self._try(None, lambda store: store.put_many(keys, rows), write=True)

    def keep(self, rows):
        """Return vectors as they will come back."""
        return rows

    def release(self, keys):
        """Give up the claims on items that could not be read."""
        if keys:
            self._try(None, lambda store: store.release(self._owner, keys), write=True)

    def release_all(self):
        """Give up all claims, also of a store that failed in between."""
        if self._claimed and self._store is not None:
            with contextlib.suppress(sqlite3.DatabaseError):
                self._store.release(self._owner)

    def _try(self, otherwise, work, *, write=False):
        """Let a full, read-only or damaged store cost what it keeps, not the run."""
        if not (self._writes if write else self._works):
            return otherwise
        try:
            return work(self._store)
        except sqlite3.DatabaseError as exc:
            self._writes = False
            self._works = write and is_only_unwritable(exc)
            goes_on = "only reads it" if self._works else "goes on without it"
            warn_user(
                f"The embedding store in {str(self._store.folder)!r} fails ({exc}): "
                f"this call {goes_on}, and what it encodes is not kept.",
            )
            return otherwise
