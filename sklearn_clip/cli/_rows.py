"""Rows to work on: the pictures of a folder, or the lines of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import get_tags

from sklearn_clip._shared import inner_featurizers, shown_first
from sklearn_clip.cli._tables import (
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    find_column,
    guess_separator,
    name_columns,
    open_table,
    read_texts,
    say_separator,
)

# Of rows without a picture, and without a text where texts are looked at.
NOTHING = "nothing to look at"
# How the column of the images is named, in errors.
_IMAGE = "--image (texts alone: --text)"


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
    image_column : str or None, default=None
        Column of the table that the images are in.
    """

    names: list[str]
    images: list[str | None]
    texts: list[str | None] | None
    image_column: str | None = None

    def __len__(self) -> int:
        return len(self.names)

    def take(self, chosen: Any) -> Rows:
        """Take some rows.

        Parameters
        ----------
        chosen : ndarray of int
            Their positions.

        Returns
        -------
        Rows
            A copy.
        """
        texts = None if self.texts is None else [self.texts[row] for row in chosen]
        return Rows(
            [self.names[row] for row in chosen],
            [self.images[row] for row in chosen],
            texts,
            self.image_column,
        )

    def as_X(self, tagger: Any, part: slice = slice(None)) -> Any:
        """Make rows as an estimator takes them.

        Parameters
        ----------
        tagger : estimator instance
            A featurizer, or what holds one. One that was fitted on a table is given one
            with the columns that it names.
        part : slice, default=slice(None)
            Which rows.

        Returns
        -------
        ndarray of shape (n,) or (n, 2), dtype object, or DataFrame
            The rows.

        Raises
        ------
        ValueError
            If texts are needed and there are none, or anything but images and texts.
        """
        images = self.images[part]
        columns = getattr(tagger, "feature_names_in_", None)
        if columns is not None:
            return self._as_frame(columns, part)
        needs_image, needs_text = _modalities(tagger)
        if not needs_text:
            return _column(images)
        if not needs_image:
            # A word counter takes no None.
            return _column([text or "" for text in self._needed_texts()[part]])
        texts = [None] * len(images) if self.texts is None else self.texts[part]
        return np.column_stack([_column(images), _column(texts)])

    def shows_nothing(self, tagger: Any) -> list[bool]:
        """Tell which rows hold nothing of what a tagger reads.

        Parameters
        ----------
        tagger : estimator instance
            As for `as_X`.

        Returns
        -------
        list of bool
            Of each row.
        """
        columns = getattr(tagger, "feature_names_in_", None)
        if columns is None:
            needs_image, needs_text = _modalities(tagger)
        else:
            n_images = len(self._image_names(columns))
            needs_image, needs_text = n_images > 0, n_images < len(columns)
        texts = [None] * len(self) if self.texts is None else self.texts
        return [
            not (needs_image and image or needs_text and text)
            for image, text in zip(self.images, texts, strict=True)
        ]

    def _image_names(self, columns: Sequence[str]) -> set[str]:
        return {
            name
            for name in columns
            if name == self.image_column or name.strip().lower() in IMAGE_COLUMNS
        }

    def _as_frame(self, columns: Sequence[str], part: slice) -> Any:
        """Make a table whose columns a tagger has learnt by name."""
        import pandas

        of_images = self._image_names(columns)
        others = [name for name in columns if name not in of_images]
        if len(others) > 1 or len(of_images) > 1:
            raise ValueError(
                "The tagger must take a column of images and one of texts. Got one of "
                f"the columns {shown_first(list(columns), 8)}: run it from Python."
            )
        # A word counter takes no None, and an empty text is none to a featurizer.
        texts = [text or "" for text in self._needed_texts()] if others else []
        return pandas.DataFrame(
            {
                name: (self.images if name in of_images else texts)[part]
                for name in columns
            }
        )

    def _needed_texts(self) -> list[str | None]:
        if self.texts is None:
            raise ValueError(
                "The tagger reads texts, and these rows have none. Name their column "
                "with --text."
            )
        return self.texts


def _modalities(tagger: Any) -> tuple[bool, bool]:
    """Tell whether a tagger reads images, and whether it reads texts."""
    clip = next(inner_featurizers(tagger), tagger)
    if hasattr(clip, "image") and hasattr(clip, "text"):  # CLIPFineTuner has both too
        return clip.image is not None, clip.text is not None
    first = clip
    while hasattr(first, "steps"):
        first = first.steps[0][1]
    if get_tags(first).input_tags.string:
        return False, True
    raise ValueError(
        "The tagger must hold what reads its rows, such as a CLIPFeaturizer. Got one "
        f"that begins with {type(first).__name__}, which takes numbers: save the whole "
        "Pipeline."
    )


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
        A folder of pictures, a picture, or a table.
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
    from sklearn_clip.datasets._image_files import is_picture

    alone = is_picture(path.name) and path.is_file()
    if path.is_dir() or alone:
        if images or image or text:
            raise ValueError(
                "--images, --image and --text are for tables. Got them with a "
                f"{'picture' if alone else 'folder'}."
            )
        return Rows([path.name], [str(path)], None) if alone else _walk(path)
    from sklearn_clip.datasets import load_csv_tags

    table = open_table(path)
    column = find_column(table, image, IMAGE_COLUMNS, _IMAGE, required=not text)
    folder = None if column is None else (path.parent if images is None else images)
    data = load_csv_tags(
        table.path,
        folder,
        layout=None,
        image=column or "image",
        text=list(text) or None,
        duplicates="keep",
        missing_files="keep",
        delimiter=table.delimiter or ",",
    ).data
    found = [None if cell is None else str(cell) for cell in data[:, 0]]
    texts = list(data[:, 1]) if text else None
    names = [
        f"row {row}" if cell is None else _within(cell, folder)
        for row, cell in enumerate(found)
    ]
    return Rows(names, found, texts, column)


def _within(path: str, folder: Path | None) -> str:
    """Path below a folder, if it is below it."""
    try:
        return str(Path(path).relative_to(folder)) if folder is not None else path
    except ValueError:
        return path


def _walk(folder: Path) -> Rows:
    """Find the pictures of a folder and of those in it, in the order of their names."""
    from sklearn_clip.datasets.formats._rows import find_pictures

    found = find_pictures(folder)
    if not found:
        raise FileNotFoundError(f"There is no picture in {str(folder)!r}.")
    return Rows([_within(path, folder) for path in found], list(found), None)


def read_labelled(
    path: Path,
    *,
    images: Path | None,
    image: str | None,
    text: Sequence[str],
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
    column = find_column(table, image, IMAGE_COLUMNS, _IMAGE, required=not text)
    said = [] if column is None else [f"images in column {column!r}"]
    options: dict[str, Any] = {}
    label_column = None
    if layout != "columns":
        label_column = find_column(
            table, labels, LABEL_COLUMNS, "--labels", required=layout != "auto"
        )
    if layout == "auto":
        layout = "columns" if label_column is None else "cells"
    if layout == "columns" and labels is not None:
        options["classes"] = name_columns(table, labels)
    if label_column is None:
        said.append("one column for each label")
    else:
        said.append(f"labels in column {label_column!r}")
        options["labels"] = label_column
    if layout == "cells":
        cells = read_texts(table, label_column) if label_column in table.columns else []
        options["separator"] = separator or guess_separator(cells)
        said.append(say_separator(options["separator"], cells, not separator))
    if classes is not None:
        options |= {"classes": classes, "other_labels": "ignore"}
    folder = None if column is None else (path.parent if images is None else images)
    try:
        data = load_csv_tags(
            path,
            folder,
            layout=layout,
            image=column or "image",
            text=list(text) or None,
            group=group,
            unlabelled=unlabelled,
            missing_files="keep" if column is not None else "raise",
            delimiter=table.delimiter or ",",
            **options,
        )
    except ValueError as exc:
        if layout != "columns" or "left out with classes" not in str(exc):
            raise
        way = "--layout columns --labels dog,beach names the columns that are labels"
        raise ValueError(f"{exc} Here: {way}.") from exc
    found = [None if cell is None else str(cell) for cell in data.data[:, 0]]
    texts = list(data.data[:, 1]) if text else None
    names = [
        f"line {line}" if cell is None else cell
        for cell, line in zip(found, data.lines, strict=True)
    ]
    return data, Rows(names, found, texts, column), ", ".join(said)
