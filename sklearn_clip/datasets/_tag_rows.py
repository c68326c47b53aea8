"""Rows of images and labels: read from a table, found on the disk, merged."""

from dataclasses import dataclass

import numpy as np

from sklearn_clip._shared import clean_name
from sklearn_clip.datasets._image_files import ImageFolder
from sklearn_clip.datasets._missing_files import report_missing


@dataclass(slots=True)
class TagRow:
    """One row of a data set.

    `image` is the name in the table, later the path (None without pictures), and `file`
    what is equal for all paths of one file. `labels`, `absent`, `is_empty` and `unsure`
    are those of :class:`Marks`; `line_of` has the line of each label where several
    lines were merged, else None.
    """

    line: int
    image: str | None
    text: str | None
    group: str | None
    labels: object
    is_empty: bool
    file: str | None = None
    absent: frozenset | None = None
    line_of: dict | None = None
    unsure: frozenset = frozenset()


def read_rows(table, places, read, *, may_lack=False):
    """Read every line of a table as a row, its image as it is named there.

    Parameters
    ----------
    table : Table
    places : dict of {str: list of int}
        Positions of the columns ``image``, ``text`` and ``group``; those of several
        texts are joined by blanks.
    read : callable
        Of a line and its cells; returns Marks.
    may_lack : bool, default=False
        Whether a row may have no image.

    Returns
    -------
    list of TagRow

    Raises
    ------
    ValueError
        If an image or a group is not there, or a cell of these columns is a list.
    """
    rows = []
    for line, cells in table.rows:
        found = dict.fromkeys(("image", "text", "group"))
        for name, columns in places.items():
            values = [_one_value(table, line, cells, column) for column in columns]
            found[name] = " ".join(filter(None, values)) or None
        for name in ("image", "group"):
            lacks = name in places and found[name] is None
            if lacks and not (may_lack and name == "image"):
                raise ValueError(
                    f"Every row must have its {name}. Got an empty cell in the column "
                    f"{table.header[places[name][0]]!r} ({table.place(line)}): "
                    "fill it, or leave the row out."
                )
        marks = read(line, cells)
        rows.append(
            TagRow(
                line,
                found["image"],
                found["text"],
                clean_name(found["group"]),
                marks.present,
                marks.is_empty,
                absent=marks.absent,
                unsure=marks.unsure,
            )
        )
    return rows


def _one_value(table, line, cells, column):
    if isinstance(cells[column], tuple):
        raise ValueError(
            f"A cell of the column {table.header[column]!r} must hold one value. Got a "
            f"list ({table.place(line)})."
        )
    return cells[column]


def find_images(table, rows, images, missing_files):
    """Put the path of its file in the place of the image of each row."""
    folder = ImageFolder(images, "images")
    paths, files, missing, kept = {}, {}, {}, []
    for row in rows:
        name = row.image
        if name is None:  # of none but these rows is it allowed
            row.file = f"line {row.line}"
            kept.append(row)
            continue
        if name not in paths:
            try:
                paths[name] = folder.find(name)
            except ValueError as exc:
                raise ValueError(f"{exc} ({table.place(row.line)}).") from exc
            if paths[name] is None:
                missing[name] = f"{name!r} ({table.unit} {row.line})"
                if missing_files == "keep":
                    paths[name] = str(folder.root / name)
            if paths[name] is not None:
                files[name] = folder.identify(paths[name])
        row.image, row.file = paths[name], files.get(name)
        if row.image is not None:
            kept.append(row)
    if missing_files != "keep":
        n_images = len({row.file for row in kept}) + len(missing)
        report_missing(missing, n_images, [folder], missing_files)
    return kept


def take_texts(table, rows, layout, *, may_lack=False):
    """Make rows of texts alone, in pairs known by the column of the images."""
    for row in rows:
        if row.text is None and not may_lack:
            raise ValueError(
                "Without images every row must have its text. Got none "
                f"({table.place(row.line)})."
            )
        alone = f"line {row.line}" if row.text is None else clean_name(row.text)
        row.file = row.image if layout == "pairs" else alone
        row.image = None
    return rows


def _way_out_of_duplicates(rows, separator):
    """Say what to do about an image in two lines, by what the label cells hold."""
    pairs, leave = "layout='pairs' reads a label a line", "leave one of them out"
    if not all(isinstance(row.labels, frozenset | None) for row in rows):
        return leave.capitalize()  # a column for each label
    if all(len(row.labels or ()) < 2 for row in rows):
        return pairs
    # A cell of several labels would be one label of that layout; what blanks part may
    # be one of several words.
    return f"{pairs}; else {leave}" if separator == " " else leave.capitalize()


def refuse_duplicates(table, rows, separator):
    """Raise if an image stands in two lines."""
    line_of = {}
    for row in rows:
        first = line_of.setdefault(row.file, row.line)
        if first != row.line:
            way = _way_out_of_duplicates(rows, separator)
            raise ValueError(
                f"An image must stand in one line. Got '{row.image}' in {table.unit} "
                f"{first} and again ({table.place(row.line)}). {way}; "
                "duplicates='keep' makes every line a row."
            )


def merge_rows(table, rows, disagreement="raise"):
    """Make one row of the lines of each image.

    Parameters
    ----------
    table : Table
    rows : list of TagRow
    disagreement : {"raise", "unknown"}, default="raise"
        What a label is that one line says is there and another is not.

    Returns
    -------
    list of TagRow

    Raises
    ------
    ValueError
        If lines of an image disagree on its text, its group or, on demand, a label.
    """
    merged = {}
    for row in rows:
        first = merged.setdefault(row.file, row)
        if first is row:
            continue
        for name in ("text", "group"):
            old, new = getattr(first, name), getattr(row, name)
            if None not in (old, new) and clean_name(old) != clean_name(new):
                raise ValueError(
                    f"The lines of an image must have the same {name}. Got {old!r:.60} "
                    f"({table.unit} {first.line}) and {new!r:.60} "
                    f"({table.place(row.line)})."
                )
            setattr(first, name, new if old is None else old)
        if row.absent is not None:
            if first.line_of is None:
                first.line_of = dict.fromkeys(first.labels | first.absent, first.line)
            _check_agreement(table, first, row, disagreement)
            first.absent = first.absent | row.absent
            for tag in row.labels | row.absent:
                first.line_of.setdefault(tag, row.line)
        if row.labels is not None:
            first.labels = row.labels | (first.labels or frozenset())
        first.unsure = first.unsure | row.unsure
        first.is_empty = not (first.labels or first.absent or first.unsure)
    return list(merged.values())


def _check_agreement(table, first, row, disagreement):
    """Raise if a label of an image is there by one line and absent by another."""
    both = (first.labels & row.absent) | (first.absent & row.labels)
    if both and disagreement == "raise":
        tag = min(both)
        raise ValueError(
            "The lines of an image must agree. Got the label "
            f"{tag!r} both present and absent ({table.unit} {first.line_of[tag]} and "
            f"{table.place(row.line)})."
        )


def settle_unlabelled(table, rows, unlabelled):
    """Drop rows without labels, or make them unknown."""
    if unlabelled == "drop":
        rows = [row for row in rows if not row.is_empty]
        if not rows:
            raise ValueError(f"The table must have labels. Got none ({table.name}).")
    for row in rows if unlabelled == "unknown" else ():
        if row.is_empty and isinstance(row.labels, frozenset):
            row.labels = None
    return rows


def number_groups(rows, group):
    """Group of each row: that of its column, else a number for its image."""
    if group is not None:
        return np.array([row.group for row in rows])
    numbers = {}
    return np.array([numbers.setdefault(row.file, len(numbers)) for row in rows])
