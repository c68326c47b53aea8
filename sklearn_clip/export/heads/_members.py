"""Classifiers of one label each, put together to one of many labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import is_classifier, is_regressor
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    SGDClassifier,
)
from sklearn.svm import LinearSVC

from sklearn_clip.export.heads._answers import (
    Answer,
    Refusal,
    both_classes,
    constant_answer,
    join,
)
from sklearn_clip.export.heads._graph_arrays import GraphArray, concatenate
from sklearn_clip.export.heads._linear import (
    Linear,
    read_decisions,
    read_logistic,
    read_sgd,
)

# Members of these classes are one matrix product together.
_STACKED = {
    LinearDiscriminantAnalysis: read_logistic,
    LinearSVC: read_decisions,
    LogisticRegression: read_logistic,
    LogisticRegressionCV: read_logistic,
    SGDClassifier: read_sgd,
}


def _write_members(members: Sequence[Any], rows: GraphArray, write: Any) -> Answer:
    """Write classifiers of one label each, on the same rows, in their order."""
    stacked: dict[Any, list[int]] = {}
    linear = {}
    for number, member in enumerate(members):
        if type(member) in _STACKED and len(member.classes_) == 2:
            both_classes(member)
            linear[number] = _STACKED[type(member)](member)
            stacked.setdefault(linear[number].link, []).append(number)
    answers, order = [], []
    for link, numbers in stacked.items():
        coef = np.concatenate([linear[number].coef for number in numbers])
        intercept = np.concatenate([linear[number].intercept for number in numbers])
        answers.append(Linear(coef, intercept, link).write(rows))
        order += numbers
    for number, member in enumerate(members):
        if number not in linear:
            answers.append(write(member, rows))
            order.append(number)
    return join(answers).columns(np.argsort(order))


def _is_constant(member):
    """Whether OneVsRestClassifier has put this where a label was constant."""
    return type(member).__name__ == "_ConstantPredictor"


def write_one_vs_rest(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a OneVsRestClassifier, cut as it cuts."""
    members = estimator.estimators_
    if not estimator.multilabel_:
        both_classes(estimator)
    for member in members:
        if is_regressor(member):
            raise Refusal(
                f"OneVsRestClassifier of {type(member).__name__} has regressors for "
                "classifiers. Fit it with a classifier instead."
            )
    variable = [e for e in members if not _is_constant(e)]
    constant = [e for e in members if _is_constant(e)]
    parts, order = [], []
    if variable:
        parts.append(_write_members(variable, rows, write))
        order += [n for n, e in enumerate(members) if not _is_constant(e)]
    if constant:
        values = np.array([np.ravel(member.y_)[0] for member in constant])
        answer = constant_answer(rows, values == 1)
        # Decision values of constants are 0 and 1 there, not -1 and 1.
        parts.append(answer._replace(decisions=answer.probabilities))
        order += [n for n, e in enumerate(members) if _is_constant(e)]
    answer = join(parts).columns(np.argsort(order))
    if answer.decisions is None and answer.probabilities is None:
        raise Refusal(
            f"{type(members[0]).__name__} in OneVsRestClassifier gives neither "
            "probabilities nor decision values."
        )
    # It compares decision values where there are any, and with the cut that goes with
    # its first member: 0.5 where that stands for a constant label.
    first = members[0]
    decides = hasattr(first, "decision_function") and is_classifier(first)
    compared = [
        part.scores("predict_proba" if part.decisions is None else "decision_function")
        for part in parts
    ]
    scores = concatenate(compared).columns(np.argsort(order))
    cut = 0.0 if decides else 0.5
    labels = scores > cut
    if answer.probabilities is not None:
        # Of a decision value of 0 or 0.5, and of a probability of 0.5.
        cut = 0.5 if answer.decisions is None else float(expit(cut))
    return Answer(
        answer.probabilities,
        answer.decisions,
        labels,
        np.full(len(members), cut),
    )


def write_multi_output(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a MultiOutputClassifier; it has no decision values."""
    answer = _write_members(estimator.estimators_, rows, write)
    if answer.probabilities is None:
        name = type(estimator.estimators_[0]).__name__
        raise Refusal(
            f"MultiOutputClassifier of {name} gives neither probabilities nor decision "
            f"values. Fit it with CalibratedClassifierCV({name}()) instead."
        )
    return answer._replace(decisions=None)


def write_chain(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a ClassifierChain: every member sees what those before it say."""
    # NumPy's zeros, into which it writes predictions, make it compute in float64.
    seen = rows.cast(np.float64)
    method = getattr(estimator, "chain_method_", "predict")
    answers = []
    for place, member in enumerate(estimator.estimators_):
        if len(member.classes_) < 2:
            raise Refusal(
                f"label {estimator.order_[place]} of the ClassifierChain was constant "
                "in training, and its member knows one class only. Fit it with "
                f"ConstantSafeClassifier({type(member).__name__}()) instead."
            )
        answer = write(member, seen)
        answers.append(answer)
        said = answer.labels if method == "predict" else answer.scores(method)
        seen = concatenate([seen, said.cast(np.float64)])
    # Member k speaks of label order_[k].
    return join(answers).columns(np.argsort(estimator.order_))


def write_constant_safe(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a ConstantSafeClassifier."""
    both_classes(estimator)
    if estimator.constant_ is None:
        return write(estimator.estimator_, rows)
    present = np.array([estimator.constant_ == estimator.classes_[1]])
    return constant_answer(rows, present).only(estimator)
