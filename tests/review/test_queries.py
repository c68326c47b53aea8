"""Cells to ask about: unknown ones, of every label, in a good order."""

import numpy as np
import pandas as pd
import pytest

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
    ZeroShotClassifier,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.review import suggest_queries

STRATEGIES = ["balanced", "likely", "uncertainty", "random"]


@pytest.fixture
def pool():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 5))
    scores = rng.random((80, 4))
    known = np.where(rng.random((80, 4)) < 0.3, (scores > 0.7) * 1.0, np.nan)
    return X, scores, known


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("n", [0, 1, 3, 30, 10_000])
def test_cells_are_unknown_distinct_and_as_many(pool, strategy, n):
    X, scores, known = pool
    cells = suggest_queries(
        scores, X, n, strategy=strategy, Y_known=known, random_state=0
    )
    room = np.count_nonzero(np.isnan(known))
    assert len(cells) == min(n, room)
    assert np.isnan(known[cells.rows, cells.labels]).all()
    assert len(set(zip(cells.rows, cells.labels, strict=True))) == len(cells)
    assert len(cells.reasons) == len(cells) == len(cells.to_frame())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_same_seed_gives_same_cells(pool, strategy):
    X, scores, known = pool
    twice = [
        suggest_queries(scores, X, 20, strategy=strategy, random_state=3)
        for _ in range(2)
    ]
    assert twice[0].rows.tolist() == twice[1].rows.tolist()
    assert twice[0].labels.tolist() == twice[1].labels.tolist()


@pytest.mark.parametrize("strategy", ["balanced", "likely"])
def test_labels_take_turns(pool, strategy):
    X, scores, _ = pool
    cells = suggest_queries(scores, X, 24, strategy=strategy, random_state=0)
    for turn in range(6):
        part = cells.labels[4 * turn : 4 * turn + 4]
        assert sorted(part) == [0, 1, 2, 3]


def test_rare_labels_get_what_full_ones_leave(pool):
    X, scores, _ = pool
    known = np.full(scores.shape, np.nan)
    known[2:, 0] = 0  # two cells of it are left
    cells = suggest_queries(scores, X, 32, Y_known=known, random_state=0)
    assert np.bincount(cells.labels).tolist() == [2, 10, 10, 10]


def test_kinds_are_as_described(pool):
    X, scores, _ = pool
    known = np.full(scores.shape, np.nan)
    known[:9, 0] = 1  # a label with positives enough for a cut
    cells = suggest_queries(
        scores, X, 80, Y_known=known, thresholds=0.3, random_state=0
    )
    of = [cells.kinds[cells.labels == label].tolist() for label in range(4)]
    assert of[0].count("uncertain") == 8 and of[0].count("random") == 4
    assert "uncertain" not in of[1] and of[1].count("random") == 4
    asked = scores[cells.rows[(cells.labels == 0) & (cells.kinds == "uncertain")], 0]
    assert np.abs(asked - 0.3).max() < 0.3


def test_likely_are_the_highest_scores_and_unlike_each_other():
    scores = np.linspace(1, 0, 40)[:, None]
    X = np.eye(40)
    X[1] = X[0]  # a copy of the first
    cells = suggest_queries(scores, X, 3, strategy="likely")
    assert cells.rows.tolist() == [0, 2, 3]
    plain = suggest_queries(scores, None, 3, strategy="likely")
    assert plain.rows.tolist() == [0, 1, 2]


def test_cold_start_ranks_labels_without_positives(pool):
    X, scores, _ = pool
    cold = 1 - scores
    known = np.full(scores.shape, np.nan)
    known[:40, 0] = 1
    cells = suggest_queries(
        scores, None, 8, strategy="likely", Y_known=known, cold_start=cold
    )
    learnt = scores[cells.rows[cells.labels == 0], 0]
    new = scores[cells.rows[cells.labels == 1], 1]
    assert learnt.min() > 0.8 and new.max() < 0.2


def test_uncertainty_is_at_the_cut_in_force(pool):
    X, _, _ = pool
    Y = (X[:, :2] > 0.5).astype(int)
    tuned = ThresholdOptimizer(MultiLabelLogisticRegression(), random_state=0).fit(X, Y)
    cells = suggest_queries(tuned, X, 5, strategy="uncertainty")
    gap = np.abs(tuned.predict_proba(X) - tuned.thresholds_)
    assert gap[cells.rows, cells.labels] == pytest.approx(np.sort(gap.ravel())[:5])
    tuned.set_thresholds([np.inf, 0.9])  # never is no place of doubt
    cells = suggest_queries(tuned, X, 1, strategy="uncertainty")
    gap = np.abs(tuned.predict_proba(X) - [0.5, 0.9])
    assert gap[cells.rows[0], cells.labels[0]] == gap.min()


@pytest.mark.parametrize("n", [1, 20, 150])
def test_cells_equally_near_to_the_cut_keep_their_order(pool, n):
    _, scores, known = pool
    scores = scores.round(1)
    cells = suggest_queries(scores, None, n, strategy="uncertainty", Y_known=known)
    gap = np.where(np.isnan(known), np.abs(scores - 0.5), np.inf).ravel()
    wanted = np.argsort(gap, kind="stable")[:n]
    np.testing.assert_array_equal(cells.rows * 4 + cells.labels, wanted)


def test_loop_from_zero_shot_to_a_tagger_runs():
    part = load_clipart(split="train", as_frame=True)
    rows, Y = part.data[:120], part.target[:120]
    Y = Y[Y.sum().nlargest(4).index]
    clip = CLIPFeaturizer("clipart-tiny")
    words = ZeroShotClassifier(
        list(Y.columns), CLIPFeaturizer("clipart-tiny", fusion="mean")
    ).fit()
    X = clip.fit_transform(rows)
    first = suggest_queries(words, rows, 60, vectors=X, random_state=0)
    assert list(first.label_names) == list(Y.columns)
    assert first.to_frame()["label"].isin(Y.columns).all()
    known = pd.DataFrame(np.nan, index=Y.index, columns=Y.columns)
    for row, label in zip(first.rows, first.labels, strict=True):
        known.iloc[row, label] = Y.iloc[row, label]
    share = Y.to_numpy()[first.rows, first.labels].mean()
    assert share > 1.5 * Y.to_numpy().mean()
    tagger = MultiLabelLogisticRegression().fit(X, known)
    scores = words.predict_proba(rows)
    second = suggest_queries(
        tagger, X, 20, Y_known=known, cold_start=scores, random_state=0
    )
    assert known.isna().to_numpy()[second.rows, second.labels].all()
    assert list(second.label_names) == list(Y.columns)


def test_table_of_nothing_known_is_a_start(pool):
    X, scores, _ = pool
    known = pd.DataFrame(np.full((80, 4), np.nan), columns=list("abcd"))
    cells = suggest_queries(scores, X, 8, Y_known=known, random_state=0)
    assert set(cells.names) == set("abcd")
    assert "8 cells to ask" in repr(cells)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strategy": "best"}, "strategy must be one of 'balanced'"),
        ({"n": -1}, "n must be a number of at least 0. Got -1"),
        ({"n": 2.5}, "n must be a number of at least 0. Got 2.5"),
        ({"scores": np.full((80, 4), np.nan)}, "must not hold NaN"),
        ({"scores": np.zeros((79, 4))}, "Got shape"),
        ({"Y_known": np.full((80, 3), np.nan)}, "Got shape"),
        ({"Y_known": np.full((80, 4), 2.0)}, "2"),
        ({"cold_start": np.zeros((80, 3))}, "cold_start must have one row"),
        ({"thresholds": [0.1, 0.2]}, "thresholds must be a number or one per label"),
        ({"label_names": ["a"]}, "label_names must have one name per label, 4"),
        ({"vectors": np.zeros((3, 2))}, "inconsistent numbers of samples"),
    ],
)
def test_bad_input_is_told(pool, change, words):
    X, scores, _ = pool
    given = {"scores": scores, "n": 4} | change
    with pytest.raises(ValueError, match=words):
        suggest_queries(given.pop("scores"), X, given.pop("n"), **given)


ORDER = ["b", "a", "d", "c"]


@pytest.mark.parametrize("wrong", ["scores", "cold_start", "estimator"])
def test_labels_in_another_order_are_refused(pool, wrong):
    X, scores, known = pool
    scores = pd.DataFrame(scores, columns=list("abcd"))
    known = pd.DataFrame(known, columns=list("abcd"))
    given, cold = scores, scores
    if wrong == "scores":
        given = scores[ORDER]
    elif wrong == "cold_start":
        cold = scores[ORDER]
    else:
        given = MultiLabelLogisticRegression().fit(X, known[ORDER].fillna(0))
    with pytest.raises(ValueError, match=r"in their order.*'b'.*'a'.*column 0"):
        suggest_queries(given, X, 3, Y_known=known, cold_start=cold)


def test_names_for_display_need_not_be_those_of_the_scores(pool):
    X, scores, _ = pool
    table = pd.DataFrame(scores, columns=list("abcd"))
    cells = suggest_queries(table, X, 5, label_names=list("wxyz"), random_state=0)
    assert set(cells.to_frame()["label"]) <= set("wxyz")


@pytest.mark.parametrize("form", ["dict", "series"])
def test_thresholds_go_by_name(pool, form):
    X, scores, known = pool
    cuts = pd.Series([0.1, 0.9, 0.4, 0.6], index=ORDER)
    more = {"strategy": "uncertainty", "label_names": list("abcd")}
    expected = suggest_queries(scores, X, 9, thresholds=[0.9, 0.1, 0.6, 0.4], **more)
    cuts = cuts.to_dict() if form == "dict" else cuts
    found = suggest_queries(scores, X, 9, thresholds=cuts, **more)
    assert found.rows.tolist() == expected.rows.tolist()


@pytest.mark.parametrize(
    ("cuts", "words"),
    [
        ({"a": 0.5}, "none for 'b', 'c', 'd'"),
        (dict.fromkeys("abcde", 0.5), "one for 'e'"),
    ],
)
def test_thresholds_by_name_are_of_all_labels_and_no_others(pool, cuts, words):
    X, scores, _ = pool
    table = pd.DataFrame(scores, columns=list("abcd"))
    with pytest.raises(ValueError, match=words):
        suggest_queries(table, X, 3, thresholds=cuts)


def test_known_labels_with_rows_in_another_order_are_told():
    rng = np.random.default_rng(0)
    names = [f"r{row}" for row in range(20)]
    X = pd.DataFrame(rng.normal(size=(20, 3)), index=names)
    scores = pd.DataFrame(rng.random((20, 2)), index=names)
    known = pd.DataFrame(np.full((20, 2), np.nan), index=names)
    suggest_queries(scores, X, 3, Y_known=known)  # no warning
    with pytest.warns(UserWarning, match="X_pool and Y_known have the same index in"):
        suggest_queries(scores[::-1], X, 3, Y_known=known[::-1])
    with pytest.warns(UserWarning, match="Y_known and scores have the same index in"):
        suggest_queries(scores[::-1], None, 3, Y_known=known)


def test_doubt_about_a_calibrator_lies_at_a_half_whatever_it_calibrates(pool):
    X, scores, _ = pool
    Y = (scores > 0.8).astype(int)
    tuned = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=3).fit(X, Y)
    tuned.set_thresholds(0.01)
    calibrator = MultiLabelCalibrator(tuned, cv="prefit").fit(X, Y)
    cells = suggest_queries(calibrator, X, 20, strategy="uncertainty")
    nearest = np.sort(np.abs(calibrator.predict_proba(X) - 0.5), axis=None)[:20]
    np.testing.assert_allclose(np.abs(cells.scores - 0.5), nearest)
