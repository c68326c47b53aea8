"""Targets of rows whose labels are named: 1, 0 where surely absent, NaN."""

from collections.abc import Iterable, Mapping

import numpy as np

from sklearn_clip._shared import (
    clean_name,
    hint_at_name,
    tell_of_left_out,
    unify_names,
)
from sklearn_clip.datasets._bunch import as_integers, check_choice, zero_targets
from sklearn_clip.datasets._hierarchy import (
    ancestors,
    check_hierarchy,
    join_label,
    made_labels,
    spell_label,
    split_label,
)
from sklearn_clip.datasets._missing_files import MISSING_FILES

# Choices that mean the same in every reader that has them.
_CHOICES = {
    "other_labels": ("raise", "ignore"),
    "unlabelled": ("keep", "drop", "unknown"),
    "missing_files": MISSING_FILES,
}


def make_speller(label_names, hierarchy, parameter="label_names"):
    """Make the function that gives a label the name it has in the data set.

    Parameters
    ----------
    label_names : dict of {str: str} or None
        Name of each id.
    hierarchy : str or None
        What stands between the parts of a label that is a path.
    parameter : str, default="label_names"
        What errors call the names.

    Returns
    -------
    callable
        Of a label as it is written (a tuple for a path given as a list) and the place
        where it stands; returns its name.

    Raises
    ------
    TypeError
        If `label_names` is no dict, or `hierarchy` no text.
    ValueError
        If `hierarchy` is blank. The function raises it for an id without a name, and
        for a path that is not asked for or has an empty part.
    """
    if label_names is not None and not isinstance(label_names, Mapping):
        raise TypeError(
            "label_names must be a dict of the name of each id. Got "
            f"{type(label_names).__name__}."
        )
    check_hierarchy(hierarchy)
    name_of = None
    if label_names is not None:
        name_of = {
            clean_name(str(key)): str(name).strip() for key, name in label_names.items()
        }

    def spell(tag, place):
        if isinstance(tag, tuple):
            if hierarchy is None or any(isinstance(part, tuple) for part in tag):
                raise ValueError(
                    f"A label must be a text. Got a list {list(tag)!r:.60} ({place}). "
                    "hierarchy='/' reads lists of lists as paths."
                )
            if any(len(split_label(part, hierarchy)) > 1 for part in tag):
                raise ValueError(
                    f"A part of a path must not hold hierarchy={hierarchy!r}. Got "
                    f"{list(tag)!r:.60} ({place})."
                )
            tag = join_label(tag, hierarchy)
        if name_of is not None:
            if clean_name(tag) not in name_of:
                raise ValueError(
                    f"Every label must have a name in {parameter}. Got {tag!r} "
                    f"({place}).{hint_at_name(tag, list(name_of))}"
                )
            tag = name_of[clean_name(tag)]
        return tag if hierarchy is None else _trim(tag, hierarchy, place)

    return spell


def _trim(tag, hierarchy, place):
    """Spell a path without white space around its parts."""
    parts = split_label(tag, hierarchy)
    if not all(parts):
        raise ValueError(
            f"A path of labels must have no empty part. Got {tag!r} ({place})."
        )
    return join_label(parts, hierarchy)


def check_classes(table, taken, layout, classes):
    """Names of the labels as texts, or None if the cells say them.

    Parameters
    ----------
    table : Table
    taken : set of int
        Positions of the columns that hold no labels.
    layout : {"cells", "columns", "pairs"} or None
    classes : iterable of str or None

    Returns
    -------
    list of str or None

    Raises
    ------
    ValueError
        If there is no label, or one twice.
    """
    if classes is None and layout == "columns":
        others = {table.header[place] for place in taken}
        classes = [name for name in table.named if name not in others]
        if not classes:
            raise ValueError(
                "The layout 'columns' must have a column for each label. Got none "
                f"beside {', '.join(map(repr, sorted(others)))} ({table.name})."
            )
        unify_names(classes)  # tells of those that differ in case
    if classes is None:
        return None
    return name_classes(classes)


def name_classes(classes):
    """Names of the labels that a user lists, as texts.

    Parameters
    ----------
    classes : iterable of str or None

    Returns
    -------
    list of str or None

    Raises
    ------
    TypeError
        If it is one text, or no list.
    ValueError
        If there is no label, a blank one, or one twice to the eye.
    """
    if classes is None:
        return None
    if isinstance(classes, str) or not isinstance(classes, Iterable):
        raise TypeError(f"classes must be a list of texts. Got {classes!r}.")
    if isinstance(classes, set | frozenset):  # another order in every process
        classes = sort_labels(str(name) for name in classes)
    classes = [str(name) for name in classes]
    if not classes:
        raise ValueError("classes must name a label. Got an empty list.")
    looks = [clean_name(name) for name in classes]
    if "" in looks:
        raise ValueError(f"classes must not be blank. Got {classes!r:.60}.")
    if len(set(looks)) < len(looks):
        twice = next(name for name in looks if looks.count(name) > 1)
        raise ValueError(f"classes must be distinct. Got {twice!r} twice.")
    return classes


def check_reader(classes, **choices):
    """Check the parameters that mean the same in every reader.

    Parameters
    ----------
    classes : iterable of str or None
        The labels, if the user lists them.
    **choices : str
        Those of `other_labels`, `unlabelled` and `missing_files` that the reader has.

    Returns
    -------
    list of str or None
        The labels.

    Raises
    ------
    TypeError
        If `classes` is one text, or no list.
    ValueError
        If a choice is unknown, or `classes` are none, blank or one twice to the eye.
    """
    for name, value in choices.items():
        check_choice(name, value, _CHOICES[name])
    return name_classes(classes)


def choose_columns(found, names, other_labels, source):
    """Find the column of each label, where the columns are known beforehand.

    Parameters
    ----------
    found : dict of {str: str}
        Every label, as it is spelled, and where it stands first.
    names : list of str
        Names of the columns.
    other_labels : {"raise", "ignore"}
        What happens to labels without a column.
    source : str
        The file, for errors.

    Returns
    -------
    dict of {str: int}
        Column of each label that has one.

    Raises
    ------
    ValueError
        If a label has none; of those to be ignored if no label at all has one.
    """
    column = {clean_name(name): place for place, name in enumerate(names)}
    looks = {label: clean_name(label) for label in found}
    places = {tag: column[look] for tag, look in looks.items() if look in column}
    strange = sorted(found.keys() - places.keys())
    if strange and other_labels == "raise":
        raise ValueError(
            f"Labels must be among classes. Got {strange[0]!r} ({found[strange[0]]})."
            f"{hint_at_name(strange[0], names)} other_labels='ignore' leaves out those "
            "that are not."
        )
    if strange and not places:
        raise ValueError(
            f"There must be labels among classes. Got none, but such as {strange[0]!r} "
            f"({source}).{hint_at_name(strange[0], names)}"
        )
    tell_of_left_out(strange, names)
    return places


def sort_labels(names):
    """Sort labels; ids, which are numbers all of them, as numbers: 9 before 10."""
    names = set(names)
    if all(name.isascii() and name.isdigit() for name in names):
        # By length and digits, since int takes no more than a few thousand of them.
        return sorted(
            names, key=lambda name: (len(name.lstrip("0")), name.lstrip("0"), name)
        )
    return sorted(names)


def indicate(
    table, rows, classes, other_labels, *, hierarchy=None, disagreement="raise"
):
    """Targets of 0, 1 and NaN, and the names of their columns.

    A label that a row does not name is 0 where the row names all it has (`absent` is
    None), else NaN. One that it names as unsure is NaN, and one that every row is
    unsure of is none. In a hierarchy what stands above a label that is present is
    present, and left out where `classes` do not list it; what stands below one that is
    absent is absent.

    Parameters
    ----------
    table : Table
    rows : list of TagRow
    classes : list of str or None
    other_labels : {"raise", "ignore"}
    hierarchy : str or None, default=None
    disagreement : {"raise", "unknown"}, default="raise"
        What a label is that a row has both among those present and those absent.

    Returns
    -------
    target : ndarray of shape (n, n_labels)
        int64, or float64 with NaN where a label is unknown.
    names : list of str

    Raises
    ------
    ValueError
        If there is no label, one is not among `classes`, or one that is absent stands
        above one that is present.
    """
    if hierarchy is not None:
        for row in rows:
            if row.labels is not None:
                row.labels = _with_ancestors(row.labels, hierarchy)
                row.unsure = _with_ancestors(row.unsure, hierarchy)
    found = {tag for row in rows for tag in (row.labels or ())}
    found |= {tag for row in rows for tag in (row.absent or ())}
    spelled = unify_names(found, chosen=classes is not None)
    names = sort_labels(spelled.values()) if classes is None else classes
    if not names:
        unsure = " of min_confidence" if any(row.unsure for row in rows) else ""
        raise ValueError(
            f"The table must have labels{unsure}. Got none ({table.name})."
        )
    paths = [spell_label(name, hierarchy) for name in names]
    column = {clean_name(name): i for i, name in enumerate(paths)}
    place = {tag: column[name] for tag, name in spelled.items() if name in column}
    if other_labels == "ignore" and found and not place:
        raise ValueError(
            f"The table must have labels among classes. Got none, but such as "
            f"{min(found)!r} ({table.name}).{hint_at_name(min(found), names)}"
        )
    if other_labels == "ignore":
        tell_of_left_out(set(spelled.values()) - column.keys(), paths)
    below = _find_below(paths, hierarchy)
    known = all(
        row.labels is not None and row.absent is None and not row.unsure for row in rows
    )
    target = zero_targets(len(rows), len(names), known=known)
    for values, row in zip(target, rows, strict=True):
        if row.labels is None or row.absent is not None:
            values[:] = np.nan
        if row.labels is None:
            continue
        absent = row.absent or frozenset()
        strange = (row.labels | absent) - place.keys()
        if strange and other_labels == "raise" and hierarchy is not None:
            strange -= made_labels(row.labels, hierarchy) - absent
        if strange and other_labels == "raise":
            raise ValueError(
                f"Labels must be among classes. Got {min(strange)!r} "
                f"({table.place(row.line)}).{hint_at_name(min(strange), names)} "
                "other_labels='ignore' leaves out those that are not."
            )
        unsure = {column.get(clean_name(tag)) for tag in row.unsure} - {None}
        if unsure:
            values[list(unsure)] = np.nan
        present = {place[tag] for tag in row.labels & place.keys()}
        values[list(present)] = 1
        for tag in sorted(absent):
            # NaN of a label that is both; what is below an absent one is absent.
            columns = below.get(spelled[tag], [])
            both = [i for i in columns if i in present]
            if both and disagreement == "raise":
                where = table.place((row.line_of or {}).get(tag, row.line))
                what = ", ".join(repr(names[i]) for i in both)
                raise ValueError(
                    "A label that is absent must not be present, nor one below it. Got "
                    f"{tag!r} absent and {what} present in one image ({where})."
                )
            values[columns] = 0
            values[both] = np.nan
    return as_integers(target), names


def _with_ancestors(tags, hierarchy):
    """Labels, and all that they stand below."""
    return frozenset().union(*(ancestors(tag, hierarchy) for tag in tags))


def _find_below(names, hierarchy):
    """Columns of each label and of those below it, of labels without column too."""
    below = {}
    for i, name in enumerate(names):
        above = {name} if hierarchy is None else {name, *ancestors(name, hierarchy)}
        for look in {clean_name(label) for label in above}:
            below.setdefault(look, []).append(i)
    return below
