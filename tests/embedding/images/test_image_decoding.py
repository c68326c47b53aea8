"""Every kind of picture equals its plain RGB twin; broken ones are explained."""

import base64
import contextlib
import io
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from sklearn_clip.embedding import decode_image, describe_image
from sklearn_clip.embedding.images import _decoding, _pixels
from sklearn_clip.embedding.images._decoding import (
    image_digest,
    resolve_path,
    why_unreadable,
)

GREYS = np.linspace(0, 255, 20 * 12).astype(np.uint8).reshape(12, 20)
COLOURS = np.stack([GREYS, GREYS.T.reshape(12, 20), 255 - GREYS], axis=2)


def encoded(picture, form, **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def pixels(source, root=None):
    picture = decode_image(source, root)
    assert picture.mode == "RGB"
    return np.asarray(picture)


def test_plain_pictures_keep_their_pixels():
    plain = Image.fromarray(COLOURS)
    for source in (plain, COLOURS, encoded(plain, "PNG"), encoded(plain, "BMP")):
        assert np.array_equal(pixels(source), COLOURS)


def test_memoryview_and_bytearray_are_bytes():
    data = encoded(Image.fromarray(COLOURS), "PNG")
    for source in (bytearray(data), memoryview(data)):
        assert np.array_equal(pixels(source), COLOURS)
        assert image_digest(source) == image_digest(data)


def over_white(colours, alpha):
    part = alpha[..., None] / 255
    return colours * part + 255 * (1 - part)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", None])
def test_alpha_is_composed_over_white(form):
    alpha = np.where(GREYS > 128, 255, GREYS).astype(np.uint8)
    source = Image.fromarray(np.dstack([COLOURS, alpha]))
    if form is not None:
        options = {"lossless": True, "exact": True} if form == "WEBP" else {}
        source = encoded(source, form, **options)
    assert np.abs(pixels(source) - over_white(COLOURS, alpha)).max() <= 1


def test_array_of_four_channels_is_composed_over_white():
    source = np.dstack([COLOURS, np.zeros_like(GREYS)])
    assert (pixels(source) == 255).all()


def test_grey_with_alpha_is_composed_over_white():
    alpha = GREYS[::-1].copy()
    source = Image.merge("LA", [Image.fromarray(GREYS), Image.fromarray(alpha)])
    expected = over_white(np.dstack([GREYS] * 3), alpha)
    assert np.abs(pixels(encoded(source, "PNG")) - expected).max() <= 1


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_transparent_palette_colour_is_white(form):
    source = Image.new("P", (4, 2), 1)
    source.putpalette([255, 0, 0, 0, 0, 255])
    source.putpixel((0, 0), 0)
    opaque = pixels(encoded(source, form))
    assert (opaque[0, 0] == [255, 0, 0]).all() and (opaque[1, 1] == [0, 0, 255]).all()
    shown = pixels(encoded(source, form, transparency=0))
    assert (shown[0, 0] == 255).all() and (shown[1, 1] == [0, 0, 255]).all()


def test_transparent_colour_of_an_rgb_png_is_white():
    source = Image.new("RGB", (4, 2), (1, 2, 3))
    source.putpixel((0, 0), (9, 9, 9))
    shown = pixels(encoded(source, "PNG", transparency=(1, 2, 3)))
    assert (shown[1, 1] == 255).all() and (shown[0, 0] == 9).all()


def test_sixteen_bit_grey_equals_its_eight_bit_twin():
    deep = GREYS.astype(np.uint16) * 257
    expected = np.dstack([GREYS] * 3)
    assert np.array_equal(pixels(encoded(Image.fromarray(deep), "PNG")), expected)
    assert np.array_equal(pixels(encoded(Image.fromarray(deep), "TIFF")), expected)


@pytest.mark.parametrize(("mode", "premultiplied"), [("RGBA", "RGBa"), ("LA", "La")])
def test_premultiplied_pictures_equal_their_plain_twins(mode, premultiplied):
    alpha = np.where(GREYS > 128, 255, 100).astype(np.uint8)
    plain = Image.fromarray(np.dstack([COLOURS, alpha])).convert(mode)
    found = pixels(plain.convert(premultiplied)).astype(int)
    assert np.abs(found - pixels(plain)).max() <= 3


def test_large_pictures_are_decoded_one_at_a_time(monkeypatch):
    monkeypatch.setattr(_pixels, "_LARGE", 100)
    at_once, most = [], []
    compose = _pixels._compose

    def watched(picture):
        at_once.append(1)
        most.append(len(at_once))
        time.sleep(0.01)
        at_once.pop()
        return compose(picture)

    monkeypatch.setattr(_pixels, "_compose", watched)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode_image, [COLOURS] * 16))
    assert len(most) == 16 and max(most) == 1


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


def test_large_picture_is_reduced_to_what_the_model_needs(monkeypatch):
    monkeypatch.setattr(_pixels, "_LARGE", 100)
    large = Image.fromarray(COLOURS).resize((200, 120))
    small = decode_image(large, draft_side=30)
    assert small.size == (50, 30) and decode_image(large).size == (200, 120)
    means = [np.asarray(picture).mean((0, 1)) for picture in (small, large)]
    np.testing.assert_allclose(*means, atol=1)


def test_grey_and_one_bit_pictures_repeat_the_channel():
    expected = np.dstack([GREYS] * 3)
    assert np.array_equal(pixels(GREYS), expected)
    assert np.array_equal(pixels(encoded(Image.fromarray(GREYS), "PNG")), expected)
    bits = Image.fromarray(GREYS > 100)
    assert bits.mode == "1"
    assert np.array_equal(
        pixels(encoded(bits, "PNG")), 255 * np.dstack([GREYS > 100] * 3)
    )


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB"])
def test_other_colour_spaces_give_about_the_same_colours(mode):
    plain = Image.new("RGB", (8, 8), (200, 40, 90))
    if mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        source = ImageCms.profileToProfile(plain, *profiles, outputMode="LAB")
    else:
        source = plain.convert(mode)
    assert source.mode == mode
    assert np.abs(pixels(source).astype(int) - (200, 40, 90)).max() <= 6


def test_cmyk_jpeg_gives_about_the_same_colours():
    source = Image.new("RGB", (16, 16), (200, 40, 90)).convert("CMYK")
    data = encoded(source, "JPEG", quality=95)
    assert np.abs(pixels(data).astype(int) - (200, 40, 90)).max() <= 8


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_first_frame_of_an_animation_is_taken(form):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "lime")]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert Image.open(io.BytesIO(data)).n_frames == 3
    assert np.array_equal(pixels(data), pixels(frames[0]))


def test_open_animation_shows_the_frame_it_is_at():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    picture = Image.open(io.BytesIO(data))
    first = image_digest(picture)
    picture.seek(1)
    assert image_digest(picture) != first
    assert np.array_equal(pixels(picture), pixels(frames[1]))
    assert picture.tell() == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture(orientation):
    upright = Image.fromarray(COLOURS)
    # How the sensor's rows lie when the camera notes this orientation.
    undo = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }
    stored = upright
    for step in undo.get(orientation, []):
        stored = stored.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, "PNG", exif=exif)
    assert np.array_equal(pixels(data), COLOURS)
    assert np.array_equal(pixels(Image.open(io.BytesIO(data))), COLOURS)


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
    assert image_digest(path) == image_digest(str(path))
    assert opened == [path]


def test_absolute_path_needs_no_root(tmp_path):
    assert resolve_path(str(tmp_path / "a.png"), "/elsewhere") == tmp_path / "a.png"
    assert resolve_path(b"a.png", "root") == Path("root/a.png")


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
        ("no/such/file.png", "the file does not exist"),
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


def test_any_view_of_bytes_is_bytes():
    data = encoded(Image.fromarray(COLOURS), "PNG")
    spread = bytearray(2 * len(data))
    spread[::2] = data
    view = memoryview(spread)[::2]
    assert np.array_equal(pixels(view), COLOURS)
    assert image_digest(view) == image_digest(data)


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
