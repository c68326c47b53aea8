"""Every accepted form of X, turned into one column of cells per modality.

A cell is the list of items of one row: usually one image or one text, several images
where a product has several photos, none where the item is missing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np

from sklearn_clip._shared import (
    column_names,
    hint_at_name,
    is_missing,
    refuse_unindexable,
    shown,
    shown_first,
)

_LEVELS_HINT = (
    " Columns of several levels have no plain names: "
    "X.columns = ['_'.join(map(str, column)) for column in X.columns] makes some."
)

_FORMS = (
    "X must be a DataFrame, a list of dicts, a list of (image, text) pairs, an object "
    "array of shape (n, 2), or, {alone}."
)
# What to do about rows that are not as the columns say: those of a CLIPFeaturizer, and
# those of a tagger in a file, which are what they were.
_HINTS = {
    "forms": _FORMS.format(
        alone="with text=None or image=None, a list of images or of texts"
    ),
    "column": "Name the column with CLIPFeaturizer({modality}=...)",
    "key": "Name the key with CLIPFeaturizer({modality}=...), give None where there is "
    "none",
    "leave": ", or leave the modality out with {modality}=None",
    "alone": "For (image, text) pairs leave image= and text= at their defaults.",
    "pair": "A row that lacks one has None for it, (None, text). If all of X is images "
    "set text=None, if it is texts image=None.",
    "single": "set text=None if they are images, image=None if they are texts.",
}
_EXPORTED_HINTS = {
    "forms": _FORMS.format(
        alone="for a tagger of images or of texts alone, a list of them"
    ),
    "column": "The tagger was exported with this column: rename that of X",
    "key": "The tagger was exported with this key: rename that of X, and give None "
    "where there is none",
    "leave": "",
    "alone": "The tagger was exported to read images or texts alone.",
    "pair": "The tagger was exported to read both: give None for one that is missing.",
    "single": "the tagger was exported to read both, so give (image, text) pairs, with "
    "None for one that is missing.",
}


@dataclass
class Cells:
    """The rows of one call, aligned by position.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    image, text : list of list, or None
        The items of each row; an empty list where the item is missing. None when the
        modality was not asked for.
    index : sequence or None
        Index labels of the rows where X is a pandas object, for error messages.
    """

    n_rows: int
    image: list | None = None
    text: list | None = None
    index: object = field(default=None, repr=False)

    def name_row(self, row):
        """Name a row as the user knows it: its position, and its index label.

        Parameters
        ----------
        row : int
            Position in the call.

        Returns
        -------
        str
            For example ``"row 3"`` or ``"row 3 (index 'b7')"``.
        """
        label = row if self.index is None else self.index[row]
        if isinstance(label, int | np.integer) and label == row:
            return f"row {row}"
        if isinstance(label, tuple):  # of a MultiIndex
            label = tuple(map(_without_numpy_type, label))
        return f"row {row} (index {_without_numpy_type(label)!r})"


def _without_numpy_type(label):
    """Strip the NumPy type of a label, which would show in its repr."""
    return label.item() if isinstance(label, np.generic) else label


def split_rows(
    X: Any,
    *,
    image: str | int | None,
    text: str | int | None,
    modalities: Collection[str],
    exported: bool = False,
) -> Cells:
    """Split X into a column of cells for every modality that is needed.

    Parameters
    ----------
    X : DataFrame, Series, list or ndarray
        Rows in one of the accepted forms, see `CLIPFeaturizer`.
    image, text : str, int or None
        Name of the column or key, None for a modality that is absent. Of pairs,
        integers are the positions.
    modalities : tuple of {"image", "text"}
        The modalities to read; the others are not looked at.
    exported : bool, default=False
        Whether errors are told to one who has a tagger in a file, and no
        `CLIPFeaturizer` to change.

    Returns
    -------
    Cells
        The aligned columns.

    Raises
    ------
    TypeError
        If X has none of the accepted forms, or an item has a type that cannot be an
        image or a text.
    ValueError
        If a column is not there, or rows are not pairs where pairs are needed.
    """
    names = {"image": image, "text": text}
    hints = _EXPORTED_HINTS if exported else _HINTS
    columns, index = _columns(X, names, modalities, hints)
    cells = Cells(n_rows=len(next(iter(columns.values()))), index=index)
    if "image" in columns:
        cells.image = [
            _image_cell(value, row, cells) for row, value in enumerate(columns["image"])
        ]
    if "text" in columns:
        cells.text = [
            _text_cell(value, row, cells) for row, value in enumerate(columns["text"])
        ]
    return cells


def _columns(X, names, modalities, hints):
    """Raw columns of the needed modalities, and the index labels if X has any."""
    forms = hints["forms"]
    if not isinstance(X, Mapping) or _holds_columns(X, names):
        refuse_unindexable(X, "X", forms)
    if isinstance(X, str | os.PathLike) and os.path.isdir(X):
        raise TypeError(
            f"{forms} Got the folder {os.fspath(X)!r}: give its pictures, for example "
            "sorted(pathlib.Path(X).rglob('*.[jJ][pP]*[gG]'))."
        )
    if isinstance(X, str | bytes | os.PathLike | Mapping) or not hasattr(X, "__len__"):
        raise TypeError(f"{forms} Got a single {type(X).__name__}: put it in a list.")
    if _is_row_of_table(X, names):
        raise TypeError(
            f"{forms} Got a single row of a table: take it as a table of one row, for "
            "example X.iloc[[0]]."
        )
    if _is_sparse(X) or getattr(X, "ndim", 1) == 0:
        raise TypeError(f"{forms} Got {type(X).__name__} of shape {X.shape}.")
    index = getattr(X, "index", None)
    index = index if hasattr(index, "dtype") else None  # list.index is a method
    if column_names(X) is not None:
        return _frame_columns(X, names, modalities, hints), index
    if getattr(X, "ndim", 1) >= 3:  # an array or a tensor
        only = _only_modality(names, "images", hints)
        return {only: list(_image_array(X))}, index
    rows = _cells_of(X)
    if not rows:
        return {m: [] for m in modalities}, index
    if all(isinstance(row, Mapping) for row in rows):
        return _mapping_columns(rows, names, modalities, hints), index
    if None not in names.values():
        return _pair_columns(rows, names, modalities, hints), index
    only = _only_modality(names, "items", hints)
    if isinstance(X, np.ndarray) and X.ndim == 2:
        if X.shape[1] != 1:
            raise ValueError(
                f"An array X of single items must have shape (n,). Got {X.shape}. "
                f"{hints['alone']}"
            )
        rows = X[:, 0].tolist()
    return {only: rows}, index


def _is_row_of_table(X, names):
    """Whether it is a Series whose cells are called as the columns are."""
    keys = X.index if hasattr(X, "iloc") and getattr(X, "ndim", 0) == 1 else ()
    called = [name for name in names.values() if isinstance(name, str)]
    return len(keys) > 1 and bool(called) and all(name in keys for name in called)


def _is_sparse(X):
    """Whether it is a matrix of scipy, which nobody has without having imported it."""
    # Looked up, not imported: an exported tagger takes its rows without scipy.
    issparse = getattr(sys.modules.get("scipy.sparse"), "issparse", None)
    return issparse is not None and issparse(X)


def _holds_columns(mapping, names):
    """Tell columns by name from the one row of a caption and its picture."""
    cells = [mapping[name] for name in names.values() if name in mapping]
    return bool(cells) and all(
        hasattr(cell, "__len__")
        and getattr(cell, "ndim", 1) == 1
        and not isinstance(cell, str | bytes)
        for cell in cells
    )


def _cells_of(column):
    """Make a list of a column of any kind, with empty cells where it is masked."""
    for method in ("to_pylist", "to_list", "tolist"):
        # The `tolist` of an array would take a row of an image apart.
        if hasattr(column, method) and (
            method != "tolist" or np.ma.isMaskedArray(column)
        ):
            return getattr(column, method)()
    return list(column)


def _frame_columns(X, names, modalities, hints):
    columns, found = {}, column_names(X)
    for modality in modalities:
        name = names[modality]
        # Of several levels, the first may be enough to name one column.
        levels = hasattr(X, "iloc") and any(isinstance(n, tuple) for n in found)
        if name not in found and not (levels and name in X.columns):
            raise ValueError(
                f"X must have the column {name!r} for its {modality}s. Got the columns "
                f"[{shown_first(found, 10)}].{hint_at_name(name, found)} "
                + _way_out("column", modality, modalities, hints)
                + _LEVELS_HINT * levels
            )
        column = X[name]
        if getattr(column, "ndim", 1) != 1:
            raise ValueError(
                f"X must have one column {name!r}. Got {column.shape[1]} of that name."
                + _LEVELS_HINT * levels
            )
        columns[modality] = _cells_of(column)
    return columns


def _way_out(kind, modality, modalities, hints):
    """Say what to do about a column or key that is missing."""
    # Without its only modality a row would be nothing.
    leave = hints["leave"] * (len(modalities) > 1)
    return f"{hints[kind]}{leave}.".format(modality=modality)


def _mapping_columns(rows, names, modalities, hints):
    columns = {}
    for modality in modalities:
        name = names[modality]
        if not any(name in row for row in rows):
            keys = sorted(map(str, rows[0]))
            raise ValueError(
                f"The dicts in X must have the key {name!r} for their {modality}s. Got "
                f"the keys [{shown_first(keys, 10)}] (row 0)."
                f"{hint_at_name(name, keys)} "
                + _way_out("key", modality, modalities, hints)
            )
        columns[modality] = [row.get(name) for row in rows]
    return columns


def _pair_columns(rows, names, modalities, hints):
    place = {"image": 0, "text": 1}
    if any(isinstance(name, Integral) for name in names.values()):
        if set(names.values()) != {0, 1}:
            raise ValueError(
                "In rows that are pairs, numbers must be positions: image=0 and text=1 "
                f"or the reverse. Got image={names['image']!r}, text={names['text']!r}."
            )
        place = names
    for position, row in enumerate(rows):
        # An array of one number has no length, though it has the method.
        sized = hasattr(row, "__len__") and getattr(row, "ndim", 1) > 0
        if not isinstance(row, tuple | list | np.ndarray) or not sized or len(row) != 2:
            got = f"{len(row)} items" if sized else repr(row)
            got = repr(row) if isinstance(row, str) else got
            raise ValueError(
                f"Every row of X must be an (image, text) pair. Got {got} "
                f"(row {position}). {hints['pair']}"
            )
    return {m: [row[place[m]] for row in rows] for m in modalities}


def _only_modality(names, what, hints):
    given = [modality for modality, name in names.items() if name is not None]
    if len(given) != 1:
        raise ValueError(
            f"X holds {what} of one kind: {hints['single']} Got "
            f"image={names['image']!r}, text={names['text']!r}."
        )
    return given[0]


def _image_array(X):
    """Check that a stacked array is n images; a lone image is refused."""
    if X.ndim != 4 or not {1, 3, 4} & {X.shape[1], X.shape[3]}:
        raise ValueError(
            "An array of images must have shape (n, h, w, c) or (n, c, h, w) with 1, 3 "
            f"or 4 channels c. Got {tuple(X.shape)}. For a single image give X[None], "
            "for n grey ones X[:, None]."
        )
    return X


def _image_cell(value, row, cells):
    if is_missing(value) or _is_empty(value):
        return []
    if isinstance(value, list | tuple) or (
        isinstance(value, np.ndarray) and value.dtype == object and value.ndim > 0
    ):
        return [v for v in value if not is_missing(v) and not _is_empty(v)]
    if isinstance(value, int | float | bool | np.number | np.bool_):
        raise TypeError(
            "An image must be a path, encoded bytes, a PIL.Image or an array of uint8 "
            f"or uint16. Got {shown(value)} of type {type(value).__name__} "
            f"({cells.name_row(row)})."
        )
    return [value]


def _is_empty(value):
    return isinstance(value, str) and not value


def _text_cell(value, row, cells):
    if is_missing(value):
        return []
    if not isinstance(value, str):
        raise TypeError(
            f"A text must be a str. Got {shown(value)} of type {type(value).__name__} "
            f"({cells.name_row(row)})."
        )
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise ValueError(
            f"A text must be valid Unicode. Got {shown(value)} ({cells.name_row(row)})."
        ) from exc
    return [str(value)] if value.strip() else []
