"""Labels that are paths, such as "animal|cat": their parts, and what they stand below.

All readers name what stands above a label in one way: the parts without white space
around them, joined by the separator that the user named, one at the beginning left out.
"""

import re
from functools import cache

from sklearn_clip._shared import clean_name


def check_hierarchy(hierarchy):
    """Raise if what stands between the parts of a path is no text.

    Parameters
    ----------
    hierarchy : object

    Raises
    ------
    TypeError
        If it is neither None nor a text.
    ValueError
        If it is blank: white space parts words, and of any length it is one blank.
    """
    if hierarchy is not None and not isinstance(hierarchy, str):
        raise TypeError(f"hierarchy must be None or a separator. Got {hierarchy!r}.")
    if hierarchy is not None and not clean_name(hierarchy):
        raise ValueError(f"hierarchy must not be blank. Got {hierarchy!r}.")


@cache
def _separator(hierarchy):
    """Pattern of a separator, and its spelling in names, whose blanks are plain."""
    parts = map(re.escape, re.split(r"\s+", hierarchy))
    return re.compile(r"\s+".join(parts)), clean_name(f"x{hierarchy}x")[1:-1]


def split_label(label, hierarchy):
    """Part a path at its separator; one at its beginning is the root, and no part.

    Parameters
    ----------
    label : str
    hierarchy : str
        The separator, as the user named it.

    Returns
    -------
    tuple of str
        The parts without white space around them; some may be empty.
    """
    pattern, _ = _separator(hierarchy)
    # Blanks at the ends of a cell are stripped, those of the separator with them.
    text = f" {label.strip()} "
    parts = [part.strip() for part in pattern.split(text)]
    return tuple(parts[1:] if len(parts) > 1 and not parts[0] else parts)


def join_label(parts, hierarchy):
    """Spell the label of a path."""
    return _separator(hierarchy)[1].join(parts)


def spell_label(label, hierarchy):
    """Spell a label that a user wrote as readers do; as it is without a hierarchy."""
    if hierarchy is None:
        return label
    return join_label(split_label(label, hierarchy), hierarchy)


def ancestors(label, hierarchy):
    """Give a path and all it stands below: "a|b" and "a" of "a|b"."""
    parts = split_label(label, hierarchy)
    return {join_label(parts[: i + 1], hierarchy) for i in range(len(parts))}


def made_labels(labels, hierarchy):
    """Those labels that stand above others: a reader made them, or need not have.

    Parameters
    ----------
    labels : iterable of str
        Labels of one row.
    hierarchy : str

    Returns
    -------
    set of str
        Labels, some of which the row may not have.
    """
    return {
        above for label in labels for above in ancestors(label, hierarchy) - {label}
    }
