"""What images and texts go through on their way to the model, in which batches."""

import hashlib
import math
import os
from collections import deque

import numpy as np

from sklearn_clip.embedding._streams import most_streams
from sklearn_clip.embedding.images import _decoding, _tiles

DIGEST_BYTES = 16
# On a CPU: pictures of one forward pass, so few that what passes between two layers
# stays in the cache (see `benchmarks/STUDIES.md`), and tokens, since a short text costs
# little.
_CPU_BATCH, _CPU_BATCH_OF_CONVOLUTIONS = 8, 4
_CPU_TOKENS = 1024
# Characters that a token stands for, at the least, in most languages.
_TOKEN_CHARACTERS = 3
# Bytes of GPU memory that one more item of a batch may take.
_ITEM_MEMORY = 2**25
_BATCH_RANGE = (16, 512)


class ImageModality:
    """How an image is hashed, prepared and encoded.

    Parameters
    ----------
    backbone : Backbone
        The model.
    batch_size : int or "auto"
        Images of one forward pass.
    root : str, os.PathLike or None
        Folder of relative paths.
    parts : sequence of (tuple of float, or None), default=(None,)
        The parts of each picture that are encoded: boxes of tiles, and None for the
        whole.
    """

    in_threads = True

    def __init__(self, backbone, batch_size, root, parts=(None,)):
        self._backbone = backbone
        self._batch_size = batch_size
        self._root = root
        self._parts = parts
        self.collate = backbone.collate_images
        self.encode = backbone.encode_images

    def digest(self, item):
        return _decoding.image_digest(item, self._root)

    def spread(self, digests):
        """Digest the parts of items, those of one item after those of the other."""
        return _tiles.part_digests(digests, self._parts).reshape(-1, DIGEST_BYTES)

    def prepare(self, item, digests):
        """Prepare parts of an item, by part."""
        side = self._backbone.draft_side
        boxes = {part: self._parts[part] for part in digests}
        prepared = {}
        for is_tile in {box is not None for box in boxes.values()}:
            # A tile is brought to as many pixels as the whole.
            least = _tiles.tile_draft_side(side) if is_tile else side
            picture = _decoding.decode_image(item, self._root, draft_side=least)
            for part, box in boxes.items():
                if (box is not None) is is_tile:
                    tile = _tiles.cut_tile(picture, box)
                    prepared[part] = self._backbone.prepare_image(tile)
        # Between the look at a file's content and its decoding lie hours, maybe.
        if isinstance(item, str | os.PathLike):
            now = np.frombuffer(self.digest(item), dtype=np.uint8)
            now = self.spread(now[None])
            if any(now[part].tobytes() != digest for part, digest in digests.items()):
                raise OSError("the file was changed while it was read")
        return prepared

    def batches(self, numbers, item):
        """Cut into batches of one size."""
        size = self._batch_size
        if size == "auto":
            backbone = self._backbone
            if not backbone.on_cpu:
                size = _gpu_batch_size(backbone.device)
            elif not backbone.runs_in_torch("image"):
                size = _CPU_BATCH
            else:
                small = backbone.sees_by_convolutions
                size = _CPU_BATCH_OF_CONVOLUTIONS if small else _CPU_BATCH
                size = _even_size(len(numbers), size, most_streams(backbone.device))
        return _slices(numbers, [size])


class TextModality:
    """How a text is hashed and encoded; nothing is left to prepare."""

    in_threads = False

    def __init__(self, backbone, batch_size):
        self._backbone = backbone
        self._batch_size = batch_size
        self.encode = backbone.encode_texts

    def digest(self, item):
        return hashlib.blake2b(item.encode(), digest_size=DIGEST_BYTES).digest()

    def spread(self, digests):
        return digests

    def prepare(self, item, digests):
        return dict.fromkeys(digests, item)

    def collate(self, prepared):
        return prepared

    def batches(self, numbers, item):
        """Put the longest first: texts of about one length share a batch."""
        lengths = {number: len(item(number)) for number in numbers}
        numbers = sorted(numbers, key=lengths.get, reverse=True)
        size = self._batch_size
        if size != "auto":
            return _slices(numbers, [size])
        if not self._backbone.on_cpu:
            return _slices(numbers, [_gpu_batch_size(self._backbone.device)])
        whole = self._backbone.context_length
        tokens = [min(lengths[n] // _TOKEN_CHARACTERS + 2, whole) for n in numbers]
        most = _BATCH_RANGE[1]  # should the tower need its padding
        return _slices(numbers, [max(min(_CPU_TOKENS // t, most), 1) for t in tokens])


def _even_size(items, most, streams):
    """Size of the batches that keeps all streams busy to the end, about equally."""
    if streams == 1:
        return most
    batches = max(math.ceil(items / most), 1)
    batches = math.ceil(batches / streams) * streams
    return max(math.ceil(items / batches), min(_CPU_BATCH, most))


def _slices(numbers, sizes):
    """Cut a list, each slice as long as `sizes` says where it begins."""
    slices, start = deque(), 0
    while start < len(numbers):
        stop = start + sizes[min(start, len(sizes) - 1)]
        slices.append(numbers[start:stop])
        start = stop
    return slices


def _gpu_batch_size(device):
    """Items of one forward pass: what fits into a GPU's free memory, in powers of 2."""
    if device.type != "cuda":
        return _CPU_BATCH
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    # What torch has set aside and does not use is free for a batch.
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    low, high = _BATCH_RANGE
    fitting = max(free // _ITEM_MEMORY, 1)
    return int(min(max(1 << (fitting.bit_length() - 1), low), high))
