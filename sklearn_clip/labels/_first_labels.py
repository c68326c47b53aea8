"""The labels of the highest scores of each row, without a table of all scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_clip._shared import _num_samples, _safe_indexing, positive_scores

# Scores (row and label) that are looked at together.
_BLOCK_SIZE = 2**23
# Labels of a group, of which the highest score is found first.
_GROUP = 64


def first_labels(
    estimator: Any, X: Any, n_labels: int, k: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """Find the labels of the highest scores, for blocks of rows.

    Parameters
    ----------
    estimator : estimator instance
        A fitted multi-label classifier, search or Pipeline.
    X : array-like of length n_samples
        Rows.
    n_labels : int
        Number of labels.
    k : int
        How many of a row to find; all if there are fewer.

    Yields
    ------
    labels : ndarray of shape (n_rows, min(k, n_labels))
        Numbers of the labels, highest score first; of equal ones the first label.
    scores : ndarray of shape (n_rows, min(k, n_labels))
        Their probabilities, or decision values.
    """
    rows = max(1, _BLOCK_SIZE // n_labels)
    n_samples, link = _num_samples(X), None
    if n_samples > rows:
        # Of a Pipeline the last step alone sees blocks: what is before it, such as a
        # featurizer, is at its best with all rows.
        estimator, X = _last_step(estimator, X)
        n_samples, link = _num_samples(X), getattr(estimator, "_link", None)
    for start in range(0, n_samples, rows):
        block = X
        if n_samples > rows:
            block = _safe_indexing(X, slice(start, min(start + rows, n_samples)))
        if link is None:
            scores, _ = positive_scores(estimator, block, n_labels)
        else:
            scores = estimator.decision_function(block)
        labels = highest(scores, k)
        found = np.take_along_axis(scores, labels, axis=1)
        yield labels, found if link is None else link(found)


def _last_step(estimator, X):
    """Give the classifier inside searches and Pipelines, and what it is given."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps"):
            if len(estimator.steps) > 1:
                X = estimator[:-1].transform(X)
            estimator = estimator.steps[-1][1]
        else:
            return estimator, X


def highest(scores: NDArray[Any], k: int) -> NDArray[np.intp]:
    """Find the columns of the highest scores of each row, in their order.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_labels)
        Finite scores.
    k : int
        How many.

    Returns
    -------
    ndarray of shape (n_rows, min(k, n_labels))
        Columns; of equal scores the first.
    """
    n_rows, n_labels = scores.shape
    whole = n_labels // _GROUP * _GROUP
    n_groups = n_labels // _GROUP + n_labels - whole
    if k >= n_groups // 2:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    # The k-th highest of the maxima of groups has k scores above it or equal: no score
    # below it is among the first k, so that few groups are left to be looked at.
    maxima = scores[:, :whole].reshape(n_rows, -1, _GROUP).max(axis=2)
    bound = np.hstack([maxima, scores[:, whole:]])
    bound = np.partition(bound, n_groups - k, axis=1)[:, n_groups - k]
    row, group = np.nonzero(maxima >= bound[:, None])
    columns = group[:, None] * _GROUP + np.arange(_GROUP)
    row = np.repeat(row, _GROUP)
    single, column = np.nonzero(scores[:, whole:] >= bound[:, None])
    row = np.concatenate([row, single])
    column = np.concatenate([columns.ravel(), whole + column])
    value = scores[row, column]
    high = value >= bound[row]
    row, column, value = row[high], column[high], value[high]
    order = np.lexsort((column, -value, row))
    starts = np.searchsorted(row[order], np.arange(n_rows))
    return column[order[starts[:, None] + np.arange(k)]]
