"""Pixels of other than 8 bits mean what their file or type states, or are refused."""

import io
import re
import zlib

import numpy as np
import pytest
from handmade import write_png, write_tiff
from PIL import Image
from saved_pictures import GREYS, encoded

from sklearn_clip.embedding import decode_image
from sklearn_clip.embedding.images import _bit_depth
from sklearn_clip.embedding.images._bit_depth import scale_values
from sklearn_clip.embedding.images._decoding import image_digest, why_unreadable

UNSIGNED, SIGNED, FLOAT = (3, (1,)), (3, (2,)), (3, (3,))


def grey_tiff(values, photometric=1, *, order="<", deflate=False, **tags):
    values = np.asarray(values)
    strip = values.astype(values.dtype.newbyteorder(order)).tobytes()
    if deflate:
        strip, tags = zlib.compress(strip), tags | {"t259": (3, (8,))}
    bits = [8 * values.dtype.itemsize]
    size = values.shape[::-1]
    return write_tiff([strip], size, bits, photometric, order=order, **tags)


def greys(source):
    found = np.asarray(decode_image(source))
    assert (found == found[..., :1]).all()
    return found[..., 0]


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("photometric", [0, 1, None])
def test_sixteen_bits_are_their_twin_of_eight_whatever_zero_means(photometric, deflate):
    deep = GREYS.astype(np.uint16) * 257
    given = {"deflate": deflate}
    data = grey_tiff(deep, photometric, **given)
    assert np.array_equal(greys(data), greys(grey_tiff(GREYS, photometric, **given)))
    expected = GREYS if photometric == 1 else 255 - GREYS
    assert np.array_equal(greys(data), expected)
    assert np.array_equal(greys(Image.open(io.BytesIO(data))), expected)


def test_what_zero_means_is_part_of_the_digest():
    deep = GREYS.astype(np.uint16) * 257
    files = [grey_tiff(deep, 0), grey_tiff(deep, 1)]
    pictures = [Image.open(io.BytesIO(data)) for data in files]
    assert image_digest(pictures[0]) != image_digest(pictures[1])
    assert image_digest(pictures[1]) == image_digest(Image.fromarray(deep))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_sixteen_bits_in_both_byte_orders(order, compression):
    deep = GREYS.astype(np.uint16) * 257
    assert np.array_equal(greys(grey_tiff(deep, order=order)), GREYS)
    mode = "I;16B" if order == ">" else "I;16"
    raw = deep.astype(f"{order}u2").tobytes()
    picture = Image.frombytes(mode, deep.shape[::-1], raw)
    assert np.array_equal(greys(picture), GREYS)
    if order == "<":
        data = encoded(picture, "TIFF", compression=compression)
        assert np.array_equal(greys(data), GREYS)


def test_twelve_bits_have_their_white_at_4095():
    rows = []
    for row in GREYS.astype(int) * 4095 // 255:
        bits = "".join(f"{value:012b}" for value in row)
        rows.append(int(bits, 2).to_bytes(len(bits) // 8, "big"))
    data = write_tiff([b"".join(rows)], GREYS.shape[::-1], [12], 1)
    assert np.abs(greys(data).astype(int) - GREYS).max() <= 1
    assert greys(data).max() == 255


@pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.int16, np.int8, np.float32])
@pytest.mark.parametrize("order", "<>")
def test_numbers_without_a_stated_range_are_refused(dtype, order):
    kind = {"u": UNSIGNED, "i": SIGNED, "f": FLOAT}[np.dtype(dtype).kind]
    data = grey_tiff(GREYS.astype(dtype), order=order, t339=kind)
    why = why_unreadable(data)
    if order == ">" and dtype == np.uint32:  # Pillow does not open them
        assert "it is not an image of a known format" in why
        return
    name = {"u": "integers", "i": "signed integers", "f": "floats"}
    bits = 8 * np.dtype(dtype).itemsize
    assert f"its pixels are {name[np.dtype(dtype).kind]} of {bits} bits" in why
    assert "scale them to 0..255 and give a uint8 array" in why
    assert len(why) < 250
    with pytest.raises(ValueError, match="range is not known"):
        image_digest(Image.open(io.BytesIO(data)))


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        (np.uint32, 0, 2**32 - 1),
        (np.uint32, 100, 1000),
        (np.uint16, 0, 4095),
        (np.int16, -1000, 1000),
        (np.int8, -128, 127),
        (np.int32, -5, 2**31 - 1),
        (np.float32, 0.0, 1.0),
        (np.float32, -1.0, 1.0),
    ],
)
def test_a_stated_range_is_black_to_white(dtype, low, high, photometric):
    values = low + GREYS.astype(float) / 255 * (high - low)
    kind = {"u": UNSIGNED, "i": SIGNED, "f": FLOAT}[np.dtype(dtype).kind]
    values = np.rint(values) if dtype != np.float32 else values
    stated = {"t340": (12, (float(low),)), "t341": (12, (float(high),))}
    data = grey_tiff(values.astype(dtype), photometric, t339=kind, **stated)
    found = greys(data)
    expected = GREYS if photometric else 255 - GREYS
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_older_tags_state_the_range_where_nothing_else_does():
    counts = GREYS.astype(np.uint32) * 1000
    data = grey_tiff(counts, t281=(4, (255_000,)))
    assert np.array_equal(greys(data), GREYS)
    # Of 16 bits they are statistics: white is 65535 without them.
    dark = GREYS.astype(np.uint16)
    data = grey_tiff(dark, t280=(3, (0,)), t281=(3, (255,)))
    assert greys(data).max() == 0


@pytest.mark.parametrize(
    "stated", [(12, (float("nan"),)), (12, (0.0,)), (2, b"white\0")]
)
def test_a_senseless_statement_is_none(stated):
    assert "range is not known" in why_unreadable(
        grey_tiff(GREYS.astype(np.uint32), t341=stated)
    )
    deep = GREYS.astype(np.uint16) * 257
    assert np.array_equal(greys(grey_tiff(deep, t341=stated)), GREYS)


def test_values_beyond_the_stated_range_are_black_and_white():
    values = np.array([[0, 99, 100, 150, 200, 201, 2**32 - 1]], np.uint32)
    stated = {"t340": (12, (100.0,)), "t341": (12, (200.0,))}
    assert greys(grey_tiff(values, **stated)).tolist() == [
        [0, 0, 0, 127, 255, 255, 255]
    ]


def test_nan_in_a_stated_range_is_refused():
    values = np.full((2, 3), np.nan, np.float32)
    stated = {"t340": (12, (0.0,)), "t341": (12, (1.0,)), "t339": FLOAT}
    assert "some of its pixels are NaN" in why_unreadable(grey_tiff(values, **stated))


@pytest.mark.parametrize("largest", [1, 255, 256, 65535, 70_000])
def test_integers_in_memory_are_refused_whatever_values_occur(largest):
    picture = Image.fromarray(np.array([[0, largest]], np.int32))
    why = why_unreadable(picture)
    assert re.search("integers of 32 bits.*give a uint8 array, or one of uint16", why)
    assert "its pixels are floats" in why_unreadable(picture.convert("F"))


@pytest.mark.parametrize("most", [1, 255, 256, 1023, 4095, 65535])
@pytest.mark.parametrize("plain", [False, True])
def test_pgm_has_its_white_at_its_largest_value(most, plain):
    values = np.rint(GREYS.astype(float) / 255 * most).astype(int)
    if plain:
        rows = "\n".join(" ".join(map(str, row)) for row in values)
        data = f"P2\n20 12\n{most}\n{rows}\n".encode()
    else:
        dtype = np.uint8 if most < 256 else ">u2"
        data = f"P5\n20 12\n{most}\n".encode() + values.astype(dtype).tobytes()
    expected = values / most * 255
    assert np.abs(greys(data) - expected).max() <= 1
    assert np.array_equal(greys(Image.open(io.BytesIO(data))), greys(data))


@pytest.mark.parametrize("form", ["PNG", "JPEG2000"])
def test_sixteen_bits_of_other_formats(form):
    deep = Image.fromarray(GREYS.astype(np.uint16) * 257)
    assert np.array_equal(greys(encoded(deep, form)), GREYS)


def test_sixteen_bits_of_sgi_keep_their_upper_byte():
    header = b"\x01\xda\0\2\0\2\0\x14\0\x0c\0\1".ljust(512, b"\0")
    rows = GREYS[::-1].astype(">u2") * 257
    data = header + rows.astype(">u2").tobytes()
    assert np.array_equal(greys(data), GREYS)


@pytest.mark.parametrize("bits", [16, 32, -32])
def test_measurements_of_astronomers_are_refused(bits):
    cards = [f"SIMPLE  = {'T':>20}", f"BITPIX  = {bits:>20}", f"NAXIS   = {2:>20}"]
    cards += [f"NAXIS1  = {20:>20}", f"NAXIS2  = {12:>20}", "END"]
    header = "".join(card.ljust(80) for card in cards).ljust(2880).encode()
    picture = Image.open(io.BytesIO(header + bytes(2880)))
    picture.load()
    assert "range is not known" in why_unreadable(picture)


def test_scaling_takes_the_floor_of_integers_in_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 65536, (37, 11)).astype(np.uint16)
    whole = scale_values(values, 0, 65535)
    assert np.array_equal(whole, values // 257)
    assert np.array_equal(scale_values(values, 65535, 0), (65535 - values) // 257)
    monkeypatch.setattr(_bit_depth, "_BLOCK", 25)
    assert np.array_equal(scale_values(values, 0, 65535), whole)


def planes(dtype, order="<"):
    stack = np.stack([GREYS, GREYS[::-1], 255 - GREYS]).astype(dtype)
    if stack.dtype.itemsize == 2:
        stack *= 257
    return [plane.astype(stack.dtype.newbyteorder(order)).tobytes() for plane in stack]


@pytest.mark.parametrize("order", "<>")
def test_planes_that_pillow_decodes_to_noise_are_refused(order):
    planar = {"t284": (3, (2,)), "order": order}
    size = GREYS.shape[::-1]
    deep = write_tiff(planes(np.uint16, order), size, [16] * 3, 2, **planar)
    assert "with uncompressed planes of 16 bits, which Pillow" in why_unreadable(deep)
    with pytest.raises(ValueError, match="read it with tifffile"):
        image_digest(Image.open(io.BytesIO(deep)))
    lab = write_tiff(planes(np.uint8), size, [8] * 3, 8, **planar)
    assert "with planes of L" in why_unreadable(lab)


def test_planes_of_grey_and_alpha_are_refused():
    strips = [zlib.compress(plane) for plane in planes(np.uint8)[:2]]
    tags = {"t284": (3, (2,)), "t338": (3, (2,)), "t259": (3, (8,))}
    data = write_tiff(strips, GREYS.shape[::-1], [8, 8], 1, **tags)
    assert "with a plane of alpha behind one of grey" in why_unreadable(data)


def test_subsampled_ycbcr_without_compression_is_refused():
    # Two by two pixels share their chroma: six bytes for four pixels.
    blocks = bytes([50, 60, 70, 80, 128, 200] * 60)
    data = write_tiff([blocks], GREYS.shape[::-1], [8] * 3, 6, t530=(3, (2, 2)))
    data += bytes(1000)  # enough for Pillow not to miss any
    assert "with subsampled, uncompressed YCbCr" in why_unreadable(data)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("dtype", "deflate"), [(np.uint8, False), (np.uint8, True), (np.uint16, True)]
)
def test_planes_that_pillow_decodes_right_are_taken(dtype, deflate, order):
    strips, tags = planes(dtype, order), {"t284": (3, (2,))}
    if deflate:
        strips, tags = list(map(zlib.compress, strips)), tags | {"t259": (3, (8,))}
    bits = [8 * np.dtype(dtype).itemsize] * 3
    data = write_tiff(strips, GREYS.shape[::-1], bits, 2, order=order, **tags)
    expected = np.dstack([GREYS, GREYS[::-1], 255 - GREYS])
    assert np.array_equal(np.asarray(decode_image(data)), expected)


@pytest.mark.parametrize("form", ["TIFF", "PNG"])
def test_colours_of_sixteen_bits_keep_their_upper_byte(form):
    colours = np.dstack([GREYS, GREYS[::-1], 255 - GREYS])
    if form == "TIFF":
        raw = (colours.astype("<u2") * 257).tobytes()
        data = write_tiff([raw], GREYS.shape[::-1], [16] * 3, 2)
    else:
        rows = [row.astype(">u2").tobytes() for row in colours.astype(np.uint16) * 257]
        data = write_png(rows, 20, 16, 2)
    assert np.array_equal(np.asarray(decode_image(data)), colours)
