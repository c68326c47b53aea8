"""Tiles: overlapping parts of a picture, each of them a picture of its own."""

import hashlib
import math
import struct

import numpy as np

# Share of each side that a tile takes, by tiles along a side: neighbours overlap, so
# that what one cuts in two another one mostly shows whole. Chosen on collages, see
# `benchmarks/STUDIES.md`.
_SHARES = {2: 0.52, 3: 0.4}
_GRIDS = {"2x2": (2,), "3x3": (3,), "pyramid": (2, 3)}
# Part of every key in the store: raised when tiles come to be cut otherwise.
_CUTTING = b"tile-1"


def tile_boxes(regions):
    """Return where the tiles of a picture lie.

    Parameters
    ----------
    regions : {"2x2", "3x3", "pyramid"}
        Tiles along each side; the pyramid is the four and then the nine.

    Returns
    -------
    tuple of tuple of float
        Left, top, right and bottom of each, as shares of width and height, row by row.
    """
    return tuple(
        (left, top, left + _SHARES[count], top + _SHARES[count])
        for count in _GRIDS[regions]
        for top in _corners(count)
        for left in _corners(count)
    )


def _corners(count):
    """Where tiles begin that are spread evenly from one edge to the other."""
    return [i * (1 - _SHARES[count]) / (count - 1) for i in range(count)]


def cut_tile(picture, box):
    """Cut a tile out of a picture.

    Parameters
    ----------
    picture : PIL.Image.Image
        The whole picture, upright.
    box : tuple of float, or None
        From `tile_boxes`; None for the whole.

    Returns
    -------
    PIL.Image.Image
        All pixels that the tile touches, one at the least.
    """
    if box is None:
        return picture
    left, top, right, bottom = box
    width, height = picture.size
    # To a millionth of a pixel: 0.6 * 5 is a little more than 3 in binary.
    return picture.crop(
        (
            math.floor(round(left * width, 6)),
            math.floor(round(top * height, 6)),
            math.ceil(round(right * width, 6)),
            math.ceil(round(bottom * height, 6)),
        )
    )


def tile_draft_side(side):
    """Return how small a picture may be decoded of which tiles are cut.

    One side for all tiles, so that a tile has the same pixels whichever others are cut
    beside it.

    Parameters
    ----------
    side : int or None
        How small one may be that is shown as a whole; None for no limit known.

    Returns
    -------
    int or None
        As `side`, so that the smallest tile is no smaller.
    """
    return None if side is None else math.ceil(side / min(_SHARES.values()))


def part_digests(digests, boxes):
    """Digest the parts of pictures, by their content and their place.

    Parameters
    ----------
    digests : ndarray of shape (n, 16), dtype uint8
        Digests of the whole pictures.
    boxes : sequence of (tuple of float, or None)
        The parts; None for the whole, whose digest stays.

    Returns
    -------
    ndarray of shape (n, len(boxes), 16), dtype uint8
        The digests.
    """
    # A digest is as good as random, and stays so when it is XORed with a number that
    # belongs to the box: parts of any two pictures agree as rarely as wholes do.
    masks = np.stack([_mask(box, digests.shape[1]) for box in boxes])
    return digests[:, None] ^ masks


def _mask(box, size):
    if box is None:
        return np.zeros(size, dtype=np.uint8)
    said = _CUTTING + struct.pack("<4d", *box)
    return np.frombuffer(hashlib.blake2b(said, digest_size=size).digest(), np.uint8)
