"""Digests of pictures: by content, whatever form it is given in."""

import contextlib
import io
import os
import time
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image, ImageFile
from saved_pictures import COLOURS, GREYS, encoded

from sklearn_clip.embedding.images import _decoding, _pixels
from sklearn_clip.embedding.images._decoding import (
    image_digest,
    resolve_path,
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_child_forked_while_a_picture_is_read_can_read_pictures():
    picture = Image.fromarray(COLOURS)
    with contextlib.ExitStack() as held:
        for lock in [*_decoding._picture_locks, _pixels._large_lock]:
            held.enter_context(lock)
        child = get_context("fork").Process(target=image_digest, args=(picture,))
        child.start()
        child.join(20)
    assert child.exitcode == 0


def test_orientation_is_part_of_the_digest_of_a_pil_image():
    exif = Image.Exif()
    exif[0x0112] = 3
    data = encoded(Image.fromarray(COLOURS), "PNG", exif=exif)
    turned = Image.open(io.BytesIO(data))
    assert image_digest(turned) != image_digest(Image.fromarray(COLOURS))


def test_every_way_to_give_a_file_shares_one_digest(tmp_path):
    data = encoded(Image.fromarray(COLOURS), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    (tmp_path / "copy of a.png").write_bytes(data)
    digests = {
        image_digest(data),
        image_digest(tmp_path / "a.png"),
        image_digest(str(tmp_path / "copy of a.png")),
        image_digest("a.png", tmp_path),
        image_digest(Path("a.png"), str(tmp_path)),
        image_digest(os.fsencode(tmp_path / "a.png").decode()),
    }
    assert len(digests) == 1
    assert len(digests.pop()) == 16


def test_digests_of_different_pictures_differ():
    palette = Image.new("P", (4, 2), 1)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    other = palette.copy()
    other.putpalette([255, 0, 0, 0, 255, 0])
    clear = palette.copy()
    clear.info["transparency"] = 1
    sources = [
        COLOURS,
        COLOURS.reshape(20, 12, 3),
        GREYS,
        Image.fromarray(COLOURS),
        Image.fromarray(COLOURS[::-1]),
        Image.fromarray(GREYS),
        palette,
        other,
        clear,
    ]
    assert len({image_digest(source) for source in sources}) == len(sources)


def test_view_of_an_array_has_the_digest_of_its_copy():
    view = COLOURS[:, ::2]
    assert image_digest(view) == image_digest(view.copy())


def test_digest_of_a_changed_file_is_that_of_its_content(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    before = image_digest(path)
    path.write_bytes(b"three")
    assert image_digest(path) == image_digest(b"three") != before
    os.utime(path, ns=(1, 1))
    path.write_bytes(b"seven")
    assert image_digest(path) == image_digest(b"seven")


def test_unchanged_file_is_opened_once(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"content")
    opened = []
    opening = open

    def count(file, *args, **options):
        opened.append(file)
        return opening(file, *args, **options)

    monkeypatch.setattr("builtins.open", count)
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 60 * 10**9)
    assert image_digest(path) == image_digest(str(path))
    assert opened == [path]


def test_file_rewritten_within_a_step_of_the_clock_is_read_again(tmp_path, monkeypatch):
    path, look = tmp_path / "a.bmp", Path.stat
    now = time.time_ns() // 10**9 * 10**9

    def look_coarsely(self, **options):
        found = look(self, **options)
        sizes = {
            name: getattr(found, name) for name in ("st_mode", "st_size", "st_ino")
        }
        return SimpleNamespace(**sizes, st_mtime_ns=now, st_ctime_ns=now)

    monkeypatch.setattr(Path, "stat", look_coarsely)
    path.write_bytes(b"red")
    assert image_digest(path) == image_digest(b"red")
    path.write_bytes(b"sea")
    assert image_digest(path) == image_digest(b"sea")


def test_what_is_made_of_a_truncated_file_has_a_digest_of_its_own(
    tmp_path, monkeypatch
):
    data = encoded(Image.fromarray(COLOURS), "PNG")[:-40]
    (tmp_path / "a.png").write_bytes(data)
    strict = image_digest(data), image_digest(tmp_path / "a.png")
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    lenient = image_digest(data), image_digest(tmp_path / "a.png")
    assert strict[0] == strict[1] != lenient[0] == lenient[1]


def test_absolute_path_needs_no_root(tmp_path):
    assert resolve_path(str(tmp_path / "a.png"), "/elsewhere") == tmp_path / "a.png"
    assert resolve_path(b"a.png", "root") == Path("root/a.png")
