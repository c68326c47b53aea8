"""Nearest neighbours: distances to all rows of training, and the votes of the first."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy import sparse

from sklearn_clip.export.heads._answers import Answer, Refusal, positive_codes
from sklearn_clip.export.heads._graph_arrays import GraphArray

_EUCLIDEAN = {"euclidean", "l2", "sqeuclidean"}


def write_neighbors(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a KNeighborsClassifier of one or several labels.

    Of rows of training that are equally far, the first counts; scikit-learn takes one
    of them in an order of its own. By cosine a row of zeros is as far from all of them,
    and is given what scikit-learn says of it.
    """
    weighted = _check(estimator)
    memory = estimator._fit_X
    memory = memory.toarray() if sparse.issparse(memory) else np.asarray(memory)
    memory = memory.astype(np.float64)
    classes = estimator.classes_ if estimator.outputs_2d_ else [estimator.classes_]
    coded = np.asarray(estimator._y).reshape(len(memory), -1)
    codes = [positive_codes(estimator, known) for known in classes]
    # A code of None is no code at all: the label was nowhere.
    targets = coded == np.array([-1 if code is None else code for code in codes])
    rows = rows.cast(np.float64)
    shows = None
    if estimator.effective_metric_ == "cosine":
        shows = rows.apply("Abs").reduce("ReduceMax") > 0.0
        memory, rows = _unit(memory), _unit_rows(rows)
        # 1 - cos but for the 1. Rows of zeros have a cosine of 0 to all, so that their
        # lengths, by which other distances differ, must not come in.
        distances = rows @ -memory.T
    else:
        # |x - m|^2 = |x|^2 - 2 x.m + |m|^2, of which the first is the same for all m.
        distances = rows @ (-2.0 * memory.T) + (memory**2).sum(axis=1)
    nearest = distances.first(estimator.n_neighbors, largest=False).name
    n_labels = targets.shape[1]
    votes = rows.builder.add("Gather", rows.constant(targets), nearest, axis=0)
    votes = GraphArray(rows.builder, votes, bool, n_labels).cast(np.float64)
    if weighted:
        weights, total = _weights(rows, memory, nearest)
        votes = votes * weights
        probabilities = votes.sum_middle() / total
    else:
        probabilities = votes.sum_middle() / float(estimator.n_neighbors)
    if shows is not None:
        probabilities = probabilities.where(shows, _of_zeros(estimator, targets))
    # Of equal votes, class 0 comes first.
    labels = probabilities > 1.0 - probabilities
    return Answer(probabilities, None, labels, np.full(n_labels, 0.5))


def _of_zeros(estimator, targets):
    """Compute the shares of the neighbours that a row of zeros has by cosine."""
    zeros = np.zeros((1, estimator.n_features_in_))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns without their names
        (chosen,) = estimator.kneighbors(zeros, return_distance=False)
    return targets[chosen].mean(axis=0)


def _check(estimator):
    """Refuse what the graph cannot count; tell whether near rows weigh more."""
    metric, weights = estimator.effective_metric_, estimator.weights
    name = type(estimator).__name__
    if weights not in (None, "uniform", "distance"):
        raise Refusal(
            f"{name} weighs by a function of its own, {weights!r}. Fit it with "
            "weights='uniform' or 'distance' instead."
        )
    params = {
        key: value
        for key, value in (estimator.effective_metric_params_ or {}).items()
        if value is not None and (key, value) != ("p", 2)
    }
    if metric not in _EUCLIDEAN | {"cosine"} or params:
        raise Refusal(
            f"{name} has the metric {metric!r}{f' with {params}' if params else ''}. "
            "Fit it with metric='euclidean' or 'cosine' instead."
        )
    weighted = weights == "distance"
    if weighted and metric != "euclidean":
        raise Refusal(
            f"{name} weighs by the inverse of {metric!r}, of which rounding errors are "
            "the greater part where rows are close. Fit it with metric='euclidean' "
            "instead, behind a Normalizer."
        )
    return weighted


def _unit(memory):
    lengths = np.linalg.norm(memory, axis=1, keepdims=True)
    return memory / np.where(lengths == 0, 1, lengths)


def _unit_rows(rows):
    lengths = rows.reduce("ReduceL2")
    return rows / lengths.where(lengths > 0.0, 1.0)


def _weights(rows, memory, nearest):
    """Inverse distances of the neighbours, (n_rows, k, 1), and their sums."""
    builder = rows.builder
    near = builder.add("Gather", rows.constant(memory), nearest, axis=0)
    axis = rows.integers(1)
    here = builder.add("Unsqueeze", rows.name, axis)
    # By their differences, so that a copy of a row is at distance 0.
    apart = builder.add("Sub", here, near)
    last = rows.integers(2)
    distance = builder.add("ReduceL2", apart, last, keepdims=1)
    distance = GraphArray(builder, distance, np.float64, 1)
    # Where there are copies of the row, only they count.
    copies = distance.equals(0.0)
    count = builder.add("ReduceSum", copies.cast(np.float64).name, axis, keepdims=1)
    any_copy = GraphArray(builder, count, np.float64, 1) > 0.0
    inverse = 1.0 / distance.where(~copies, 1.0)
    weights = copies.cast(np.float64).where(any_copy, inverse)
    return weights, weights.sum_middle()
