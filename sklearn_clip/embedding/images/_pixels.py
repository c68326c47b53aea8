"""The pixels of an opened picture, to RGB."""

import os
import threading

from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from sklearn_clip.embedding.images._bit_depth import (
    check_decoder,
    scale_grey,
    stated_range,
)
from sklearn_clip.embedding.images._orientation import read_orientation, turn_upright
from sklearn_clip.embedding.images._transparency import load_with_key

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
        If it has no pixels, pixels without a known range, or is of a kind that Pillow
        is known to decode wrongly.
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
    check_decoder(picture)
    grey = stated_range(picture)
    transparent = load_with_key(picture)
    page = _lay_on_white(picture, grey, transparent)
    extent = frame_extent(picture)
    if extent is not None:
        frame, page = page.crop(extent), Image.new("RGB", page.size, "white")
        page.paste(frame, extent)
    # Last, as it may stand behind the pixels, and turns three channels at the most.
    return turn_upright(page, read_orientation(picture))


def _lay_on_white(picture, grey, transparent):
    if grey is not None:
        picture = scale_grey(picture, *grey)
    if transparent is not None:
        picture = picture.convert("RGB")
        picture.paste("white", mask=Image.fromarray(transparent))
        return picture
    if picture.mode in ("La", "RGBa"):  # premultiplied
        picture = picture.convert("LA" if picture.mode == "La" else "RGBA")
    if picture.has_transparency_data:
        picture = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        page = Image.new("RGB", picture.size, "white")
        page.paste(picture, mask=picture.getchannel("A"))
        return page
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def frame_extent(picture):
    """Tell which part of its page the first frame of a GIF covers.

    Pillow fills the rest with the first colour of the palette, where one sees the page.

    Parameters
    ----------
    picture : PIL.Image.Image
        The picture.

    Returns
    -------
    tuple of int, or None
        Left, top, right, bottom; None where it covers all, and for other pictures.
    """
    if not isinstance(picture, GifImageFile) or picture.tell() != 0:
        return None
    extent = tuple(picture.dispose_extent)
    return None if extent == (0, 0, *picture.size) else extent
