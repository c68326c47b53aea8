"""cv_score_: every part judged with the choices of the others, the long way round."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_classifiers import RecordingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold

from sklearn_clip.model_selection import MultiLabelStratifiedKFold
from sklearn_clip.model_selection._out_of_fold import split_rows
from sklearn_clip.thresholds import ThresholdOptimizer
from sklearn_clip.thresholds._cross_fitting import CrossFit, cross_fit
from sklearn_clip.thresholds._objective import Objective, metric_score
from sklearn_clip.thresholds._scored_rows import ScoredRows
from sklearn_clip.thresholds._search import search_thresholds
from sklearn_clip.thresholds._shrinkage import USUAL_COUNT
from sklearn_clip.thresholds._threshold_tuner import ThresholdTuner


def recall_less_false_alarms(tp, fp, fn, tn):
    """A metric that no name stands for."""
    return tp / (tp + fn) - 0.1 * fp / (tp + fn)


def problem(n_rows=90, n_labels=5, seed=0):
    """Scores that rank fairly, labels of which one is rare."""
    rng = np.random.default_rng(seed)
    scores = rng.random((n_rows, n_labels)) ** np.linspace(1, 4, n_labels)
    return scores, (rng.random((n_rows, n_labels)) < scores).astype(int)


def judge_by_hand(folds, scores, Y, weight, how):
    """Fit an optimizer on the scores of all folds but one, predict that one."""
    predicted = np.zeros(Y.shape, dtype=bool)
    for train, test in folds:
        tuned = ThresholdOptimizer(RecordingClassifier().fit(scores, Y), **how)
        given = {} if weight is None else {"sample_weight": weight[train]}
        tuned.set_params(cv="prefit").fit(scores[train], Y[train], **given)
        predicted[test] = tuned.predict(scores[test]) > 0
    return metric_score(
        Y == 1,
        predicted,
        metric=how.get("metric", "f1"),
        average=how.get("average", "macro"),
        known=~np.isnan(Y),
        sample_weight=weight,
    )


WAYS = {
    "plain": {"shrinkage": None},
    "shrunk": {"shrinkage": 3.0},
    "one for all": {"shrinkage": np.inf, "average": "weighted"},
    "micro": {"shrinkage": None, "average": "micro", "metric": "jaccard"},
    "rows": {"shrinkage": 2.0, "average": "samples"},
    "global": {"strategy": "global", "metric": "balanced_accuracy"},
    "global micro": {"strategy": "global", "average": "micro"},
    "global rows": {"strategy": "global", "average": "samples"},
    "top_k": {"strategy": "top_k", "average": "samples"},
    "top_k macro": {"strategy": "top_k", "at_least_one": True},
    "rules": {"shrinkage": 2.0, "at_least_one": True, "max_labels": 2},
    "callable": {"shrinkage": None, "metric": recall_less_false_alarms},
    "precision": {"min_precision": 0.6},
    "recall": {"min_recall": 0.7, "average": "samples"},
    "global bound": {"min_precision": 0.7, "strategy": "global"},
}


@pytest.mark.filterwarnings("ignore:min_:UserWarning")
@pytest.mark.filterwarnings("ignore:No threshold has:UserWarning")
@pytest.mark.parametrize("unknown", [False, True], ids=["known", "unknown"])
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_cv_score_is_that_of_every_fold_at_the_thresholds_of_the_others(
    how, weighted, unknown
):
    scores, Y = problem()
    rng = np.random.default_rng(1)
    weight = rng.choice([0.0, 0.5, 1.0, 2.0], len(Y)) if weighted else None
    if unknown:
        Y = np.where(rng.random(Y.shape) < 0.3, np.nan, Y)
    folds = list(KFold(4, shuffle=True, random_state=0).split(scores))
    tuned = ThresholdOptimizer(RecordingClassifier(), cv=folds, **how)
    tuned.fit(scores, Y, **({} if weight is None else {"sample_weight": weight}))
    expected = judge_by_hand(folds, scores, Y.astype(float), weight, how)
    assert tuned.cv_score_ == pytest.approx(expected, abs=1e-12)
    # Somewhere thresholds of other rows do worse than those of the very rows.
    if not (how.keys() & {"min_precision", "min_recall"}):
        assert tuned.cv_score_ <= tuned.best_score_ + 0.02


@pytest.mark.parametrize("shrinkage", [None, 5.0, "auto"])
@pytest.mark.parametrize("way", ["prefit", "frozen", "held out"])
def test_one_held_out_part_is_judged_in_stratified_parts(way, shrinkage):
    scores, Y = problem(seed=2)
    head = RecordingClassifier().fit(scores, Y)
    if way == "held out":
        part = (np.arange(10), np.arange(10, 90))
        tuned = ThresholdOptimizer(head, cv=[part], refit=False)
        rows = part[1]
    else:
        rows = np.arange(90)
        tuned = ThresholdOptimizer(head, cv="prefit")
        if way == "frozen":
            tuned = ThresholdOptimizer(FrozenEstimator(head))
    tuned.set_params(shrinkage=shrinkage).fit(scores, Y)
    folds = MultiLabelStratifiedKFold(5, random_state=0)
    again = ThresholdOptimizer(head, cv=folds, shrinkage=shrinkage)
    assert tuned.cv_score_ == again.fit(scores[rows], Y[rows]).cv_score_


def test_rows_held_out_in_every_fold_are_parted_among_themselves():
    scores, Y = problem(seed=3)
    test = np.arange(30, 90)
    twice = [(np.arange(30), test), (np.arange(15), test[::-1])]
    tuned = ThresholdOptimizer(RecordingClassifier(), cv=twice).fit(scores, Y)
    once = ThresholdOptimizer(RecordingClassifier(), cv=twice[:1]).fit(scores, Y)
    assert tuned.cv_score_ == pytest.approx(once.cv_score_, abs=0.1)
    parts = split_rows([test, test[::-1]], np.concatenate([Y[test], Y[test[::-1]]]))
    rows = np.concatenate([test, test[::-1]])
    for train, judged in parts:
        assert not set(rows[train]) & set(rows[judged])
    np.testing.assert_array_equal(
        np.sort(np.concatenate([judged for _, judged in parts])), np.arange(120)
    )


def test_rows_of_frequent_labels_are_halved():
    targets = np.random.default_rng(0).random((2000, 2)) < 0.4
    parts = split_rows([np.arange(2000)], targets)
    assert [len(test) for _, test in parts] == [1000, 1000]
    judged = np.concatenate([test for _, test in parts])
    np.testing.assert_array_equal(np.sort(judged), np.arange(2000))
    assert not any(set(train) & set(test) for train, test in parts)


def test_label_without_positives_does_not_ask_for_five_parts():
    targets = np.random.default_rng(0).random((2000, 3)) < [0.4, 0.4, 0.0]
    assert [len(test) for _, test in split_rows([np.arange(2000)], targets)] == [
        1e3
    ] * 2
    assert len(split_rows([np.arange(2000)], targets & [True, True, False])) == 2
    assert len(split_rows([np.arange(50)], targets[:50] & False)) == 5


def test_rare_label_beside_frequent_ones_is_in_every_part():
    rng = np.random.default_rng(0)
    targets = (rng.random((2000, 3)) < 0.4).astype(float)
    targets[:, 1] = 0
    targets[rng.choice(2000, 5, replace=False), 1] = 1
    targets[rng.random(2000) < 0.1, 2] = np.nan
    parts = split_rows([np.arange(2000)], targets)
    assert [targets[test, 1].sum() for _, test in parts] == [1] * 5


def test_a_single_row_gives_no_cross_fitted_score():
    head = RecordingClassifier().fit(np.zeros((1, 2)), np.ones((1, 2)))
    tuned = ThresholdOptimizer(head, cv="prefit").fit([[0.4, 0.6]], [[1, 0]])
    assert np.isnan(tuned.cv_score_)
    assert tuned.best_score_ == 0.5


def test_pseudo_count_of_a_part_is_the_choice_of_the_others():
    # Of one label (tp, fp, positives, negatives) at three pseudo-counts. Four parts are
    # best left alone, the fifth would have all drawn to the global threshold.
    alike = [[9.0, 1, 10, 90], [8.0, 2, 10, 90], [5.0, 5, 10, 90]]
    odd = [[0.0, 900, 900, 100], [0.0, 900, 900, 100], [900.0, 0, 900, 100]]
    tallies = np.array([alike] * 4 + [odd])[..., None]
    crossed = CrossFit(Objective(), (0.0, USUAL_COUNT, np.inf), tallies, None)
    assert crossed._replace(tallies=tallies[:4]).choose_count() == 0
    without_one = crossed._replace(tallies=tallies[1:]).choose_count()
    at = crossed.counts.index(without_one)
    expected = 4 * tallies[0, at] + tallies[4, 0]
    assert crossed.score() == pytest.approx(Objective().score(expected))


@st.composite
def scored(draw):
    """Rows with ties, unknown entries and weights, and some of the rows."""
    n_rows, n_labels = draw(st.integers(2, 9)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.random((n_rows, n_labels)).round(draw(st.integers(0, 3)))
    targets = rng.random(scores.shape) < draw(st.sampled_from([0.1, 0.5]))
    known = rng.random(scores.shape) < 0.7 if draw(st.booleans()) else None
    weight = rng.choice([0.5, 1.0, 2.0], n_rows) if draw(st.booleans()) else None
    if known is not None:
        targets &= known
    part = np.flatnonzero(rng.random(n_rows) < 0.6)
    part = part if len(part) else np.array([0])
    return ScoredRows(scores, targets, known, weight), rng.permutation(part)


@settings(max_examples=150, deadline=None)
@given(scored(), st.sampled_from(["macro", "weighted", "micro", "samples"]))
def test_sorting_once_changes_no_search(drawn, average):
    rows, part = drawn
    objective = Objective(average=average)
    early, late = rows.presort(pooled=True).take(part), rows.take(part)
    for strategy in ("per_label", "global"):
        for rules in ({}, {"at_least_one": True, "limit": 1}):
            found = [
                search_thresholds(each, objective, strategy=strategy, **rules)
                for each in (early, late)
            ]
            values = [
                ThresholdTuner(objective, **rules).score(
                    late, ThresholdTuner(objective, **rules).predict(late.scores, each)
                )
                for each in found
            ]
            assert values[0] == pytest.approx(values[1], abs=1e-9)
            if rows.sample_weight is None:
                np.testing.assert_array_equal(*found)


@settings(max_examples=100, deadline=None)
@given(scored())
def test_parts_of_what_is_sorted_are_sorted(drawn):
    rows, part = drawn
    rows = rows._replace(known=None)
    found = rows.presort(pooled=True).take(part)
    np.testing.assert_array_equal(found.scores, rows.scores[part])
    for label, order in enumerate(found.order):
        assert sorted(order) == list(range(len(part)))
        assert (np.diff(found.scores[order, label]) <= 0).all()
    some = found.targets.any(axis=0)
    for each in (found, found.columns(some) if some.any() else found):
        pooled = each.scores.T.reshape(-1)[each.pooled_order]
        assert sorted(each.pooled_order) == list(range(each.scores.size))
        assert (np.diff(pooled) <= 0).all()


@pytest.mark.parametrize("size", [1, 20, 2**20])
def test_labels_are_sorted_in_blocks(monkeypatch, size):
    monkeypatch.setattr("sklearn_clip.thresholds._scored_rows.BLOCK_SIZE", size)
    scores = np.random.default_rng(0).random((9, 7))
    found = ScoredRows(scores, scores > 0.5).presort(pooled=False)
    np.testing.assert_array_equal(found.order, np.argsort(-scores.T, axis=1))
    assert found.pooled_order is None


def test_cross_fitted_score_is_nearer_to_that_of_new_rows():
    new, true = problem(20_000, 20, seed=99)
    best, crossed, reached = [], [], []
    for seed in range(6):
        scores, Y = problem(80, 20, seed=seed)
        tuned = ThresholdOptimizer(
            RecordingClassifier(), cv=5, shrinkage=None, random_state=0
        ).fit(scores, Y)
        best.append(tuned.best_score_)
        crossed.append(tuned.cv_score_)
        reached.append(tuned.score(new, true))
    flattery = np.mean(best) - np.mean(reached)
    assert flattery > 0.02
    assert abs(np.mean(crossed) - np.mean(reached)) < flattery / 2


def test_labels_that_a_part_alone_has_are_counted_there():
    scores = np.tile([[0.9, 0.8], [0.2, 0.1]], (6, 1))
    Y = np.tile([[1, 0], [0, 0]], (6, 1))
    Y[0, 1] = 1  # the only positive of the second label
    rows = ScoredRows(scores, Y == 1)
    parts = split_rows([np.arange(6), np.arange(6, 12)], Y)
    found = cross_fit(ThresholdTuner(Objective()), rows, parts, (0.0,))
    # The part with the positive is judged with thresholds that never saw one.
    assert found.score() <= 1.0
    np.testing.assert_array_equal(found.tallies.sum(axis=(0, 1))[2], [6, 1])
