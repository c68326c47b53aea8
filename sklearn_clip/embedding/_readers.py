"""Who reads, decodes and prepares items: threads, or processes for a GPU."""

import os
from itertools import chain
from typing import Literal

from sklearn_clip.embedding import _processes
from sklearn_clip.embedding._failures import attempt
from sklearn_clip.embedding.images import _decoding

_MOST_THREADS = 8
_LOOK_UPS = 64  # files that one thread looks up in a row


def count_threads(num_workers: int | Literal["auto"]) -> int:
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
    processes = modality.find_processes(items, num_workers)
    if processes is None:
        return Readers(modality, pool)
    return ReaderProcesses(modality, pool, processes)


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
    processes : Processes
        The processes.
    """

    # What one batch takes here, to be stacked and pinned, the next is decoded in.
    at_once = 2

    def __init__(self, modality, pool, processes):
        super().__init__(modality, pool)
        self._processes = processes
        self._work = modality.work_that_travels()

    def digest(self, items):
        """Hash items, of which files that were read before are not read again."""
        parts = [items[i : i + _LOOK_UPS] for i in range(0, len(items), _LOOK_UPS)]
        known = list(chain.from_iterable(self._pool.map(self._look_up, parts)))
        unread = [i for i, (digest, _) in enumerate(known) if digest is None]
        if len(unread) < _processes.LEAST_PICTURES:
            return super().digest(items)
        found = [(digest, None, []) for digest, _ in known]
        read = self._have_done(_digest_chunk, [items[i] for i in unread])
        if read is None:
            return super().digest(items)
        for i, done in zip(unread, read, strict=True):
            found[i], seen = done, known[i][1]
            if done[0] is not None and seen is not None:
                _decoding.note_digest(*seen, done[0])
        return found

    def _look_up(self, items):
        return [_decoding.look_up_digest(item, self._work.root) for item in items]

    def prepare(self, jobs):
        """Prepare items; see `Readers.prepare`."""
        parts = max((len(digests) for _, digests in jobs), default=0)
        pixels = self._work.prepare.plan.bytes
        done = self._have_done(_prepare_chunk, jobs, parts * pixels)
        if done is None:
            return super().prepare(jobs)
        from torch import from_numpy

        return [
            (parts and {part: from_numpy(p) for part, p in parts.items()}, *why)
            for parts, *why in done
        ]

    def _have_done(self, function, items, item_bytes=0):
        return self._processes.collect(
            self._processes.submit(function, self._work, items, item_bytes)
        )


def _digest_chunk(work, items):
    return [attempt(work.digest, item) for item in items]


def _prepare_chunk(work, jobs):
    return [attempt(lambda job: work(*job), job) for job in jobs]
