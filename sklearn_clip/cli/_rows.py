"""Rows to work on: the pictures of a folder, or the lines of a table."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import get_tags

from sklearn_clip._shared import (
    counted,
    inner_featurizers,
    is_exported,
    shown_first,
    warn_user,
)
from sklearn_clip.cli._tables import IMAGE_COLUMNS, find_column, open_table

# Of rows without a picture, and without a text where texts are looked at.
_NOTHING = "nothing to look at"
_PART = "picture or text missing, which the tagger refuses (missing='raise')"
# How the column of the images is named, in errors.
IMAGE_OPTION = "--image (texts alone: --text)"
_OF_TABLES = "--images, --image and --text"


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
    note : str or None, default=None
        What is to be said about files that are no rows.
    """

    names: list[str]
    images: list[str | None]
    texts: list[str | None] | None
    image_column: str | None = None
    note: str | None = None

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

    def find_bare(self, tagger: Any) -> dict[int, str]:
        """Find rows that hold nothing of what a tagger reads, or less than it takes.

        Parameters
        ----------
        tagger : estimator instance
            As for `as_X`.

        Returns
        -------
        dict of {int: str}
            Why each of them cannot be looked at.
        """
        columns = getattr(tagger, "feature_names_in_", None)
        if columns is None:
            needs_image, needs_text = _modalities(tagger)
        else:
            n_images = len(self._image_names(columns))
            needs_image, needs_text = n_images > 0, n_images < len(columns)
        texts = [None] * len(self) if self.texts is None else self.texts
        required = _required_items(tagger)
        found = {}
        for row, (image, text) in enumerate(zip(self.images, texts, strict=True)):
            if not (needs_image and image or needs_text and text):
                found[row] = _NOTHING
            elif "image" in required and not image or "text" in required and not text:
                found[row] = _PART
        return found

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


def _required_items(tagger: Any) -> set[str]:
    """Tell which items no row may lack."""
    if is_exported(tagger):  # opened to take rows that lack one
        said = tagger.description
        return set(said.modalities) if said.missing == "raise" else set()
    required: set[str] = set()
    for clip in inner_featurizers(tagger):
        if clip.missing == "raise":
            one = (clip.fusion,) if clip.fusion in ("image", "text") else None
            read = getattr(clip.fusion, "modalities", one or ("image", "text"))
            required.update(name for name in read if getattr(clip, name) is not None)
    return required


def _modalities(tagger: Any) -> tuple[bool, bool]:
    """Tell whether a tagger reads images, and whether it reads texts."""
    clip = next(inner_featurizers(tagger), tagger)
    # CLIPFineTuner and OnnxTagger have both, too.
    if hasattr(clip, "image") and hasattr(clip, "text"):
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
    path: Path, images: Path | None, image: str | None, text: Sequence[str] | None
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
    text : sequence of str or None
        Columns of the captions; None if the command has no ``--text``.

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
            named = "--images and --image" if text is None else _OF_TABLES
            raise ValueError(
                f"{named} are for tables. Got them with a "
                f"{'picture' if alone else 'folder'}."
            )
        return Rows([path.name], [str(path)], None) if alone else _walk(path)
    from sklearn_clip.datasets import load_csv_tags

    table = open_table(path)
    option = "--image" if text is None else IMAGE_OPTION
    column = find_column(table, image, IMAGE_COLUMNS, option, required=not text)
    folder = None if column is None else (path.parent if images is None else images)
    data = load_csv_tags(
        table.path,
        folder,
        layout=None,
        image=column or "image",
        text=list(text) if text else None,
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
    hint_at_missing(found, folder)
    return Rows(names, found, texts, column)


def hint_at_missing(images: Sequence[str | None], folder: Path | None) -> None:
    """Warn of pictures that are not there, where something like them is.

    Parameters
    ----------
    images : sequence of str or None
        Paths of pictures.
    folder : Path or None
        Folder that the table's images are in; None if it names none.
    """
    from sklearn_clip.datasets._image_files import ImageFolder
    from sklearn_clip.datasets._missing_files import find_cause

    if folder is None:
        return
    absent = (path for path in images if path and not os.path.exists(path))
    names = [_within(path, folder) for path in itertools.islice(absent, 3)]
    cause, below = find_cause(names, [ImageFolder(folder, "images")])
    if cause or below:
        warn_user(f"Not all pictures are in {str(folder)!r}. {cause or below}")


def _within(path: str, folder: Path | None) -> str:
    """Path below a folder, if it is below it."""
    try:
        return str(Path(path).relative_to(folder)) if folder is not None else path
    except ValueError:
        return path


def _shown_kinds(others: Counter[str]) -> str:
    """Suffixes of files, the most frequent first, with their numbers."""
    return ", ".join(f"{n:,} of {kind}" for kind, n in others.most_common(5))


def _walk(folder: Path) -> Rows:
    """Find the pictures of a folder and of those in it, in the order of their names."""
    from sklearn_clip.datasets._image_files import is_picture
    from sklearn_clip.datasets.formats._rows import walk

    found: list[str | None] = []
    names: list[str] = []
    others: Counter[str] = Counter()
    for below, files in walk(folder):
        for file in files:
            if is_picture(file):
                names.append(os.path.join(*below.split("/"), file))
                found.append(os.path.join(folder, names[-1]))
            else:
                others[os.path.splitext(file)[1].lower() or file] += 1
    if not found:
        kinds = _shown_kinds(others) or "none"
        raise FileNotFoundError(
            f"There is no picture in {str(folder)!r}. Its files: {kinds}."
        )
    others.pop(".xmp", None)  # keywords of the pictures, as --xmp writes them
    rest = counted(others.total(), "file")
    note = (
        f"Not looked at, as no pictures by their names: {rest} "
        f"({_shown_kinds(others)})."
    )
    return Rows(names, found, None, note=note if others else None)
