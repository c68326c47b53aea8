import io
import tracemalloc

import numpy as np
import pytest

from sklearn_clip.datasets import load_csv_tags
from sklearn_clip.datasets._bunch import as_integers


@pytest.mark.parametrize("label", ["image", "text"])
def test_a_frame_refuses_a_label_called_as_its_column(tmp_path, label):
    def load(**parameters):
        table = io.StringIO(f"image,labels\na,{label} cat\nb,cat\n")
        return load_csv_tags(table, tmp_path, missing_files="keep", **parameters)

    with pytest.raises(ValueError, match=f"'{label}' .*return_X_y=True"):
        load(as_frame=True)
    assert sorted(load().target_names) == sorted([label, "cat"])
    X, Y = load(as_frame=True, return_X_y=True)
    assert list(X.columns) == ["image", "text"] and label in Y.columns


def test_floats_of_which_all_are_known_become_integers_in_their_place(monkeypatch):
    monkeypatch.setattr("sklearn_clip._shared._entries.BLOCK_SIZE", 1 << 16)
    expected = np.random.default_rng(0).integers(2, size=(30_000, 50))
    target = expected.astype(np.float64)
    tracemalloc.start()
    found = as_integers(target)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, expected)
    assert peak < target.nbytes / 2


def test_floats_stay_where_one_is_unknown():
    target = np.zeros((3, 2))
    target[1, 0] = np.nan
    assert as_integers(target) is target
