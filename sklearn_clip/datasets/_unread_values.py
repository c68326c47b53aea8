"""Columns of tables of one label a line that say "absent" and that nobody reads."""

import numpy as np

from sklearn_clip._shared import warn_user
from sklearn_clip.datasets._confidence import ADVICE

# Columns that say whether the label of the line is there.
_VALUE_COLUMNS = frozenset(
    (
        *("confidence", "is_present", "present", "presence", "value", "label_value"),
        *("score", "state", "truth", "ground_truth", "verification", "verified"),
        "answer",
    )
)
# Columns that say how sure a machine is of the label of the line. Scores are much else.
_CONFIDENCES = frozenset(
    (
        *("confidence", "conf", "confidence_score", "certainty", "likelihood"),
        *("prob", "probability", "label_confidence", "label_probability"),
        *("score", "label_score"),
    )
)
# Those of tables of objects and splits that are 0 and 1 and say something else.
_OTHER_MARKS = frozenset(
    (
        *("crowd", "occluded", "truncated", "difficult", "groupof", "depiction"),
        *("inside", "train", "test", "val", "validation", "fold", "split"),
    )
)
_NUMBERS = ("id", "idx", "index")  # of a label beside its name: 0 and 1 where two are
_NO = frozenset(("no", "n", "f", "false", "off", "negative", "absent", "reject"))
_NO |= frozenset(("rejected", "ignore", "ignored"))
_YES = frozenset(("yes", "y", "t", "true", "on", "positive", "present", "accept"))
_YES |= frozenset(("accepted",))
# What Prodigy writes of each line, in a column of this name.
_ANSWER, _ANSWERS = "answer", frozenset(("accept", "reject", "ignore"))


def check_unread_values(table, taken, *, confidences):
    """Raise or warn if lines of one label say "absent", or how sure a machine is.

    Parameters
    ----------
    table : Table
    taken : set of int
        Positions of the columns that are read.
    confidences : bool
        Whether to look for confidences; where one column of them is read, others may
        stand beside it.

    Raises
    ------
    ValueError
        If a column is called as one that says whether a label is there, and holds a
        value that means it is not, or called as confidences are, and holds such. Of
        others that hold nothing but yes and no, and both, it is told: they may say
        something else, as ``is_crowd`` does, of which it is known.
    """
    for column, name in enumerate(table.header):
        if column in taken or not table.holds_values(column):
            continue
        cells = [(line, cells[column]) for line, cells in table.rows if cells[column]]
        key = name.casefold().replace(" ", "_")
        if confidences and key in _CONFIDENCES:
            _refuse_confidences(table, name, cells, percent="score" not in key)
        absent = next(((line, cell) for line, cell in cells if _is_no(cell)), None)
        if absent is None:
            continue
        line, cell = absent
        if key in _VALUE_COLUMNS:
            raise ValueError(
                "Each line of layout='pairs' is a label that is present. Got "
                f"{cell!r} in the column {name!r} ({table.place(line)}), as if it "
                f"were absent. value={name!r} reads the column; leave it out of "
                "the table if it says something else."
            )
        look = "".join(filter(str.isalnum, name.casefold())).removeprefix("is")
        if look in _OTHER_MARKS or (look.endswith(_NUMBERS) and look != "valid"):
            continue
        if not all(_is_no(c) or _is_yes(c) for _, c in cells):
            continue
        if any(_is_yes(cell) for _, cell in cells):
            warn_user(
                f"The column {name!r} of {table.name} is yes and no, and not read: "
                f"each line of layout='pairs' is a label that is present. Got {cell!r} "
                f"({table.place(line)}). value={name!r} reads it, if it says whether "
                "the label is there; leave it out of the table if it does not."
            )


def _refuse_confidences(table, name, cells, percent):
    """Raise for shares, or percentages, that are not just yes and no."""
    numbers = [_as_number(cell) for _, cell in cells if isinstance(cell, str)]
    if len(numbers) < len(cells) or not all(0 <= n <= 100 for n in numbers):
        return
    highest = max(numbers, default=0)
    # People say on scales to 5 or 10 how sure they are.
    if highest > 1 and not (percent and highest > 10):
        return
    unsure = next((i for i, n in enumerate(numbers) if n not in (0, 1, 100)), None)
    if unsure is not None:
        line, cell = cells[unsure]
        divided = ", once percentages are divided by 100" if highest > 1 else ""
        raise ValueError(
            "Each line of layout='pairs' is a label that is present. Got "
            f"{cell!r} in the column {name!r} ({table.place(line)}), as if a machine "
            f"had guessed it. With confidence={name!r}, {ADVICE}{divided}; leave the "
            "column out of the table if it says something else."
        )


def refuse_unread_answers(table, taken):
    """Raise if rows with several labels were rejected as a whole, and nobody reads it.

    Parameters
    ----------
    table : Table
    taken : set of int
        Positions of the columns that are read.

    Raises
    ------
    ValueError
        If the table has the column ``answer`` of Prodigy, and a row another one than
        "accept".
    """
    places = [place for place, name in enumerate(table.header) if name == _ANSWER]
    if not places or places[0] in taken or not table.holds_values(places[0]):
        return
    cells = [(line, cells[places[0]]) for line, cells in table.rows]
    if not all(cell in _ANSWERS for _, cell in cells):
        return
    other = next(((line, cell) for line, cell in cells if cell != "accept"), None)
    if other is not None:
        line, cell = other
        raise ValueError(
            "Labels of a row that was not accepted must not be read. Got "
            f"{cell!r} in the column {_ANSWER!r} ({table.place(line)}). Leave such "
            "rows out, as by frame[frame['answer'] == 'accept']; where each line asks "
            f"about one label, layout='pairs' and value={_ANSWER!r} read them."
        )


def _is_no(cell):
    """Whether a value may say that a label is not there."""
    if not isinstance(cell, str):
        return False
    return cell.lower() in _NO or _as_number(cell) <= 0


def _is_yes(cell):
    return isinstance(cell, str) and (cell.lower() in _YES or _as_number(cell) == 1)


def _as_number(cell):
    try:
        return float(cell)
    except ValueError:
        return np.nan
