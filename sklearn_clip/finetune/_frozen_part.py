"""What the frozen part of a model makes of its inputs, computed once and kept."""

import contextlib
from dataclasses import replace

import numpy as np
import torch
from tqdm import tqdm

_BLOCK = 256  # texts that go through the frozen part at once
_TRIALS = 3  # inputs on which a split is tried


class FrozenOutputs:
    """What the frozen part made of the pictures of a batch.

    Parameters
    ----------
    values : Tensor of shape (n, ...)
        One entry per picture.
    """

    def __init__(self, values):
        self.values = values

    def __getitem__(self, part):
        """Take a slice."""
        return FrozenOutputs(self.values[part])


class Budget:
    """Bytes that may be kept.

    Parameters
    ----------
    limit : int
        How many.
    """

    def __init__(self, limit):
        self.limit = limit
        self.used = 0

    def take(self, count):
        """Take bytes, if as many are left.

        Parameters
        ----------
        count : int
            How many.

        Returns
        -------
        bool
            Whether they were.
        """
        if self.used + count > self.limit:
            return False
        self.used += count
        return True


class KeptPictures:
    """Pictures that are not decoded but remembered, halfway through the image tower.

    Parameters
    ----------
    pictures : Pictures
        Draws one of a row's images, as it does where they are decoded.
    values : Tensor of shape (m, ...)
        What the frozen part made of the images, of one row after the other.
    firsts : dict of int to int
        Position in `values` of the first image of each row that has one.
    """

    def __init__(self, pictures, values, firsts):
        self._pictures = pictures
        self._values = values
        self._firsts = firsts

    def batches(self, rows, size, *, epoch=None):
        """Look rows up in batches.

        Parameters
        ----------
        rows, size, epoch
            As of `Pictures.batches`.

        Yields
        ------
        batch : FrozenOutputs or None
            Of those rows that have a picture; None where none has.
        rows : ndarray of int
            The rows.
        """
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            items = [
                self._firsts[row] + self._pictures.draw(row, epoch)[0]
                for row in part
                if row in self._firsts
            ]
            yield FrozenOutputs(self._values[items]) if items else None, part


class KeptTexts:
    """Texts halfway through the text tower.

    Parameters
    ----------
    split : BlockSplit, ProjectionSplit or WholeSplit
        Of the text tower.
    begin : callable
        Runs the frozen part on texts: one tensor each, and its tokens.
    budget : Budget
        Texts beyond it are computed anew.
    """

    def __init__(self, split, begin, budget):
        self.split = split
        self._begin = begin
        self._budget = budget
        self._kept = {}

    def look_up(self, texts):
        """Return what the frozen part makes of texts.

        Parameters
        ----------
        texts : list of str
            The texts.

        Returns
        -------
        list of tuple (Tensor, Tensor)
            Of each text.
        """
        found = {text: self._kept[text] for text in texts if text in self._kept}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        for start in range(0, len(missing), _BLOCK):
            part = missing[start : start + _BLOCK]
            for text, pair in zip(part, self._begin(part), strict=True):
                found[text] = pair
                if self._budget.take(sum(t.nbytes for t in pair)):
                    self._kept[text] = pair
        return [found[text] for text in texts]


@torch.no_grad()
def keep_frozen_outputs(tuned, parts, limit, *, size, show):
    """Run the frozen part of a model once on all that epochs would repeat it on.

    Pictures that are another one in every epoch are not kept. Nothing is where the
    frozen part is none, or is not the same in every pass.

    Parameters
    ----------
    tuned : TunedModel
        The model; it keeps the texts.
    parts : tuple of (Rows, Rows or None, list of list of str)
        Training rows, validation rows, and the prompts of every label.
    limit : int
        Bytes. Rows that need more are computed anew in every epoch, as are texts
        beyond it.
    size : int
        Pictures of one pass.
    show : bool
        Whether to show progress bars.

    Returns
    -------
    train : Rows
        The training rows, their pictures kept or not.
    valid : Rows or None
        The validation rows.
    budget : Budget
        What is kept, which grows with the texts that are met.
    """
    train, valid, prompts = parts
    budget, some = Budget(limit), _prepare_some(train)
    if limit and some is not None and tuned.split_images(some):
        options = {"size": size, "show": show}
        if not train.pictures.changes():
            train = _keep_pictures(tuned, train, budget, drawn=True, **options)
        if valid is not None:
            valid = _keep_pictures(tuned, valid, budget, drawn=False, **options)
    if limit:
        texts = [text for group in prompts for text in group]
        tuned.split_texts((texts * _TRIALS)[:_TRIALS], budget)
    return train, valid, budget


def _prepare_some(rows):
    """Prepare a few pictures, the same one again where there are fewer."""
    pictures, _ = rows.pictures.spread(rows.numbers, drawn=False)
    if not len(pictures):
        return None
    numbers = np.arange(_TRIALS) % len(pictures)
    with contextlib.closing(pictures.batches(numbers, _TRIALS)) as batches:
        return next(batches)[0]


def _keep_pictures(tuned, rows, budget, *, drawn, size, show):
    """Run the frozen part on all pictures of some rows, all or the first of a row.

    Returns the rows as they were where that takes too much.
    """
    pictures, firsts = rows.pictures.spread(rows.numbers, drawn=drawn)
    n, values = len(pictures), None
    bar = tqdm(total=n, desc="frozen part", unit="image", disable=not show)
    with bar, contextlib.closing(pictures.batches(np.arange(n), size)) as batches:
        for batch, numbers in batches:
            halfway = tuned.begin_images(batch).cpu()
            if values is None:
                needed = n * halfway[0].nbytes
                fits = budget.take(needed)
                said = "" if fits else f", over frozen_bytes={budget.limit}"
                bar.set_postfix_str(f"{needed} bytes{said}")
                if not fits:
                    return rows
                values = torch.empty((n, *halfway.shape[1:]), dtype=halfway.dtype)
            values[torch.from_numpy(numbers)] = halfway
            bar.update(len(numbers))
    return replace(rows, pictures=KeptPictures(rows.pictures, values, firsts))
