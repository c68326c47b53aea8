"""An exported tagger takes rows as the Pipeline does, and says the same of them."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from featurizer_rows import to_png
from PIL import Image

from sklearn_clip import ImageDecodeError, predict_labels, top_labels
from sklearn_clip.datasets import load_clipart
from sklearn_clip.export import OnnxTagger

LONG = "two red flags and a small green boat in front of a house by the sea, " * 12


def assert_same(tagger, path, X, **options):
    own = OnnxTagger(path, **options)
    expected = tagger.predict_proba(X)
    found = own.predict_proba(X)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)
    labels = own.predict(X)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(labels, tagger.predict(X))


@pytest.fixture
def rows():
    red = Image.new("RGB", (90, 60), "red")
    blue = Image.new("RGBA", (40, 70), (0, 0, 255, 100))
    return [
        (red, "a red flag"),
        (blue, "a drawing"),
        (None, "a blue flag"),
        (red, None),
        (red, "a red flag"),
        ([red, blue, red], "the sea"),
        ([], "  "),
        (None, float("nan")),
        (np.asarray(red), LONG),
        (to_png(blue), "&amp; a FLAG"),
    ]


FORMS = {
    "pairs": lambda rows: rows,
    "dicts": lambda rows: [{"image": i, "text": t} for i, t in rows],
    "frame": lambda rows: pd.DataFrame(rows, columns=["image", "text"], index=_names()),
    "objects": lambda rows: _objects(rows),
}


def _names():
    return [f"row {n}" for n in range(10)]


def _objects(rows):
    cells = np.empty((len(rows), 2), dtype=object)
    for number, (image, text) in enumerate(rows):
        cells[number, 0], cells[number, 1] = image, text
    return cells


@pytest.mark.parametrize("form", FORMS)
def test_rows_of_every_form_get_the_labels_of_the_pipeline(exported, rows, form):
    assert_same(*exported(), FORMS[form](rows))


def test_polars_frame_of_files_gets_the_labels_of_the_pipeline(exported, tmp_path):
    polars = pytest.importorskip("polars")
    names = []
    for number, colour in enumerate(("red", "blue", "green")):
        names.append(str(tmp_path / f"{number}.png"))
        Image.new("RGB", (30 + number, 50), colour).save(names[-1])
    frame = polars.DataFrame({"image": [*names, None], "text": ["a", None, "b", "c"]})
    assert_same(*exported(), frame)


@pytest.mark.parametrize(
    "make",
    [
        lambda pictures: pictures,
        lambda pictures: [to_png(picture) for picture in pictures],
        lambda pictures: np.stack([np.asarray(picture) for picture in pictures]),
        lambda pictures: pd.Series(pictures, index=[7, 5, 3]),
    ],
    ids=["pictures", "bytes", "array", "series"],
)
def test_pictures_alone_in_every_form(exported, make):
    pictures = [Image.new("RGB", (64, 48), c) for c in ("red", "blue", "white")]
    assert_same(*exported(text=None), make(pictures))


@pytest.mark.parametrize("make", [list, pd.Series, np.array])
def test_texts_alone_in_every_form(exported, make):
    texts = ["a red flag", "a drawing", "", LONG, "a red flag", "x"]
    assert_same(*exported(image=None), make(texts))


def test_modality_that_the_fusion_does_not_need_is_not_read(exported, rows):
    tagger, path = exported(fusion="image")
    assert_same(tagger, path, rows)
    assert_same(tagger, path, [{"image": image} for image, _ in rows])


def test_long_texts_are_averaged_where_the_tagger_did_so(variant, rows):
    tagger, path = variant({}, long_text="mean")
    assert_same(tagger, path, rows)
    word = "pneumonoultramicroscopicsilicovolcanoconiosis" * 9
    assert_same(tagger, path, [(None, f"a {word} flag"), (None, LONG * 3)])


@pytest.mark.parametrize("batch_size", [1, 2, 1000])
def test_batches_of_any_size_give_the_same(exported, rows, batch_size):
    assert_same(*exported(), rows, batch_size=batch_size)


def test_real_drawings_get_the_labels_of_the_pipeline(exported):
    assert_same(*exported(), load_clipart(split="test", as_frame=True).data[:40])


def test_equal_rows_go_through_the_graph_once(exported, rows, monkeypatch):
    _, path = exported()
    own, ran = OnnxTagger(path), []
    run = own._file.run

    def count(feeds):
        ran.append(int(feeds["n_rows"]))
        return run(feeds)

    monkeypatch.setattr(own._file, "run", count)
    found = own.predict_proba([rows[0], rows[1]] * 20)
    assert ran == [2]
    np.testing.assert_array_equal(found[::2], np.tile(found[0], (20, 1)))
    np.testing.assert_array_equal(found[1::2], np.tile(found[1], (20, 1)))


def test_pictures_wait_for_threads_in_blocks(exported, monkeypatch):
    from sklearn_clip.export import _rows

    monkeypatch.setattr(_rows, "_BLOCK", 3)
    X = [Image.new("RGB", (20 + n % 5, 20), "red") for n in range(11)]
    assert_same(*exported(text=None), X)


def test_no_rows_get_no_labels(exported):
    own = OnnxTagger(exported()[1])
    assert own.predict([]).shape == own.predict_proba([]).shape == (0, 3)
    assert own.predict_labels([]) == own.top_labels([]) == []


def test_names_are_those_of_the_functions(exported, rows):
    tagger, path = exported()
    own = OnnxTagger(path)
    assert own.predict_labels(rows) == predict_labels(tagger, rows)
    for k in (1, 2, 9):
        best, expected = own.top_labels(rows, k), top_labels(tagger, rows, k)
        assert [[name for name, _ in row] for row in best] == [
            [name for name, _ in row] for row in expected
        ]
        assert np.allclose([p for _, p in best[0]], [p for _, p in expected[0]])
    with pytest.raises(ValueError, match="k must be a positive integer. Got 0"):
        own.top_labels(rows, 0)


def write_files(folder):
    """A picture, one that is cut short, none, and the same once more."""
    png = to_png(Image.effect_noise((80, 60), 90))
    (folder / "good.png").write_bytes(png)
    (folder / "cut.png").write_bytes(png[: len(png) // 2])
    (folder / "none.png").write_bytes(b"no picture at all")
    return ["good.png", "cut.png", "gone.png", "none.png", "cut.png"]


def said_by(predict, X):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = predict(X)
    return found, [str(warning.message) for warning in caught]


@pytest.mark.parametrize("broken", ["cut.png", "gone.png", "none.png", "https://x/y"])
@pytest.mark.parametrize("alone", [True, False])
def test_broken_picture_raises_with_its_row_and_label(variant, tmp_path, broken, alone):
    write_files(tmp_path)
    tagger, path = variant({"text": None}, image_root=str(tmp_path))
    cells = [broken] if alone else ["good.png", broken, "cut.png"]
    X = pd.Series(cells, index=list("abc")[: len(cells)])
    with pytest.raises(ImageDecodeError) as expected:
        tagger.predict(X)
    with pytest.raises(ImageDecodeError) as found:
        OnnxTagger(path).predict(X)
    first = str(expected.value).partition(" List every")[0]
    assert str(found.value).startswith(first)
    assert f"(index {'a' if alone else 'b'!r})" in first
    assert found.value.failures[0] == expected.value.failures[0]


def test_broken_pictures_are_left_out_where_the_tagger_did_so(variant, tmp_path):
    names = write_files(tmp_path)
    tagger, path = variant({}, image_root=str(tmp_path), on_error="zero")
    X = [([name], "a red flag") for name in names]
    X += [(["cut.png", "good.png", "gone.png"], "a drawing")]
    own = OnnxTagger(path)
    expected, warned = said_by(tagger.predict_proba, X)
    found, said = said_by(own.predict_proba, X)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert said == warned
    assert own.failed_rows_ == tagger[0].failed_rows_
    assert [row for row, _, _ in own.failed_rows_] == [1, 2, 3, 4, 5, 5]
    own.predict(X[:1])
    assert own.failed_rows_ == []


def test_broken_pictures_become_nan_if_asked_for(exported, tmp_path):
    write_files(tmp_path)
    own = OnnxTagger(exported(text=None)[1], image_root=tmp_path, on_error="nan")
    X = ["good.png", "cut.png", ["cut.png", "good.png"], None]
    with pytest.warns(UserWarning, match="2 images could not be read"):
        scores = own.predict_proba(X)
    assert np.isnan(scores).all(axis=1).tolist() == [False, True, False, False]
    np.testing.assert_array_equal(scores[2], scores[0])
    with pytest.warns(UserWarning, match="2 images could not be read"):
        assert own.predict(X)[1].tolist() == [0, 0, 0]


def test_remark_of_a_reader_is_a_warning(exported, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
    tagger, path = exported(text=None)
    X = [to_png(Image.new("RGB", (60, 60), c)) for c in ("red", "blue")] * 2
    _, warned = said_by(tagger.predict, X)
    _, said = said_by(OnnxTagger(path, check=False).predict, X)
    assert "4 images were read with a warning" in said[0]
    assert said == warned


def test_missing_item_raises_where_the_tagger_did_so(variant, rows):
    tagger, path = variant({}, missing="raise")
    X = pd.DataFrame(rows, columns=["image", "text"], index=_names())
    with pytest.raises(ValueError, match="No row may lack its") as expected:
        tagger.predict(X)
    with pytest.raises(ValueError, match="No row may lack its image") as found:
        OnnxTagger(path).predict(X)
    assert str(found.value) == str(expected.value)
    assert OnnxTagger(path, missing="zero").predict(X).shape == (10, 3)


def test_columns_are_those_of_the_tagger(variant, rows):
    tagger, path = variant({}, image=1, text=0)
    assert_same(tagger, path, [(text, image) for image, text in rows])


@pytest.mark.parametrize("X", [5, "a.png", {"image": None}, [("a", "b", "c")], [3]])
def test_what_is_no_rows_is_refused_as_by_the_pipeline(exported, X):
    tagger, path = exported()
    with pytest.raises((TypeError, ValueError)) as expected:
        tagger.predict(X)
    with pytest.raises(type(expected.value)) as found:
        OnnxTagger(path).predict(X)
    assert "=None" in str(expected.value) and "=None" not in str(found.value)
    said = str(found.value).replace("for a tagger of images or", "")
    assert said.partition(",")[0] == str(expected.value).partition(",")[0]


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (
            pd.DataFrame({"photo": [None], "text": ["a"]}),
            "X must have the column 'image' .*exported with this column: rename that",
        ),
        (
            [{"photo": None, "text": "a"}],
            "must have the key 'image' .*exported with this key: rename that of X, and",
        ),
        (
            np.zeros((2, 5, 4, 3), np.uint8),
            r"images of one kind: the tagger was exported .* \(image, text\) pairs",
        ),
    ],
)
def test_other_columns_are_told_to_one_who_has_the_file_alone(exported, X, match):
    tagger, path = exported()
    with pytest.raises(ValueError, match=match) as found:
        OnnxTagger(path).predict(X)
    assert "CLIPFeaturizer" not in str(found.value)
    assert "=None" not in str(found.value)


def test_relative_paths_are_below_the_root_of_the_tagger(variant, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    write_files(folder)
    tagger, path = variant({"text": None}, image_root=str(folder))
    assert_same(tagger, path, ["good.png", Path("good.png")])
    found = OnnxTagger(path).predict_proba(["good.png"])
    other = OnnxTagger(path, image_root=tmp_path)
    np.testing.assert_array_equal(other.predict_proba(["pictures/good.png"]), found)
    with pytest.raises(ImageDecodeError, match="'good.png': the file does not exist"):
        other.predict(["good.png"])
