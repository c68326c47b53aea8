"""Labels that look wrong: found, ranked, told; by scores, classifiers and Pipelines."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import LinearSVC

from sklearn_clip import MultiLabelLogisticRegression, ThresholdOptimizer
from sklearn_clip.review import _noise_model, find_label_issues
from sklearn_clip.review._issues import _LISTED, _first_cells
from sklearn_clip.review._noise_model import fit_noise_model


def draw(n=400, n_labels=6, low=0.03, high=0.3, seed=0):
    """Rows, and labels that they tell nearly without doubt."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 8))
    raw = X @ rng.normal(size=(8, n_labels)) + 0.1 * rng.normal(size=(n, n_labels))
    rates = np.geomspace(low, high, n_labels)
    cuts = [np.quantile(raw[:, j], 1 - rate) for j, rate in enumerate(rates)]
    return X, (raw > cuts).astype(int)


def spoil(Y, share, seed=1, of=None):
    """Turn cells at random, of the value `of` alone if given."""
    drawn = np.random.default_rng(seed).random(Y.shape) < share
    if of is not None:
        drawn &= of == Y
    return np.where(drawn, 1 - Y, Y), drawn


def precision(issues, wrong):
    return wrong[issues.rows, issues.labels].mean()


HEAD = MultiLabelLogisticRegression(C=10)


@pytest.mark.parametrize("of", [None, 0, 1])
def test_first_cells_are_mostly_those_turned(of):
    X, Y = draw()
    given, wrong = spoil(Y, 0.1, of=of)
    issues = find_label_issues(HEAD, X, given, n=int(wrong.sum()), random_state=0)
    assert precision(issues, wrong) > (0.6 if of == 1 else 0.85)
    assert np.all(np.diff(issues.scores) <= 0)
    assert issues.scores.min() >= 0 and issues.scores.max() <= 1
    missing = given[issues.rows, issues.labels] == 0
    assert list(issues.directions) == ["missing" if m else "false" for m in missing]


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_rates_are_those_of_the_errors(share):
    X, Y = draw(n=1500)
    given, wrong = spoil(Y, share)
    issues = find_label_issues(HEAD, X, given, random_state=0)
    assert issues.false_rate == pytest.approx(share, abs=0.03)
    assert issues.missing_rate.mean() == pytest.approx(share, abs=0.06)
    assert issues.n_expected == pytest.approx(wrong.sum(), rel=0.3)
    assert issues.scores.min() >= 0.5
    assert precision(issues, wrong) > 0.75


def test_frequent_labels_are_read_as_their_opposites():
    X, Y = draw()
    given, _ = spoil(Y, 0.1)
    scores = HEAD.fit(X, Y).predict_proba(X)
    rare = find_label_issues(scores, X, given, n=Y.size // 2)
    dense = find_label_issues(1 - scores, X, 1 - given, n=Y.size // 2)
    assert set(zip(rare.rows, rare.labels, strict=True)) == set(
        zip(dense.rows, dense.labels, strict=True)
    )
    assert rare.false_rate == pytest.approx(dense.missing_rate)
    assert rare.missing_rate == pytest.approx(dense.false_rate)
    assert set(rare.directions) == set(dense.directions) == {"missing", "false"}


def test_clean_labels_bring_few_issues():
    X, Y = draw()
    assert len(find_label_issues(HEAD, X, Y, random_state=0)) < 0.02 * Y.size


def test_unknown_cells_are_never_listed_and_bear_no_witness():
    X, Y = draw()
    given, wrong = spoil(Y, 0.1)
    unknown = np.random.default_rng(2).random(Y.shape) < 0.3
    given = np.where(unknown, np.nan, given)
    issues = find_label_issues(HEAD, X, given, n=Y.size, random_state=0)
    assert len(issues) == np.count_nonzero(~unknown)
    assert not unknown[issues.rows, issues.labels].any()
    for row, label, direction, near in zip(
        issues.rows, issues.labels, issues.directions, issues.nearest, strict=True
    ):
        wanted = 1 if direction == "missing" else 0
        assert (given[near[near >= 0], label] == wanted).all()
        assert row not in near
    first = int((wrong & ~unknown).sum())
    assert wrong[issues.rows[:first], issues.labels[:first]].mean() > 0.8


def test_rows_and_labels_without_anything_known_are_no_matter():
    X, Y = draw(n=60)
    given = Y.astype(float)
    given[:, 2] = np.nan
    given[5] = np.nan
    scores = HEAD.fit(X, Y).predict_proba(X)
    issues = find_label_issues(scores, X, given, n=10_000)
    assert len(issues) == 59 * 5
    assert np.isfinite(issues.scores).all()


def test_rows_of_unknown_labels_alone_move_nothing():
    X, Y = draw()
    given, _ = spoil(Y, 0.05)
    scores = HEAD.fit(X, given).predict_proba(X)
    expected = find_label_issues(scores, X, given, n=Y.size)
    rng = np.random.default_rng(3)
    place = np.sort(rng.choice(1200, size=400, replace=False))
    rows = rng.normal(size=(1200, 8))
    targets, values = np.full((1200, 6), np.nan), np.full((1200, 6), 0.5)
    rows[place], targets[place], values[place] = X, given, scores
    found = find_label_issues(values, rows, targets, n=Y.size)
    np.testing.assert_array_equal(found.rows, place[expected.rows])
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_allclose(found.votes, expected.votes)
    np.testing.assert_allclose(found.scores, expected.scores)


@pytest.mark.parametrize("value", [0, 1])
def test_label_of_one_value_alone_is_no_matter(value):
    X, Y = draw(n=60)
    scores = HEAD.fit(X, Y).predict_proba(X)
    Y[:, 1] = value
    issues = find_label_issues(scores, X, Y, n=10_000)
    assert np.isfinite(issues.scores).all() and len(issues) == Y.size


def test_groups_are_no_witnesses_of_each_other():
    X, Y = draw(n=100, low=0.1)
    X, Y = np.repeat(X, 2, axis=0), np.repeat(Y, 2, axis=0)
    groups = [f"g{row // 2}" for row in range(200)]
    given = Y.copy()
    given[:2, 3] = 1 - given[:2, 3]  # both copies have the error
    places = []
    for known in (groups, None):
        issues = find_label_issues(
            HEAD, X, given, groups=known, n=Y.size, random_state=0, n_nearest=5
        )
        cells = list(zip(issues.rows, issues.labels, strict=True))
        places.append(max(cells.index((row, 3)) for row in (0, 1)))
    # Without groups each copy vouches for the other's error.
    assert places[0] < 0.1 * Y.size
    assert places[0] < places[1] / 2


def test_one_group_of_all_leaves_no_neighbours():
    X, Y = draw(n=40)
    scores = HEAD.fit(X, Y).predict_proba(X)
    issues = find_label_issues(scores, X, Y, groups=np.zeros(40), n=5)
    assert np.isnan(issues.votes).all() and (issues.nearest == -1).all()


def test_careless_annotator_is_suspected_first():
    X, Y = draw(n=800)
    writers = np.arange(800) % 4
    given, drawn = spoil(Y, 0.2)
    given = np.where(writers[:, None] == 1, given, Y)
    wrong = given != Y
    n = int(wrong.sum())
    plain = find_label_issues(HEAD, X, given, n=n, random_state=0)
    known = find_label_issues(HEAD, X, given, n=n, annotators=writers, random_state=0)
    assert precision(known, wrong) > precision(plain, wrong)


def test_scores_without_rows_are_enough():
    X, Y = draw()
    given, wrong = spoil(Y, 0.1)
    scores = HEAD.fit(X, Y).predict_proba(X)
    issues = find_label_issues(scores, None, given, n=int(wrong.sum()))
    assert precision(issues, wrong) > 0.9
    assert np.isnan(issues.votes).all() and (issues.nearest == -1).all()
    assert "nearest" not in issues.reasons[0]


def test_scores_of_any_scale_are_ranked_alike():
    X, Y = draw()
    given, wrong = spoil(Y, 0.1)
    odds = 50 * HEAD.fit(X, Y).decision_function(X)
    issues = find_label_issues(odds, X, given, n=int(wrong.sum()))
    assert precision(issues, wrong) > 0.9


@pytest.mark.parametrize(
    "classifier",
    [
        OneVsRestClassifier(LogisticRegression()),
        OneVsRestClassifier(LinearSVC()),
        ThresholdOptimizer(HEAD, cv=3, random_state=0),
    ],
    ids=["proba", "decision", "thresholds"],
)
def test_any_classifier_is_scored_out_of_fold(classifier):
    X, Y = draw(n=200)
    given, wrong = spoil(Y, 0.1)
    issues = find_label_issues(
        classifier, X, given, cv=3, n=int(wrong.sum()), random_state=0
    )
    assert precision(issues, wrong) > 0.6
    assert not hasattr(classifier, "estimators_")


def test_pipeline_brings_the_vectors_of_its_rows():
    X, Y = draw(n=200)
    frame = pd.DataFrame({"row": list(X)}, index=[f"r{i}" for i in range(200)])
    names = [f"label {j}" for j in range(Y.shape[1])]
    stack = FunctionTransformer(lambda rows: np.stack(rows["row"].to_list()))
    pipe = make_pipeline(stack, StandardScaler(), HEAD)
    issues = find_label_issues(
        ThresholdOptimizer(pipe, cv=3, random_state=0),
        frame,
        pd.DataFrame(Y, columns=names, index=frame.index),
        n=4,
        random_state=0,
    )
    assert np.isfinite(issues.votes).all()
    table = issues.to_frame()
    assert list(table["row"]) == [f"r{row}" for row in issues.rows]
    assert list(table["label"]) == [names[label] for label in issues.labels]
    assert all(name.startswith("r") for near in table["nearest"] for name in near)
    assert list(table["reason"]) == issues.reasons
    assert names[issues.labels[0]] in repr(issues)


def test_sparse_labels_and_vectors_are_as_good():
    X, Y = draw(n=100)
    scores = HEAD.fit(X, Y).predict_proba(X)
    dense = find_label_issues(scores, X, Y, n=20)
    thin = find_label_issues(
        scores, None, sparse.csr_matrix(Y), vectors=sparse.csr_matrix(X), n=20
    )
    assert thin.rows.tolist() == dense.rows.tolist()
    assert thin.nearest.tolist() == dense.nearest.tolist()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": -1}, "n must be a number of at least 0 or None. Got -1"),
        ({"n_nearest": 1.5}, "n_nearest must be a number of at least 0. Got 1.5"),
        ({"scores": np.full((60, 6), np.nan)}, r"NaN \(row 0, column 0\)"),
        ({"scores": np.zeros((60, 5))}, r"shape \(60, 6\). Got shape \(60, 5\)"),
        ({"scores": np.zeros(60)}, r"Got shape \(60,\)"),
        ({"scores": [["a"] * 6] * 60}, "The scores must hold one number"),
        ({"groups": [1, 2]}, "groups must have shape"),
        ({"annotators": [None] * 60}, "who labelled each row.*one name more.$"),
        ({"X": np.zeros((59, 8))}, "inconsistent numbers of samples"),
        ({"vectors": np.full((60, 2), np.inf)}, "vectors must be finite"),
        ({"vectors": [["a"]] * 60}, "vectors must be a table of numbers"),
        ({"scores": HEAD, "X": None}, "X must hold the rows"),
        (
            {"scores": HEAD, "cv": [(np.arange(30), np.arange(30, 59))]},
            "no score of row 0",
        ),
    ],
)
def test_bad_input_is_told(change, words):
    X, Y = draw(n=60)
    given = {"scores": np.full((60, 6), 0.5), "X": X} | change
    scores, X = given.pop("scores"), given.pop("X")
    with pytest.raises(ValueError, match=words):
        find_label_issues(scores, X, Y, **given)


def test_columns_of_scores_are_the_labels():
    _, Y = draw(n=60)
    names = list("abcdef")
    scores = pd.DataFrame(np.full((60, 6), 0.5), columns=names[::-1])
    with pytest.raises(ValueError, match="scores must have the labels as columns"):
        find_label_issues(scores, None, pd.DataFrame(Y, columns=names))


def test_targets_stand_in_the_order_of_a_frozen_classifier():
    X, Y = draw(n_labels=4)
    Y = pd.DataFrame(Y, columns=list("abcd"))
    frozen = FrozenEstimator(clone(HEAD).fit(X, Y))
    turned = Y[list("cadb")]
    for given in (
        frozen,
        FrozenEstimator(make_pipeline(StandardScaler(), clone(HEAD)).fit(X, Y)),
        ThresholdOptimizer(frozen, cv="prefit"),
        make_pipeline(FunctionTransformer(), ThresholdOptimizer(frozen)),
    ):
        with pytest.raises(ValueError, match=r"in their order: .* \(column 0\)"):
            find_label_issues(given, X, turned)
    assert len(find_label_issues(frozen, X, Y).rows) < 10


def test_scores_with_rows_in_another_order_are_told():
    X, Y = draw(n=100)
    names = [f"r{row}" for row in range(100)]
    scores = pd.DataFrame(HEAD.fit(X, Y).predict_proba(X), index=names)
    given = pd.DataFrame(Y, index=names)
    find_label_issues(scores, None, given, n=5)  # no warning
    with pytest.warns(UserWarning, match="Y and scores have the same index in another"):
        find_label_issues(scores[::-1], None, given, n=5)


@pytest.mark.parametrize("far", [np.inf, -np.inf, 1e200, 1e30])
def test_score_that_lies_far_out_hides_no_issue(far):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    Y = (X > 0).astype(int)
    Y[X[:, 0].argmax(), 0] = 0
    scores = 4 * X
    usual = find_label_issues(scores, None, Y, n=1)
    scores[5, 1] = far if Y[5, 1] else -far
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        issues = find_label_issues(scores, None, Y, n=3)
    where = list(zip(issues.rows, issues.labels, strict=True)).index(
        (usual.rows[0], usual.labels[0])
    )
    assert issues.scores[where] == pytest.approx(usual.scores[0], abs=0.1)
    assert np.isfinite(issues.missing_rate).all() and 0.5 < issues.n_expected < 3


@pytest.mark.parametrize("n", [None, 0, 1, 30, 10**6])
def test_the_listed_cells_are_the_first_of_all_cells_in_order(n):
    rng = np.random.default_rng(0)
    wrong = np.round(rng.random((40, 6)), 1)  # with many that are equal
    wrong[rng.random(wrong.shape) < 0.2] = np.nan
    order = np.argsort(-np.nan_to_num(wrong, nan=-1.0).ravel(), kind="stable")
    least = _LISTED if n is None else 0.0
    wanted = order[: min(10**6 if n is None else n, (wrong >= least).sum())]
    rows, labels = _first_cells(wrong, n)
    np.testing.assert_array_equal(rows * 6 + labels, wanted)


def test_probabilities_are_found_block_by_block(monkeypatch):
    rng = np.random.default_rng(0)
    given = (rng.random((600, 50)) < 0.2).astype(float)
    given[rng.random(given.shape) < 0.1] = np.nan
    evidence = [rng.normal(size=given.shape), rng.normal(size=given.shape)]
    whole = fit_noise_model(given, evidence)
    monkeypatch.setattr(_noise_model, "_CACHED", 1000)
    wrong = np.isnan(given)
    tracemalloc.start()
    blocks = fit_noise_model(given, evidence)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(blocks.wrong, whole.wrong, rtol=1e-9)
    np.testing.assert_array_equal(np.isnan(whole.wrong), wrong)
    # Its own copies of the three tables, the result, and some masks.
    assert peak < 45 * given.size
