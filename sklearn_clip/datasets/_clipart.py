"""The clip art data set that ships with the package."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Literal

import numpy as np

from sklearn_clip.datasets._archive import get_data_home, unpack
from sklearn_clip.datasets._bunch import Loaded, check_choice, make_bunch

_HERE = Path(__file__).parent
_ARCHIVE = _HERE / "data" / "clipart.zip"
_TABLE = "clipart.csv"


def load_clipart(
    *,
    split: Literal["train", "test"] | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
    data_home: str | os.PathLike[str] | None = None,
) -> Loaded:
    """Load the clip art data set: pictures with titles and several labels each.

    2,118 public domain drawings of the Open Clip Art Library with 43 labels
    (animal, mammal, food, flag, ...), 1.6 a row. It ships with the package; the
    pictures are unpacked into a cache folder on first use. Read more in ``DESCR``.

    Parameters
    ----------
    split : {"train", "test"} or None, default=None
        Which rows to return. Variants, near-duplicates and series lie on one side.
        None means all.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether `data` and `target` are pandas DataFrames.
    data_home : str, path-like or None, default=None
        Where to unpack the pictures. None means the environment variable
        ``SKLEARN_CLIP_DATA``, else ``sklearn_clip`` in the user's cache folder
        (``XDG_CACHE_HOME`` or ``~/.cache``).

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (n, 2), dtype object, or DataFrame
            Path of the picture (WebP with transparency, at most 128 pixels wide and
            high) and title. The DataFrame has the columns ``image`` and ``text``.
        target : ndarray of shape (n, n_labels), dtype int64, or DataFrame
            1 where the label is true of the row. The DataFrame has the columns
            `target_names`.
        target_names : list of str
            The labels, sorted.
        split : ndarray of shape (n,), dtype str
            ``"train"`` or ``"test"``.
        groups : ndarray of shape (n,), dtype int64
            Equal for rows that must not be torn apart in cross-validation.
        frame : DataFrame or None
            `data` and `target` side by side, if `as_frame`.
        DESCR : str
            Where the data come from and how they were made.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If `split` is unknown.
    OSError
        If the archive is damaged or the cache folder cannot be written.
    ImportError
        If `as_frame` and pandas is not installed.

    Examples
    --------
    >>> from sklearn_clip.datasets import load_clipart
    >>> clipart = load_clipart(split="train")
    >>> clipart.data.shape, clipart.target.shape
    ((1481, 2), (1481, 43))
    >>> clipart.target_names[:5]
    ['africa', 'america', 'animal', 'asia', 'bird']
    """
    check_choice("split", split, ("train", "test", None))
    folder = unpack(_ARCHIVE, get_data_home(data_home))
    with open(folder / _TABLE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted({label for row in rows for label in row["labels"].split("|")})
    rows = [row for row in rows if split in (None, row["split"])]
    target = np.zeros((len(rows), len(names)), dtype=np.int64)
    column = {name: i for i, name in enumerate(names)}
    for i, row in enumerate(rows):
        target[i, [column[label] for label in row["labels"].split("|")]] = 1
    return make_bunch(
        [str(folder / row["file"]) for row in rows],
        [row["text"] for row in rows],
        target,
        names,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_clipart",
        split=np.array([row["split"] for row in rows]),
        groups=np.array([int(row["group"]) for row in rows]),
        DESCR=(_HERE / "data" / "clipart.rst").read_text("utf-8"),
    )
