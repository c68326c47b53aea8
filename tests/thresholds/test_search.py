"""The search against every combination of thresholds, and against scikit-learn."""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    balanced_accuracy_score,
    fbeta_score,
    hamming_loss,
    jaccard_score,
)

from sklearn_clip.thresholds._objective import METRICS, metric_score
from sklearn_clip.thresholds._search import STRATEGIES, find_thresholds

# Averages that are maximised exactly by thresholds per label.
AVERAGES = ("macro", "weighted", "micro")
TOLERANCE = 1e-10


@st.composite
def problems(draw, max_rows=6, max_labels=3):
    """Scores with many ties, targets of every balance, weights or none."""
    n_rows = draw(st.integers(1, max_rows))
    n_labels = draw(st.integers(1, max_labels))
    size = n_rows * n_labels
    probability = draw(st.booleans())
    bounds = (0, 1) if probability else (-3, 3)
    score = st.one_of(
        st.sampled_from([bounds[0], 0.25, 0.5, bounds[1]]),
        st.floats(*bounds, width=32),
    )
    scores = np.array(draw(st.lists(score, min_size=size, max_size=size)))
    rate = draw(st.sampled_from([0.0, 0.2, 0.5, 1.0]))
    targets = np.array(
        draw(st.lists(st.floats(0, 1, width=16), min_size=size, max_size=size))
    )
    weight = draw(
        st.one_of(
            st.none(),
            st.lists(
                st.sampled_from([0.0, 0.5, 1.0, 2.0, 0.1]),
                min_size=n_rows,
                max_size=n_rows,
            ).map(np.array),
        )
    )
    return (
        scores.reshape(n_rows, n_labels).astype(draw(st.sampled_from(["f4", "f8"]))),
        (targets < rate).reshape(n_rows, n_labels),
        weight,
        probability,
    )


def all_thresholds(scores):
    """Every threshold that differs on these scores, as t of `score >= t`."""
    return [*np.unique(scores), np.inf]


def brute_force(scores, targets, strategy, **how):
    """Best value over every combination of thresholds."""
    if strategy == "global":
        candidates = [
            [threshold] * scores.shape[1] for threshold in all_thresholds(scores)
        ]
    else:
        candidates = itertools.product(*(all_thresholds(column) for column in scores.T))
    return max(metric_score(targets, scores >= np.array(c), **how) for c in candidates)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=40, deadline=None)
@given(problem=problems(), beta=st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_find_thresholds_reaches_brute_force(metric, average, strategy, problem, beta):
    scores, targets, weight, probability = problem
    how = {
        "metric": metric,
        "average": average,
        "beta": beta,
        "sample_weight": weight,
    }
    thresholds = find_thresholds(
        scores, targets, strategy=strategy, probability=probability, **how
    )
    found = metric_score(targets, scores >= thresholds, **how)
    assert found == pytest.approx(
        brute_force(scores, targets, strategy, **how), abs=TOLERANCE
    )


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_micro_is_exact_with_many_rows_and_few_labels(metric, seed):
    rng = np.random.default_rng(seed)
    scores = rng.random((25, 2)).round(rng.integers(1, 4))
    targets = rng.random((25, 2)) < scores * rng.random(2)
    how = {"metric": metric, "average": "micro", "beta": 2.0}
    thresholds = find_thresholds(scores, targets, **how)
    found = metric_score(targets, scores >= thresholds, **how)
    assert found == pytest.approx(
        brute_force(scores, targets, "per_label", **how), abs=TOLERANCE
    )


def sklearn_score(targets, predictions, metric, average, beta, weight):
    """What scikit-learn makes of the same predictions."""
    how = {"average": average, "zero_division": 0, "sample_weight": weight}
    if metric == "f1":
        return fbeta_score(targets, predictions, beta=1, **how)
    if metric == "fbeta":
        return fbeta_score(targets, predictions, beta=beta, **how)
    return jaccard_score(targets, predictions, **how)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", ["f1", "fbeta", "jaccard"])
@settings(max_examples=30, deadline=None)
@given(problem=problems(max_rows=12), beta=st.sampled_from([0.5, 1.0, 2.0]))
def test_metric_score_is_sklearns_with_zero_division_0(metric, average, problem, beta):
    scores, targets, weight, _ = problem
    if weight is not None and not weight.any():
        weight = None
    if scores.shape[1] == 1:
        # scikit-learn reads a single column as a binary target.
        scores, targets = np.tile(scores, 2), np.tile(targets, 2)
    predictions = scores >= 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = sklearn_score(targets, predictions, metric, average, beta, weight)
    found = metric_score(
        targets,
        predictions,
        metric=metric,
        average=average,
        beta=beta,
        sample_weight=weight,
    )
    assert found == pytest.approx(expected, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(problem=problems(max_rows=12))
def test_accuracies_are_sklearns(problem):
    scores, targets, _, _ = problem
    predictions = scores >= 0.5
    entries = metric_score(targets, predictions, metric="accuracy", average="micro")
    assert entries == pytest.approx(1 - hamming_loss(targets, predictions))
    balanced = metric_score(
        targets, predictions, metric="balanced_accuracy", average="macro"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = [
            balanced_accuracy_score(targets[:, label], predictions[:, label])
            for label in range(targets.shape[1])
        ]
    assert balanced == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_grid_finds_more(average, strategy):
    rng = np.random.default_rng(0)
    scores = rng.beta(1, 5, size=(300, 4))
    targets = rng.random((300, 4)) < scores
    how = {"metric": "f1", "average": average}
    thresholds = find_thresholds(scores, targets, strategy=strategy, **how)
    found = metric_score(targets, scores >= thresholds, **how)
    for threshold in np.linspace(0, 1, 100):
        assert found >= metric_score(targets, scores >= threshold, **how)


def test_macro_per_label_is_never_below_a_grid_per_label():
    rng = np.random.default_rng(1)
    scores = rng.beta(1, 5, size=(300, 5)).astype(np.float32)
    targets = rng.random((300, 5)) < scores
    thresholds = find_thresholds(scores, targets)
    for label, threshold in enumerate(thresholds):
        one = np.s_[:, [label]]
        best = metric_score(
            targets[one], scores[one] >= threshold, metric="f1", average="macro"
        )
        grid = [
            fbeta_score(targets[:, label], scores[:, label] >= t, beta=1)
            for t in np.linspace(0, 0.99, 100)
            if (scores[:, label] >= t).any()
        ]
        assert best >= max(grid)


@pytest.mark.parametrize("weight", [None, np.arange(50.0)], ids=["alike", "weighted"])
def test_blocks_of_labels_give_the_thresholds_of_single_labels(weight, monkeypatch):
    rng = np.random.default_rng(2)
    scores = rng.random((50, 7))
    targets = rng.random((50, 7)) < scores
    how = {"sample_weight": weight}
    single = [
        find_thresholds(scores[:, [k]], targets[:, [k]], **how)[0] for k in range(7)
    ]
    for size in (1, 100, 10**6):
        for module in ("_threshold_curves", "_counted_rows"):
            monkeypatch.setattr(f"sklearn_clip.thresholds.{module}.BLOCK_SIZE", size)
        np.testing.assert_array_equal(find_thresholds(scores, targets, **how), single)


@pytest.mark.parametrize("probability, nearest", [(True, 0.55), (False, 0.15)])
def test_of_equal_thresholds_the_nearest_to_the_default_is_taken(probability, nearest):
    # Micro accuracy is the same whether the pair (negative, positive) in the middle
    # is predicted or not: tp + tn is 3 at thresholds between 0.1|0.2 and 0.5|0.6.
    scores = np.array([[0.1], [0.2], [0.5], [0.6]])
    targets = np.array([[False], [True], [False], [True]])
    thresholds = find_thresholds(
        scores, targets, metric="accuracy", probability=probability
    )
    assert thresholds[0] == pytest.approx(nearest)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("average", AVERAGES)
def test_label_without_positives_takes_the_global_threshold(metric, average):
    rng = np.random.default_rng(3)
    scores = rng.random((200, 3))
    targets = rng.random((200, 3)) < scores
    targets[:, 2] = False
    scores[:, 2] *= 0.01
    how = {"metric": metric, "average": average}
    global_threshold = find_thresholds(
        scores[:, :2], targets[:, :2], strategy="global", **how
    )
    thresholds = find_thresholds(scores, targets, **how)
    assert thresholds[2] == global_threshold[0]


def test_label_without_positives_is_cut_above_its_scores_if_they_reach_that():
    scores = np.array([[0.9, 0.8], [0.1, 0.95], [0.2, 0.3]])
    targets = np.array([[True, False], [False, False], [False, False]])
    thresholds = find_thresholds(scores, targets)
    assert thresholds[1] == pytest.approx(0.975)
    assert not (scores >= thresholds)[:, 1].any()


def test_without_any_positive_the_default_threshold_is_taken():
    scores = np.array([[0.1, 0.7], [0.2, 0.3]])
    thresholds = find_thresholds(scores, np.zeros((2, 2), dtype=bool))
    np.testing.assert_allclose(thresholds, [0.5, 0.85])
