"""The kind of this machine's CPU, as far as it decides what is fast, without torch."""

import functools
import os
import platform
import sys
from pathlib import Path

# Names of units in the list of the operating system, of the best kind first.
_KINDS = {
    "bf16": {"avx512_bf16", "amx_bf16", "amx_tile"},
    "vnni": {"avx512_vnni", "avx_vnni", "vnni"},
    "avx2": {"avx2"},
}
_GPU_FILES = ("/proc/driver/nvidia/version", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")


@functools.cache
def processor_kind():
    """Tell which units this CPU has.

    Returns
    -------
    {"bf16", "vnni", "avx2", "other"}
        Units for bf16 (and for 8 bits), units for 8 bits, AVX2 and neither of these, or
        a CPU of which nothing was measured.
    """
    units = list_units()
    return next((kind for kind, names in _KINDS.items() if names & units), "other")


def adds_products_in_16_bits():
    """Tell whether products of 8 bits are added up in 16, which they can overflow.

    x86 without units for 8 bits does (``vpmaddubsw`` adds two of them): 255 * 127 twice
    is twice what 16 bits hold, and is cut off there without a word. With weights of
    half the range nothing is.

    Returns
    -------
    bool
        The answer.
    """
    return _is_x86() and processor_kind() not in ("bf16", "vnni")


def _is_x86():
    return platform.machine().lower() in ("x86_64", "amd64")


def list_units():
    """List what the CPU is said to have.

    Returns
    -------
    set of str
        Names as Linux gives them, of those that count here.
    """
    if not _is_x86():
        return set()
    file = Path("/proc/cpuinfo")
    if not file.exists():
        return _ask_torch()
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return set(value.split())
    return set()


def _ask_torch():
    import torch

    known = set.union(*_KINDS.values())
    tests = {unit: getattr(torch.cpu, f"_is_{unit}_supported", None) for unit in known}
    return {unit for unit, test in tests.items() if test is not None and test()}


def processor_name():
    """Name the CPU, for what is found out on it and holds for no other one.

    Returns
    -------
    str
        Kind and architecture.
    """
    return f"{platform.machine()} {processor_kind()}"


def has_no_gpu():
    """Whether it can be told without torch that it would find no GPU.

    Returns
    -------
    bool
        False where torch has to be asked.
    """
    if sys.platform != "linux" or "torch" in sys.modules:
        return False
    return not any(os.path.exists(file) for file in _GPU_FILES)
