"""What the displays are given: targets, scores, names, and a choice of labels."""

from collections.abc import Hashable, Iterable
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared import (
    check_label_order,
    clean_name,
    column_names,
    deciding_estimators,
    hint_at_name,
    in_given_order,
    nested_estimators,
    positive_scores,
    refuse_other_order,
    shown_first,
    warn_of_row_order,
)
from sklearn_clip.metrics._entries import check_targets


def read_targets(y_true, label_names=None, *, tables=(), estimator=None, rows=None):
    """Check targets and find the names of their labels.

    Parameters
    ----------
    y_true : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        0 and 1 or False and True; NaN where a label is unknown.
    label_names : sequence of length n_labels or None, default=None
        Names. None takes the columns of `y_true`, else those of `tables`, else those
        `estimator` was fitted on, else numbers.
    tables : iterable, default=()
        Predictions or scores.
    estimator : estimator instance or None, default=None
        A fitted classifier, Pipeline or search.
    rows : object, default=None
        The rows of `y_true`, where they are given.

    Returns
    -------
    entries : Entries
        The checked targets.
    names : ndarray of shape (n_labels,), dtype=object
        The names.

    Raises
    ------
    ValueError
        If `y_true` holds other values, or its columns are not the labels of
        `estimator` in their order, or `label_names` has another length or names
        columns by the names of others.
    """
    entries = check_targets(y_true)
    check_label_order(estimator, y_true)
    warn_of_row_order(rows, y_true)
    n_labels = entries.positive.shape[1]
    known = [entries.names, *map(column_names, tables)]
    known.append(learnt(estimator, "label_names_"))
    return entries, _choose_names(label_names, known, n_labels)


def read_names(estimator, label_names, n_labels, *, tables=()):
    """Find the names of the labels of a fitted classifier, without targets.

    Parameters
    ----------
    estimator : estimator instance
        A fitted classifier, Pipeline or search.
    label_names : sequence of length n_labels or None
        Names. None takes the columns of `tables`, else those `estimator` was fitted
        on, else numbers.
    n_labels : int
        How many there must be.
    tables : iterable, default=()
        Predictions or scores.

    Returns
    -------
    ndarray of shape (n_labels,), dtype=object
        The names.

    Raises
    ------
    ValueError
        If `label_names` has another length or names labels by the names of others.
    """
    known = [*map(column_names, tables), learnt(estimator, "label_names_")]
    return _choose_names(label_names, known, n_labels)


def _choose_names(label_names, known, n_labels):
    """Take the names that were given, where others allow it, else the first known."""
    if label_names is None:
        label_names = next((names for names in known if names is not None), None)
        return name_array(label_names, n_labels)
    names = name_array(label_names, n_labels)
    for columns in known:
        refuse_other_order(names, columns)
    return names


def name_array(label_names, n_labels):
    """Put the names of labels into an array; None numbers them.

    Parameters
    ----------
    label_names : sequence of length n_labels or None
        The names.
    n_labels : int
        How many there must be.

    Returns
    -------
    ndarray of shape (n_labels,), dtype=object
        The names.

    Raises
    ------
    TypeError
        If they have no order.
    ValueError
        If there is another number of them.
    """
    if label_names is None:
        label_names = range(n_labels)
    label_names = in_given_order(label_names, "label_names")
    if len(label_names) != n_labels:
        raise ValueError(
            f"label_names must have one name for each of the {n_labels} labels. "
            f"Got {len(label_names)}."
        )
    names = np.empty(n_labels, dtype=object)
    names[:] = label_names
    return names


def holder(estimator, attribute, *, decides=False):
    """Look for the part of an estimator that has learnt something.

    Parameters
    ----------
    estimator : estimator instance or None
        A classifier, Pipeline, search or meta-estimator.
    attribute : str
        Name of the learnt attribute.
    decides : bool, default=False
        Whether to look no further than the first part that decides by itself, whose
        labels those of `estimator` are.

    Returns
    -------
    estimator instance or None
        The outermost one that has it, None if there is none.
    """
    parts = (deciding_estimators if decides else nested_estimators)(estimator)
    return next(
        (part for part in parts if getattr(part, attribute, None) is not None), None
    )


def learnt(estimator, attribute, *, decides=False):
    """Look for a learnt attribute in an estimator and in those inside it.

    Parameters
    ----------
    estimator : estimator instance or None
        A classifier, Pipeline, search or meta-estimator.
    attribute : str
        Name of the attribute.
    decides : bool, default=False
        As for `holder`.

    Returns
    -------
    object
        Its value in the outermost estimator that has it, None if there is none.
    """
    return getattr(holder(estimator, attribute, decides=decides), attribute, None)


def score_rows(estimator, X, n_labels):
    """Score rows as a fitted classifier does before it decides.

    Parameters
    ----------
    estimator : estimator instance
        A fitted classifier, Pipeline or search.
    X : array-like of length n_samples
        Rows, as the estimator takes them.
    n_labels : int
        Number of labels.

    Returns
    -------
    scores : ndarray of shape (n_samples, n_labels)
        Probabilities or decision values.
    method : {"predict_proba", "decision_function"}
        Which of them: the one that the thresholds of a ThresholdOptimizer belong to.
    """
    check_is_fitted(estimator)
    method = learnt(estimator, "response_method_")
    if method is not None and not hasattr(estimator, method):
        method = None  # that of what is inside, as of a calibrator, which has another
    return positive_scores(estimator, X, n_labels, method=method)


def predict_rows(estimator, X, n_labels):
    """Predict labels with a fitted classifier.

    Parameters
    ----------
    estimator, X
        As for `score_rows`.
    n_labels : int or None
        Number of labels, None if it is not known.

    Returns
    -------
    {ndarray, sparse matrix, DataFrame} of shape (n_samples, n_labels)
        What the estimator predicts.
    """
    check_is_fitted(estimator)
    predicted = estimator.predict(X)
    if n_labels == 1 and getattr(predicted, "ndim", 2) == 1:
        predicted = np.reshape(predicted, (-1, 1))  # some drop the only column
    return predicted


def choose_labels(labels, names, *, support=None, max_labels=None):
    """Choose the labels to draw.

    Parameters
    ----------
    labels : sequence of label names or positions, or None
        The labels, in this order; what is both a name and a position is a name. None
        takes the `max_labels` most frequent ones.
    names : ndarray of shape (n_labels,), dtype=object
        Names of all labels.
    support : ndarray of shape (n_labels,) or None, default=None
        Positives of each label; None takes the first labels for the most frequent.
    max_labels : int or None, default=None
        How many at most where `labels` is None; None is all.

    Returns
    -------
    ndarray of int
        Positions of the labels, the most frequent first unless they were given.

    Raises
    ------
    ValueError
        If `labels` is empty or holds something that is no label, or if `max_labels` is
        not a positive integer.
    """
    check_count(max_labels, "max_labels")
    if labels is None:
        order = np.arange(len(names))
        if support is not None:
            order = np.argsort(-np.asarray(support), kind="stable")
        return order[:max_labels]
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
        labels = [labels]
    place = {clean_name(name): position for position, name in enumerate(names)}
    chosen = []
    for label in labels:
        known = isinstance(label, Hashable)
        position = place.get(clean_name(label), label) if known else None
        if (
            not isinstance(position, Integral)
            or isinstance(position, bool | np.bool_)
            or not 0 <= position < len(names)
        ):
            raise ValueError(
                "labels must hold names of labels, or positions from 0 to "
                f"{len(names) - 1}. Got {label!r}; the names are "
                f"{shown_first(names, 5)}."
                + (hint_at_name(label, names) if known else "")
            )
        chosen.append(int(position))
    if not chosen:
        raise ValueError("labels must hold at least one label. Got none.")
    return np.array(chosen)


def check_choice(value, what, choices):
    """Check that a value is one of a few.

    Parameters
    ----------
    value : object
        What was given.
    what : str
        Name of the parameter.
    choices : iterable of str or None
        What it may be.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if not (value is None or isinstance(value, str)) or value not in choices:
        raise ValueError(
            f"{what} must be one of {', '.join(map(repr, choices))}. Got {value!r}."
        )


def check_count(value, what):
    """Check a number of things to draw.

    Parameters
    ----------
    value : object
        What was given.
    what : str
        Name of the parameter.

    Raises
    ------
    ValueError
        If it is neither None nor a positive integer.
    """
    good = isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
    if value is not None and not (good and value >= 1):
        raise ValueError(f"{what} must be a positive integer or None. Got {value!r}.")


def check_axes(ax):
    """Check that something is Axes of matplotlib.

    Parameters
    ----------
    ax : object
        What was given.

    Raises
    ------
    TypeError
        If it is a figure, an array of Axes, both, or anything else.
    """
    if not hasattr(ax, "get_subplotspec"):
        raise TypeError(
            f"ax must be an Axes of matplotlib. Got a {type(ax).__name__}: of "
            "fig, ax = plt.subplots() give ax, and of several one."
        )
