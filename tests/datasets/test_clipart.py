import numpy as np
import pytest
from PIL import Image

from sklearn_clip.datasets import _clipart, _groups, load_clipart


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def clipart(home):
    return load_clipart(data_home=home)


def test_load_clipart_shapes(clipart):
    n, n_labels = clipart.target.shape
    assert n == 2118 and n_labels == 43
    assert clipart.data.shape == (n, 2) and clipart.data.dtype == object
    assert clipart.target.dtype == np.int64
    assert set(np.unique(clipart.target)) == {0, 1}
    assert clipart.split.shape == clipart.groups.shape == (n,)
    assert len(clipart.target_names) == n_labels
    assert clipart.target_names == sorted(clipart.target_names)
    assert clipart.frame is None
    assert "public domain" in clipart.DESCR


def test_load_clipart_describes_itself_truly(clipart):
    train = (clipart.split == "train").sum()
    test = (clipart.split == "test").sum()
    figures = f"{len(clipart.data):,} ({train:,} train, {test:,} test)"
    assert figures in clipart.DESCR
    assert f"{clipart.target.sum(axis=1).mean():.1f} are true" in clipart.DESCR


def test_load_clipart_rows_are_complete(clipart):
    assert clipart.target.sum(axis=1).min() >= 1
    for image, text in clipart.data:
        assert text.strip()
        with Image.open(image) as picture:
            assert max(picture.size) <= 128


def test_load_clipart_labels_have_positives_in_both_splits(clipart):
    assert clipart.target.sum(axis=0).min() >= 25
    assert clipart.target[clipart.split == "test"].sum(axis=0).min() >= 6
    assert clipart.target[clipart.split == "train"].sum(axis=0).min() >= 15


def test_load_clipart_keeps_groups_and_texts_on_one_side(clipart):
    test = clipart.split == "test"
    assert not set(clipart.groups[test]) & set(clipart.groups[~test])
    texts = np.array([text.lower() for text in clipart.data[:, 1]])
    assert not set(texts[test]) & set(texts[~test])


def test_load_clipart_has_no_near_duplicates_across_splits(clipart):
    # Of the shipped pixels, not of those that made the groups: 20 x 20 over white.
    pixels = []
    for image in clipart.data[:, 0]:
        with Image.open(image) as picture:
            picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture)
        small = white.convert("RGB").resize((20, 20), Image.Resampling.BOX)
        pixels.append(np.asarray(small, float).ravel())
    pairs = _groups.near_pairs(np.stack(pixels), 8.0)
    assert len(pairs) > 10
    across = [(i, j) for i, j in pairs if clipart.split[i] != clipart.split[j]]
    assert across == []


@pytest.mark.parametrize("split", ["train", "test"])
def test_load_clipart_split_selects_rows(home, clipart, split):
    part = load_clipart(split=split, data_home=home)
    chosen = clipart.split == split
    assert (part.split == split).all()
    assert part.target_names == clipart.target_names
    np.testing.assert_array_equal(part.data, clipart.data[chosen])
    np.testing.assert_array_equal(part.target, clipart.target[chosen])
    np.testing.assert_array_equal(part.groups, clipart.groups[chosen])


def test_load_clipart_as_frame(home, clipart):
    frame = load_clipart(as_frame=True, data_home=home)
    assert list(frame.data.columns) == ["image", "text"]
    assert list(frame.target.columns) == clipart.target_names
    assert frame.frame.shape == (len(clipart.data), 2 + len(clipart.target_names))
    np.testing.assert_array_equal(frame.data.to_numpy(), clipart.data)
    np.testing.assert_array_equal(frame.target.to_numpy(), clipart.target)


@pytest.mark.parametrize("as_frame", [False, True])
def test_load_clipart_return_X_y(home, as_frame):
    X, y = load_clipart(return_X_y=True, as_frame=as_frame, data_home=home)
    bunch = load_clipart(as_frame=as_frame, data_home=home)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)


def test_load_clipart_bad_split_raises(home):
    with pytest.raises(ValueError, match="split must be 'train', 'test' or None"):
        load_clipart(split="dev", data_home=home)


def test_archive_is_small():
    assert _clipart._ARCHIVE.stat().st_size < 12e6
