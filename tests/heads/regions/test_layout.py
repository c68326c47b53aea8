"""Where picture, regions and text stand in a row, and who has to say it."""

import numpy as np
import pandas as pd
import pytest

from sklearn_clip import CLIPFeaturizer, MultiLabelLogisticRegression, RegionClassifier
from sklearn_clip.heads.regions._layout import read_layout

HEAD = MultiLabelLogisticRegression()


def make_rows(width, n_regions, *, text=False, flags=0, n=7, seed=0):
    """Rows of unit vectors, as the featurizer makes them."""
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(n, 1 + n_regions + text, width))
    parts /= np.linalg.norm(parts, axis=2, keepdims=True)
    rows = parts.reshape(n, -1)
    return np.hstack([rows, rng.integers(0, 2, (n, flags))]).astype(np.float32)


@pytest.mark.parametrize("n_regions", [4, 9, 13, 16, 25, 49, 196])
@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("flags", [0, 1, 2])
@pytest.mark.parametrize("width", [3, 8, 192, 384])
def test_layout_is_read_off_the_rows(n_regions, text, flags, width):
    X = make_rows(width, n_regions, text=text, flags=flags)
    found = read_layout("auto", X)
    assert (found.embedding_dim, found.n_regions) == (width, n_regions)
    assert found.n_kept == text * width + flags
    assert found.whole(X).shape == (len(X), found.n_inner)
    rows = found.regions(X)
    assert rows.shape == (len(X), n_regions, found.n_inner)
    np.testing.assert_array_equal(rows[:, 1, :width], X[:, 2 * width : 3 * width])
    np.testing.assert_array_equal(rows[:, -1, width:], X[:, width * (1 + n_regions) :])
    picked = found.pick(X, np.array([2, 0]), np.array([1, 3]))
    np.testing.assert_array_equal(picked, rows[[2, 0], [1, 3]])


def test_missing_pictures_and_texts_are_passed_over():
    X = make_rows(8, 4, text=True)
    X[0, :40] = 0  # its picture is missing
    X[1, 40:] = 0  # its text
    X[2] = 0
    found = read_layout("auto", X)
    assert found == (8, 4, 48)
    assert found.seen(X).all(axis=1).tolist() == [False, True, False] + [True] * 4
    X[3, :40] = np.nan
    assert read_layout("auto", X) == (8, 4, 48)


@pytest.mark.parametrize("n_regions", [4, 9, 13, 16])
@pytest.mark.parametrize("flags", [0, 1, 2])
@pytest.mark.parametrize("widths", [(40, 3), (40, 2), (8, 30), (1280, 128), (40, 41)])
def test_text_of_another_width_is_kept(n_regions, flags, widths):
    """Vectors before the projection have two widths, one of pictures, one of texts."""
    width, kept = widths
    X = np.hstack(
        [make_rows(width, n_regions), make_rows(kept, 0, flags=flags, seed=1)]
    )
    assert read_layout("auto", X) == (width, n_regions, X.shape[1])
    end = width * (1 + n_regions)
    X[0, :end] = 0
    X[1, end : end + kept] = 0
    X[2] = 0
    X[3, : end + kept] = np.nan
    assert read_layout("auto", X) == (width, n_regions, X.shape[1])
    many = np.tile(X, (20, 1))
    many[:-1, end + kept :] = 0  # the first indicator that is set comes late
    many[-1, end + kept :] = 1
    assert read_layout("auto", many) == (width, n_regions, X.shape[1])
    X[5, -1] += 0.5
    with pytest.raises(ValueError, match="found no regions"):
        read_layout("auto", X)


@pytest.mark.parametrize("regions", ["2x2", "pyramid"])
@pytest.mark.parametrize("flags", [False, True])
def test_layout_of_features_before_the_projection_is_read(
    make_pictures, regions, flags
):
    clip = CLIPFeaturizer(
        "clipart-tiny",
        regions=regions,
        features="penultimate",
        add_missing_indicator=flags,
    )
    pictures = [None, *make_pictures(3)]
    X = clip.fit_transform(list(zip(pictures, ["a", "b", None, "c"], strict=True)))
    expected = read_layout("auto", X, clip.get_feature_names_out())
    assert read_layout("auto", X) == expected


def test_rows_that_were_kept_in_half_precision_have_length_1():
    X = make_rows(384, 13).astype(np.float16).astype(np.float64)
    assert read_layout("auto", X)[:2] == (384, 13)


@pytest.mark.parametrize("regions", ["2x2", "3x3", "pyramid", "tokens"])
@pytest.mark.parametrize("fusion", ["image", "concat"])
@pytest.mark.parametrize("flags", [False, True])
def test_layout_of_the_featurizer_is_read(make_pictures, regions, fusion, flags):
    clip = CLIPFeaturizer(
        "clipart-tiny", regions=regions, fusion=fusion, add_missing_indicator=flags
    )
    pictures = [*make_pictures(3), None]
    rows = [(picture, text) for picture, text in zip(pictures, "abcd", strict=True)]
    X = clip.fit_transform(rows)
    n_regions = {"2x2": 4, "3x3": 9, "pyramid": 13}.get(regions)
    width, found, _ = read_layout("auto", X)
    assert width == clip.embedding_dim_
    assert found == (n_regions or clip.encode_regions(pictures[:1])[0].shape[1])
    names = clip.get_feature_names_out()
    assert read_layout("auto", X * 5 - 1, names) == (width, found, X.shape[1])


def test_names_tell_the_layout_of_scaled_columns(make_pictures):
    clip = CLIPFeaturizer("clipart-tiny", text=None, regions="2x2")
    clip.set_output(transform="pandas")
    X = clip.fit_transform(make_pictures(12))
    scaled = (X - X.mean()) / X.std()
    scaled["price"] = 1.0
    Y = np.tile(np.eye(2, dtype=int), (6, 1))
    model = RegionClassifier(HEAD, cv=2, random_state=0).fit(scaled, Y)
    assert model.layout_ == (384, 4)
    assert model.estimator_.coef_.shape[1] == 385
    prefixed = scaled.add_prefix("clip__")
    assert model.fit(prefixed, Y).layout_ == (384, 4)
    front = scaled[["price", *X.columns]]
    with pytest.raises(ValueError, match=r"'price' where 'clip_image_0' .*column 0"):
        model.fit(front, Y)
    fewer = scaled.drop(columns="clip_region2_image_7")
    with pytest.raises(ValueError, match="'clip_region2_image_8' where"):
        model.fit(fewer, Y)
    other = pd.DataFrame(X.to_numpy(), columns=[f"f{i}" for i in range(X.shape[1])])
    assert model.fit(other, Y).layout_ == (384, 4)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda X: X * 3, "not made up of vectors of length 1"),
        (lambda X: X - X.mean(axis=0), "not made up of vectors of length 1"),
        (lambda X: X[:, 1:], "not made up of vectors of length 1"),
        (lambda X: np.hstack([np.full((len(X), 1), 2.5), X]), "not made up of vectors"),
        (lambda X: np.hstack([X, np.full((len(X), 1), 2.5)]), "not made up of vectors"),
        (lambda X: X[:, :8], "one vector without regions"),
        (lambda X: X[:, :16], "two vectors of length 1, without regions"),
        (lambda X: X[:, :24], "not made up"),
    ],
    ids=["scaled", "centred", "cut", "front", "behind", "one", "two", "three"],
)
def test_rows_of_another_form_are_told_with_the_way_out(change, found):
    X = change(make_rows(8, 4))
    with pytest.raises(ValueError, match=found) as error:
        RegionClassifier(HEAD).fit(X, np.eye(7, 2, dtype=int))
    assert "layout=(embedding_dim, n_regions)" in str(error.value)


def test_scaled_rows_are_taken_where_their_layout_is_said():
    X = make_rows(8, 4, n=20) * 3 - 1
    Y = np.tile(np.eye(2, dtype=int), (10, 1))
    model = RegionClassifier(HEAD, layout=(8, 4), cv=2).fit(X, Y)
    assert model.layout_ == (8, 4)
    assert model.fit(np.hstack([X, X]), Y).estimator_.coef_.shape[1] == 48
    assert clone_with(model, layout=[8, 4]).fit(X, Y).layout_ == (8, 4)
    assert clone_with(model, layout=np.array([8, 4])).fit(X, Y).layout_ == (8, 4)
    # Every region number there is room for: the rest is kept with each.
    assert clone_with(model, layout=(8, 2)).fit(X, Y).estimator_.coef_.shape[1] == 24


def clone_with(model, **parameters):
    return RegionClassifier(**model.get_params(deep=False) | parameters)


@pytest.mark.parametrize(
    "layout", [(8,), (8, 4, 1), (8, 0), (0, 4), (8.5, 4), ("8", "4"), (True, 4)]
)
def test_layout_of_other_than_two_counts_is_refused(layout):
    model = RegionClassifier(HEAD, layout=layout)
    with pytest.raises(ValueError, match=r"layout must be 'auto' or \(embedding_dim"):
        model.fit(make_rows(8, 4), np.eye(7, 2, dtype=int))


def test_layout_that_is_too_large_for_the_rows_is_refused():
    model = RegionClassifier(HEAD, layout=(8, 5))
    with pytest.raises(ValueError, match=r"\(8, 5\) needs 48 columns.*Got X with 40"):
        model.fit(make_rows(8, 4), np.eye(7, 2, dtype=int))


def test_row_of_another_form_is_named():
    X = make_rows(8, 4, n=100)
    X[90] *= 2
    with pytest.raises(ValueError, match=r"row 90") as error:
        RegionClassifier(HEAD).fit(X, np.tile([[0, 1], [1, 0]], (50, 1)))
    assert "layout=(embedding_dim, n_regions)" in str(error.value)


def test_nothing_to_read_a_layout_off_is_told():
    Y = np.eye(7, 2, dtype=int)
    with pytest.raises(ValueError, match="7 rows of zeros or NaN"):
        RegionClassifier(HEAD).fit(np.zeros((7, 40)), Y)


def test_one_hot_rows_that_fit_two_layouts_are_told():
    """Vectors of one 1 each can be parted in more than one way."""
    X = np.zeros((4, 50))
    X[:, ::5] = 1  # ten vectors of five, 1 + 9: and five of ten would have length 1.4
    assert read_layout("auto", X)[:2] == (5, 9)
