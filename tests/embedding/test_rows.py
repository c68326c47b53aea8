"""Every accepted form of X becomes the same cells; every other form is refused."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from target_forms import indexes_tables

from sklearn_clip._shared import _safe_indexing
from sklearn_clip.embedding import split_rows

pytestmark = pytest.mark.any_processor

BOTH = {"image": "image", "text": "text", "modalities": ("image", "text")}
IMAGES = {"image": "image", "text": None, "modalities": ("image",)}
TEXTS = {"image": None, "text": "text", "modalities": ("text",)}
PATHS = ["a.png", "b.png", "c.png"]
WORDS = ["one", "two", "three"]


def object_array(pairs):
    array = np.empty((len(pairs), 2), dtype=object)
    for row, pair in enumerate(pairs):
        array[row, 0], array[row, 1] = pair
    return array


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"text": WORDS, "other": 1, "image": PATHS}),
        pl.DataFrame({"text": WORDS, "image": PATHS}),
        [{"image": i, "text": t} for i, t in zip(PATHS, WORDS, strict=True)],
        list(zip(PATHS, WORDS, strict=True)),
        [list(pair) for pair in zip(PATHS, WORDS, strict=True)],
        object_array(list(zip(PATHS, WORDS, strict=True))),
        np.array(list(zip(PATHS, WORDS, strict=True))),
    ],
    ids=["pandas", "polars", "dicts", "tuples", "lists", "object-array", "str-array"],
)
def test_forms_of_both_modalities_become_the_same_cells(X):
    cells = split_rows(X, **BOTH)
    assert cells.n_rows == 3
    assert cells.image == [["a.png"], ["b.png"], ["c.png"]]
    assert cells.text == [["one"], ["two"], ["three"]]


@pytest.mark.parametrize(
    "make",
    [list, tuple, np.array, pd.Series, pl.Series, lambda x: np.array(x)[:, None]],
    ids=["list", "tuple", "array", "pandas", "polars", "column"],
)
@pytest.mark.parametrize("modality", ["image", "text"])
def test_forms_of_one_modality_become_the_same_cells(make, modality):
    options = IMAGES if modality == "image" else TEXTS
    cells = split_rows(make(WORDS), **options)
    assert getattr(cells, modality) == [["one"], ["two"], ["three"]]
    assert getattr(cells, "text" if modality == "image" else "image") is None


def test_stacked_array_is_one_image_per_row():
    X = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    cells = split_rows(X, **IMAGES)
    assert [len(cell) for cell in cells.image] == [1, 1]
    assert np.array_equal(cells.image[1][0], X[1])


def test_named_columns_are_found_in_frames_and_dicts():
    names = BOTH | {"image": "photo", "text": "title"}
    for X in (
        pd.DataFrame({"photo": PATHS, "title": WORDS}),
        [{"photo": p, "title": w} for p, w in zip(PATHS, WORDS, strict=True)],
    ):
        cells = split_rows(X, **names)
        assert (cells.image[2], cells.text[2]) == (["c.png"], ["three"])


RECORDS = np.array(
    list(zip(PATHS, WORDS, strict=True)), dtype=[("image", "O"), ("text", "U9")]
)
TABLES = {
    "records": RECORDS,
    "recarray": RECORDS.view(np.recarray),
    "masked records": np.ma.array(RECORDS),
    "two levels": pd.DataFrame(
        zip(PATHS, WORDS, strict=True),
        columns=pd.MultiIndex.from_tuples([("image", ""), ("text", "")]),
    ),
    "categories": pd.DataFrame({"image": PATHS, "text": WORDS}).astype("category"),
    "arrow": pd.DataFrame({"image": PATHS, "text": WORDS}).astype("string[pyarrow]"),
    "polars categories": pl.DataFrame({"image": PATHS, "text": WORDS}).cast(
        pl.Categorical
    ),
}
if indexes_tables():
    TABLES["pyarrow"] = pa.table({"image": PATHS, "text": WORDS})
    TABLES["pyarrow in parts"] = pa.concat_tables([TABLES["pyarrow"]])


@pytest.mark.parametrize("X", TABLES.values(), ids=TABLES)
def test_table_of_any_kind_is_read_by_name_and_can_be_split(X):
    for rows in ([0, 1, 2], [2, 0], [1]):
        cells = split_rows(_safe_indexing(X, np.array(rows)), **BOTH)
        assert cells.image == [[PATHS[row]] for row in rows]
        assert cells.text == [[WORDS[row]] for row in rows]
    with pytest.raises(ValueError, match=r"column 'photo' .*\['image', 'text'\]|level"):
        split_rows(X, **BOTH | {"image": "photo"})


@pytest.mark.skipif(not hasattr(pa, "string_view"), reason="an older pyarrow")
def test_table_of_which_pyarrow_takes_no_rows_is_refused_with_what_to_pass():
    X = pa.table({"text": pa.array(WORDS, pa.string_view())})
    try:
        X.take([0])
    except NotImplementedError:
        with pytest.raises(TypeError, match=r"Got a Table: give X.to_pandas\(\)"):
            split_rows(X, **TEXTS)
    else:
        assert split_rows(X, **TEXTS).text == [["one"], ["two"], ["three"]]


def test_column_of_any_kind_can_be_split():
    forms = [pl.Series(WORDS), pd.Series(WORDS, dtype="category")]
    if indexes_tables():
        forms += [pa.array(WORDS), pa.chunked_array([WORDS[:1], WORDS[1:]])]
    for X in forms:
        rows = _safe_indexing(X, np.array([2, 0]))
        assert split_rows(rows, **TEXTS).text == [["three"], ["one"]]


def test_masked_text_is_missing():
    X = np.ma.array(WORDS, mask=[False, True, False])
    assert split_rows(X, **TEXTS).text == [["one"], [], ["three"]]
    records = np.ma.array(RECORDS, mask=[(0, 0), (0, 1), (0, 0)])
    assert split_rows(records, **BOTH).text == [["one"], [], ["three"]]


def test_data_set_of_xarray_is_refused_with_its_table():
    xarray = pytest.importorskip("xarray")
    X = xarray.Dataset({"image": ("n", PATHS), "text": ("n", WORDS)})
    with pytest.raises(TypeError, match=r"Got a Dataset: give X.to_dataframe\(\)"):
        split_rows(X, **BOTH)
    assert split_rows(X.to_dataframe(), **BOTH).text == [["one"], ["two"], ["three"]]


def test_columns_of_other_modalities_are_not_looked_at():
    X = pd.DataFrame({"image": PATHS, "text": [1, 2, 3]})
    cells = split_rows(X, **BOTH | {"modalities": ("image",)})
    assert cells.text is None and cells.image[0] == ["a.png"]
    assert split_rows([{"image": "a.png"}], **BOTH | {"modalities": ("image",)}).n_rows


@pytest.mark.parametrize("as_dicts", [False, True])
def test_of_many_columns_or_keys_the_first_are_named(as_dicts):
    names = [f"column {number:04}" for number in range(1000)]
    X = pd.DataFrame([["a.png"] * 1000], columns=names)
    X = X.to_dict("records") if as_dicts else X
    some = r"\['column 0000', .*'column 0009', \.\.\.\]"
    with pytest.raises(ValueError, match=some) as error:
        split_rows(X, **BOTH)
    assert len(str(error.value)) < 400


def test_key_that_some_dicts_lack_is_missing_there():
    cells = split_rows([{"text": "a"}, {"image": "b.png"}], **BOTH)
    assert cells.image == [[], ["b.png"]]
    assert cells.text == [["a"], []]


@pytest.mark.parametrize("form", [list, tuple, lambda x: np.array(x, dtype=object)])
def test_cell_with_several_images_keeps_those_that_are_there(form):
    X = [(form(["a.png", None, "b.png", ""]), "x"), (form([]), "y")]
    cells = split_rows(X, **BOTH)
    assert cells.image == [["a.png", "b.png"], []]


@pytest.mark.parametrize(
    "value",
    [
        None,
        float("nan"),
        np.nan,
        np.float32("nan"),
        Decimal("nan"),
        np.datetime64("NaT"),
        np.ma.masked,
        pd.NA,
        pd.NaT,
        "",
    ],
    ids=repr,
)
def test_missing_items_become_empty_cells(value):
    cells = split_rows([(value, value)], **BOTH)
    assert cells.image == [[]] and cells.text == [[]]


def test_images_are_not_looked_at_to_tell_whether_they_are_missing():
    class Picture:
        def __ne__(self, other):
            raise AssertionError("compared, as a picture of Pillow is by its pixels")

    picture = Picture()
    assert split_rows([picture, None], **IMAGES).image == [[picture], []]
    assert split_rows([[picture, None]], **IMAGES).image == [[picture]]


def test_text_of_blanks_is_missing():
    assert split_rows([" \n\t"], **TEXTS).text == [[]]


@pytest.mark.parametrize("dtype", ["str", "string", "object", "category"])
def test_pandas_text_dtypes_and_their_na_are_read(dtype):
    X = pd.Series(["a", None, "b"], dtype=dtype)
    assert split_rows(X, **TEXTS).text == [["a"], [], ["b"]]


@pytest.mark.parametrize("X", [[], pd.DataFrame({"image": [], "text": []})])
def test_no_rows_are_no_cells(X):
    cells = split_rows(X, **BOTH)
    assert (cells.n_rows, cells.image, cells.text) == (0, [], [])


def test_series_of_one_modality_may_be_indexed_by_names():
    """An index that lacks the column's name, or a single cell, is no row of a table."""
    series = pd.Series(WORDS, index=["image", "c", "d"])
    assert split_rows(series, **TEXTS).text == [[word] for word in WORDS]
    assert split_rows(pd.Series(["a"], index=["text"]), **TEXTS).text == [["a"]]


def test_rows_are_named_by_position_and_index_label():
    frame = pd.DataFrame({"image": PATHS, "text": WORDS})
    assert split_rows(frame, **BOTH).name_row(1) == "row 1"
    shuffled = split_rows(frame.iloc[::-1], **BOTH)
    assert shuffled.name_row(0) == "row 0 (index 2)"
    assert shuffled.name_row(1) == "row 1"
    named = split_rows(frame.set_index(pd.Index(["p", "q", "r"])), **BOTH)
    assert named.name_row(2) == "row 2 (index 'r')"
    levels = pd.MultiIndex.from_product([["s"], [5, 6, 7]])
    assert split_rows(frame.set_index(levels), **BOTH).name_row(0) == (
        "row 0 (index ('s', 5))"
    )


@pytest.mark.parametrize(
    ("X", "options", "error", "message"),
    [
        ("a.png", BOTH, TypeError, "Got a single str: put it in a list"),
        (b"bytes", BOTH, TypeError, "Got a single bytes"),
        ({"image": "a"}, BOTH, TypeError, "Got a single dict"),
        ({"image": ["a", "b"], "text": "two"}, BOTH, TypeError, "Got a single dict"),
        (
            pd.DataFrame({"image": PATHS, "text": WORDS}).iloc[0],
            BOTH,
            TypeError,
            r"Got a single row of a table: .*X.iloc\[\[0\]\]",
        ),
        (
            pd.DataFrame({"image": PATHS, "text": WORDS}).iloc[0],
            TEXTS,
            TypeError,
            "Got a single row of a table",
        ),
        (
            {"image": PATHS, "text": WORDS},
            BOTH,
            TypeError,
            r"Got a dict: give pandas.DataFrame\(X\)",
        ),
        (
            {"text": pd.Series(WORDS)},
            TEXTS,
            TypeError,
            r"Got a dict: give pandas.DataFrame\(X\)",
        ),
        (
            pa.table({"image": PATHS, "text": WORDS}).to_batches()[0],
            BOTH,
            TypeError,
            r"Got a RecordBatch: give X.to_pandas\(\)",
        ),
        (
            pd.DataFrame([[1, 2]], columns=[("image", "a"), ("image", "b")]).T.T,
            BOTH,
            ValueError,
            "column 'image' .*several levels",
        ),
        (
            pd.DataFrame(
                [[1, 2]],
                columns=pd.MultiIndex.from_tuples([("image", "a"), ("image", "b")]),
            ),
            BOTH,
            ValueError,
            r"Got 2 of that name.*several levels.*'_'.join",
        ),
        (
            pd.DataFrame([range(99)], columns=[f"column {i}" for i in range(99)]),
            BOTH,
            ValueError,
            r"'column 9', \.\.\.\]\.",
        ),
        (iter(PATHS), BOTH, TypeError, "X must be a DataFrame, a list of dicts"),
        (None, BOTH, TypeError, "Got a single NoneType"),
        (iter([("a", "b")]), BOTH, TypeError, r"no positions: give list\(X\)"),
        ({("a", "b")}, BOTH, TypeError, r"Got a set, .* give list\(X\)"),
        (
            pl.LazyFrame({"image": ["a"], "text": ["b"]}),
            BOTH,
            TypeError,
            r"Got a LazyFrame: give X.collect\(\)",
        ),
        (np.array("a"), TEXTS, TypeError, r"Got ndarray of shape \(\)"),
        (sparse.eye(3).tocsr(), BOTH, TypeError, "Got csr_(matrix|array) of shape"),
        (PATHS, BOTH, ValueError, r"Got 'a.png' \(row 0\).*text=None"),
        ([("a", "b"), ("a",)], BOTH, ValueError, r"Got 1 items \(row 1\)"),
        (["a", "b"], BOTH | {"text": None, "image": None}, ValueError, "one kind"),
        ([(1, "a")], BOTH, TypeError, r"An image must be .* Got 1 of type int"),
        ([(True, "a")], BOTH, TypeError, "of type bool"),
        ([("a", 3)], BOTH, TypeError, r"A text must be a str. Got 3 .*\(row 0\)"),
        (
            [("a", b"x")],
            BOTH,
            TypeError,
            "A text must be a str. Got b'x' of type bytes",
        ),
        ([("a", "\ud800")], BOTH, ValueError, r"valid Unicode.*\(row 0\)"),
        ([["a", "b", "c"]], TEXTS, TypeError, "A text must be a str.*of type list"),
        ([{"photo": 1}], BOTH, ValueError, r"key 'image'.*\['photo'\] \(row 0\)"),
        (
            pd.DataFrame({"photo": ["a"]}),
            BOTH,
            ValueError,
            r"column 'image' .*\['photo'\].*image=None",
        ),
        (
            pd.DataFrame([["a", "b"]], columns=["text", "text"]),
            TEXTS,
            ValueError,
            "X must have one column 'text'. Got 2 of that name",
        ),
        (np.zeros((5, 4, 3), np.uint8), IMAGES, ValueError, r"X\[None\]"),
        (np.zeros((2, 5, 4, 2), np.uint8), IMAGES, ValueError, r"\(2, 5, 4, 2\)"),
        (np.zeros((2, 5, 4, 3), np.uint8), BOTH, ValueError, "set text=None"),
        (np.array([["a", "b"]]), IMAGES, ValueError, r"Got \(1, 2\)"),
    ],
)
def test_other_forms_are_refused_with_what_to_do(X, options, error, message):
    with pytest.raises(error, match=message):
        split_rows(X, **options)


def test_errors_name_the_index_label():
    X = pd.DataFrame({"image": ["a"], "text": [7]}, index=["sku-1"])
    with pytest.raises(TypeError, match=r"row 0 \(index 'sku-1'\)"):
        split_rows(X, **BOTH)


def test_folder_is_told_to_give_its_pictures(tmp_path):
    for folder in (tmp_path, str(tmp_path)):
        with pytest.raises(TypeError, match=r"the folder .*rglob\('\*.\[jJ\]"):
            split_rows(folder, image="image", text=None, modalities=("image",))


def test_row_without_a_picture_is_told_how_it_is_given():
    with pytest.raises(ValueError, match=r"Got 'a dog' \(row 0\).*\(None, text\)"):
        split_rows(["a dog"], **BOTH)
