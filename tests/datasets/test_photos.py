import csv
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_clip.datasets import _groups, _package_files, _photos, load_photos

ALLOWED = {
    "public domain",
    "CC0-1.0",
    "CC-BY-1.0",
    "CC-BY-2.0",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
}
DATA = Path(_photos.__file__).parent / "data"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def photos(home):
    return load_photos(data_home=home)


def _plain(data):
    """Rows in which a missing title is None, whatever pandas made of it."""
    return [[None if pd.isna(cell) else cell for cell in row] for row in np.array(data)]


def test_load_photos_shapes(photos):
    n, n_labels = photos.target.shape
    assert n >= 60 and 15 <= n_labels <= 30
    assert photos.data.shape == (n, 2) and photos.data.dtype == object
    assert photos.groups.shape == (n,) and photos.groups.dtype == np.int64
    assert len(photos.sources) == n
    assert photos.target_names == sorted(photos.target_names)
    assert len(set(photos.target_names)) == n_labels
    assert photos.frame is None


def test_load_photos_target_is_one_zero_or_unknown(photos):
    assert photos.target.dtype == np.float64
    unknown = np.isnan(photos.target)
    assert set(photos.target[~unknown]) == {0.0, 1.0}
    assert 0 < unknown.mean() < 0.2
    assert (photos.target == 1).sum(axis=0).min() >= 5
    assert (photos.target == 0).sum(axis=0).min() >= 5


def test_load_photos_labels_imply_what_the_words_do(photos):
    target = dict(zip(photos.target_names, photos.target.T, strict=True))
    for word, broader in [
        ("fish", "animal"),
        ("mammal", "animal"),
        ("flower", "plant"),
        ("grass", "plant"),
        ("leaf", "plant"),
        ("tree", "plant"),
    ]:
        assert (target[broader][target[word] == 1] == 1).all(), (word, broader)
    assert not (target["sky"][target["cloud"] == 1] == 0).any()
    assert not ((target["fish"] == 1) & (target["mammal"] == 1)).any()


def test_load_photos_pictures_are_small_rgb_and_nothing_else(photos):
    for image in photos.data[:, 0]:
        with Image.open(image) as picture:
            assert picture.format == "WEBP" and picture.mode == "RGB"
            assert max(picture.size) <= 320 and min(picture.size) >= 64
            assert not picture.getexif()
            assert not {"exif", "xmp", "icc_profile"} & set(picture.info)


def test_load_photos_texts_are_titles_or_none(photos):
    texts = list(photos.data[:, 1])
    assert all(text is None or text.strip() == text != "" for text in texts)
    assert 0 < texts.count(None) < len(texts) / 5


def test_load_photos_names_a_source_of_every_picture(photos):
    for (image, text), source in zip(photos.data, photos.sources, strict=True):
        assert Path(image).as_posix().endswith(source["file"])
        assert source["text"] == (text or "")
        assert source["licence"] in ALLOWED
        assert source["package"].split(":")[0] in _package_files.REGISTRIES
        assert source["version"] and source["original"]
        # What must be attributed has somebody to be attributed to.
        if source["licence"].startswith(("CC-BY", "BSD")):
            assert source["author"]
    originals = [tuple(source.items())[-3:] for source in photos.sources]
    assert len(set(originals)) == len(originals)


def test_load_photos_licences_are_explained(photos):
    explained = (DATA / "photos" / "LICENCES.md").read_text("utf-8")
    for licence in {source["licence"] for source in photos.sources}:
        assert licence in explained
    for package in {source["package"] for source in photos.sources}:
        assert package.split(":")[1] in explained


def test_table_of_sources_is_that_of_the_archive(photos):
    with open(DATA / "photos" / "sources.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    groups = [int(row.pop("group")) for row in rows]
    assert rows == photos.sources
    assert groups == photos.groups.tolist()


def test_load_photos_describes_itself_truly(photos):
    unknown = np.isnan(photos.target)
    counts = np.where(unknown, 0, photos.target).sum(axis=1)
    description = " ".join(photos.DESCR.split())
    assert f":Rows: {len(photos.data)}," in description
    assert f":Labels: {len(photos.target_names)}, " in description
    assert f"of which {counts.mean():.1f} are true" in description
    assert f"{unknown.sum()} of the {unknown.size:,} cells" in description
    assert f"{list(photos.data[:, 1]).count(None)} have none" in description
    assert f":Groups: {len(set(photos.groups))};" in description
    for name in photos.target_names:
        assert f"\n{name}\n    " in photos.DESCR
    assert f"{len(photos.data)} photographs under" in load_photos.__doc__


def test_load_photos_has_no_near_duplicates():
    pixels = []
    with zipfile.ZipFile(_photos._ARCHIVE) as archive:
        for name in archive.namelist()[1:]:
            with archive.open(name) as file, Image.open(file) as picture:
                small = picture.resize((20, 20), Image.Resampling.BOX)
            pixels.append(np.asarray(small, float).ravel())
    assert len(_groups.near_pairs(np.stack(pixels), 8.0)) == 0


def test_load_photos_has_few_of_one_series(photos):
    # Tools before a plain ground are the one exception.
    sizes = np.sort(np.bincount(photos.groups))[::-1]
    assert sizes[0] <= 10
    assert sizes[1] <= 7


def test_load_photos_as_frame(home, photos):
    bunch = load_photos(as_frame=True, data_home=home)
    assert list(bunch.data.columns) == ["image", "text"]
    assert list(bunch.target.columns) == photos.target_names
    assert bunch.frame.shape == (len(photos.data), 2 + len(photos.target_names))
    assert _plain(bunch.data) == _plain(photos.data)
    np.testing.assert_array_equal(bunch.target.to_numpy(), photos.target)
    pd.testing.assert_frame_equal(bunch.sources, pd.DataFrame(photos.sources))


@pytest.mark.parametrize("as_frame", [False, True])
def test_load_photos_return_X_y(home, as_frame):
    X, y = load_photos(return_X_y=True, as_frame=as_frame, data_home=home)
    bunch = load_photos(as_frame=as_frame, data_home=home)
    assert _plain(X) == _plain(bunch.data)
    np.testing.assert_array_equal(y, bunch.target)


def test_load_photos_as_frame_needs_pandas(tmp_path):
    code = """
import sys
sys.modules["pandas"] = None
from sklearn_clip.datasets import load_photos
print(load_photos(data_home=sys.argv[1]).target.shape)
try:
    load_photos(as_frame=True, data_home=sys.argv[1])
except ImportError as exc:
    print(exc)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    shape, error = done.stdout.splitlines()
    assert shape.startswith("(")
    assert "load_photos(as_frame=True)" in error and "sklearn-clip[pandas]" in error


def test_load_photos_takes_keywords_it_knows(home):
    with pytest.raises(TypeError, match="positional"):
        load_photos(True)
    with pytest.raises(TypeError, match="unexpected keyword argument 'split'"):
        load_photos(split="test", data_home=home)


def test_load_photos_from_a_damaged_archive_raises(tmp_path, monkeypatch):
    archive = tmp_path / "photos.zip"
    content = _photos._ARCHIVE.read_bytes()
    archive.write_bytes(content[: len(content) // 2])
    monkeypatch.setattr(_photos, "_ARCHIVE", archive)
    with pytest.raises(OSError, match="must be a whole zip file.*Install sklearn-clip"):
        load_photos(data_home=tmp_path / "home")


def test_load_photos_writes_nothing_beside_the_package(tmp_path):
    before = sorted(path.name for path in DATA.rglob("*"))
    load_photos(data_home=tmp_path)
    assert sorted(path.name for path in DATA.rglob("*")) == before
    assert len(os.listdir(tmp_path)) == 1


def test_load_photos_mends_a_picture_that_was_deleted(tmp_path):
    image = Path(load_photos(data_home=tmp_path).data[0, 0])
    image.unlink()
    load_photos(data_home=tmp_path)
    assert image.is_file()


def test_archive_is_small():
    assert _photos._ARCHIVE.stat().st_size < 5e6
