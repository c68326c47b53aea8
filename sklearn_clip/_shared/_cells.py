"""Cells of targets: which are empty, which are 0 or 1, and what is said of others."""

import reprlib
from numbers import Number

import numpy as np

TEXTS_HINT = (
    "Split each text into a list of tags, and sklearn_clip.labels_to_frame makes the "
    "columns of them: labels_to_frame(y.str.split(',')) of a Series, "
    "labels_to_frame([text.split(',') for text in y]) of a list."
)
_MASKED = np.ma.masked  # what a cell of a masked array is
_EMPTY_TYPES = ("NAType", "NaTType")  # of pandas; NA has no truth value
_DURATIONS = np.datetime64 | np.timedelta64  # NumPy compares a duration with numbers
# What stands for 1 and for 0 where somebody wrote words, in lower case.
_WORDS = (
    ("1", "0"),
    ("1.0", "0.0"),
    ("true", "false"),
    ("t", "f"),
    ("yes", "no"),
    ("y", "n"),
    ("on", "off"),
    ("positive", "negative"),
    ("present", "absent"),
)
# What stands for an empty cell among them, in lower case.
EMPTY_WORDS = frozenset(("", "<na>", "n/a", "na", "nan", "none", "null"))
_LONGEST = 80  # characters of a value in an error
_NO_NUMBER = -1
# Cells that are looked through for the words that stand for 1 and 0.
_MOST_CELLS = 1 << 20

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxset = _SHORT.maxdict = 4


def is_missing(value):
    """Tell whether a cell is empty: None, NaN, NaT, NA or masked."""
    if isinstance(value, str | int):
        return False
    if value is None or value is _MASKED or type(value).__name__ in _EMPTY_TYPES:
        return True
    # Nothing else is compared: a picture would be decoded, an array gone through.
    if not isinstance(value, Number | np.generic):
        return False
    unequal = value != value
    return isinstance(unequal, bool | np.bool_) and bool(unequal)


def as_binary(cells):
    """0 or 1 of each cell of targets, NaN if it is empty, infinity otherwise.

    Parameters
    ----------
    cells : ndarray
        Of any dtype.

    Returns
    -------
    ndarray of the same shape, dtype float32
        The numbers.
    """
    # Python (3.12 and later) compares a float by < and >, which of NaN leaves a mark
    # that NumPy would warn of.
    with np.errstate(invalid="ignore"):
        return np.frompyfunc(_as_binary, 1, 1)(cells).astype(np.float32)


def _as_binary(value):
    if is_missing(value):
        return np.nan
    if isinstance(value, _DURATIONS):
        return np.inf
    try:
        return float(value == 1) if value == 0 or value == 1 else np.inf
    except (TypeError, ValueError):  # an array has no truth value
        return np.inf


def shown(value):
    """Show a value in an error: texts in quotation marks, and never at length.

    Parameters
    ----------
    value : object
        Anything, of any size.

    Returns
    -------
    str
        One line of at most about 80 characters.
    """
    if isinstance(value, np.generic) and value.dtype.kind not in "mM":
        value = value.item()  # whose repr does not name the type
    if isinstance(value, np.ndarray):
        with np.printoptions(threshold=6, edgeitems=2):
            text = str(value)
    else:
        text = _SHORT.repr(value)
    text = text if isinstance(value, str) else " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def shown_first(values, most):
    """Show the first of many values in an error.

    Parameters
    ----------
    values : sequence
        Values that `shown` takes, any number of them.
    most : int
        How many are shown.

    Returns
    -------
    str
        The values and commas between them, and an ellipsis where there are more.
    """
    more = ", ..." if len(values) > most else ""
    return ", ".join(map(shown, values[:most])) + more


def counted(number, noun):
    """Say how many there are: "1 row", "1,234 rows".

    Parameters
    ----------
    number : int
        How many.
    noun : str
        What of, as of one.

    Returns
    -------
    str
        Both.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def word_hint(values, table, what):
    """Say what makes 0 and 1 of words that stand for them.

    Parameters
    ----------
    values : ndarray of dtype object
        The cells.
    table : object
        What was given.
    what : str
        Its name.

    Returns
    -------
    str
        A sentence; empty if the words are none of those.
    """
    if values.size > _MOST_CELLS:
        values = values[: max(1, _MOST_CELLS // max(1, values[0].size))]
    texts, numbers, gaps = set(), False, False
    for value in values.ravel().tolist():
        if isinstance(value, bytes):
            return ""
        if isinstance(value, str):
            texts.add(value)
            if len(texts) > len(_WORDS):
                return ""
        elif is_missing(value):
            gaps = True
        elif isinstance(value, Number | np.bool_):
            numbers = True
        else:
            return ""
    polars = type(table).__module__.startswith("polars")
    frame = hasattr(table, "iloc")
    number_of = {text: number_of_word(text) for text in sorted(texts)}
    others = [text for text, number in number_of.items() if number == _NO_NUMBER]
    words = [text for text, number in number_of.items() if number is not None]
    if others:
        mark = (polars or frame) and words == others[:1] and not numbers
        return f" Pass {what} == {words[0]!r} if an empty cell is 0." if mark else ""
    if not words:
        return ""
    ones = [text for text in words if number_of[text]]
    # `==` makes False of numbers and of empty cells, but of what is empty in polars.
    exact = len(words) == len(texts) and not numbers and (polars or not gaps)
    if len(ones) == 1 and exact:
        table_of = what if polars or frame else f"numpy.asarray({what})"
        return f" Pass {table_of} == {ones[0]!r}."
    table_of = what if frame else f"pandas.DataFrame({what})"
    table_of = f"{what}.to_pandas()" if polars else table_of
    return f" Pass {table_of}.map(lambda cell: {number_of}.get(cell, cell))."


def number_of_word(text):
    """1 or 0, None if it stands for an empty cell, -1 if for none of them."""
    word = text.strip().lower()
    if word in EMPTY_WORDS:
        return None
    pair = next((pair for pair in _WORDS if word in pair), None)
    return _NO_NUMBER if pair is None else int(word == pair[0])


def _hint_at_tags(text, name, what):
    """Say what makes labels of a text that may hold several."""
    mark = next((mark for mark in ";|," if mark in text), None)
    if mark is None:
        return ""
    return (
        " Where a cell holds several labels: "
        f"sklearn_clip.labels_to_frame({what}[{shown(name)}].str.split({mark!r}))."
    )


def raise_for_cell(value, row, column, what, *, names=None, unknown=True, hint=""):
    """Refuse a cell of targets.

    Parameters
    ----------
    value : object
        The cell.
    row, column : int
        Where it stands.
    what : str
        Name of the table.
    names : sequence or None, default=None
        Names of the columns.
    unknown : bool, default=True
        Whether an empty cell would have been allowed.
    hint : str, default=""
        What to do instead.

    Raises
    ------
    ValueError
        Always.
    """
    rule = "0 and 1 (or False and True)"
    if unknown:
        rule += ", and NaN where a label is unknown"
    name = "" if names is None else f", label {shown(names[column])}"
    if not hint and names is not None and isinstance(value, str):
        hint = _hint_at_tags(value, names[column], what)
    raise ValueError(
        f"{what} must hold only {rule}. Got {shown(value)} "
        f"(row {row}, column {column}{name}).{hint}"
    )
