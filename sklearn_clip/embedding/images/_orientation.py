"""How a picture is to be turned, whatever else its metadata say or fail to say."""

import contextlib
from numbers import Number

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

_ORIENTATION = 0x0112  # the EXIF tag
# What turns the rows as they are stored into the picture as it was seen (EXIF 2.32,
# 4.6.4: where the stored row 0 and column 0 lie).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Tags that point at further directories: EXIF, GPS, interoperability.
_POINTERS = (0x8769, 0x8825, 0xA005)


def load_pixels(picture):
    """Decode an opened picture, whatever its metadata are like.

    Parameters
    ----------
    picture : PIL.Image.Image
        The picture, which may be decoded yet or not.
    """
    # Of a TIFF Pillow reads all metadata as soon as the pixels are there, before it
    # says whether they were all there: what it could not read must be gone by then.
    if isinstance(picture, TiffImageFile) and picture.tile:
        _forget_broken_tags(picture)
    picture.load()


def read_orientation(picture):
    """Read how a decoded picture is to be turned.

    The orientation of XMP counts where EXIF has none, if this Pillow reads it.

    Parameters
    ----------
    picture : PIL.Image.Image
        The picture. What stands behind its pixels is known once they are decoded.

    Returns
    -------
    int
        From 1, as it is, to 8; 1 for whatever is none of these numbers.
    """
    try:
        value = _exif(picture).get(_ORIENTATION, 1)
    except Exception:  # as many kinds as there are ways to break a block
        return 1
    if isinstance(value, Number) and value in _TURNS:
        return int(value)
    return 1


def turn_upright(picture, orientation):
    """Turn a picture as its orientation asks.

    Parameters
    ----------
    picture : PIL.Image.Image
        The picture as it is stored.
    orientation : int
        From 1 to 8.

    Returns
    -------
    PIL.Image.Image
        `picture` itself where nothing is to be done.
    """
    return picture if orientation == 1 else picture.transpose(_TURNS[orientation])


def _exif(picture):
    # What can be read is kept by an attempt that fails, at the XMP behind it maybe.
    with contextlib.suppress(Exception):
        return picture.getexif()
    return picture.getexif()


def _forget_broken_tags(picture):
    exif = _exif(picture)
    for tag in _POINTERS:
        if tag in exif:
            try:
                exif.get_ifd(tag)
            except Exception:  # of any kind, see above
                del exif[tag]
    if not isinstance(picture.info.get("xmp", b""), bytes | str):
        del picture.info["xmp"]
