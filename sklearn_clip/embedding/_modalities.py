"""What images and texts go through on their way to the model, in which batches."""

import hashlib
import math
from collections import deque
from dataclasses import replace

from sklearn_clip.embedding._processes import find_processes
from sklearn_clip.embedding._streams import most_streams
from sklearn_clip.embedding.images._preparation import Preparation
from sklearn_clip.embedding.images._work import PictureWork

DIGEST_BYTES = 16
# On a CPU: pictures of one forward pass, so few that what passes between two layers
# stays in the cache (see `benchmarks/STUDIES.md`), of a transformer that sees few
# patches, and of convolutions; and tokens, since a short text costs little.
_CPU_BATCH, _CPU_BATCH_OF_FEW_PATCHES, _CPU_BATCH_OF_CONVOLUTIONS = 8, 16, 4
_FEW_PATCHES = 64
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
        self.work = PictureWork(
            root, parts, backbone.draft_side, backbone.prepare_image
        )
        self.digest = self.work.digest
        self.spread = self.work.spread
        self.prepare = self.work
        self.collate = backbone.collate_images
        self.encode = backbone.encode_images

    def find_processes(self, items, num_workers):
        """Find processes to prepare images; None where threads are better."""
        return find_processes(self._backbone, items, num_workers)

    def work_that_travels(self):
        """Return the work in a form that goes to another process."""
        return replace(self.work, prepare=Preparation(self._backbone.pixel_plan))

    def batches(self, numbers, item):
        """Cut into batches of one size."""
        size = self._batch_size
        if size == "auto":
            backbone = self._backbone
            if not backbone.on_cpu:
                size = _gpu_batch_size(backbone.device)
            else:
                size = _cpu_batch_size(backbone)
                if backbone.runs_in_torch("image"):
                    streams = most_streams(backbone.device)
                    size = _even_size(len(numbers), size, streams)
        return _slices(numbers, [size])


class TextModality:
    """How a text is hashed and encoded; its tokens are made with those of its batch."""

    in_threads = False

    def __init__(self, backbone, batch_size):
        self._backbone = backbone
        self._batch_size = batch_size
        self.collate = backbone.collate_texts
        self.encode = backbone.encode_texts

    def find_processes(self, items, num_workers):
        """Return None: there is nothing to prepare."""

    def digest(self, item):
        return hashlib.blake2b(item.encode(), digest_size=DIGEST_BYTES).digest()

    def spread(self, digests):
        return digests

    def prepare(self, item, digests):
        return dict.fromkeys(digests, item)

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


def _cpu_batch_size(backbone):
    """Pictures of one forward pass on a CPU."""
    if backbone.n_patches <= _FEW_PATCHES:
        return _CPU_BATCH_OF_FEW_PATCHES
    if backbone.runs_in_torch("image") and backbone.sees_by_convolutions:
        return _CPU_BATCH_OF_CONVOLUTIONS
    return _CPU_BATCH


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
