"""What a caller has switched on in torch, kept out of what is computed here.

Autocast would change the vectors of a model, which are then kept for later; a default
dtype the weights that are drawn; inference mode leaves nothing to train.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

# The default dtype is that of the process: the first who needs another one sets it, the
# last one puts it back.
_changing = threading.Lock()
_within = 0
_default: Any = None


@contextmanager
def own_modes() -> Iterator[None]:
    """Compute as torch does where nobody has changed its modes.

    That is with gradients, without autocast and inference mode, in float32 and on the
    CPU where nothing else is said. Nothing happens where torch is not loaded yet.
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
        yield


@contextmanager
def _in_float32(torch):
    global _within, _default
    with _changing:
        if _within == 0:
            _default = torch.get_default_dtype()
            _set_default(torch, torch.float32)
        _within += 1
    try:
        yield
    finally:
        with _changing:
            _within -= 1
            if _within == 0:
                _set_default(torch, _default)


def _set_default(torch, dtype):
    if torch.get_default_dtype() != dtype:
        torch.set_default_dtype(dtype)


def _renew_lock():
    """Give a forked child a lock that nobody holds."""
    global _changing
    _changing = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
