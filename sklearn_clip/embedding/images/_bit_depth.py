"""Pixels that are not of 8 bits: which value is black and which is white.

Only what is stated counts, by the file or by the type, and never which values occur:
a dark picture is dark, and the same value means the same grey in every picture.
"""

import math

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

# Tags of TIFF 6.0.
_BITS, _COMPRESSION, _PHOTOMETRIC, _STRIP_BYTES = 258, 259, 262, 279
_LEAST, _MOST, _PLANAR, _TILE_BYTES = 280, 281, 284, 325
_FORMAT, _LEAST_STATED, _MOST_STATED = 339, 340, 341
_UNSIGNED, _SIGNED = 1, 2  # sample formats
_WHITE_IS_ZERO, _YCBCR = 0, 6  # photometric interpretations
_DEEP = 65535
# Formats of measurements, whose 16 bits are not a range of grey.
_MEASUREMENTS = ("FITS", "MCIDAS")
# Formats whose pixels Pillow scales to 65535, or which know no other white, though it
# may keep them in 32 bits.
_SCALED = ("PNG", "PPM")
_WAY_OUT = "scale them to 0..255 and give a uint8 array"
_BLOCK = 2**22  # pixels that are scaled at once


def check_decoder(picture):
    """Refuse kinds of files that Pillow is known to decode to wrong pixels.

    Found by comparing all kinds of TIFF that tifffile 2026.3.3 writes, and some made by
    hand, with what Pillow 10.1 and 13.0 make of them.

    Parameters
    ----------
    picture : PIL.Image.Image
        The picture, which need not be decoded.

    Raises
    ------
    ValueError
        If it is of such a kind.
    """
    if not isinstance(picture, TiffImageFile):
        return
    tags = picture.tag_v2
    raw = tags.get(_COMPRESSION, 1) == 1
    if tags.get(_PLANAR, 1) == 2:
        if raw and _first(tags, _BITS, 1) > 8:
            _refuse("with uncompressed planes of 16 bits")  # read as if of 8 bits
        if picture.mode in ("LA", "La", "PA"):
            _refuse("with a plane of alpha behind one of grey")  # the alpha is lost
        if picture.mode == "LAB":
            _refuse("with planes of L*, a* and b*")  # signs of a* and b* are lost
        if raw and tags.get(_PHOTOMETRIC) == _YCBCR:
            _refuse("with uncompressed planes of YCbCr")  # shown as RGB by Pillow 10
    elif raw and tags.get(_PHOTOMETRIC) == _YCBCR:
        # Fewer bytes than three for each pixel: the chroma is subsampled, which Pillow
        # does not know of.
        held = tags.get(_STRIP_BYTES) or tags.get(_TILE_BYTES) or (math.inf,)
        if sum(held) < 3 * math.prod(picture.size):
            _refuse("with subsampled, uncompressed YCbCr")


def _refuse(kind):
    raise ValueError(
        f"it is a TIFF {kind}, which Pillow decodes to wrong pixels: write it as PNG, "
        "or read it with tifffile and give the array"
    )


def stated_range(picture):
    """Find which values are black and white in a picture that is not of 8 bits.

    Parameters
    ----------
    picture : PIL.Image.Image
        The picture, which need not be decoded.

    Returns
    -------
    tuple of (number, number) or None
        The values of black and of white, of which white may be the smaller. None if
        the pixels are of 8 bits.

    Raises
    ------
    ValueError
        If neither the file nor the type says it.
    """
    deep = picture.mode == "F" or picture.mode.startswith("I")
    if isinstance(picture, TiffImageFile):
        signed = picture.mode == "L" and _is_signed(picture)
        return _tiff_range(picture) if deep or signed else None
    if not deep:
        return None
    if picture.mode == "F":
        raise ValueError(f"its pixels are floats, whose range is not known: {_WAY_OUT}")
    if picture.format in _MEASUREMENTS:
        raise ValueError(
            f"its pixels are measurements of the format {picture.format}, whose range "
            f"is not known: {_WAY_OUT}"
        )
    if picture.mode == "I" and picture.format not in _SCALED:
        raise ValueError(
            "its pixels are integers of 32 bits (mode I), whose range is not known: "
            f"{_WAY_OUT}, or one of uint16 if 65535 is white"
        )
    return 0, _DEEP


def _tiff_range(picture):
    tags = picture.tag_v2
    bits, kind = _first(tags, _BITS, 1), _first(tags, _FORMAT, _UNSIGNED)
    low, high = _number(tags, _LEAST_STATED), _number(tags, _MOST_STATED)
    if kind == _UNSIGNED:
        # White is 2^bits - 1 (TIFF 6.0, page 37). But 32 bits are what counts and
        # numbers of regions come in: there something must say that it is meant. The
        # older pair of tags is of the values that occur, and not to change how a
        # picture looks (pages 36 and 37), so that it counts only there.
        if high is None and bits > 16:
            low, high = _number(tags, _LEAST), _number(tags, _MOST)
        low = 0 if low is None else low
        if bits <= 16 and (high is None or not 0 <= low < high < 2**bits):
            low, high = 0, 2**bits - 1
    if low is None or high is None or not low < high:
        what = {_UNSIGNED: "integers", _SIGNED: "signed integers"}.get(kind, "floats")
        raise ValueError(
            f"its pixels are {what} of {bits} bits, whose range is not known (the tags "
            f"SMinSampleValue and SMaxSampleValue of a TIFF state it): {_WAY_OUT}"
        )
    # Pillow 10 to 13 turns greys where 0 is white round if they are of 8 bits alone.
    return (high, low) if tags.get(_PHOTOMETRIC, 0) == _WHITE_IS_ZERO else (low, high)


def scale_grey(picture, black, white):
    """Scale a decoded picture of one channel to 8 bits.

    Parameters
    ----------
    picture : PIL.Image.Image
        Picture of a mode ``"I..."`` or ``"F"``, or a signed one of mode ``"L"``.
    black, white : number
        What `stated_range` returned.

    Returns
    -------
    PIL.Image.Image
        Picture of mode ``"L"``; values beyond black and white are black and white.

    Raises
    ------
    ValueError
        If pixels are NaN.
    """
    values = np.asarray(picture)
    if picture.mode == "L":
        values = values.view(np.int8)
    if picture.mode == "I" and isinstance(picture, TiffImageFile):
        # Pillow keeps unsigned values of 32 bits in signed ones.
        values = values if _is_signed(picture) else values.view(np.uint32)
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise ValueError(f"some of its pixels are NaN: fill them, {_WAY_OUT}")
    return Image.fromarray(scale_values(values, black, white))


def scale_values(values, black, white):
    """Scale numbers to 8 bits.

    Parameters
    ----------
    values : ndarray
        The numbers.
    black, white : number
        What becomes 0 and 255.

    Returns
    -------
    ndarray of uint8
        floor(255 (v - black) / (white - black)) of integers, rounded of floats; of the
        shape of `values`. 65535 / 257 = 255: greys of 8 bits written as 16 come back
        as they were.
    """
    scaled = np.empty(values.shape, np.uint8)
    exact = values.dtype.kind in "iu" and black == int(black) and white == int(white)
    kind = np.int64 if exact else np.float64
    black, white = kind(black), kind(white)
    rows = max(1, _BLOCK * len(values) // values.size)
    for start in range(0, len(values), rows):
        block = values[start : start + rows].astype(kind)
        block = np.clip(block, min(black, white), max(black, white)) - black
        if exact:
            block = block * 255 // (white - black)
        else:  # 128 / 255 of white is 128, though rounding may leave it below
            block = np.rint(block * (255 / (white - black)))
        scaled[start : start + rows] = block
    return scaled


def _is_signed(picture):
    return _first(picture.tag_v2, _FORMAT, _UNSIGNED) == _SIGNED


def _first(tags, tag, default):
    """Read the number of the first sample."""
    value = tags.get(tag, default)
    return value[0] if isinstance(value, tuple) and value else value


def _number(tags, tag):
    value = _first(tags, tag, None)
    known = isinstance(value, int | float) and math.isfinite(value)
    return value if known else None
