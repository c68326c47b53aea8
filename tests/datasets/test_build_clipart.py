import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sklearn_clip.datasets import _captions, build_clipart, load_clipart

LIBRARY = Path("/usr/share/openclipart")


def _over_white(picture):
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture.convert("RGBA"))
    return np.asarray(white.convert("RGB"), float)


def _table():
    with zipfile.ZipFile(build_clipart.ARCHIVE) as archive:
        text = archive.read(build_clipart.TABLE).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "png" / "food" / "pear.png"
    path.parent.mkdir(parents=True)
    image = Image.new("RGBA", (600, 400))
    image.paste((200, 30, 30, 255), (100, 50, 400, 200))
    image.save(path)
    return path


def test_encode_crops_shrinks_and_keeps_transparency(picture):
    with Image.open(picture) as opened:
        image = opened.convert("RGBA")
    image.paste((0, 0, 0, 0), (100, 50, 250, 100))
    image.save(picture)
    small = Image.open(io.BytesIO(build_clipart.encode(picture)))
    assert small.format == "WEBP"
    assert small.mode == "RGBA"
    assert small.size == (128, 64)
    assert small.getpixel((10, 5))[3] == 0
    np.testing.assert_allclose(small.getpixel((100, 40)), (200, 30, 30, 255), atol=3)


def test_write_archive_is_deterministic(picture, tmp_path):
    row = {
        "image": str(picture),
        "text": 'Pear, "ripe"',
        "labels": ("food", "fruit"),
        "split": "test",
        "group": 42,
    }
    for name in ("one.zip", "two.zip"):
        build_clipart.write_archive(tmp_path / name, [row, row], tmp_path)
    one = (tmp_path / "one.zip").read_bytes()
    assert one == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        text = archive.read(build_clipart.TABLE).decode()
        assert archive.namelist()[1:] == ["images/0000.webp", "images/0001.webp"]
    first, second = csv.DictReader(io.StringIO(text))
    assert first["text"] == 'Pear, "ripe"'
    assert first["labels"] == "food|fruit"
    assert first["source"] == "food/pear.png"
    assert first["group"] == second["group"] == "0"


def test_shipped_archive_has_fixed_time_stamps_and_sorted_sources():
    with zipfile.ZipFile(build_clipart.ARCHIVE) as archive:
        assert {e.date_time for e in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    sources = [row["source"] for row in _table()]
    assert len(set(sources)) == len(sources)
    assert [s[:-4] for s in sources] == sorted(s[:-4] for s in sources)


def test_shipped_archive_is_what_the_library_gives(tmp_path):
    if not LIBRARY.is_dir():
        pytest.skip("the Debian packages openclipart-png and -svg are not installed")
    names = set(load_clipart(data_home=tmp_path).target_names)
    with zipfile.ZipFile(build_clipart.ARCHIVE) as archive:
        for row in _table()[::150]:
            source = LIBRARY / "png" / row["source"]
            # Another version of Pillow may code the same pixels a little otherwise.
            built = Image.open(io.BytesIO(build_clipart.encode(source)))
            shipped = Image.open(io.BytesIO(archive.read(row["file"])))
            assert built.size == shipped.size
            difference = np.abs(_over_white(built) - _over_white(shipped))
            assert difference.mean() < 3

            svg = LIBRARY / "svg" / Path(row["source"]).with_suffix(".svg")
            read = _captions.read_metadata(svg.read_text("utf-8", "replace"))
            folder = Path(row["source"]).parent.as_posix()
            labels = _captions.labels(read["keywords"], [folder])
            # Copies elsewhere in the library may have added labels.
            assert labels & names <= set(row["labels"].split("|"))
