"""Long vectors in 16 bits: how true they stay, and that no pass gives others."""

import numpy as np
import pytest

from sklearn_clip import EmbeddingStore
from sklearn_clip.embedding.store._half_precision import (
    HalfPrecisionStore,
    pack,
    unpack,
)


@pytest.mark.parametrize("width", [2, 3, 10, 11])
@pytest.mark.parametrize("exact", [0, 1])
@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 7e4, 1e30])
def test_numbers_of_any_size_keep_eleven_digits(width, exact, scale):
    rng = np.random.default_rng(width)
    rows = (scale * rng.standard_normal((5, width))).astype(np.float32)
    words = pack(rows, exact)
    assert words.shape == (5, exact + 1 + -(-(width - exact) // 2))
    found = unpack(words, width, exact)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, :exact], rows[:, :exact])
    largest = np.abs(rows[:, exact:]).max(axis=1, keepdims=True)
    error = np.abs(found[:, exact:] - rows[:, exact:])
    assert (error <= 2.0**-11 * np.abs(rows[:, exact:]) + 2.0**-24 * largest).all()


def test_rows_of_zeros_stay_zeros():
    rows = np.zeros((2, 6), dtype=np.float32)
    np.testing.assert_array_equal(unpack(pack(rows, 2), 6, 2), rows)


def test_packing_twice_changes_nothing_more():
    rows = np.random.default_rng(0).standard_normal((4, 9)).astype(np.float32)
    once = unpack(pack(rows, 3), 9, 3)
    np.testing.assert_array_equal(unpack(pack(once, 3), 9, 3), once)


@pytest.mark.parametrize("width", [8, 9])
def test_what_comes_back_is_what_was_kept(tmp_path, width):
    rows = np.random.default_rng(0).standard_normal((3, width)).astype(np.float32)
    store = EmbeddingStore(tmp_path)
    halves = HalfPrecisionStore(store, width, 2)
    kept, keys = halves.keep(rows), [b"a", b"b", b"c"]
    halves.put(keys, kept)
    again = HalfPrecisionStore(EmbeddingStore(tmp_path), width, 2)
    for found in (again.look_up(keys), again.claim(keys)[0]):
        np.testing.assert_array_equal([found[key] for key in keys], kept)
    np.testing.assert_array_equal(kept[:, :2], rows[:, :2])
    assert store.info()["bytes"] == 3 * 4 * (2 + 1 + -(-(width - 2) // 2))
    assert halves.keep(rows[:0]).shape == (0, width)
