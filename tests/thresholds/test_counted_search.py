"""Searches that count above the positives against those that read row by row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_classifiers import RecordingClassifier
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit

from sklearn_clip.heads import PrecomputedScores
from sklearn_clip.thresholds import ThresholdOptimizer
from sklearn_clip.thresholds._counted_rows import (
    CountedRows,
    count_rows,
    counts_suffice,
)
from sklearn_clip.thresholds._decoding import decode
from sklearn_clip.thresholds._objective import METRICS, Objective
from sklearn_clip.thresholds._scored_rows import ScoredRows
from sklearn_clip.thresholds._search import STRATEGIES, find_thresholds

AVERAGES = ("macro", "weighted", "micro")
ROOM = "sklearn_clip.thresholds"


def draw_problem(rng, n_rows, n_labels):
    """Scores of one of many kinds, targets rare or frequent, some unknown or none."""
    shape = n_rows, n_labels
    targets = rng.random(shape) < rng.choice([0.02, 0.1, 0.5, 1.0], n_labels)
    scores = {
        "spread": lambda: rng.random(shape),
        "informative": lambda: (rng.random(shape) + 2 * targets) / 3,
        "ties": lambda: rng.random(shape).round(1),
        "bounds": lambda: rng.choice([0.0, 0.25, 0.5, 1.0], shape),
        "constant": lambda: np.full(shape, rng.choice([0.0, 0.3, 0.5, 1.0])),
        "smallest": lambda: rng.integers(0, 9, shape) * 5e-324,
        "decisions": lambda: rng.normal(size=shape) + targets,
        "scales": lambda: rng.normal(size=shape) * 10.0 ** rng.integers(-300, 300),
    }
    kind = rng.choice(list(scores))
    known = None
    if rng.random() < 0.4:
        known = rng.random(shape) < rng.choice([0.1, 0.8])
        known[:, rng.integers(n_labels)] &= rng.random() < 0.5
        known[0, 0] = True
        targets &= known
    found = scores[kind]()
    if rng.random() < 0.5 and kind not in ("smallest", "scales"):
        found = found.astype(np.float32)
    return found, targets, known, kind not in ("decisions", "scales")


def nearest_best(thresholds, values, default, tolerance):
    """Of the thresholds whose value is the highest, the nearest to the default one."""
    best = values >= values.max() - tolerance
    distance = np.where(best, np.abs(thresholds - default), np.nan)
    return thresholds[np.nanargmin(distance)]


def cuts_between(scores, probability):
    """One threshold midway between all neighbours, that for nothing first."""
    ranked = np.unique(scores.astype(np.float64))[::-1]
    reach = np.ptp(ranked) or max(abs(ranked[0]), 1.0)
    first, last = ranked[0] + reach, ranked[-1] - reach
    if probability:
        first, last = max(ranked[0], 1.0), min(ranked[-1], 0.0)
    edges = np.array([first, *ranked, last])
    cuts = 0.5 * edges[:-1] + 0.5 * edges[1:]
    if cuts[0] <= ranked[0]:
        cuts[0] = np.inf
    # Where nothing lies between two floats the upper one is taken.
    fits = (cuts[1:] > edges[2:]) & (cuts[1:] <= ranked)
    return np.append(cuts[0], np.where(fits, cuts[1:], ranked))


def plain_thresholds(scores, targets, known, objective, strategy, probability):
    """Try every threshold, one by one, counting all rows each time."""
    known = np.ones(scores.shape, dtype=bool) if known is None else known
    default = 0.5 if probability else 0.0

    def value(cut, labels):
        tallies = objective.tally(
            targets[:, labels],
            scores[:, labels] >= cut,
            known=known[:, labels],
        )
        return objective.score(tallies)

    def one_for_all(labels):
        cuts = cuts_between(scores[:, labels][known[:, labels]], probability)
        values = np.array([value(cut, labels) for cut in cuts])
        return nearest_best(cuts, values, default, 1e-12)

    every = np.arange(scores.shape[1])
    if strategy == "global":
        return np.full(len(every), one_for_all(every))
    seen = targets.any(axis=0)
    near = one_for_all(every[seen]) if seen.any() else default
    found = np.full(len(every), near)
    for label in every:
        own = scores[known[:, label], label]
        if seen[label]:
            cuts = cuts_between(own, probability)
            # Of a single label all means are the same but "weighted", which is too.
            values = np.array([value(cut, [label]) for cut in cuts])
            found[label] = nearest_best(cuts, values, default, 0.0)
        elif len(own) and own.max() >= near:
            found[label] = cuts_between(own, probability)[0]
    return found


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("average", ["macro", "weighted"])
@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_thresholds_are_those_of_trying_each(metric, average, strategy, seed):
    rng = np.random.default_rng(seed)
    scores, targets, known, probability = draw_problem(
        rng, rng.integers(1, 12), rng.integers(1, 4)
    )
    objective = Objective(metric, average, float(rng.choice([0.0, 0.5, 2.0])))
    expected = plain_thresholds(
        scores, targets, known, objective, strategy, probability
    )
    found = find_thresholds(
        scores,
        targets,
        strategy=strategy,
        known=known,
        probability=probability,
        **objective._asdict(),
    )
    np.testing.assert_array_equal(found, expected)


@pytest.fixture(params=["blocks as they are", "small blocks"])
def blocks(request, monkeypatch):
    """Small blocks part what otherwise only many rows and labels do."""
    if request.param == "small blocks":
        monkeypatch.setattr(f"{ROOM}._counted_rows.BLOCK_SIZE", 100)
        monkeypatch.setattr(f"{ROOM}._counted_rows._MOST_KEPT", 0)
        monkeypatch.setattr(f"{ROOM}._bounded_search.BLOCK_SIZE", 16)
        monkeypatch.setattr(f"{ROOM}._score_grid._MOST_SCORES", 150)


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", METRICS)
def test_thresholds_are_those_of_reading_every_row(metric, average, strategy):
    for seed in range(40):
        rng = np.random.default_rng(seed)
        size = (rng.integers(1, 60), rng.integers(1, 8)) if seed % 8 else (300, 40)
        scores, targets, known, probability = draw_problem(rng, *size)
        how = {
            "metric": metric,
            "average": average,
            "strategy": strategy,
            "beta": float(rng.choice([0.0, 0.3, 2.0, 1e4, 1e9])),
            "known": known,
            "probability": probability,
        }
        counted = find_thresholds(scores, targets, **how)
        # Weights, be they all 1, have the rows read one by one.
        read = find_thresholds(
            scores, targets, sample_weight=np.ones(len(scores)), **how
        )
        np.testing.assert_array_equal(counted, read, err_msg=f"seed {seed}")


WAYS = {
    "default": {},
    "unshrunk": {"shrinkage": None},
    "drawn all the way": {"shrinkage": np.inf, "average": "weighted"},
    "micro": {"average": "micro", "metric": "jaccard"},
    "global": {"strategy": "global", "metric": "balanced_accuracy"},
    "limit that binds none": {"max_labels": 50, "shrinkage": 4.0},
}
SPLITS = {
    "given": None,
    "folds": KFold(4),
    "repeated": RepeatedKFold(n_splits=2, n_repeats=3, random_state=0),
    "overlapping": ShuffleSplit(3, test_size=0.4, random_state=0),
    "one held out": 0.4,
}


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("most", [32, 1], ids=["parts", "sorted anew"])
@pytest.mark.parametrize("cv", SPLITS.values(), ids=SPLITS)
@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_optimizer_learns_what_it_does_with_weights_of_one(how, cv, most, monkeypatch):
    monkeypatch.setattr(f"{ROOM}._counted_rows._MOST_PARTS", most)
    for seed, unknown in enumerate([False, True]):
        rng = np.random.default_rng(seed)
        Y = (rng.random((70, 12)) < rng.choice([0.03, 0.2, 0.5], 12)).astype(float)
        scores = (0.6 * rng.random(Y.shape) + 0.4 * Y).astype(np.float32)
        if unknown:
            Y[rng.random(Y.shape) < 0.3] = np.nan
        estimator = PrecomputedScores() if cv is None else RecordingClassifier()
        tuned = ThresholdOptimizer(estimator, cv=cv, random_state=0, **how)
        counted = tuned.fit(scores, Y)
        counted = {name: getattr(counted, name) for name in LEARNT}
        read = tuned.fit(scores, Y, sample_weight=np.ones(70))
        for name in LEARNT:
            np.testing.assert_array_equal(
                counted[name], getattr(read, name), err_msg=name
            )


LEARNT = ("thresholds_", "threshold_std_", "shrinkage_", "best_score_", "cv_score_")


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_parts_predict_is_counted(seed):
    rng = np.random.default_rng(seed)
    scores, targets, known, probability = draw_problem(rng, 30, 5)
    rows = ScoredRows(scores, targets, known, probability=probability)
    some = rng.permutation(30)[: rng.integers(1, 30)]
    counted = CountedRows.of(rows, [some])
    thresholds = rng.choice(scores.reshape(-1), (3, 5)).astype(np.float64)
    thresholds[0, 0], thresholds[1, 1] = np.inf, np.nextafter(thresholds[1, 1], np.inf)
    thresholds[2] = rng.normal(size=5)
    for own, read in ((counted, rows), (counted.take(some), rows.take(some))):
        assert own.shape == read.shape
        np.testing.assert_array_equal(own.seen, read.seen)
        np.testing.assert_array_equal(own.support(), read.support())
        for tally, cut in zip(own.tally(thresholds), thresholds, strict=True):
            expected = Objective().tally(
                read.targets, decode(read.scores, cut), known=read.known
            )
            np.testing.assert_array_equal(tally, expected)


def test_only_plain_rows_and_metrics_are_counted():
    scores = np.random.default_rng(0).random((6, 2))
    rows, f1 = ScoredRows(scores, scores > 0.5), Objective()
    assert isinstance(count_rows(rows, f1), CountedRows)
    for other in (
        rows._replace(sample_weight=np.ones(6)),
        rows._replace(targets=scores),
    ):
        assert count_rows(other, f1) is other
    assert not counts_suffice(rows, Objective(metric=lambda tp, fp, fn, tn: tp))
    assert not counts_suffice(rows, Objective(average="samples"))
    # With a beta like this one no false positive shows in the metric.
    assert not counts_suffice(rows, Objective("fbeta", beta=1e8))
    assert counts_suffice(rows, Objective(beta=1e8))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_scores_of_float32_are_kept_as_such(kind):
    scores = np.random.default_rng(0).random((6, 2), dtype=kind).astype(np.float64)
    counted = CountedRows.of(ScoredRows(scores, scores > 0.5))
    assert counted.parts.values[0].dtype == kind
    np.testing.assert_array_equal(counted.parts.values[0], np.sort(scores.T, axis=1))


def test_huge_scores_are_not_made_infinite():
    scores = np.array([[1e300, 1.0], [-1e300, 2.0], [0.0, 3.0]])
    targets = np.array([[True, False], [False, True], [False, False]])
    found = find_thresholds(scores, targets, probability=False)
    assert found[0] == 5e299
    assert found[1] == 1.5
