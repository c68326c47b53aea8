"""Tables with types: of pandas, polars and Arrow, in Parquet and in Feather files."""

import tracemalloc
import warnings
from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from sklearn_clip.datasets import load_csv_tags
from sklearn_clip.datasets._frame_table import FrameTable

CELLS = [["dog", "red ball"], [], None, ["cat"]]


def _arrow(folder):
    return pa.table({"image": [0, 1, 2, 3], "labels": CELLS})


def _parquet(folder):
    pyarrow.parquet.write_table(_arrow(folder), folder / "table.parquet")
    return folder / "table.parquet"


def _parquet_of_pandas(folder):
    frame = pd.DataFrame({"image": range(4), "labels": CELLS}, index=list("abcd"))
    frame.to_parquet(folder / "table")  # the index becomes __index_level_0__
    return str(folder / "table")


def _parts(folder):
    (folder / "parts").mkdir()
    for i, part in enumerate((_arrow(folder)[:2], _arrow(folder)[2:])):
        pyarrow.parquet.write_table(part, folder / "parts" / f"{i}.parquet")
    return folder / "parts"


def _feather(folder):
    pyarrow.feather.write_feather(_arrow(folder), str(folder / "table.feather"))
    return folder / "table.feather"


def _ipc_of_polars(folder):
    pl.DataFrame({"image": range(4), "labels": CELLS}).write_ipc(folder / "table.arrow")
    return folder / "table.arrow"


def _pandas(kind):
    cells = [None if cell is None else kind(cell) for cell in CELLS]
    return lambda folder: pd.DataFrame({"image": range(4), "labels": cells})


SOURCES = {
    "arrow": _arrow,
    "parquet": _parquet,
    "parquet of pandas": _parquet_of_pandas,
    "parts": _parts,
    "feather": _feather,
    "ipc of polars": _ipc_of_polars,
    "polars": lambda folder: pl.DataFrame({"image": range(4), "labels": CELLS}),
    "lists": _pandas(list),
    "tuples": _pandas(tuple),
    "sets": _pandas(set),
    "arrays": _pandas(lambda cell: np.array(cell, dtype=object)),
    "series": _pandas(pd.Series),
    "scalars of arrow": _pandas(lambda cell: pa.scalar(cell, pa.list_(pa.string()))),
    "lists of arrow": lambda folder: _arrow(folder).to_pandas(
        types_mapper=pd.ArrowDtype
    ),
    "arrays of arrow": lambda folder: _arrow(folder).to_pandas(),
    "NaN": lambda folder: pd.DataFrame(
        {"image": range(4), "labels": [["dog", "red ball"], [], np.nan, ["cat"]]}
    ),
    "NA": lambda folder: pd.DataFrame(
        {"image": range(4), "labels": [["dog", "red ball"], [], pd.NA, ["cat"]]}
    ),
}


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.jpg").touch()
    return folder


@pytest.mark.parametrize("source", SOURCES)
def test_load_csv_tags_reads_tables_with_types(images, tmp_path, source):
    found = load_csv_tags(SOURCES[source](tmp_path), images)
    assert found.target_names == ["cat", "dog", "red ball"]
    expected = [[0, 1, 1], [0, 0, 0], [np.nan] * 3, [1, 0, 0]]
    np.testing.assert_array_equal(found.target, expected)
    assert found.data[:, 0].tolist() == [str(images / f"{i}.jpg") for i in range(4)]
    assert found.lines.tolist() == [0, 1, 2, 3]


def test_load_csv_tags_tells_an_empty_list_from_none(images):
    frame = pd.DataFrame({"image": range(4), "labels": CELLS})
    assert len(load_csv_tags(frame, images, unlabelled="drop").target) == 2
    unknown = load_csv_tags(frame, images, unlabelled="unknown").target
    assert np.isnan(unknown).any(axis=1).tolist() == [False, True, True, False]


def test_load_csv_tags_reads_columns_of_a_frame(images):
    frame = pd.DataFrame(
        {
            "image": [0, 1, np.nan, 3],
            "cat": pd.array([True, False, None, True], dtype="boolean"),
            "dog": [1.0, np.nan, 0.0, 0.0],
        }
    )
    with pytest.raises(ValueError, match=r"'image' \(the DataFrame, row 2\)"):
        load_csv_tags(frame, images, layout="columns")
    found = load_csv_tags(frame.drop(index=2), images, layout="columns")
    np.testing.assert_array_equal(found.target, [[1, 1], [0, np.nan], [1, 0]])
    assert found.lines.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("cell", "match"),
    [
        (["cat", None], r"missing one. Got one in the column 'labels' .*row 1\)"),
        ([["a", "b"]], r"Got a list \['a', 'b'\] \(the DataFrame, row 1\)"),
        ({"choices": ["cat"]}, r"Got dict in the column 'labels' .*row 1\)"),
        (b"cat", r"Got bytes in the column 'labels' .*row 1\)"),
        ("['cat']", r"printed collection .*row 1\)"),
    ],
)
def test_load_csv_tags_names_the_row_of_a_bad_cell(images, cell, match):
    frame = pd.DataFrame({"image": [0, 1], "labels": [["dog"], cell]})
    with pytest.raises(ValueError, match=match):
        load_csv_tags(frame, images)


def test_load_csv_tags_refuses_broken_and_lazy_tables(images, tmp_path):
    path = _parquet(tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="Parquet file must be whole.*table.parquet"):
        load_csv_tags(path, images)
    lazy = pl.DataFrame({"image": [0], "labels": [["a"]]}).lazy()
    with pytest.raises(TypeError, match=r"give frame\.collect\(\)"):
        load_csv_tags(lazy, images)
    frame = pd.DataFrame({"labels": [["a"]]}, index=pd.Index(["0"], name="image"))
    with pytest.raises(ValueError, match=r"is the index: give frame\.reset_index"):
        load_csv_tags(frame, images)
    with pytest.raises(ValueError, match="must have rows"):
        load_csv_tags(frame.reset_index()[:0], images)
    double = pd.DataFrame([[0, "a", "b"]], columns=["image", "labels", "labels"])
    with pytest.raises(ValueError, match="'labels' twice"):
        load_csv_tags(double, images)
    with pytest.raises(ValueError, match="Got a list in the column 'labels'"):
        load_csv_tags(_arrow(tmp_path), images, layout="columns")


def test_load_csv_tags_reads_paths_in_lists(images):
    cells = [[["animal", "cat"], ["car"]], [["animal"]], [], None]
    frame = pl.DataFrame({"image": range(4), "labels": cells})
    found = load_csv_tags(frame, images, hierarchy="/")
    assert found.target_names == ["animal", "animal/cat", "car"]
    expected = [[1, 1, 1], [1, 0, 0], [0, 0, 0], [np.nan] * 3]
    np.testing.assert_array_equal(found.target, expected)


@pytest.mark.parametrize(
    "kind", [pl.DataFrame, pa.table, lambda table: pa.table(table).to_pandas()]
)
@pytest.mark.parametrize("layout", ["cells", "columns", "pairs", None])
def test_load_csv_tags_leaves_columns_alone_that_it_was_not_asked_for(
    images, kind, layout
):
    table = {
        "image": [0, 1],
        "labels": ["cat", "dog"],
        "inside": [1, 0],
        "picture": [{"bytes": b"RIFF", "path": "0.webp"}] * 2,
        "thumbnail": [b"RIFF", b""],
        "boxes": [[{"left": 1, "top": 2}], []],
        "vector": [[0.5, None], [0.25, 1.0]],
    }
    classes = ["inside"] if layout == "columns" else None
    found = load_csv_tags(kind(table), images, layout=layout, classes=classes)
    expected = {"columns": [[1], [0]], None: None}.get(layout, [[1, 0], [0, 1]])
    assert found.target is expected or found.target.tolist() == expected
    with pytest.raises(ValueError, match=r"dict in the column 'picture'.* to files"):
        load_csv_tags(kind(table), images, image="picture")


@pytest.mark.parametrize(
    "kind", [lambda table: table, lambda table: table.to_pandas(), pl.from_arrow]
)
def test_vectors_beside_labels_are_not_made_objects(images, kind):
    n_rows, width = 4000, 64
    columns = {
        "image": ["0", "1"] * (n_rows // 2),
        "labels": ["cat"] * n_rows,
        "vector": pa.FixedSizeListArray.from_arrays(np.zeros(n_rows * width), width),
    }
    table = kind(pa.table(columns))
    tracemalloc.start()
    try:
        load_csv_tags(table, images, layout="pairs")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # A number takes 32 bytes as an object, with its place in a list.
    assert peak < 32 * n_rows * width / 2


@pytest.mark.parametrize("version", [1, 2])
def test_load_csv_tags_reads_both_versions_of_feather(images, tmp_path, version):
    frame = pd.DataFrame({"image": ["0", "1"], "labels": ["dog cat", None]})
    path = str(tmp_path / "table.feather")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pyarrow, about the first version
        pyarrow.feather.write_feather(frame, path, version=version)
        found = load_csv_tags(path, images)
    assert found.target_names == ["cat", "dog"]
    np.testing.assert_array_equal(found.target, [[1, 1], [np.nan, np.nan]])


LISTS = [["cat", "dog"], ["dog", "dog"]]


@pytest.mark.parametrize(
    "labels",
    [
        pa.array(LISTS, pa.large_list(pa.string())),
        pa.array(LISTS, pa.list_(pa.large_string(), 2)),
        pa.array(LISTS, pa.list_view(pa.string_view())),
        pa.array(LISTS, pa.list_(pa.dictionary(pa.int8(), pa.string()))),
        pa.array(["cat dog", "dog"]).dictionary_encode(),
        pa.chunked_array([["cat dog"], ["dog"]]),
    ],
    ids=str,
)
@pytest.mark.parametrize("as_batch", [False, True])
def test_load_csv_tags_reads_every_column_of_arrow(images, labels, as_batch):
    table = pa.table({"image": pa.array([0, 1], pa.uint8()), "labels": labels})
    if as_batch:
        (table,) = table.combine_chunks().to_batches()
    assert load_csv_tags(table, images).target.tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize(
    "dtype",
    [pl.Categorical, pl.Enum(["cat dog", "dog", "0", "1"])],
    ids=["Categorical", "Enum"],
)
def test_load_csv_tags_reads_categories_of_polars(images, dtype):
    frame = pl.DataFrame({"image": ["0", "1"], "labels": ["cat dog", "dog"]})
    found = load_csv_tags(frame.with_columns(pl.all().cast(dtype)), images)
    assert found.target.tolist() == [[1, 1], [0, 1]]
    lists = pl.DataFrame({"image": ["0", "1"], "labels": LISTS}).with_columns(
        pl.col("labels").cast(pl.List(pl.Categorical))
    )
    assert load_csv_tags(lists, images).target.tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
@pytest.mark.parametrize("layout", ["cells", "pairs"])
def test_load_csv_tags_reads_a_date_as_one_label(images, kind, layout):
    days = [datetime(2024, 5, 1), datetime(2024, 5, 2), datetime(2024, 5, 2, 10, 30)]
    found = load_csv_tags(
        kind({"image": [0, 1, 2], "labels": days}), images, layout=layout
    )
    assert found.target_names == ["2024-05-01", "2024-05-02", "2024-05-02T10:30:00"]
    assert found.target.tolist() == np.eye(3).tolist()


@pytest.mark.parametrize("dtype", ["boolean", "Int64", "Float32", "bool[pyarrow]"])
def test_load_csv_tags_reads_columns_that_may_be_missing(images, dtype):
    marks = pd.array([True, False, None], dtype=dtype)
    frame = pd.DataFrame({"image": [0, 1, 2], "cat": marks})
    found = load_csv_tags(frame, images, layout="columns")
    np.testing.assert_array_equal(found.target, [[1], [0], [np.nan]])


def test_load_csv_tags_names_a_table_that_is_none(images, tmp_path):
    path = tmp_path / "table.parquet"
    pyarrow.parquet.write_table(_arrow(tmp_path)[:0], path)
    with pytest.raises(ValueError, match="must have rows.*table.parquet"):
        load_csv_tags(path, images)
    with pytest.raises(IsADirectoryError, match="a folder of Parquet files"):
        load_csv_tags(images, images)
    path = tmp_path / "table.json"
    path.write_text('[{"image": "0", "labels": ["cat"]}]')
    with pytest.raises(ValueError, match=r"Got JSON \(table.json\)"):
        load_csv_tags(path, images)
    path = tmp_path / "table.csv"
    path.write_text("image,labels\n0,cat\n")
    with pytest.raises(ValueError, match="encoding must be .* Got 'utf-nine'"):
        load_csv_tags(path, images, encoding="utf-nine")


@pytest.mark.parametrize("dtype", ["int64", "float64", "bool", "Int8"])
def test_equal_numbers_of_a_column_are_one_text(images, dtype):
    frame = pd.DataFrame({"image": range(4), "dog": [0, 1, 1, 0]})
    frame["dog"] = frame["dog"].astype(dtype)
    cells = FrameTable(frame, "the DataFrame").read_column(1)
    assert cells[1] is cells[2] and cells[0] is cells[3]
    found = load_csv_tags(frame, images, layout="columns")
    np.testing.assert_array_equal(found.target, [[0], [1], [1], [0]])


def test_equal_values_of_other_types_keep_their_texts():
    frame = pd.DataFrame({"x": pd.Series([1, True, 1.5, "1", True, 1], dtype=object)})
    cells = FrameTable(frame, "the DataFrame").read_column(0)
    assert cells == ["1", "True", "1.5", "1", "True", "1"]
