"""The writer of a whole head, and of one step before it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared import nested_estimators, shown
from sklearn_clip.calibration import MultiLabelCalibrator
from sklearn_clip.export._graph_builder import GraphBuilder
from sklearn_clip.export.heads._answers import Refusal
from sklearn_clip.export.heads._classifiers import write_classifier
from sklearn_clip.export.heads._graph_arrays import GraphArray
from sklearn_clip.export.heads._transformers import write_step
from sklearn_clip.export.heads._wrappers import rules_of
from sklearn_clip.thresholds import ThresholdOptimizer
from sklearn_clip.zero_shot import ZeroShotClassifier

# What cuts of a classifier that has none of its own are followed by.
_NO_RULES = {"top_k": None, "max_labels": None, "at_least_one": False}


class WrittenHead(NamedTuple):
    """A head that has become a part of a graph.

    Attributes
    ----------
    scores : str
        Name, in the graph, of the probabilities, or of the decision values of a
        classifier without: float32, (n_rows, n_labels).
    labels : str
        Name of the labels: bool, (n_rows, n_labels).
    response : {"predict_proba", "decision_function"}
        What the scores are.
    label_names : list of str or None
        Names of the labels; None if the head was fitted on targets without names.
    thresholds : ndarray of shape (n_labels,), dtype=float64
        The scores at which the labels change; infinite for a label that is never
        predicted.
    rules : dict
        What follows the thresholds: ``"top_k"`` and ``"max_labels"``, int or None, and
        ``"at_least_one"``, bool.
    n_labels : int
        Number of labels.
    """

    scores: str
    labels: str
    response: str
    label_names: list[str] | None
    thresholds: np.ndarray
    rules: dict[str, Any]
    n_labels: int


def write_head(
    builder: GraphBuilder,
    estimator: Any,
    features: str,
    n_features: int,
    *,
    where: str = "The classifier",
) -> WrittenHead:
    """Write a fitted head into a graph.

    Parameters
    ----------
    builder : GraphBuilder
        The graph.
    estimator : estimator instance
        A fitted multi-label classifier, or a ThresholdOptimizer, MultiLabelCalibrator,
        search or Pipeline of one.
    features : str
        Name of the rows in the graph: float32, (n_rows, n_features).
    n_features : int
        Their width.
    where : str, default="The classifier"
        What the head is called in errors, such as ``"The step 'head'"``.

    Returns
    -------
    WrittenHead
        Names of what it gives, and what is known about it.

    Raises
    ------
    ValueError
        If the head cannot be written; the message says which part of it and why.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    check_is_fitted(estimator)
    rows = GraphArray(builder, features, np.float32, n_features)
    try:
        answer = write_classifier(estimator, rows)
        response = "predict_proba"
        if answer.probabilities is None:
            response = "decision_function"
        scores = answer.scores(response)
    except Refusal as refusal:
        raise ValueError(f"{where} cannot be exported: {refusal}") from None
    return WrittenHead(
        scores.cast(np.float32).name,
        answer.labels.name,
        response,
        _names_of(estimator),
        answer.cuts,
        _rules_of(estimator),
        answer.n_labels,
    )


def _names_of(estimator):
    learnt = (
        getattr(part, "label_names_", None) for part in nested_estimators(estimator)
    )
    found = next((names for names in learnt if names is not None), None)
    if found is None:
        return None
    first = {}
    for label, name in enumerate(found):
        before = first.setdefault(str(name), label)
        if before != label:
            raise ValueError(
                "Labels must have names that differ as texts, as the file keeps them. "
                f"Got {shown(found[before])} and {shown(name)} (labels {before} and "
                f"{label}). Fit on targets with other names."
            )
    return list(first)


def _rules_of(estimator):
    for part in nested_estimators(estimator):
        if isinstance(part, ThresholdOptimizer | ZeroShotClassifier):
            return rules_of(part)
        if isinstance(part, MultiLabelCalibrator):
            break  # cuts anew: rules of what it has inside change no label
    return dict(_NO_RULES)


def write_transformer(
    builder: GraphBuilder,
    step: Any,
    features: str,
    n_features: int,
    *,
    where: str = "The step",
) -> tuple[str, int]:
    """Write a fitted transformer of features into a graph.

    Parameters
    ----------
    builder : GraphBuilder
        The graph.
    step : estimator instance, "passthrough" or None
        The transformer.
    features : str
        Name of the rows in the graph: float32, (n_rows, n_features).
    n_features : int
        Their width.
    where : str, default="The step"
        What the step is called in errors.

    Returns
    -------
    name : str
        Name of the transformed rows, float32.
    n_features : int
        Their width.

    Raises
    ------
    ValueError
        If the transformer cannot be written; the message says why.
    """
    rows = GraphArray(builder, features, np.float32, n_features)
    try:
        found = write_step(step, rows)
    except Refusal as refusal:
        raise ValueError(f"{where} cannot be exported: {refusal}") from None
    return found.cast(np.float32).name, found.width
