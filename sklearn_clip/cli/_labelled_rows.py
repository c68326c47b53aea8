"""Labelled rows: the lines of a table that tells what is on its pictures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_clip._shared import clean_name, counted, shown_first
from sklearn_clip.cli._rows import IMAGE_OPTION, Rows, hint_at_missing
from sklearn_clip.cli._tables import (
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    Table,
    find_column,
    guess_separator,
    name_columns,
    open_table,
    read_texts,
    say_separator,
)

# Ways out that the command has where errors of `load_csv_tags` name parameters.
_WAYS = {
    "left out with classes": "--layout columns --labels dog,beach names the columns "
    "that are labels",
    "a label a line": "--layout pairs, or --text with another caption in each line",
    "duplicates='keep'": "--text with another caption in each line makes two rows",
    "confidence=": "--confidence COLUMN --min-confidence 0.5",
    "value=": "leave such lines out",
    "StringIO": "mend the file",
    "encoding=": "save it as 'CSV UTF-8'",
    "separator=": "--separator ';' names what stands between labels",
    "layout='pairs'": "--layout pairs",
    "layout='cells'": "--layout cells",
}


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
    confidence: str | None = None,
    min_confidence: float | None = None,
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
    confidence : str or None, default=None
        Column of how sure a machine was of each label of the layout "pairs".
    min_confidence : float or None, default=None
        From which confidence, in (0, 1], on a label is one.
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
    if path.is_dir():
        raise ValueError(f"{str(path)!r} must be a table of labels. Got a folder.")
    table = open_table(path)
    column = find_column(table, image, IMAGE_COLUMNS, IMAGE_OPTION, required=not text)
    said = [] if column is None else [f"images in column {column!r}"]
    options: dict[str, Any] = {}
    label_column = None
    if layout != "columns":
        label_column = find_column(
            table, labels, LABEL_COLUMNS, "--labels", required=layout != "auto"
        )
    if layout == "auto":
        layout = "columns" if label_column is None else "cells"
    named = None
    if layout == "columns" and labels is not None:
        named = options["classes"] = name_columns(table, labels)
    if label_column is None:
        said.append("one column for each label")
    else:
        said.append(f"labels in column {label_column!r}")
        options["labels"] = label_column
    if layout == "cells":
        cells = read_texts(table, label_column) if label_column in table.columns else []
        options["separator"] = separator or guess_separator(cells)
        if cells:  # none are in lists
            said.append(say_separator(options["separator"], cells, not separator))
    if min_confidence is not None:
        of = "" if confidence is None else f" in column {confidence!r}"
        said.append(f"present from {min_confidence:g}{of} on")
    if classes is not None:
        options |= {"classes": classes, "other_labels": "ignore"}
    if classes is not None and layout == "columns":
        options["classes"] = _choose_columns(table, named, classes)
        n_lacking = len(classes) - len(options["classes"])
        if n_lacking:
            lost = counted(n_lacking, "label")
            said.append(f"unknown for want of a column: {lost} of the tagger")
    options |= {
        "layout": layout,
        "image": column or "image",
        "text": list(text) or None,
        "group": group,
        "confidence": confidence,
        "min_confidence": min_confidence,
        "unlabelled": unlabelled,
        "delimiter": table.delimiter or ",",
    }
    data = _load(path, None if column is None else (images or path.parent), options)
    may_number_rows = bool(text) and image is None and images is None
    if may_number_rows and column is not None and _names_no_picture(column, data):
        said[0] = f"texts alone, as column {column!r} names no picture that is there"
        column, data = None, _load(path, None, options)
    if column is not None:
        _refuse_repeated(data, path)
    bare = int((np.asarray(data.target) == 0).all(axis=1).sum())
    # Beside the labels of a tagger, such a row may have others.
    if bare and classes is None and layout != "columns" and unlabelled == "keep":
        rows = counted(bare, "row")
        said.append(f"none of them in {rows} (not looked at yet? --unlabelled drop)")
    if classes is not None and layout == "columns":
        _add_unknown(data, classes)
    found = [None if cell is None else str(cell) for cell in data.data[:, 0]]
    hint_at_missing(found, None if column is None else (images or path.parent))
    texts = list(data.data[:, 1]) if text else None
    names = [
        f"line {line}" if cell is None else cell
        for cell, line in zip(found, data.lines, strict=True)
    ]
    return data, Rows(names, found, texts, column), ", ".join(said)


def _load(path: Path, folder: Path | None, options: dict[str, Any]) -> Any:
    """Read the table, of texts alone without a folder; say what the command can do."""
    from sklearn_clip.datasets import load_csv_tags

    try:
        return load_csv_tags(
            path,
            folder,
            duplicates="keep" if options["text"] else "raise",
            missing_files="keep",
            **options,
        )
    except ValueError as exc:
        way = next((way for mark, way in _WAYS.items() if mark in str(exc)), None)
        if way is None:
            raise
        raise ValueError(f"{exc} Here: {way}.") from exc


def _names_no_picture(column: str, data: Any) -> bool:
    """Whether ids are those of rows: none of them is a picture beside the table."""
    if column.strip().lower() != "id":
        return False
    return not any(os.path.isfile(path) for path in data.data[:, 0] if path)


def _choose_columns(
    table: Table, named: Sequence[str] | None, classes: Sequence[str]
) -> list[str]:
    """Take the labels of a tagger that have a column, of those that are named."""
    there = set(map(clean_name, table.columns if named is None else named))
    found = [name for name in classes if clean_name(name) in there]
    if not found:
        raise ValueError(
            f"{str(table.path)!r} must have a column of a label of the tagger. Got "
            f"none of {shown_first(list(classes), 8)}."
        )
    return found


def _refuse_repeated(data: Any, path: Path) -> None:
    """Refuse rows of one picture and one text: several texts make several rows."""
    line_of: dict[Any, int] = {}
    for row, line in zip(map(tuple, data.data), data.lines, strict=True):
        first = line_of.setdefault(row, line)
        if first != line and row[0] is not None:
            raise ValueError(
                f"{str(path)!r} must hold a picture with a text once. Got {row[0]!r} "
                f"in line {first} and again, with the same text, in line {line}. "
                "--layout pairs reads a label a line; else leave one of them out."
            )


def _add_unknown(data: Any, classes: list[str]) -> None:
    """Give targets a column of NaN for each label that has none."""
    target = np.full((len(data.target), len(classes)), np.nan)
    target[:, [classes.index(name) for name in data.target_names]] = data.target
    data.target, data.target_names = target, classes
