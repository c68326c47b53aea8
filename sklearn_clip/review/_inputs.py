"""What the functions of this room are given: scores, vectors, labels, names of rows."""

import numpy as np
from scipy import sparse
from sklearn.base import clone

from sklearn_clip._shared import (
    _num_samples,
    as_array,
    check_columns,
    check_same_length,
    column_names,
    is_missing,
    positive_scores,
    pull_in,
    stored_form,
)
from sklearn_clip.model_selection._out_of_fold import counts_as_fitted
from sklearn_clip.model_selection._out_of_fold_scores import score_held_out


def is_estimator(given):
    """Whether something is a classifier, not scores."""
    return hasattr(given, "fit") or hasattr(given, "predict_proba")


def check_scores(scores, shape, name, label_names=None):
    """Check one score per row and label.

    Parameters
    ----------
    scores : array-like of shape (n, n_labels)
        The scores.
    shape : tuple (n, n_labels)
        What they must have; None is any number.
    name : str
        Of the parameter, for errors.
    label_names : sequence of length n_labels or None, default=None
        Names of the labels, which the columns of a table must be.

    Returns
    -------
    ndarray of shape (n, n_labels), dtype=float64
        The scores; infinite ones are the largest floats.

    Raises
    ------
    ValueError
        If they have another shape or hold no numbers or NaN, or are a table of other
        columns.
    """
    if sparse.issparse(scores):
        scores = scores.toarray()
    check_columns(column_names(scores), label_names, name)
    try:
        values = np.asarray(as_array(scores), dtype=np.float64)
    except (TypeError, ValueError) as exc:
        raise ValueError(
            f"{name} must hold one number per row and label. Got "
            f"{type(scores).__name__}."
        ) from exc
    wanted = f"({', '.join('any' if size is None else str(size) for size in shape)})"
    if values.ndim != 2 or any(
        size not in (None, have) for size, have in zip(shape, values.shape, strict=True)
    ):
        raise ValueError(
            f"{name} must have one row per row of X and one column per label, shape "
            f"{wanted}. Got shape {values.shape}."
        )
    if np.isnan(values).any():
        row, column = np.argwhere(np.isnan(values))[0]
        raise ValueError(
            f"{name} must not hold NaN. Got NaN (row {row}, column {column}). Score "
            "every row, or leave rows without a score out of all that is passed."
        )
    return np.nan_to_num(values)


def score_out_of_fold(estimator, X, Y, *, cv, groups, names, random_state):
    """Score every row by a clone that was not fitted on it.

    Parameters
    ----------
    estimator : estimator instance
        A classifier; it is cloned. One that is frozen has seen other rows only, as its
        owner says, and scores all of them.
    X : array-like of length n
        Rows.
    Y : ndarray of shape (n, n_labels)
        Targets.
    cv : int, splitter or iterable
        The folds.
    groups : array-like of shape (n,) or None
        Rows that must not be parted.
    names : ndarray of shape (n_labels,) or None
        Names of the labels, for warnings.
    random_state : int, RandomState instance or None
        Seed of an integer cv.

    Returns
    -------
    scores : ndarray of shape (n, n_labels)
        The scores; the mean where a row was held out several times.
    method : {"predict_proba", "decision_function"}
        Where they come from.

    Raises
    ------
    ValueError
        If a row was never held out.
    """
    if counts_as_fitted(estimator):
        if getattr(estimator, "_counts_as_fitted", False):
            estimator = clone(estimator).fit(X, Y)  # scores that are there already
        return positive_scores(estimator, X, Y.shape[1])
    scores, method = score_held_out(
        estimator, X, Y, cv=cv, groups=groups, names=names, random_state=random_state
    )
    never = np.isnan(scores[:, 0])
    if never.any():
        raise ValueError(
            "cv must hold out every row at least once. Got no score of row "
            f"{int(np.argmax(never))}: pass a number of folds, or a splitter like "
            "KFold."
        )
    return scores, method


def as_log_odds(scores, given, method=None):
    """Log-odds of probabilities; other scores in units of half their usual spread.

    Parameters
    ----------
    scores : ndarray of shape (n, n_labels)
        Scores.
    given : ndarray of shape (n, n_labels)
        1, 0, or NaN where nobody said.
    method : {"predict_proba", "decision_function"} or None, default=None
        What they are; None goes by whether all lie in [0, 1].

    Returns
    -------
    ndarray of shape (n, n_labels)
        Growing with them, finite.
    """
    if method is None:
        inside = ((scores >= 0) & (scores <= 1)).all()
        method = "predict_proba" if inside else "decision_function"
    if method == "predict_proba":
        p = np.clip(scores, 1e-4, 1 - 1e-4)
        return np.log(p / (1 - p))
    scores = pull_in(scores, given == 1, given == 0)
    spread = scores.std() or 1.0
    return np.clip(2 * scores / spread, -10, 10)


def as_vectors(vectors, X, Y, estimator):
    """Find one vector per row: as given, X itself, or what comes before the classifier.

    Parameters
    ----------
    vectors : {array-like, sparse matrix} of shape (n, d) or None
        What the user gave.
    X : array-like of length n, or None
        Rows.
    Y : ndarray of shape (n, n_labels) or None
        Targets, for the steps of a Pipeline that is not fitted; None if it is.
    estimator : estimator instance or None
        A Pipeline, or what has one inside.

    Returns
    -------
    {ndarray, sparse matrix} of shape (n, d), or None
        The vectors; None where there are none to be had.

    Raises
    ------
    ValueError
        If `vectors` have another number of rows, or hold NaN or no numbers.
    """
    if vectors is not None:
        return _check_vectors(vectors, X, "vectors")
    if _repeats_scores(estimator):
        return None  # X are scores, which say the same again as vectors
    plain = X is not None and _as_numbers(X) is not None
    if plain:
        return _check_vectors(X, X, "X")
    steps = _steps_before(estimator, fitted=Y is None)
    if steps is None:
        return None
    made = steps.transform(X) if Y is None else clone(steps).fit_transform(X, Y)
    return _check_vectors(made, X, "What the steps before the classifier give")


def _repeats_scores(estimator):
    """Whether the rows of a classifier are its scores, as of `PrecomputedScores`."""
    while estimator is not None:
        if getattr(estimator, "_counts_as_fitted", False):
            return True
        estimator = getattr(estimator, "estimator", None)
    return False


def _as_numbers(values):
    """Return a 2-D table of numbers as an array or sparse, None for anything else.

    Cells that are empty in any way are NaN.
    """
    values = stored_form(values)
    if sparse.issparse(values):
        return values.tocsr()
    first = values[0] if isinstance(values, list | tuple) and values else None
    # An array of all pictures would decode them.
    if hasattr(type(first), "__array_interface__") and getattr(first, "ndim", 0) != 1:
        return None
    try:
        array = as_array(values)
        if array.dtype == object:
            array = np.where(np.frompyfunc(is_missing, 1, 1)(array), np.nan, array)
        array = array if array.dtype.kind in "fiub" else array.astype(float)
    except (TypeError, ValueError):
        return None
    return array if array.ndim == 2 and array.shape[1] else None


def _check_vectors(values, X, name):
    array = _as_numbers(values)
    if array is None:
        raise ValueError(f"{name} must be a table of numbers, one row per row of X.")
    if X is not None:
        check_same_length(X, array)
    data = array.data if sparse.issparse(array) else array
    if not np.isfinite(data).all():
        raise ValueError(
            f"{name} must be finite to say which rows lie near. Got NaN or infinity. "
            "Pass vectors= without any."
        )
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    return array


def _steps_before(estimator, *, fitted):
    """Take the steps before the classifier of the innermost Pipeline, or None."""
    while estimator is not None:
        if hasattr(estimator, "steps"):
            return estimator[:-1] if len(estimator.steps) > 1 else None
        inner = getattr(estimator, "estimator_", None) if fitted else None
        if inner is None and fitted:
            inner = getattr(estimator, "best_estimator_", None)
        estimator = getattr(estimator, "estimator", None) if inner is None else inner
    return None


def row_index(X):
    """Index of a DataFrame whose rows have names, else None."""
    index = getattr(X, "index", None)
    if index is None or callable(index):
        return None
    names = list(index)
    if len(names) != _num_samples(X) or names == list(range(len(names))):
        return None
    array = np.empty(len(names), dtype=object)
    array[:] = names
    return array
