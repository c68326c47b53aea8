"""Tables of targets: cells of 0, 1 or unknown, and what the labels are called."""

from collections.abc import Hashable

import numpy as np
from scipy import sparse
from sklearn.utils import check_consistent_length

from sklearn_clip._shared._arrays import as_array, column_names, stored_form
from sklearn_clip._shared._cells import TEXTS_HINT, shown, shown_first
from sklearn_clip._shared._entries import StoredEntries, read_entries
from sklearn_clip._shared._names import clean_name, first_difference, respell_keys
from sklearn_clip._shared._sklearn import _num_samples
from sklearn_clip._shared._warnings import warn_user

_ROW_TYPES = (list, tuple, set, frozenset, np.ndarray)
_TAGS_HINT = "sklearn_clip.labels_to_frame(y) makes one of lists of tags."


def label_array(names):
    """Put names of labels, which may be tuples, into a 1-D array; None stays.

    Warns of one that is blank: the rows that have it are those without labels.

    Raises
    ------
    TypeError
        If a name cannot be one.
    ValueError
        If two labels have one name, or names that look alike.
    """
    if names is None:
        return None
    names = list(names)
    first = {}
    for column, name in enumerate(names):
        if not isinstance(name, Hashable):
            raise TypeError(
                f"The name of a label must be a text. Got {shown(name)} "
                f"(column {column})."
            )
        before = first.setdefault(clean_name(name), column)
        if before != column:
            raise ValueError(
                "Labels must have distinct names. Got "
                f"{shown(name)} twice (columns {before} and {column})."
                + _tell_spellings(names[before], name)
            )
    if "" in first:
        column = first[""]
        warn_user(
            f"A label has no name (column {column}, {names[column]!r}). It may be that "
            "of rows without labels, as pandas' str.get_dummies makes one of empty "
            f"texts: Y.drop(columns={names[column]!r}) leaves it out."
        )
    array = np.empty(len(names), dtype=object)
    array[:] = names
    return array


def _tell_spellings(first, second):
    """Show what tells two names apart that look alike; nothing if they are equal."""
    if first == second:
        return ""
    return f" They look alike, as {first!a} and {second!a}: make one column of them."


def as_targets(y):
    """Turn targets into an array, and tell lists of tags from a table.

    Parameters
    ----------
    y : {array-like, DataFrame}
        Targets, dense.

    Returns
    -------
    ndarray
        The targets, not checked; empty cells are NaN, None or NA.

    Raises
    ------
    TypeError
        If `y` is no table whose rows can be indexed.
    ValueError
        If `y` is None, or its rows are lists of different lengths.
    """
    if y is None:
        raise ValueError(
            "A classifier requires y to be passed, but the target y is None."
        )
    values = as_array(y)
    if values.ndim == 1 and values.dtype == object:
        rows = (row for row in enumerate(values) if isinstance(row[1], _ROW_TYPES))
        number, row = next(rows, (0, None))
        if row is not None:
            raise ValueError(
                "y must be a table of 0 and 1 with one column per label. Got "
                f"{shown(row)} (row {number}), beside rows of other lengths. "
                f"{_TAGS_HINT}"
            )
    return values


def check_indicator(y, *, one_dimensional_hint="", keep_sparse=False):
    """Check multi-label targets and return them as an array of 0, 1 and NaN.

    Parameters
    ----------
    y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        Targets of 0 and 1 or False and True; NaN, None, NA or masked where they are
        unknown.
    one_dimensional_hint : str, default=""
        Sentence added to the error for a 1-D `y`: what to write instead.
    keep_sparse : bool, default=False
        Whether a sparse `y` is to stay sparse.

    Returns
    -------
    y : {ndarray, csr_array} of shape (n_samples, n_labels), dtype=int64 or float64
        The targets; float64 only if some are unknown, which are NaN. Dense, unless
        sparse ones are to stay so.
    label_names : ndarray of shape (n_labels,), dtype=object, or None
        The column names of a DataFrame, else None.

    Raises
    ------
    TypeError
        If `y` is no table whose rows can be indexed.
    ValueError
        If `y` is None, is not 2-dimensional, is empty, holds anything but 0, 1 and
        unknown, or if nothing in it is known.
    """
    entries, values, names = _read_indicator(y, one_dimensional_hint, keep_sparse)
    if entries.all_known:
        return entries.positive.astype(np.int64), names
    if isinstance(entries, StoredEntries):
        return entries.positive + entries.unknown * np.nan, names
    if values is not None and values.dtype.kind == "f":
        return values.astype(np.float64), names  # which holds 0, 1 and NaN
    return np.where(entries.known, entries.positive, np.nan), names


def check_entries(y):
    """Do what `check_indicator` does, and return where labels are 1, and known.

    Parameters
    ----------
    y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        As `check_indicator` takes it.

    Returns
    -------
    Entries or StoredEntries
        The latter of a sparse `y`.
    """
    return _read_indicator(y, "", keep_sparse=True)[0]


def _read_indicator(y, one_dimensional_hint, keep_sparse):
    """Read multi-label targets; the array is that of dense ones, and not checked."""
    names = label_array(column_names(y))
    y = stored_form(y)
    values = None if sparse.issparse(y) else as_targets(y)
    if values is not None and values.ndim != 2:
        of_texts = values.ndim == 1 and any(isinstance(cell, str) for cell in values)
        hint = TEXTS_HINT if of_texts else one_dimensional_hint
        raise ValueError(
            "y must have 2 dimensions, (n_samples, n_labels), with one column of 0 "
            f"and 1 per label. Got a {values.ndim}d array of shape {values.shape}"
            + (f" of texts. {hint}" if of_texts else f". {hint}" if hint else ".")
        )
    entries = read_entries(y, values=values, keep_sparse=keep_sparse)
    if not entries.count_known(axis=0).any():
        raise ValueError("y must hold at least one known label. Got NaN only.")
    return entries, values, names


def check_columns(columns, names, what):
    """Check that the columns of a table are the labels, in their order.

    Parameters
    ----------
    columns : sequence of length n_labels or None
        Names of the columns. None, and numbers from 0 on, as ``DataFrame(array)`` has,
        are none.
    names : sequence of length n_labels or None
        Names of the labels, which may be none in the same way.
    what : str
        What the table is called, for the error.

    Raises
    ------
    ValueError
        If the names are others, or stand in another order.
    """
    at = first_difference(columns, names)
    if at is None:
        return
    raise ValueError(
        f"{what} must have the labels as columns, in their order: take them by name, "
        f"as scores[Y.columns] does. Got {list(columns)[at : at + 1]} instead of "
        f"{list(names)[at : at + 1]} (column {at})."
    )


def check_same_length(X, y):
    """Check that there is a row of targets for every row.

    Parameters
    ----------
    X : array-like of length n_samples
        Rows.
    y : array-like of length n_samples
        Targets.

    Raises
    ------
    ValueError
        If the lengths differ.
    """
    try:
        check_consistent_length(X, y)
    except ValueError as exc:
        shape = getattr(y, "shape", ())
        if len(shape) == 2 and shape[1] == _num_samples(X):
            raise ValueError(
                f"{exc} y has one column for each row of X: pass y.T."
            ) from exc
        raise


def warn_of_row_order(X, y, names=("X", "y")):
    """Warn if rows and targets have the same index, in another order.

    Parameters
    ----------
    X, y : object
        Rows and targets; only where both are tables with an index is there an order.
    names : tuple of (str, str), default=("X", "y")
        What they are called.
    """
    rows, targets = getattr(X, "index", None), getattr(y, "index", None)
    if not (hasattr(rows, "equals") and hasattr(targets, "equals")):
        return  # a list has a method of that name
    if len(rows) != len(targets) or rows.equals(targets):
        return
    try:
        reordered = rows.is_unique and set(rows) == set(targets)
        differ = [row != other for row, other in zip(rows, targets, strict=True)]
        at = differ.index(True) if reordered and True in differ else None
    except TypeError:  # labels that cannot be hashed or compared
        return
    if at is not None:
        first, second = names
        one, other = shown(rows[at]), shown(targets[at])
        warn_user(
            f"{first} and {second} have the same index in another order, and rows go "
            f"together by position: {one} of {first} with {other} of {second} "
            f"(row {at}). Pass {second}.loc[{first}.index]; or if {second} is "
            f"in order and has lost the index of {first}, set {second}.index = "
            f"{first}.index."
        )


def check_labelled_rows(X, y, names, *, keep_sparse=False):
    """Check labelled rows, whose labels are named, as far as that needs no reading.

    Parameters
    ----------
    X : array-like of length n, or None
        Rows; None if there are none to count.
    y : {array-like, sparse matrix, DataFrame} of shape (n, n_labels)
        0 and 1, and NaN where a label is unknown.
    names : sequence of str
        The labels.
    keep_sparse : bool, default=False
        Whether a sparse `y` is to stay sparse.

    Returns
    -------
    {ndarray, csr_array} of shape (n, n_labels)
        The targets.

    Raises
    ------
    ValueError
        If y holds other values, or has another number of rows, or other labels or
        another order of them.
    """
    targets, columns = check_indicator(y, keep_sparse=keep_sparse)
    if X is not None:
        check_same_length(X, targets)
    warn_of_row_order(X, y)
    if targets.shape[1] != len(names):
        raise ValueError(
            f"y must have one column for each of the {len(names)} labels of classes. "
            f"Got {targets.shape[1]}."
        )
    for position, (name, column) in enumerate(
        zip(names, names if columns is None else columns, strict=True)
    ):
        if clean_name(name) != clean_name(column):
            raise ValueError(
                "The columns of y must be the labels of classes, in their order. Got "
                f"{column!r} for {name!r} (column {position}). Pass y[classes], or "
                "classes=list(y.columns)."
            )
    return targets


def label_classes(n_labels):
    """Classes of every label of a multi-label classifier.

    scikit-learn's scorers tell by them that there are several labels, also where there
    is one, and `cross_val_predict` counts the columns by their first axis.

    Parameters
    ----------
    n_labels : int
        Number of labels.

    Returns
    -------
    ndarray of shape (n_labels, 2)
        0 and 1 for every label.
    """
    return np.tile([0, 1], (n_labels, 1))


def by_name(values):
    """Turn a Series whose index is no count into a dict; leave anything else.

    Parameters
    ----------
    values : object
        One number per label, perhaps.

    Returns
    -------
    object
        A dict, or what was given.

    Raises
    ------
    ValueError
        If a name is there twice.
    """
    index = getattr(values, "index", None)
    if not hasattr(values, "to_dict") or index is None:
        return values
    if list(index) == list(range(len(index))):
        return values
    if not index.is_unique:
        name = index[index.duplicated()][0]
        raise ValueError(f"Labels must be named once. Got {name!r} twice in a Series.")
    return values.to_dict()


def in_label_order(values, names, what, *, as_texts=False):
    """Take one number per label by name, where they have names.

    Parameters
    ----------
    values : float, array-like, dict or Series
        Numbers; a dict or Series may name others besides.
    names : sequence of length n_labels
        Names of the labels.
    what : str
        What the numbers are, for the error.
    as_texts : bool, default=False
        Whether the names are texts that were made of what the labels are called, such
        as numbers, so that texts are to be made of those in `values` too.

    Returns
    -------
    float or array-like
        What was given, or a list in the order of the labels.

    Raises
    ------
    ValueError
        If a label has no number, or two.
    """
    values = by_name(values)
    if not isinstance(values, dict):
        return values
    values = respell_keys(_text_keys(values) if as_texts else values, names)
    lacking = [name for name in names if name not in values]
    if lacking:
        raise ValueError(
            f"{what} must have a number for every label. "
            f"Got none for [{shown_first(lacking, 10)}]."
        )
    return [values[name] for name in names]


def _text_keys(mapping):
    """Make texts of the keys of a dict."""
    found = {}
    for key, value in mapping.items():
        if str(key) in found:
            raise ValueError(
                f"Labels must be named once. Got {str(key)!r} twice in a dict, as a "
                "text and as something else."
            )
        found[str(key)] = value
    return found
