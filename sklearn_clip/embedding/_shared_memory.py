"""Memory that other processes fill, so that what they have made need not be sent.

A pipe carries 64 KiB at a time, and one process takes all that comes through all pipes
in turn: a copy out of the pipe, one out of the pickle. On Linux memory can be a file
without a name, which others open and write into, side by side. It is no part of
/dev/shm, which containers keep small, and nothing is left of it once nobody holds it.
"""

from __future__ import annotations

import mmap
import os
import pickle
import weakref
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Share:
    """Where one message may put its arrays.

    Parameters
    ----------
    owner, file : int
        The process that made the memory, and its number there.
    identity : tuple of (int, int)
        Device and inode: the number may be another file's by now.
    start, size : int
        The bytes.
    """

    owner: int
    file: int
    identity: tuple[int, int]
    start: int
    size: int

    def open(self) -> mmap.mmap | None:
        """Map the memory; None where the system does not let this process."""
        try:
            file = os.open(f"/proc/{self.owner}/fd/{self.file}", os.O_RDWR)
        except OSError:
            return None
        try:
            if _identify(file) != self.identity:
                return None
            return mmap.mmap(file, self.size, offset=self.start)
        except OSError:
            return None
        finally:
            os.close(file)


class SharedMemory:
    """Memory for several messages.

    Parameters
    ----------
    messages : int
        How many.
    size : int
        Bytes of arrays in each, at the most; what exceeds them travels in the message.
        With 0, or on a system without such memory, everything does.
    """

    def __init__(self, messages: int, size: int):
        self._size = -(-size // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        self._map: mmap.mmap | None = None
        total = messages * self._size
        if not total or not hasattr(os, "memfd_create"):
            return
        try:
            self._file = os.memfd_create("sklearn-clip")
        except OSError:  # too many files are open
            return
        self._close = weakref.finalize(self, os.close, self._file)
        try:
            os.ftruncate(self._file, total)
            self._map = mmap.mmap(self._file, total)
        except OSError:
            self._close()
            return
        self._identity = _identify(self._file)

    def share(self, number: int) -> Share | None:
        """Return the part of one message.

        Parameters
        ----------
        number : int
            Its number.

        Returns
        -------
        Share or None
            For `pack`.
        """
        if self._map is None:
            return None
        start = number * self._size
        return Share(os.getpid(), self._file, self._identity, start, self._size)

    def unpack(self, number: int, message: tuple[bytes, list[tuple[int, int]]]) -> Any:
        """Return what was packed; its arrays lie in the memory, which lives on.

        Parameters
        ----------
        number : int
            Number of the message.
        message : tuple
            From `pack`.

        Returns
        -------
        object
            What was packed.
        """
        pickled, places = message
        if not places:
            return pickle.loads(pickled)
        assert self._map is not None
        memory, first = memoryview(self._map), number * self._size
        arrays = [memory[first + start : first + stop] for start, stop in places]
        return pickle.loads(pickled, buffers=arrays)


def pack(made: Any, share: Share | None) -> tuple[bytes, list[tuple[int, int]]]:
    """Pickle something, its arrays into shared memory as far as they fit.

    Parameters
    ----------
    made : object
        What is sent.
    share : Share or None
        Where arrays may go.

    Returns
    -------
    pickled : bytes
        All but the arrays.
    places : list of tuple of (int, int)
        Where each array begins and ends in its share.
    """
    memory = None if share is None else share.open()
    if memory is None:
        return pickle.dumps(made), []
    places: list[tuple[int, int]] = []

    def put(buffer):
        """Take an array; True leaves it in the pickle."""
        raw = buffer.raw()
        start = places[-1][1] if places else 0
        if not raw.nbytes or start + raw.nbytes > len(memory):
            return True
        memory[start : start + raw.nbytes] = raw
        places.append((start, start + raw.nbytes))
        return False

    with memory:
        pickled = pickle.dumps(made, protocol=5, buffer_callback=put)
    return pickled, places


def _identify(file):
    found = os.fstat(file)
    return found.st_dev, found.st_ino
