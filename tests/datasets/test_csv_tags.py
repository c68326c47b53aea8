import csv
import io
import re
import sys
import tempfile
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sklearn_clip import CLIPFeaturizer, labels_to_frame
from sklearn_clip.datasets import load_csv_tags

CELLS = """ImageID,Labels,Caption
0.jpg,1,Woman in swim suit holding parasol on sunny day.
1.jpg,1 19,"A couple of men riding horses, on a beach"
2.jpg,3 1 8,"They say ""hi"" to
a second line"
"""
COLUMNS = """id,caption,cat,dog,tree
0,a cat,1,0,
1,,0.0,1.0,nan
2,all,TRUE,False,1
"""
PAIRS = """id,label,caption,product
0,cat,a cat,a
1,tree,,b
0,dog,a cat,a
2,,nothing,b
"""


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(3):
        picture = Image.new("RGB", (40, 30), (80 * number, 0, 0))
        picture.save(folder / f"{number}.jpg")
    return folder


def load(table, images, **parameters):
    return load_csv_tags(io.StringIO(table), images, **parameters)


def load_cells(table, images, **parameters):
    names = {"image": "ImageID", "labels": "Labels", "text": "Caption"}
    return load(table, images, **names | parameters)


def load_columns(table, images, **parameters):
    names = {"image": "id", "text": "caption", "layout": "columns"}
    return load(table, images, **names | parameters)


def load_pairs(table, images, **parameters):
    names = {"image": "id", "text": "caption", "labels": "label", "layout": "pairs"}
    return load(table, images, **names | parameters)


def test_load_csv_tags_reads_labels_of_one_cell(images):
    found = load_cells(CELLS, images)
    assert found.target_names == ["1", "3", "8", "19"]  # ids sort as numbers
    assert found.target.dtype == np.int64
    assert found.target.tolist() == [[1, 0, 0, 0], [1, 0, 0, 1], [1, 1, 1, 0]]
    assert found.data[:, 0].tolist() == [str(images / f"{i}.jpg") for i in range(3)]
    assert found.data[1, 1] == "A couple of men riding horses, on a beach"
    assert found.data[2, 1] == 'They say "hi" to\na second line'
    assert found.lines.tolist() == [2, 3, 4]
    assert found.groups.tolist() == [0, 1, 2]


def test_load_csv_tags_reads_a_column_a_label(images):
    found = load_columns(COLUMNS, images)
    assert found.target_names == ["cat", "dog", "tree"]
    expected = [[1, 0, np.nan], [0, 1, np.nan], [1, 0, 1]]
    np.testing.assert_array_equal(found.target, expected)
    assert found.data[:, 1].tolist() == ["a cat", None, "all"]


def test_load_csv_tags_reads_named_columns_alone(images):
    found = load_columns(COLUMNS, images, classes=["dog", "cat"])
    assert found.target_names == ["dog", "cat"]
    assert found.target.dtype == np.int64
    assert found.target.tolist() == [[0, 1], [1, 0], [0, 1]]


def test_load_csv_tags_reads_a_line_a_label(images):
    found = load_pairs(PAIRS, images, group="product")
    assert found.target_names == ["cat", "dog", "tree"]
    assert found.target.tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert found.data[:, 1].tolist() == ["a cat", None, "nothing"]
    assert found.groups.tolist() == ["a", "b", "b"]
    assert found.lines.tolist() == [2, 3, 5]


def test_load_csv_tags_pairs_must_agree_on_caption(images):
    text = PAIRS.replace("0,dog,a cat", "0,dog,a dog")
    with pytest.raises(ValueError, match=r"same text. Got 'a cat' \(line 2\).*line 4"):
        load_pairs(text, images)


def test_load_csv_tags_pairs_are_merged_by_file(images):
    found = load_pairs(PAIRS.replace("0,dog", "0.jpg,dog"), images)
    assert found.target.tolist() == [[1, 1, 0], [0, 0, 1], [0, 0, 0]]
    assert found.lines.tolist() == [2, 3, 5]


def test_load_csv_tags_without_layout_reads_rows_to_be_labelled(images):
    test = "ImageID,Caption\n2.jpg,last\n0.jpg,\n"
    found = load_cells(test, images, layout=None)
    assert found.target is None and found.target_names == []
    assert found.data[:, 1].tolist() == ["last", None]
    X, Y = load_cells(test, images, layout=None, as_frame=True, return_X_y=True)
    assert list(X.columns) == ["image", "text"] and Y is None


@pytest.mark.parametrize("separator", [";", "|", ","])
def test_load_csv_tags_takes_other_separators(images, separator):
    text = f'image,labels\n0,"red wine{separator}cat{separator}"\n1,cat\n'
    found = load(text, images, separator=separator)
    assert found.target_names == ["cat", "red wine"]
    assert found.target.tolist() == [[1, 1], [1, 0]]


def test_load_csv_tags_warns_of_another_separator(images):
    text = "image,labels\n0,cat;dog\n1,dog\n"
    with pytest.warns(UserWarning, match="is separator=';' meant?") as caught:
        load(text, images)
    assert caught[0].filename == __file__  # of the call above
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(text, images, separator=";")
        load("image,labels\n0,cat\n1,dog\n", images)


def test_load_csv_tags_refuses_printed_lists(images):
    text = "image,labels\n0,cat\n1,\"['cat', 'dog']\"\n"
    with pytest.raises(ValueError, match="printed collection.*line 3.*literal_eval"):
        load(text, images)


@pytest.mark.parametrize(
    ("unlabelled", "expected"),
    [
        ("keep", [[1, 0], [0, 0], [0, 1]]),
        ("drop", [[1, 0], [0, 1]]),
        ("unknown", [[1, 0], [np.nan, np.nan], [0, 1]]),
    ],
)
def test_load_csv_tags_empty_cells_are_what_is_asked(images, unlabelled, expected):
    cells = load("image,labels\n0,a\n1,\n2,b\n", images, unlabelled=unlabelled)
    np.testing.assert_array_equal(cells.target, expected)
    pairs = load(
        "image,labels\n0,a\n1,\n2,b\n",
        images,
        layout="pairs",
        **{"unlabelled": unlabelled},
    )
    np.testing.assert_array_equal(pairs.target, expected)


def test_load_csv_tags_drops_rows_of_which_nothing_is_known(images):
    text = "image,a,b\n0,1,0\n1,,\n2,,0\n"
    kept = load(text, images, layout="columns")
    nan = np.nan
    np.testing.assert_array_equal(kept.target, [[1, 0], [nan, nan], [nan, 0]])
    dropped = load(text, images, layout="columns", unlabelled="drop")
    np.testing.assert_array_equal(dropped.target, [[1, 0], [nan, 0]])


def test_load_csv_tags_na_values_are_unknown(images):
    text = "image,a,b\n0,1.0,-1.0\n1,0,0\n"
    with pytest.raises(ValueError, match=r"Got '-1.0' in the column 'b' .*line 2"):
        load(text, images, layout="columns")
    found = load(text, images, layout="columns", na_values=["-1.0"])
    np.testing.assert_array_equal(found.target, [[1, np.nan], [0, 0]])
    cells = load("image,labels\n0,a\n1,?\n", images, na_values=["?"])
    np.testing.assert_array_equal(cells.target, [[1], [np.nan]])
    pairs = load(
        "image,labels\n0,?\n0,a\n1,?\n1,?\n",
        images,
        na_values=["?", ""],
        layout="pairs",
    )
    np.testing.assert_array_equal(pairs.target, [[1], [np.nan]])


def test_load_csv_tags_classes_give_the_order_and_refuse_others(images):
    found = load_cells(CELLS, images, classes=["19", "8", "3", "2", "1"])
    assert found.target.tolist() == [[0, 0, 0, 0, 1], [1, 0, 0, 0, 1], [0, 1, 1, 0, 1]]
    with pytest.raises(
        ValueError, match=r"Got '3' \(the CSV text, line 4\). other_labels='ignore'"
    ):
        load_cells(CELLS, images, classes=["1", "19", "8"])


def test_load_csv_tags_ignores_other_labels_where_asked(images):
    few = {"classes": ["8", "19"], "other_labels": "ignore"}
    found = load_cells(CELLS, images, unlabelled="drop", **few)
    assert found.target_names == ["8", "19"]
    assert found.target.tolist() == [[0, 0], [0, 1], [1, 0]]
    with pytest.raises(ValueError, match="labels among classes. Got none.*as '1'"):
        load_cells(CELLS, images, **few | {"classes": ["one"]})


def test_load_csv_tags_refuses_a_column_named_twice(images):
    with pytest.raises(ValueError, match="classes must be distinct. Got 'cat' twice"):
        load_columns(COLUMNS, images, classes=["cat", "dog", "cat"])


def test_load_csv_tags_takes_no_column_without_a_name_for_labels(images, tmp_path):
    table = pd.DataFrame({"image": ["0.jpg", "1.jpg"], "cat": [0, 1]})
    table.insert(1, "", None)  # an empty column of a sheet
    table.to_csv(tmp_path / "saved.csv")
    read = pd.read_csv(tmp_path / "saved.csv")  # the index is a column of 0 and 1
    assert list(read) == ["Unnamed: 0", "image", "Unnamed: 2", "cat"]
    read.to_csv(tmp_path / "again.csv")
    again = pd.read_csv(tmp_path / "again.csv")
    assert "Unnamed: 0.1" in again
    sheet = pl.DataFrame({"image": ["0.jpg", "1.jpg"], "cat": [0, 1]})
    sheet = sheet.with_columns(__UNNAMED__2=pl.lit(None))
    for source in (tmp_path / "saved.csv", tmp_path / "again.csv", read, again, sheet):
        found = load_csv_tags(source, images, layout="columns")
        assert found.target_names == ["cat"]
        assert found.target.tolist() == [[0], [1]]
    found = load_csv_tags(read, images, layout="columns", classes=["Unnamed: 0"])
    assert found.target_names == ["Unnamed: 0"]


def test_load_csv_tags_names_a_bad_value(images):
    with pytest.raises(ValueError, match="Got 'a cat' in the column 'caption'.*line 2"):
        load_columns(COLUMNS, images, text=None)
    with pytest.raises(ValueError, match="Got '2' in the column 'dog'.*line 3"):
        load_columns(COLUMNS.replace("0.0,1.0", "0.0,2"), images)


def test_load_csv_tags_names_both_lines_of_a_duplicate(images):
    text = "image,labels\n0,a\n1,b\n0.jpg,b\n"
    with pytest.raises(ValueError, match=r"0.jpg' in line 2 and again .*line 4"):
        load(text, images)
    found = load(text, images, duplicates="keep")
    assert found.groups.tolist() == [0, 1, 0]
    assert found.target.tolist() == [[1, 0], [0, 1], [0, 1]]


@pytest.mark.parametrize(
    ("cell", "separator", "way"),
    [
        ("a", " ", r"layout='pairs' reads a label a line; duplicates"),
        ("body part", " ", r"layout='pairs' reads a label a line; else leave one of"),
        ("a;b", ";", r"\). Leave one of them out; duplicates"),
    ],
)
def test_load_csv_tags_names_the_way_out_of_duplicates(images, cell, separator, way):
    text = f"image,labels\n0,{cell}\n0,c\n"
    with pytest.raises(ValueError, match=way):
        load(text, images, separator=separator)
    with pytest.raises(ValueError, match=r"\). Leave one of them out; duplicates"):
        load_columns("id,caption,dog\n0,x,1\n0,y,0\n", images)


def test_load_csv_tags_names_missing_files(images):
    text = "image,labels\n0,a\n7,b\n2.png,b\n"
    with pytest.raises(
        FileNotFoundError, match=r"'7' \(line 3\), '2.png' \(line 4\) \(2 of 3 images\)"
    ):
        load(text, images)
    with pytest.warns(UserWarning, match="2 of 3 images were not found") as caught:
        found = load(text, images, missing_files="drop")
    assert caught[0].filename == __file__
    assert found.target.tolist() == [[1]]
    kept = load(text, images, missing_files="keep")
    assert kept.data[1, 0] == str(images / "7")
    with pytest.raises(FileNotFoundError, match="Got none of 3.*Give the folder"):
        load(text, images.parent)
    with pytest.raises(NotADirectoryError, match="images must be a folder"):
        load(text, images / "0.jpg")


@pytest.mark.parametrize("rows", [{"duplicates": "keep"}, {"layout": "pairs"}])
def test_load_csv_tags_counts_missing_images_once(images, rows):
    text = "image,labels\n0,a\n7,a\n0.jpg,b\n7,b\n"
    with pytest.raises(
        FileNotFoundError, match=r"none for '7' \(line 3\) \(1 of 2 images\)"
    ):
        load(text, images, **rows)


def test_load_csv_tags_refuses_ids_of_several_files(images):
    Image.new("L", (9, 9)).save(images / "1.PNG")
    with pytest.raises(
        ValueError, match=r"'1', which may be 1.PNG or 1.jpg \(.*line 3"
    ):
        load("image,labels\n0,a\n1,b\n", images)
    found = load("image,labels\n0,a\n1.PNG,b\n", images)
    assert found.data[1, 0].endswith("1.PNG")


def test_load_csv_tags_finds_files_in_subfolders(images):
    (images / "a.b").mkdir()
    (images / "2.jpg").rename(images / "a.b" / "scan.v1.jpg")
    text = f"image,labels\na.b/scan.v1,a\n{images}/1,b\n"
    found = load(text, images)
    expected = [str(images / "a.b" / "scan.v1.jpg"), str(images / "1.jpg")]
    assert found.data[:, 0].tolist() == expected


def test_load_csv_tags_refuses_urls(images):
    with pytest.raises(ValueError, match="nothing is fetched. .*line 2"):
        load("image,labels\nhttps://a.org/0.jpg,a\n", images)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_load_csv_tags_decodes_files(images, encoding, tmp_path):
    path = tmp_path / "train.csv"
    path.write_bytes("image;labels\r\n0;café\r\n1;\r\n".encode(encoding))
    given = "cp1252" if encoding == "cp1252" else "utf-8"
    found = load_csv_tags(path, images, delimiter=";", encoding=given)
    assert found.target_names == ["café"]
    assert found.target.tolist() == [[1], [0]]


def test_load_csv_tags_names_the_line_of_a_wrong_byte(images, tmp_path):
    path = tmp_path / "train.csv"
    path.write_bytes("image,labels\n0,tea\n1,café\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r"in 'utf-8'.*xe9.*\(train.csv, line 3\)"):
        load_csv_tags(path, images)


def test_load_csv_tags_counts_lines_as_an_editor(images):
    # Blank lines and a cell of two lines before the wrong one.
    text = 'image,labels,note\n\n0,a,"one\ntwo"\n\n9,b,\n'
    with pytest.raises(FileNotFoundError, match=r"'9' \(line 6\)"):
        load(text, images)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must have a header"),
        ("image,labels\n", "must have rows"),
        ("image,labels,labels\n0,a,b\n", "Got 'labels' twice"),
        ("image,labels\n0,a,b\n", r"2 cells, as the header. Got 3 \(.*line 2"),
        ("image,labels\n1,a\n0\n", r"Got 1 \(.*line 3"),
        ('image,labels\n1,a\n0,"say "hi" now"\n', r"must be doubled.*line 3"),
        ('image,labels\n1,"a\n0,b\n', r"must be doubled.*line 2"),
        ("image;labels\n0;a\n", "Is delimiter=';' meant"),
        ("file,labels\n0,a\n", "image must name a column .* 'file', 'labels'"),
        ("image,tags\n0,a\n", "labels must name a column"),
        ("image,labels\n,a\n", "must have its image.*line 2"),
        ("image,labels\n0,\n1,\n", "must have labels. Got none"),
    ],
)
def test_load_csv_tags_names_what_is_wrong_in_a_table(images, text, message):
    with pytest.raises(ValueError, match=message):
        load(text, images)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"layout": "long"}, ValueError, "layout must be 'cells'"),
        ({"unlabelled": "nan"}, ValueError, "unlabelled must be 'keep'"),
        ({"duplicates": "drop"}, ValueError, "duplicates must be 'raise' or 'keep'"),
        ({"missing_files": None}, ValueError, "missing_files must be 'raise'"),
        ({"separator": ""}, ValueError, "separator must be a text. Got ''"),
        ({"classes": "cat"}, TypeError, "classes must be a list of texts. Got 'cat'"),
        ({"classes": ["1", 1]}, ValueError, "classes must be distinct. Got '1' twice"),
        ({"classes": []}, ValueError, "classes must name a label"),
        ({"other_labels": "drop"}, ValueError, "other_labels must be 'raise' or"),
        ({"na_values": "-1"}, TypeError, "na_values must be a list of texts"),
        ({"na_values": None}, TypeError, "na_values must be a list of texts. Got None"),
        ({"text": 3}, ValueError, "text must name a column of"),
        ({"layout": np.eye(2)}, ValueError, "layout must be 'cells'"),
        ({"unlabelled": ["keep"]}, ValueError, "unlabelled must be 'keep', 'drop'"),
        ({"group": "product"}, ValueError, "group must name a column"),
    ],
)
def test_load_csv_tags_refuses_bad_parameters(images, parameters, error, message):
    with pytest.raises(error, match=message):
        load_cells(CELLS, images, **parameters)


@pytest.mark.parametrize("source", [io.BytesIO(b"image,labels\n0,a\n"), 3])
def test_load_csv_tags_refuses_other_sources(images, source):
    with pytest.raises(
        TypeError, match=r"a path(,| or) a file opened as text.* Got (bytes|i)"
    ):
        load_csv_tags(source, images)


def test_load_csv_tags_layout_of_columns_needs_columns(images):
    with pytest.raises(ValueError, match="a column for each label. Got none beside"):
        load("image\n0\n", images, layout="columns")
    with pytest.raises(ValueError, match="classes must name a column"):
        load_columns(COLUMNS, images, classes=["cat", "bird"])


def test_load_csv_tags_as_frame_agrees_with_arrays(images):
    X, Y = load_cells(CELLS, images, return_X_y=True)
    frame = load_cells(CELLS, images, as_frame=True)
    assert list(frame.frame.columns) == ["image", "text", *frame.target_names]
    np.testing.assert_array_equal(frame.data.to_numpy(), X)
    np.testing.assert_array_equal(frame.target.to_numpy(), Y)


def test_load_csv_tags_needs_no_pandas_for_arrays(images, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert load_cells(CELLS, images).target.shape == (3, 4)
    with pytest.raises(ImportError, match=r"load_csv_tags.*sklearn-clip\[pandas\]"):
        load_cells(CELLS, images, as_frame=True)


def test_load_csv_tags_reads_what_pandas_writes(images, tmp_path):
    path = tmp_path / "train.csv"
    Y = labels_to_frame([["cat"], None, ["cat", "a, b"]])
    Y.insert(0, "image", ["0", "1", "2"])
    Y.to_csv(path)  # with its index, whose column has no name
    found = load_csv_tags(path, images, layout="columns", as_frame=True)
    pd.testing.assert_frame_equal(found.target, Y.drop(columns="image"))


def test_load_csv_tags_rows_are_featurized(images):
    rows = load_columns(COLUMNS, images).data
    X = CLIPFeaturizer("clipart-tiny", cache=None).fit_transform(rows)
    assert X.shape[0] == 3 and np.isfinite(X).all()


FOLDER = Path(tempfile.gettempdir())
TAG = st.text(
    st.characters(codec="utf-8", exclude_characters="\0;[]{}()\r"),
    min_size=1,
    max_size=6,
).filter(lambda tag: tag == tag.strip())


def write(header, lines):
    file = io.StringIO(newline="")
    csv.writer(file).writerows([header, *lines])
    file.seek(0)
    return file


@settings(max_examples=60, deadline=None)
@given(st.lists(st.frozensets(TAG, max_size=4), min_size=1, max_size=5))
def test_load_csv_tags_gives_back_what_was_written(rows):
    expected = labels_to_frame(rows)
    if not expected.columns.size:
        return
    names = [str(number) for number in range(len(rows))]
    cells = [(name, ";".join(tags)) for name, tags in zip(names, rows, strict=True)]
    pairs = [
        (name, tag)
        for name, tags in zip(names, rows, strict=True)
        for tag in tags or [""]
    ]
    columns = [
        (name, *row) for name, row in zip(names, expected.to_numpy(), strict=True)
    ]
    tables = {
        "cells": write(["image", "labels"], cells),
        "pairs": write(["image", "labels"], pairs),
        "columns": write(["id of all", *expected.columns], columns),
    }
    for layout, file in tables.items():
        found = load_csv_tags(
            file,
            FOLDER,
            layout=layout,
            image="id of all" if layout == "columns" else "image",
            separator=";",
            missing_files="keep",
        )
        names = list(expected.columns)
        if layout != "columns" and all(re.fullmatch("[0-9]+", name) for name in names):
            names.sort(key=lambda name: (int(name), name))
        assert found.target_names == names
        np.testing.assert_array_equal(found.target, expected[names].to_numpy())


def test_rows_to_be_labelled_may_lack_their_picture_or_text(images):
    table = "image,title\n0,a\n,b\n,\n"
    options = {"layout": None, "text": "title", "missing_files": "keep"}
    found = load(table, images, **options)
    assert found.data[1:].tolist() == [[None, "b"], [None, None]]
    assert found.lines.tolist() == [2, 3, 4] and len(set(found.groups)) == 3
    assert load(table, None, **options).data[:, 1].tolist() == ["a", "b", None]
    with pytest.raises(ValueError, match="must have its image.*line 3"):
        load(table, images, **options | {"missing_files": "drop"})


@pytest.mark.parametrize("layout", ["cells", "columns"])
def test_labelled_rows_may_lack_their_picture(images, layout):
    labels = "labels\n0,a,cat\n,b,dog\n" if layout == "cells" else "cat\n0,a,1\n,b,0\n"
    options = {"layout": layout, "text": "title", "missing_files": "keep"}
    found = load(f"image,title,{labels}", images, **options)
    assert found.data[1].tolist() == [None, "b"]
    expected = [[1, 0], [0, 1]] if layout == "cells" else [[1], [0]]
    assert found.target.tolist() == expected
    texts = load(f"image,title,{labels}".replace(",b,", ",,"), None, **options)
    assert texts.data[:, 1].tolist() == ["a", None]
    assert texts.target.tolist() == expected
    with pytest.raises(ValueError, match="must have its text. Got none .*line 3"):
        options["missing_files"] = "raise"
        load(f"image,title,{labels}".replace(",b,", ",,"), None, **options)
    with pytest.raises(ValueError, match="must have its image.*line 3"):
        load(f"image,title,{labels}", images, **options | {"missing_files": "raise"})


def test_table_of_many_labels_is_held_once(tmp_path):
    lines = [f"text {i},{i};{(7 * i) % 1500}\n" for i in range(1500)]
    (tmp_path / "many.csv").write_text("text,labels\n" + "".join(lines))
    tracemalloc.start()
    data = load_csv_tags(tmp_path / "many.csv", images=None, text="text", separator=";")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    frame = labels_to_frame([[str(i)] for i in range(1500)])
    peak_of_frame = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert data.target.dtype == np.int64
    assert data.target.shape == frame.shape == (1500, 1500)
    assert peak < 1.5 * data.target.nbytes
    assert peak_of_frame < 1.5 * data.target.nbytes


@pytest.mark.parametrize("cell", ['"{""class"": ""cat""}"', "{}"])
def test_load_csv_tags_takes_no_object_for_a_label_of_a_pair(images, cell):
    table = f"image,labels\n0.jpg,cat\n1.jpg,{cell}\n"
    with pytest.raises(ValueError, match=r"one label. Got the object .*, line 3\)"):
        load_csv_tags(io.StringIO(table), images, layout="pairs")
    curly = "image,labels\n0.jpg,{cat}\n1.jpg,cat\n"
    found = load_csv_tags(io.StringIO(curly), images, layout="pairs")
    assert found.target_names == ["cat", "{cat}"]


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ('[{"image": 1}]', r"pandas.read_json, and"),
        ('{"image": 1}\n{"image": 2}\n', r"pandas.read_json\(path, lines=True\), and"),
    ],
)
def test_load_csv_tags_says_how_json_is_read(images, text, way):
    path = images / "tags.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=way):
        load_csv_tags(path, images)


# As Prodigy's db-out writes lines of one label, and of a choice among several.
ASKED = [
    {"text": "one", "label": "cat", "_input_hash": 7, "answer": "accept"},
    {"text": "one", "label": "dog", "_input_hash": 7, "answer": "reject"},
    {"text": "two", "label": "cat", "_input_hash": 8, "answer": "ignore"},
    {"text": "two", "label": "dog", "_input_hash": 8, "answer": "accept"},
]
CHOSEN = [
    {"text": "one", "accept": ["cat", "dog"], "answer": "accept"},
    {"text": "two", "accept": ["cat"], "answer": "reject"},
    {"text": "three", "accept": [], "answer": "accept"},
]


def test_answers_of_prodigy_are_values():
    given = {"text": "text", "labels": "label", "image": "_input_hash"}
    frame = pd.DataFrame(ASKED)
    found = load_csv_tags(frame, None, layout="pairs", value="answer", **given)
    assert found.target_names == ["cat", "dog"]
    np.testing.assert_array_equal(found.target, [[1, 0], [np.nan, 1]])
    match = r"'reject' in the column 'answer' \(.*row 1\), .* value='answer' reads"
    with pytest.raises(ValueError, match=match):
        load_csv_tags(frame, None, layout="pairs", **given)
    with pytest.raises(ValueError, match="'ignore' in the column 'answer'"):
        load_csv_tags(frame.drop(index=1), None, layout="pairs", **given)
    frame = frame[frame["answer"] == "accept"]
    found = load_csv_tags(frame, None, layout="pairs", **given)
    assert found.target.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("answer", ["reject", "ignore"])
def test_rows_that_were_rejected_as_a_whole_are_refused(answer):
    frame = pd.DataFrame(CHOSEN).replace({"answer": {"reject": answer}})
    match = rf"not accepted .* Got '{answer}' in the column 'answer' \(.*row 1\)"
    with pytest.raises(ValueError, match=match):
        load_csv_tags(frame, None, text="text", labels="accept")
    frame = frame[frame["answer"] == "accept"]
    found = load_csv_tags(frame, None, text="text", labels="accept")
    assert found.target_names == ["cat", "dog"]
    assert found.target.tolist() == [[1, 1], [0, 0]]
    # A column of that name may hold something else.
    frame = frame.assign(answer=["reject", "yes, please"])
    load_csv_tags(frame, None, text="text", labels="accept")


@pytest.mark.parametrize(
    ("cell", "way"),
    [
        ("WAHR", "Write 1 in its place;"),
        ("Faux", "Write 0 in its place;"),
        ('"1,0"', "Write 1 in its place;"),
        ('"0,0"', "Write 0 in its place;"),
        ("-1", r"na_values=\['-1'\] makes it unknown; where it means .* write 0"),
        ("0.5", r"na_values=\['0.5'\] makes it unknown;"),
    ],
)
def test_cells_of_other_programs_say_what_to_write(tmp_path, cell, way):
    table = f"image,cat,dog\na,1,0\nb,{cell},1\n"
    with pytest.raises(ValueError, match=rf"line 3\)\. {way}"):
        load_csv_tags(io.StringIO(table), tmp_path, layout="columns")


def test_values_that_were_accepted_and_rejected_are_read(tmp_path):
    table = "image,labels,status\na,cat,accepted\na,dog,Rejected\nb,dog,ignored\n"
    for name in "ab":
        (tmp_path / f"{name}.jpg").touch()
    given = {"layout": "pairs", "value": "status"}
    found = load_csv_tags(io.StringIO(table), tmp_path, **given)
    np.testing.assert_array_equal(found.target, [[1, 0], [np.nan, np.nan]])
