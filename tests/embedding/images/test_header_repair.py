"""Pictures that Pillow opens only once some bytes, none of a pixel, are changed."""

import io
import struct
import zlib

import numpy as np
import pytest
from handmade import write_exif, write_tiff
from PIL import Image
from saved_pictures import GREYS, encoded, pixels

from sklearn_clip.embedding.images._decoding import why_unreadable

STATED = {"t340": (12, (0.0,)), "t341": (12, (255.0,))}


def inverse(order, dtype, *, deflate=False, **tags):
    values = GREYS.astype(np.dtype(dtype).newbyteorder(order))
    if dtype == np.uint16:
        values *= 257
    strip = values.tobytes()
    if deflate:
        strip, tags = zlib.compress(strip), tags | {"t259": (3, (8,))}
    bits = [8 * values.dtype.itemsize]
    return write_tiff([strip], (20, 12), bits, 0, order=order, **tags)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("deflate", [False, True])
def test_sixteen_bits_where_zero_is_white_in_both_byte_orders(order, deflate, tmp_path):
    data = inverse(order, np.uint16, deflate=deflate)
    expected = 255 - np.dstack([GREYS] * 3)
    assert np.array_equal(pixels(data), expected)
    (tmp_path / "a.tif").write_bytes(data)
    assert np.array_equal(pixels(tmp_path / "a.tif"), expected)
    turned = inverse(order, np.uint16, t274=(3, (6,)))
    assert np.array_equal(pixels(turned), np.rot90(expected, -1))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("dtype", "kind"), [(np.int16, 2), (np.int32, 2)])
def test_other_numbers_where_zero_is_white(order, dtype, kind):
    data = inverse(order, dtype, t339=(3, (kind,)), **STATED)
    assert np.array_equal(pixels(data), 255 - np.dstack([GREYS] * 3))
    unstated = inverse(order, dtype, t339=(3, (kind,)))
    assert "signed integers" in why_unreadable(unstated)


def test_grey_and_alpha_where_zero_is_white_is_no_picture_for_pillow():
    raw = np.dstack([GREYS, GREYS]).tobytes()
    data = write_tiff([raw], (20, 12), [8, 8], 0, t338=(3, (2,)))
    assert "not an image of a known format" in why_unreadable(data)


@pytest.mark.filterwarnings("ignore")  # of Pillow's, about what is missing
@pytest.mark.parametrize("cut", [4, 8, 9, 100, 500])
def test_damaged_files_are_refused_as_before(cut):
    data = inverse(">", np.uint16)
    assert "not an image of a known format" in why_unreadable(data[:cut])
    where = struct.pack(">I", 2**31)
    assert why_unreadable(data[:4] + where + data[8:]) is not None


@pytest.mark.filterwarnings("ignore")  # of Pillow's, about what is broken
@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
@pytest.mark.parametrize(
    "value", [(2, b"72 dpi\0"), (2, b"72\0"), (1, b"\7"), (7, b"7777")]
)
def test_resolution_in_a_unit_that_is_no_number_breaks_nothing(form, value):
    stored = np.dstack([GREYS] * 3)
    entries = {274: (3, (6,)), 282: value, 283: value, 296: (3, (3,))}
    if form == "TIFF":
        tags = {f"t{tag}": entry for tag, entry in entries.items()}
        data = write_tiff([stored.tobytes()], (20, 12), [8] * 3, 2, **tags)
    else:
        data = encoded(
            Image.fromarray(stored), form, exif=write_exif(entries), quality=95
        )
    found = pixels(data)
    assert found.shape == (20, 12, 3)
    assert np.abs(found.astype(int) - np.rot90(stored, -1)).mean() < 3


@pytest.mark.skipif(
    ".avif" not in Image.registered_extensions(), reason="this Pillow has no AVIF"
)
@pytest.mark.filterwarnings("ignore")  # of Pillow's, about what is broken
@pytest.mark.parametrize(
    ("tag", "kind", "value"),
    [
        (0x011A, 2, b"72\0\0"),
        (0x0128, 9, struct.pack("<i", -3)),
        (0x8769, 9, struct.pack("<i", -5)),
        (0x8825, 9, struct.pack("<i", -1)),
    ],
)
@pytest.mark.parametrize("turned", [True, False])
def test_avif_is_turned_whatever_its_exif_holds(tag, kind, value, turned):
    seed = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    stored = np.kron(seed, np.ones((8, 8, 1), np.uint8))
    entries = {0x0112: (3, (6 if turned else 1,)), tag: (4, (1,))}
    if tag in (0x8769, 0x8825):
        entries[tag] = (4, (8 + 2 + 24 + 4,))
    file = io.BytesIO()
    options = {"quality": 100, "subsampling": "4:4:4"}
    Image.fromarray(stored).save(file, "AVIF", exif=write_exif(entries), **options)
    data = bytearray(file.getvalue())
    header = data.find(b"II*\0")
    assert header > 0
    (count,) = struct.unpack_from("<H", data, header + 8)
    for entry in range(header + 10, header + 10 + 12 * count, 12):
        if struct.unpack_from("<H", data, entry)[0] == tag:
            break
    count = len(value) if kind == 2 else 1
    struct.pack_into("<HHI4s", data, entry, tag, kind, count, value)
    expected = np.rot90(stored, -1) if turned else stored
    found = pixels(bytes(data))
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 5
