"""Classifiers that make probabilities of the scores of another one."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np

from sklearn_clip.export.heads._answers import Answer, Refusal, both_classes
from sklearn_clip.export.heads._graph_arrays import GraphArray
from sklearn_clip.export.heads._knots import Knots

_LARGEST = float(np.finfo(np.float64).max)


def write_calibrator(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a MultiLabelCalibrator, which computes in float64."""
    response = estimator.response_method_
    scores = write(estimator.estimator_, rows).scores(response)
    if estimator.method_ == "identity":
        found = scores.maximum(0.0).minimum(1.0)
    elif estimator.method_ in ("isotonic", "venn-abers"):
        found = _mix(estimator, scores, relative=response == "predict_proba")
    elif estimator.method_ in ("temperature", "sigmoid", "beta"):
        has, lacks = _logarithms(scores.cast(np.float64), estimator.smoothing_)
        eta = has * estimator.map_coef_[:, 0] - lacks * estimator.map_coef_[:, 1]
        found = (eta + estimator.map_intercept_).sigmoid()
    else:
        raise Refusal(
            f"MultiLabelCalibrator has an unknown method, {estimator.method_!r}. Fit "
            "it with method='auto' instead."
        )
    return Answer(found, None, found > 0.5, np.full(estimator.n_labels_, 0.5))


def _logarithms(scores, smoothing):
    """Compute ln p and ln(1 - p) of probabilities, smoothed, or of decision values."""
    if smoothing is not None:
        # (p + s) / (1 + 2 s), and the same of 1 - p
        scores = scores.maximum(0.0).minimum(1.0)
        has = (scores + smoothing) / (1.0 + 2.0 * smoothing)
        lacks = (1.0 - scores + smoothing) / (1.0 + 2.0 * smoothing)
        return has.apply("Log"), lacks.apply("Log")
    # Infinite values are the largest numbers, of which a multiple by 0 is 0.
    scores = scores.maximum(-_LARGEST).minimum(_LARGEST)
    # ln sigmoid(z) = min(z, 0) - ln(1 + exp(-|z|))
    rest = ((-scores.apply("Abs")).apply("Exp") + 1.0).apply("Log")
    return scores.minimum(0.0) - rest, (-scores).minimum(0.0) - rest


def _mix(estimator, scores, *, relative):
    """Follow the own map of every label, and the common one as far as it counts."""
    # A label of which nothing is known has no knots, and weighs nothing: any will do.
    own, lower, upper = (
        [values if len(values) else np.zeros(1) for values in lists]
        for lists in (estimator.knots_, estimator.lower_, estimator.upper_)
    )
    knots = Knots(own)
    at = knots.snap(scores, relative=relative)
    if estimator.method_ == "isotonic":
        found = knots.interpolate(at, lower)
    else:
        # 0 below all knots, 1 above all of them
        zero = knots.pick(
            knots.count(at, equal=True), [np.append(0.0, values) for values in lower]
        )
        one = knots.pick(
            knots.count(at, equal=False), [np.append(values, 1.0) for values in upper]
        )
        found = one / (1.0 - zero + one)
    common = Knots([estimator.common_knots_])
    shared = common.interpolate(
        common.snap(scores, relative=relative), [estimator.common_values_]
    )
    weight = estimator.own_weight_
    return found * weight + shared * (1.0 - weight)


def write_calibrated(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a CalibratedClassifierCV: the mean over the classifiers of its folds."""
    both_classes(estimator)
    parts = []
    for part in estimator.calibrated_classifiers_:
        both_classes(part.estimator)
        parts.append(_calibrate(part, write(part.estimator, rows)))
    # Added one by one and for either class, as there: flat steps of several isotonic
    # functions often have a mean of 0.5, and then class 0 comes first.
    positive = reduce(add, parts) / float(len(parts))
    negative = reduce(add, (1.0 - part for part in parts)) / float(len(parts))
    return Answer(positive, None, positive > negative, np.array([0.5]))


def _calibrate(part, inner):
    """Probabilities of one fold's classifier."""
    decides = inner.decisions is not None
    scores = inner.decisions if decides else inner.scores("predict_proba")
    calibrator = part.calibrators[0]
    if part.method == "sigmoid":
        a, b = np.float64(calibrator.a_), np.float64(calibrator.b_)
        found = (-(scores * np.array([a]) + np.array([b]))).sigmoid()
    elif part.method == "isotonic":
        found = _isotonic(calibrator, scores)
    elif part.method == "temperature" and decides:
        # The softmax of beta (-z, z).
        found = (scores * np.array([2.0 * float(calibrator.beta_)])).sigmoid()
    elif part.method == "temperature":
        # The softmax of beta log(p + eps), for p and 1 - p.
        odds = (scores + 1e-12).apply("Log") - (1.0 - scores + 1e-12).apply("Log")
        found = (odds * np.array([float(calibrator.beta_)])).sigmoid()
    else:
        raise Refusal(
            f"CalibratedClassifierCV has an unknown method, {part.method!r}. Fit it "
            "with method='sigmoid' instead."
        )
    return found.cast(np.float64)


def _isotonic(calibrator, scores):
    if calibrator.out_of_bounds != "clip":
        raise Refusal(
            "IsotonicRegression must have out_of_bounds='clip', as "
            f"CalibratedClassifierCV sets it. Got {calibrator.out_of_bounds!r}."
        )
    knots = calibrator.X_thresholds_
    scores = scores.cast(knots.dtype)
    scores = scores.maximum(knots.dtype.type(calibrator.X_min_))
    scores = scores.minimum(knots.dtype.type(calibrator.X_max_))
    return Knots([knots]).interpolate(scores, [calibrator.y_thresholds_])
