"""What the metrics take: targets of 0, 1 and unknown, predictions and scores."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from sklearn_clip._shared import _check_sample_weight, as_binary, clean_name

# Entries looked at at a time: 4 M of them are 16 to 32 MB of scores.
BLOCK_SIZE = 1 << 22


class Entries(NamedTuple):
    """Checked targets.

    Attributes
    ----------
    positive : ndarray of shape (n_samples, n_labels), dtype=bool
        Where a label is known to be 1.
    known : ndarray of shape (n_samples, n_labels), dtype=bool, or None
        False where it is unknown; None where all are known.
    names : list of length n_labels, or None
        Column names of a DataFrame.
    """

    positive: np.ndarray
    known: np.ndarray | None
    names: list | None


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


def column_names(values):
    """Names of the columns of a DataFrame.

    Parameters
    ----------
    values : object
        Anything.

    Returns
    -------
    list or None
        The names; None for what has none.
    """
    names = getattr(values, "columns", None)
    return None if names is None else list(names)


def check_targets(y_true):
    """Check targets of 0 and 1, and NaN where a label is unknown.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN, None or NA where it is unknown.

    Returns
    -------
    Entries
        The targets.

    Raises
    ------
    ValueError
        If `y_true` is not 2-dimensional, is empty or holds other values.
    """
    positive, known = _binary_entries(y_true, "y_true", unknown=True)
    return Entries(positive, known, column_names(y_true))


def check_predictions(y_pred, y_true, entries):
    """Check predicted labels.

    Parameters
    ----------
    y_pred : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True.
    y_true : object
        The targets as they were given, for their column names.
    entries : Entries
        The checked targets.

    Returns
    -------
    ndarray of shape (n_samples, n_labels), dtype=bool
        Where a label is predicted.

    Raises
    ------
    ValueError
        If `y_pred` has another shape or order of columns than the targets, or holds
        other values.
    """
    predicted, _ = _binary_entries(y_pred, "y_pred", unknown=False)
    _check_alignment(y_pred, predicted.shape, "y_pred", y_true, entries)
    return predicted


def check_scores(y_score, y_true, entries):
    """Check scores.

    Parameters
    ----------
    y_score : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        Probabilities or decision values.
    y_true : object
        The targets as they were given, for their column names.
    entries : Entries
        The checked targets.

    Returns
    -------
    ndarray of shape (n_samples, n_labels), dtype=float32 or float64
        The scores, in the precision they came in.

    Raises
    ------
    ValueError
        If `y_score` has another shape or order of columns than the targets, or holds
        NaN or something that is no number.
    """
    dense = y_score.toarray() if sparse.issparse(y_score) else _as_array(y_score)
    if dense.ndim == 3:
        raise ValueError(
            "y_score must have 2 dimensions, (n_samples, n_labels). Got 3, of shape "
            f"{dense.shape}. If it is a list with one predict_proba per label, pass "
            "np.column_stack([p[:, 1] for p in y_score])."
        )
    _check_alignment(y_score, dense.shape, "y_score", y_true, entries)
    try:
        dense = dense.astype(_float_type(dense.dtype), copy=False)
    except (TypeError, ValueError) as exc:
        raise ValueError(f"y_score must hold numbers. Got {exc}.") from exc
    for rows in row_blocks(*dense.shape):
        if np.isnan(dense[rows].min()):  # the minimum of anything with a NaN is NaN
            row, column = np.argwhere(np.isnan(dense[rows]))[0]
            raise ValueError(
                "y_score must hold a number for every row and label. Got NaN "
                f"{_place(row + rows.start, column, column_names(y_score))}. Unknown "
                "labels are marked by NaN in y_true."
            )
    return dense


def weigh_rows(sample_weight, entries, response):
    """Check row weights, and drop the rows that weigh nothing.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
        Row weights of at least 0; None weighs all rows the same.
    entries : Entries
        Checked targets.
    response : ndarray of shape (n_samples, n_labels)
        Checked predictions or scores.

    Returns
    -------
    entries : Entries
        Targets of the rows that weigh something.
    response : ndarray of shape (n_rows, n_labels)
        What was predicted for them.
    weights : ndarray of shape (n_rows,), dtype=float64, or None
        Their weights, all above 0; None if `sample_weight` is None.

    Raises
    ------
    ValueError
        If `sample_weight` has another length than the targets, or holds a negative or
        infinite number or NaN, or no number above 0.
    """
    if sample_weight is None:
        return entries, response, None
    weights = _check_sample_weight(
        sample_weight, entries.positive, dtype=np.float64, ensure_non_negative=True
    )
    counted = weights > 0
    if counted.all():
        return entries, response, weights
    if not counted.any():
        raise ValueError(
            "sample_weight must be above 0 for at least one row. Got only zeros."
        )
    known = None if entries.known is None else entries.known[counted]
    entries = Entries(entries.positive[counted], known, entries.names)
    return entries, response[counted], weights[counted]


def _float_type(dtype):
    """float32 for what fits into it, else float64."""
    small = dtype.kind == "b" or (dtype.kind in "iu" and dtype.itemsize <= 2)
    if small or (dtype.kind == "f" and dtype.itemsize <= 4):
        return np.float32
    return np.float64


def _place(row, column, names):
    name = "" if names is None else f", label {names[column]!r}"
    return f"(row {row}, column {column}{name})"


def _as_array(values):
    """Array of any input; None and ragged lists become object arrays."""
    try:
        return np.asarray(values)
    except ValueError:  # rows of different lengths
        return np.asarray(values, dtype=object)


def _check_alignment(values, shape, what, y_true, entries):
    """Check that `values` lie beside the targets, entry by entry."""
    if shape != entries.positive.shape:
        raise ValueError(
            f"{what} must have the shape of y_true, {entries.positive.shape}. "
            f"Got {shape}."
        )
    names = column_names(values)
    if names is None or entries.names is None:
        return
    spelled, wanted = list(map(clean_name, names)), list(map(clean_name, entries.names))
    if spelled != wanted and set(spelled) == set(wanted):
        raise ValueError(
            f"{what} must have its columns in the order of y_true, "
            f"{_shorten(entries.names)}. Got {_shorten(names)}. "
            f"Pass {what}[y_true.columns]."
        )


def _shorten(names):
    more = ", ..." if len(names) > 4 else ""
    return "[" + ", ".join(repr(name) for name in names[:4]) + more + "]"


def _binary_entries(values, what, *, unknown):
    """Where `values` are 1 and where they are known (None: everywhere)."""
    names = column_names(values)
    if sparse.issparse(values):
        return _binary_sparse(values, what, unknown=unknown)
    values = _as_array(values)
    _check_shape(values.shape, what)
    if values.dtype.kind == "b":
        return values, None
    numbers = values
    if values.dtype.kind not in "iuf":
        numbers = np.frompyfunc(as_binary, 1, 1)(values).astype(np.float32)
    positive, known = np.empty(values.shape, dtype=bool), None
    for rows in row_blocks(*values.shape):
        block = numbers[rows]
        np.equal(block, 1, out=positive[rows])
        good = positive[rows] | (block == 0)
        if good.all():
            continue
        missing = np.isnan(block)
        bad = ~(good | missing) if unknown else ~good
        if bad.any():
            row, column = np.argwhere(bad)[0]
            _raise_for_value(
                values[rows][row, column], row + rows.start, column, what, names
            )
        known = np.ones(values.shape, dtype=bool) if known is None else known
        known[rows] = good
    return positive, known


def _binary_sparse(values, what, *, unknown):
    """Do for a sparse matrix what `_binary_entries` does."""
    _check_shape(values.shape, what)
    stored = values.tocsr().tocoo()  # by way of csr, which sums duplicates
    good = (stored.data == 0) | (stored.data == 1)
    missing = ~good & np.isnan(stored.data.astype(np.float64))
    bad = ~(good | missing) if unknown else ~good
    if bad.any():
        first = np.flatnonzero(bad)[0]
        _raise_for_value(
            stored.data[first], stored.row[first], stored.col[first], what, None
        )
    positive, known = np.zeros(values.shape, dtype=bool), None
    positive[stored.row, stored.col] = stored.data == 1
    if missing.any():
        known = np.ones(values.shape, dtype=bool)
        known[stored.row[missing], stored.col[missing]] = False
    return positive, known


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


def _raise_for_value(value, row, column, what, names):
    rule, fix = "0 and 1 (or False and True)", ""
    if what == "y_true":
        rule += ", and NaN where a label is unknown"
    else:
        fix = (
            " Scores are cut first, for example y_score >= 0.5; a scorer does that "
            "with response='labels'."
        )
    raise ValueError(
        f"{what} must hold only {rule}. Got {value} {_place(row, column, names)}.{fix}"
    )
