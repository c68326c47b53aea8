"""What the label cells of a table say: tags in one cell, or 0, 1 and unknown."""

import re
from typing import NamedTuple

import numpy as np

from sklearn_clip._shared import EMPTY_WORDS, clean_name, number_of_word, warn_user
from sklearn_clip.datasets._confidence import ADVICE
from sklearn_clip.datasets._printed_lists import (
    are_printed_lists,
    is_printed,
    read_printed,
    refuse_printed,
    refuse_printed_pair,
)

_WORDS = {"false": 0.0, "true": 1.0}
# What Prodigy writes of a line of one label; of one that was skipped nothing is known.
_ANSWERS = {"accept": 1.0, "accepted": 1.0, "reject": 0.0, "rejected": 0.0}
_SKIPPED = ("ignore", "ignored")
# How spreadsheets write true and false in other languages.
_TRUE = frozenset(("wahr", "vrai", "vero", "verdadero", "verdadeiro", "waar", "prawda"))
_FALSE = frozenset(("falsch", "faux", "falso", "onwaar", "fa\u0142sz"))
_SEPARATORS = ";|,"
# What somebody puts into a column of a label where it is present.
_TICKS = frozenset(("x", "+", "*", "\N{CHECK MARK}", "\N{HEAVY CHECK MARK}"))
_OTHER_BLANK = re.compile(r"[^\S ]")


class Marks(NamedTuple):
    """What one row of a table says of labels.

    Parameters
    ----------
    present : frozenset of str, or ndarray of shape (n_labels,), or None
        The labels that are there, or 0, 1 and NaN by column; None if nothing is known.
    absent : frozenset of str or None
        The labels that somebody looked for in vain; None if these are all others.
    is_empty : bool
        Whether the row holds no label.
    unsure : frozenset of str, default=frozenset()
        The labels that may be there, of which nothing is known.
    """

    present: object
    absent: frozenset | None
    is_empty: bool
    unsure: frozenset = frozenset()


def make_column_reader(table, classes, na_values, min_confidence=None):
    """Make the function that reads the 0, 1 and NaN of a row.

    Parameters
    ----------
    table : Table
    classes : list of str
        Names of the columns.
    na_values : frozenset of str
        Cells that mean "unknown", besides the usual words.
    min_confidence : float or None, default=None
        As for :func:`make_value_reader`.

    Returns
    -------
    callable
        Of a line and its cells; returns Marks of an ndarray of shape (n_labels,).

    Raises
    ------
    ValueError
        If a column is not there. The function raises it for a cell that is none of
        0, 1 and unknown.
    """
    columns = [table.find_column(name, "classes") for name in classes]
    known = {}  # a table has millions of these cells, and few spellings

    def read(line, cells):
        given = [cells[column] for column in columns]
        for column, cell in zip(columns, given, strict=True):
            if isinstance(cell, tuple) or cell not in known:
                place = f"{table.header[column]!r} ({table.place(line)})"
                known[cell] = _read_mark(cell, na_values, min_confidence, place)
        values = np.array([known[cell] for cell in given])
        return Marks(values, None, bool(np.isnan(values).all()))

    return read


def _read_mark(cell, na_values, min_confidence, place):
    """0, 1 or NaN of a cell."""
    if isinstance(cell, tuple):
        raise ValueError(
            f"A label must be 0, 1 or empty. Got a list in the column {place}. Is "
            "layout='cells' meant?"
        )
    cell = "" if cell is None else clean_name(cell)
    if cell in na_values or cell.lower() in EMPTY_WORDS:
        return np.nan
    value = _as_number(cell)
    if min_confidence is not None and 0 < value < 1:
        return 1.0 if value >= min_confidence else np.nan
    if value not in (0, 1):
        raise ValueError(
            f"A label must be 0, 1 or empty. Got {cell!r} in the column {place}. "
            f"{_way_out_of_number(cell, value)}; other columns than labels are left "
            "out with classes."
        )
    return value


def _way_out(cell):
    """Say what becomes of a cell that is neither 0 nor 1."""
    if not isinstance(cell, str):
        return f"na_values=[{cell!r}] makes it unknown"
    word, number = cell.lower(), number_of_word(cell)
    if word in _TRUE or word in _FALSE:
        number = int(word in _TRUE)
    elif _as_number(word.replace(",", ".")) in (0, 1):  # with a decimal comma
        number = int(_as_number(word.replace(",", ".")))
    if number in (0, 1):
        return f"Write {number} in its place"
    if _as_number(word) == -1:
        return (
            f"na_values=[{cell!r}] makes it unknown; where it means that the label is "
            "absent, as beside 1 alone, write 0 in its place"
        )
    if word in _TICKS:
        return "Write 1 in its place, and 0 where an empty cell means that it is absent"
    return f"na_values=[{cell!r}] makes it unknown"


def _as_number(cell):
    """Read the number that a label cell holds, NaN if it holds none."""
    try:
        return _WORDS[cell.lower()] if cell.lower() in _WORDS else float(cell)
    except ValueError:
        return np.nan


def make_cell_reader(table, layout, labels, separator, na_values, spell, hierarchy):
    """Make the function that reads the tags of a row.

    Parameters
    ----------
    table : Table
    layout : {"cells", "pairs"} or None
        Where the tags stand.
    labels : str
        Name of their column.
    separator : str
        What stands between the tags of a cell.
    na_values : frozenset of str
        Cells that mean "unknown".
    spell : callable
        Of a label as it is written and the place where it stands; returns the label.
    hierarchy : str or None
        What stands between the parts of a tag.

    Returns
    -------
    callable
        Of a line and its cells; returns Marks.

    Raises
    ------
    ValueError
        If the column is not there, or its tags are separated otherwise. The function
        raises it for a printed list.
    """
    if layout is None:
        return lambda line, cells: Marks(frozenset(), None, False)
    column = table.find_column(labels, "labels")
    printed = layout == "cells" and are_printed_lists(table, column, na_values)
    if layout == "cells" and not printed:
        _check_separator(table, column, separator, hierarchy or "")

    def read(line, cells):
        cell, place = cells[column], table.place(line)
        if cell is None or cell in na_values:
            return Marks(None, None, True)
        if layout == "pairs":
            refuse_printed_pair(cell, place)
            tags = [cell] if isinstance(cell, tuple) or clean_name(cell) else []
        elif printed:
            tags = read_printed(cell) or []
        elif isinstance(cell, tuple):
            tags = cell
        else:
            refuse_printed(cell, place)
            if hierarchy is not None and separator in hierarchy and hierarchy in cell:
                raise ValueError(
                    f"separator={separator!r} must not part the paths of "
                    f"hierarchy={hierarchy!r}. Got {cell!r:.60} ({place}). Name what "
                    "stands between labels as separator=..."
                )
            tags = _split(cell, separator)
        tags = frozenset(spell(tag, place) for tag in tags)
        # A printed "[]" was a list, so that somebody has looked; "" was None.
        return Marks(tags, None, not (cell if printed else tags))

    return read


def make_value_reader(table, labels, value, na_values, spell, *, min_confidence=None):
    """Make the function that reads lines of one label and whether it is there.

    Parameters
    ----------
    table : Table
    labels : str
        Name of the column of the labels.
    value : str
        Name of the column that holds 1 where a label is present and 0 where somebody
        looked and it is absent.
    na_values : frozenset of str
        Cells of either that mean "unknown".
    spell : callable
        As for :func:`make_cell_reader`.
    min_confidence : float or None, default=None
        A label of at least this value is present, one below it that is not 0, unknown.
        None makes errors of values between 0 and 1.

    Returns
    -------
    callable
        Of a line and its cells; returns Marks whose `absent` is no None.

    Raises
    ------
    ValueError
        If a column is not there. The function raises it for a value that is none.
    """
    column = table.find_column(labels, "labels")
    values = table.find_column(value, "value")
    nothing = Marks(frozenset(), frozenset(), True)
    known = {}  # one set for all lines of a label, of which there are many

    def read(line, cells):
        cell = cells[column]
        if not cell or cell in na_values:
            return nothing
        mark = "" if cells[values] is None else cells[values]
        if mark in na_values or str(mark).lower() in (*EMPTY_WORDS, *_SKIPPED):
            return nothing
        number = np.nan if isinstance(mark, tuple) else _as_number(mark)
        number = _ANSWERS.get(str(mark).lower(), number)
        if cell not in known:
            known[cell] = frozenset([spell(cell, table.place(line))])
        tags = known[cell]
        if number == 0:
            return Marks(frozenset(), tags, False)
        if min_confidence is not None and 0 < number < min_confidence:
            return nothing
        if number == 1 or (min_confidence is not None and 0 < number < 1):
            return Marks(tags, frozenset(), False)
        raise ValueError(
            "A value must be 0 (seen to be absent), 1 (present) or empty (unknown). "
            f"Got {mark!r} in the column {table.header[values]!r} "
            f"({table.place(line)}). {_way_out_of_number(mark, number)}."
        )

    return read


def make_confidence_reader(
    table, labels, confidence, na_values, spell, *, min_confidence
):
    """Make the function that reads lines of one label that a machine gave.

    Parameters
    ----------
    table : Table
    labels : str
        Name of the column of the labels.
    confidence : str
        Name of the column that says how sure the machine was, in [0, 1].
    na_values : frozenset of str
        Cells of the labels that mean "unknown".
    spell : callable
        As for :func:`make_cell_reader`.
    min_confidence : float
        A label of at least this confidence is present, one below it unsure.

    Returns
    -------
    callable
        Of a line and its cells; returns Marks.

    Raises
    ------
    ValueError
        If a column is not there. The function raises it for a confidence that is none.
    """
    column = table.find_column(confidence, "confidence")
    read_label = make_cell_reader(table, "pairs", labels, " ", na_values, spell, None)

    def read(line, cells):
        marks = read_label(line, cells)
        if not marks.present:
            return marks
        cell = cells[column]
        number = _as_number(cell) if isinstance(cell, str) else np.nan
        if not 0 <= number <= 1:
            percent = " Divide percentages by 100." if 1 < number <= 100 else ""
            raise ValueError(
                f"A confidence must be a number in [0, 1]. Got {cell!r} in the column "
                f"{table.header[column]!r} ({table.place(line)}).{percent}"
            )
        if number >= min_confidence:
            return marks
        return Marks(frozenset(), None, False, marks.present)

    return read


def _way_out_of_number(mark, number):
    """Say what becomes of a value that may be the confidence of a machine."""
    if 0 < number < 1:
        return f"{_way_out(mark)}; {ADVICE}"
    if 1 < number <= 100:
        return f"{_way_out(mark)}; percentages are divided by 100 first"
    return _way_out(mark)


def _split(cell, separator):
    """Tags of a cell, in order."""
    return [part.strip() for part in cell.split(separator) if clean_name(part)]


def _check_separator(table, column, separator, hierarchy):
    """Raise or warn if the cells look as if another separator were meant."""
    cells = [
        (line, cells[column])
        for line, cells in table.rows
        if isinstance(cells[column], str)
        if cells[column] and not is_printed(cells[column])
    ]
    several = [(line, cell) for line, cell in cells if separator in cell]
    if not several:
        _warn_of_another(table, [cell for _, cell in cells], separator, hierarchy)
    elif not separator.isspace():
        _warn_of_mixed(table, cells, separator, hierarchy)
    elif not _check_ends(table, several, separator):
        _warn_of_inner(table, cells, several, hierarchy)
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


def _warn_of_another(table, cells, separator, hierarchy):
    """Warn if no cell holds the separator, but many another."""
    for other in _SEPARATORS:
        n_cells = sum(other in cell for cell in cells)
        if other not in separator + hierarchy and n_cells > len(cells) / 4:
            warn_user(
                f"No label cell holds the separator {separator!r}, but {n_cells} of "
                f"{len(cells)} hold {other!r} ({table.name}): is "
                f"separator={other!r} meant?",
            )
            return


def _warn_of_mixed(table, cells, separator, hierarchy):
    """Warn if many cells hold another separator alone, which labels seldom do."""
    for other in ";|":  # a comma may well stand in a label: "Paris, France"
        left = [(line, cell) for line, cell in cells if other in cell]
        left = [item for item in left if separator not in item[1]]
        if other not in separator + hierarchy and len(left) > len(cells) / 10:
            line, cell = left[0]
            warn_user(
                f"{len(left)} of {len(cells)} label cells hold {other!r} and not the "
                f"separator {separator!r}. Got {cell!r:.60} ({table.place(line)}). If "
                "these are several labels, write one sign in all cells, or give a "
                "DataFrame whose cells are lists."
            )
            return


def _warn_of_inner(table, cells, several, hierarchy):
    """Warn if more cells are like "cat;dog" than hold the white space that parts."""
    parted = {line for line, _ in several}
    whole = [(line, cell) for line, cell in cells if line not in parted]
    for other in _SEPARATORS:
        left = [item for item in whole if other in item[1]]
        if other not in hierarchy and len(left) > len(several):
            line, cell = left[0]
            warn_user(
                f"{len(left)} of {len(cells)} label cells hold {other!r} and no white "
                f"space, at which labels are parted. Got {cell!r:.60} "
                f"({table.place(line)}): is separator={other!r} meant?"
            )
            return


def _check_ends(table, cells, separator):
    """Raise if many cells like "cat, dog" were split at white space; tell of few.

    Returns whether it was told.
    """
    told = False
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
        told = True
    return told
