"""The embedding store: every distinct item is encoded once.

A store is one SQLite file in write-ahead-log mode. SQLite is in the standard library,
commits are atomic (what was committed survives a killed process), and any number of
processes may read while one writes, which a folder of pickles gives none of.
"""

import atexit
import contextlib
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

_FILE_NAME = "embeddings.sqlite"
_SESSION_PREFIX = "sklearn-clip-session-"
_LOOKUP_BATCH = 500  # SQLite allows 999 parameters in every version
_TIMEOUT = 60  # seconds to wait for other writers
_session = None
_session_lock = threading.Lock()


class EmbeddingStore:
    """Content-addressed embeddings in a folder.

    Parameters
    ----------
    folder : str or os.PathLike
        Where the store lives; made if it does not exist. Several processes and threads
        may use one folder at once.

    Notes
    -----
    A key is made from the content of an item and from everything its vector depends on
    (weights, preprocessing, precision), so an entry is never out of date.
    """

    def __init__(self, folder):
        self.folder = Path(folder).absolute()
        self.hits = 0
        self.misses = 0

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
        found = {}
        with self._connection() as connection:
            for start in range(0, len(keys), _LOOKUP_BATCH):
                batch = keys[start : start + _LOOKUP_BATCH]
                marks = ",".join("?" * len(batch))
                rows = connection.execute(
                    f"SELECT key, vector FROM embeddings WHERE key IN ({marks})", batch
                )
                found.update((key, np.frombuffer(v, dtype="<f4")) for key, v in rows)
        self.hits += len(found)
        self.misses += len(keys) - len(found)
        return found

    def put_many(self, keys, vectors):
        """Write vectors in one transaction; keys that are there already are left.

        Parameters
        ----------
        keys : list of bytes
            Distinct keys.
        vectors : ndarray of shape (len(keys), d)
            Their vectors.
        """
        vectors = np.ascontiguousarray(vectors, dtype="<f4")
        with self._connection() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO embeddings VALUES (?, ?)",
                [(k, v.tobytes()) for k, v in zip(keys, vectors, strict=True)],
            )

    def info(self):
        """Count what is in the store and how it was used.

        Returns
        -------
        dict
            ``items`` and ``bytes`` in the store, and the ``hits`` and ``misses`` of
            this process: distinct items found, and distinct items not found.
        """
        with self._connection() as connection:
            items, size = connection.execute(
                "SELECT COUNT(*), TOTAL(LENGTH(vector)) FROM embeddings"
            ).fetchone()
        return {
            "items": items,
            "bytes": int(size),
            "hits": self.hits,
            "misses": self.misses,
        }

    def clear(self):
        """Remove every embedding and set the counters to zero."""
        with self._connection() as connection:
            connection.execute("DELETE FROM embeddings")
        self.hits = self.misses = 0

    @contextlib.contextmanager
    def _connection(self):
        """Connect for one transaction.

        A connection that is open while the process forks would make SQLite lose what
        the child commits, and one thread may not use another's: opening the file anew,
        a fraction of a millisecond, rules out both.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (
            contextlib.closing(_connect(self.folder / _FILE_NAME)) as connection,
            connection,
        ):
            yield connection

    def __copy__(self):
        """Return the store itself: clones of an estimator share it and its counters."""
        return self

    def __deepcopy__(self, memo):
        return self

    def __getstate__(self):
        return {"folder": self.folder}

    def __setstate__(self, state):
        self.__init__(state["folder"])


def _connect(file):
    """Open the file and make its table, though others may be doing so just now."""
    connection = sqlite3.connect(file, timeout=_TIMEOUT)
    deadline = time.monotonic() + _TIMEOUT
    while True:
        try:
            # SQLite does not wait for others where it changes the journal's mode.
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS embeddings "
        "(key BLOB PRIMARY KEY, vector BLOB NOT NULL)"
    )
    return connection


def open_store(cache):
    """Turn the ``cache`` parameter of a featurizer into a store.

    Parameters
    ----------
    cache : "auto", str, os.PathLike, EmbeddingStore or None
        The session's store, a folder that is kept, a store, or none at all.

    Returns
    -------
    EmbeddingStore or None
        The store.
    """
    if cache is None or isinstance(cache, EmbeddingStore):
        return cache
    if isinstance(cache, str) and cache == "auto":
        return _session_store()
    return _folder_store(os.path.abspath(cache))


def session_folder():
    """Folder of this process's session store, which its workers may share.

    Returns
    -------
    str
        The folder; it is removed when the process that made it exits.
    """
    return str(_session_store().folder)


def join_session(folder):
    """Use the session store of the parent process, as a worker of joblib should.

    Nothing happens when this process has a store already, or when the folder was not
    made by the parent of this process: an estimator loaded from a file carries the
    folder of a session that is over, or of a stranger.

    Parameters
    ----------
    folder : str
        What `session_folder` returned where the estimator was pickled.
    """
    global _session
    with _session_lock:
        mine = _session is not None and _session[0] == os.getpid()
        if not mine and _owner(folder) == os.getppid() and os.path.isdir(folder):
            _session = os.getpid(), EmbeddingStore(folder)


_folder_stores = {}


def _folder_store(folder):
    """One store object per folder and process, so that its counters add up."""
    with _session_lock:
        return _folder_stores.setdefault(folder, EmbeddingStore(folder))


def _session_store():
    global _session
    with _session_lock:
        if _session is None or _session[0] != os.getpid():
            _sweep_stale_sessions()
            prefix = f"{_SESSION_PREFIX}{os.getpid()}-"
            folder = tempfile.mkdtemp(prefix=prefix)
            atexit.register(_remove_session, folder, os.getpid())
            _session = os.getpid(), EmbeddingStore(folder)
        return _session[1]


def _remove_session(folder, pid):
    if os.getpid() == pid:  # a forked child inherits the exit handler
        shutil.rmtree(folder, ignore_errors=True)


def _owner(folder):
    """Process id in the name of a session folder, or None."""
    name = os.path.basename(folder)
    owner = name.removeprefix(_SESSION_PREFIX).partition("-")[0]
    return int(owner) if name.startswith(_SESSION_PREFIX) and owner.isdigit() else None


def _sweep_stale_sessions():
    """Remove the folders of sessions that were killed before they could do it."""
    for entry in Path(tempfile.gettempdir()).glob(f"{_SESSION_PREFIX}*"):
        owner = _owner(entry)
        if owner is not None and not _is_running(owner):
            shutil.rmtree(entry, ignore_errors=True)


def _is_running(pid):
    if os.name == "nt":  # os.kill would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
