"""Which device a model runs on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sklearn_clip._shared import warn_user
from sklearn_clip.embedding.engines._processor import has_no_gpu

if TYPE_CHECKING:
    import torch


def choose_device(device, engine):
    """Choose the device; torch is asked only where there may be another one.

    Parameters
    ----------
    device : str or torch.device
        As the user names it.
    engine : str
        What is to run the model.

    Returns
    -------
    torch.device or "cpu"
        The device.

    Raises
    ------
    ValueError
        If there is no such device, or the engine does not run there.
    """
    runs_on_cpu = engine in ("onnxruntime", "openvino")
    if str(device) in ("cpu", "cpu:0") or (
        device == "auto" and (runs_on_cpu or has_no_gpu())
    ):
        return "cpu"
    if runs_on_cpu:
        raise ValueError(
            f"device must be 'auto' or 'cpu' with engine={engine!r}, which runs on "
            f"CPUs. Got {device!r}: take engine='torch' for it."
        )
    return resolve_device(device)


def resolve_device(device: str | torch.device) -> torch.device:
    """Choose the device: CUDA, then Apple's MPS, then the CPU.

    Parameters
    ----------
    device : str or torch.device
        ``"auto"`` or a torch device.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ValueError
        If it is no device, or there is no such device on this machine.
    """
    import torch

    if device != "auto":
        try:
            chosen = torch.device(device)
        except (RuntimeError, TypeError) as exc:
            raise ValueError(
                f"device must be 'auto' or a torch device such as 'cpu' or 'cuda:0'. "
                f"Got {device!r}."
            ) from exc
        try:
            torch.empty(1, device=chosen)
        except (RuntimeError, AssertionError, NotImplementedError) as exc:
            raise ValueError(
                f"device={device!r} cannot be used on this machine "
                f"({str(exc).splitlines()[0]:.200}). device='auto' takes what there is."
            ) from exc
        # There is one CPU, and what torch saves of "cpu:0" it does not load.
        return torch.device("cpu") if chosen.type == "cpu" else chosen
    if torch.cuda.is_available():
        try:
            torch.zeros(1, device="cuda")
            return torch.device("cuda")
        except RuntimeError as exc:
            _warn_unusable_gpu(exc)
    elif os.path.exists("/proc/driver/nvidia/version"):
        _warn_unusable_gpu("this build of torch does not see it")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _warn_unusable_gpu(reason):
    warn_user(
        f"An NVIDIA GPU is present but cannot be used ({reason}): CLIP runs on the CPU,"
        " many times slower. Check torch.cuda.is_available() and the torch build, or "
        "silence this with device='cpu'.",
    )


def lacks_memory(exc: BaseException) -> bool:
    """Tell whether a device ran out of memory; only CUDA has an exception for it.

    Parameters
    ----------
    exc : BaseException
        What was raised by torch, or by what uses it.

    Returns
    -------
    bool
        The answer.
    """
    text = str(exc)
    return (
        type(exc).__name__ == "OutOfMemoryError"
        or "out of memory" in text  # MPS
        or "can't allocate memory" in text  # the CPU
        or "Cannot allocate memory" in text  # a file that is mapped
    )
