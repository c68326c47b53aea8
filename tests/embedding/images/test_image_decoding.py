"""Every kind of picture equals its plain RGB twin."""

import io
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from saved_pictures import COLOURS, GREYS, encoded, pixels

from sklearn_clip.embedding import decode_image
from sklearn_clip.embedding.images import _pixels
from sklearn_clip.embedding.images._decoding import (
    image_digest,
)


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


def test_any_view_of_bytes_is_bytes():
    data = encoded(Image.fromarray(COLOURS), "PNG")
    spread = bytearray(2 * len(data))
    spread[::2] = data
    view = memoryview(spread)[::2]
    assert np.array_equal(pixels(view), COLOURS)
    assert image_digest(view) == image_digest(data)
