"""Targets of every accepted form as sparse columns whose shares are to be kept."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from sklearn_clip._shared import (
    as_targets,
    is_missing,
    read_entries,
    read_stored,
    shown_first,
    stored_form,
)


class LabelColumns(NamedTuple):
    """What a split is to share out evenly.

    Attributes
    ----------
    counts : csr_array of shape (n_units, n_columns), dtype=float64
        How often each unit (row or group) carries each column.
    labels : ndarray of shape (n_columns,)
        The label each column belongs to.
    cost : ndarray of shape (n_columns,)
        What a part costs in which the column is missing: 1 for a label's positives,
        little for its negatives, nothing for its unknown entries.
    """

    counts: sparse.csr_array
    labels: np.ndarray
    cost: np.ndarray

    def by_group(self, group_of, n_groups):
        """Sum the rows of each group."""
        rows = np.arange(len(group_of))
        gather = sparse.csr_array(
            (np.ones(len(rows)), (group_of, rows)), shape=(n_groups, len(rows))
        )
        return self._replace(counts=sparse.csr_array(gather @ self.counts))


def _read_binary(values):
    """Read a 1-D target of two classes as one column: where it is 1, where unknown."""
    known = np.array([not is_missing(value) for value in values.tolist()], dtype=bool)
    classes = np.unique(values[known])
    if len(classes) > 2:
        raise ValueError(
            "A 1-dimensional y must hold at most two classes. Got "
            f"{len(classes)}: {shown_first(classes, 3)}. For one label of several "
            "classes use StratifiedKFold; for several labels pass one column each."
        )
    one = np.zeros(len(values), dtype=bool)
    if len(classes):
        one[known] = values[known] == (1 if set(classes) <= {0, 1} else classes[-1])
    return one[:, None], ~known[:, None]


def _check_shape(shape):
    if len(shape) != 2 or 0 in shape:
        raise ValueError(
            "y must have shape (n_samples, n_labels), with at least one row and one "
            f"label, or be a dense (n_samples,) for one label. Got shape {shape}."
        )


def read_targets(y):
    """Turn targets into the columns that a split shares out.

    Parameters
    ----------
    y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
            (n_samples,)
        Targets of 0 and 1, NaN, None, NA or masked for unknown; 1-D for one label, then
        of any two classes.

    Returns
    -------
    columns : LabelColumns
        The positives of every label that has any; its negatives where they are rarer
        than the positives; where entries are unknown also the rarer of negatives and
        unknown entries, since one does not follow from the positives there.

    Raises
    ------
    TypeError
        If `y` is no table whose rows can be indexed.
    ValueError
        If `y` is None, empty, of another shape, or holds other values.
    """
    if y is None:
        raise ValueError(
            "y must be the targets that the split keeps the shares of. Got None."
        )
    y = stored_form(y)
    if sparse.issparse(y):
        _check_shape(y.shape)
        return _columns(*read_stored(y), y.shape)
    values = as_targets(y)
    if values.ndim == 1 and len(values):
        one, unknown = _read_binary(values)
        return _columns(np.nonzero(one), np.nonzero(unknown), one.shape)
    _check_shape(values.shape)
    entries = read_entries(y, values=values)
    nowhere = (np.zeros(0, dtype=np.intp),) * 2
    gaps = nowhere if entries.known is None else np.nonzero(~entries.known)
    return _columns(np.nonzero(entries.positive), gaps, values.shape)


def _columns(ones, gaps, shape):
    """Columns of positives, and of what does not follow from them.

    Parameters
    ----------
    ones, gaps : tuple of two ndarrays of int
        Rows and columns of the entries that are 1, and of those that are unknown.
    shape : tuple of two ints
        Number of rows and of labels.

    Returns
    -------
    LabelColumns
        The columns.
    """
    n_rows, n_labels = shape
    n_ones = np.bincount(ones[1], minlength=n_labels)
    n_nans = np.bincount(gaps[1], minlength=n_labels)
    n_zeros = n_rows - n_ones - n_nans
    with_ones = np.flatnonzero(n_ones)
    with_zeros = np.flatnonzero(
        (n_zeros > 0) & ((n_zeros < n_ones) | ((n_nans > 0) & (n_zeros <= n_nans)))
    )
    with_nans = np.flatnonzero((n_nans > 0) & (n_zeros > n_nans))

    one, gap = (
        sparse.csc_array((np.ones(len(at[0])), at), shape=shape) for at in (ones, gaps)
    )
    zeros = (one[:, with_zeros].toarray() == 0) & (gap[:, with_zeros].toarray() == 0)
    blocks = [
        one[:, with_ones],
        sparse.csc_array(zeros, dtype=np.float64),
        gap[:, with_nans],
    ]
    sizes = [block.shape[1] for block in blocks]
    return LabelColumns(
        sparse.csr_array(sparse.hstack(blocks, format="csr")),
        np.concatenate([with_ones, with_zeros, with_nans]),
        np.repeat([1.0, 1e-4, 0.0], sizes),
    )
