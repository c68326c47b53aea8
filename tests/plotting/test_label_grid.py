"""Pictures, the lines below them, and where pictures are found."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
)
from sklearn_clip.plotting import LabelGridDisplay
from sklearn_clip.plotting._pictures import find_featurizer, read_pictures

NAMES = ["cat", "dog", "car"]
TRUE = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1]])
PREDICTED = np.array([[1, 0, 0], [0, 0, 1], [0, 0, 1], [1, 1, 1]])


def lines_of(display):
    return [[line.get_text() for line in lines] for lines in display.texts_]


def titles_of(display):
    """Texts above the pictures: the first annotation of each axes."""
    return [ax.texts[0].get_text() for ax in display.axes_]


@pytest.fixture
def pictures(make_pictures):
    return make_pictures(4, size=(48, 32))


def test_marks_tell_found_missed_and_false_labels(pictures):
    from matplotlib.colors import to_hex

    display = LabelGridDisplay.from_predictions(
        pictures, TRUE, PREDICTED, rows=[0, 1, 2, 3], label_names=NAMES
    )
    assert lines_of(display) == [
        ["✓ cat"],
        ["– cat", "– dog", "✗ car"],
        ["✓ car"],
        ["✓ cat", "✓ car", "✗ dog"],
    ]
    lines = [line for below in display.texts_ for line in below]
    colours = {line.get_text()[0]: to_hex(line.get_color()) for line in lines}
    assert len(set(colours.values())) == 3
    (legend,) = display.figure_.legends
    texts = {text.get_text(): to_hex(text.get_color()) for text in legend.get_texts()}
    assert list(texts) == ["✓ found", "– missed", "✗ false"]
    assert {text[0]: colour for text, colour in texts.items()} == colours


def test_rows_with_most_errors_come_first(pictures):
    display = LabelGridDisplay.from_predictions(pictures, TRUE, PREDICTED, n_rows=3)
    assert titles_of(display) == ["row 1", "row 3", "row 0"]


def test_unknown_labels_are_neither_right_nor_wrong(pictures):
    y = TRUE.astype(float)
    y[1], y[3, 1] = np.nan, np.nan
    display = LabelGridDisplay.from_predictions(
        pictures, y, PREDICTED, rows=[1, 3], label_names=NAMES
    )
    assert lines_of(display) == [["(no label)"], ["✓ cat", "✓ car"]]


def test_pixels_are_drawn_in_the_middle_of_a_square(pictures):
    display = LabelGridDisplay.from_predictions(pictures, TRUE, PREDICTED, rows=[2])
    (ax,) = display.axes_
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), np.asarray(pictures[2]))
    assert ax.get_xlim() == (-0.5, 47.5)
    assert ax.get_ylim() == (39.5, -8.5)  # 32 rows of pixels and 8 of page on each side


def test_frame_gives_images_texts_and_index_labels(pictures, tmp_path):
    pictures[0].save(tmp_path / "a.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    frame = pd.DataFrame(
        {
            "photo": ["a.png", "broken.png", None, "none.png"],
            "text": ["a cat", "a dog", None, "a $5 car for $3"],
        },
        index=list("wxyz"),
    )
    display = LabelGridDisplay.from_predictions(
        frame,
        pd.DataFrame(TRUE, columns=NAMES),
        sparse.csr_matrix(PREDICTED),
        rows=range(4),
        image="photo",
        image_root=tmp_path,
    )
    assert titles_of(display)[0] == "a cat\nrow 0 (w)"
    assert display.titles[2:] == ["\nrow 2 (y)", "a $5 car for $3\nrow 3 (z)"]
    assert display.images[0].size == (48, 32)
    assert display.images[1:] == [
        "(cannot be read: it is not an image of a known format (a text that begins "
        "'no picture'))",
        "(no image)",
        "(cannot be read: the file does not exist)",
    ]
    said = display.axes_[2].texts[0].get_text()
    assert said == "(no image)"
    assert lines_of(display)[2] == ["✓ car"]
    display.figure_.canvas.draw()


def rows_of_form(form, pictures):
    pairs = [(picture, f"text {i}") for i, picture in enumerate(pictures)]
    if form == "object array":
        table = np.empty((len(pairs), 2), dtype=object)
        for i, pair in enumerate(pairs):
            table[i] = pair
        return table
    if form == "polars":
        polars = pytest.importorskip("polars", reason="rows of a polars DataFrame")
        images = polars.Series(pictures, dtype=polars.Object)
        return polars.DataFrame({"image": images, "id": range(len(pictures))})
    return {
        "images": pictures,
        "pairs": pairs,
        "dicts": [{"image": image, "text": text} for image, text in pairs],
        "stack": np.stack([np.asarray(picture) for picture in pictures]),
        "several images": [[picture, pictures[0]] for picture in pictures],
        "lists of pairs": [list(pair) for pair in pairs],
    }[form]


@pytest.mark.parametrize("form", ["pairs", "object array", "dicts", "lists of pairs"])
def test_rows_with_texts_give_pictures_and_texts(form, pictures):
    rows = rows_of_form(form, pictures)
    found, titles = read_pictures(rows, np.array([3, 1]), "auto", "auto", None)
    assert titles == ["text 3\nrow 3", "text 1\nrow 1"]
    for picture, row in zip(found, [3, 1], strict=True):
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(pictures[row]))


@pytest.mark.parametrize("form", ["images", "stack", "several images", "polars"])
def test_rows_without_texts_give_pictures(form, pictures):
    rows = rows_of_form(form, pictures)
    found, titles = read_pictures(rows, np.array([3, 1]), "auto", "auto", None)
    assert titles == ["row 3", "row 1"]
    for picture, row in zip(found, [3, 1], strict=True):
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(pictures[row]))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_lists_of_two_are_pairs_unless_both_are_images(missing, pictures, tmp_path):
    for name, picture in zip("abcd", pictures, strict=True):
        picture.save(tmp_path / f"{name}.png")
    first = np.array([0])
    photos = [["a.png", "b.PNG"], [tmp_path / "c.png", tmp_path / "d.png"]]
    for row in photos:
        found, titles = read_pictures([row], first, "auto", "auto", tmp_path)
        assert titles == ["row 0"]
        assert found[0].size == (48, 32)
    pairs = [["a.png", "no. 5"], ["a.png", missing], ("a.png", "b.png")]
    captions = ["no. 5", "", "b.png"]
    for row, caption in zip(pairs, captions, strict=True):
        found, titles = read_pictures([row], first, "auto", "auto", tmp_path)
        assert titles == [f"{caption}\nrow 0"]
        assert found[0].size == (48, 32)


def test_table_without_images_asks_for_the_options_of_the_display(pictures):
    frame = pd.DataFrame({"photo": pictures, "text": "a"})
    for rows in (frame, frame.to_dict("records")):
        message = r"no column 'image'.*\['photo', 'text'\].* with image=.* as images"
        with pytest.raises(ValueError, match=message):
            LabelGridDisplay.from_predictions(rows, TRUE, PREDICTED)


def test_estimator_that_reads_texts_alone_asks_for_images(make_featurizer, pictures):
    texts = pd.Series(["a cat", "a dog", "a car", "a cat in a car"])
    clip = make_featurizer(image=None)
    model = make_pipeline(clip, MultiLabelLogisticRegression()).fit(texts, TRUE)
    with pytest.raises(
        ValueError, match=r"reads no images \(image=None\).*Give images="
    ):
        LabelGridDisplay.from_estimator(model, texts, TRUE)
    display = LabelGridDisplay.from_estimator(
        model, texts, TRUE, rows=[1], images=pictures
    )
    np.testing.assert_array_equal(display.images[0], np.asarray(pictures[1]))
    frame = pd.DataFrame({"text": texts, "image": pictures})
    columns = make_column_transformer((clip, "text"))
    model = make_pipeline(columns, MultiLabelLogisticRegression()).fit(frame, TRUE)
    display = LabelGridDisplay.from_estimator(model, frame, TRUE, rows=[1])
    np.testing.assert_array_equal(display.images[0], np.asarray(pictures[1]))
    assert display.titles == ["a dog\nrow 1"]


def test_large_pictures_are_kept_small():
    picture = Image.new("RGB", (2000, 1000), "red")
    found, _ = read_pictures([picture], np.array([0]), "auto", "auto", None)
    assert found[0].size == (256, 128)
    assert picture.size == (2000, 1000)


def test_long_lists_are_cut_short_but_every_kind_is_shown(pictures):
    y = np.zeros((4, 40))
    y[:, :20] = 1
    predicted = np.zeros((4, 40))
    predicted[:, 15:22] = 1  # 5 found, 15 missed, 2 false
    display = LabelGridDisplay.from_predictions(pictures, y, predicted, rows=[0]).plot(
        max_names=6
    )
    assert lines_of(display) == [
        ["✓ 15", "✓ … 4 more", "– 0", "– … 14 more", "✗ 20", "✗ 21"]
    ]
    assert len(lines_of(display.plot(max_names=None))[0]) == 22


@pytest.mark.parametrize("n_cols", [1, 3, 6])
def test_texts_do_not_overlap(n_cols, make_pictures, overlaps):
    rng = np.random.default_rng(0)
    y, predicted = rng.random((2, 10, 300)) < 0.02
    names = [f"a label with quite a long name, {n}" for n in range(300)]
    rows = [(picture, "a long title " * 5) for picture in make_pictures(10)]
    display = LabelGridDisplay.from_predictions(rows, y, predicted, label_names=names)
    display.plot(n_cols=n_cols)
    texts = [text for ax in display.axes_ for text in ax.texts]
    (legend,) = display.figure_.legends
    pairs, outside = overlaps(display.figure_, [*texts, *legend.get_texts()])
    assert (pairs, outside) == ([], [])
    assert min(ax.get_window_extent().height for ax in display.axes_) > 100


def test_given_axes_are_divided(pyplot, pictures, overlaps):
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 6))
    display = LabelGridDisplay.from_predictions(
        pictures, TRUE, PREDICTED, label_names=NAMES, ax=left, n_cols=2
    )
    assert display.figure_ is figure
    assert all(ax.get_position().x1 <= right.get_position().x0 for ax in display.axes_)
    texts = [text for ax in display.axes_ for text in ax.texts]
    assert overlaps(figure, texts) == ([], [])


@pytest.fixture
def tagger(make_featurizer, pictures, tmp_path):
    """A Pipeline from pictures to labels, its rows and targets."""
    for number, picture in enumerate(pictures):
        picture.save(tmp_path / f"{number}.png")
    rows = pd.DataFrame({"photo": [f"{number}.png" for number in range(4)]})
    Y = pd.DataFrame(TRUE, columns=NAMES)
    clip = make_featurizer(image="photo", text=None, image_root=tmp_path)
    return make_pipeline(clip, MultiLabelLogisticRegression()).fit(rows, Y), rows, Y


def test_estimator_tells_where_pictures_are(tagger, pictures):
    model, rows, Y = tagger
    display = LabelGridDisplay.from_estimator(model, rows, Y)
    assert len(display.axes_) == 4
    row = int(display.titles[0].removeprefix("row "))
    np.testing.assert_array_equal(display.images[0], np.asarray(pictures[row]))
    errors = (model.predict(rows) != TRUE).sum(axis=1)
    assert errors[row] == errors.max()
    true = np.array(NAMES)[TRUE[row] == 1]
    assert sorted(display.found[0] + display.missed[0]) == sorted(true)


def test_frozen_tagger_tells_where_pictures_are(tagger):
    model, rows, Y = tagger
    frozen = FrozenEstimator(model)
    tuned = ThresholdOptimizer(frozen, shrinkage=0).fit(rows, Y)
    for estimator in (frozen, tuned, GridSearchCV(tuned, {}, cv=2).fit(rows, Y)):
        assert find_featurizer(estimator) is model[0]
        display = LabelGridDisplay.from_estimator(estimator, rows, Y)
        assert not any(isinstance(image, str) for image in display.images)


def test_rows_that_are_not_chosen_need_not_be_readable(tagger):
    model, rows, Y = tagger
    rows = rows.copy()
    rows.loc[[1, 3], "photo"] = "gone.png"
    display = LabelGridDisplay.from_estimator(model, rows, Y, rows=[2, 0])
    assert display.titles == ["row 2", "row 0"]


def test_features_are_shown_by_images_beside_them(make_problem, make_pictures):
    data = make_problem()
    model = MultiLabelLogisticRegression().fit(data.X, data.Y)
    pictures = make_pictures(len(data.X))
    display = LabelGridDisplay.from_estimator(
        model, data.X, data.Y, images=pictures, rows=[5]
    )
    np.testing.assert_array_equal(display.images[0], np.asarray(pictures[5]))


def test_featurizer_is_found_inside_a_column_transformer():
    clip = CLIPFeaturizer("clipart-tiny", image="photo")
    columns = make_column_transformer((clip, ["photo", "text"]))
    head = MultiLabelLogisticRegression()
    assert find_featurizer(make_pipeline(columns, head)) is clip
    assert find_featurizer(make_pipeline(FunctionTransformer(), head)) is None


@pytest.mark.parametrize(
    "options, match",
    [
        ({"rows": [4]}, "rows must hold positions from 0 to 3. Got 4"),
        ({"rows": []}, "rows must hold at least one row"),
        ({"rows": [0.5]}, "as integer positions.*dtype float64"),
        ({"n_rows": 0}, "n_rows must be a positive integer or None. Got 0"),
        ({"max_names": 0}, "max_names must be a positive integer or None. Got 0"),
        ({"image_size": 0}, "image_size must be above 0. Got 0"),
        ({"image_size": None}, "image_size must be above 0. Got None"),
        ({"image_size": np.inf}, "image_size must be above 0. Got inf"),
    ],
)
def test_bad_options_are_refused(options, match, pictures):
    with pytest.raises(ValueError, match=match):
        LabelGridDisplay.from_predictions(pictures, TRUE, PREDICTED, **options)


def test_other_numbers_of_rows_are_refused(pictures, tagger):
    with pytest.raises(ValueError, match="same number of rows. Got 3 and 4"):
        LabelGridDisplay.from_predictions(pictures[:3], TRUE, PREDICTED)
    model, rows, Y = tagger
    with pytest.raises(ValueError, match="X and y must have the same.*Got 2 and 4"):
        LabelGridDisplay.from_estimator(model, rows[:2], Y)


def counts_of(display):
    """Named labels and the number of folded ones, by mark."""
    counts = {}
    for line in lines_of(display)[0]:
        mark, text = line.split(" ", 1)
        named, folded = counts.get(mark, (0, 0))
        more = text.removeprefix("… ").removesuffix(" more")
        is_fold = text.startswith("… ")
        counts[mark] = (named + (not is_fold), folded + (int(more) if is_fold else 0))
    return counts


@pytest.mark.parametrize("max_names", [3, 5, 8, 20])
@pytest.mark.parametrize(
    "found, missed, false",
    [(5, 0, 3), (3, 2, 7), (9, 9, 9), (1, 0, 12), (0, 6, 6), (12, 1, 1), (2, 2, 2)],
)
def test_false_labels_are_folded_last(found, missed, false, max_names):
    picture = Image.new("RGB", (8, 8))
    kinds = [
        [f"{kind} {number}" for number in range(n)]
        for kind, n in (("f", found), ("m", missed), ("w", false))
    ]
    display = LabelGridDisplay([picture], *[[names] for names in kinds])
    counts = counts_of(display.plot(max_names=max_names))
    sums = [sum(counts.get(mark, (0, 0))) for mark in "✓–✗"]
    assert sums == [found, missed, false]
    n_kinds = sum(n > 0 for n in sums)
    assert len(display.texts_[0]) == min(sum(sums), max(max_names, n_kinds))
    if counts.get("✗", (0, 0))[1]:  # no true label has a line that it could give up
        assert all(counts.get(mark, (0, 0))[0] <= 1 for mark in "✓–")
        assert all(sum(counts.get(m, (0, 1))) == 1 or counts[m][0] == 0 for m in "✓–")
    if counts.get("–", (0, 0))[1] > 0:
        assert counts.get("✓", (0, 0))[0] <= 1


def test_titles_can_be_read_on_a_dark_ground(pyplot, pictures):
    with pyplot.style.context("dark_background"):
        display = LabelGridDisplay.from_predictions(pictures, TRUE, PREDICTED)
        assert {ax.texts[0].get_color() for ax in display.axes_} == {"white"}
