"""Every row of the guide's table of pixels does what it says."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from handmade import write_exif, write_png, write_tiff
from PIL import Image
from saved_pictures import GREYS, encoded

from sklearn_clip.embedding import decode_image
from sklearn_clip.embedding.images._decoding import why_unreadable

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "rows.md"
COLOURS = np.dstack([GREYS, GREYS[::-1], 255 - GREYS])
DEEP = GREYS.astype(np.uint16) * 257
SIZE = (20, 12)
STATED = {"t340": (12, (0.0,)), "t341": (12, (255.0,))}
PLANAR = {"t284": (3, (2,))}


def tiff(values, photometric=1, **tags):
    bits = [8 * values.dtype.itemsize] * (1 if values.ndim == 2 else values.shape[2])
    return write_tiff([values.tobytes()], SIZE, bits, photometric, **tags)


def opaque(pixels):
    return np.dstack([pixels, np.full((12, 20), 255, np.uint8)])


def turned(entries, form="PNG"):
    return encoded(Image.fromarray(COLOURS), form, exif=write_exif(entries))


def twelve_bits():
    rows = []
    for row in GREYS.astype(int) * 4095 // 255:
        bits = "".join(f"{value:012b}" for value in row)
        rows.append(int(bits, 2).to_bytes(len(bits) // 8, "big"))
    return write_tiff([b"".join(rows)], SIZE, [12], 1)


def gif():
    clear = Image.new("P", SIZE, 0)
    clear.putpalette([9, 9, 9, 250, 0, 0])
    data = bytearray(encoded(clear, "GIF"))
    data[6:10] = (40).to_bytes(2, "little") + (12).to_bytes(2, "little")
    return bytes(data)


BROKEN, SENSELESS = {0x0112: (3, (6,)), 0x8769: (9, (-5,))}, {0x0112: (3, (77,))}
# First column of the table -> images, with what they look like where that is one thing.
SAMPLES = {
    r"8 bits: grey, RGB, CMYK, YCbCr, L\*a\*b\*": [
        (encoded(Image.fromarray(GREYS), "PNG"), GREYS),
        (encoded(Image.fromarray(COLOURS), "PNG"), COLOURS),
        (encoded(Image.fromarray(COLOURS).convert("CMYK"), "TIFF"), COLOURS),
        (Image.fromarray(COLOURS).convert("YCbCr"), COLOURS),
        (tiff(np.dstack([GREYS, 0 * GREYS, 0 * GREYS]), 8), None),
    ],
    "grey of 1, 2 or 4 bits, palettes": [
        (
            write_png([b"\x1b", b"\xe4"], 4, 2, 0),
            [[0, 85, 170, 255], [255, 170, 85, 0]],
        ),
        (write_png([b"\x0f"], 2, 4, 0), [[0, 255]]),
        (write_png([b"\x40"], 2, 1, 0), [[0, 255]]),
        (encoded(Image.fromarray(GREYS).convert("P"), "PNG"), GREYS),
    ],
    "an alpha channel, premultiplied or not, a palette with alpha": [
        (opaque(COLOURS), COLOURS),
        (tiff(opaque(COLOURS), 2, t338=(3, (1,))), COLOURS),
        (write_png([b"\0"], 1, 8, 3, palette=b"\1\2\3", transparent=b"\0"), [[255]]),
    ],
    "one transparent colour, of any depth": [
        (write_png([b"\x0f"], 2, 4, 0, transparent=b"\0\0"), [[255, 255]]),
        (write_png([b"\0\1\0\2"], 2, 16, 0, transparent=b"\0\1"), [[255, 0]]),
    ],
    "the page around the first frame of a GIF": [
        (gif(), np.hstack([np.full((12, 20), 9), np.full((12, 20), 255)])),
    ],
    "EXIF orientation from 1 to 8, whatever else stands in the block": [
        (turned(BROKEN), np.rot90(COLOURS, -1)),
    ],
    "EXIF orientation of another value, a block that cannot be read": [
        (turned(SENSELESS), COLOURS),
        (encoded(Image.fromarray(COLOURS), "PNG", exif=b"Exif\0\0nothing"), COLOURS),
    ],
    "16 bits: grey, RGB, PIL images of a mode `I;16`": [
        (encoded(Image.fromarray(DEEP), "PNG"), GREYS),
        (tiff(COLOURS.astype(np.uint16) * 257, 2), COLOURS),
        (Image.fromarray(DEEP), GREYS),
    ],
    "16-bit grey TIFF where zero is white": [(tiff(DEEP, 0), 255 - GREYS)],
    "12-bit grey TIFF": [(twelve_bits(), GREYS)],
    "PGM and PPM with any largest value": [
        (b"P5 2 1 1023\n\0\0\x03\xff", [[0, 255]]),
        (b"P6 1 1 15\n\x0f\x0f\x0f", [[255]]),
    ],
    "signed, 32-bit or float TIFF with SMinSampleValue and SMaxSampleValue": [
        (tiff(GREYS.astype(np.int16), t339=(3, (2,)), **STATED), GREYS),
        (tiff(GREYS.astype(np.uint32), **STATED), GREYS),
        (tiff(GREYS.astype(np.float32), t339=(3, (3,)), **STATED), GREYS),
    ],
    "unsigned 32-bit TIFF with MaxSampleValue": [
        (tiff(GREYS.astype(np.uint32), t281=(4, (255,))), GREYS),
    ],
    "the same without a tag that states the range": [
        tiff(GREYS.astype(np.int16), t339=(3, (2,))),
        tiff(GREYS.astype(np.uint32)),
        tiff(GREYS.astype(np.float32), t339=(3, (3,))),
    ],
    "PIL images of mode `I` or `F` made in memory": [
        Image.fromarray(GREYS.astype(np.int32)),
        Image.fromarray(GREYS.astype(np.float32)),
    ],
    "TIFF in planes: uncompressed with 16 bits, grey with alpha, L\\*a\\*b\\*": [
        tiff(COLOURS.astype(np.uint16), 2, **PLANAR),
        tiff(np.dstack([GREYS, GREYS]), 1, t338=(3, (2,)), **PLANAR),
        tiff(COLOURS, 8, **PLANAR),
    ],
    "uncompressed TIFF of subsampled YCbCr": [
        write_tiff([bytes(360)], SIZE, [8] * 3, 6, t530=(3, (2, 2))),
    ],
    "uint8 array (h, w), (h, w, 3), (h, w, 4)": [
        (GREYS, GREYS),
        (COLOURS, COLOURS),
        (opaque(COLOURS), COLOURS),
    ],
    "uint8 array (h, w, 1), (1, h, w), (3, h, w), (4, h, w), the same as a tensor of "
    "torch on the CPU": [
        (GREYS[..., None], GREYS),
        (GREYS[None], GREYS),
        (np.moveaxis(COLOURS, 2, 0), COLOURS),
        (np.moveaxis(opaque(COLOURS), 2, 0), COLOURS),
        (torch.from_numpy(np.moveaxis(COLOURS, 2, 0).copy()), COLOURS),
    ],
    "uint16 array of these shapes": [(DEEP, GREYS), (DEEP[None], GREYS)],
    "array of floats, bool or other integers": [
        COLOURS / 255,
        GREYS > 9,
        COLOURS.astype(np.int64),
        COLOURS.astype(np.uint32),
        torch.zeros(3, 12, 20),
    ],
    "uint8 array (h, w, 2), (3, h, 1), a tensor (3, h, 3)": [
        COLOURS[..., :2],
        COLOURS[:3, :, :1],
        torch.zeros(3, 12, 3, dtype=torch.uint8),
    ],
    "masked array with masked values, a tensor on a GPU, an array of another library": [
        np.ma.masked_greater(GREYS, 200),
        torch.zeros(3, 12, 20, dtype=torch.uint8, device="meta"),
    ],
}


def read_table():
    section = GUIDE.read_text(encoding="utf-8").split("## What becomes of the pixels")[
        1
    ]
    lines = section.split("\n\n")[2].splitlines()[2:]
    return [re.split(r" *\| *", line.strip("| ")) for line in lines]


@pytest.mark.filterwarnings("ignore")  # of Pillow's, about EXIF that is broken
@pytest.mark.parametrize(
    ("pixels", "outcome", "reason"), [(row + [""])[:3] for row in read_table()]
)
def test_row_of_the_table_is_true(pixels, outcome, reason):
    for sample in SAMPLES[pixels]:
        if outcome == "refused":
            why = why_unreadable(sample)
            assert why is not None and len(why) < 250
            continue
        assert outcome in ("taken", "scaled")
        source, expected = sample
        found = np.asarray(decode_image(source)).astype(int)
        if expected is not None:
            expected = np.asarray(expected)
            expected = expected if expected.ndim == 3 else expected[..., None]
            assert found.shape[:2] == expected.shape[:2]
            assert np.abs(found - expected).max() <= 3


def test_every_sample_is_a_row_of_the_table():
    assert [row[0] for row in read_table()] == list(SAMPLES)
