"""Predictions to names: the labels of each row, and the first of them."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared import (
    in_given_order,
    label_array,
    nested_estimators,
    refuse_other_order,
)
from sklearn_clip.labels._first_labels import first_labels


def predict_labels(
    estimator: Any, X: Any, label_names: Collection[Hashable] | None = None
) -> list[list[str]]:
    """Predict the names of the labels of each row.

    Parameters
    ----------
    estimator : estimator instance
        Any fitted multi-label classifier, search or Pipeline.
    X : array-like of length n_samples
        Rows.
    label_names : sequence of str or None, default=None
        Names of the labels; None takes those the estimator has seen in the columns of
        its targets.

    Returns
    -------
    list of list of str
        Names by row, in the order of the columns.

    Raises
    ------
    TypeError
        If `label_names` have no order, as in a set.
    ValueError
        If the estimator knows no names and none are given, or it is not fitted on
        labels of 0 and 1.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_clip import MultiLabelLogisticRegression, predict_labels
    >>> Y = pd.DataFrame({"small": [1, 1, 0, 0], "large": [0, 0, 1, 1]})
    >>> model = MultiLabelLogisticRegression(C=100).fit([[0], [1], [8], [9]], Y)
    >>> predict_labels(model, [[0.5], [8.5]])
    [['small'], ['large']]
    """
    predicted = estimator.predict(X)
    if sparse.issparse(predicted):
        return _names_of_stored(predicted, estimator, label_names)
    predicted = np.asarray(predicted)
    if predicted.ndim == 1:  # some drop the only column
        strange = predicted[~np.isin(predicted, [0, 1])]
        if len(strange):
            raise ValueError(
                "predict must give 0 and 1 for every label. Got "
                f"{strange.tolist()[0]!r} from {type(estimator).__name__}. Fit it on a "
                "table with one column per label (labels_to_frame makes one)."
            )
        predicted = predicted.reshape(-1, 1)
    names = _names_of(estimator, label_names, predicted.shape[1])
    # NaN, an answer that is left to people, is no label: it is not equal to itself.
    given = (predicted != 0) & (predicted == predicted)
    return [[str(name) for name in names[row]] for row in given]


def _names_of_stored(predicted, estimator, label_names):
    """Name the labels of each row of sparse predictions, which stay so."""
    stored = sparse.csr_array(predicted, copy=True)
    stored.sum_duplicates()
    names = _names_of(estimator, label_names, stored.shape[1])
    given = (stored.data != 0) & (stored.data == stored.data)
    return [
        [str(name) for name in names[stored.indices[start:end][given[start:end]]]]
        for start, end in zip(stored.indptr[:-1], stored.indptr[1:], strict=True)
    ]


def top_labels(
    estimator: Any, X: Any, k: int = 5, label_names: Collection[Hashable] | None = None
) -> list[list[tuple[str, float]]]:
    """Rank the labels of each row and name the first.

    Parameters
    ----------
    estimator : estimator instance
        Any fitted multi-label classifier, search or Pipeline with `predict_proba` or
        `decision_function`.
    X : array-like of length n_samples
        Rows.
    k : int, default=5
        How many labels of a row are named, at most all.
    label_names : sequence of str or None, default=None
        Names of the labels; None takes those the estimator has seen in the columns of
        its targets.

    Returns
    -------
    list of list of tuple (str, float)
        Names by row with their probabilities (or decision values), highest first.

    Raises
    ------
    TypeError
        If `label_names` have no order, as in a set.
    ValueError
        If `k` is no positive integer, or there are no names.

    Notes
    -----
    Rows of thousands of labels are scored in blocks: no table of all scores is made.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_clip import MultiLabelLogisticRegression, top_labels
    >>> Y = pd.DataFrame({"small": [1, 1, 0, 0], "large": [0, 0, 1, 1]})
    >>> model = MultiLabelLogisticRegression(C=100).fit([[0], [1], [8], [9]], Y)
    >>> [name for name, _ in top_labels(model, [[0.5]], k=2)[0]]
    ['small', 'large']
    """
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k must be a positive integer. Got {k!r}.")
    n_labels = _count_labels(estimator)
    if label_names is not None:
        label_names = in_given_order(label_names, "label_names")
        n_labels = len(label_names) if n_labels is None else n_labels
    if n_labels is None:
        raise ValueError(
            "The estimator must be a fitted multi-label classifier. Got "
            f"{type(estimator).__name__}, which does not tell its number of labels. "
            "Give label_names."
        )
    names = _names_of(estimator, label_names, n_labels)
    texts = [str(name) for name in names]
    return [
        [(texts[label], score) for label, score in zip(best, row, strict=True)]
        for labels, scores in first_labels(estimator, X, n_labels, k)
        for best, row in zip(labels.tolist(), scores.tolist(), strict=True)
    ]


def name_labels(estimator: Any) -> list[str]:
    """Name the labels of a fitted estimator, in their order.

    Parameters
    ----------
    estimator : estimator instance
        Any fitted multi-label classifier, search or Pipeline.

    Returns
    -------
    list of str
        The names; numbers where it has learnt none.

    Raises
    ------
    ValueError
        If it does not tell how many labels it has.
    """
    n_labels = _count_labels(estimator)
    if n_labels is None:
        raise ValueError(
            "The tagger must be a fitted multi-label classifier. Got "
            f"{type(estimator).__name__}, which does not tell its labels."
        )
    try:
        return [str(name) for name in _names_of(estimator, None, n_labels)]
    except ValueError:
        return [str(number) for number in range(n_labels)]


def _count_labels(estimator):
    """Count the labels of a fitted estimator; None where it does not tell."""
    check_is_fitted(estimator)
    for step in nested_estimators(estimator):
        classes = getattr(step, "classes_", None)
        if isinstance(classes, list) or np.ndim(classes) == 2:
            return len(classes)
        count = getattr(step, "n_labels_", getattr(step, "n_outputs_", None))
        if count is None and getattr(step, "multilabel_", False):  # OneVsRestClassifier
            count = len(classes)
        if count is not None:
            return count
    return None


def _names_of(estimator, label_names, n_labels):
    """Names of the labels, given or learnt."""
    found = (
        getattr(step, "label_names_", None) for step in nested_estimators(estimator)
    )
    learnt = next((names for names in found if names is not None), None)
    if label_names is None:
        label_names = learnt
    if label_names is None:
        raise ValueError(
            "The names of the labels are not known: fit on a DataFrame of targets "
            "(labels_to_frame makes one), or give label_names, as for scikit-learn's "
            "own classifiers, which keep none."
        )
    label_names = in_given_order(label_names, "label_names")
    if len(label_names) != n_labels:
        raise ValueError(
            f"label_names must have one name for each of the {n_labels} labels. Got "
            f"{len(label_names)}."
        )
    refuse_other_order(label_names, learnt)
    return label_array(label_names)
