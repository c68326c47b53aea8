"""Classifiers around others: thresholds, searches, Pipelines, what is frozen."""

from __future__ import annotations

from typing import Any

from sklearn_clip.export.heads._answers import Answer
from sklearn_clip.export.heads._cuts import decode
from sklearn_clip.export.heads._graph_arrays import GraphArray


def write_thresholds(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a ThresholdOptimizer: its cuts, and the rules after them."""
    inner = write(estimator.estimator_, rows)
    rules = rules_of(estimator)
    labels = decode(
        inner.scores(estimator.response_method_),
        estimator.thresholds_,
        at_least_one=rules["at_least_one"],
        limit=rules["max_labels"] if rules["top_k"] is None else rules["top_k"],
    )
    return Answer(
        inner.probabilities, inner.decisions, labels, estimator.thresholds_.copy()
    )


def rules_of(estimator: Any) -> dict[str, Any]:
    """Tell the rules that follow the cuts of a fitted ThresholdOptimizer."""
    top_k = getattr(estimator, "top_k_", None)
    return {
        "top_k": None if top_k is None else int(top_k),
        "max_labels": estimator.max_labels,
        "at_least_one": bool(estimator.at_least_one),
    }
