"""Rows through the graph of a tagger: each distinct one once, in batches."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any

from sklearn_clip.embedding import attempt, image_digest

_MAX_WORKERS = 8
_BLOCK = 8192  # pictures that wait for a thread at once
# Batches whose pictures are read while another one is in the graph.
_AHEAD = 2
# On a CPU, pictures of a batch, and tokens where there are texts alone: as many as the
# featurizer encodes at once. A GPU is given more.
_PICTURES = {True: 8, False: 64}
_TOKENS = {True: 1024, False: 16_384}
_MOST_TEXTS = 512
_TOKEN_CHARACTERS = 3


class Troubles:
    """What was wrong with pictures, and what was remarked of those that were read."""

    def __init__(self):
        self._failures = {}
        self._remarks = {}

    def note(
        self, row: int, place: int, source: Any, reason: str | None, said: Sequence[Any]
    ):
        """Note what reading a picture brought.

        Parameters
        ----------
        row, place : int
            Its row, and its place in that.
        source : object
            The picture.
        reason : str or None
            Why it could not be read.
        said : list of tuple (category, text)
            What was warned of; dropped where the reason says enough.
        """
        if reason is not None:
            self._failures[row, place] = source, reason
        elif said:
            self._remarks[row, place] = source, list(said)

    @property
    def failures(self) -> list[tuple[int, Any, str]]:
        """Pictures that could not be read, as (row, source, reason)."""
        return _in_order(self._failures)

    @property
    def remarks(self) -> list[tuple[int, Any, list[Any]]]:
        """Pictures that were read with a warning, as (row, source, what was said)."""
        return _in_order(self._remarks)

    def __bool__(self):
        return bool(self._failures)


def _in_order(noted):
    return [(row, *noted[row, place]) for row, place in sorted(noted)]


class Rows:
    """The rows of one call, and which of them are the same.

    Parameters
    ----------
    pictures, texts : list of list or None
        The items of each row; None where there is no such modality.
    root : str, os.PathLike or None
        Folder put before relative paths.
    pool : Executor
        Threads that read files.

    Attributes
    ----------
    pictures : list of list of tuple (place, source)
        The pictures of each row that can be opened, with their places in it.
    texts : list of list of str
        The texts of each row.
    twins : dict of int to list of int
        The first row of each kind, and all rows that are the same, in order.
    troubles : Troubles
        What was wrong so far.
    """

    def __init__(
        self,
        pictures: list[list[Any]] | None,
        texts: list[list[str]] | None,
        root: Any,
        pool: Any,
    ):
        n_rows = len(pictures if pictures is not None else texts or [])
        cells = pictures or [[] for _ in range(n_rows)]
        self.pictures = [list(enumerate(cell)) for cell in cells]
        self.texts = texts or [[] for _ in range(n_rows)]
        self.troubles = Troubles()
        if n_rows == 1:  # of which nothing need be hashed
            self.twins = {0: [0]}
        else:
            self.twins = self._find_twins(root, pool)

    def _find_twins(self, root, pool):
        """Group rows by the content of their items, and leave out what has none."""
        sources = [source for cell in self.pictures for _, source in cell]
        done = _digest_all(sources, root, pool)
        kinds, pictures = {}, []
        for row, cell in enumerate(self.pictures):
            found = [(pair, *next(done)[:2]) for pair in cell]
            for pair, _, reason in found:
                self.troubles.note(row, *pair, reason, ())
            pictures.append([pair for pair, _, reason in found if reason is None])
            key = tuple(digest for _, digest, _ in found), tuple(self.texts[row])
            kinds.setdefault(key, []).append(row)
        self.pictures = pictures
        return {rows[0]: rows for rows in kinds.values()}

    def twins_of(self, batch: list[int]) -> tuple[list[int], list[int]]:
        """Say which rows are the same as those of a batch.

        Parameters
        ----------
        batch : list of int
            Rows, each the first of its kind.

        Returns
        -------
        places : list of int
            Places in the batch, each as often as there are such rows.
        rows : list of int
            These rows.
        """
        pairs = [(i, twin) for i, row in enumerate(batch) for twin in self.twins[row]]
        return [i for i, _ in pairs], [twin for _, twin in pairs]

    def left_without(self, given: list[list[Any]] | None) -> list[int]:
        """Say which rows had pictures, none of which could be read.

        Parameters
        ----------
        given : list of list or None
            The pictures of each row.

        Returns
        -------
        list of int
            Rows.
        """
        failed = Counter(row for row, _, _ in self.troubles.failures)
        return [
            row for row, count in failed.items() if count == len((given or [])[row])
        ]


def _digest_all(sources, root, pool):
    """Hash pictures; not all of them wait for a thread at once."""
    for start in range(0, len(sources), _BLOCK):
        block = sources[start : start + _BLOCK]
        yield from pool.map(
            lambda source: attempt(lambda s: image_digest(s, root), source), block
        )


def make_batches(
    rows: Rows, batch_size: int | str, *, of_texts: int | None, on_cpu: bool
) -> Iterator[list[int]]:
    """Cut the distinct rows into batches.

    Parameters
    ----------
    rows : Rows
        The rows.
    batch_size : int or "auto"
        Pictures, or texts, of a batch; a row with more makes one by itself.
    of_texts : int or None
        Tokens that texts are cut to where there are no pictures: the longest then come
        first, so that texts of about one length share a batch. None with pictures.
    on_cpu : bool
        Whether a CPU runs them.

    Yields
    ------
    list of int
        Rows.
    """
    distinct = list(rows.twins)
    costs = {r: max(len(rows.pictures[r]), len(rows.texts[r]), 1) for r in distinct}
    most: int = _PICTURES[on_cpu] if batch_size == "auto" else int(batch_size)
    if of_texts is not None:
        lengths = {r: max(map(len, rows.texts[r]), default=0) for r in distinct}
        distinct.sort(key=lambda r: lengths[r], reverse=True)
        if batch_size == "auto":
            most = _TOKENS[on_cpu]
            for r in distinct:
                tokens = min(lengths[r] // _TOKEN_CHARACTERS + 2, of_texts)
                costs[r] *= max(tokens, most // _MOST_TEXTS)
    batch: list[int] = []
    cost = 0
    for row in distinct:
        if batch and cost + costs[row] > most:
            yield batch
            batch, cost = [], 0
        batch.append(row)
        cost += costs[row]
    if batch:
        yield batch


def read_ahead(
    batches: Iterator[list[int]], rows: Rows, read: Any, pool: Any
) -> Iterator[tuple[list[int], list[list[Any]]]]:
    """Read the pictures of batches, of some while another is at work.

    Parameters
    ----------
    batches : iterator of list of int
        Rows.
    rows : Rows
        The rows; what could not be read is noted there.
    read : callable
        Picture to pixels.
    pool : Executor
        Threads that read.

    Yields
    ------
    batch : list of int
        Rows.
    pixels : list of list of ndarray
        Of each of them.
    """
    under_way: deque[Any] = deque()

    def finish():
        batch, found = under_way.popleft()
        pixels = [[] for _ in batch]
        for row, ready in zip(batch, pixels, strict=True):
            for number in range(len(rows.pictures[row])):
                result, reason, said = next(found)
                for twin in rows.twins[row]:
                    pair = rows.pictures[twin][number]
                    rows.troubles.note(twin, *pair, reason, said)
                if reason is None:
                    ready.append(result)
        return batch, pixels

    for batch in batches:
        sources = [source for row in batch for _, source in rows.pictures[row]]
        under_way.append((batch, pool.map(lambda s: attempt(read, s), sources)))
        if len(under_way) > _AHEAD:
            yield finish()
    while under_way:
        yield finish()


def count_workers(num_threads: int | None) -> int:
    """Count the threads that read pictures.

    Parameters
    ----------
    num_threads : int or None
        Threads that were asked for.

    Returns
    -------
    int
        That number, else one per core, up to 8.
    """
    return num_threads or min(_MAX_WORKERS, os.cpu_count() or 1)
