"""Targets of every accepted form as sparse columns whose shares are to be kept."""

from typing import NamedTuple

import numpy as np
from scipy import sparse


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


def _read_cell(value):
    """Read one object as 0, 1 or NaN; 2 stands for anything else."""
    if value is None:
        return np.nan
    try:
        if value == 0 or value == 1:
            return float(value)
        return np.nan if value != value else 2.0
    except TypeError:  # pandas' NA is neither equal to nor different from anything
        return np.nan


def _read_binary(values):
    """Read a 1-D target of two classes as one column of 0, 1 and NaN."""
    if values.dtype.kind == "f":
        known = ~np.isnan(values)
    elif values.dtype.kind == "O":
        known = np.array(
            [isinstance(v, str) or not np.isnan(_read_cell(v)) for v in values], bool
        )
    else:
        known = np.ones(len(values), bool)
    classes = np.unique(values[known])
    if len(classes) > 2:
        raise ValueError(
            "A 1-dimensional y must hold at most two classes. Got "
            f"{len(classes)}: {classes[:5].tolist()}. For one label of several classes "
            "use StratifiedKFold; for several labels pass one column each."
        )
    column = np.full(len(values), np.nan)
    one = 1 if set(classes) <= {0, 1} else classes[-1]
    column[known] = values[known] == one
    return column[:, None]


def _check_shape(shape):
    if len(shape) != 2 or 0 in shape:
        raise ValueError(
            "y must have shape (n_samples, n_labels), with at least one row and one "
            f"label, or be a dense (n_samples,) for one label. Got shape {shape}."
        )


def _read_dense(y):
    """Read a dense target as an array of 0, 1 and NaN."""
    values = np.asarray(y)
    if values.ndim == 1 and len(values):
        return _read_binary(values)
    _check_shape(values.shape)
    if values.dtype.kind not in "biuf":
        values = np.frompyfunc(_read_cell, 1, 1)(values).astype(np.float64)
    return values


def _refuse_other_values(values, rows, columns):
    """Raise for the first entry that is neither 0, 1 nor NaN."""
    bad = np.flatnonzero((values != 0) & (values != 1) & (values == values))
    if len(bad):
        row, column = rows[bad[0]], columns[bad[0]]
        raise ValueError(
            "y must hold only 0 and 1 (or False and True), and NaN for unknown. Got "
            f"another value (row {row}, column {column}). labels_to_frame makes such "
            "a y of lists of names."
        )


def read_targets(y):
    """Turn targets into the columns that a split shares out.

    Parameters
    ----------
    y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels) or \
            (n_samples,)
        Targets of 0 and 1, NaN, None or NA for unknown; 1-D for one label, then of any
        two classes.

    Returns
    -------
    columns : LabelColumns
        The positives of every label that has any; its negatives where they are rarer
        than the positives; where entries are unknown also the rarer of negatives and
        unknown entries, since one does not follow from the positives there.

    Raises
    ------
    ValueError
        If `y` is None, empty, of another shape, or holds other values.
    """
    if y is None:
        raise ValueError(
            "y must be the targets that the split keeps the shares of. Got None."
        )
    if sparse.issparse(y):
        _check_shape(y.shape)
        stored = sparse.coo_array(y)
        stored.sum_duplicates()
        rows, columns = stored.coords
        values = np.asarray(stored.data, np.float64)
        shape = stored.shape
    else:
        dense = _read_dense(y)
        rows, columns = np.nonzero(dense)  # NaN is not zero
        values = np.asarray(dense[rows, columns], np.float64)
        shape = dense.shape
    _refuse_other_values(values, rows, columns)
    return _columns(values, rows, columns, shape)


def _columns(values, rows, columns, shape):
    """Columns of positives, and of what does not follow from them."""
    n_rows, n_labels = shape
    is_one, is_nan = values == 1, np.isnan(values)
    n_ones = np.bincount(columns[is_one], minlength=n_labels)
    n_nans = np.bincount(columns[is_nan], minlength=n_labels)
    n_zeros = n_rows - n_ones - n_nans
    with_ones = np.flatnonzero(n_ones)
    with_zeros = np.flatnonzero(
        (n_zeros > 0) & ((n_zeros < n_ones) | ((n_nans > 0) & (n_zeros <= n_nans)))
    )
    with_nans = np.flatnonzero((n_nans > 0) & (n_zeros > n_nans))

    def where(entries):
        at = (rows[entries], columns[entries])
        return sparse.csc_array((np.ones(len(at[0])), at), shape=shape)

    zeros = where(is_one | is_nan)[:, with_zeros].toarray() == 0
    blocks = [
        where(is_one)[:, with_ones],
        sparse.csc_array(zeros, dtype=np.float64),
        where(is_nan)[:, with_nans],
    ]
    sizes = [block.shape[1] for block in blocks]
    return LabelColumns(
        sparse.csr_array(sparse.hstack(blocks, format="csr")),
        np.concatenate([with_ones, with_zeros, with_nans]),
        np.repeat([1.0, 1e-4, 0.0], sizes),
    )
