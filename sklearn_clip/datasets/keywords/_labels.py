"""What a row of labels or scores says: present, absent and unknown."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from sklearn_clip._shared import (
    as_targets,
    clean_name,
    column_names,
    in_given_order,
    in_label_order,
    is_missing,
    label_array,
    read_entries,
    shown,
)
from sklearn_clip.datasets.formats._xml import IMPOSSIBLE


@dataclass
class Wanted:
    """What is known of the labels of one row.

    Attributes
    ----------
    present, absent : list of str
        Labels that it has, and those of the vocabulary that it has not.
    is_complete : bool
        Whether each label of the vocabulary is in one of them.
    """

    present: list
    absent: list
    is_complete: bool


def read_labels(labels, n_rows, *, label_names, threshold, removing):
    """Read labels or scores in any of their forms.

    Parameters
    ----------
    labels : {array-like, DataFrame, list of (list of str or None)}
        One row per picture.
    n_rows : int
        Number of pictures.
    label_names : sequence of str or None
        Names of the columns, or the vocabulary.
    threshold : float, array-like, dict, Series or None
        Scores from which a label is present.
    removing : bool
        Whether absent labels will be taken out, so that there must be a vocabulary.

    Returns
    -------
    list of Wanted

    Raises
    ------
    ValueError
        If the number of rows or names is another, a cell is none of 0, 1 and unknown,
        or a name cannot be a keyword.
    TypeError
        If a name is no text.
    """
    names = None if label_names is None else _check_names(label_names)
    rows = _tag_lists(labels)
    if rows is not None:
        _check_count(len(rows), n_rows)
        if threshold is not None:
            raise ValueError("threshold must be None with lists of labels.")
        return _read_lists(rows, names, removing)
    columns = column_names(labels)
    if names is None:
        if columns is None:
            raise ValueError(
                "label_names must name the columns of labels that are no DataFrame."
            )
        names = _check_names(columns)
    elif columns is not None and [clean_name(str(n)) for n in columns] != [
        clean_name(name) for name in names
    ]:
        raise ValueError(
            "label_names must be the columns of the DataFrame, in their order. Got "
            f"{names[:3]} for {list(columns)[:3]}. Pass labels[label_names]."
        )
    cuts = in_label_order(threshold, names, "threshold", as_texts=True)
    values = _read_cells(labels, cuts)
    _check_count(len(values), n_rows)
    if values.shape[1] != len(names):
        raise ValueError(
            "label_names must name each column of labels. Got "
            f"{len(names)} names for {values.shape[1]} columns."
        )
    names = np.array(names, dtype=object)
    return [
        Wanted(
            names[row == 1].tolist(), names[row == 0].tolist(), not np.isnan(row).any()
        )
        for row in values
    ]


def _check_count(found, n_rows):
    if found != n_rows:
        raise ValueError(
            f"labels must have one row per image. Got {found} rows for {n_rows} images."
        )


def _check_names(names):
    names = in_given_order(names, "label_names")
    names = [_check_keyword(name, "label_names") for name in names]
    label_array(names)  # distinct
    return names


def _check_keyword(name, where):
    """Check a keyword, and take blanks around it off."""
    if not isinstance(name, str):
        raise TypeError(f"A keyword must be a text. Got {shown(name)} ({where}).")
    if not clean_name(name):
        raise ValueError(f"A keyword must not be blank. Got {name!r} ({where}).")
    bad = IMPOSSIBLE.search(name)
    if bad:
        raise ValueError(
            f"A keyword must be a text that XML can hold. Got {name!a:.60} with the "
            f"sign {bad[0]!a} ({where})."
        )
    return name.strip()


def _tag_lists(labels):
    """Rows, if they are lists of labels; None if they are a table."""
    if sparse.issparse(labels) or column_names(labels) is not None:
        return None
    if getattr(labels, "ndim", 1) > 1:
        return None
    if isinstance(labels, str | Mapping) or not isinstance(labels, Iterable):
        raise TypeError(
            "labels must be a table, or a list of the labels of each picture. Got "
            f"{shown(labels)}."
        )
    rows = labels.to_pylist() if hasattr(labels, "to_pylist") else list(labels)
    first = None
    for row in rows:
        if isinstance(row, str | bytes):
            raise TypeError(
                f"The labels of a picture must be a list. Got the text {shown(row)}."
            )
        if is_missing(row):
            continue
        cells = list(row) if hasattr(row, "__iter__") else [row]
        if cells and first is None:
            first = cells[0]
    return rows if first is None or isinstance(first, str) else None


def _read_lists(rows, names, removing):
    if removing and names is None:
        raise ValueError(
            "label_names must be the vocabulary where mode='replace' and labels are "
            "lists: it says which keywords are taken out."
        )
    known = None if names is None else {clean_name(name): name for name in names}
    wanted = []
    for number, row in enumerate(rows):
        if is_missing(row):
            wanted.append(Wanted([], [], False))
            continue
        if isinstance(row, Mapping):
            raise TypeError(
                f"The labels of a picture must be a list. Got the dict {shown(row)} "
                f"(row {number})."
            )
        # A set has another order in every process.
        row = sorted(row, key=str) if isinstance(row, Set) else row
        present = [_check_keyword(name, f"row {number}") for name in row]
        present = list({clean_name(name): name for name in present}.values())
        looks = {clean_name(name) for name in present}
        if known is not None and not looks <= known.keys():
            name = next(n for n in present if clean_name(n) not in known)
            raise ValueError(
                f"Labels must be among label_names. Got {name!r} (row {number})."
            )
        absent = [n for look, n in (known or {}).items() if look not in looks]
        wanted.append(Wanted(present, absent, True))
    return wanted


def _read_cells(labels, threshold):
    """Table of 0, 1 and NaN."""
    values = labels.toarray() if sparse.issparse(labels) else as_targets(labels)
    if values.ndim != 2:
        raise ValueError(
            "labels must have 2 dimensions, (n_images, n_labels). Got shape "
            f"{values.shape}."
        )
    if threshold is None:
        try:
            entries = read_entries(labels, values=values)
        except ValueError as exc:
            raise ValueError(
                f"{exc} With scores, threshold=0.5 makes keywords of 0.5 and more."
            ) from exc
        positive = np.asarray(entries.positive, dtype=float)
        return (
            positive
            if entries.known is None
            else np.where(entries.known, positive, np.nan)
        )
    if values.dtype == object:
        values = [
            [np.nan if is_missing(cell) else cell for cell in row] for row in values
        ]
    values = np.asarray(values, dtype=float)
    cuts = np.asarray(threshold, dtype=float)
    if cuts.ndim > 1 or (cuts.ndim == 1 and len(cuts) != values.shape[1]):
        raise ValueError(
            "threshold must be a number, or one for each label. Got shape "
            f"{cuts.shape} for {values.shape[1]} labels."
        )
    return np.where(np.isnan(values), np.nan, values >= cuts)
