"""What is no picture, or cannot be read, is explained."""

import base64
import io
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile
from saved_pictures import COLOURS, GREYS, encoded

from sklearn_clip.embedding import decode_image, describe_image
from sklearn_clip.embedding.images._decoding import (
    image_digest,
    why_unreadable,
)


@pytest.mark.parametrize(
    "url",
    [
        "http://x.org/a.png",
        "HTTPS://x.org/a",
        "s3://b/k",
        "file:///a",
        "data:image/png",
    ],
)
def test_urls_are_refused(url):
    with pytest.raises(
        ValueError, match="it is a URL, and sklearn-clip fetches nothing"
    ):
        decode_image(url)
    with pytest.raises(ValueError, match="it is a URL"):
        image_digest(url)


@pytest.mark.parametrize("name", ["a.heic", "b.HEIF", "with 'quotes'.heic"])
def test_pictures_of_telephones_are_told_what_reads_them(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\0\0\0\x18ftypheic")
    for source in (path, str(path), path.read_bytes()):
        assert "known format (Pillow reads HEIC after" in why_unreadable(source)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (encoded(Image.fromarray(COLOURS), "PNG")[:60], "truncated|broken"),
        (b"", "not an image of a known format"),
        (b"just some words", "not an image of a known format"),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "not an image of a known format",
        ),
        (COLOURS.astype(float), "uint8.*got float64"),
        (GREYS > 3, "uint8.*got bool"),
        (COLOURS[..., :2], r"got \(12, 20, 2\)"),
        (COLOURS[:0], r"got \(0, 20, 3\)"),
        (Image.new("F", (2, 2)), "its pixels are floats"),
        (Image.new("RGB", (0, 5)), "it has no pixels"),
        (object(), "an image must be a path, .* got object$"),
        (io.BytesIO(b"abc"), r"got BytesIO: give its content, x\.read\(\)$"),
        ({"bytes": b"abc", "path": None}, r"got dict: give x\['bytes'\]$"),
        (["a.png"], "got list$"),
        ("x" * 5000, "^the path is too long: it has 5000 characters$"),
        ("y" * 300 + ".png", "^the path is too long: it has 304 characters$"),
        (
            base64.b64encode(encoded(Image.fromarray(COLOURS), "PNG")).decode(),
            "^it is base64 text, not a path: give base64.b64decode of it$",
        ),
        (
            base64.b64encode(encoded(Image.fromarray(COLOURS), "JPEG")).decode(),
            "^it is base64 text, not a path",
        ),
        (Path(__file__) / "a.png", "^a part of the path is a file, not a folder$"),
        (b'{"error": "gone"}', r"""a text that begins '\{"error": "gone"\}'"""),
        ("caf\u00e9 ".encode() * 2000, "a text that begins 'caf\u00e9"),
        (b"\x7fELF" + bytes(99), "known format$"),
        (
            "no/such/file.png",
            "^the file does not exist, nor does its folder 'no/such'$",
        ),
        ("no-such-file.png", "^the file does not exist$"),
        (".", "it is a folder, not an image file"),
        ("a\0b.png", "null (byte|character)"),
    ],
)
def test_unreadable_images_are_explained(source, reason):
    why = why_unreadable(source)
    assert why is not None and re.search(reason, why), why


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("caf\u00e9.png", "cafe\u0301.png"),
        ("cafe\u0301.png", "caf\u00e9.png"),
        (r"cat\1.png", "cat/1.png"),
        ("my%20photo.png", "my photo.png"),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("as_root", [False, True])
def test_a_file_in_another_spelling_is_named(tmp_path, name, file, as_root):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    Image.new("RGB", (4, 3)).save(tmp_path / file)
    if (tmp_path / name).is_file():
        pytest.skip("this system takes both spellings for one file")
    source, root = (name, tmp_path) if as_root else (tmp_path / name, None)
    reason = why_unreadable(source, root)
    other = ascii(str(tmp_path / file))
    assert reason == f"the file does not exist (there is {other}, in another spelling)"
    with pytest.raises(FileNotFoundError):
        image_digest(source, root)


def test_a_root_that_is_not_there_is_named(tmp_path):
    root = tmp_path / "moved"
    reason = why_unreadable("a.png", root)
    assert reason == f"the file does not exist, nor does its folder {str(root)!r}"
    root.mkdir()
    assert why_unreadable("a.png", root) == "the file does not exist"


@pytest.mark.parametrize("pattern", ["~/a.png", "{0} ", " {0}", '"{0}"', "'{0}'"])
def test_a_file_is_named_that_is_there_without_signs_around_it(
    tmp_path, monkeypatch, pattern
):
    for home in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(home, str(tmp_path))
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 3)).save(path)
    reason = why_unreadable(pattern.format(path))
    assert f"there is {ascii(str(path))}, in another spelling" in reason


def test_a_loop_of_links_is_told_without_the_number_of_an_error(tmp_path):
    path = tmp_path / "a.png"
    try:
        path.symlink_to("a.png")
    except (OSError, NotImplementedError):
        pytest.skip("this system makes no links")
    reason = why_unreadable(path)
    assert "Errno" not in reason and str(path) not in reason and len(reason) < 80


@pytest.mark.parametrize("share", [0.01, 0.5])
@pytest.mark.parametrize("form", ["WEBP", "AVIF"])
def test_damaged_file_of_a_format_that_is_read_is_said_to_be_so(form, share):
    """Of AVIF the way out was a newer Pillow, of WebP a word of its decoder."""
    if f".{form.lower()}" not in Image.registered_extensions():
        pytest.skip(f"this Pillow has no {form}")
    data = encoded(Image.fromarray(COLOURS).resize((200, 200)), form)
    reason = why_unreadable(data[: max(40, int(share * len(data)))])
    assert form in reason.upper() and "damaged" in reason


def test_truncated_jpeg_is_unreadable(tmp_path):
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encoded(noise, "JPEG")
    assert why_unreadable(data) is None
    assert "truncated" in why_unreadable(data[: len(data) // 2])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_bomb_is_unreadable_and_names_the_limit(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    why = why_unreadable(encoded(Image.fromarray(COLOURS), "PNG"))
    assert "PIL.Image.MAX_IMAGE_PIXELS sets the limit" in why


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read any file"
)
def test_file_without_permission_is_unreadable(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.fromarray(COLOURS), "PNG"))
    path.chmod(0)
    assert why_unreadable(path) == "no permission to read the file"


def test_refusal_of_the_system_is_explained(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "a.png"
    path.write_bytes(encoded(Image.fromarray(COLOURS), "PNG"))
    monkeypatch.setattr("builtins.open", refuse)
    assert why_unreadable(path) == "no permission to read the file"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("a.png", "'a.png'"),
        (Path("b/c.png"), repr(os.path.join("b", "c.png"))),
        (b"1234", "<4 bytes>"),
        (GREYS, "<array of shape (12, 20), uint8>"),
        (Image.new("L", (2, 2)), "<Image>"),
        ("a" * 99 + "/" + "b" * 900, f"'{'a' * 95}...{'b' * 95}'"),
    ],
)
def test_images_are_named_shortly(source, name):
    assert describe_image(source) == name
