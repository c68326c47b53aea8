"""Doubtful pairs: which pictures stand side by side, and what stands below them."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_clip import near_duplicate_groups
from sklearn_clip.plotting import NearDuplicateDisplay


def lines_of(display):
    return [line.get_text() for line in display.texts_]


def titles_of(display):
    return [[ax.texts[0].get_text() for ax in pair] for pair in display.axes_]


@pytest.fixture
def directions():
    """Unit vectors by their angles in degrees."""

    def make(*degrees):
        angles = np.deg2rad(degrees)
        return np.column_stack([np.cos(angles), np.sin(angles)])

    return make


def test_pairs_are_those_of_the_report_side_by_side(make_pictures, directions):
    pictures = make_pictures(4, size=(48, 32))
    X = directions(0, 10, 40, 100)
    display = NearDuplicateDisplay.from_embeddings(X, pictures, threshold=0.9)
    _, report = near_duplicate_groups(X, 0.9, report=True, n_pairs=12)
    np.testing.assert_array_equal(display.report_.pairs, report.pairs)
    assert display.axes_.shape == (6, 2)
    for axes, rows in zip(display.axes_, report.pairs, strict=True):
        assert axes[0].get_position().x1 < axes[1].get_position().x0
        for ax, row in zip(axes, rows, strict=True):
            np.testing.assert_array_equal(
                ax.images[0].get_array(), np.asarray(pictures[row])
            )
    assert lines_of(display)[:2] == ["= 0.9848, one group", "≠ 0.8660, apart"]
    assert titles_of(display)[0] == ["row 0", "row 1"]
    (said,) = display.figure_.texts
    assert said.get_text() == "cosine of each pair; near copies from 0.9"


def test_pairs_joined_by_a_chain_say_so(make_pictures, directions):
    X = directions(0, 20, 40)
    pictures = make_pictures(3)
    display = NearDuplicateDisplay.from_embeddings(X, pictures, threshold=0.9)
    assert lines_of(display) == [
        "= 0.9397, one group",
        "= 0.9397, one group",
        "= 0.7660, one group through others",
    ]
    display = NearDuplicateDisplay.from_embeddings(
        X, pictures, threshold=0.9, linkage="average"
    )
    assert sorted(line[0] for line in lines_of(display)) == ["=", "≠", "≠"]


def test_frames_tell_where_pictures_are_and_what_they_are_called(
    make_pictures, directions, tmp_path
):
    for number, picture in enumerate(make_pictures(3)):
        picture.save(tmp_path / f"{number}.png")
    rows = pd.DataFrame(
        {"photo": ["0.png", "1.png", "gone.png"], "name": ["a", "b", "c"]},
        index=list("xyz"),
    )
    X = pd.DataFrame(directions(0, 5, 30), index=rows.index)
    display = NearDuplicateDisplay.from_embeddings(
        X, rows, image="photo", text="name", image_root=tmp_path, threshold=0.9
    )
    assert titles_of(display)[0] == ["a\nrow 0 (x)", "b\nrow 1 (y)"]
    assert display.report_.index[0].tolist() == ["x", "y"]
    gone = [
        image for pair in display.images for image in pair if isinstance(image, str)
    ]
    assert set(gone) == {"(cannot be read: the file does not exist)"}


@pytest.mark.parametrize("n_cols", [1, 2, 5, None])
@pytest.mark.parametrize(
    "title", ["a long title of a picture " * 3, "哺乳动物的很长的名字用" * 3]
)
@pytest.mark.filterwarnings("ignore:Glyph .* missing from font:UserWarning")
def test_texts_do_not_overlap(n_cols, title, overlaps):
    rng = np.random.default_rng(0)
    rows = [(Image.new("RGB", (30, 20)), title) for _ in range(12)]
    display = NearDuplicateDisplay.from_embeddings(
        rng.normal(size=(12, 3)), rows, threshold=0.5, n_pairs=10
    ).plot(n_cols=n_cols)
    texts = [text for ax in display.axes_.ravel() for text in ax.texts]
    pairs, outside = overlaps(display.figure_, [*texts, *display.figure_.texts])
    assert (pairs, outside) == ([], [])


def test_given_axes_are_divided(pyplot, make_pictures, directions):
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 5))
    display = NearDuplicateDisplay.from_embeddings(
        directions(0, 10, 40), make_pictures(3), ax=left, n_cols=1
    )
    assert display.figure_ is figure
    edges = [ax.get_position().x1 for ax in display.axes_.ravel()]
    assert max(edges) <= right.get_position().x0
    assert left.texts[0].get_text().startswith("cosine of each pair")


def test_other_numbers_of_pictures_and_rows_alone_are_refused(
    make_pictures, directions
):
    pictures = make_pictures(3)
    with pytest.raises(ValueError, match="one row for each embedding. Got 3 for 2"):
        NearDuplicateDisplay.from_embeddings(directions(0, 10), pictures)
    X = np.zeros((3, 2))
    X[0, 0] = 1
    with pytest.raises(ValueError, match="no pair to draw: fewer than two rows"):
        NearDuplicateDisplay.from_embeddings(X, pictures)


@pytest.mark.parametrize(
    "options, match",
    [
        ({"n_cols": 0}, "n_cols must be a positive integer or None. Got 0"),
        ({"image_size": -1}, "image_size must be above 0. Got -1"),
        ({"n_pairs": 1}, "n_pairs must be an integer of at least 2. Got 1"),
        ({"linkage": "ward"}, "linkage must be 'single' or 'average'. Got 'ward'"),
    ],
)
def test_bad_options_are_refused(options, match, make_pictures, directions):
    with pytest.raises(ValueError, match=match):
        NearDuplicateDisplay.from_embeddings(
            directions(0, 10, 40), make_pictures(3), **options
        )


def test_what_is_no_report_is_told_which_to_give(make_pictures, directions):
    both = near_duplicate_groups(directions(0, 10, 40), report=True)
    with pytest.raises(TypeError, match=r"Got a tuple: give the second of the two"):
        NearDuplicateDisplay.from_report(both, make_pictures(3))
    with pytest.raises(TypeError, match="report must be a NearDuplicateReport, .* Got"):
        NearDuplicateDisplay.from_report(both[0], make_pictures(3))
