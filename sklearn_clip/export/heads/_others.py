"""Perceptrons, naive Bayes, kernels and constants of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from sklearn_clip.export.heads._answers import (
    Answer,
    Refusal,
    both_classes,
    constant_answer,
    positive_codes,
)
from sklearn_clip.export.heads._graph_arrays import GraphArray

_ACTIVATIONS = {
    "identity": lambda values: values,
    "logistic": lambda values: values.sigmoid(),
    "tanh": lambda values: values.apply("Tanh"),
    "relu": lambda values: values.apply("Relu"),
}


def write_perceptron(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write an MLPClassifier of one or several labels."""
    if estimator.out_activation_ != "logistic":
        raise Refusal(
            f"{type(estimator).__name__} was fitted on {len(estimator.classes_)} "
            "classes of which a row has one. Fit it on an indicator matrix, as "
            "labels_to_frame makes it."
        )
    if estimator.n_outputs_ == 1:
        both_classes(estimator)
    layers = list(zip(estimator.coefs_, estimator.intercepts_, strict=True))
    for coef, intercept in layers[:-1]:
        rows = _ACTIVATIONS[estimator.activation](rows @ coef + intercept)
    coef, intercept = layers[-1]
    probabilities = (rows @ coef + intercept).sigmoid()
    n_labels = estimator.n_outputs_
    return Answer(probabilities, None, probabilities > 0.5, np.full(n_labels, 0.5))


def write_gaussian_bayes(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a GaussianNB of one label."""
    both_classes(estimator)
    rows = rows.cast(np.float64)
    likelihoods = []
    for mean, variance, prior in zip(
        estimator.theta_, estimator.var_, estimator.class_prior_, strict=True
    ):
        # log p(c) + sum_j log N(x_j; mean_j, variance_j)
        with np.errstate(divide="ignore"):
            constant = np.log(prior) - 0.5 * np.log(2 * np.pi * variance).sum()
        apart = rows - mean
        squares = (apart * apart) @ (-0.5 / variance)[:, None]
        likelihoods.append(squares + np.array([constant]))
    negative, positive = likelihoods
    # p1 / (p0 + p1) = sigmoid(log p1 - log p0)
    probabilities = (positive - negative).sigmoid()
    return Answer(probabilities, None, positive > negative, np.array([0.5]))


def write_support_vectors(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write an SVC or NuSVC of one label."""
    both_classes(estimator)
    name = type(estimator).__name__
    if hasattr(estimator, "predict_proba"):
        raise Refusal(
            f"{name} with probability=True has probabilities that do not follow from "
            "its decision values. Fit it with probability=False instead, in a "
            "CalibratedClassifierCV where probabilities are needed."
        )
    vectors, weights = estimator.support_vectors_, estimator.dual_coef_
    vectors = vectors.toarray() if sparse.issparse(vectors) else vectors
    weights = weights.toarray() if sparse.issparse(weights) else weights
    gamma, rows = float(estimator._gamma), rows.cast(np.float64)
    products = rows @ vectors.T
    degree, offset = estimator.degree, float(estimator.coef0)
    if estimator.kernel == "linear":
        kernel = products
    elif estimator.kernel == "rbf":
        # |x - v|^2 = |x|^2 - 2 x.v + |v|^2
        squares = (rows * rows).reduce("ReduceSum") + (vectors**2).sum(axis=1)
        kernel = ((squares - products * 2.0) * -gamma).apply("Exp")
    elif estimator.kernel == "poly":
        kernel = (products * gamma + offset).power(degree)
    elif estimator.kernel == "sigmoid":
        kernel = (products * gamma + offset).apply("Tanh")
    else:
        raise Refusal(
            f"{name} has a kernel of its own, {estimator.kernel!r}. Fit it with "
            "kernel='linear', 'rbf', 'poly' or 'sigmoid' instead."
        )
    decisions = kernel @ weights.T + np.asarray(estimator.intercept_)
    return Answer(None, decisions, decisions > 0.0, np.array([0.0]))


def write_dummy(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a DummyClassifier that does not draw its answers."""
    strategy = estimator._strategy
    if strategy in ("stratified", "uniform"):
        raise Refusal(
            f"DummyClassifier with strategy={strategy!r} draws its answers by chance. "
            "Fit it with strategy='prior' or 'most_frequent' instead."
        )
    single = estimator.n_outputs_ == 1
    classes = [estimator.classes_] if single else estimator.classes_
    priors = [estimator.class_prior_] if single else estimator.class_prior_
    constants = np.ravel(estimator.constant) if strategy == "constant" else None
    shares, present = [], []
    for label, (known, prior) in enumerate(zip(classes, priors, strict=True)):
        code = positive_codes(estimator, known)
        chosen = known[np.argmax(prior)] if constants is None else constants[label]
        present.append(chosen == 1)
        share = 0.0 if code is None else float(prior[code])
        shares.append(share if strategy == "prior" else float(chosen == 1))
    answer = constant_answer(rows, np.array(present))
    return answer._replace(probabilities=rows.full(np.array(shares)), decisions=None)


def write_one_class(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a classifier of any class that has seen one value of its label."""
    code = positive_codes(estimator, estimator.classes_)
    return constant_answer(rows, np.array([code == 0])).only(estimator)
