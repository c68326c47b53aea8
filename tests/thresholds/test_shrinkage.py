"""Thresholds of rare labels drawn towards that of all."""

import numpy as np
import pytest
from odd_classifiers import Identity
from sklearn.metrics import f1_score

from sklearn_clip import CLIPFeaturizer, MultiLabelLogisticRegression
from sklearn_clip.datasets import load_clipart
from sklearn_clip.model_selection._out_of_fold import split_rows
from sklearn_clip.thresholds import ThresholdOptimizer
from sklearn_clip.thresholds._cross_fitting import cross_fit
from sklearn_clip.thresholds._objective import Objective
from sklearn_clip.thresholds._scored_rows import ScoredRows
from sklearn_clip.thresholds._shrinkage import (
    PSEUDO_COUNTS,
    USUAL_COUNT,
    candidate_counts,
    choose_count,
    shrink_thresholds,
)
from sklearn_clip.thresholds._threshold_tuner import ThresholdTuner


def alike(n_rows, n_labels, seed, spread=0.0):
    """Rare labels of one best threshold, or of ones that differ by `spread`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-4.0, 2.0, (n_rows, n_labels))
    targets = rng.random((n_rows, n_labels)) < 1 / (1 + np.exp(-logits))
    logits += spread * np.linspace(-1, 1, n_labels)
    return 1 / (1 + np.exp(-logits)), targets


def chosen_count(rows):
    """Pseudo-count that "auto" takes."""
    counts = candidate_counts("auto", rows.support()[0])
    parts = split_rows([np.arange(len(rows.scores))], rows.targets.astype(float))
    return cross_fit(ThresholdTuner(Objective()), rows, parts, counts).choose_count()


def test_shrink_thresholds_weighs_by_positives():
    thresholds = np.array([0.2, 0.2, np.inf, 0.9])
    positives = np.array([10, 30, 10, 0])
    found = shrink_thresholds(thresholds, 0.4, positives, 10.0)
    np.testing.assert_allclose(found, [0.3, 0.25, np.inf, 0.9])
    found = shrink_thresholds(thresholds, 0.4, positives, np.inf)
    np.testing.assert_allclose(found, [0.4, 0.4, np.inf, 0.9])
    for global_threshold, count in ((0.4, 0.0), (np.inf, 10.0)):
        np.testing.assert_array_equal(
            shrink_thresholds(thresholds, global_threshold, positives, count),
            thresholds,
        )


def test_split_rows_keeps_a_row_on_one_side():
    folds = [np.array([0, 1, 2]), np.array([2, 3]), np.array([0, 4])]
    parts = split_rows(folds, np.zeros((7, 1)))
    rows = np.concatenate(folds)
    for (train, test), fold in zip(parts, folds, strict=True):
        np.testing.assert_array_equal(rows[test], fold)
        assert not set(rows[train]) & set(fold)
    assert [len(train) for train, _ in parts] == [2, 4, 4]


def test_split_rows_parts_a_single_fold_and_leaves_one_row_alone():
    targets = np.zeros((20, 1))
    targets[:5] = 1
    parts = split_rows([np.arange(20)], targets)
    assert [targets[test].sum() for _, test in parts] == [1] * 5
    assert split_rows([np.arange(1)], targets[:1]) == []


def test_evidence_for_one_threshold_draws_all_the_way_and_against_it_leaves_them():
    rows = ScoredRows(*alike(400, 40, seed=0))
    together = chosen_count(rows)
    rows = ScoredRows(*alike(600, 20, seed=0, spread=4.0))
    apart = chosen_count(rows)
    assert together > USUAL_COUNT
    assert apart < USUAL_COUNT
    assert {together, apart} <= set(PSEUDO_COUNTS)


def test_labels_with_many_positives_are_left_alone():
    scores, targets = alike(2000, 3, seed=0)
    targets[:] = scores > 0.1
    targets[:, 2] = False
    rows = ScoredRows(scores, targets)
    assert rows.support()[0].tolist()[2] == 0
    assert min(rows.support()[0][:2]) > 300
    assert chosen_count(rows) == 0


@pytest.mark.parametrize(
    ("gains", "expected", "count"),
    [
        # Of each part the gain in true positives of 0, 3, 10, 30 on 10.
        ([[3, 3, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [2, 2, 0, 0]], False, 10),
        ([[3, 3, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [2, 2, 0, 0]], True, 3),
        ([[3, 3, 0, 0], [3, 3, 0, 0], [3, 3, 0, 0], [2, 2, 0, 0]], False, 3),
        ([[5, 3, 0, 0], [5, 3, 0, 0], [5, 3, 0, 0], [5, 3, 0, 0]], False, 0),
        ([[0, 0, 0, 3], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 2]], False, 30),
    ],
)
def test_thresholds_are_left_alone_on_clear_evidence_alone(gains, expected, count):
    """Up it takes one standard error, down three but for expected counts."""
    counts = (0.0, 3.0, USUAL_COUNT, 30.0)
    tallies = np.zeros((4, 4, 4, 1))
    tallies[:, :, 0, 0] = 20 + np.array(gains)
    tallies[:, :, 1], tallies[:, :, 2], tallies[:, :, 3] = 20, 40, 60
    found = choose_count(Objective(), counts, tallies, expected=expected)
    assert found == count


def test_labels_of_two_positives_are_not_given_to_most_rows():
    clip = CLIPFeaturizer("clipart-tiny")
    train, test = (load_clipart(split=s, as_frame=True) for s in ("train", "test"))
    X, Y = clip.fit_transform(train.data[2::8]), train.target[2::8]
    Y = Y.loc[:, Y.sum() >= 2]
    new = clip.transform(test.data[::2])
    tuned = ThresholdOptimizer(MultiLabelLogisticRegression(C=5), random_state=0)
    with pytest.warns(UserWarning, match="fewer positives than the 5 folds"):
        given = tuned.fit(X, Y).predict(new).mean(axis=0)
        alone = tuned.set_params(shrinkage=None).fit(X, Y).predict(new).mean(axis=0)
    assert alone.max() > 0.9
    assert given.max() < 0.4


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_too_little_evidence_takes_the_usual_count(n_rows):
    rows = ScoredRows(np.full((n_rows, 2), 0.3), np.ones((n_rows, 2), dtype=bool))
    assert chosen_count(rows) == USUAL_COUNT


@pytest.mark.parametrize("spread", [0.0, 3.0])
def test_auto_is_as_good_on_new_rows_as_the_better_extreme(spread):
    scores = {"auto": [], None: [], "global": []}
    new, true = alike(20_000, 30, seed=100, spread=spread)
    for seed in range(5):
        known = alike(300, 30, seed=seed, spread=spread)
        for how in scores:
            tuned = ThresholdOptimizer(Identity(), cv=5, random_state=0)
            if how == "global":
                tuned.set_params(strategy="global")
            else:
                tuned.set_params(shrinkage=how)
            predicted = tuned.fit(*known).predict(new)
            scores[how].append(f1_score(true, predicted, average="macro"))
    mean = {how: np.mean(found) for how, found in scores.items()}
    best, worst = max(mean[None], mean["global"]), min(mean[None], mean["global"])
    assert best - worst > 0.02
    assert mean["auto"] > best - 0.01


@pytest.mark.filterwarnings("ignore:min_:UserWarning")
def test_shrinkage_is_reported_and_used_by_free_thresholds_per_label_only():
    scores, targets = alike(300, 4, seed=1)
    found = {}
    for name, how in {
        "none": {"shrinkage": None},
        "all": {"shrinkage": np.inf},
        "some": {"shrinkage": 7},
        "global": {"strategy": "global"},
        "top_k": {"strategy": "top_k"},
        "bound": {"min_recall": 0.5},
    }.items():
        tuned = ThresholdOptimizer(Identity(), cv=3, random_state=0, **how)
        found[name] = tuned.fit(scores, targets)
    counts = {name: tuned.shrinkage_ for name, tuned in found.items()}
    expected = [0, np.inf, 7, 0, 0, 0]
    assert counts == dict(zip(counts, expected, strict=True))
    np.testing.assert_allclose(found["all"].thresholds_, found["global"].thresholds_)
    own, one = found["none"].thresholds_, found["all"].thresholds_
    positives = targets.sum(axis=0)
    np.testing.assert_allclose(
        found["some"].thresholds_, (positives * own + 7 * one) / (positives + 7)
    )
