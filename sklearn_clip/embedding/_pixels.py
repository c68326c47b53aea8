"""The pixels of an opened picture, to RGB."""

import os
import threading

import numpy as np
from PIL import Image, ImageOps

ORIENTATION = 0x0112  # the EXIF tag
# Pictures of so many pixels are decoded one at a time: a hundred megapixels are most of
# a gigabyte with their copies, and there may be eight threads.
_LARGE = 2**25
_large_lock = threading.Lock()


def _renew_lock():
    """Give a forked child a lock that nobody holds: its holder is not there."""
    global _large_lock
    _large_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


def to_rgb(picture, side=None):
    """Turn an opened picture into RGB as a person would see it on a white page.

    Parameters
    ----------
    picture : PIL.Image.Image
        The picture, which may be decoded yet or not.
    side : int or None, default=None
        A very large picture is reduced as long as neither side becomes shorter.

    Returns
    -------
    PIL.Image.Image
        Picture of mode ``"RGB"``; `picture` itself if it is one already.

    Raises
    ------
    ValueError
        If it has no pixels, or pixels without a known range.
    """
    if picture.width * picture.height < _LARGE:
        return _compose(picture)
    with _large_lock:
        composed = _compose(picture)
        factor = 1 if side is None else min(composed.size) // side
        return composed.reduce(factor) if factor > 1 else composed


def _compose(picture):
    if 0 in picture.size:
        raise ValueError(f"it has no pixels, its size is {picture.size}")
    picture.load()  # the orientation may stand behind the pixels
    if picture.getexif().get(ORIENTATION, 1) != 1:  # spares a copy
        picture = ImageOps.exif_transpose(picture)
    if picture.mode == "F":
        raise ValueError("its pixels are floats, whose range is not known")
    if picture.mode.startswith("I"):
        grey = np.asarray(picture, dtype=np.int64).clip(0, 65535)
        # 16-bit greys: 65535 is white, and 65535 / 257 = 255. Mode "I" has no range of
        # its own; values that fit in 8 bits are 8-bit greys, not a black page.
        if picture.mode != "I" or grey.max() > 255:
            grey = grey // 257
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if picture.mode in ("La", "RGBa"):  # premultiplied
        picture = picture.convert("LA" if picture.mode == "La" else "RGBA")
    if picture.has_transparency_data:
        picture = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        page = Image.new("RGB", picture.size, "white")
        page.paste(picture, mask=picture.getchannel("A"))
        return page
    return picture if picture.mode == "RGB" else picture.convert("RGB")
