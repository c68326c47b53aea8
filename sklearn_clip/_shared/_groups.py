"""Which rows belong together."""

import contextlib
from collections.abc import Hashable, Set, Sized

import numpy as np

from sklearn_clip._shared._cells import is_missing, shown
from sklearn_clip._shared._names import clean_name


def group_numbers(groups, n_rows):
    """Give groups numbers from 0, in sorted order.

    Parameters
    ----------
    groups : array-like of shape (n_rows,)
        Group of every row: numbers, texts or anything hashable. Texts that look alike
        (composed and decomposed accents) are one group. Groups that have no order
        among them are numbered by first appearance.
    n_rows : int
        Number of rows.

    Returns
    -------
    group_of : ndarray of shape (n_rows,), dtype=int64
        Number of the group of every row.
    n_groups : int
        Number of groups.

    Raises
    ------
    ValueError
        If `groups` is None, has another length, or holds None, NaN, NA or something
        that is not hashable.
    """
    if groups is None:
        raise ValueError(
            "groups must say which rows belong together. Got None. "
            "near_duplicate_groups makes them of embeddings. An estimator inside "
            "another one gets them by metadata routing alone: "
            "sklearn.set_config(enable_metadata_routing=True), and its "
            "set_fit_request(groups=True)."
        )
    shape = getattr(groups, "shape", None)
    if shape is None:
        ordered = isinstance(groups, Sized) and not isinstance(groups, str | Set)
        shape = (len(groups),) if ordered else ()
    if shape != (n_rows,):
        raise ValueError(
            f"groups must have shape ({n_rows},), one entry per row of y. Got {shape}."
        )
    # A NumPy array would lose its NaT by tolist; the items of a tensor have no equals.
    plain = isinstance(groups, np.ndarray) or not hasattr(groups, "tolist")
    values = list(groups) if plain else groups.tolist()
    for row, value in enumerate(values):
        _check_group(value, row)
    seen = {value: clean_name(value) for value in dict.fromkeys(values)}
    names = list(dict.fromkeys(seen.values()))
    with contextlib.suppress(TypeError):  # a number and a text have no order
        names = sorted(names)
    number_of = {name: number for number, name in enumerate(names)}
    numbers = [number_of[seen[value]] for value in values]
    return np.array(numbers, np.int64), len(names)


def _check_group(value, row):
    """Refuse what names no group."""
    if not isinstance(value, Hashable):
        raise ValueError(
            "The entries of groups must be hashable, such as a number or a str. "
            f"Got {shown(value)} (row {row})."
        )
    if is_missing(value):
        raise ValueError(
            f"groups must hold no None, NaN or NA. Got {shown(value)} (row {row}). "
            "Give a row that belongs to no other a group of its own."
        )
