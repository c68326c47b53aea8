"""Lists that stand in text cells as Python and JSON print them: "['cat', 'dog']"."""

import ast
import json
import re

from sklearn_clip._shared import clean_name, warn_user

# Lists, sets and tuples as Python, numpy and PostgreSQL print them; not "(18+)".
_PRINTED = re.compile(
    r"""\[.*\] | \{.*\} | \(\) | \((['"].*|\d+,.*)\) | (frozen)?set\(.*\)""",
    re.DOTALL | re.VERBOSE,
)
# Those that can mean one thing alone: texts in quotation marks or whole numbers, with
# commas between. Without commas, as numpy prints, Python would join two texts to one.
# Possessive (*+): a cell that is none is left after one pass, however long it is.
_PART = r"""(?:'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|-?\d++)"""
_PARTS = rf"\s*+{_PART}\s*+(?:,\s*+{_PART}\s*+)*+(?:,\s*+)?+"
_CERTAIN = re.compile(
    rf"\[(?:{_PARTS})?+\s*+\]|\((?:{_PARTS})?+\s*+\)|\{{{_PARTS}\}}|set\(\)", re.DOTALL
)


def is_printed(cell):
    """Whether a text looks like a collection that was printed."""
    return _PRINTED.fullmatch(cell) is not None


def read_printed(cell):
    """Read a printed list of texts.

    Parameters
    ----------
    cell : str

    Returns
    -------
    list of str or None
        None if it is none, or may mean something else.
    """
    if not is_printed(cell) or not _CERTAIN.fullmatch(cell):
        return None
    if cell == "set()":
        return []
    try:
        parts = json.loads(cell)  # "\/" and letters of two escapes are JSON's own
    except ValueError:
        try:
            parts = ast.literal_eval(cell)
        except (ValueError, SyntaxError):
            return None
    if isinstance(parts, str | int):  # "('cat')" is no tuple
        return None
    parts = sorted(map(str, parts)) if isinstance(parts, set) else map(str, parts)
    parts = [part.strip() for part in parts]
    return parts if all(clean_name(part) for part in parts) else None


def are_printed_lists(table, column, na_values):
    """Whether all label cells of a column are printed lists, of which it is told.

    Parameters
    ----------
    table : Table
    column : int
    na_values : frozenset of str
        Cells that mean "unknown".

    Returns
    -------
    bool
    """
    cells = [
        (line, cells[column])
        for line, cells in table.rows
        if cells[column] and cells[column] not in na_values
    ]
    if not cells or not all(
        isinstance(cell, str) and read_printed(cell) is not None for _, cell in cells
    ):
        return False
    line, cell = next((each for each in cells if read_printed(each[1])), cells[0])
    first = read_printed(cell)[:3]
    warn_user(
        f"The {len(cells)} label cells of {table.name} are lists that were printed, "
        f"and are read as such. Got {cell!r:.60} ({table.place(line)}), whose first "
        f"labels are {', '.join(map(repr, first)) or 'none'}."
    )
    return True


def refuse_printed(cell, place):
    """Raise if a text is a collection that was printed."""
    if is_printed(cell):
        raise ValueError(
            "A label cell must hold labels with a separator between them. Got the "
            f"printed collection {cell!r:.60} ({place}), and not all cells are lists "
            "of texts in quotation marks. Read the column, as with ast.literal_eval, "
            "and give the table as a DataFrame, whose cells may be lists."
        )


def refuse_printed_pair(cell, place):
    """Raise if what should be one label is a printed list of texts, or an object."""
    if isinstance(cell, str) and cell[:1] == "{" and _is_object(cell):
        raise ValueError(
            "A line of layout='pairs' must hold one label. Got the object "
            f"{cell!r:.60} ({place}). Read the column, as with json.loads, take the "
            "label out of each object, and give the table as a DataFrame."
        )
    is_quoted = isinstance(cell, str) and cell[1:2] in ("'", '"')
    if is_quoted and read_printed(cell) is not None:
        raise ValueError(
            "A line of layout='pairs' must hold one label. Got the printed list "
            f"{cell!r:.60} ({place}). layout='cells' reads lists."
        )


def _is_object(cell):
    """Whether a text is an object of JSON, as tools write attributes."""
    try:
        return isinstance(json.loads(cell), dict)
    except ValueError:
        return False
