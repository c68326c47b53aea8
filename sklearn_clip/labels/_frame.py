"""Tag lists to targets: one column of 0 and 1 for each label."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csc_matrix

from sklearn_clip._shared import (
    clean_name,
    column_names,
    hint_at_name,
    import_optional,
    in_given_order,
    is_missing,
    shown,
    unify_names,
)

if TYPE_CHECKING:
    import pandas


def labels_to_frame(
    tags: Iterable[Iterable[Hashable] | float | None],
    classes: Iterable[Hashable] | None = None,
    *,
    sparse: bool = False,
) -> pandas.DataFrame:
    """Make the indicator table of lists of tags.

    Tags that look alike are one label: letters with marks in one sign or in two (NFC
    and NFD), signs that do not show, and kinds of white space make no difference. A
    warning tells of labels that were spelled in several ways, and of those that differ
    in case alone, which stay apart.

    Parameters
    ----------
    tags : iterable of iterable of str
        The labels of each row; blanks around a tag are no part of it, and a blank one
        is none. None, NaN or NA for a row about which nothing is known. A Series keeps
        its index.
    classes : list of str or None, default=None
        The labels and their order, which name the columns as they are spelled here;
        None takes all that occur, sorted, with letters composed (NFC).
    sparse : bool, default=False
        Whether the columns are sparse, so that thousands of labels take the memory of
        the tags alone. A row about which nothing is known takes that of all labels.

    Returns
    -------
    DataFrame of shape (n_rows, n_labels)
        0 and 1, one column per label: int64, or float64 with NaN if rows are unknown;
        sparse columns of these, if asked for.

    Raises
    ------
    TypeError
        If `tags` is a table; if a row is a str, which would be split into letters, a
        dict, or no list; if `classes` is one or has no order; or if some tags are texts
        and others are not.
    ValueError
        If a tag is missing, or not among `classes`, or two of these look alike.

    Notes
    -----
    NaN makes the table one of floats, and it stays one when the unknown rows are
    dropped: ``Y.dropna().astype(int)`` makes integers of it again. Classifiers and
    metrics, scikit-learn's too, take 0.0 and 1.0 as they take 0 and 1. pandas' nullable
    dtypes (``"Int8"``, ``"boolean"``) are no default because scikit-learn's own
    classifiers mostly refuse a table of them, of whatever values; the estimators,
    metrics and splitters here take it, with NA for unknown.

    Examples
    --------
    >>> from sklearn_clip import labels_to_frame
    >>> labels_to_frame([["dog", "red"], [], ["red"]])
       dog  red
    0    1    1
    1    0    0
    2    0    1
    >>> labels_to_frame([["dog"], None, ["red"]]).dropna().astype(int)
       dog  red
    0    1    0
    2    0    1
    """
    pandas = import_optional("pandas", extra="pandas", purpose="labels_to_frame")
    names, places, unknown, n_rows = read_tags(tags, classes)
    index = tags.index if isinstance(tags, pandas.Series) else None
    shape = n_rows, len(names)
    if sparse:
        matrix = _stored(places, unknown, shape)
        frame = pandas.DataFrame.sparse.from_spmatrix(matrix, index=index)
        frame.columns = pandas.Index(names)
        return frame
    values = np.zeros(shape, dtype=np.float64 if unknown else np.int64)
    if places:
        values[tuple(np.transpose(places))] = 1
    if unknown:
        values[unknown] = np.nan
    return pandas.DataFrame(values, columns=names, index=index, copy=False)


def read_tags(tags, classes=None):
    """Read lists of tags: which labels there are, and where.

    Parameters
    ----------
    tags, classes
        As of `labels_to_frame`.

    Returns
    -------
    names : list of str
        The labels.
    places : list of (int, int)
        Row and label of every tag, maybe more than once.
    unknown : list of int
        Rows about which nothing is known.
    n_rows : int
        Number of rows.
    """
    names = None if classes is None else _check_classes(classes)
    rows = _rows(tags)
    found = [_read_row(number, row) for number, row in enumerate(rows)]
    spelled = unify_names(
        dict.fromkeys(tag for row in found if row is not None for tag in row),
        chosen=names is not None,
    )
    if names is None:
        names = _sort(dict.fromkeys(spelled.values()))
    column = {clean_name(name): place for place, name in enumerate(names)}
    places = []
    for number, row in enumerate(found):
        for tag in row or ():
            if spelled[tag] not in column:
                raise ValueError(
                    f"Tags must be among classes. Got {tag!r} (row {number})."
                    + hint_at_name(tag, names)
                )
            places.append((number, column[spelled[tag]]))
    unknown = [number for number, row in enumerate(found) if row is None]
    return names, places, unknown, len(rows)


def _stored(places, unknown, shape):
    """Sparse matrix of ones at some places, and of rows of NaN."""
    ones = np.array(sorted(set(places)), dtype=np.int64).reshape(-1, 2)
    gaps = np.repeat(unknown, shape[1]), np.tile(np.arange(shape[1]), len(unknown))
    rows, columns = (np.append(ones[:, axis], gaps[axis]) for axis in (0, 1))
    data = np.ones(len(rows), dtype=np.float64 if unknown else np.int64)
    if unknown:
        data[len(ones) :] = np.nan
    return csc_matrix((data, (rows.astype(int), columns.astype(int))), shape=shape)


def _rows(tags):
    """List the rows of one column."""
    names = list(tags) if isinstance(tags, Mapping) else column_names(tags)
    if names is not None:
        column = f", as tags[{shown(names[0])}]" if names else ""
        raise TypeError(
            "tags must be one column: the tags of each row. Got a "
            f"{type(tags).__name__}: give that column alone{column}."
        )
    # The cells of pyarrow are no plain lists.
    return tags.to_pylist() if hasattr(tags, "to_pylist") else list(tags)


def _check_classes(classes):
    """Names of the columns, which are distinct to the eye too."""
    names = list(_strip(in_given_order(classes, "classes")))
    first = {}
    for place, name in enumerate(names):
        if first.setdefault(clean_name(name), place) != place:
            raise ValueError(f"classes must be distinct. Got {name!r} twice.")
    return names


def _read_row(number, row):
    """Tags of a row without blanks around them; None if they are unknown."""
    if isinstance(row, str | bytes):
        raise TypeError(
            f"The tags of a row must be a list. Got the text {shown(row)} "
            f"(row {number}). Split it first, for example row.split(',')."
        )
    if isinstance(row, Mapping):
        raise TypeError(
            f"The tags of a row must be a list. Got the dict {shown(row)} "
            f"(row {number}). Of one of tags and 0 or 1 give [tag for tag, value in "
            "row.items() if value]."
        )
    if is_missing(row):
        return None
    if not isinstance(row, Iterable):
        raise TypeError(
            f"The tags of a row must be a list. Got {shown(row)} (row {number})."
        )
    found = list(_strip(row))
    for place, tag in enumerate(found):
        if is_missing(tag):
            raise ValueError(
                f"A tag must not be missing. Got {tag!r} (row {number}, tag "
                f"{place}). Leave it out, or give None for a row of unknown tags."
            )
        if not isinstance(tag, Hashable):
            raise TypeError(
                f"A tag must be a text. Got {shown(tag)} (row {number}, tag {place})."
            )
    return found


def _strip(tags):
    """Take blanks off tags, and leave out what is blank."""
    for tag in tags:
        if not isinstance(tag, str):
            yield tag
        elif clean_name(tag):
            yield tag.strip()


def _sort(names):
    """Sort names; texts and numbers have no order among them."""
    try:
        return sorted(names)
    except TypeError as exc:
        texts = [name for name in names if isinstance(name, str)]
        others = [name for name in names if not isinstance(name, str)]
        raise TypeError(
            "Tags must be all texts, or all numbers. Got "
            f"{(texts or others)[0]!r} beside {others[-1]!r}."
        ) from exc
