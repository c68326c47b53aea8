"""Which arithmetic torch does fastest on a device."""

from collections.abc import Iterable

import torch

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_AMX = "amx_tile"
BF16_UNITS = ("avx512_bf16", _AMX)
# Width of a text tower from which bf16 is worth it on a CPU: of one of 163 it saves
# less than a fifth of the time (see `benchmarks/STUDIES.md`).
_WIDE = 256


def fast_precision(device: torch.device) -> dict[str, str]:
    """Choose the arithmetic that was measured to be fastest on a kind of device.

    It is a rule and not a race: a race would end otherwise on another day, and the
    store would hold nothing of what was encoded before. On CPUs with bf16 units bf16
    doubled the speed of the image tower. Texts are fewer rows of a product: AMX trebles
    their speed, and vectors of bf16 alone took a third of it.

    Parameters
    ----------
    device : torch.device
        Where the model runs.

    Returns
    -------
    dict of str to str
        Precision of the ``"image"`` and the ``"text"`` tower.
    """
    both = {"image": "fp32", "text": "fp32"}
    if device.type == "cuda":
        major, _ = torch.cuda.get_device_capability(device)
        if major >= 7:
            both = dict.fromkeys(both, "bf16" if major >= 8 else "fp16")
    elif device.type == "cpu" and _has_bf16_units():
        both["image"] = "bf16"
        if _has_units(_AMX):
            both["text"] = "bf16"
    return both


def is_narrow(weights: Iterable[torch.Tensor]) -> bool:
    """Tell whether a CPU spends little of a text's time in products of matrices.

    Parameters
    ----------
    weights : iterable of Tensor
        Those of the text tower.

    Returns
    -------
    bool
        The answer: bf16 would save next to nothing.
    """
    widths = (min(weight.shape) for weight in weights if weight.dim() == 2)
    return max(widths, default=0) < _WIDE


def _has_bf16_units():
    return any(map(_has_units, BF16_UNITS))


def _has_units(name):
    test = getattr(torch.cpu, f"_is_{name}_supported", None)
    return test is not None and test()


def device_name(device):
    """Name a device for what is found out on it and holds for no other kind.

    Parameters
    ----------
    device : torch.device
        The device.

    Returns
    -------
    str
        Its kind, and that of the GPU.
    """
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"{device.type} {'with' if _has_bf16_units() else 'without'} bf16 units"
