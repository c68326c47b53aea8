"""Which drawings belong together: variants, near-duplicates and series."""

import hashlib
import re

import numpy as np

# Folders whose drawings were made alike under names without a common prefix.
_SERIES_FOLDERS = (
    "recreation/games",
    "signs_and_symbols/flags/semaphore",
    "signs_and_symbols/led",
    "special/gradients",
    "special/patterns",
)


class UnionFind:
    """Disjoint sets over ``range(n)``.

    Parameters
    ----------
    n : int
        Number of items.
    """

    def __init__(self, n):
        self._parent = list(range(n))

    def find(self, item):
        """Return the representative of the set of `item`."""
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def union(self, first, second):
        """Merge two sets; the smaller representative stands for both."""
        low, high = sorted((self.find(first), self.find(second)))
        self._parent[high] = low

    def union_by(self, keys):
        """Merge all items that share a key other than None."""
        seen = {}
        for item, key in enumerate(keys):
            if key is not None:
                self.union(seen.setdefault(key, item), item)


def signatures(picture):
    """Reduce a picture to what its near-duplicates share.

    Parameters
    ----------
    picture : PIL.Image.Image
        In mode RGBA.

    Returns
    -------
    whole : ndarray of shape (256,), float32
        8 x 8 pixels, premultiplied RGBA in [0, 255].
    ink : ndarray of shape (1728,), float32
        24 x 24 pixels of the alpha box centred in a white square, as the distance
        of each channel from white, in [0, 255].
    stretched : ndarray of shape (768,), float32
        The same of the alpha box stretched to 16 x 16 pixels: one drawing in two
        proportions.
    digest : bytes
        Equal for pictures that are the same pixel for pixel where they are visible.
    """
    from PIL import Image

    visible = picture.convert("RGBa")
    digest = hashlib.sha256(repr(picture.size).encode() + visible.tobytes()).digest()
    whole = np.asarray(visible.resize((8, 8), Image.Resampling.BOX), np.float32)
    box = picture.getchannel("A").getbbox() or (0, 0, *picture.size)
    drawing = picture.crop(box)
    side = max(drawing.size)
    square = Image.new("RGBA", (side, side), "white")
    corner = ((side - drawing.width) // 2, (side - drawing.height) // 2)
    square.alpha_composite(drawing, corner)
    ink = _ink(square, (24, 24))
    box = (*corner, corner[0] + drawing.width, corner[1] + drawing.height)
    stretched = _ink(square.crop(box), (16, 16))
    return whole.ravel(), ink, stretched, digest


def _ink(opaque, size):
    from PIL import Image

    small = opaque.convert("RGB").resize(size, Image.Resampling.BOX)
    return 255 - np.asarray(small, np.float32).ravel()


def near_pairs(signature, threshold, *, relative=False, block=512):
    """Find all pairs of rows whose root mean square difference is small.

    Parameters
    ----------
    signature : ndarray of shape (n, d)
    threshold : float
        In the units of the signature, or a share if `relative`.
    relative : bool, default=False
        Whether to measure the difference in root mean squares of the smaller row.
        Thin drawings are near one another in absolute terms for being nearly white.
    block : int, default=512
        Rows compared at once.

    Returns
    -------
    list of tuple (i, j)
        With i < j.
    """
    # In float64: the difference of large squares leaves few digits.
    signature = np.asarray(signature, np.float64)
    squares = (signature**2).mean(axis=1)
    pairs = []
    for start in range(0, len(signature), block):
        stop = start + block
        distance = squares[start:stop, None] + squares[None]
        distance -= 2 / signature.shape[1] * (signature[start:stop] @ signature.T)
        limit = threshold**2
        if relative:
            limit = limit * np.minimum(squares[start:stop, None], squares[None])
        for i, j in np.argwhere(distance < limit):
            if start + i < j:
                pairs.append((int(start + i), int(j)))
    return pairs


def series_key(path):
    """Name the series a drawing belongs to, or None.

    A series is a set of drawings of one folder made alike with differing captions:
    a deck of cards, one lamp in ten colours, numbered variants by one author.

    Parameters
    ----------
    path : str
        Path below the library's root, without suffix.

    Returns
    -------
    tuple or None
    """
    folder, _, name = path.rpartition("/")
    for whole in _SERIES_FOLDERS:
        if f"{folder}/".startswith(f"{whole}/"):
            return (whole,)
    prefix = re.match(r"[a-z]{3,}", name.lower())
    return (folder, prefix.group(0)) if prefix else None
