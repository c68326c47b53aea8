import json
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image
from scipy import sparse
from target_forms import indexes_tables

from sklearn_clip._shared import clean_name
from sklearn_clip.datasets import (
    load_cvat,
    load_label_studio,
    write_cvat_tags,
    write_label_studio,
)
from sklearn_clip.datasets.annotation_tools._suggestions import make_relative

CONFIG = (Path(__file__).parent / "data/label_studio/config.xml").read_text()
NAN = np.nan
NAMES = ["cat", "dog <&\"'>"]
SCORES = [[0.9, 0.2], [0.1, 0.3], [NAN, NAN]]
IMAGES = ["a b.jpg", "sub/é.jpg", "c.jpg"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in IMAGES:
        (tmp_path / name).touch()
    return tmp_path


def test_write_label_studio_comes_back(folder):
    path = folder / "tasks.json"
    config = write_label_studio(path, IMAGES, SCORES, label_names=NAMES)
    tasks = json.loads(path.read_text(encoding="utf-8"))
    assert [len(task.get("predictions", ())) for task in tasks] == [1, 1, 0]
    assert [tasks[i]["predictions"][0]["score"] for i in (0, 1)] == [0.8, 0.7]
    assert tasks[1]["predictions"][0]["result"][0]["value"] == {"choices": []}
    found = load_label_studio(path, folder, config=config, source="predictions")
    assert found.target_names == NAMES
    assert_array_equal(found.target, [[1, 0], [0, 0], [NAN, NAN]])
    found = load_label_studio(path, folder, config=config)
    assert np.isnan(found.target).all()


def test_write_label_studio_writes_answers_and_addresses(folder):
    path = folder / "tasks.json"
    config = write_label_studio(
        path,
        [str(folder / name) for name in IMAGES],
        [["cat"], [], None],
        kind="annotations",
        root=folder,
        prefix="/data/local-files/?d=",
    )
    first = json.loads(path.read_text(encoding="utf-8"))[0]
    assert first["data"]["image"] == "/data/local-files/?d=a%20b.jpg"
    found = load_label_studio(path, folder, config=config)
    assert_array_equal(found.target, [[1], [0], [NAN]])
    assert [Path(name).name for name in found.data[:, 0]] == [
        "a b.jpg",
        "é.jpg",
        "c.jpg",
    ]


def test_write_label_studio_writes_aliases(folder):
    path = folder / "tasks.json"
    labels = pd.DataFrame([[1, 0, 1]], columns=["Dog", "cat", "Tree"])
    given = write_label_studio(path, IMAGES[:1], labels, config=CONFIG, control="tags")
    assert given == CONFIG
    file = folder / "config.xml"
    file.write_text(CONFIG)
    for config in (file, str(file)):
        options = {"config": config, "control": "tags", "overwrite": True}
        assert write_label_studio(path, IMAGES[:1], labels, **options) == CONFIG
    entry = json.loads(path.read_text(encoding="utf-8"))[0]["predictions"][0]
    assert entry["result"][0]["value"] == {"choices": ["dog", "Tree"]}
    options = {"config": CONFIG, "control": "tags"}
    found = load_label_studio(path, folder, source="predictions", **options)
    assert found.target_names == ["Cat", "Dog", "Tree"]
    assert found.target.tolist() == [[0, 1, 1]]
    with pytest.raises(ValueError, match=r"config. Got 'Kat'"):
        write_label_studio(path, IMAGES[:1], [["Kat"]], overwrite=True, **options)
    single = CONFIG.replace('choice="multiple"', "")
    with pytest.raises(ValueError, match=r"one choice.*row 0"):
        write_label_studio(
            folder / "b", IMAGES[:1], labels, config=single, control="tags"
        )


@pytest.mark.parametrize("name", ["Zu\u0308rich", "a  b", "a\u200bb", "n\nb"])
def test_write_label_studio_writes_labels_as_the_config_has_them(folder, name):
    path = folder / "tasks.json"
    config = write_label_studio(path, IMAGES[:1], [[1]], label_names=[name])
    shown = name.replace("\n", "&#10;")
    assert f'value="{shown}"' in config
    other = config.replace(f'value="{shown}"', f'value="Other" alias="{shown}"')
    for given, label in ((config, name), (config, clean_name(name)), (other, "Other")):
        write_label_studio(path, IMAGES[:1], [[label]], config=given, overwrite=True)
        entry = json.loads(path.read_text(encoding="utf-8"))[0]["predictions"][0]
        assert entry["result"][0]["value"] == {"choices": [name]}
        found = load_label_studio(path, folder, config=given, source="predictions")
        assert found.target.tolist() == [[1]]
        assert found.target_names == [clean_name(label)]


def test_write_label_studio_writes_paths(folder):
    path = folder / "tasks.json"
    options = {"config": CONFIG, "control": "kinds", "hierarchy": "/"}
    write_label_studio(path, IMAGES[:1], [["animal", "animal/cat"]], **options)
    entry = json.loads(path.read_text(encoding="utf-8"))[0]["predictions"][0]
    assert entry["result"][0]["value"] == {"taxonomy": [["animal", "cat"]]}
    found = load_label_studio(path, folder, source="predictions", **options)
    assert found.target.tolist() == [[1, 1, 0, 0]]


def test_labels_that_are_paths_make_a_taxonomy(folder):
    path = folder / "tasks.json"
    labels = [["animal > cat", "animal"], ["animal > dog > big"], []]
    options = {"hierarchy": " > ", "kind": "annotations"}
    config = write_label_studio(path, IMAGES[:3], labels, **options)
    assert '<Taxonomy name="labels" toName="image">' in config
    assert config.count('<Choice value="animal">') == 1
    entries = [
        task["annotations"][0]["result"][0] for task in json.loads(path.read_text())
    ]
    assert [entry["value"]["taxonomy"] for entry in entries] == [
        [["animal", "cat"]],
        [["animal", "dog", "big"]],
        [],
    ]
    found = load_label_studio(path, folder, config=config, hierarchy=" > ")
    names = ["animal", "animal > cat", "animal > dog", "animal > dog > big"]
    assert found.target_names == names
    assert found.target.tolist() == [[1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0]]
    # Of labels without a path there is none to make.
    flat = write_label_studio(path, IMAGES[:1], [["a/b"]], overwrite=True)
    plain = write_label_studio(path, IMAGES[:1], [["cat"]], overwrite=True, **options)
    assert "<Choices" in flat and "<Choices" in plain
    with pytest.raises(ValueError, match="but one choice: leave hierarchy='/' out"):
        write_label_studio(path, IMAGES[:1], [["a/b"]], config=flat, hierarchy="/")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"hierarchy": ""}, ValueError, "hierarchy must not be blank"),
        ({"hierarchy": 3}, TypeError, "hierarchy must be None or a separator"),
        ({"model_version": np.int64(3)}, TypeError, "model_version must be a str. Got"),
    ],
)
def test_parameters_of_write_label_studio_are_checked(folder, options, error, message):
    with pytest.raises(error, match=message):
        write_label_studio(folder / "tasks.json", IMAGES[:1], [["cat"]], **options)
    assert not (folder / "tasks.json").exists()


def test_write_label_studio_passes_the_validator_of_the_sdk(folder):
    interface = pytest.importorskip("label_studio_sdk.label_interface")
    path = folder / "tasks.json"
    for number, (options, names) in enumerate(
        [({}, NAMES), ({"config": CONFIG, "control": "tags"}, ["Dog", "Cat"])]
    ):
        config = write_label_studio(
            path, IMAGES, SCORES, label_names=names, overwrite=bool(number), **options
        )
        checker = interface.LabelInterface(config)
        for task in json.loads(path.read_text(encoding="utf-8")):
            for entry in task.get("predictions", ()):
                assert checker.validate_prediction(entry, return_errors=True) == []


def test_write_cvat_tags_comes_back(folder):
    path = folder / "tags.xml"
    write_cvat_tags(path, IMAGES, SCORES, label_names=NAMES)
    found = load_cvat(path, folder)
    assert found.target_names == NAMES
    assert found.ids.tolist() == IMAGES[:2]
    assert found.target.tolist() == [[1, 0], [0, 0]]


def test_write_cvat_tags_is_read_by_datumaro(folder):
    datumaro = pytest.importorskip("datumaro")
    for name in IMAGES:  # it wants the pictures, in a folder of this name
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    write_cvat_tags(folder / "tags.xml", IMAGES, SCORES, label_names=NAMES)
    data = datumaro.Dataset.import_from(str(folder), "cvat")
    found = {item.id: [a.label for a in item.annotations] for item in data}
    assert found == {"a b": [0], "sub/é": []}


@pytest.mark.parametrize(
    ("labels", "options", "match"),
    [
        ([[1, NAN]], {"label_names": ["a", "b"]}, r"NaN for 'b' \(row 0\)"),
        ([[1.5]], {"label_names": ["a"]}, r"1.5 \(row 0, 'a'\)"),
        ([[1]], {}, "label_names"),
        ([[1, 0]], {"label_names": ["a"]}, "every column"),
        ([[1], [0]], {"label_names": ["a"]}, "row for each image"),
        ([["a"]], {"label_names": ["b"]}, r"'a' \(row 0\)"),
        ([["a", 3]], {}, r"3 \(row 0\)"),
        ([[1, 0]], {"label_names": ["a", "a"]}, "distinct"),
        ([["a"]], {"label_names": ["a", "a"]}, "distinct"),
        ([["a"]], {"threshold": 0}, "threshold"),
        ([["a"]], {"threshold": [0.5, 0.5]}, "threshold"),
        ([["a"]], {"threshold": [np.nan]}, "infinity for a label that is never.*nan"),
        ([["a"]], {"threshold": {"b": 0.5}}, r"number for every label. .*\['a'\]"),
        ([["1"]], {"threshold": {1: 0.5, "1": 0.2}}, "named once. Got '1' twice"),
    ],
)
@pytest.mark.parametrize("name", ["cvat", "label_studio"])
def test_writers_name_the_row(folder, labels, options, match, name):
    path = folder / "out"
    with pytest.raises(ValueError, match=match):
        if name == "cvat":
            write_cvat_tags(path, IMAGES[:1], labels, **options)
        else:
            write_label_studio(path, IMAGES[:1], labels, kind="annotations", **options)
    assert not path.exists()


@pytest.mark.parametrize("kind", [dict, pd.Series])
@pytest.mark.parametrize("name", ["cvat", "label_studio"])
def test_thresholds_go_by_name_and_infinity_is_never(folder, name, kind):
    path, cuts = folder / "out", kind({"owl": np.inf, "dog": 0.8, "cat": 0.1})
    options = {"label_names": ["cat", "dog", "owl"], "threshold": cuts}
    if name == "cvat":
        write_cvat_tags(path, IMAGES[:1], [[0.5, 0.5, 1.0]], **options)
        found = load_cvat(path, folder)
    else:
        config = write_label_studio(path, IMAGES[:1], [[0.5, 0.5, 1.0]], **options)
        found = load_label_studio(path, folder, config=config, source="predictions")
    assert_array_equal(found.target, [[1, 0, 0]])


@pytest.mark.parametrize("kind", [dict, pd.Series])
def test_thresholds_may_go_by_the_numbers_that_labels_are_called(folder, kind):
    table = pd.DataFrame([[0.5, 0.5]], columns=[11, 7])
    path, cuts = folder / "out", kind({7: 0.8, 11: 0.1})
    write_cvat_tags(path, IMAGES[:1], table, threshold=cuts)
    found = load_cvat(path, folder)
    chosen = dict(zip(found.target_names, found.target[0], strict=True))
    assert chosen == {"11": 1, "7": 0}
    path = folder / "tasks.json"
    config = write_label_studio(path, IMAGES[:1], table, threshold=cuts)
    found = load_label_studio(path, folder, config=config, source="predictions")
    assert_array_equal(found.target, [[1, 0]])


@pytest.mark.parametrize("write", [write_cvat_tags, write_label_studio])
def test_writers_replace_no_file_unasked(folder, write):
    path = folder / "out"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write(path, IMAGES[:1], [["a"]])
    assert path.read_text() == "mine"
    write(path, IMAGES[:1], [["a"]], overwrite=True)
    with pytest.raises(FileNotFoundError, match="folder of path"):
        write(folder / "no" / "out", IMAGES[:1], [["a"]])
    with pytest.raises(TypeError, match="list of paths"):
        write(folder / "b", "a.jpg", [["a"]])
    assert sorted(p.name for p in folder.iterdir()) == [
        "a b.jpg",
        "c.jpg",
        "out",
        "sub",
    ]


TABLES = {
    "polars": lambda scores: pl.DataFrame(scores, schema=NAMES, orient="row"),
    "pyarrow": lambda scores: pa.table(
        dict(zip(NAMES, np.transpose(scores), strict=True))
    ),
    "pandas": lambda scores: pd.DataFrame(scores, columns=NAMES).astype("Float64"),
    "tensor": lambda scores: torch.tensor(scores, dtype=torch.double).requires_grad_(),
    "records": lambda scores: np.array(
        [tuple(row) for row in scores], dtype=[(name, float) for name in NAMES]
    ),
    "masked": lambda scores: np.ma.masked_invalid(scores),
}
TAGS = [["cat"], [], None]
COLUMNS = {
    "list": list,
    "series": pd.Series,
    "polars": pl.Series,
    "pyarrow": pa.array,
    "arrays": lambda tags: [None if row is None else np.array(row) for row in tags],
    "objects": lambda tags: pd.Series(tags).to_numpy(),
}
if not indexes_tables():  # and they are refused, with what to pass
    del TABLES["pyarrow"], COLUMNS["pyarrow"]


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("write", [write_cvat_tags, write_label_studio])
def test_writers_take_scores_of_every_kind_of_table(folder, write, make):
    given, plain = folder / "given", folder / "plain"
    write(given, IMAGES, make(SCORES), label_names=NAMES, root=folder)
    write(plain, IMAGES, SCORES, label_names=NAMES, root=folder)
    assert given.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("make", COLUMNS.values(), ids=COLUMNS)
@pytest.mark.parametrize("write", [write_cvat_tags, write_label_studio])
def test_writers_take_names_in_every_kind_of_column(folder, write, make):
    given, plain = folder / "given", folder / "plain"
    write(given, IMAGES, make(TAGS), label_names=NAMES, root=folder)
    write(plain, IMAGES, [[1, 0], [0, 0], [NAN, NAN]], label_names=NAMES, root=folder)
    assert given.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (None, "labels must be a table, or a list.* Got None"),
        (3, "labels must be a table, or a list.* Got 3"),
        ("cat", "labels must be a table, or a list.* Got 'cat'"),
        (dict.fromkeys(NAMES, [1, 0, 1]), "give pandas.DataFrame"),
        (iter(SCORES), r"give list\(labels\)"),
        (pl.LazyFrame({"cat": [1, 0, 1]}), r"give labels.collect\(\)"),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("write", [write_cvat_tags, write_label_studio])
def test_writers_say_what_labels_may_be(folder, write, labels, match):
    with pytest.raises(TypeError, match=match):
        write(folder / "given", IMAGES, labels, label_names=NAMES)


@pytest.mark.parametrize("write", [write_cvat_tags, write_label_studio])
def test_writers_take_no_dates_for_scores(folder, write):
    dates = np.zeros((3, 2), dtype="datetime64[D]")
    with pytest.raises(ValueError, match="labels must hold 0 and 1.*datetime64"):
        write(folder / "given", IMAGES, dates, label_names=NAMES)


@pytest.mark.parametrize("write", [write_cvat_tags, write_label_studio])
@pytest.mark.parametrize(
    ("names", "match"),
    [
        (["cat", "\u200b"], "label_names must not be blank"),
        (["cat", "do\x1fg"], r"text that XML can hold. Got 'do\\x1fg' with the sign"),
        (["cat", "dog\uffff"], r"text that XML can hold. Got 'dog\\uffff'"),
    ],
)
def test_writers_refuse_names_that_cannot_be_read_back(folder, write, names, match):
    with pytest.raises(ValueError, match=match):
        write(folder / "given", IMAGES, SCORES, label_names=names)
    assert not (folder / "given").exists()


@pytest.mark.parametrize("write", [write_cvat_tags, write_label_studio])
def test_writers_name_the_row_of_a_file_whose_name_is_no_text(folder, write):
    bad = os.fsdecode(b"caf\xe9.jpg")  # as a system in Latin-1 wrote it
    with pytest.raises(ValueError, match=r"Got 'caf\\udce9.jpg' \(row 1\): rename"):
        write(folder / "given", ["1.jpg", bad], [[1], [0]], label_names=["cat"])


def test_write_cvat_tags_names_the_row_of_a_path_that_xml_cannot_hold(folder):
    with pytest.raises(ValueError, match=r"Got '2\\uffff.jpg' \(row 1\)"):
        write_cvat_tags(folder / "x", ["1.jpg", "2\uffff.jpg"], [["cat"], []])


def test_write_label_studio_leaves_addresses_as_they_are(folder):
    images = [
        "https://host/a b/1.jpg",
        "s3://bucket/2.jpg",
        str(folder / "c d" / "3.jpg"),
    ]
    options = {"label_names": ["cat"], "root": folder, "prefix": "/data/?d="}
    write_label_studio(folder / "tasks.json", images, [[1], [0], [1]], **options)
    tasks = json.loads((folder / "tasks.json").read_text())
    assert [task["data"]["image"] for task in tasks] == [
        *images[:2],
        "/data/?d=c%20d/3.jpg",
    ]


@pytest.mark.parametrize("root", [".", "..", "sub", "sub/deep", "/", "other/../sub"])
def test_paths_are_made_relative_as_by_the_standard_library(root):
    relate = make_relative(root)
    for path in (
        "a.jpg",
        "sub/a.jpg",
        "./sub//a.jpg",
        "../a.jpg",
        "/x/a.jpg",
        "sub/..",
    ):
        assert relate(path) == os.path.relpath(path, root).replace(os.sep, "/")
    assert make_relative(None)("../x/a.jpg") == "../x/a.jpg"


@pytest.mark.parametrize(
    ("cell", "match"),
    [(1.5, r"1.5 \(row 7, 'b'\)"), (NAN, r"NaN for 'b' \(row 7\)")],
)
def test_writers_name_a_row_beyond_the_first_block(folder, cell, match, monkeypatch):
    monkeypatch.setattr("sklearn_clip._shared._entries.BLOCK_SIZE", 6)
    scores = np.zeros((9, 2))
    scores[7, 1] = cell
    names = [f"{row}.jpg" for row in range(9)]
    with pytest.raises(ValueError, match=match):
        write_cvat_tags(folder / "given", names, scores, label_names=["a", "b"])


@pytest.mark.parametrize("form", ["matrix", "frame"])
def test_writers_of_sparse_labels_hold_one_table_of_them(folder, form, monkeypatch):
    monkeypatch.setattr("sklearn_clip._shared._entries.BLOCK_SIZE", 1 << 14)
    labels = sparse.eye_array(1000, 1000, dtype=np.int64, format="csr")
    names = [f"{row}.jpg" for row in range(1000)]
    label_names = [f"label {label}" for label in range(1000)]
    n_bytes = labels.shape[0] * labels.shape[1] * 8
    if form == "frame":
        labels = pd.DataFrame.sparse.from_spmatrix(labels, columns=label_names)
    tracemalloc.start()
    write_cvat_tags(folder / "tags.xml", names, labels, label_names=label_names)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.6 * n_bytes
