"""Fitted classifiers of any kind: their scores, their parts, their labels."""

from inspect import getattr_static, isfunction

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sklearn_clip._shared._arrays import column_names
from sklearn_clip._shared._meta_estimators import MultiLabelMetaMixin
from sklearn_clip._shared._names import first_difference


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


def deciding_estimators(estimator):
    """Yield an estimator and those inside it whose decisions it hands on.

    What stands inside a meta-estimator of this package decides nothing: a calibrator
    around a tuned classifier cuts at 0.5, whatever the thresholds of that are.

    Parameters
    ----------
    estimator : estimator instance or None
        A classifier, Pipeline, search or meta-estimator, which is fitted.

    Yields
    ------
    estimator instance
        Those of `nested_estimators` up to the first that decides by itself.
    """
    for part in nested_estimators(estimator):
        yield part
        if isinstance(part, MultiLabelMetaMixin):
            return


def inner_featurizers(estimator):
    """Find the CLIP featurizers in an estimator, wherever they stand.

    Parameters
    ----------
    estimator : estimator instance
        A Pipeline, search, union or meta-estimator.

    Yields
    ------
    CLIPFeaturizer
        Each once, fitted ones and the templates that meta-estimators keep.
    """
    stack, seen = [estimator], set()
    while stack:
        part = stack.pop()
        if id(part) in seen or isinstance(part, type):
            continue
        seen.add(id(part))
        if hasattr(part, "encode_images") and hasattr(part, "check_images"):
            yield part
        elif isinstance(part, (list, tuple)):
            stack.extend(reversed(part))
        elif hasattr(part, "get_params"):
            stack.extend(vars(part).values())


def is_exported(estimator):
    """Whether it is a tagger in a file, an `OnnxTagger`, which reads rows by itself."""
    # An attribute, as rooms ask that do not import the one of exports.
    return getattr(estimator, "_reads_rows", False)


def check_label_order(estimator, y):
    """Check that the columns of a table are the labels an estimator has learnt.

    Parameters
    ----------
    estimator : estimator instance
        A fitted classifier, Pipeline, search or meta-estimator.
    y : object
        Targets; only a table with names has an order to be checked, and numbers from
        0 on are none.

    Raises
    ------
    ValueError
        If the names are others, or stand in another order.
    """
    names = column_names(y)
    if names is None:
        return
    parts = list(nested_estimators(estimator))
    learnt = (getattr(part, "label_names_", None) for part in parts)
    learnt = next((list(found) for found in learnt if found is not None), None)
    if learnt is not None and len(learnt) == len(names) and is_exported(parts[-1]):
        # Its file keeps names as texts, whatever they were.
        pairs = zip(names, learnt, strict=True)
        names = [own if str(name) == own else name for name, own in pairs]
    at = first_difference(names, learnt)
    if at is None:
        return
    raise ValueError(
        "y must have the labels of the fitted classifier as columns, in their order: "
        f"pass y[list(classifier.label_names_)]. Got {list(names)[at : at + 1]} "
        f"instead of {learnt[at : at + 1]} (column {at})."
    )


def _column_of_one(values, classes, *, absent):
    """Column of class 1 in one label's output; `absent` and 1 where it is constant."""
    values = np.asarray(values, dtype=np.float64)
    if classes is not None and len(classes) == 1:
        return np.full(len(values), 1.0 if classes[0] == 1 else absent)
    if values.ndim == 2 and values.shape[1] == 2:
        # Two classes of 0/1 targets are sorted: column 1 is class 1.
        return values[:, 1]
    return values.reshape(len(values), -1)[:, -1]


def _has(estimator, method):
    """Whether an estimator has a method, and it is more than a promise.

    OneVsRestClassifier goes by its first classifier, and what it puts there for a
    label that was constant in training has every method.
    """
    if not hasattr(estimator, method):
        return False
    for part in nested_estimators(estimator):
        if isfunction(getattr_static(type(part), method, None)):
            break  # under no condition: it is not that of what is inside
        if hasattr(part, "label_binarizer_"):
            return all(hasattr(member, method) for member in part.estimators_)
    return True


def _without_stack(estimator, X):
    """Put the final classifier of a stack, and its rows, in the place of the stack.

    Of several labels, `predict_proba` of scikit-learn's `StackingClassifier` (1.9.1)
    gives the probability of 0 where the final one has a list of two columns for each,
    and fails where that has one array.
    """
    last, before = estimator, []
    while True:
        if isinstance(last, FrozenEstimator):
            last = last.estimator
        elif isinstance(last, Pipeline):
            before += [last[:-1]] if len(last.steps) > 1 else []
            last = last.steps[-1][1]
        elif hasattr(last, "best_estimator_"):
            last = last.best_estimator_
        else:
            break
    several = isinstance(getattr(last, "classes_", None), list)
    if not (several and hasattr(last, "final_estimator_")):
        return estimator, X
    for steps in before:
        X = steps.transform(X)
    return last.final_estimator_, last.transform(X)


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
        method = next((name for name in methods if _has(estimator, name)), None)
    if method is None:
        raise TypeError(
            "The estimator must have predict_proba or decision_function. "
            f"Got {type(estimator).__name__}, which has neither once it is fitted."
        )
    return _call_for_scores(estimator, method, X, n_labels), method


def _call_for_scores(estimator, method, X, n_labels):
    """Output of one method as a finite (n_samples, n_labels) array."""
    given, classes = estimator, getattr(estimator, "classes_", None)
    if method == "predict_proba":
        estimator, X = _without_stack(estimator, X)
    output = getattr(estimator, method)(X)
    absent = 0.0 if method == "predict_proba" else -1.0
    if isinstance(output, list):
        per_label = [None] * len(output) if classes is None else classes
        columns = [
            _column_of_one(values, known, absent=absent)
            for values, known in zip(output, per_label, strict=True)
        ]
        scores = np.column_stack(columns)
    elif n_labels == 1:
        known = classes[0] if np.ndim(classes) == 2 else classes
        scores = _column_of_one(output, known, absent=absent)[:, None].copy()
    else:
        scores = np.array(output, dtype=np.float64)
        # A stack has numbered the values of each label: a single one is 0 to the other.
        for column, known in enumerate(classes if estimator is not given else ()):
            if len(known) == 1:
                scores[:, column] = known[0]
    if scores.ndim != 2 or scores.shape[1] != n_labels:
        raise ValueError(
            f"{method} of the estimator must give one score per row and label, here "
            f"{n_labels} labels. Got shape {scores.shape} from "
            f"{type(estimator).__name__}."
        )
    if np.isfinite(scores).all():
        return scores
    if np.isnan(scores).any():
        row, column = np.argwhere(np.isnan(scores))[0]
        raise ValueError(
            f"{method} of the estimator must not give NaN. "
            f"Got NaN from {type(estimator).__name__} (row {row}, column {column}). "
            "Leave such rows out; of a picture that cannot be read, "
            "CLIPFeaturizer(on_error='zero') makes a row that has a score."
        )
    return np.nan_to_num(scores)
