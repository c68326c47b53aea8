"""Precision among the first few labels: brute force, unknown labels, errors."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_clip.metrics import (
    label_propensities,
    precision_at_k_score,
    propensity_scored_precision_at_k_score,
)


def first_of(scores, known, k):
    places = [i for i in np.argsort(-scores, kind="stable") if known[i]]
    return places[:k]


@pytest.mark.parametrize("k", [1, 2, 5, 7, 20])
@pytest.mark.parametrize("unknown", [0.0, 0.4])
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_are_those_of_loops(k, unknown, weighted):
    rng = np.random.default_rng(k)
    Y = (rng.random((60, 7)) < 0.3).astype(float)
    Y[rng.random(Y.shape) < unknown] = np.nan
    P = rng.integers(0, 5, Y.shape) / 5
    weight = rng.random(60) if weighted else np.ones(60)
    propensity = rng.uniform(0.1, 1, 7)
    shares, counted, found, best = [], [], 0.0, 0.0
    for y, p, w in zip(Y, P, weight, strict=True):
        first = first_of(p, ~np.isnan(y), k)
        if first:
            shares.append(np.mean([y[i] for i in first]))
            counted.append(w)
        found += w * sum(1 / propensity[i] for i in first if y[i] == 1)
        gains = sorted((1 / propensity[i] for i in range(7) if y[i] == 1), reverse=True)
        best += w * sum(gains[:k])
    given = {"k": k, "sample_weight": weight if weighted else None}
    expected = np.average(shares, weights=counted)
    assert precision_at_k_score(Y, P, **given) == pytest.approx(expected)
    value = propensity_scored_precision_at_k_score(Y, P, propensity, **given)
    assert value == pytest.approx(found / best)


def test_a_perfect_order_has_a_propensity_score_of_1():
    rng = np.random.default_rng(0)
    Y = rng.random((50, 9)) < 0.3
    propensity = label_propensities(Y)
    P = Y * (1 / propensity)
    for k in (1, 3, 9):
        value = propensity_scored_precision_at_k_score(Y, P, propensity, k=k)
        assert value == pytest.approx(1)


def test_propensities_are_those_of_the_formula():
    Y = np.arange(1000)[:, None] < [0, 1, 30, 1000]
    c = (np.log(1000) - 1) * 2.5**0.55
    expected = 1 / (1 + c * np.exp(-0.55 * np.log(np.array([0, 1, 30, 1000]) + 1.5)))
    np.testing.assert_allclose(label_propensities(Y), expected)
    assert (label_propensities(Y[:2]) == 1).all()


@pytest.mark.parametrize("form", [sparse.csr_array, pd.DataFrame, list])
def test_targets_of_every_form(form):
    rng = np.random.default_rng(0)
    Y, P = rng.integers(0, 2, (30, 6)), rng.random((30, 6))
    given = form(Y) if form is not list else Y.tolist()
    assert precision_at_k_score(given, P, k=2) == precision_at_k_score(Y, P, k=2)
    np.testing.assert_array_equal(label_propensities(given), label_propensities(Y))


@pytest.mark.parametrize("k", [0, -1, 1.5, True, None])
def test_other_k_are_refused(k):
    with pytest.raises(ValueError, match="k must be a positive integer. Got"):
        precision_at_k_score([[1, 0]], [[0.5, 0.1]], k=k)


@pytest.mark.parametrize(
    ("propensity", "match"),
    [
        ([0.5], r"each of the 2 labels. Got shape \(1,\)"),
        ([0.5, 0.0], r"in \(0, 1\]. Got 0.0 \(label 1\)"),
        ([np.nan, 1.0], r"Got nan \(label 0\)"),
    ],
)
def test_other_propensities_are_refused(propensity, match):
    with pytest.raises(ValueError, match=match):
        propensity_scored_precision_at_k_score([[1, 0]], [[1, 0]], propensity, k=1)


def test_targets_without_a_positive_or_a_known_label_are_told():
    with pytest.warns(UndefinedMetricWarning, match="PSP@k is not defined"):
        value = propensity_scored_precision_at_k_score([[0, 0]], [[1, 0]], [1, 1], k=1)
    assert value == 0
    with pytest.raises(ValueError, match="must hold a known label"):
        precision_at_k_score([[np.nan, np.nan]], [[1, 0]], k=1)
    with pytest.raises(ValueError, match="a must be positive. Got 0"):
        label_propensities([[1, 0]], a=0)
