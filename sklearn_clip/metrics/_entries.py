"""What the metrics take: targets of 0, 1 and unknown, predictions and scores."""

import numpy as np
from scipy import sparse

from sklearn_clip._shared import (
    _check_sample_weight,
    as_array,
    clean_name,
    column_names,
    read_entries,
    row_blocks,
    shown,
    shown_first,
)


def check_targets(y_true, *, keep_sparse=False):
    """Check targets of 0 and 1, and NaN where a label is unknown.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN, None or NA where it is unknown.
    keep_sparse : bool, default=False
        Whether those that are sparse are to stay so.

    Returns
    -------
    Entries or StoredEntries
        The targets; the latter of sparse ones, if they are to stay so.

    Raises
    ------
    ValueError
        If `y_true` is not 2-dimensional, is empty or holds other values.
    """
    return read_entries(y_true, "y_true", keep_sparse=keep_sparse)


def check_predictions(y_pred, y_true, entries, *, keep_sparse=False):
    """Check predicted labels.

    Parameters
    ----------
    y_pred : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True.
    y_true : object
        The targets as they were given, for their column names.
    entries : Entries or StoredEntries
        The checked targets.
    keep_sparse : bool, default=False
        Whether sparse ones are to stay sparse.

    Returns
    -------
    {ndarray, csr_array} of shape (n_samples, n_labels), dtype=bool
        Where a label is predicted; the latter of sparse ones, if they are to stay so.

    Raises
    ------
    TypeError
        If `y_pred` is a classifier.
    ValueError
        If `y_pred` has another shape or order of columns than the targets (columns of
        other names go by their place), or holds other values.
    """
    _refuse_classifier(y_pred, "y_pred", "predict")
    predicted = read_entries(
        y_pred, "y_pred", unknown=False, keep_sparse=keep_sparse
    ).positive
    _check_alignment(y_pred, predicted.shape, "y_pred", y_true, entries)
    return predicted


def check_scores(y_score, y_true, entries, what="y_score"):
    """Check scores.

    Parameters
    ----------
    y_score : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        Probabilities or decision values.
    y_true : object
        The targets as they were given, for their column names.
    entries : Entries or StoredEntries
        The checked targets.
    what : str, default="y_score"
        What the caller calls the scores.

    Returns
    -------
    ndarray of shape (n_samples, n_labels), dtype=float32 or float64
        The scores, in the precision they came in.

    Raises
    ------
    TypeError
        If `y_score` is a classifier.
    ValueError
        If `y_score` has another shape or order of columns than the targets (columns of
        other names go by their place), or holds NaN or something that is no number.
    """
    _refuse_classifier(y_score, what, "predict_proba")
    dense = y_score.toarray() if sparse.issparse(y_score) else as_array(y_score, what)
    if dense.ndim == 3:
        raise ValueError(
            f"{what} must have 2 dimensions, (n_samples, n_labels). Got 3, of shape "
            f"{dense.shape}. If it is a list with one predict_proba per label, pass "
            f"np.column_stack([p[:, 1] for p in {what}])."
        )
    _check_alignment(y_score, dense.shape, what, y_true, entries)
    try:
        dense = dense.astype(_float_type(dense.dtype), copy=False)
    except (TypeError, ValueError) as exc:
        raise ValueError(f"{what} must hold numbers. Got {exc}.") from exc
    for rows in row_blocks(*dense.shape):
        if np.isnan(dense[rows].min()):  # the minimum of anything with a NaN is NaN
            row, column = np.argwhere(np.isnan(dense[rows]))[0]
            raise ValueError(
                f"{what} must hold a number for every row and label. Got NaN "
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
    entries : Entries or StoredEntries
        Checked targets.
    response : {ndarray, csr_array} of shape (n_samples, n_labels)
        Checked predictions or scores.

    Returns
    -------
    entries : Entries or StoredEntries
        Targets of the rows that weigh something.
    response : {ndarray, csr_array} of shape (n_rows, n_labels)
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
    return entries.take(counted), response[counted], weights[counted]


def _refuse_classifier(values, what, method):
    """Say what to give in place of a classifier, which is an array of no dimension."""
    if callable(getattr(values, "predict", None)):
        raise TypeError(
            f"{what} must be a table, (n_samples, n_labels). Got a "
            f"{type(values).__name__}: give what its {method}(X) returns for rows that "
            "it was not fitted on."
        )


def _float_type(dtype):
    """float32 for what fits into it, else float64."""
    small = dtype.kind == "b" or (dtype.kind in "iu" and dtype.itemsize <= 2)
    if small or (dtype.kind == "f" and dtype.itemsize <= 4):
        return np.float32
    return np.float64


def _place(row, column, names):
    name = "" if names is None else f", label {shown(names[column])}"
    return f"(row {row}, column {column}{name})"


def _check_alignment(values, shape, what, y_true, entries):
    """Check that `values` lie beside the targets, entry by entry."""
    if shape != entries.shape:
        raise ValueError(
            f"{what} must have the shape of y_true, {entries.shape}. Got {shape}."
        )
    names = column_names(values)
    if names is None or entries.names is None:
        return
    spelled, wanted = list(map(clean_name, names)), list(map(clean_name, entries.names))
    known = set(wanted)
    same = set(spelled) == known
    if not same and any(
        given == list(range(len(given))) for given in (spelled, wanted)
    ):
        return  # DataFrame(array) has such names, which are none
    if any(
        name != label and name in known
        for name, label in zip(spelled, wanted, strict=True)
    ):
        raise ValueError(
            f"{what} must have its columns in the order of y_true, "
            f"[{shown_first(entries.names, 4)}]. Got [{shown_first(names, 4)}]. "
            + (
                f"Pass {what}[y_true.columns]."
                if same
                else "Take the labels that both have, of both, in one order."
            )
        )
