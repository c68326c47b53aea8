"""The store of a session: one temporary folder per process, shared with its workers."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import stat
import tempfile
import threading
from multiprocessing.util import Finalize
from pathlib import Path

from sklearn_clip._shared import as_path
from sklearn_clip.embedding.store._claims import is_running
from sklearn_clip.embedding.store._store import EmbeddingStore

_PREFIX = "sklearn-clip-session-"
_ALIVE = "alive.lock"
_lock = threading.Lock()
_session = None
_folder_stores: dict[str, EmbeddingStore] = {}


def open_store(
    cache: str | os.PathLike[str] | EmbeddingStore | None,
) -> EmbeddingStore | None:
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
        return session_store()
    folder = os.path.abspath(as_path(cache, "cache"))
    with _lock:
        # One object per folder and process, so that its counters add up.
        return _folder_stores.setdefault(folder, EmbeddingStore(folder))


def session_store() -> EmbeddingStore:
    """Return the store of this session.

    A worker process uses the store of the process that started it, which is found by
    its number: nothing about the session has to travel in pickles, whose hash would
    then differ between sessions.

    Returns
    -------
    EmbeddingStore
        Its folder is removed when the process that made it exits.
    """
    global _session
    with _lock:
        if _session is None or _session[0] != os.getpid():
            folder = _inherited() or _folder_of_starter() or _make_folder()
            _session = os.getpid(), EmbeddingStore(folder)
        return _session[1]


def _inherited():
    """Folder of the parent, which a forked child remembers; None in other processes."""
    if _session is None or _session[0] != os.getppid():
        return None
    return _session[1].folder if _session[1].folder.is_dir() else None


def _folder_of_starter():
    folder = _folder_of(os.getppid())
    # The parent of a worker may be a server that forks for another process: Python's
    # way on Linux from 3.14 on.
    starter = multiprocessing.parent_process()
    if folder is None and starter is not None:
        folder = _folder_of(starter.pid)
    return folder


def _make_folder():
    from filelock import FileLock

    _sweep()
    try:
        folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
    except OSError as exc:
        raise OSError(
            f"The embedding store of this session cannot be made ({exc}). Name a "
            "folder that can be written to with cache=, or pass cache=None."
        ) from exc
    # Held until the process is gone, however it ends: the folder is in use.
    alive = FileLock(os.path.join(folder, _ALIVE))
    alive.acquire()
    # Unlike atexit, this runs in the forked children of multiprocessing too; at this
    # priority it runs after a parent has waited for its children.
    Finalize(None, _remove_session, (folder, os.getpid(), alive), exitpriority=-100)
    return folder


def _remove_session(folder, pid, alive):
    if os.getpid() == pid:  # a forked child inherits the finalizer
        if _session is not None:
            _session[1].close()
        alive.release()
        shutil.rmtree(folder, ignore_errors=True)


def _folder_of(pid):
    """Newest session folder of a process that runs and is ours, or None."""
    found = [
        path for path in _folders(f"{pid}-") if _is_private(path) and _is_held(path)
    ]
    return max(found, key=lambda path: path.stat().st_mtime_ns, default=None)


def _folders(start=""):
    return Path(tempfile.gettempdir()).glob(f"{_PREFIX}{start}*")


def _is_held(folder):
    """Whether the process that made a folder still holds its lock."""
    from filelock import FileLock, Timeout

    if not os.path.exists(folder / _ALIVE):
        return False
    try:
        with FileLock(folder / _ALIVE, timeout=0):
            return False
    except (Timeout, OSError):
        return True


def _is_private(folder):
    """Whether only this user can have written there: the place is anybody's."""
    if os.name == "nt":
        return True
    status = folder.lstat()
    mine = status.st_uid == os.getuid() and stat.S_ISDIR(status.st_mode)
    return mine and not status.st_mode & 0o077


def _sweep():
    """Remove the folders of sessions that were killed before they could do it.

    A process that seems to be gone may run in another container that shares the folder
    of temporary files; its lock tells.
    """
    for folder in _folders():
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if not owner.isdigit() or _is_held(folder):
            continue
        # This process has no session yet: a folder of its number is another's.
        mine = int(owner) == os.getpid()
        if mine or os.name == "nt" or not is_running(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _renew_lock():
    """Give a forked child a lock that nobody holds."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
