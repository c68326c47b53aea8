"""What opening a file costs, and what it never does."""

import ast
import io
import os
import socket
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sklearn_clip
from sklearn_clip import CLIPFeaturizer, ImageDecodeError
from sklearn_clip.embedding import decode_image
from sklearn_clip.embedding.images import _decoding
from sklearn_clip.embedding.images._decoding import image_digest, why_unreadable
from sklearn_clip.plotting._pictures import read_pictures

EPS = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
)
GHOSTSCRIPT = """#!/bin/sh
echo called >> "$(dirname "$0")/mark"
echo 10.0
exit 1
"""
USES = """
import contextlib, sys
import numpy as np
from PIL import Image
from sklearn_clip import CLIPFeaturizer, embedding
from sklearn_clip.plotting._pictures import read_pictures

clip = CLIPFeaturizer("clipart-tiny", text=None, on_error="nan", cache=None)
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    assert np.isnan(clip.transform([path, data, Image.open(path)])).all()
    assert len(clip.check_images([path, data, Image.open(path)])) == 3
    read_pictures([path, data, Image.open(path)], np.arange(3), "image", None, None)
    for source in (path, data, Image.open(path)):
        with contextlib.suppress(OSError, ValueError):
            embedding.image_digest(source)
    for source in (path, data):
        with contextlib.suppress(OSError), embedding.open_image(source) as picture:
            picture.load()
"""
PILLOW_ALONE = """
import contextlib, sys
from PIL import Image
with contextlib.suppress(Exception):  # the stand-in does nothing
    Image.open(sys.argv[1]).load()
"""


@pytest.mark.skipif(os.name == "nt", reason="the stand-in is a shell script")
def test_no_room_starts_ghostscript(tmp_path, light_engine):
    stand_in = tmp_path / "bin" / "gs"
    stand_in.parent.mkdir()
    stand_in.write_text(GHOSTSCRIPT)
    stand_in.chmod(0o755)
    mark = stand_in.with_name("mark")
    paths = [str(tmp_path / name) for name in ("a.eps", "holiday.jpg", "noname")]
    for path in paths:
        Path(path).write_bytes(EPS)
    search = os.pathsep.join([str(stand_in.parent), os.environ["PATH"]])
    options = {"check": True, "env": os.environ | {"PATH": search}}
    subprocess.run([sys.executable, "-c", USES, *paths], **options)
    assert not mark.exists()
    # Without the list of formats the stand-in would have been found.
    subprocess.run([sys.executable, "-c", PILLOW_ALONE, *paths], **options)
    assert mark.exists()


def test_picture_that_was_opened_from_another_format_is_the_users_to_load(tmp_path):
    path = tmp_path / "a.fits"
    header = ["SIMPLE  =                    T", "BITPIX  =                    8"]
    header += ["NAXIS   =                    2", "NAXIS1  =                    4"]
    header += ["NAXIS2  =                    3", "END"]
    cards = "".join(card.ljust(80) for card in header).ljust(2880).encode()
    path.write_bytes(cards + bytes(range(12)) + bytes(2880 - 12))
    lazy = Image.open(path)
    for read in (decode_image, image_digest):
        with pytest.raises(ValueError, match=r"a file of FITS, .* call its load\(\)"):
            read(lazy)
    lazy.load()
    assert decode_image(lazy).size == (4, 3)
    assert len(image_digest(lazy)) == 16
    stub = io.BytesIO(b"BUFR" + bytes(60))
    assert "a file of BUFR" in why_unreadable(Image.open(stub))


def test_lazy_picture_of_a_format_that_is_read_is_read(tmp_path):
    Image.new("RGB", (5, 4), "red").save(tmp_path / "a.mpo", "MPO")
    lazy = Image.open(tmp_path / "a.mpo")
    assert decode_image(lazy).size == (5, 4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_pipe_without_a_writer_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    os.symlink(tmp_path / "a.jpg", tmp_path / "b.jpg")
    for name in ("a.jpg", "b.jpg"):
        for read in (decode_image, image_digest):
            with pytest.raises(OSError, match="a named pipe, not a regular file"):
                read(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_file_that_becomes_a_pipe_under_way_does_not_block(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / "a.jpg"
    path.write_bytes(b"content")
    look, swapped = os.stat, []

    def swap(name, *args, **options):
        found = look(name, *args, **options)
        if name == path and not swapped:
            swapped.append(name)
            path.unlink()
            path.symlink_to(tmp_path / "pipe")
        return found

    monkeypatch.setattr("sklearn_clip.embedding.images._opening.os.stat", swap)
    with pytest.raises(OSError, match="a named pipe"):
        decode_image(path)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no devices")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/tty"])
def test_device_is_not_read(device):
    if not Path(device).exists():
        pytest.skip("no such device here")
    for read in (decode_image, image_digest):
        with pytest.raises(OSError, match="a device, not a regular file"):
            read(device)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no sockets that are files")
def test_socket_is_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("a.jpg")
        assert "a socket, not a regular file" in why_unreadable("a.jpg")


HEADS = {
    "video": b"\0\0\0\x18ftypisom\0\0\0\0isom",
    "matroska": b"\x1a\x45\xdf\xa3",
    "nothing": b"",
    "words": b"once upon a time",
    "tiff": b"II*\0\x08\0\0\0",
    "bmp": b"BM",
    "jpeg and a hole": b"\xff\xd8\xff",
    "gif and a hole": b"GIF89a\x04\0\x04\0\0\0\0",
    "ppm and a hole": b"P6\n#",
    "xpm and a hole": b"/* XPM */",
}


@pytest.mark.parametrize("name", HEADS)
def test_huge_file_that_is_no_picture_is_not_read(name, tmp_path):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(HEADS[name])
    os.truncate(path, 3 * 2**30)  # takes no room on the disk
    if os.stat(path).st_size > 2**20 * 512 < getattr(os.stat(path), "st_blocks", 0):
        pytest.skip("this file system writes zeros out")
    tracemalloc.start()
    try:
        for read in (decode_image, image_digest):
            with pytest.raises(OSError, match="known format|no end|Unsupported"):
                read(path)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="counts reads of Linux")
@pytest.mark.parametrize("name", ["video", "matroska", "nothing", "words", "tiff"])
def test_huge_file_that_is_no_picture_costs_some_kilobytes(name, tmp_path):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(HEADS[name])
    os.truncate(path, 3 * 2**30)
    why_unreadable(path)

    def count():
        words = Path("/proc/self/io").read_text(encoding="utf-8").split()
        return int(words[words.index("rchar:") + 1])

    before = count()
    with pytest.raises(OSError, match="known format"):
        image_digest(path)
    assert why_unreadable(path) is not None
    assert count() - before < 2**18


def test_large_picture_is_hashed_in_parts(tmp_path):
    path = tmp_path / "a.bmp"
    Image.new("RGB", (4_000, 3_000)).save(path)  # 36 megabytes
    tracemalloc.start()
    try:
        digest = image_digest(path)
        assert tracemalloc.get_traced_memory()[1] < 2**23
    finally:
        tracemalloc.stop()
    assert digest == image_digest(path.read_bytes())


def test_file_in_use_is_closed_whatever_becomes_of_it(tmp_path):
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    Image.new("RGB", (5, 4)).save(paths[0])
    paths[1].write_bytes(b"%PDF-1.7")
    paths[2].write_bytes(paths[0].read_bytes()[:40])
    for path in paths:
        why_unreadable(path)
        path.unlink()  # fails on Windows where it is still open


@pytest.mark.parametrize("on_error", ["zero", "nan"])
def test_picture_that_lacks_memory_is_one_broken_row(on_error, monkeypatch):
    small, large = Image.new("RGB", (5, 4), "red"), Image.new("RGB", (7, 4), "red")
    convert = _decoding.to_rgb

    def to_rgb(picture, *args):
        if picture.width == 7:
            raise MemoryError
        return convert(picture, *args)

    monkeypatch.setattr(_decoding, "to_rgb", to_rgb)
    clip = CLIPFeaturizer("clipart-tiny", text=None, on_error=on_error, cache=None)
    with pytest.warns(UserWarning, match="row 1, .* more memory than there is"):
        features = clip.transform([small, large, small])
    assert [row for row, _, _ in clip.failed_rows_] == [1]
    assert np.array_equal(features[0], features[2])
    expected = [(1, large, "it needs more memory than there is")]
    assert clip.check_images([small, large, small]) == expected
    clip.set_params(on_error="raise")
    with pytest.raises(ImageDecodeError, match="row 1, .* more memory than there is"):
        clip.transform([small, large, small])


def test_file_that_lacks_memory_to_be_hashed_is_one_broken_row(tmp_path, monkeypatch):
    def read(source):
        raise MemoryError

    monkeypatch.setattr(_decoding, "_encoded_digest", read)
    clip = CLIPFeaturizer("clipart-tiny", text=None, on_error="nan", cache=None)
    with pytest.warns(UserWarning, match="row 0, .* more memory than there is"):
        assert np.isnan(clip.transform([b"some bytes"])).all()


def test_check_images_and_transform_refuse_the_same_rows(tmp_path):
    good = Image.new("RGB", (9, 8), "blue")
    good.save(tmp_path / "good.png")
    rows = [tmp_path / "good.png", good, tmp_path, "gone.png", b"a.png", EPS, b""]
    for name, head in HEADS.items():
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(head + bytes(100))
        rows += [path, path.read_bytes()]
    clip = CLIPFeaturizer("clipart-tiny", text=None, on_error="nan", cache=None)
    with pytest.warns(UserWarning, match="could not be read"):
        features = clip.transform(rows)
    assert clip.failed_rows_ == clip.check_images(rows)
    failed = [row for row, _, _ in clip.failed_rows_]
    assert np.flatnonzero(np.isnan(features).any(axis=1)).tolist() == failed
    assert failed == list(range(2, len(rows)))


def test_plot_of_a_file_that_is_no_picture_says_what_it_is():
    (shown,), _ = read_pictures([EPS], np.array([0]), "image", None, None)
    assert shown.startswith("(cannot be read: ") and "PostScript" in shown


def test_pictures_are_opened_in_one_place():
    folder = Path(sklearn_clip.__file__).parent
    places = {
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("Image.open", "PIL.Image.open")
    }
    assert places == {str(Path("embedding", "images", "_header_repair.py"))}
    callers = {
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*.py"))
        if "import open_picture" in path.read_text(encoding="utf-8")
    }
    assert callers == {str(Path("embedding", "images", "_opening.py"))}
