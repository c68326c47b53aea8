"""Files that Pillow opens once a few bytes of them, none of a pixel, are changed."""

import contextlib
import io
import os
import re
import struct

from PIL import Image, UnidentifiedImageError

from sklearn_clip.embedding.images._bit_depth import stated_range

_HEAD = 16
_MOST = 2**26  # bytes of a file that is read whole to be mended
_PHOTOMETRIC, _WHITE_IS_ZERO, _BLACK_IS_ZERO = 262, 0, 1
_UNIT, _NO_UNIT, _UNUSED = 296, 1, 0xFFFF
_SHORT = 3
# Where EXIF begins: the directory of an APP1 of a JPEG; in an AVIF behind the place of
# its header, which is 0 or 6.
_IN_JPEG = re.compile(rb"Exif\0\0(?=II\*\0|MM\0\*)")
_IN_AVIF = re.compile(rb"\0\0\0(?:\0|\x06Exif\0\0)(?=II\*\0|MM\0\*)")


def open_picture(file, formats):
    """Open a picture as Pillow does, and some kinds more.

    A TIFF of more than 8 bits whose zero is white: Pillow knows few of their kinds, but
    all where zero is black. An AVIF with a broken entry in its EXIF: Pillow writes the
    whole block anew where it is to be turned, even before it decodes it. A TIFF or JPEG
    whose resolution in a unit is no number: Pillow converts it to another unit.

    Parameters
    ----------
    file : file object
        The encoded picture.
    formats : list of str
        Names of the formats to try.

    Returns
    -------
    PIL.Image.Image
        The picture, not decoded yet.

    Raises
    ------
    Exception
        What ``Image.open`` raises.
    """
    try:
        return Image.open(file, formats=formats)
    except (UnidentifiedImageError, ValueError):
        picture = _open_mended(file, formats)
        if picture is None:
            raise
        return picture


def _open_mended(file, formats):
    if file.seek(0, os.SEEK_END) > _MOST:
        return None
    file.seek(0)
    head = file.read(_HEAD)
    if head[:4] in (b"II*\0", b"MM\0*"):
        name, mend = "TIFF", _open_tiff
    elif head[:3] == b"\xff\xd8\xff":
        name, mend = "JPEG", _open_jpeg
    elif head[4:12] in (b"ftypavif", b"ftypavis", b"ftypmif1", b"ftypmsf1"):
        name, mend = "AVIF", _open_avif
    else:
        return None
    if name not in formats:
        return None
    # Whatever is wrong with it beside this is what the first attempt has said.
    with contextlib.suppress(UnidentifiedImageError, ValueError, struct.error):
        return mend(bytearray(head + file.read()))
    return None


def _open_tiff(data):
    zero_is_white = False
    for place, order, tag, value in _read_shorts(data, 0):
        if tag == _PHOTOMETRIC and value == _WHITE_IS_ZERO:
            struct.pack_into(f"{order}H", data, place + 8, _BLACK_IS_ZERO)
            zero_is_white = True
        elif tag == _UNIT:
            struct.pack_into(f"{order}H", data, place + 8, _NO_UNIT)
    picture = Image.open(io.BytesIO(data), formats=["TIFF"])
    if not zero_is_white:
        return picture
    # By the tag's own value pixels that are scaled are turned round; no others are.
    picture.tag_v2[_PHOTOMETRIC] = _WHITE_IS_ZERO
    try:
        scaled = stated_range(picture) is not None
    except ValueError:  # to be said when it is decoded
        scaled = True
    return picture if scaled else None


def _open_jpeg(data):
    found = _IN_JPEG.search(data)
    if found is None:
        return None
    for place, order, tag, _ in _read_shorts(data, found.end()):
        if tag == _UNIT:
            struct.pack_into(f"{order}H", data, place, _UNUSED)
    return Image.open(io.BytesIO(data), formats=["JPEG"])


def _open_avif(data):
    """Open it as if its EXIF had no entries: AVIF has its own way to ask for turns."""
    found = _IN_AVIF.search(data)
    if found is None:
        return None
    order, start = _find_directory(data, found.end())
    struct.pack_into(f"{order}H", data, start, 0)
    return Image.open(io.BytesIO(data), formats=["AVIF"])


def _find_directory(data, header):
    order = "<" if data[header : header + 1] == b"I" else ">"
    return order, header + struct.unpack_from(f"{order}I", data, header + 4)[0]


def _read_shorts(data, header):
    """Yield the place, byte order, tag and value of entries of one short number."""
    order, start = _find_directory(data, header)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length, value = struct.unpack_from(f"{order}HHIH", data, place)
        if kind == _SHORT and length == 1:
            yield place, order, tag, value
