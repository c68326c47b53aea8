"""Pictures for training: decoded by threads, a few batches ahead, never all at once."""

import copy
import functools
import math
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import ImageOps

from sklearn_clip._shared import ImageDecodeError
from sklearn_clip.embedding import (
    Preparation,
    attempt,
    count_threads,
    decode_image,
    describe_image,
    find_processes,
    stack_pictures,
)

_AHEAD = 2  # batches that are decoded while others are computed
_RATIO = 4 / 3  # of width to height, at most, between a crop and its picture


class Pictures:
    """The pictures of rows, as batches of what a model takes.

    Parameters
    ----------
    column : list of list
        The images of each row. Of several, training draws one in every epoch and
        evaluation takes the first. A row without images is left out of its batch.
    backbone : Backbone
        Prepares the pictures.
    root : str, os.PathLike or None
        Folder of relative paths.
    crop : float or None
        Least share of a picture's area that a random crop keeps; None for no crop.
    flip : bool
        Mirror half of the pictures.
    seed : int
        What is random depends on it, the epoch and the row, not on threads.
    num_workers : int or "auto"
        Threads that read and decode, or processes where many files are for a GPU.
    device : torch.device
        Where the model trains, which is not where the backbone is.
    """

    def __init__(
        self, column, backbone, *, root, crop, flip, seed, num_workers, device
    ):
        self._column = column
        self._backbone = backbone
        self._root = root
        self._crop = crop
        self._flip = flip
        self._seed = seed
        self._num_workers = num_workers
        self._device = device

    def __len__(self):
        """Count the rows."""
        return len(self._column)

    def batches(self, rows, size, *, epoch=None):
        """Decode rows in batches.

        Parameters
        ----------
        rows : ndarray of int
            Which rows, in order.
        size : int
            Rows of a batch.
        epoch : int or None, default=None
            Seed of the augmentation; None for none.

        Yields
        ------
        batch : Tensor or None
            Prepared pictures, stacked; None where no row has one.
        rows : ndarray of int
            Their rows.
        """
        parts = deque(rows[start : start + size] for start in range(0, len(rows), size))
        waiting = deque()
        items = [image for row in rows for image in self._column[row]]
        processes = find_processes(
            self._backbone, items, self._num_workers, self._device
        )
        pool = ThreadPoolExecutor(count_threads(self._num_workers))
        # For a GPU a thread of its own: what drives the GPU must not wait for memory.
        stacker = ThreadPoolExecutor(1) if self._device.type == "cuda" else None
        try:
            while parts or waiting:
                while parts and len(waiting) <= _AHEAD:
                    part = parts.popleft()
                    shown = [row for row in part if self._column[row]]
                    finish = self._begin(shown, epoch, pool, processes)
                    stack = functools.partial(self._stack, finish)
                    waiting.append(
                        (part, stacker.submit(stack).result if stacker else stack)
                    )
                part, stack = waiting.popleft()
                yield stack(), part
        finally:
            for threads in filter(None, (pool, stacker)):
                threads.shutdown(cancel_futures=True)

    def _stack(self, finish):
        """Wait for pictures and stack them; None where there are none."""
        done = finish()
        return stack_pictures(done, self._device) if done else None

    def _begin(self, rows, epoch, pool, processes):
        """Have rows prepared; return what waits for them."""
        if processes is None:
            jobs = [pool.submit(self.prepare, row, epoch) for row in rows]
            return lambda: [job.result() for job in jobs]
        recipe = Recipe(self._root, self._backbone.draft_side, self._crop, self._flip)
        plan = self._backbone.pixel_plan
        work = recipe, Preparation(plan)
        drawn = [self.draw(row, epoch) for row in rows]
        chosen = [
            (self._column[row][number], rng)
            for row, (number, rng) in zip(rows, drawn, strict=True)
        ]
        submitted = processes.submit(_prepare_chunk, work, chosen, plan.bytes)

        def finish():
            found = processes.collect(submitted)
            if found is None:  # the processes are lost
                return list(pool.map(lambda row: self.prepare(row, epoch), rows))
            for (item, _), (_, reason) in zip(chosen, found, strict=True):
                _refuse_broken(item, reason)
            return [torch.from_numpy(pixels) for pixels, _ in found]

        return finish

    def prepare(self, row, epoch=None):
        """Decode one row's picture.

        Parameters
        ----------
        row : int
            The row.
        epoch : int or None, default=None
            Seed of the augmentation; None for none.

        Returns
        -------
        Tensor
            What `Backbone.prepare_image` gives.

        Raises
        ------
        ImageDecodeError
            If the picture cannot be read any more.
        """
        number, rng = self.draw(row, epoch)
        chosen, side = self._column[row][number], self._backbone.draft_side
        recipe = Recipe(self._root, side, self._crop, self._flip)
        picture, reason = recipe.make(chosen, rng)
        _refuse_broken(chosen, reason)
        return self._backbone.prepare_image(picture)

    def draw(self, row, epoch=None):
        """Draw one of a row's images.

        Parameters
        ----------
        row : int
            The row.
        epoch : int or None, default=None
            Seed; None for the first image.

        Returns
        -------
        number : int
            Which one.
        rng : numpy.random.Generator or None
            Source of the choices that follow; None without a seed.
        """
        if epoch is None:
            return 0, None
        rng = np.random.default_rng([self._seed, epoch, row])
        return int(rng.integers(len(self._column[row]))), rng

    def changes(self):
        """Whether a picture is another one in every epoch.

        Returns
        -------
        bool
            The answer.
        """
        return self._flip or (self._crop is not None and self._crop < 1)

    def spread(self, rows, *, drawn):
        """Give every image a row of its own.

        Parameters
        ----------
        rows : ndarray of int
            Whose images.
        drawn : bool
            Whether all images of a row are drawn from, or only the first is looked at.

        Returns
        -------
        pictures : Pictures
            One image in every row.
        firsts : dict of int to int
            Row there of the first image of each row that has one.
        """
        column, firsts = [], {}
        for row in rows:
            images = self._column[row] if drawn else self._column[row][:1]
            if images:
                firsts[int(row)] = len(column)
                column += [[image] for image in images]
        spread = copy.copy(self)
        spread._column = column
        return spread, firsts


@dataclass(frozen=True)
class Recipe:
    """How a picture is decoded and changed at random, here or in another process.

    Parameters
    ----------
    root : str, os.PathLike or None
        Folder of relative paths.
    draft_side : int or None
        Side in pixels, below which no JPEG need be decoded.
    crop : float or None
        Least share of a picture's area that is kept.
    flip : bool
        Whether to mirror half of the pictures.
    """

    root: Any
    draft_side: int | None
    crop: float | None
    flip: bool

    def make(self, image, rng):
        """Decode an image and change it.

        Parameters
        ----------
        image : object
            The image.
        rng : numpy.random.Generator or None
            Source of the choices; None to leave it as it is.

        Returns
        -------
        picture : PIL.Image.Image or None
            The picture.
        reason : str or None
            Why it cannot be read.
        """
        # What there is to warn of was told when the rows were checked.
        picture, reason, _ = attempt(
            lambda item: decode_image(item, self.root, draft_side=self.draft_side),
            image,
        )
        if reason is None and rng is not None:
            picture = augment(picture, rng, crop=self.crop, flip=self.flip)
        return picture, reason


def _prepare_chunk(work, chosen):
    """Prepare images in another process: pixels and reasons."""
    recipe, prepare = work
    found = [recipe.make(image, rng) for image, rng in chosen]
    return [(None if why else prepare(picture), why) for picture, why in found]


def _refuse_broken(image, reason):
    if reason is not None:
        raise ImageDecodeError(
            "An image could be read when the training began, and now it cannot: "
            f"{describe_image(image)}: {reason}. Leave the files of X where they are, "
            "and as they are, while fit runs."
        )


def augment(picture, rng, *, crop, flip):
    """Crop a picture at random, and mirror it in half of the cases.

    Parameters
    ----------
    picture : PIL.Image.Image
        The picture.
    rng : numpy.random.Generator
        Source of the choices.
    crop : float or None
        Least share of the area that is kept; None for no crop.
    flip : bool
        Whether to mirror.

    Returns
    -------
    PIL.Image.Image
        The crop, in pixels of the picture, not resized.
    """
    if crop is not None and crop < 1:
        side = math.sqrt(rng.uniform(crop, 1))
        # The shape changes as far as the crop then still fits.
        most = min(math.log(_RATIO) / 2, -math.log(side))
        stretch = math.exp(rng.uniform(-most, most))
        width = max(1, round(picture.width * side * stretch))
        height = max(1, round(picture.height * side / stretch))
        left = rng.integers(picture.width - width + 1)
        top = rng.integers(picture.height - height + 1)
        picture = picture.crop((left, top, left + width, top + height))
    if flip and rng.random() < 0.5:
        picture = ImageOps.mirror(picture)
    return picture
