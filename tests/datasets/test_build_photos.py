import bz2
import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import sklearn
from PIL import Image

from sklearn_clip.datasets import build_photos
from sklearn_clip.datasets._photo_labels import read_labelling


def _jpeg(picture, **options):
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def _flag():
    picture = Image.new("RGB", (800, 600), "blue")
    picture.paste("red", (0, 0, 400, 600))
    return picture


def _opened(content):
    return Image.open(io.BytesIO(content))


def test_encode_makes_small():
    small = _opened(build_photos.encode(_jpeg(_flag()), "flag.jpg"))
    assert small.format == "WEBP" and small.mode == "RGB" and small.size == (320, 240)
    np.testing.assert_allclose(small.getpixel((80, 120)), (255, 0, 0), atol=10)
    np.testing.assert_allclose(small.getpixel((240, 120)), (0, 0, 255), atol=10)


def test_encode_leaves_small_pictures_their_size():
    picture = _flag().resize((200, 150))
    assert _opened(build_photos.encode(_jpeg(picture), "flag.jpg")).size == (200, 150)


def test_encode_turns_and_forgets_what_the_camera_wrote():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the left side is up
    exif[0x010F] = "Camera maker"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 0.0)  # latitude
    small = _opened(build_photos.encode(_jpeg(_flag(), exif=exif), "flag.jpg"))
    assert small.size == (240, 320)
    np.testing.assert_allclose(small.getpixel((120, 80)), (255, 0, 0), atol=10)
    assert not small.getexif() and "exif" not in small.info


def test_encode_lays_transparency_over_white():
    picture = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    file = io.BytesIO()
    picture.save(file, "PNG")
    small = _opened(build_photos.encode(file.getvalue(), "bucket.png"))
    np.testing.assert_allclose(small.getpixel((50, 50)), (255, 255, 255), atol=2)


def test_encode_reads_bare_pixels():
    pixels = np.zeros(build_photos._RAW_SHAPE, np.uint8)
    pixels[:, :, 1] = 200
    small = _opened(build_photos.encode(bz2.compress(pixels.tobytes()), "face.dat"))
    assert small.size == (320, 240)
    np.testing.assert_allclose(small.getpixel((9, 9)), (0, 200, 0), atol=10)


@pytest.fixture
def packages(tmp_path):
    """A folder with one package, a wheel of two pictures."""
    folder = tmp_path / "packages"
    folder.mkdir()
    with zipfile.ZipFile(folder / "some_flags-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("some/red.jpg", _jpeg(Image.new("RGB", (400, 300), "red")))
        wheel.writestr("some/flag.jpg", _jpeg(_flag()))
    return folder


def _sources(n=2):
    originals = ["some/red.jpg", "some/flag.jpg"][:n]
    return [
        {
            "file": f"images/{i:03d}.webp",
            "text": 'Flag, "torn"',
            "group": "7",
            "author": "Ada",
            "licence": "CC0-1.0",
            "link": "",
            "package": "pypi:some-flags",
            "version": "1.0",
            "original": original,
        }
        for i, original in enumerate(originals)
    ]


def _labels(n=2):
    files = [f"images/{i:03d}.webp" for i in range(n)]
    return files, ["cloth", "red"], np.array([[1, np.nan], [0, 1]])[:n]


def test_write_archive_is_deterministic(packages, tmp_path):
    for name in ("one.zip", "two.zip"):
        arguments = (_sources(), _labels(), packages)
        build_photos.write_archive(tmp_path / name, *arguments)
    one = (tmp_path / "one.zip").read_bytes()
    assert one == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert archive.namelist()[1:] == ["images/000.webp", "images/001.webp"]
        text = archive.read(build_photos.TABLE).decode("utf-8")
        assert _opened(archive.read("images/001.webp")).size == (320, 240)
    first, second = csv.DictReader(io.StringIO(text))
    assert first["text"] == 'Flag, "torn"' and first["group"] == "7"
    assert (first["cloth"], first["red"]) == ("1", "")
    assert (second["cloth"], second["red"]) == ("0", "1")


def test_write_archive_without_a_package_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="some-flags==1.0"):
        build_photos.write_archive(tmp_path / "a.zip", _sources(), _labels(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_write_archive_of_other_labels_raises(packages, tmp_path):
    arguments = (_sources(), _labels(1), packages)
    with pytest.raises(ValueError, match="must be of the same pictures"):
        build_photos.write_archive(tmp_path / "a.zip", *arguments)


def test_shipped_archive_holds_what_the_tables_say():
    sources = build_photos.read_sources()
    files, names, values = build_photos.read_labels()
    with zipfile.ZipFile(build_photos.ARCHIVE) as archive:
        assert {e.date_time for e in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == [build_photos.TABLE, *files]
        text = archive.read(build_photos.TABLE).decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    cells = [[float(row.pop(name) or "nan") for name in names] for row in rows]
    assert rows == sources
    np.testing.assert_array_equal(cells, values)


def test_shipped_pictures_are_those_of_their_package():
    # scikit-learn is here in any case: two of the photographs are its samples.
    folder = Path(sklearn.__file__).parents[1]
    mine = [s for s in build_photos.read_sources() if "scikit-learn" in s["package"]]
    assert len(mine) == 2
    with zipfile.ZipFile(build_photos.ARCHIVE) as archive:
        for source in mine:
            content = (folder / source["original"]).read_bytes()
            built = _opened(build_photos.encode(content, source["original"]))
            shipped = _opened(archive.read(source["file"]))
            assert built.size == shipped.size
            # Another version of Pillow may code the same pixels a little otherwise.
            difference = np.asarray(built, float) - np.asarray(shipped, float)
            assert np.abs(difference).mean() < 3


def test_agreement_table_has_a_line_for_each_label_and_for_all():
    header, *lines = build_photos.agreement_table().splitlines()
    _, names, values = build_photos.read_labels()
    assert [line[:16].strip() for line in lines] == [*names, "all"]
    positive, unknown = lines[-1].split()[1:3]
    assert int(positive) == (values == 1).sum()
    assert int(unknown) == np.isnan(values).sum()


def test_description_gives_the_agreement_that_is_computed():
    words = build_photos.agreement_table().splitlines()[-1].split()
    text = (build_photos.ARCHIVE.parent / "photos.rst").read_text("utf-8")
    description = " ".join(text.split())
    assert f"say the same in {float(words[-2]):.1%} of the cells" in description
    assert f"three answers: {words[-1]})" in description
    _, _, first = read_labelling(build_photos.TABLES / "first.csv")
    _, _, second = read_labelling(build_photos.TABLES / "second.csv")
    assert not (first + second == 1).any()  # 1 and 0, as a NaN makes NaN


def test_main_lists_packages(capsys):
    build_photos.main(["--list"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(set(lines)) >= 15
    assert "apt-get download gcompris-qt-data=1.0-1" in lines
    assert "pip download --no-deps scikit-image==0.26.0" in lines


def test_main_prints_the_agreement(capsys):
    build_photos.main(["--agreement"])
    assert capsys.readouterr().out.splitlines()[-1].startswith("all ")
