"""Precision among the first few labels: brute force, unknown labels, errors."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import ndcg_score

from sklearn_clip.metrics import (
    bootstrap_interval,
    label_propensities,
    ndcg_at_k_score,
    precision_at_k_score,
    propensity_scored_ndcg_at_k_score,
    propensity_scored_precision_at_k_score,
)


def first_of(scores, known, k):
    places = [i for i in np.argsort(-scores, kind="stable") if known[i]]
    return places[:k]


def discounted(gains):
    return sum(gain / np.log2(place + 2) for place, gain in enumerate(gains))


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
    shares, orders, counted = [], [], []
    found, best, found_by_place, best_by_place = np.zeros(4)
    for y, p, w in zip(Y, P, weight, strict=True):
        first = first_of(p, ~np.isnan(y), k)
        gains = sorted((1 / propensity[i] for i in range(7) if y[i] == 1), reverse=True)
        if first:
            shares.append(np.mean([y[i] for i in first]))
            most = discounted([1] * min(k, len(gains)))
            orders.append(discounted([y[i] for i in first]) / most if gains else 0.0)
            counted.append(w)
        own = [(y[i] == 1) / propensity[i] for i in first]
        found += w * sum(own)
        best += w * sum(gains[:k])
        found_by_place += w * discounted(own)
        best_by_place += w * discounted(gains[:k])
    given = {"k": k, "sample_weight": weight if weighted else None}
    expected = np.average(shares, weights=counted)
    assert precision_at_k_score(Y, P, **given) == pytest.approx(expected)
    value = propensity_scored_precision_at_k_score(Y, P, propensity, **given)
    assert value == pytest.approx(found / best)
    expected = np.average(orders, weights=counted)
    assert ndcg_at_k_score(Y, P, **given) == pytest.approx(expected)
    value = propensity_scored_ndcg_at_k_score(Y, P, propensity, **given)
    assert value == pytest.approx(found_by_place / best_by_place)


def test_a_perfect_order_has_a_propensity_score_of_1():
    rng = np.random.default_rng(0)
    Y = rng.random((50, 9)) < 0.3
    propensity = label_propensities(Y)
    P = Y * (1 / propensity)
    for k in (1, 3, 9):
        for metric in (
            propensity_scored_precision_at_k_score,
            propensity_scored_ndcg_at_k_score,
        ):
            assert metric(Y, P, propensity, k=k) == pytest.approx(1)


@pytest.mark.parametrize("k", [1, 3, 9, 12])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_discounted_gain_is_that_of_scikit_learn(k, weighted):
    rng = np.random.default_rng(k)
    Y, P = rng.random((50, 9)) < 0.2, rng.random((50, 9))  # some rows without any
    given = {"k": k, "sample_weight": rng.random(50) if weighted else None}
    assert ndcg_at_k_score(Y, P, **given) == pytest.approx(ndcg_score(Y, P, **given))


def test_the_discounted_gain_of_equal_scores_takes_the_first_columns():
    assert ndcg_at_k_score([[1, 0, 0]], [[0.5, 0.5, 0.5]], k=1) == 1
    assert ndcg_at_k_score([[0, 0, 1]], [[0.5, 0.5, 0.5]], k=2) == 0
    value = ndcg_at_k_score([[0, 0, 1]], [[0.5, 0.5, 0.5]], k=3)
    assert value == pytest.approx(0.5)


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
    for metric in (precision_at_k_score, ndcg_at_k_score):
        with pytest.raises(ValueError, match="k must be a positive integer. Got"):
            metric([[1, 0]], [[0.5, 0.1]], k=k)


@pytest.mark.parametrize(
    ("propensity", "match"),
    [
        ([0.5], r"each of the 2 labels. Got shape \(1,\)"),
        ([0.5, 0.0], r"in \(0, 1\]. Got 0.0 \(label 1\)"),
        ([np.nan, 1.0], r"Got nan \(label 0\)"),
    ],
)
def test_other_propensities_are_refused(propensity, match):
    for metric in (
        propensity_scored_precision_at_k_score,
        propensity_scored_ndcg_at_k_score,
    ):
        with pytest.raises(ValueError, match=match):
            metric([[1, 0]], [[1, 0]], propensity, k=1)


@pytest.mark.parametrize(
    "metric",
    [propensity_scored_precision_at_k_score, propensity_scored_ndcg_at_k_score],
)
def test_propensities_with_names_go_by_name(metric):
    rng = np.random.default_rng(0)
    Y = pd.DataFrame(rng.random((40, 4)) < [0.1, 0.3, 0.5, 0.7], columns=list("dbca"))
    scores, plain = rng.random(Y.shape), label_propensities(Y)
    table = pd.DataFrame(scores, columns=Y.columns)
    named = pd.Series(plain, index=Y.columns)
    wanted = metric(Y, scores, plain, k=2)
    assert metric(Y, scores, named.sort_index().to_numpy(), k=2) != wanted
    for pair in ((Y, scores), (Y, table), (Y.to_numpy(), table)):
        for given in (named, named.sort_index(), named.sort_index().to_dict()):
            assert metric(*pair, given, k=2) == wanted
        assert metric(*pair, {**named, "another": 0.5}, k=2) == wanted
        for given in (named.drop("c"), dict(named.drop("c"))):
            with pytest.raises(ValueError, match=r"for every label. Got none for \["):
                metric(*pair, given, k=2)
        with pytest.raises(ValueError, match="named once. Got 'a' twice in a Series"):
            metric(*pair, pd.concat([named, named[["a"]]]), k=2)
    result = bootstrap_interval(
        metric, Y, scores, propensity=named.sort_index(), k=2, random_state=0
    )
    assert result.estimate == wanted


@pytest.mark.parametrize(
    "metric",
    [propensity_scored_precision_at_k_score, propensity_scored_ndcg_at_k_score],
)
def test_propensities_of_labels_without_names_go_by_position_or_number(metric):
    rng = np.random.default_rng(0)
    Y = rng.random((40, 4)) < [0.1, 0.3, 0.5, 0.7]
    scores, plain = rng.random(Y.shape), label_propensities(Y)
    wanted = metric(Y, scores, plain, k=2)
    for targets in (Y, pd.DataFrame(Y)):
        named = pd.Series(plain, index=list("dbca"))
        assert metric(targets, scores, named, k=2) == wanted
        shuffled = pd.Series(plain).sort_values(ascending=False)
        for given in (shuffled, shuffled.to_dict()):
            assert metric(targets, scores, given, k=2) == wanted
        with pytest.raises(ValueError, match=r"Got none for \[0, 1, 2, 3\]"):
            metric(targets, scores, named.to_dict(), k=2)


def test_targets_without_a_positive_or_a_known_label_are_told():
    with pytest.warns(UndefinedMetricWarning, match="PSP@k is not defined"):
        value = propensity_scored_precision_at_k_score([[0, 0]], [[1, 0]], [1, 1], k=1)
    assert value == 0
    with pytest.warns(UndefinedMetricWarning, match="PSnDCG@k is not defined"):
        value = propensity_scored_ndcg_at_k_score([[0, 0]], [[1, 0]], [1, 1], k=1)
    assert value == 0
    with pytest.raises(ValueError, match="must hold a known label"):
        precision_at_k_score([[np.nan, np.nan]], [[1, 0]], k=1)
    for wrong in (0, np.nan, np.inf, "0.55"):
        with pytest.raises(ValueError, match="a must be a positive number. Got"):
            label_propensities([[1, 0]], a=wrong)
