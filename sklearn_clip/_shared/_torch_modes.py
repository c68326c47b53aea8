"""What a caller has switched on in torch, kept out of what is computed here.

Autocast would change the vectors of a model, which are then kept for later, and so
would products of float32 in TF32 or bfloat16; a default dtype the weights that are
drawn; inference mode leaves nothing to train.

A fork leaves something behind, too. OpenMP gives each thread that computes a team of
helpers, and keeps it. A child has what the thread that forked knows of its team, but
not the helpers, and would wait for them without end. Threads that are begun in the
child get teams of their own.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

# The default dtype, and how exactly float32 is multiplied, are those of the process:
# the first who needs others sets them, the last one puts them back.
_changing = threading.Lock()
_within = 0
_callers: Any = None
# Switches of a backend that has float32 multiplied in less, and what leaves it whole.
_EXACT = {"fp32_precision": "ieee", "allow_tf32": False}
# In a forked child, the thread that came through the fork.
_survivor: int | None = None


def has_lost_team() -> bool:
    """Whether this thread came through a fork that its helpers did not.

    Returns
    -------
    bool
        False where torch was not loaded at the fork, and in every thread that was begun
        after it.
    """
    return threading.get_ident() == _survivor


@contextmanager
def own_modes() -> Iterator[None]:
    """Compute as torch does where nobody has changed its modes.

    That is with gradients, without autocast and inference mode, in float32 multiplied
    as such, and on the CPU where nothing else is said; and without helpers that a fork
    left behind. Nothing happens where torch is not loaded yet.
    """
    torch: Any = sys.modules.get("torch")
    if torch is None:
        yield
        return
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            stack.enter_context(torch.autocast(kind, enabled=False))
        # Torch 2.4 does not tell of `with torch.device`.
        elsewhere = torch.get_default_device().type != "cpu"
        if elsewhere or torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(_in_float32(torch))
        threads = torch.get_num_threads()
        if threads > 1 and has_lost_team():
            stack.callback(torch.set_num_threads, threads)
            torch.set_num_threads(1)
        yield


@contextmanager
def _in_float32(torch):
    global _within, _callers
    with _changing:
        if _within == 0:
            _callers = _read(torch)
            exact = [(owner, name, _EXACT[name]) for owner, name, _ in _callers[2]]
            _write(torch, torch.float32, "highest", exact)
        _within += 1
    try:
        yield
    finally:
        with _changing:
            _within -= 1
            if _within == 0:
                _write(torch, *_callers)


def _read(torch):
    try:
        word = torch.get_float32_matmul_precision()
    except RuntimeError:  # backends were told one by one, and have no common word
        word = None
    backends = [torch.backends.cuda.matmul, getattr(torch.backends.cudnn, "conv", None)]
    for operation in ("matmul", "conv", "rnn"):  # of CPUs, from torch 2.9 on
        backends.append(getattr(torch.backends.mkldnn, operation, None))
    switches = [
        (backend, "fp32_precision", backend.fp32_precision)
        for backend in backends
        if hasattr(backend, "fp32_precision")
    ]
    if not hasattr(torch.backends.cudnn, "conv"):  # before torch 2.9
        cudnn = torch.backends.cudnn
        switches.append((cudnn, "allow_tf32", cudnn.allow_tf32))
    return torch.get_default_dtype(), word, switches


def _write(torch, dtype, word, switches):
    if torch.get_default_dtype() != dtype:
        torch.set_default_dtype(dtype)
    if word is not None:
        torch.set_float32_matmul_precision(word)
    for owner, name, value in switches:
        setattr(owner, name, value)


def _begin_child():
    """Give a forked child a lock that nobody holds, and note who forked it."""
    global _changing, _survivor
    _changing = threading.Lock()
    if "torch" in sys.modules:
        _survivor = threading.get_ident()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_child)
