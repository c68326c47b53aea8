"""Torch's generator, which all threads share, by one of them at a time."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

# All threads draw from torch's one generator, and another that seeds it meanwhile, or
# puts it back as it was, would change what follows.
_seeding = threading.RLock()


@contextmanager
def kept_generator(cuda: Sequence[Any] = ()) -> Iterator[None]:
    """Leave torch's generators as they were; others that do so wait.

    Parameters
    ----------
    cuda : sequence of int or torch.device, default=()
        CUDA devices that are drawn from.
    """
    import torch

    with _seeding, torch.random.fork_rng(devices=cuda):
        yield


@contextmanager
def seeded_torch(seed: int, cuda: Sequence[Any] = ()) -> Iterator[None]:
    """Seed torch, and leave its generators as they were; others that do so wait.

    Parameters
    ----------
    seed : int
        The seed.
    cuda : sequence of int or torch.device, default=()
        CUDA devices that are drawn from.
    """
    import torch

    with kept_generator(cuda):
        torch.manual_seed(seed)
        yield


def _renew_lock():
    """Give a forked child a lock that nobody holds."""
    global _seeding
    _seeding = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
