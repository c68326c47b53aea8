"""Weights of classes and of rows in the logistic regression of many labels."""

import numpy as np
import pytest
from logistic_problems import assert_optimal, make_data, oracle, weights_of
from sklearn.base import clone

from sklearn_clip.heads import (
    MultiLabelLogisticRegression,
)


def test_balanced_class_weights_are_those_of_each_label():
    X, Y = make_data()
    head = MultiLabelLogisticRegression(class_weight="balanced").fit(X, Y)
    n, ones = len(Y), Y.sum(axis=0)
    pairs = np.column_stack([n / (2 * (n - ones)), n / (2 * ones)])
    assert_optimal(head, X, Y, weights=weights_of(Y, pairs))


@pytest.mark.parametrize(
    "class_weight, pairs",
    [
        ({0: 0.5, 1: 7}, [[0.5, 7]] * 5),
        ({1: 3}, [[1, 3]] * 5),
        ([{1: k} for k in range(1, 6)], [[1, k] for k in range(1, 6)]),
    ],
)
def test_class_weights_are_those_given(class_weight, pairs):
    X, Y = make_data()
    head = MultiLabelLogisticRegression(class_weight=class_weight).fit(X, Y)
    assert_optimal(head, X, Y, weights=weights_of(Y, pairs))


def test_balanced_class_weights_count_sample_weights():
    X, Y = make_data()
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    head = MultiLabelLogisticRegression(class_weight="balanced", tol=1e-8)
    weighted = clone(head).fit(X, Y, weight)
    repeated = clone(head).fit(X.repeat(weight, axis=0), Y.repeat(weight, axis=0))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
def test_sample_weight_counts_as_repetition_and_scales_like_C(scale):
    X, Y = make_data()
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = MultiLabelLogisticRegression(C=1 / scale, tol=1e-8)
    weighted.fit(X, Y, weight * scale)
    repeated = MultiLabelLogisticRegression(tol=1e-8)
    repeated.fit(X.repeat(weight, axis=0), Y.repeat(weight, axis=0))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-5, atol=1e-7)


def test_unknown_entries_and_all_weights_together():
    X, Y = make_data()
    rng = np.random.default_rng(0)
    known, weight = rng.random(Y.shape) < 0.7, rng.random(len(X))
    head = MultiLabelLogisticRegression(class_weight={1: 3})
    head.fit(X, np.where(known, Y, np.nan), weight)
    weights = known * weight[:, None] * np.where(Y == 1, 3, 1)
    assert_optimal(head, X, Y, weights=weights)


def test_a_class_of_weight_zero_leaves_a_constant_label():
    X, Y = make_data(50, 4, 2)
    head = MultiLabelLogisticRegression(class_weight=[{0: 0}, {}]).fit(X, Y)
    ones = Y[:, 0].sum()
    np.testing.assert_allclose(head.predict_proba(X)[:, 0], (ones + 1) / (ones + 2))


def test_class_weights_of_one_dimensional_targets_are_by_class():
    X, Y = make_data(n_labels=1)
    y = np.array(["cat", "dog"])[Y[:, 0]]
    parameters = {"class_weight": {"cat": 0.2, "dog": 4}}
    head = MultiLabelLogisticRegression(**parameters).fit(X, y)
    best = oracle(X, y, **parameters)
    np.testing.assert_allclose(head.predict_proba(X), best.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize(
    "class_weight, match",
    [
        ({2: 1}, r"only the classes \[0, 1\] as keys. Got 2"),
        ({1: -1}, r"non-negative weights. Got -1 \(label 0\)"),
        ([{1: 2}], "one dict for each of the 5 labels. Got 1"),
    ],
)
def test_class_weights_that_make_no_sense_are_refused(class_weight, match):
    with pytest.raises(ValueError, match=match):
        MultiLabelLogisticRegression(class_weight=class_weight).fit(*make_data())


@pytest.mark.parametrize(
    "weight, match",
    [(-1.0, "Negative values"), (0.0, "positive weight|non-zero number")],
)
def test_weights_that_make_no_sense_are_refused(weight, match):
    X, Y = make_data()
    with pytest.raises(ValueError, match=match):
        MultiLabelLogisticRegression().fit(X, Y, np.full(len(X), weight))
