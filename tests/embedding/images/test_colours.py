"""Colour spaces of files against their formulas."""

import io

import numpy as np
import pytest
from handmade import write_tiff
from PIL import Image

from sklearn_clip.embedding import decode_image

INKS = [(0, 0, 0, 0), (255, 0, 0, 0), (10, 200, 90, 40), (0, 0, 0, 255)]


def first_pixel(source):
    return np.asarray(decode_image(source))[0, 0].astype(float)


def mix(inks):
    """Colour of four inks on white paper."""
    return (255 - np.array(inks[:3])) * (255 - inks[3]) / 255


@pytest.mark.parametrize("inks", INKS)
@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_inks_of_cmyk(form, inks):
    file = io.BytesIO()
    options = {"quality": 100, "subsampling": 0} if form == "JPEG" else {}
    Image.new("CMYK", (16, 16), inks).save(file, form, **options)
    assert np.abs(first_pixel(file.getvalue()) - mix(inks)).max() <= 2


@pytest.mark.parametrize("inks", INKS)
def test_inks_of_adobe_that_are_stored_inverted_as_luma_and_chroma(inks):
    """In Adobe's YCCK the inverted inks 255 - R, ... are those of R, G, B in YCbCr."""
    red, green, blue = inks[:3]
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    stored = [
        luma,
        128 + (blue - luma) / 1.772,
        128 + (red - luma) / 1.402,
        255 - inks[3],
    ]
    stored = np.rint(np.clip(stored, 0, 255)).astype(int)
    file = io.BytesIO()
    # Pillow writes CMYK inverted, and says in Adobe's mark that it is not transformed.
    picture = Image.new("CMYK", (16, 16), tuple((255 - stored).tolist()))
    picture.save(file, "JPEG", quality=100, subsampling=0)
    data = bytearray(file.getvalue())
    transform = data.index(b"Adobe") + 11
    assert data[transform] == 0
    data[transform] = 2
    assert np.abs(first_pixel(bytes(data)) - mix(inks)).max() <= 3


@pytest.mark.parametrize(
    ("lightness", "a", "b", "expected"),
    # CIE 1976 L*a*b* under D50 to sRGB, by the formulas of CIE 15 and IEC 61966-2-1.
    [
        (255, 0, 0, (255, 255, 255)),
        (200, 0, 0, (194, 194, 194)),
        (128, 40, -40, (159, 93, 189)),
        (90, -60, 50, (0, 103, 0)),
    ],
)
def test_lab_of_a_tiff_has_signed_chroma(lightness, a, b, expected):
    strip = bytes([lightness, a % 256, b % 256] * 4)
    data = write_tiff([strip], (2, 2), [8] * 3, 8)
    assert np.abs(first_pixel(data) - expected).max() <= 2


def test_hue_saturation_and_value_in_memory():
    # Hue 85 of 256 is a third of the circle: green.
    assert first_pixel(Image.new("HSV", (2, 2), (85, 255, 255))).tolist() == [0, 255, 0]
