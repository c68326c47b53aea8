"""The one colour of a PNG that is transparent, found before depth is lost.

Pillow scales grey of 2 and 4 bits to 8 but not the transparent value, does not look for
it in grey of 16 bits, and cuts colours of 16 bits to 8 before it compares. A pixel is
transparent if it equals the value as stored (PNG, third edition, 11.3.1.1).
"""

import io

import numpy as np
from PIL.PngImagePlugin import PngImageFile

from sklearn_clip.embedding.images._orientation import load_pixels

# Grey of 4 bits is multiplied by 17 to have 8, that of 2 bits by 85.
_SCALES = {"L;2": 85, "L;4": 17, "L": 1}
# Formats of pictures in memory that may have been such a PNG.
_OPENED = ("PNG", None)


def load_with_key(picture):
    """Decode a picture and find the pixels of the colour declared transparent.

    Parameters
    ----------
    picture : PIL.Image.Image
        The picture, which may be decoded yet or not.

    Returns
    -------
    ndarray of bool of shape (height, width), or None
        The transparent pixels; None if no single colour is, or it is of a palette.
    """
    coding = _coding(picture)
    low = _low_bytes(picture) if coding == "RGB;16B" else None
    load_pixels(picture)
    key = picture.info.get("transparency")
    if isinstance(key, tuple) and len(key) == 3 and picture.mode == "RGB":
        return _equal_colours(np.asarray(picture), low, np.array(key))
    if not isinstance(key, int):
        return None
    if picture.mode == "1":
        return np.asarray(picture) == bool(key)
    if picture.mode == "L":
        grey = np.asarray(picture)
        scale = _SCALES.get(coding)
        if scale is None:
            scale = _likely_scale(grey, key) if picture.format in _OPENED else 1
        return grey == key * scale
    return np.asarray(picture) == key if picture.mode.startswith("I") else None


def _coding(picture):
    """Name how the pixels are stored, of a PNG that is not decoded yet."""
    if not isinstance(picture, PngImageFile) or not picture.tile:
        return None
    coding = picture.tile[0][3]
    return coding if isinstance(coding, str) else coding[0]


def _likely_scale(grey, key):
    """Tell how a decoded grey was scaled, or a copy of one.

    Where all pixels are multiples of 17 a key from 1 to 15 is none of them. It said
    nothing if it meant 8 bits, so that it meant 4.
    """
    for scale in (85, 17):
        if 0 < key <= 255 // scale and not (grey % scale).any():
            return scale
    return 1


def _low_bytes(picture):
    """Decode the lower bytes of colours of 16 bits, which Pillow drops.

    Read as if the lower byte came last, a colour's upper byte is its lower one.
    """
    if "transparency" not in picture.info or picture.tell() != 0:
        return None
    place = picture.fp.tell()
    picture.fp.seek(0)
    twin = PngImageFile(io.BytesIO(picture.fp.read()))
    picture.fp.seek(place)
    twin.tile = [(*twin.tile[0][:3], "RGB;16L")]
    return np.asarray(twin)


def _equal_colours(high, low, key):
    if low is not None:
        return (high == key >> 8).all(axis=2) & (low == key & 255).all(axis=2)
    # A key beyond 8 bits is of 16, whose lower bytes are lost by now.
    return (high == (key >> 8 if (key > 255).any() else key)).all(axis=2)
