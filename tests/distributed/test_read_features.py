"""Files of features as one mapped array; no cluster is needed to read."""

import os

import numpy as np
import pandas as pd
import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
from pyarrow import parquet  # noqa: E402

from sklearn_clip.distributed import read_features  # noqa: E402
from sklearn_clip.distributed._batches import _tensor_column  # noqa: E402
from sklearn_clip.distributed._output import Description  # noqa: E402

WIDTH = 5


def write(folder, name, ids, *, row_id="sku", fingerprint="abc", failed=()):
    """Write a file whose features hold their id."""
    folder.mkdir(exist_ok=True)
    ids = ids if isinstance(ids, pa.Array) else pa.array(ids)
    numbers = np.asarray([float(str(i).strip("s")) for i in ids.to_pylist()])
    reasons = ["broken" if i in failed else None for i in ids.to_pylist()]
    table = pa.table(
        {
            "sku": ids,
            "category": pa.array([f"c{i}" for i in ids.to_pylist()]),
            "clip": _tensor_column(np.repeat(numbers[:, None], WIDTH, axis=1)),
            "failure": pa.array(reasons, pa.string()),
        }
    )
    description = Description("clip", "failure", row_id, fingerprint, {})
    table = table.replace_schema_metadata(description.to_metadata())
    parquet.write_table(table, folder / f"{name}.parquet", row_group_size=3)


def test_rows_of_all_files_come_in_the_order_of_their_ids(tmp_path):
    write(tmp_path / "f", "b", [7, 1, 4, 9], failed=[4])
    write(tmp_path / "f", "a", [3, 0, 8])
    table = read_features(tmp_path / "f")
    assert table.ids.tolist() == [0, 1, 3, 4, 7, 8, 9]
    assert isinstance(table.features, np.memmap)
    assert table.features.dtype == np.float32
    expected = np.repeat(table.ids[:, None], WIDTH, axis=1)
    np.testing.assert_array_equal(table.features, expected)
    assert table.failed.tolist() == [i == 4 for i in table.ids]
    assert table.frame["category"].tolist() == [f"c{i}" for i in table.ids]
    assert table.frame.columns.tolist() == ["sku", "category", "failure"]
    assert table.fingerprint == "abc"


def test_ids_of_text_are_sorted_and_columns_chosen(tmp_path):
    write(tmp_path / "f", "a", ["s2", "s10", "s1"], failed=["s10"])
    table = read_features(tmp_path / "f", columns=["category"])
    assert table.ids.tolist() == ["s1", "s10", "s2"]
    np.testing.assert_array_equal(table.features[:, 0], [1, 10, 2])
    pd.testing.assert_frame_equal(
        table.frame,
        pd.DataFrame(
            {
                "sku": ["s1", "s10", "s2"],
                "category": ["cs1", "cs10", "cs2"],
                "failure": [None, "broken", None],
            }
        ),
    )
    assert read_features(tmp_path / "f", columns=[]).frame.columns.tolist() == [
        "sku",
        "failure",
    ]


def test_memory_map_is_a_file_that_stays(tmp_path):
    write(tmp_path / "f", "a", [1, 0])
    read_features(tmp_path / "f", memory_map=tmp_path / "x.npy")
    again = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(again[:, 0], [0, 1])


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps files that are mapped")
def test_temporary_map_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    write(tmp_path / "f", "a", [1, 0])
    table = read_features(tmp_path / "f")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    np.testing.assert_array_equal(table.features[:, 0], [0, 1])


def test_rows_without_ids_are_numbered_file_by_file(tmp_path):
    write(tmp_path / "f", "a", [5, 3], row_id=None)
    write(tmp_path / "f", "b", [4], row_id=None)
    table = read_features(tmp_path / "f", columns=[])
    assert table.ids.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(table.features[:, 0], [5, 3, 4])


def test_rows_that_share_an_id_are_refused_or_read_once(tmp_path):
    write(tmp_path / "f", "a", [2, 1, 3])
    write(tmp_path / "f", "b", [3, 1, 0])
    with pytest.raises(ValueError, match=r"Got 2 rows too many \(first: 1\)"):
        read_features(tmp_path / "f")
    table = read_features(tmp_path / "f", duplicates="first")
    assert table.ids.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(table.features[:, 0], [0, 1, 2, 3])
    assert len(table.frame) == len(table.failed) == 4


def test_files_without_rows_give_no_features(tmp_path):
    write(tmp_path / "f", "a", pa.array([], pa.int64()))
    table = read_features(tmp_path / "f")
    assert table.features.shape == (0, WIDTH)
    assert table.features.dtype == np.float32
    assert len(table.ids) == len(table.failed) == len(table.frame) == 0
    write(tmp_path / "f", "b", [4, 2])
    assert read_features(tmp_path / "f").features[:, 0].tolist() == [2, 4]


def test_path_of_one_file_is_refused_with_its_folder(tmp_path):
    write(tmp_path / "f", "a", [1])
    message = "path must be a folder of Parquet files.*a.parquet'.*folder it is in"
    with pytest.raises(NotADirectoryError, match=message):
        read_features(tmp_path / "f" / "a.parquet")


def test_features_feed_a_head(tmp_path):
    from sklearn_clip import MultiLabelLogisticRegression

    write(tmp_path / "f", "a", list(range(20)))
    table = read_features(tmp_path / "f")
    Y = np.column_stack([table.ids > 9, table.ids > 15]).astype(int)
    head = MultiLabelLogisticRegression(C=1e4).fit(table.features, Y)
    np.testing.assert_array_equal(head.predict(table.features), Y)


def test_folders_of_something_else_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="a folder with Parquet files"):
        read_features(tmp_path / "nothing")
    write(tmp_path / "f", "a", [1])
    write(tmp_path / "f", "b", [2], fingerprint="other")
    with pytest.raises(ValueError, match="b.parquet' says something else of itself"):
        read_features(tmp_path / "f")
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "f" / "b.parquet")
    with pytest.raises(ValueError, match="b.parquet' says nothing of itself"):
        read_features(tmp_path / "f")
    whole = (tmp_path / "f" / "a.parquet").read_bytes()
    (tmp_path / "f" / "b.parquet").write_bytes(whole[:-20])
    with pytest.raises(ValueError, match="b.parquet' is no whole Parquet file"):
        read_features(tmp_path / "f")


def test_wrong_options_are_refused(tmp_path):
    write(tmp_path / "f", "a", [1])
    with pytest.raises(ValueError, match="columns must be among"):
        read_features(tmp_path / "f", columns=["price"])
    with pytest.raises(ValueError, match="duplicates must be 'raise' or 'first'"):
        read_features(tmp_path / "f", duplicates="last")
