"""Files that Pillow opens once a few bytes of them, none of a pixel, are changed."""

import contextlib
import io
import os
import re
import struct

from PIL import Image, UnidentifiedImageError

from sklearn_clip.embedding._greys import stated_range

_HEAD = 16
_PHOTOMETRIC, _SHORT, _WHITE_IS_ZERO, _BLACK_IS_ZERO = 262, 3, 0, 1
# Where EXIF begins in an AVIF: the place of the TIFF header in it, and that header.
_EXIF = re.compile(rb"\0\0\0(?:\0|\x06Exif\0\0)(?=(II\*\0|MM\0\*)(.{4}))", re.DOTALL)


def open_picture(file, formats=None):
    """Open a picture as Pillow does, and two kinds more.

    A TIFF of more than 8 bits whose zero is white: Pillow knows few of their kinds, but
    all where zero is black. An AVIF with a broken entry in its EXIF: Pillow writes the
    whole block anew where it is to be turned, even before it decodes it.

    Parameters
    ----------
    file : str, os.PathLike or file object
        The encoded picture.
    formats : list of str or None, default=None
        What ``Image.open`` takes.

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
    if isinstance(file, str | bytes | os.PathLike):
        with open(file, "rb") as opened:
            return _open_mended(opened, formats)
    file.seek(0)
    head = file.read(_HEAD)
    if head[:4] in (b"II*\0", b"MM\0*"):
        name, mend = "TIFF", _let_zero_be_black
    elif head[4:12] in (b"ftypavif", b"ftypavis", b"ftypmif1", b"ftypmsf1"):
        name, mend = "AVIF", _empty_exif
    else:
        return None
    if formats is not None and name not in formats:
        return None
    mended = bytearray(head + file.read())
    # Whatever is wrong with it beside this is what the first attempt has said.
    with contextlib.suppress(UnidentifiedImageError, ValueError, struct.error):
        if mend(mended):
            picture = Image.open(io.BytesIO(mended), formats=[name])
            return _let_zero_be_white(picture) if name == "TIFF" else picture
    return None


def _let_zero_be_black(data):
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        found = struct.unpack_from(f"{order}HHIH", data, entry)
        if found == (_PHOTOMETRIC, _SHORT, 1, _WHITE_IS_ZERO):
            struct.pack_into(f"{order}H", data, entry + 8, _BLACK_IS_ZERO)
            return True
    return False


def _let_zero_be_white(picture):
    """Give the tag its value back, by which pixels that are scaled are turned round."""
    picture.tag_v2[_PHOTOMETRIC] = _WHITE_IS_ZERO
    try:
        scaled = stated_range(picture) is not None
    except ValueError:  # to be said when it is decoded
        scaled = True
    return picture if scaled else None


def _empty_exif(data):
    """Let the first directory of EXIF have no entries; AVIF has its own for turns."""
    place = _EXIF.search(data)
    if place is None:
        return False
    header, start = place.groups()
    order = "<" if header[:2] == b"II" else ">"
    (start,) = struct.unpack(f"{order}I", start)
    struct.pack_into(f"{order}H", data, place.end() + start, 0)
    return True
