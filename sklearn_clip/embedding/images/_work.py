"""What is done with a picture before a model sees it, here or in another process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from sklearn_clip.embedding.images import _decoding, _tiles


@dataclass(frozen=True)
class PictureWork:
    """How pictures are hashed and prepared.

    Parameters
    ----------
    root : str, os.PathLike or None
        Folder of relative paths.
    parts : sequence of (tuple of float, or None)
        The parts of each picture that are encoded: boxes of tiles, and None for the
        whole.
    draft_side : int or None
        Side in pixels, below which no JPEG need be decoded.
    prepare : callable
        PIL image to the pixels of a model.
    """

    root: str | os.PathLike[str] | None
    parts: Sequence[tuple[float, ...] | None]
    draft_side: int | None
    prepare: Callable[[Image.Image], Any]

    def digest(self, item):
        """Hash what an image contains; see `image_digest`."""
        return _decoding.image_digest(item, self.root)

    def spread(self, digests):
        """Digest the parts of pictures, those of one picture after those of the other.

        Parameters
        ----------
        digests : ndarray of shape (n, 16), dtype uint8
            Digests of pictures.

        Returns
        -------
        ndarray of shape (n * n_parts, 16), dtype uint8
            Digests of their parts.
        """
        parts = _tiles.part_digests(digests, self.parts)
        return parts.reshape(-1, digests.shape[1])

    def __call__(self, item: Any, digests: Mapping[int, bytes]) -> dict[int, Any]:
        """Decode a picture once, and prepare some of its parts.

        Parameters
        ----------
        item : str, os.PathLike, bytes, PIL.Image.Image or array
            The picture.
        digests : dict of int to bytes
            The parts that are wanted, and what they were known by when the call began.

        Returns
        -------
        dict of int to Tensor or ndarray
            Pixels by part, in the order of `digests`.

        Raises
        ------
        OSError, ValueError
            If the picture cannot be decoded, or its file was changed meanwhile.
        """
        boxes = {part: self.parts[part] for part in digests}
        prepared = {}
        for is_tile in {box is not None for box in boxes.values()}:
            # A tile is brought to as many pixels as the whole.
            side = self.draft_side
            least = _tiles.tile_draft_side(side) if is_tile else side
            picture = _decoding.decode_image(item, self.root, draft_side=least)
            for part, box in boxes.items():
                if (box is not None) is is_tile:
                    prepared[part] = self.prepare(_tiles.cut_tile(picture, box))
        # Between the look at a file's content and its decoding lie hours, maybe.
        if isinstance(item, str | os.PathLike):
            now = np.frombuffer(self.digest(item), dtype=np.uint8)
            now = self.spread(now[None])
            if any(now[part].tobytes() != digest for part, digest in digests.items()):
                raise OSError("the file was changed while it was read")
        return {part: prepared[part] for part in digests}
