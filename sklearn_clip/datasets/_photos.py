"""The data set of photographs that ships with the package."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np

from sklearn_clip._shared import import_optional
from sklearn_clip.datasets._archive import get_data_home, unpack
from sklearn_clip.datasets._bunch import Loaded, make_bunch

_HERE = Path(__file__).parent
_ARCHIVE = _HERE / "data" / "photos.zip"
_TABLE = "photos.csv"
# What the table says of each photograph; its further columns are the labels.
COLUMNS = (
    "file",
    "text",
    "group",
    "author",
    "licence",
    "link",
    "package",
    "version",
    "original",
)
_SOURCE = ("file", "text", *COLUMNS[3:])


def load_photos(
    *,
    return_X_y: bool = False,
    as_frame: bool = False,
    data_home: str | os.PathLike[str] | None = None,
) -> Loaded:
    """Load the photographs: real pictures with several everyday labels each.

    134 photographs under free licences with 21 labels (animal, building, person, sky,
    ...). They are a test set and a demonstration: no model of this package was trained
    or tuned on them, and there are too few to train one. They were labelled twice,
    independently, by a written rule; where a person would hesitate the target is NaN.
    The set ships with the package; the pictures are unpacked into a cache folder on
    first use. Read more in ``DESCR``.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether `data`, `target` and `sources` are pandas DataFrames.
    data_home : str, path-like or None, default=None
        Where to unpack the pictures. None means the environment variable
        ``SKLEARN_CLIP_DATA``, else ``sklearn_clip`` in the user's cache folder
        (``XDG_CACHE_HOME`` or ``~/.cache``).

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (n, 2), dtype object, or DataFrame
            Path of the picture (WebP without transparency, at most 320 pixels wide and
            high) and its title, None (missing in a DataFrame) where there is none.
            Titles name what is special, in several languages: they are no captions,
            and the labels were given without them. The DataFrame has the columns
            ``image`` and ``text``.
        target : ndarray of shape (n, n_labels), dtype float64, or DataFrame
            1 where a person says at once that the thing is in the picture, 0 where that
            person says at once that it is not, NaN else. The DataFrame has the
            columns `target_names`.
        target_names : list of str
            The labels, sorted.
        groups : ndarray of shape (n,), dtype int64
            Equal for pictures of one series, which must not be torn apart in
            cross-validation.
        sources : list of dict of str, or DataFrame
            For each picture ``file``, ``text`` (the title), ``author``, ``licence``,
            ``link``, and the ``package``, its ``version`` and the path in it
            (``original``) that the picture was taken from. Who shows a picture under
            a CC BY or BSD licence must name its author.
        frame : DataFrame or None
            `data` and `target` side by side, if `as_frame`.
        DESCR : str
            Where the pictures come from, and the rule they were labelled by.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    OSError
        If the archive is damaged or the cache folder cannot be written.
    ImportError
        If `as_frame` and pandas is not installed.

    See Also
    --------
    load_clipart : Drawings with titles, enough of them to train on.

    Examples
    --------
    >>> from sklearn_clip.datasets import load_photos
    >>> photos = load_photos()
    >>> photos.data.shape, photos.target.shape
    ((134, 2), (134, 21))
    >>> photos.target_names[:3]
    ['animal', 'black and white', 'building']
    """
    if as_frame:
        purpose = "load_photos(as_frame=True)"
        pandas = import_optional("pandas", extra="pandas", purpose=purpose)
    folder = unpack(_ARCHIVE, get_data_home(data_home))
    with open(folder / _TABLE, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [column for column in rows[0] if column not in COLUMNS]
    sources = [{key: row[key] for key in _SOURCE} for row in rows]
    return make_bunch(
        [str(folder / row["file"]) for row in rows],
        [row["text"] or None for row in rows],
        np.array([[float(row[name] or "nan") for name in names] for row in rows]),
        names,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_photos",
        groups=np.array([int(row["group"]) for row in rows]),
        sources=pandas.DataFrame(sources) if as_frame else sources,
        DESCR=(_HERE / "data" / "photos.rst").read_text("utf-8"),
    )
