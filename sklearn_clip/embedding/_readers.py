"""Who reads, decodes and prepares items: threads, or processes of their own.

Decoding and resizing leave the interpreter to others, but what lies between them does
not, and threads wait for it in turn: of sixteen cores eight threads got 600 pictures a
second, where a GPU takes thousands. Processes wait for nobody.
"""

import multiprocessing
import os
import pickle
import threading
import warnings
from dataclasses import dataclass, field, replace
from pathlib import PurePath

from PIL import Image, ImageFile

from sklearn_clip._shared import keep_forever, warn_user
from sklearn_clip.embedding._failures import attempt
from sklearn_clip.embedding.images import _decoding
from sklearn_clip.embedding.images._preparation import Preparation

_MOST_THREADS, _MOST_PROCESSES = 8, 16
# With fewer cores, or pictures, processes take longer to start than they save.
_LEAST_CORES = 4
_LEAST_PICTURES = 1024
_CHUNK = 8  # pictures that travel together
_IDLE = 60  # seconds after which a process ends that has nothing to do
_executor = None
_opening = threading.Lock()


def _leave_to_parent():
    """Give a forked child processes of its own, when it needs some."""
    global _executor, _opening
    if _executor is not None:
        keep_forever(_executor)
    _executor, _opening = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


def count_threads(num_workers):
    """Say how many threads read.

    Parameters
    ----------
    num_workers : int or "auto"
        As the user says it.

    Returns
    -------
    int
        The number.
    """
    if num_workers == "auto":
        return min(_MOST_THREADS, os.cpu_count() or 1)
    return max(num_workers, 1)


def choose_readers(modality, items, pool, num_workers):
    """Choose who reads the items of a call.

    Parameters
    ----------
    modality : ImageModality or TextModality
        What is done with them.
    items : list
        The items.
    pool : Executor
        Threads.
    num_workers : int or "auto"
        As the user says it.

    Returns
    -------
    Readers
        Threads, or processes where many files are to be decoded for a GPU.
    """
    plan = None
    # Workers of a search would start as many each.
    is_main = multiprocessing.current_process().name == "MainProcess"
    if is_main and len(items) >= _LEAST_PICTURES and all(map(_can_travel, items)):
        plan = modality.plan_for_gpu()
    if plan is None or not _Surroundings.can_travel():
        return Readers(modality, pool)
    from joblib import cpu_count  # of those that this process may use

    count = min(cpu_count(), _MOST_PROCESSES)
    count = count if num_workers == "auto" else min(count, num_workers)
    if count < _LEAST_CORES:
        return Readers(modality, pool)
    work = replace(modality.work, prepare=Preparation(plan))
    return ReaderProcesses(modality, pool, work, count)


def _can_travel(item):
    return isinstance(item, PurePath) or type(item) in (str, bytes)


@dataclass(frozen=True)
class _Surroundings:
    """What the user has set in this process that decoding depends on."""

    most_pixels: int | None = field(default_factory=lambda: Image.MAX_IMAGE_PIXELS)
    truncated: bool = field(default_factory=lambda: ImageFile.LOAD_TRUNCATED_IMAGES)
    filters: list = field(default_factory=lambda: list(warnings.filters))

    @classmethod
    def can_travel(cls):
        """Whether another process decodes alike."""
        Image.init()
        readers = (reader for reader, _ in Image.OPEN.values())
        try:
            pickle.dumps(cls())
        except Exception:  # what cannot be pickled raises nearly anything
            return False
        return all(reader.__module__.startswith("PIL.") for reader in readers)

    def restore(self):
        """Set the same in another process."""
        Image.MAX_IMAGE_PIXELS = self.most_pixels
        ImageFile.LOAD_TRUNCATED_IMAGES = self.truncated
        if warnings.filters != self.filters:
            warnings.resetwarnings()  # what was shown once is forgotten, too
            warnings.filters[:] = self.filters


class Readers:
    """Threads of this process.

    Parameters
    ----------
    modality : ImageModality or TextModality
        What is done with items.
    pool : Executor
        The threads.

    Attributes
    ----------
    at_once : int
        Batches that they prepare at the same time.
    """

    at_once = 1

    def __init__(self, modality, pool):
        self._modality = modality
        self._pool = pool if modality.in_threads else None

    def digest(self, items):
        """Hash items.

        Parameters
        ----------
        items : list
            The items.

        Returns
        -------
        iterable of tuple (digest, reason, remarks)
            As `attempt` returns them.
        """
        return self._attempt_all(self._modality.digest, items)

    def prepare(self, jobs):
        """Prepare items.

        Parameters
        ----------
        jobs : list of tuple (item, dict of int to bytes)
            Items, and the parts of each that are wanted.

        Returns
        -------
        iterable of tuple (dict of int to pixels, reason, remarks)
            As `attempt` returns them.
        """
        return self._attempt_all(lambda job: self._modality.prepare(*job), jobs)

    def _attempt_all(self, function, items):
        if self._pool is None:  # a text, that nothing can be wrong with
            return [(function(item), None, []) for item in items]
        return self._pool.map(lambda item: attempt(function, item), items)


class ReaderProcesses(Readers):
    """Processes, each on a core; threads go on in their place should they be killed.

    Parameters
    ----------
    modality : ImageModality
        What is done with items.
    pool : Executor
        Threads.
    work : PictureWork
        The same in a form that can travel.
    count : int
        How many processes.
    """

    # What one batch takes here, to be stacked and pinned, the next is decoded in.
    at_once = 2

    def __init__(self, modality, pool, work, count):
        super().__init__(modality, pool)
        self._work, self._count = (work, _Surroundings()), count
        self._root = work.root
        self._lost = False

    def digest(self, items):
        """Hash items, of which files that were read before are not read again."""
        known = list(
            self._pool.map(
                lambda item: _decoding.look_up_digest(item, self._root), items
            )
        )
        unread = [i for i, (digest, _) in enumerate(known) if digest is None]
        if len(unread) < _LEAST_PICTURES:
            return super().digest(items)
        found = [(digest, None, []) for digest, _ in known]
        read = self._attempt_there(_digest_chunk, [items[i] for i in unread])
        if read is None:
            return super().digest(items)
        for i, done in zip(unread, read, strict=True):
            found[i], seen = done, known[i][1]
            if done[0] is not None and seen is not None:
                _decoding.note_digest(*seen, done[0])
        return found

    def prepare(self, jobs):
        """Prepare items; see `Readers.prepare`."""
        done = self._attempt_there(_prepare_chunk, jobs)
        if done is None:
            return super().prepare(jobs)
        from torch import from_numpy

        return [
            (parts and {part: from_numpy(p) for part, p in parts.items()}, *why)
            for parts, *why in done
        ]

    def _attempt_there(self, function, items):
        """Have it done by the processes; None once they are lost."""
        if self._lost:
            return None
        try:
            executor = _open_executor(self._count)
            waiting = [
                executor.submit(function, *self._work, items[start : start + _CHUNK])
                for start in range(0, len(items), _CHUNK)
            ]
            return [done for chunk in waiting for done in chunk.result()]
        except (OSError, RuntimeError) as exc:  # killed, or the system starts none
            self._lost = True
            _close_executor()
            warn_user(
                "The processes that decode pictures for the GPU ended "
                f"({type(exc).__name__}: {str(exc).splitlines()[0]:.200}). Threads go "
                "on in their place, more slowly: look for a lack of memory."
            )
            return None


def _digest_chunk(work, surroundings, items):
    surroundings.restore()
    return [attempt(work.digest, item) for item in items]


def _prepare_chunk(work, surroundings, jobs):
    surroundings.restore()
    return [attempt(lambda job: work(*job), job) for job in jobs]


def _open_executor(count):
    """Return the processes of this process, started when there are none."""
    from joblib.externals.loky import ProcessPoolExecutor

    global _executor
    with _opening:
        if _executor is None:
            # Loky needs no guard in the user's script, and no fork of a process that
            # has CUDA at work.
            _executor = ProcessPoolExecutor(
                count, timeout=_IDLE, env={"OMP_NUM_THREADS": "1"}
            )
        return _executor


def _close_executor():
    global _executor
    with _opening:
        executor, _executor = _executor, None
    if executor is not None:
        executor.shutdown(wait=False, kill_workers=True)
