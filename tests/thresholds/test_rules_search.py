"""Searches under rules, row averages, top k and unknown labels: brute force."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from sklearn_clip.metrics import masked_f1_score, masked_jaccard_score
from sklearn_clip.thresholds import _top_k
from sklearn_clip.thresholds._coordinate_ascent import climb
from sklearn_clip.thresholds._decoding import decode, rank_labels
from sklearn_clip.thresholds._global_threshold import GlobalThresholdSearch
from sklearn_clip.thresholds._objective import AVERAGES, Objective, metric_score
from sklearn_clip.thresholds._scored_rows import ScoredRows
from sklearn_clip.thresholds._search import find_thresholds
from sklearn_clip.thresholds._top_k import find_top_k

TOLERANCE = 1e-10


def geometric_mean(tp, fp, fn, tn):
    """Square root of precision times recall, undefined where either is."""
    return np.sqrt(tp / (tp + fp) * tp / (tp + fn))


METRICS = ("f1", "balanced_accuracy", geometric_mean)


@st.composite
def problems(draw, max_rows=6, max_labels=3):
    """Small problems: ties, constant scores, no or only positives, unknown entries."""
    shape = draw(st.integers(1, max_rows)), draw(st.integers(1, max_labels))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.random(shape).round(draw(st.integers(0, 3)))
    targets = rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 0.6, 1.0]))
    known = None
    if draw(st.booleans()):
        known = rng.random(shape) < 0.6
        known[0, 0] = True
        targets &= known
    weight = rng.choice([0.5, 1.0, 3.0], shape[0]) if draw(st.booleans()) else None
    return scores, targets, known, weight


RULES = st.fixed_dictionaries(
    {"at_least_one": st.booleans(), "limit": st.one_of(st.none(), st.integers(1, 2))}
)


def every_threshold(scores, at_least_one):
    """All thresholds that differ, "never" being one only where it is that."""
    thresholds = np.unique(scores)
    if not at_least_one:
        return [*thresholds, np.inf]
    # An infinite threshold would forbid the label to fill a row.
    return [*thresholds, (thresholds[-1] + 1) / 2] if thresholds[-1] < 1 else thresholds


def judge(problem, thresholds, how, rules):
    """Metric of decoded predictions."""
    scores, targets, known, weight = problem
    predicted = decode(scores, np.asarray(thresholds), **rules)
    return metric_score(targets, predictions=predicted, **how)


def settings_of(problem, metric, average):
    """Keywords of the search and of the metric."""
    _, _, known, weight = problem
    return {
        "metric": metric,
        "average": average,
        "known": known,
        "sample_weight": weight,
    }


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=20, deadline=None)
@given(problem=problems(), rules=RULES)
def test_global_threshold_is_exact_under_every_average_and_rule(
    metric, average, problem, rules
):
    scores, targets, *_ = problem
    how = settings_of(problem, metric, average)
    thresholds = find_thresholds(
        scores,
        targets,
        strategy="global",
        at_least_one=rules["at_least_one"],
        max_labels=rules["limit"],
        **how,
    )
    every = every_threshold(scores, rules["at_least_one"])
    best = max(
        judge(problem, [threshold] * scores.shape[1], how, rules) for threshold in every
    )
    assert judge(problem, thresholds, how, rules) == pytest.approx(best, abs=TOLERANCE)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=20, deadline=None)
@given(problem=problems(max_rows=3, max_labels=8), rules=RULES)
def test_top_k_finds_the_best_k_and_threshold(metric, average, problem, rules):
    scores, targets, known, weight = problem
    how = settings_of(problem, metric, average)
    n_labels = scores.shape[1]
    k, threshold = find_top_k(
        ScoredRows(scores, targets, known, weight), Objective(metric, average), **rules
    )
    assert 1 <= k <= min(n_labels, rules["limit"] or n_labels)
    best = max(
        judge(problem, [other] * n_labels, how, {**rules, "limit": size})
        for size in range(1, min(n_labels, rules["limit"] or n_labels) + 1)
        for other in every_threshold(scores, rules["at_least_one"])
    )
    found = judge(problem, [threshold] * n_labels, how, {**rules, "limit": k})
    assert found == pytest.approx(best, abs=TOLERANCE)


@pytest.mark.parametrize("average", AVERAGES)
def test_top_k_of_rows_without_a_positive_is_the_smallest(average):
    for scores in (np.full((3, 9), 0.5), np.linspace(0, 1, 27).reshape(3, 9)):
        rows = ScoredRows(scores, np.zeros((3, 9), bool))
        assert find_top_k(rows, Objective("f1", average))[0] == 1


def draw_many_labels(seed, shape=(60, 40)):
    """Rows of which k matters: unknown entries, weights, and ties of three kinds."""
    rng = np.random.default_rng(seed)
    targets = rng.random(shape) < rng.beta(1, 12, size=shape[1])
    scores = (rng.random(shape) + targets).round(seed % 3 + 1) / 2
    known = rng.random(shape) < 0.8 if seed % 2 else None
    weight = rng.random(shape[0]) if seed > 2 else None
    if known is not None:
        targets &= known
    return ScoredRows(scores, targets, known, weight)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", ["f1", "jaccard", "balanced_accuracy", "accuracy"])
def test_top_k_searches_no_k_that_cannot_be_better(metric, average, monkeypatch):
    searched = []

    def count(self, *arguments, best=GlobalThresholdSearch.best, **options):
        searched.append(None)
        return best(self, *arguments, **options)

    monkeypatch.setattr(GlobalThresholdSearch, "best", count)
    choose, objective, n_searched = (
        _top_k.hopeful_counts,
        Objective(metric, average),
        {},
    )
    for seed, forced in itertools.product(range(6), (False, True)):
        rows, found = draw_many_labels(seed), []
        for chooses in (True, False):
            every = choose if chooses else lambda *_: range(1, 41)
            monkeypatch.setattr(_top_k, "hopeful_counts", every)
            searched.clear()
            found.append(find_top_k(rows, objective, at_least_one=forced))
            n_searched[chooses] = n_searched.get(chooses, 0) + len(searched)
        assert found[0] == found[1]
    assert n_searched[False] == 12 * 40
    assert n_searched[True] < 12 * 10


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("side", [2, 3, 64])
def test_no_pair_of_a_box_is_worth_more_than_its_bound(average, side):
    for seed, forced in itertools.product(range(6), (False, True)):
        rows = draw_many_labels(seed, shape=(12, 9))
        objective = Objective("f1", average)
        search, ranks = GlobalThresholdSearch(rows, objective), rank_labels(rows.scores)
        always = ranks == 0 if forced else None
        boxes = _top_k._Boxes(search, ranks, 9, always)
        counts = np.append(0, _top_k._spread(np.arange(1, 10), side))
        at = _top_k._spread(np.flatnonzero(search.valid[0]), side)
        highest, reached = boxes.bound(counts, at)
        values = np.full((10, search.valid.size), -np.inf)
        for k in range(1, 10):
            for j in np.flatnonzero(search.valid[0]):
                inside = np.zeros(search.valid.size - 1, bool)
                inside[search.pooled_order[:j]] = True
                laid = inside.reshape(search.targets.shape)
                laid = laid if average == "samples" else laid.reshape(9, 12).T
                predicted = laid & (ranks < k)
                if forced:
                    predicted |= always
                values[k, j] = metric_score(
                    rows.targets,
                    predicted,
                    metric="f1",
                    average=average,
                    known=rows.known,
                    sample_weight=rows.sample_weight,
                )
        assert reached <= values.max() + 1e-12
        for i, k in enumerate(counts[:-1]):
            smaller = values[1 : k + 1].max(axis=0, initial=-np.inf)
            for b, j in enumerate(at[:-1]):
                box = values[k + 1 : counts[i + 1] + 1, j + 1 : at[b + 1] + 1]
                new = box[box > smaller[j + 1 : at[b + 1] + 1] + 1e-12]
                assert new.max(initial=-np.inf) <= highest[i, b] + 1e-12


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
@settings(max_examples=40, deadline=None)
@given(problem=problems(), named=st.booleans())
def test_thresholds_per_label_are_exact_over_known_entries(average, problem, named):
    scores, targets, *_ = problem
    metric = "f1" if named or average == "micro" else geometric_mean
    how = settings_of(problem, metric, average)
    candidates = [every_threshold(column, False) for column in scores.T]
    best = max(
        judge(problem, thresholds, how, {})
        for thresholds in itertools.product(*candidates)
    )
    thresholds = find_thresholds(scores, targets, **how)
    assert judge(problem, thresholds, how, {}) == pytest.approx(best, abs=TOLERANCE)


@settings(max_examples=40, deadline=None)
@given(problem=problems(max_rows=8), average=st.sampled_from(AVERAGES))
def test_unknown_entries_do_not_move_the_thresholds(problem, average):
    scores, targets, known, weight = problem
    how = settings_of(problem, "f1", average)
    thresholds = find_thresholds(scores, targets, **how)
    if known is None:
        return
    other = np.where(known, scores, np.random.default_rng(0).random(scores.shape))
    np.testing.assert_array_equal(find_thresholds(other, targets, **how), thresholds)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=20, deadline=None)
@given(problem=problems(max_rows=10, max_labels=4), rules=RULES, seed=st.integers(0, 9))
def test_climb_never_ends_below_a_start_nor_leaves_a_better_step(
    metric, average, problem, rules, seed
):
    scores, targets, known, weight = problem
    how = settings_of(problem, metric, average)
    rng = np.random.default_rng(seed)
    if rules["limit"] is not None and rules["limit"] >= scores.shape[1]:
        rules = {**rules, "limit": None}
    start = rng.random(scores.shape[1])
    thresholds = climb(
        ScoredRows(scores, targets, known, weight),
        Objective(metric, average),
        [start],
        **rules,
    )
    end = judge(problem, thresholds, how, rules)
    assert end >= judge(problem, start, how, rules)
    # No other threshold of any one label is better: the end is a coordinate maximum.
    for label in range(scores.shape[1]):
        for threshold in every_threshold(scores[:, label], rules["at_least_one"]):
            step = thresholds.copy()
            step[label] = threshold
            assert judge(problem, step, how, rules) <= end + 1e-6


@settings(max_examples=40, deadline=None)
@given(problem=problems(max_rows=10, max_labels=4), rules=RULES)
def test_thresholds_under_rules_are_never_below_the_best_global_threshold(
    problem, rules
):
    scores, targets, *_ = problem
    how = settings_of(problem, "f1", "samples")
    search = {
        "at_least_one": rules["at_least_one"],
        "max_labels": rules["limit"],
        **how,
    }
    one = find_thresholds(scores, targets, strategy="global", **search)
    own = find_thresholds(scores, targets, **search)
    assert judge(problem, own, how, rules) >= judge(problem, one, how, rules)


def test_samples_average_beats_the_thresholds_of_other_averages():
    rng = np.random.default_rng(0)
    scores = rng.beta(1, 4, size=(400, 6))
    targets = rng.random((400, 6)) < scores
    found = {}
    for average in AVERAGES:
        thresholds = find_thresholds(scores, targets, average=average)
        found[average] = f1_score(
            targets, scores >= thresholds, average="samples", zero_division=0
        )
    assert max(found, key=found.get) == "samples"
    assert found["samples"] > found["macro"] + 0.01


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize(
    "metric, masked", [("f1", masked_f1_score), ("jaccard", masked_jaccard_score)]
)
@settings(max_examples=30, deadline=None)
@given(problem=problems(max_rows=8, max_labels=4))
def test_metric_of_known_entries_is_the_masked_one(metric, masked, average, problem):
    scores, targets, known, _ = problem
    predicted = scores >= 0.5
    found = metric_score(
        targets, predicted, metric=metric, average=average, known=known
    )
    y_true = targets.astype(float)
    if known is not None:
        y_true[~known] = np.nan
    if average == "weighted" and not targets.any():
        return  # scikit-learn weighs all labels the same then, here they weigh nothing
    assert found == pytest.approx(masked(y_true, predicted, average=average), abs=1e-12)


def test_callable_metric_is_checked():
    scores, targets = np.array([[0.1], [0.9]]), np.array([[False], [True]])
    with pytest.raises(ValueError, match=r"metric must be vectorised.* Got \(\)"):
        find_thresholds(scores, targets, metric=lambda tp, fp, fn, tn: 1.0)
    with pytest.raises(ValueError, match="metric must return finite values"):
        find_thresholds(scores, targets, metric=lambda tp, fp, fn, tn: tp / fp)
