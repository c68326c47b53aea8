"""Processes that decode pictures for a GPU.

Decoding and resizing leave the interpreter to others, but what lies between them does
not, and threads wait for it in turn: of sixteen cores eight threads got 570 pictures a
second, where a GPU takes thousands. Processes wait for nobody.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from PIL import Image, ImageFile

from sklearn_clip._shared import keep_forever, warn_user
from sklearn_clip.embedding._shared_memory import SharedMemory, pack

if TYPE_CHECKING:
    import torch

    from sklearn_clip.embedding.backbone._backbone import Backbone

_MOST = 16
# With fewer cores, or pictures, processes take longer to start than they save.
_LEAST_CORES = 4
LEAST_PICTURES = 1024
_MOST_TOGETHER = 32  # pictures that travel together
# Whose warnings a picture can bring there. The classes of others would bring their
# packages with them: torch's half a gigabyte, and seconds, into every process.
_CAN_WARN = {"builtins", "PIL", "numpy", "sklearn_clip"}
_IDLE = 60  # seconds after which a process ends that has nothing to do
_executors: dict[int, Any] = {}
_opening = threading.Lock()


def _leave_to_parent():
    """Give a forked child processes of its own, when it needs some."""
    global _opening
    keep_forever(*_executors.values())
    _executors.clear()
    _opening = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)


def find_processes(
    backbone: Backbone,
    items: Sequence[Any],
    num_workers: int | Literal["auto"],
    device: torch.device | None = None,
) -> Processes | None:
    """Find processes where many files are to be decoded for a GPU.

    Parameters
    ----------
    backbone : Backbone
        The model.
    items : sequence
        The pictures.
    num_workers : int or "auto"
        As the user says it.
    device : torch.device or None, default=None
        Where the pixels go; None for the device of the model.

    Returns
    -------
    Processes or None
        None where threads of this process are better: there is no GPU, the pictures are
        few or in memory, the cores are few or a search divides them, the model has a
        preprocessing of its own, or another process would not decode alike.
    """
    if (
        len(items) < LEAST_PICTURES
        or multiprocessing.current_process().name != "MainProcess"
        or not _feeds_gpu(backbone, device)
        or backbone.pixel_plan is None
        or not all(map(_can_travel, items))
        or not _Surroundings.can_travel()
    ):
        return None
    from joblib import cpu_count  # of those that this process may use

    count = min(cpu_count(), _MOST)
    count = count if num_workers == "auto" else min(count, num_workers)
    return Processes(count) if count >= _LEAST_CORES else None


def _feeds_gpu(backbone, device):
    if device is None:
        return not backbone.on_cpu and backbone.device.type == "cuda"
    return device.type == "cuda"


def _can_travel(item):
    return isinstance(item, PurePath) or type(item) in (str, bytes)


def _read_filters():
    return [
        entry
        for entry in warnings.filters
        if entry[2].__module__.partition(".")[0] in _CAN_WARN
    ]


@dataclass(frozen=True)
class _Surroundings:
    """What the user has set in this process that decoding depends on."""

    most_pixels: int | None = field(default_factory=lambda: Image.MAX_IMAGE_PIXELS)
    truncated: bool = field(default_factory=lambda: ImageFile.LOAD_TRUNCATED_IMAGES)
    filters: list = field(default_factory=_read_filters)

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


class Waiting(NamedTuple):
    """What processes were given to do.

    Parameters
    ----------
    futures : list of Future
        One for every chunk.
    memory : SharedMemory
        Where they put their arrays.
    """

    futures: list[Future]
    memory: SharedMemory


class Processes:
    """Processes, each on a core, which are kept for a minute between calls.

    Parameters
    ----------
    count : int
        How many.
    """

    def __init__(self, count: int):
        self._count = count
        self._surroundings = pickle.dumps(_Surroundings())  # once, for all chunks
        self._lost = False

    def submit(
        self,
        function: Callable[[Any, list[Any]], list[Any]],
        work: Any,
        items: list,
        item_bytes: int = 0,
    ) -> Waiting | None:
        """Have something done with items.

        Parameters
        ----------
        function : callable
            Of a module; takes `work` and a list of some items, and returns a list.
        work : object
            What it needs beside them.
        items : list
            The items.
        item_bytes : int, default=0
            Bytes of the arrays that come of one item, which need not be sent then.

        Returns
        -------
        Waiting or None
            For `collect`.
        """
        if self._lost:
            return None
        # Two for each process: one that is slow has others take the second.
        size = max(min(len(items) // (2 * self._count), _MOST_TOGETHER), 1)
        chunks = [items[i : i + size] for i in range(0, len(items), size)]
        memory = SharedMemory(len(chunks), size * item_bytes)
        try:
            executor = _open_executor(self._count)
            futures = [
                executor.submit(
                    _run_chunk,
                    self._surroundings,
                    memory.share(i),
                    function,
                    work,
                    chunk,
                )
                for i, chunk in enumerate(chunks)
            ]
            return Waiting(futures, memory)
        except (OSError, RuntimeError) as exc:
            return self._give_up(exc)

    def collect(self, waiting: Waiting | None) -> list[Any] | None:
        """Wait for what was submitted.

        Parameters
        ----------
        waiting : Waiting or None
            From `submit`.

        Returns
        -------
        list or None
            What came of each item; None once the processes are lost, which brings one
            warning: threads have to go on.
        """
        if waiting is None:
            return None
        try:
            return [
                done
                for i, chunk in enumerate(waiting.futures)
                for done in waiting.memory.unpack(i, chunk.result())
            ]
        except (OSError, RuntimeError) as exc:  # killed, or the system starts none
            return self._give_up(exc)

    def _give_up(self, exc):
        if not self._lost:
            self._lost = True
            close_processes(self._count)
            warn_user(
                "The processes that decode pictures for the GPU ended "
                f"({type(exc).__name__}: {str(exc).splitlines()[0]:.200}). Threads go "
                "on in their place, more slowly: look for a lack of memory."
            )


def _run_chunk(surroundings, share, function, work, items):
    pickle.loads(surroundings).restore()
    return pack(function(work, items), share)


def _open_executor(count):
    """Return so many processes, started when there are none."""
    from joblib.externals.loky import ProcessPoolExecutor

    with _opening:
        if count not in _executors:
            # Loky needs no guard in the user's script, and no fork of a process that
            # has CUDA at work.
            _executors[count] = ProcessPoolExecutor(
                count, timeout=_IDLE, env={"OMP_NUM_THREADS": "1"}
            )
        return _executors[count]


def close_processes(count: int) -> None:
    """End the processes that are so many.

    Parameters
    ----------
    count : int
        The number.
    """
    with _opening:
        executor = _executors.pop(count, None)
    if executor is not None:
        executor.shutdown(wait=False, kill_workers=True)
