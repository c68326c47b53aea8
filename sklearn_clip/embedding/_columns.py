"""A column of cells to one vector per row: the mean of the items that could be read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.embedding._engine import embed
from sklearn_clip.embedding.images._decoder_warnings import Remark, listen
from sklearn_clip.embedding.images._decoding import why_unreadable

if TYPE_CHECKING:
    from sklearn_clip.embedding.backbone._backbone import Backbone

_BLOCK = 8192  # images that wait for a thread at once


def embed_column(
    column: Sequence[Sequence[Any]],
    kind: Literal["image", "text"],
    backbone: Backbone,
    *,
    normalize: bool,
    remarks: list[tuple[int, Any, list[Remark]]] | None = None,
    **options: Any,
) -> tuple[NDArray[np.float32], NDArray[np.bool_], list[tuple[int, Any, str]]]:
    """Embed a column of cells.

    Parameters
    ----------
    column : list of list
        The items of each row.
    kind : {"image", "text"}
        What the items are.
    backbone : Backbone
        The model.
    normalize : bool
        L2-normalise the items, and the mean of several.
    remarks : list or None, default=None
        Gets a tuple (row, source, list of (category, text)) for every image that was
        read with a warning. None drops the warnings.
    **options
        Handed on to `embed`, `parts` among them.

    Returns
    -------
    rows : ndarray of shape (n, embedding_dim), dtype float32
        One vector per row; zeros where it has no readable item. With `parts`, or of a
        model that gives tokens, of shape (n, n_parts, embedding_dim).
    unread : ndarray of shape (n,), dtype bool
        Rows that have items but none that could be read.
    failures : list of tuple (row, source, reason)
        The items that could not be read.
    """
    lengths = [len(cell) for cell in column]
    flat = [item for cell in column for item in cell]
    heard: dict[int, list[Remark]] = {}
    vectors, broken = embed(flat, kind, backbone, remarks=heard, **options)
    if backbone.output_of(kind) == "tokens":
        n_parts = vectors.shape[1] // backbone.embedding_dim
        vectors = vectors.reshape(len(flat), n_parts, backbone.embedding_dim)
    owner = np.repeat(np.arange(len(column)), lengths)
    if remarks is not None:
        remarks += [(int(owner[i]), flat[i], said) for i, said in heard.items()]
    failures = [(int(owner[i]), flat[i], why) for i, why in broken.items()]
    rows, unread = pool_cells(lengths, vectors, broken, normalize=normalize)
    return rows, unread, failures


def find_unreadable(
    column: Sequence[Sequence[Any]],
    root: str | os.PathLike[str] | None = None,
    *,
    remarks: list[tuple[int, Any, list[Remark]]] | None = None,
) -> list[tuple[int, Any, str]]:
    """Read and decode every image of a column.

    Parameters
    ----------
    column : list of list
        The images of each row.
    root : str, os.PathLike or None, default=None
        Folder put before relative paths.
    remarks : list or None, default=None
        Gets a tuple (row, source, list of (category, text)) for every image that was
        read with a warning. None drops the warnings.

    Returns
    -------
    list of tuple (row, source, reason)
        Those that cannot be read.
    """
    items = [(row, item) for row, cell in enumerate(column) for item in cell]
    once = {_name(item): item for _, item in items}
    names = list(once)
    told: dict[Any, Any] = {}
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(names), _BLOCK):
            block = names[start : start + _BLOCK]
            tried = pool.map(lambda name: _try_to_read(once[name], root), block)
            told.update(zip(block, tried, strict=True))
    found, heard = [], []
    for row, item in items:
        reason, said = told[_name(item)]
        if reason is not None:
            found.append((row, item, reason))
        elif said:
            heard.append((row, item, said))
    if remarks is not None:
        remarks += heard
    return found


def _name(item):
    """Name a file by its path, and what is in memory as the object it is."""
    return os.fspath(item) if isinstance(item, str | os.PathLike) else id(item)


def _try_to_read(item, root):
    """Why an image cannot be read, None if it can, and what was said meanwhile."""
    with listen() as said:
        return why_unreadable(item, root), said


def unit_rows(vectors: NDArray[Any]) -> NDArray[Any]:
    """L2-normalise rows.

    Parameters
    ----------
    vectors : ndarray of shape (..., d)
        The rows.

    Returns
    -------
    ndarray of shape (..., d)
        Rows of length 1; a row of zeros stays.
    """
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norms == 0, 1, norms)


def pool_cells(lengths, vectors, failures, *, normalize):
    """Average the vectors of each cell over the items that could be read.

    Parameters
    ----------
    lengths : list of int
        Number of items of each cell.
    vectors : ndarray of shape (sum(lengths), d) or (sum(lengths), n_parts, d)
        Their vectors, in order; parts are averaged each by itself.
    failures : collection of int
        Positions among the items of those that could not be read.
    normalize : bool
        L2-normalise the items before the mean, so that each counts the same, and the
        mean after it.

    Returns
    -------
    rows : ndarray of shape (len(lengths), d) or (len(lengths), n_parts, d)
        One vector per cell; zeros where a cell has no readable item.
    unread : ndarray of shape (len(lengths),), dtype bool
        Cells that have items but none that could be read.
    """
    owner = np.repeat(np.arange(len(lengths)), lengths)
    read = np.ones(len(owner), dtype=bool)
    read[list(failures)] = False
    if not read.all():  # else no copy: with regions they may be gigabytes
        owner, vectors = owner[read], vectors[read]
    counts = np.bincount(owner, minlength=len(lengths))
    if normalize:
        vectors = unit_rows(vectors)
    if (counts == 1).all():
        return vectors, np.zeros(len(lengths), dtype=bool)
    rows = np.zeros((len(lengths), *vectors.shape[1:]), dtype=vectors.dtype)
    np.add.at(rows, owner, vectors)
    several = counts > 1
    rows[several] /= counts[several].reshape(-1, *[1] * (vectors.ndim - 1))
    if normalize:
        rows[several] = unit_rows(rows[several])
    return rows, (np.asarray(lengths) > 0) & (counts == 0)
