"""A picture is turned as its orientation asks, whatever else its metadata hold."""

import io
import struct

import numpy as np
import pytest
from handmade import write_exif, write_tiff
from PIL import Image
from saved_pictures import encoded

from sklearn_clip.embedding import decode_image
from sklearn_clip.embedding.images._decoding import image_digest, why_unreadable

SEED = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
STORED = np.kron(SEED, np.ones((8, 8, 1), np.uint8))
TURNED = np.rot90(STORED, -1)  # orientation 6: the stored row 0 is the right side
ORIENTATION, RIGHT = 0x0112, (3, (6,))
# Entries beside the orientation, whose value is not what their tag asks for.
BROKEN = {
    "rational that is a text": {0x011A: (2, b"72 dpi\0")},
    "rational that is negative": {0x011B: (9, (-3,))},
    "pointer that is negative": {0x8769: (9, (-5,))},
    "pointer beyond the end": {0x8769: (4, (2**31,))},
    "pointer that is a text": {0x8769: (2, b"here\0")},
    "pointer that is a float": {0x8825: (11, (-1.5,))},
    "GPS pointer that is negative": {0x8825: (9, (-1,))},
    "unit that is negative": {0x0128: (9, (-3,))},
    "unit that is too large": {0x0128: (4, (2**31,))},
    "unknown type": {0x011B: (99, b"\1\2\3\4")},
    "two at once": {0x011A: (2, b"72\0"), 0x8769: (9, (-5,))},
}
FORMS = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "MPO": {"quality": 95, "subsampling": 0},
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "TIFF, compressed": {},
}


def write(form, entries, pixels=STORED):
    height, width, _ = pixels.shape
    if form.startswith("TIFF"):
        tags = {f"t{tag}": entry for tag, entry in entries.items()}
        strip = pixels.tobytes()
        if form != "TIFF":  # another way through Pillow
            import zlib

            strip, tags = zlib.compress(strip), tags | {"t259": (3, (8,))}
        return write_tiff([strip], (width, height), [8, 8, 8], 2, **tags)
    file = io.BytesIO()
    options = dict(FORMS[form])
    if form == "MPO":
        second = Image.fromarray(pixels[::-1].copy())
        options |= {"save_all": True, "append_images": [second]}
    Image.fromarray(pixels).save(file, form, exif=write_exif(entries), **options)
    return file.getvalue()


def difference(source, expected):
    found = np.asarray(decode_image(source))
    assert found.shape == expected.shape
    return np.abs(found.astype(int) - expected).mean()


@pytest.mark.filterwarnings("ignore")  # of Pillow's, about what is broken
@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("form", FORMS)
def test_orientation_counts_beside_a_broken_entry(form, name):
    data = write(form, {ORIENTATION: RIGHT} | BROKEN[name])
    assert why_unreadable(data) is None
    assert difference(data, TURNED) < 3
    picture = Image.open(io.BytesIO(data))
    assert len(image_digest(picture)) == 16
    assert difference(picture, TURNED) < 3
    assert difference(Image.open(io.BytesIO(data)), TURNED) < 3


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "value",
    [(3, (0,)), (3, (9,)), (8, (-6,)), (2, b"left\0\0"), (3, ()), (11, (2.5,))],
)
def test_orientation_that_is_no_number_from_1_to_8_is_none(form, value):
    data = write(form, {ORIENTATION: value})
    assert difference(data, STORED) < 3
    assert difference(Image.open(io.BytesIO(data)), STORED) < 3


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("value", [(3, (6,)), (4, (6,)), (11, (6.0,))])
def test_orientation_counts_in_any_type_of_number(form, value):
    assert difference(write(form, {ORIENTATION: value}), TURNED) < 3


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "block",
    [
        b"Exif\0\0neither II nor MM",
        b"Exif\0\0II*\0",
        b"Exif\0\0II*\0" + struct.pack("<I", 2**31),
        write_exif({ORIENTATION: RIGHT})[:18],
        b"Exif\0\0",
    ],
)
def test_block_that_cannot_be_read_turns_nothing(form, block):
    data = encoded(Image.fromarray(STORED), form, exif=block, **FORMS[form])
    assert difference(data, STORED) < 3
    picture = Image.open(io.BytesIO(data))
    assert image_digest(picture) == image_digest(picture)
    assert difference(picture, STORED) < 3


def test_orientation_set_on_a_picture_in_memory_counts():
    picture = Image.fromarray(STORED)
    before = image_digest(picture)
    picture.getexif()[ORIENTATION] = 6
    picture.getexif()[0x8769] = "no pointer"
    assert difference(picture, TURNED) == 0
    assert image_digest(picture) != before
    assert picture.getexif()[0x8769] == "no pointer"  # the picture is the user's


def test_orientation_of_a_picture_in_memory_is_part_of_its_digest():
    digests = set()
    for orientation in (1, 2, 6, 77, "6"):
        picture = Image.fromarray(STORED)
        picture.getexif()[ORIENTATION] = orientation
        digests.add(image_digest(picture))
    assert len(digests) == 3  # what counts for nothing makes no other picture


def test_xmp_turns_a_png_without_exif():
    from PIL.PngImagePlugin import PngInfo

    words = '<x xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    notes = PngInfo()
    notes.add_itxt("XML:com.adobe.xmp", words)
    for exif, expected in (
        (b"", TURNED),
        (write_exif({ORIENTATION: (3, (1,))}), STORED),
    ):
        data = encoded(Image.fromarray(STORED), "PNG", pnginfo=notes, exif=exif)
        assert difference(data, expected) == 0


def test_xmp_of_a_tiff_that_is_no_text_breaks_nothing():
    data = write("TIFF", {ORIENTATION: RIGHT, 700: (3, (1, 2, 3))})
    assert difference(data, TURNED) == 0
    assert difference(Image.open(io.BytesIO(data)), TURNED) == 0


@pytest.mark.parametrize("form", ["TIFF, compressed", "TIFF"])
def test_truncated_tiff_with_a_broken_entry_is_still_unreadable(form):
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = bytearray(write(form, {0x8769: (9, (-5,))}, noise))
    assert why_unreadable(bytes(data)) is None
    place = struct.unpack_from("<I", data, 4)[0]
    cut = data[:4096] + data[place:]
    struct.pack_into("<I", cut, 4, 4096)
    # Values behind the directory have moved with it.
    shift = place - 4096
    for number in range(struct.unpack_from("<H", cut, 4096)[0]):
        entry = 4096 + 2 + 12 * number
        tag, _, count = struct.unpack_from("<HHI", cut, entry)
        if tag == 258 or (count > 2 and tag in (273, 279)):
            (where,) = struct.unpack_from("<I", cut, entry + 8)
            struct.pack_into("<I", cut, entry + 8, where - shift)
    assert why_unreadable(bytes(cut)) is not None


@pytest.mark.parametrize("kind", ["I;16", "LA", "P", "1"])
def test_pictures_of_other_modes_are_turned_too(kind):
    grey = np.asarray(Image.fromarray(STORED).convert("L"))
    picture = Image.fromarray(grey)
    if kind == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
    elif kind != "P":
        picture = picture.convert(kind)
    file = io.BytesIO()
    picture.save(
        file, "PNG", exif=write_exif({ORIENTATION: RIGHT} | BROKEN["two at once"])
    )
    expected = np.rot90(np.asarray(picture.convert("RGB")), -1)
    if kind == "I;16":
        expected = np.rot90(np.dstack([grey] * 3), -1)
    assert difference(file.getvalue(), expected) == 0
