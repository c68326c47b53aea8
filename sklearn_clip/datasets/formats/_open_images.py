"""Image-level labels in the form of Open Images."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from typing import Literal

import numpy as np

from sklearn_clip._shared import as_path, clean_name, hint_at_name
from sklearn_clip.datasets._bunch import Loaded, check_choice, make_bunch
from sklearn_clip.datasets._collector import collector_paused
from sklearn_clip.datasets._confidence import check_min_confidence
from sklearn_clip.datasets._frame_table import open_table
from sklearn_clip.datasets._label_cells import make_value_reader
from sklearn_clip.datasets._tag_rows import (
    find_images,
    merge_rows,
    number_groups,
    read_rows,
    settle_unlabelled,
)
from sklearn_clip.datasets._tag_targets import check_reader, indicate, make_speller
from sklearn_clip.datasets.formats._text import read_text

_COLUMNS = ("ImageID", "LabelName", "Confidence")


@collector_paused()
def load_open_images(
    annotations: str | os.PathLike[str],
    images: str | os.PathLike[str],
    *,
    descriptions: str | os.PathLike[str] | None = None,
    sources: Iterable[str] | None = None,
    min_confidence: float | None = None,
    disagreement: Literal["raise", "unknown"] = "raise",
    classes: Iterable[str] | None = None,
    other_labels: Literal["raise", "ignore"] = "raise",
    unlabelled: Literal["keep", "drop"] = "keep",
    missing_files: Literal["raise", "drop", "keep"] = "raise",
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Loaded:
    """Load image-level labels as Open Images has them.

    A line of the table is an image, a label and a confidence: 1 where the label is
    present, 0 where a person looked for it in vain. A label without a line is unknown,
    NaN in the targets, and not absent.

    Parameters
    ----------
    annotations : str, path-like or DataFrame
        The table with the columns ``ImageID``, ``LabelName`` and ``Confidence``. A
        table of boxes has them too: each box is a label that is present.
    images : str or path-like
        The folder of the images, which are called by their ids.
    descriptions : str, path-like or None, default=None
        The file of the names of the labels, two columns with a header or without.
        None leaves the labels as they are, such as ``"/m/0bt9lr"``.
    sources : list of str or None, default=None
        The values of the column ``Source`` of which lines are read, such as
        ``["verification"]``. None reads all.
    min_confidence : float or None, default=None
        Labels given by a machine have a confidence in (0, 1). From this one, in (0, 1],
        on they are present, below it unknown. None makes such a line an error.
    disagreement : {"raise", "unknown"}, default="raise"
        What a label is that is present by one line and absent by another.
    classes : list of str or None, default=None
        The labels and their order, by the names they have in the end. None takes all
        that occur, sorted.
    other_labels : {"raise", "ignore"}, default="raise"
        What happens to labels that are not among `classes`.
    unlabelled : {"keep", "drop"}, default="keep"
        What happens to an image of which no label is known: a row of NaN, or none.
    missing_files : {"raise", "drop", "keep"}, default="raise"
        What happens to rows whose image is not there, as in :func:`load_csv_tags`.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether `data` and `target` are pandas DataFrames.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        As of :func:`load_csv_tags`: `data` of shape (n, 2), `target` of shape
        (n, n_labels) of 1, 0 and NaN, `target_names`, `groups`, `lines` and `frame`.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a parameter is unknown, a column is not there, a confidence is none, lines
        contradict each other, or a label has no name in `descriptions`.
    TypeError
        If `sources` is one text.
    FileNotFoundError
        If a file or an image is not there.
    NotADirectoryError
        If `images` is no folder.
    ImportError
        If `as_frame` and pandas is not installed.

    See Also
    --------
    load_csv_tags : Read other tables; ``value=`` reads such a column there.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_clip.datasets import load_open_images
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("0.jpg", "1.jpg"):
    ...     (folder / name).touch()
    >>> table = folder / "labels.csv"
    >>> _ = table.write_text('''ImageID,Source,LabelName,Confidence
    ... 0,verification,/m/cat,1
    ... 0,verification,/m/dog,0
    ... 1,verification,/m/dog,1
    ... ''')
    >>> found = load_open_images(table, folder)
    >>> found.target_names
    ['/m/cat', '/m/dog']
    >>> found.target
    array([[ 1.,  0.],
           [nan,  1.]])
    """
    check_choice("disagreement", disagreement, ("raise", "unknown"))
    check_choice("unlabelled", unlabelled, ("keep", "drop"))
    classes = check_reader(
        classes, other_labels=other_labels, missing_files=missing_files
    )
    check_min_confidence(min_confidence)
    if isinstance(sources, str):
        raise TypeError(f"sources must be a list of texts. Got {sources!r}.")
    table = open_table(annotations, "utf-8", ",", "annotations")
    lacking = [name for name in _COLUMNS if clean_name(name) not in table.header]
    if lacking:
        raise ValueError(
            f"annotations must have the columns {', '.join(map(repr, _COLUMNS))}. Got "
            f"none called {lacking[0]!r} in '{table.name}', which has "
            f"{', '.join(map(repr, table.header))}.{table.hint_at_columns(lacking[0])}"
        )
    places = {"image": [table.find_column("ImageID", "ImageID")]}
    names = None if descriptions is None else _read_descriptions(descriptions)
    read = make_value_reader(
        table,
        "LabelName",
        "Confidence",
        frozenset(),
        make_speller(names, None, "descriptions"),
        min_confidence=min_confidence,
    )
    if sources is not None:
        _choose_sources(table, sources)
    rows = find_images(table, read_rows(table, places, read), images, missing_files)
    rows = merge_rows(table, rows, disagreement)
    rows = settle_unlabelled(table, rows, unlabelled)
    target, names = indicate(
        table, rows, classes, other_labels, disagreement=disagreement
    )
    return make_bunch(
        [row.image for row in rows],
        [None] * len(rows),
        target,
        names,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_open_images",
        groups=number_groups(rows, None),
        lines=np.array([row.line for row in rows], dtype=np.int64),
    )


def _choose_sources(table, sources):
    """Leave the lines of some sources in a table."""
    column = table.find_column("Source", "sources")
    there = sorted({cells[column] or "" for _, cells in table.rows})
    unknown = [source for source in sources if source not in there]
    if unknown or not sources:
        hint = hint_at_name(unknown[0], there) if unknown else ""
        raise ValueError(
            f"sources must be among those of '{table.name}', which has "
            f"{', '.join(map(repr, there))}. Got {sources!r}.{hint}"
        )
    table.rows = [row for row in table.rows if row[1][column] in sources]


def _read_descriptions(path):
    """Names of the labels by their ids."""
    path = as_path(path, "descriptions")
    names = {}
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    for cells in _rows(reader, path):
        where = f"{path.name}, line {reader.line_num}"
        if not any(cells) or cells[:2] == ["LabelName", "DisplayName"]:
            continue
        if len(cells) != 2 or not all(cell.strip() for cell in cells):
            raise ValueError(
                "A description must be the id of a label and its name. Got "
                f"{','.join(cells)!r:.60} ({where})."
            )
        label, name = clean_name(cells[0]), cells[1].strip()
        if names.setdefault(label, name) != name:
            raise ValueError(
                f"A label must have one name. Got {names[label]!r} and {name!r} "
                f"for {label!r} ({where})."
            )
    return names


def _rows(reader, path):
    """Yield the rows of a CSV file, whose quotation marks may be wrong."""
    try:
        yield from reader
    except csv.Error as exc:
        raise ValueError(
            "Quotation marks inside a quoted cell must be doubled. Got a row that "
            f"breaks off: {exc} ({path.name}, line {reader.line_num}). Mend the file."
        ) from exc
