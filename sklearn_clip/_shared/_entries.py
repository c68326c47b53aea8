"""The one way from targets of any form to where a label is 1, and where it is known."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from sklearn_clip._shared._arrays import as_array, column_names, stored_form
from sklearn_clip._shared._cells import as_binary, raise_for_cell, word_hint

# Entries looked at at a time: 4 M of them are 16 to 32 MB of scores.
BLOCK_SIZE = 1 << 22
_TAGS_HINT = " sklearn_clip.labels_to_frame({what}) makes one of lists of tags."
_NUMBERED_HINT = (
    " If this is cross_val_predict, it has numbered the unknown labels of a column: "
    "loop over the folds instead."
)


class Entries(NamedTuple):
    """Checked targets.

    Attributes
    ----------
    positive : ndarray of shape (n_samples, n_labels), dtype=bool
        Where a label is known to be 1.
    known : ndarray of shape (n_samples, n_labels), dtype=bool, or None
        False where it is unknown; None where all are known.
    names : list of length n_labels, or None
        Column names of a table that has some.
    """

    positive: np.ndarray
    known: np.ndarray | None
    names: list | None

    @property
    def shape(self):
        """Number of rows and of labels."""
        return self.positive.shape

    @property
    def all_known(self):
        """Whether no entry is unknown."""
        return self.known is None

    def rows(self, rows):
        """Take some rows, as a table."""
        known = None if self.known is None else self.known[rows]
        return Entries(self.positive[rows], known, self.names)

    def take(self, rows):
        """Take some rows, in the form they are in."""
        return self.rows(rows)

    def columns(self, labels):
        """Take some labels, as a table; without names."""
        known = None if self.known is None else self.known[:, labels]
        return Entries(self.positive[:, labels], known, None)

    def by_label(self):
        """Keep the entries in such a way that labels are quickly taken."""
        return self

    def dense(self):
        """Make a table of them."""
        return self

    def at_ones(self, table):
        """Take what a dense table holds where labels are 1, row by row."""
        return table[self.positive]

    def count_ones(self, axis):
        """Count the ones of every label (``axis=0``) or row (1)."""
        return np.count_nonzero(self.positive, axis=axis)

    def count_known(self, axis):
        """Count the known entries of every label (``axis=0``) or row (1)."""
        if self.known is None:
            return np.full(self.shape[1 - axis], self.shape[axis])
        return np.count_nonzero(self.known, axis=axis)


class StoredEntries(NamedTuple):
    """Checked targets that came sparse and stay so; `Entries` of parts of them.

    Attributes
    ----------
    positive : csr_array of shape (n_samples, n_labels), dtype=bool
        Stored where a label is known to be 1, and nowhere else.
    unknown : csr_array of shape (n_samples, n_labels), dtype=bool, or None
        Stored where it is unknown; None where all are known.
    names : list of length n_labels, or None
        Column names of a table that has some.
    """

    positive: sparse.csr_array
    unknown: sparse.csr_array | None
    names: list | None

    @property
    def shape(self):
        """Number of rows and of labels."""
        return self.positive.shape

    @property
    def all_known(self):
        """Whether no entry is unknown."""
        return self.unknown is None

    def rows(self, rows):
        """Take some rows, as a table."""
        return self.take(rows).dense()

    def take(self, rows):
        """Take some rows, which stay sparse."""
        unknown = None if self.unknown is None else self.unknown[rows]
        return StoredEntries(self.positive[rows], unknown, self.names)

    def columns(self, labels):
        """Take some labels, as a table; without names."""
        unknown = None if self.unknown is None else self.unknown[:, labels]
        return StoredEntries(self.positive[:, labels], unknown, None).dense()

    def by_label(self):
        """Keep the entries in such a way that labels are quickly taken."""
        unknown = None if self.unknown is None else self.unknown.tocsc()
        return StoredEntries(self.positive.tocsc(), unknown, self.names)

    def dense(self):
        """Make a table of them."""
        known = None if self.unknown is None else ~self.unknown.toarray()
        return Entries(self.positive.toarray(), known, self.names)

    def at_ones(self, table):
        """Take what a dense table holds where labels are 1, row by row."""
        return table[self.positive.nonzero()]

    def count_ones(self, axis):
        """Count the ones of every label (``axis=0``) or row (1)."""
        return _count_stored(self.positive, axis)

    def count_known(self, axis):
        """Count the known entries of every label (``axis=0``) or row (1)."""
        total = np.full(self.shape[1 - axis], self.shape[axis])
        return (
            total if self.unknown is None else total - _count_stored(self.unknown, axis)
        )


def _count_stored(matrix, axis):
    """Count what each column (``axis=0``) or row (1) of a CSR array stores."""
    if axis == 1:
        return np.diff(matrix.indptr).astype(np.int64)
    return np.bincount(matrix.indices, minlength=matrix.shape[1])


def row_blocks(n_rows, n_columns):
    """Cut rows into slices of about `BLOCK_SIZE` entries.

    Parameters
    ----------
    n_rows, n_columns : int
        Shape of what is cut.

    Yields
    ------
    slice
        Consecutive rows.
    """
    step = max(1, BLOCK_SIZE // max(1, n_columns))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def read_entries(table, what="y", *, values=None, unknown=True, keep_sparse=False):
    """Read a table of 0, 1 and unknown.

    Parameters
    ----------
    table : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN, None, NA or masked where a label is unknown.
    what : str, default="y"
        Its name, for the error.
    values : ndarray, default=None
        What `as_array` makes of `table`, if that is at hand.
    unknown : bool, default=True
        Whether unknown entries are allowed.
    keep_sparse : bool, default=False
        Whether a sparse table is to stay sparse.

    Returns
    -------
    Entries or StoredEntries
        The entries; the latter of a sparse table, if it is to stay so.

    Raises
    ------
    TypeError
        If it is no table whose rows can be indexed.
    ValueError
        If it has another number of dimensions, is empty or holds other values.
    """
    names = column_names(table)
    table = stored_form(table) if values is None else table
    if sparse.issparse(table):
        stored = _sparse_entries(table, what, unknown, names)
        return stored if keep_sparse else stored.dense()
    values = as_array(table, what) if values is None else values
    _check_shape(values.shape, what)
    if values.dtype.kind == "b":
        return Entries(values, None, names)
    positive, known = np.empty(values.shape, dtype=bool), None
    for rows in row_blocks(*values.shape):
        block = values[rows]
        if values.dtype.kind not in "iuf":
            block = as_binary(block)
        np.equal(block, 1, out=positive[rows])
        good = positive[rows] | (block == 0)
        if good.all():
            continue
        bad = ~(good | np.isnan(block)) if unknown else ~good
        if bad.any():
            _refuse(table, values, rows.start, bad, what, unknown)
        known = np.ones(values.shape, dtype=bool) if known is None else known
        known[rows] = good
    return Entries(positive, known, names)


def read_stored(matrix, what="y", *, unknown=True):
    """Read the stored entries of a sparse table of 0, 1 and unknown.

    Parameters
    ----------
    matrix : sparse matrix of shape (n_samples, n_labels)
        Duplicates are summed; what is not stored is 0.
    what : str, default="y"
        Its name, for the error.
    unknown : bool, default=True
        Whether NaN is allowed.

    Returns
    -------
    ones, gaps : tuple of two ndarrays of int
        Rows and columns of the entries that are 1, and of those that are NaN.

    Raises
    ------
    ValueError
        If the table has another number of dimensions, is empty or holds other values.
    """
    _check_shape(matrix.shape, what)
    stored = sparse.csr_array(matrix)
    if not stored.has_canonical_format:
        stored = stored.copy()  # what was given stays as it is
        stored.sum_duplicates()
    stored = stored.tocoo()
    rows, columns, data = stored.row, stored.col, stored.data
    one, gap = data == 1, np.isnan(data.astype(np.float64))
    bad = ~(one | (data == 0) | (gap & unknown))
    if bad.any():
        at = bad.argmax()
        place = (rows[at], columns[at], what)
        raise_for_cell(data[at], *place, unknown=unknown, hint=_hint(data[at], what))
    return (rows[one], columns[one]), (rows[gap], columns[gap])


def _sparse_entries(matrix, what, unknown, names):
    ones, gaps = read_stored(matrix, what, unknown=unknown)
    positive, empty = (
        sparse.csr_array((np.ones(len(at[0]), dtype=bool), at), shape=matrix.shape)
        for at in (ones, gaps)
    )
    return StoredEntries(positive, empty if len(gaps[0]) else None, names)


def _check_shape(shape, what):
    if len(shape) != 2:
        fix = (
            " For a single label pass it as .reshape(-1, 1)." if len(shape) == 1 else ""
        )
        raise ValueError(
            f"{what} must have 2 dimensions, (n_samples, n_labels). "
            f"Got an array of shape {shape}.{fix}"
        )
    if 0 in shape:
        raise ValueError(
            f"{what} must have at least one row and one label. "
            f"Got an array of shape {shape}."
        )


def _refuse(table, values, start, bad, what, unknown):
    """Raise for the first bad entry of a block of rows."""
    row, column = np.argwhere(bad)[0]
    value = values[start + row, column]
    hint, names = _hint(value, what), column_names(table)
    if isinstance(value, str):
        hint = word_hint(values, table, what)
        if not hint and names is None:
            hint = _TAGS_HINT.format(what=what)
    place = (start + row, column, what)
    raise_for_cell(value, *place, names=names, unknown=unknown, hint=hint)


def _hint(value, what):
    """Say what to do about a number that is neither 0 nor 1."""
    if what == "y" and isinstance(value, np.integer) and value == 2:
        return _NUMBERED_HINT
    if what == "y_pred" and value != value:
        return (
            " No metric judges an answer that is left open (NaN, as of "
            "RejectOptionClassifier): leave it out of y_true with "
            "np.where(np.isnan(y_pred), np.nan, y_true), and give y_pred == 1."
        )
    if what == "y_pred":
        return (
            " Scores are cut first, for example y_score >= 0.5; a scorer does that "
            "with response='labels'."
        )
    return ""
