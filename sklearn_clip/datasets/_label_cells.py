"""What the label cells of a CSV file say: tags in one cell, or 0, 1 and unknown."""

import re

import numpy as np

from sklearn_clip._shared import EMPTY_WORDS, clean_name, warn_user

_WORDS = {"false": 0.0, "true": 1.0}
_SEPARATORS = ";|,"
_OTHER_BLANK = re.compile(r"[^\S ]")
# Lists, sets and tuples as Python, numpy and PostgreSQL print them; not "(18+)".
_PRINTED = re.compile(
    r"""\[.*\] | \{.*\} | \(\) | \((['"].*|\d+,.*)\) | (frozen)?set\(.*\)""",
    re.DOTALL | re.VERBOSE,
)


def make_column_reader(table, classes, na_values):
    """Make the function that reads the 0, 1 and NaN of a row.

    Parameters
    ----------
    table : CSVTable
    classes : list of str
        Names of the columns.
    na_values : frozenset of str
        Cells that mean "unknown", besides the usual words.

    Returns
    -------
    callable
        Of a line and its cells; returns an ndarray of shape (n_labels,) and whether
        all of it is NaN.

    Raises
    ------
    ValueError
        If a column is not there. The function raises it for a cell that is none of
        0, 1 and unknown.
    """
    columns = [table.find_column(name, "classes") for name in classes]

    def read(line, cells):
        values = np.full(len(columns), np.nan)
        for i, column in enumerate(columns):
            cell = clean_name(cells[column])
            if cell in na_values or cell.lower() in EMPTY_WORDS:
                continue
            values[i] = _as_number(cell)
            if values[i] not in (0, 1):
                raise ValueError(
                    f"A label must be 0, 1 or empty. Got {cell!r} in the column "
                    f"{classes[i]!r} ({table.place(line)}). na_values=[{cell!r}] makes "
                    "it unknown; other columns than labels are left out with classes."
                )
        return values, bool(np.isnan(values).all())

    return read


def _as_number(cell):
    """Read the number that a label cell holds, NaN if it holds none."""
    try:
        return _WORDS[cell.lower()] if cell.lower() in _WORDS else float(cell)
    except ValueError:
        return np.nan


def make_cell_reader(table, layout, labels, separator, na_values):
    """Make the function that reads the tags of a row.

    Parameters
    ----------
    table : CSVTable
    layout : {"cells", "pairs"} or None
        Where the tags stand.
    labels : str
        Name of their column.
    separator : str
        What stands between the tags of a cell.
    na_values : frozenset of str
        Cells that mean "unknown".

    Returns
    -------
    callable
        Of a line and its cells; returns a frozenset of tags, or None if they are
        unknown, and whether there are none.

    Raises
    ------
    ValueError
        If the column is not there, or its tags are separated otherwise. The function
        raises it for a printed list.
    """
    if layout is None:
        return lambda line, cells: (frozenset(), False)
    column = table.find_column(labels, "labels")
    if layout == "cells":
        _check_separator(table, column, separator)

    def read(line, cells):
        cell = cells[column]
        if cell in na_values:
            return None, True
        if layout == "pairs":
            tags = frozenset([cell] if clean_name(cell) else [])
            return tags, not tags
        if _PRINTED.fullmatch(cell):
            raise ValueError(
                "A label cell must hold labels with a separator between them. Got the "
                f"printed collection {cell!r:.60} ({table.place(line)}). Read the "
                "column, as with ast.literal_eval, and make targets with "
                "labels_to_frame."
            )
        tags = frozenset(_split(cell, separator))
        return tags, not tags

    return read


def _split(cell, separator):
    """Tags of a cell, in order."""
    return [part.strip() for part in cell.split(separator) if clean_name(part)]


def _check_separator(table, column, separator):
    """Raise or warn if the cells look as if another separator were meant."""
    cells = [
        (line, cells[column])
        for line, cells in table.rows
        if cells[column] and not _PRINTED.fullmatch(cells[column])
    ]
    several = [(line, cell) for line, cell in cells if separator in cell]
    if not several:
        _warn_of_another(table, [cell for _, cell in cells], separator)
    elif separator.isspace():
        _check_ends(table, several, separator)
    if separator == " ":
        _tell_of_other_blanks(table, cells)


def _tell_of_other_blanks(table, cells):
    """Warn of white space that looks like the separator, but parts no labels."""
    found = [(line, cell) for line, cell in cells if _OTHER_BLANK.search(cell)]
    if found:
        line, cell = found[0]
        warn_user(
            f"{len(found)} of {len(cells)} label cells hold white space that is not "
            f"the separator ' ' and parts no labels. Got {cell!a:.60} "
            f"({table.place(line)}). Put plain blanks in its place if it should."
        )


def _warn_of_another(table, cells, separator):
    """Warn if no cell holds the separator, but many another."""
    for other in _SEPARATORS:
        n_cells = sum(other in cell for cell in cells)
        if other not in separator and n_cells > len(cells) / 4:
            warn_user(
                f"No label cell holds the separator {separator!r}, but {n_cells} of "
                f"{len(cells)} hold {other!r} ({table.name}): is "
                f"separator={other!r} meant?",
            )
            return


def _check_ends(table, cells, separator):
    """Raise if many cells like "cat, dog" were split at white space; tell of few."""
    for other in _SEPARATORS:
        found = [
            (line, tag)
            for line, cell in cells
            if other in cell
            for tag in _split(cell, separator)
            if tag != tag.strip(other)
        ]
        if not found:
            continue
        line, tag = found[0]
        n_cells = len({line for line, _ in found})
        message = (
            f"Labels must not begin or end in {other!r}. Got {tag!r} and the like in "
            f"{n_cells} of {len(cells)} cells that hold the separator {separator!r} "
            f"({table.place(line)}): is separator={other!r} meant?"
        )
        if n_cells > len(cells) / 4:
            raise ValueError(
                f"{message} Where a cell is one label, layout='pairs' reads it."
            )
        warn_user(message)
