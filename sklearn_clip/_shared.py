"""What every room of the package shares: errors, checks, private imports.

scikit-learn's private functions are imported here and nowhere else, so that a release
which moves one of them is met in one place.
"""

import importlib

import numpy as np
from scipy import sparse
from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    RealNotInt,
    StrOptions,
)
from sklearn.utils.validation import (
    _check_method_params,
    _check_sample_weight,
    _num_samples,
)

__all__ = [
    "HasMethods",
    "ImageDecodeError",
    "Interval",
    "ModelMismatchError",
    "Options",
    "RealNotInt",
    "StrOptions",
    "WeightsUnavailableError",
    "_check_method_params",
    "_check_sample_weight",
    "_fit_context",
    "_num_samples",
    "_safe_indexing",
    "accuracy_of_known",
    "as_binary",
    "as_targets",
    "binary_entries",
    "by_name",
    "check_indicator",
    "check_label_order",
    "check_labelled_rows",
    "import_optional",
    "is_missing",
    "label_array",
    "nested_estimators",
    "positive_scores",
]

_ROW_TYPES = (list, tuple, set, frozenset, np.ndarray)
_TAGS_HINT = "sklearn_clip.labels_to_frame(y) makes one of lists of tags."


class ImageDecodeError(ValueError):
    """An image could not be read; the message names the row, the source and the cause.

    Parameters
    ----------
    message : str
        The complete sentence shown to the user.
    failures : list of tuple (row, source, reason), default=()
        Every item that failed: its position in the call, what was given, and why
        it could not be decoded.
    """

    def __init__(self, message, failures=()):
        super().__init__(message)
        self.failures = list(failures)


class WeightsUnavailableError(OSError):
    """The weights of a CLIP model are not on this machine and could not be fetched."""


class ModelMismatchError(ValueError):
    """A saved featurizer met a CLIP model that is not the one it was saved with."""


def import_optional(module, *, extra, purpose):
    """Import an optional dependency or say which extra brings it.

    Parameters
    ----------
    module : str
        Name of the module, for example ``"pandas"``.
    extra : str
        The extra of sklearn-clip that installs it.
    purpose : str
        What needs it, as the subject of the error sentence.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    ImportError
        If the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as exc:
        raise ImportError(
            f"{purpose} needs {module}, which is not installed. "
            f"Install it with: pip install 'sklearn-clip[{extra}]'"
        ) from exc


def nested_estimators(estimator):
    """Yield an estimator and those inside it that saw the targets, outermost first.

    Parameters
    ----------
    estimator : estimator instance or None
        A classifier, Pipeline, search or meta-estimator, which is fitted.

    Yields
    ------
    estimator instance
        It, the last step of a Pipeline, the refitted one of a search or meta-estimator.
    """
    while estimator is not None:
        yield estimator
        if hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        else:
            best = getattr(estimator, "best_estimator_", None)
            estimator = getattr(estimator, "estimator_", best)


def accuracy_of_known(truth, predicted, sample_weight=None):
    """Share of rows whose known labels are all predicted.

    Parameters
    ----------
    truth : ndarray of shape (n_samples, n_labels)
        0, 1 and NaN for unknown; rows of which none is known are left out.
    predicted : ndarray of shape (n_samples, n_labels)
        0 and 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Row weights.

    Returns
    -------
    float
        Accuracy in [0, 1].

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if predicted.shape != truth.shape:
        raise ValueError(
            f"y must have the shape of the predictions, {predicted.shape}. "
            f"Got {truth.shape}."
        )
    known = ~np.isnan(truth)
    right = ((truth == predicted) | ~known).all(axis=1)
    judged = known.any(axis=1)
    if sample_weight is not None:
        sample_weight = _check_sample_weight(sample_weight, truth)[judged]
    return float(np.average(right[judged], weights=sample_weight))


def check_label_order(estimator, y):
    """Check that the columns of a table are the labels an estimator has learnt.

    Parameters
    ----------
    estimator : estimator instance
        A fitted classifier, Pipeline, search or meta-estimator.
    y : object
        Targets; only a DataFrame with names has an order to be checked.

    Raises
    ------
    ValueError
        If the names are others, or stand in another order.
    """
    names = getattr(y, "columns", None)
    if names is None or not all(isinstance(name, str) for name in names):
        return
    parts = nested_estimators(estimator)
    learnt = (getattr(part, "label_names_", None) for part in parts)
    learnt = next((list(found) for found in learnt if found is not None), None)
    if learnt is None or learnt == list(names):
        return
    differ = [pair[0] != pair[1] for pair in zip(names, learnt, strict=False)]
    at = [*differ, True].index(True)
    raise ValueError(
        "y must have the labels of the fitted classifier as columns, in their order: "
        f"pass y[list(classifier.label_names_)]. Got {list(names)[at : at + 1]} "
        f"instead of {learnt[at : at + 1]} (column {at})."
    )


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
    """
    index = getattr(values, "index", None)
    if not hasattr(values, "to_dict") or index is None:
        return values
    return values if list(index) == list(range(len(index))) else values.to_dict()


def is_missing(value):
    """Tell whether a cell is empty: None, NaN, NaT or NA."""
    if value is None or type(value).__name__ == "NAType":  # NA has no truth value
        return True
    unequal = value != value
    return isinstance(unequal, bool | np.bool_) and bool(unequal)


def as_binary(value):
    """0.0 or 1.0 of a cell of targets, NaN if it is empty, infinity otherwise."""
    if is_missing(value):
        return np.nan
    try:
        return float(value == 1) if value == 0 or value == 1 else np.inf
    except (TypeError, ValueError):  # an array has no truth value
        return np.inf


def label_array(names):
    """Put names of labels, which may be tuples, into a 1-D array; None stays."""
    if names is None:
        return None
    names = list(names)
    array = np.empty(len(names), dtype=object)
    array[:] = names
    return array


def as_targets(y):
    """Turn targets into a dense array, and tell lists of tags from a table.

    Parameters
    ----------
    y : {array-like, sparse matrix, DataFrame}
        Targets.

    Returns
    -------
    ndarray
        The targets, not checked.

    Raises
    ------
    ValueError
        If `y` is None, or its rows are lists of different lengths.
    """
    if y is None:
        raise ValueError(
            "A classifier requires y to be passed, but the target y is None."
        )
    if sparse.issparse(y):
        return y.toarray()
    try:
        values = np.asarray(y)
    except ValueError:  # rows of different lengths
        values = np.asarray(y, dtype=object)
    if values.ndim == 1 and values.dtype == object:
        rows = (row for row in enumerate(values) if isinstance(row[1], _ROW_TYPES))
        number, row = next(rows, (0, None))
        if row is not None:
            raise ValueError(
                f"y must be a table of 0 and 1 with one column per label. Got {row!r} "
                f"(row {number}), beside rows of other lengths. {_TAGS_HINT}"
            )
    return values


def binary_entries(values, names=None):
    """Check a table of targets.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN, None or NA where a label is unknown.
    names : ndarray of shape (n_labels,), or None, default=None
        Names of the labels, for the error.

    Returns
    -------
    ndarray of shape (n_samples, n_labels), dtype=float32 or float64
        0, 1 and NaN.

    Raises
    ------
    ValueError
        If there is no row or no label, or anything else in them.
    """
    if 0 in values.shape:
        raise ValueError(
            "y must have at least one row and one label. "
            f"Got an array of shape {values.shape}."
        )
    if values.dtype.kind in "biuf":
        numbers = values if values.dtype.kind == "f" else values.astype(np.float32)
        good = (values == 0) | (values == 1) | np.isnan(numbers)
    else:
        numbers = np.frompyfunc(as_binary, 1, 1)(values).astype(np.float32)
        good = ~np.isinf(numbers)
    if not good.all():
        row, column = np.argwhere(~good)[0]
        name = "" if names is None else f", label {names[column]!r}"
        hint = f" {_TAGS_HINT}" if isinstance(values[row, column], str) else ""
        raise ValueError(
            "y must hold only 0 and 1 (or False and True), and NaN where a label is "
            f"unknown. Got {values[row, column]} (row {row}, column {column}{name})."
            + hint
        )
    return numbers


def check_indicator(y, *, one_dimensional_hint=""):
    """Check multi-label targets and return them as a dense array of 0, 1 and NaN.

    Parameters
    ----------
    y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        Targets of 0 and 1 or False and True; NaN, None or NA where they are unknown.
    one_dimensional_hint : str, default=""
        Sentence added to the error for a 1-D `y`: what to write instead.

    Returns
    -------
    y : ndarray of shape (n_samples, n_labels), dtype=int64 or float64
        The targets; float64 only if some are unknown, which are NaN.
    label_names : ndarray of shape (n_labels,), dtype=object, or None
        The column names of a DataFrame, else None.

    Raises
    ------
    ValueError
        If `y` is None, is not 2-dimensional, is empty, holds anything but 0, 1 and
        unknown, or if nothing in it is known.
    """
    names = label_array(getattr(y, "columns", None))
    values = as_targets(y)
    if values.ndim != 2:
        raise ValueError(
            "y must have 2 dimensions, (n_samples, n_labels), with one column of 0 "
            f"and 1 per label. Got a {values.ndim}d array of shape {values.shape}."
            + (f" {one_dimensional_hint}" if one_dimensional_hint else "")
        )
    numbers = binary_entries(values, names).astype(np.float64)
    unknown = np.isnan(numbers)
    if unknown.all():
        raise ValueError("y must hold at least one known label. Got NaN only.")
    return numbers if unknown.any() else numbers.astype(np.int64), names


def check_labelled_rows(X, y, names):
    """Check labelled rows, whose labels are named, as far as that needs no reading.

    Parameters
    ----------
    X : array-like of length n, or None
        Rows; None if there are none to count.
    y : {array-like, sparse matrix, DataFrame} of shape (n, n_labels)
        0 and 1, and NaN where a label is unknown.
    names : sequence of str
        The labels.

    Returns
    -------
    ndarray of shape (n, n_labels)
        The targets.

    Raises
    ------
    ValueError
        If y holds other values, or has another number of rows, or other labels or
        another order of them.
    """
    targets, columns = check_indicator(y)
    if targets.shape[1] != len(names):
        raise ValueError(
            f"y must have one column for each of the {len(names)} labels of classes. "
            f"Got {targets.shape[1]}."
        )
    for position, (name, column) in enumerate(
        zip(names, names if columns is None else columns, strict=True)
    ):
        if name != column:
            raise ValueError(
                "The columns of y must be the labels of classes, in their order. Got "
                f"{column!r} for {name!r} (column {position}). Pass y[classes], or "
                "classes=list(y.columns)."
            )
    if X is not None:
        check_consistent_length(X, targets)
    return targets


def _column_of_one(values, classes, *, absent):
    """Column of class 1 in one label's output; `absent` and 1 where it is constant."""
    values = np.asarray(values, dtype=np.float64)
    if classes is not None and len(classes) == 1:
        return np.full(len(values), 1.0 if classes[0] == 1 else absent)
    if values.ndim == 2 and values.shape[1] == 2:
        # Two classes of 0/1 targets are sorted: column 1 is class 1.
        return values[:, 1]
    return values.reshape(len(values), -1)[:, -1]


def positive_scores(estimator, X, n_labels, *, method=None):
    """Score every label with a fitted classifier, whatever shape its output has.

    Parameters
    ----------
    estimator : estimator instance
        A fitted multi-label classifier with `predict_proba` (preferred) or
        `decision_function`. The output may be a list of one (n_samples, 2) array per
        label, where a label that was constant in training may have one column, or
        one array of shape (n_samples, n_labels).
    X : array-like of length n_samples
        The rows, handed on as they are.
    n_labels : int
        Number of labels the classifier was fitted on.
    method : {"predict_proba", "decision_function"} or None, default=None
        The method to call; None takes the first of the two that exists.

    Returns
    -------
    scores : ndarray of shape (n_samples, n_labels), dtype=float64
        P(label = 1) or the decision value; infinite values become the largest floats.
    method : {"predict_proba", "decision_function"}
        The method used.

    Raises
    ------
    TypeError
        If the classifier has neither method.
    ValueError
        If the output has another shape or holds NaN.
    """
    if method is None:
        methods = ("predict_proba", "decision_function")
        method = next((name for name in methods if hasattr(estimator, name)), None)
    if method is None:
        raise TypeError(
            "The estimator must have predict_proba or decision_function. "
            f"Got {type(estimator).__name__}, which has neither once it is fitted."
        )
    return _call_for_scores(estimator, method, X, n_labels), method


def _call_for_scores(estimator, method, X, n_labels):
    """Output of one method as a finite (n_samples, n_labels) array."""
    output = getattr(estimator, method)(X)
    classes = getattr(estimator, "classes_", None)
    absent = 0.0 if method == "predict_proba" else -1.0
    if isinstance(output, list):
        per_label = [None] * len(output) if classes is None else classes
        columns = [
            _column_of_one(values, known, absent=absent)
            for values, known in zip(output, per_label, strict=True)
        ]
        scores = np.column_stack(columns)
    elif n_labels == 1:
        known = classes[0] if isinstance(classes, list) else classes
        scores = _column_of_one(output, known, absent=absent)[:, None]
    else:
        scores = np.asarray(output, dtype=np.float64)
    if scores.ndim != 2 or scores.shape[1] != n_labels:
        raise ValueError(
            f"{method} of the estimator must give one score per row and label, here "
            f"{n_labels} labels. Got shape {scores.shape} from "
            f"{type(estimator).__name__}."
        )
    if np.isnan(scores).any():
        row, column = np.argwhere(np.isnan(scores))[0]
        raise ValueError(
            f"{method} of the estimator must not give NaN. "
            f"Got NaN from {type(estimator).__name__} (row {row}, column {column})."
        )
    return np.nan_to_num(scores)
