"""What processes have made comes back in memory they share, or else in a message."""

import gc
import os
import pickle

import numpy as np
import pytest
from joblib.externals.loky import ProcessPoolExecutor

from sklearn_clip.embedding import _shared_memory
from sklearn_clip.embedding._shared_memory import SharedMemory, pack

pytestmark = pytest.mark.any_processor

linux = pytest.mark.skipif(
    not hasattr(os, "memfd_create"), reason="this system has no such memory"
)


def make(number):
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return [({0: pixels, 1: rng.random((2, 3)).T}, None, ["said"]), (None, "why", [])]


def same(found, expected):
    (parts, *why), broken = found
    np.testing.assert_array_equal(parts[0], expected[0][0][0])
    np.testing.assert_array_equal(parts[1], expected[0][0][1])
    assert [why, broken] == [list(expected[0][1:]), expected[1]]
    parts[0][0] = 1  # they are the caller's, to write to as well


@linux
def test_messages_keep_to_their_shares():
    memory = SharedMemory(3, 1000)
    messages = [pack(make(i), memory.share(i)) for i in (2, 0, 1)]
    assert all(len(places) == 2 for _, places in messages)
    for number, message in zip((2, 0, 1), messages, strict=True):
        same(memory.unpack(number, message), make(number))


@linux
def test_another_process_fills_it():
    memory = SharedMemory(2, 1000)
    with ProcessPoolExecutor(1) as executor:
        message = executor.submit(pack, make(4), memory.share(1)).result()
    assert len(message[1]) == 2
    same(memory.unpack(1, message), make(4))


@linux
def test_arrays_outlive_the_memory():
    memory = SharedMemory(1, 1000)
    found = memory.unpack(0, pack(make(1), memory.share(0)))
    opened = len(os.listdir("/proc/self/fd"))
    del memory
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) < opened
    same(found, make(1))


@linux
def test_what_does_not_fit_travels_in_the_message():
    memory = SharedMemory(1, 1)  # one page
    large = [np.arange(4096, dtype=np.uint8), np.ones(9), np.zeros(0), np.ones(3)]
    found = memory.unpack(0, pack(large, memory.share(0)))
    for array, expected in zip(found, large, strict=True):
        np.testing.assert_array_equal(array, expected)


@linux
def test_memory_that_is_gone_is_left_alone(tmp_path):
    """Nor is what has taken its number since: a file of the user's, maybe."""
    memory = SharedMemory(1, 1000)
    share = memory.share(0)
    del memory
    gc.collect()
    pickled, places = pack(make(1), share)
    assert not places
    same(pickle.loads(pickled), make(1))
    path = tmp_path / "other.bin"
    path.write_bytes(bytes(4096))
    file = os.open(path, os.O_RDWR)
    os.dup2(file, share.file)  # or it has the number already
    try:
        assert not pack(make(1), share)[1]
    finally:
        for number in {file, share.file}:
            os.close(number)
    assert path.read_bytes() == bytes(4096)


def refuse(*args):
    raise OSError("too many open files")


@pytest.mark.parametrize("lack", ["size", "system", "files", "space"])
def test_without_memory_all_travels_in_the_message(lack, monkeypatch):
    if lack == "system":
        monkeypatch.delattr(_shared_memory.os, "memfd_create", raising=False)
    elif lack == "files":
        monkeypatch.setattr(_shared_memory.os, "memfd_create", refuse, raising=False)
    elif lack == "space":
        monkeypatch.setattr(_shared_memory.os, "ftruncate", refuse)
    memory = SharedMemory(2, 0 if lack == "size" else 1000)
    assert memory.share(1) is None
    same(memory.unpack(1, pack(make(3), memory.share(1))), make(3))
