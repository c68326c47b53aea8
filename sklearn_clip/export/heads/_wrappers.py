"""Classifiers around one other: thresholds, searches, what is frozen."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_clip.export.heads._answers import Answer, Refusal, both_classes
from sklearn_clip.export.heads._cuts import decode, reach
from sklearn_clip.export.heads._graph_arrays import GraphArray


def write_thresholds(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a ThresholdOptimizer: its cuts, and the rules after them."""
    if not hasattr(estimator, "thresholds_"):
        raise Refusal(
            "ThresholdOptimizer has no thresholds where it chooses the labels of a row "
            "together. Fit it with decision='cut' and exactly_k=None instead."
        )
    if estimator.transductive:
        raise Refusal(
            "ThresholdOptimizer(transductive=True) chooses its thresholds anew for the "
            "rows it is given. Fit it with transductive=False instead."
        )
    inner = write(estimator.estimator_, rows)
    rules = rules_of(estimator)
    labels = decode(
        inner.scores(estimator.response_method_),
        estimator.thresholds_,
        at_least_one=rules["at_least_one"],
        limit=rules["max_labels"] if rules["top_k"] is None else rules["top_k"],
    )
    cuts = np.array(estimator.thresholds_, dtype=np.float64)
    if estimator.response_method_ == "decision_function":
        # The scores that are cut, should there be others, too.
        inner = inner._replace(probabilities=None)
    return Answer(inner.probabilities, inner.decisions, labels, cuts)


def rules_of(estimator: Any) -> dict[str, Any]:
    """Tell the rules that follow the cuts of a fitted classifier.

    They are a ThresholdOptimizer's, which may have chosen `top_k_`, or those that are
    set on a ZeroShotClassifier.
    """
    top_k = getattr(estimator, "top_k_", getattr(estimator, "top_k", None))
    limit = getattr(estimator, "max_labels", None)
    return {
        "top_k": None if top_k is None else int(top_k),
        "max_labels": None if limit is None else int(limit),
        "at_least_one": bool(estimator.at_least_one),
    }


def write_search(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write the best estimator of a search."""
    if not hasattr(estimator, "best_estimator_"):
        raise Refusal(
            f"{type(estimator).__name__} with refit=False has fitted no classifier to "
            "all rows. Fit it with refit=True instead."
        )
    return write(estimator.best_estimator_, rows)


def write_frozen(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write what a FrozenEstimator holds."""
    return write(estimator.estimator, rows)


def write_fixed_threshold(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a FixedThresholdClassifier, whose cut only its own `predict` knows."""
    inner = write(getattr(estimator, "estimator_", estimator.estimator), rows)
    method = estimator.response_method
    if method == "auto":
        method = _first_method(inner)
    cut = estimator.threshold
    if isinstance(cut, str):
        cut = 0.5 if method == "predict_proba" else 0.0
    return _cut_one(inner, estimator, method, cut, estimator.pos_label)


def write_tuned_threshold(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a TunedThresholdClassifierCV, as a FixedThresholdClassifier."""
    inner = write(estimator.estimator_, rows)
    method = estimator.response_method
    if method == "auto":
        method = _first_method(inner)
    positive = estimator._curve_scorer._get_pos_label()
    return _cut_one(inner, estimator, method, estimator.best_threshold_, positive)


def _first_method(answer):
    return "decision_function" if answer.probabilities is None else "predict_proba"


def _cut_one(inner, estimator, method, cut, positive):
    """Cut the scores of a binary classifier; `positive` is the class they are of."""
    both_classes(estimator)
    scores = inner.scores(method)
    if positive is None or positive == 1:
        labels = reach(scores, np.array([cut]))
    else:
        of_zero = 1.0 - scores if method == "predict_proba" else -scores
        labels = ~reach(of_zero, np.array([cut]))
        cut = 1.0 - cut if method == "predict_proba" else -cut
    reported = method == _first_method(inner)
    cuts = np.array([cut], dtype=np.float64) if reported else inner.cuts
    return inner._replace(labels=labels, cuts=cuts)


def refuse_open_answers(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Refuse a classifier that may leave an answer open."""
    raise Refusal(
        f"{type(estimator).__name__} may leave an answer open, as NaN, which has no "
        "place in labels of 0 and 1. Export its estimator_ instead, and cut the scores "
        "where they are read, or fit a ThresholdOptimizer, which answers every row."
    )
