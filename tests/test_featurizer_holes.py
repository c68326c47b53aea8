"""CLIPFeaturizer where items are missing or images cannot be read."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from featurizer_rows import DIM, TEXTS, to_png
from PIL import Image
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from sklearn_clip import (
    CLIPFeaturizer,
    ImageDecodeError,
)


@pytest.mark.parametrize("hole", [None, np.nan, pd.NA, ""])
def test_missing_items_are_zeros(make_featurizer, pictures, hole):
    X = [(pictures[0], hole), (hole, TEXTS[1]), (hole, hole), (pictures[3], TEXTS[3])]
    features = make_featurizer(add_missing_indicator=True).transform(X)
    image, text, flags = np.split(features, [DIM, 2 * DIM], axis=1)
    assert (image[1:3] == 0).all() and (text[[0, 2]] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(image[[0, 3]], axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(text[[1, 3]], axis=1), 1, rtol=1e-6)
    assert flags.tolist() == [[0, 1], [1, 0], [1, 1], [0, 0]]


def test_missing_items_raise_on_demand_and_are_named(make_featurizer, pictures):
    frame = pd.DataFrame(
        {"image": [pictures[0]] + [None] * 7, "text": "x"}, index=list("abcdefgh")
    )
    message = r"lack its image .* for row 1 \(index 'b'\), .* and 2 more"
    with pytest.raises(ValueError, match=message):
        make_featurizer(missing="raise").transform(frame)
    texts = make_featurizer(missing="raise", fusion="text")
    assert texts.transform(frame).shape == (8, DIM)


@pytest.mark.parametrize("fusion", ["mean", "max"])
def test_row_with_one_item_is_that_item(make_featurizer, pictures, fusion):
    X = [(pictures[0], None), (None, TEXTS[0])]
    got = make_featurizer(fusion=fusion).transform(X)
    image, text = make_featurizer().transform(X)
    np.testing.assert_array_equal(got, [image[:DIM], text[DIM:]])


@pytest.fixture
def broken(pictures, tmp_path):
    """A frame with four readable images and every sort of broken one between them."""
    truncated = tmp_path / "truncated.png"
    truncated.write_bytes(to_png(pictures[0])[:80])
    (tmp_path / "empty.png").touch()
    (tmp_path / "words.jpg").write_text("no picture at all")
    bad = {
        "truncated.png": "truncated|broken",
        "empty.png": "not an image",
        "words.jpg": "not an image",
        ".": "it is a folder",
        "gone.png": "does not exist",
        "https://example.org/a.png": "it is a URL",
    }
    images = [pictures[0], *list(bad)[:3], pictures[1], *list(bad)[3:], *pictures[2:]]
    labels = [f"sku-{number}" for number in range(len(images))]
    frame = pd.DataFrame({"image": images, "text": "x"}, index=labels)
    rows = [row for row, image in enumerate(images) if isinstance(image, str)]
    return frame, rows, bad


def test_broken_image_raises_with_row_label_path_and_cause(
    make_featurizer, broken, tmp_path
):
    frame, _, bad = broken
    clip = make_featurizer(image_root=tmp_path)
    for name, reason in bad.items():
        one = frame[frame["image"].map(lambda value, name=name: value == name)]
        one = pd.concat([frame.iloc[[0]], one])
        label = re.escape(repr(one.index[1]))
        message = rf"row 1 \(index {label}\), '{re.escape(name)}': .*({reason})"
        with pytest.raises(ImageDecodeError, match=message) as caught:
            clip.transform(one)
        assert [(r, s) for r, s, _ in caught.value.failures] == [(1, name)]
        assert clip.failed_rows_ == caught.value.failures
        assert pickle.loads(pickle.dumps(caught.value)).failures


@pytest.mark.parametrize(("on_error", "value"), [("zero", 0.0), ("nan", np.nan)])
def test_broken_images_become_vectors_with_one_warning(
    make_featurizer, broken, tmp_path, on_error, value
):
    frame, rows, bad = broken
    clip = make_featurizer(image_root=tmp_path, on_error=on_error)
    message = rf"6 images could not be read .*'sku-1'.* gets {on_error} in its place"
    with pytest.warns(UserWarning, match=message) as warned:
        features = clip.transform(frame)
    assert len(warned) == 1
    assert features.shape == (len(frame), 2 * DIM)
    good = [row for row in range(len(frame)) if row not in rows]
    np.testing.assert_array_equal(features[rows, :DIM], np.full((6, DIM), value))
    np.testing.assert_allclose(
        features[good], clip.transform(frame.iloc[good]), atol=1e-6
    )
    assert clip.failed_rows_ == []  # of the last call


def test_failed_rows_are_listed_like_check_images_lists_them(
    make_featurizer, broken, tmp_path
):
    frame, rows, bad = broken
    clip = make_featurizer(image_root=tmp_path, on_error="zero")
    with pytest.warns(UserWarning, match="6 images could not be read"):
        clip.transform(frame)
    assert [(row, source) for row, source, _ in clip.failed_rows_] == list(
        zip(rows, bad, strict=True)
    )
    for (_, _, reason), expected in zip(clip.failed_rows_, bad.values(), strict=True):
        assert re.search(expected, reason)
    checked = clip.check_images(frame)
    assert [item[:2] for item in checked] == [item[:2] for item in clip.failed_rows_]


def test_check_images_loads_no_model(pictures):
    clip = CLIPFeaturizer("local-dir:/nowhere", text=None)
    assert clip.check_images([*pictures, b"x"]) == [
        (4, b"x", "it is not an image of a known format")
    ]
    assert clip.check_images(pictures) == []


def test_bomb_is_a_broken_image(make_featurizer, pictures, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    with pytest.raises(ImageDecodeError, match="MAX_IMAGE_PIXELS sets the limit"):
        make_featurizer(text=None).transform([to_png(pictures[0])])


def test_broken_image_counts_as_missing_for_fusion_and_indicator(
    make_featurizer, pictures
):
    X = [(b"x", TEXTS[0]), (pictures[0], TEXTS[0])]
    options = {"fusion": "mean", "add_missing_indicator": True}
    clip = make_featurizer(on_error="zero", **options)
    with pytest.warns(UserWarning, match="1 image could not be read"):
        row, _ = clip.transform(X)
    np.testing.assert_array_equal(row[:DIM], clip.encode_texts(TEXTS[:1])[0])
    assert row[DIM:].tolist() == [1, 0]
    clip = make_featurizer(on_error="nan", **options)
    with pytest.warns(UserWarning, match="1 image could not be read"):
        row, _ = clip.transform(X)
    assert np.isnan(row[:DIM]).all() and row[DIM:].tolist() == [1, 0]


def test_warning_of_broken_images_points_to_the_line_that_called(make_featurizer):
    clip = make_featurizer(text=None, on_error="zero")
    pipe = Pipeline([("clip", clip), ("head", DummyClassifier())])
    search = GridSearchCV(pipe, {"clip__normalize": [True]}, cv=2)
    X, y = [b"x", b"x", b"x", b"x"], [0, 1, 0, 1]
    with pytest.warns(UserWarning, match="could not be read") as warned:
        clip.transform(X)
        clip.fit_transform(X)
        clip.encode_images(X)
        pipe.fit(X, y)
        search.fit(X, y)
    assert len(warned) >= 5
    assert {warning.filename for warning in warned} == {__file__}


def test_failures_do_not_travel_in_pickles(make_featurizer, pictures):
    clip = make_featurizer(text=None, on_error="zero")
    with pytest.warns(UserWarning, match="1 image could not be read"):
        clip.transform([b"x" * 100_000])
    assert len(pickle.dumps(clip)) < 10_000


def test_unreadable_and_readable_photo_of_one_row_give_the_readable(
    make_featurizer, pictures
):
    clip = make_featurizer(text=None, on_error="zero")
    with pytest.warns(UserWarning, match="1 image could not be read"):
        got = clip.transform([{"image": [pictures[0], b"x"]}])
    np.testing.assert_allclose(got, clip.transform(pictures[:1]), atol=1e-6)


def test_check_images_without_images_finds_none(make_featurizer):
    assert make_featurizer(image=None).check_images(["a text"]) == []


def test_index_label_that_is_na_does_not_hide_the_error(make_featurizer):
    X = pd.DataFrame({"image": [None], "text": ["a"]}, index=pd.array([pd.NA]))
    with pytest.raises(ValueError, match="Got none for row 0"):
        make_featurizer(missing="raise").transform(X)
