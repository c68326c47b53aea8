"""Rows to work on: the pictures of a folder, or the lines of a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_clip._shared import shown_first

_IMAGE_COLUMNS: tuple[str, ...] = ("image", "images", "file", "filename", "file_name")
_IMAGE_COLUMNS += ("filepath", "path", "image_path", "img", "photo", "picture")
_IMAGE_COLUMNS += ("id", "image_id")
_LABEL_COLUMNS = ("labels", "tags", "keywords", "label", "tag", "categories", "classes")
_SEPARATORS = (";", "|", ",")


@dataclass
class Rows:
    """Rows without labels.

    Attributes
    ----------
    names : list of str
        What stands for each row in a result: the path in the folder, or the cell.
    images : list of str or None
        Paths; None where there is none.
    texts : list of str or None, or None
        Captions; None where the table has none.
    """

    names: list[str]
    images: list[str | None]
    texts: list[str | None] | None

    def __len__(self) -> int:
        return len(self.names)

    def as_X(self, featurizer: Any, part: slice = slice(None)) -> Any:
        """Make rows as a featurizer takes them.

        Parameters
        ----------
        featurizer : CLIPFeaturizer or None
            Says which modalities it has; None is images alone.
        part : slice, default=slice(None)
            Which rows.

        Returns
        -------
        ndarray of shape (n,) or (n, 2), dtype object
            The rows.

        Raises
        ------
        ValueError
            If texts are needed and there are none.
        """
        images = self.images[part]
        texts = [None] * len(images) if self.texts is None else self.texts[part]
        if featurizer is None or featurizer.text is None:
            return _column(images)
        if featurizer.image is None:
            if self.texts is None:
                raise ValueError(
                    "The tagger reads texts alone. Name their column with --text."
                )
            return _column(texts)
        return np.column_stack([_column(images), _column(texts)])


def _column(values: Sequence[Any]) -> Any:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def read_rows(
    path: Path, images: Path | None, image: str | None, text: Sequence[str]
) -> Rows:
    """Read the rows to label.

    Parameters
    ----------
    path : Path
        A folder of pictures, or a table.
    images : Path or None
        Folder that the table's images are in; None is the folder of the table.
    image : str or None
        Column of the images; None looks for it by its name.
    text : sequence of str
        Columns of the captions.

    Returns
    -------
    Rows
        At least one.

    Raises
    ------
    FileNotFoundError
        If nothing is there, or a folder holds no picture.
    ValueError
        If it is no table.
    """
    if path.is_dir():
        if images or image or text:
            raise ValueError(
                "--images, --image and --text are for tables. Got them with a folder."
            )
        return _walk(path)
    from sklearn_clip.datasets import load_csv_tags

    table = open_table(path)
    column = find_column(table, image, _IMAGE_COLUMNS, "--image", required=not text)
    folder = None if column is None else (path.parent if images is None else images)
    data = load_csv_tags(
        table.path,
        folder,
        layout=None,
        image=column or "image",
        text=list(text) or None,
        duplicates="keep",
        missing_files="keep",
        delimiter=table.delimiter,
    ).data
    found = [None if cell is None else str(cell) for cell in data[:, 0]]
    texts = list(data[:, 1]) if text else None
    names = [
        f"row {row}" if cell is None else _within(cell, folder)
        for row, cell in enumerate(found)
    ]
    return Rows(names, found, texts)


def _within(path: str, folder: Path | None) -> str:
    """Path below a folder, if it is below it."""
    try:
        return str(Path(path).relative_to(folder)) if folder is not None else path
    except ValueError:
        return path


def _walk(folder: Path) -> Rows:
    """Find the pictures of a folder and of those in it, in the order of their names."""
    from sklearn_clip.datasets._image_files import is_picture

    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            os.path.join(place, name)
            for name in sorted(files)
            if is_picture(name) and not name.startswith(".")
        ]
    if not found:
        raise FileNotFoundError(f"There is no picture in {str(folder)!r}.")
    return Rows([_within(path, folder) for path in found], list(found), None)


@dataclass
class Table:
    """A table and its columns.

    Attributes
    ----------
    path : Path
        The file.
    columns : list of str
        Names of the columns.
    first : dict of str to list of str
        First cells of each column of a CSV file.
    delimiter : str
        What stands between the cells of a CSV file.
    """

    path: Path
    columns: list[str]
    first: dict[str, list[str]]
    delimiter: str = ","


def open_table(path: Path) -> Table:
    """Read the names of the columns of a table, and what its first cells look like.

    Parameters
    ----------
    path : Path
        A CSV, Parquet or Feather file.

    Returns
    -------
    Table
        Its columns.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ValueError
        If it has no columns.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {str(path)!r}.")
    with open(path, "rb") as file:
        head = file.read(4)
    if head in (b"PAR1", b"ARRO"):
        from pyarrow import feather, parquet

        schema = (
            parquet.read_schema(path)
            if head == b"PAR1"
            else feather.read_table(path, memory_map=True).schema
        )
        return Table(path, list(schema.names), {})
    import csv

    try:
        with open(path, encoding="utf-8-sig", newline="") as lines:
            delimiter = _guess_delimiter(lines.readline())
            lines.seek(0)
            reader = csv.reader(lines, delimiter=delimiter)
            cells = [row for row, _ in zip(reader, range(1_001), strict=False)]
    except UnicodeDecodeError as exc:
        raise ValueError(
            f"{str(path)!r} must be a CSV file in UTF-8. Got {exc.reason} at byte "
            f"{exc.start}. Save it as 'CSV UTF-8'."
        ) from exc
    if not cells or not any(cells[0]):
        raise ValueError(f"{str(path)!r} must be a table with a header. It has none.")
    columns = cells[0]
    first = {
        name: [row[place] for row in cells[1:] if len(row) == len(columns)]
        for place, name in enumerate(columns)
    }
    return Table(path, columns, first, delimiter)


def _guess_delimiter(header: str) -> str:
    """Take a comma; where the header has none, what spreadsheets write in its place."""
    found = (mark for mark in (",", ";", "\t") if mark in header)
    return next(found, ",")


def find_column(
    table: Table,
    given: str | None,
    usual: Sequence[str],
    option: str,
    *,
    required: bool,
) -> str | None:
    """Find a column by the name that was given, or by a usual one.

    Parameters
    ----------
    table : Table
        The table.
    given : str or None
        What the user named.
    usual : sequence of str
        Names to look for, in this order.
    option : str
        The option that names it, for the error.
    required : bool
        Whether it must be there.

    Returns
    -------
    str or None
        Its name as the table spells it.

    Raises
    ------
    ValueError
        If it is not there.
    """
    if given is not None:
        if given in table.columns:
            return given
    else:
        by_look = {name.strip().lower(): name for name in reversed(table.columns)}
        found = next((by_look[name] for name in usual if name in by_look), None)
        if found is not None or not required:
            return found
    said = f"no column {given!r}" if given is not None else "none of the usual columns"
    raise ValueError(
        f"{str(table.path)!r} has {said}: name it with {option}. Its columns are "
        f"{shown_first(table.columns, 12)}."
    )


def read_labelled(
    path: Path,
    images: Path | None,
    image: str | None,
    text: Sequence[str],
    *,
    layout: Any,
    labels: str | None,
    separator: str | None,
    group: str | None,
    unlabelled: Any,
    classes: list[str] | None = None,
) -> tuple[Any, Rows, str]:
    """Read a table of rows and their labels.

    Parameters
    ----------
    path, images, image, text
        As for `read_rows`.
    layout : {"auto", "cells", "columns", "pairs"}
        Where the labels stand.
    labels, separator, group : str or None
        Column of the labels, what stands between them, column of the groups.
    unlabelled : {"keep", "drop", "unknown"}
        What an empty label cell means.
    classes : list of str or None, default=None
        The labels of a tagger; others are left out. None takes all.

    Returns
    -------
    data : Bunch
        As of :func:`~sklearn_clip.datasets.load_csv_tags`.
    rows : Rows
        Its rows.
    said : str
        How the table was read.
    """
    from sklearn_clip.datasets import load_csv_tags

    if path.is_dir():
        raise ValueError(f"{str(path)!r} must be a table of labels. Got a folder.")
    table = open_table(path)
    column = find_column(table, image, _IMAGE_COLUMNS, "--image", required=not text)
    said = [] if column is None else [f"images in column {column!r}"]
    options: dict[str, Any] = {}
    label_column = None
    if layout != "columns":
        label_column = find_column(
            table, labels, _LABEL_COLUMNS, "--labels", required=layout != "auto"
        )
    if layout == "auto":
        layout = "columns" if label_column is None else "cells"
    if label_column is None:
        said.append("one column for each label")
    else:
        said.append(f"labels in column {label_column!r}")
        options["labels"] = label_column
    if layout == "cells":
        separator = separator or _guess_separator(
            table.first.get(label_column or "", [])
        )
        options["separator"] = separator
        said.append("split at " + ("blanks" if separator == " " else repr(separator)))
    if classes is not None:
        options |= {"classes": classes, "other_labels": "ignore"}
    folder = None if column is None else (path.parent if images is None else images)
    data = load_csv_tags(
        path,
        folder,
        layout=layout,
        image=column or "image",
        text=list(text) or None,
        group=group,
        unlabelled=unlabelled,
        missing_files="drop" if column is not None else "raise",
        delimiter=table.delimiter,
        **options,
    )
    found = [None if cell is None else str(cell) for cell in data.data[:, 0]]
    texts = list(data.data[:, 1]) if text else None
    names = [
        str(line) if cell is None else cell
        for cell, line in zip(found, data.lines, strict=True)
    ]
    return data, Rows(names, found, texts), ", ".join(said)


def _guess_separator(cells: Sequence[str]) -> str:
    """Take the separator that stands in cells, a blank where none does."""
    for separator in _SEPARATORS:
        if any(separator in cell for cell in cells):
            return separator
    return " "
