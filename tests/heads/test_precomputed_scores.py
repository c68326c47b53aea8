"""Thresholds, cuts and calibration from scores that are there already."""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars
import pytest
import sklearn
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_clip import (
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    MultiLabelStratifiedKFold,
    PrecomputedScores,
    RejectOptionClassifier,
    ThresholdOptimizer,
    out_of_fold_scores,
    predict_labels,
    top_labels,
)
from sklearn_clip.metrics import (
    bootstrap_interval,
    macro_average_precision_score,
    map_scorer,
    masked_f1_macro_scorer,
    multilabel_report,
)
from sklearn_clip.review import find_label_issues, suggest_queries

X, Y = make_multilabel_classification(n_samples=200, n_classes=3, random_state=0)
HEAD = MultiLabelLogisticRegression().fit(X[:100], Y[:100])
SCORES = HEAD.predict_proba(X[100:])
METAS = [
    ThresholdOptimizer,
    MultiLabelCalibrator,
    lambda e, **k: RejectOptionClassifier(e, confidence=None, **k),
]


@pytest.mark.parametrize("make", METAS)
def test_scores_teach_what_the_prefit_classifier_does(make):
    expected = make(HEAD, cv="prefit").fit(X[100:], Y[100:]).predict(X)
    fitted = clone(make(PrecomputedScores())).fit(SCORES, Y[100:])
    fitted = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(fitted.predict(HEAD.predict_proba(X)), expected)


@pytest.mark.parametrize("make", METAS)
def test_columns_in_another_order_are_refused(make):
    scores = pd.DataFrame(SCORES, columns=["a", "b", "c"])
    targets = pd.DataFrame(Y[100:], columns=["b", "a", "c"])
    with pytest.raises(ValueError, match="in their order"):
        make(PrecomputedScores()).fit(scores, targets)
    fitted = make(PrecomputedScores()).fit(
        scores, targets[["a", "b", "c"]] * 0 + Y[100:]
    )
    with pytest.raises(ValueError, match="in their order"):
        fitted.predict(scores[["b", "a", "c"]])


def test_decision_values_are_cut_at_zero():
    values = HEAD.decision_function(X)
    given = PrecomputedScores("decision_function").fit(values, Y)
    np.testing.assert_array_equal(given.predict(values), values > 0)
    assert not hasattr(given, "predict_proba")


@pytest.mark.parametrize(
    ("bad", "message"), [(np.nan, "NaN"), (1.5, r"decision_function'.*row 3, column 1")]
)
def test_scores_that_are_none_are_named(bad, message):
    scores = SCORES.copy()
    scores[3, 1] = bad
    with pytest.raises(ValueError, match=message):
        ThresholdOptimizer(PrecomputedScores()).fit(scores, Y[100:])


def test_out_of_fold_scores_go_in():
    scores = out_of_fold_scores(HEAD, X, Y, random_state=0)
    tuned = ThresholdOptimizer(PrecomputedScores()).fit(scores, Y)
    assert tuned.thresholds_.shape == (3,)


NAMES = ["a", "b", "c"]
TABLE = pd.DataFrame(SCORES, columns=NAMES)
GIVEN = pd.DataFrame(Y[100:], columns=NAMES).astype(float)
GIVEN.iloc[::7, 1] = np.nan
GIVEN.iloc[3] = np.nan  # a row that nobody has looked at
OTHER = ["b", "a", "c"]
ALL = {
    "alone": lambda scores: scores,
    "thresholds": ThresholdOptimizer,
    "calibrated": MultiLabelCalibrator,
    "answers": lambda e: RejectOptionClassifier(e, confidence=None),
    "both": lambda e: ThresholdOptimizer(MultiLabelCalibrator(e), random_state=0),
    "inside": lambda e: ThresholdOptimizer(make_pipeline(e), random_state=0),
    "outside": lambda e: make_pipeline(FunctionTransformer(), ThresholdOptimizer(e)),
}


@pytest.fixture(params=list(ALL))
def make(request):
    return lambda **given: ALL[request.param](PrecomputedScores(**given))


@pytest.mark.parametrize("form", ["array", "list", "sparse", "polars", "numbered"])
def test_scores_of_every_form_give_the_same(make, form):
    forms = {
        "array": SCORES,
        "list": SCORES.tolist(),
        "sparse": sparse.csr_matrix(SCORES),
        "polars": polars.DataFrame(SCORES, schema=NAMES),
        "numbered": pd.DataFrame(SCORES),
    }
    expected = make().fit(TABLE, GIVEN).predict(TABLE)
    fitted = make().fit(forms[form], GIVEN)
    assert_array_equal(fitted.predict(forms[form]), expected)
    assert_array_equal(fitted.predict(SCORES), expected)


def test_names_come_from_the_targets_or_the_scores(make):
    for scores, targets in [(SCORES, GIVEN), (TABLE, GIVEN.to_numpy())]:
        fitted = make().fit(scores, targets)
        assert predict_labels(fitted, TABLE, label_names=NAMES) is not None
        assert [name for name, _ in top_labels(fitted, TABLE[:1], k=3)[0]]


@pytest.mark.parametrize("named", ["scores", "targets", "both"])
def test_scores_in_another_order_are_refused_whoever_had_the_names(named):
    scores = SCORES if named == "targets" else TABLE
    targets = GIVEN.to_numpy() if named == "scores" else GIVEN
    for wrap in METAS + [ALL["alone"]]:
        fitted = wrap(PrecomputedScores()).fit(scores, targets)
        with pytest.raises(ValueError, match=r"in their order.*'b'.*'a'.*column 0"):
            fitted.predict(TABLE[OTHER])


def test_columns_with_numbers_for_names_have_an_order():
    scores = pd.DataFrame(SCORES, columns=[5, 7, 9])
    fitted = PrecomputedScores().fit(scores, GIVEN.to_numpy())
    with pytest.raises(ValueError, match=r"in their order.*Got \[7\]"):
        fitted.predict(scores[[7, 5, 9]])


@pytest.mark.parametrize(
    ("scores", "targets", "words"),
    [
        (SCORES.astype(str), GIVEN, "scores must hold one number"),
        (TABLE.assign(c="dog"), GIVEN, "one number.*'dog'.*the scores alone"),
        (SCORES[:50], GIVEN, "inconsistent numbers of samples"),
        (SCORES[:, :2], GIVEN, "one column for each of the 3 labels"),
        (SCORES, Y[100:, 0], r"y.reshape\(-1, 1\)"),
        (SCORES[:0], GIVEN[:0], "at least one row"),
        (SCORES, None, "y"),
        (TABLE, GIVEN[OTHER], "in their order"),
    ],
)
def test_what_are_no_scores_is_refused_in_words(scores, targets, words):
    with pytest.raises(ValueError, match=words):
        PrecomputedScores().fit(scores, targets)


def test_it_must_be_fitted_and_gives_a_copy():
    with pytest.raises(NotFittedError):
        PrecomputedScores().predict_proba(SCORES)
    given = SCORES.copy()
    PrecomputedScores().fit(given, GIVEN).predict_proba(given)[:] = 0
    assert_array_equal(given, SCORES)


def test_it_lives_in_searches_and_files(make, tmp_path):
    search = GridSearchCV(
        ThresholdOptimizer(PrecomputedScores()),
        {"metric": ["f1", "jaccard"], "shrinkage": [None, "auto"]},
        cv=MultiLabelStratifiedKFold(3, random_state=0),
        scoring=masked_f1_macro_scorer,
    )
    search.fit(TABLE, GIVEN)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    fitted = clone(make()).fit(TABLE, GIVEN)
    joblib.dump(fitted, tmp_path / "fitted.joblib")
    loaded = joblib.load(tmp_path / "fitted.joblib")
    assert_array_equal(loaded.predict(TABLE), fitted.predict(TABLE))


@pytest.mark.parametrize("kind", METAS + [ALL["alone"]])
def test_skops_keeps_it(kind):
    io = pytest.importorskip("skops.io")
    fitted = kind(PrecomputedScores()).fit(TABLE, GIVEN)
    data = io.dumps(fitted)
    loaded = io.loads(data, trusted=io.get_untrusted_types(data=data))
    assert_array_equal(loaded.predict(TABLE), fitted.predict(TABLE))


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("kind", METAS)
def test_weights_reach_what_is_learnt(kind, routing):
    weights = np.linspace(0, 3, 100)
    given = {"y": GIVEN.to_numpy(), "sample_weight": weights}
    expected = kind(HEAD, cv="prefit").fit(X[100:], **given).predict(X)
    with sklearn.config_context(enable_metadata_routing=routing):
        found = kind(PrecomputedScores()).fit(SCORES, **given)
    assert_array_equal(found.predict(HEAD.predict_proba(X)), expected)
    plain = kind(PrecomputedScores()).fit(SCORES, GIVEN.to_numpy())
    wide = np.linspace(0, 1, 300).reshape(-1, 3)
    same = np.array_equal(plain.predict(wide), found.predict(wide), equal_nan=True)
    assert not same


@pytest.mark.filterwarnings("ignore:No cut has:UserWarning")
@pytest.mark.parametrize("values", [np.inf, -np.inf])
def test_infinite_decision_values_spoil_nothing(values):
    scores = HEAD.decision_function(X[100:])
    scores[5] = values
    for kind in METAS:
        fitted = kind(PrecomputedScores("decision_function")).fit(scores, GIVEN)
        large = np.where(np.isinf(scores), np.sign(scores) * 1e6, scores)
        other = kind(PrecomputedScores("decision_function")).fit(large, GIVEN)
        assert_array_equal(fitted.predict(large), other.predict(large))


def test_reports_scorers_and_reviews_take_it(make):
    fitted = make().fit(TABLE, GIVEN)
    labels = np.nan_to_num(fitted.predict(TABLE))
    report = multilabel_report(GIVEN, labels, y_score=TABLE, intervals=0.9)
    assert list(report.index[:3]) == NAMES
    assert 0 <= map_scorer(fitted, TABLE, GIVEN) <= 1
    found = bootstrap_interval(
        macro_average_precision_score, GIVEN, TABLE, random_state=0, n_resamples=50
    )
    assert found.low <= found.estimate <= found.high
    cells = suggest_queries(fitted, TABLE, 5, Y_known=GIVEN, random_state=0)
    assert np.isnan(GIVEN.to_numpy()[cells.rows, cells.labels]).all()


def test_issues_are_those_of_the_scores_alone():
    expected = find_label_issues(TABLE, None, GIVEN, n=5)
    found = find_label_issues(PrecomputedScores(), TABLE, GIVEN, n=5)
    assert_array_equal(found.rows, expected.rows)
    assert_array_equal(found.scores, expected.scores)


def test_a_frozen_classifier_finds_issues_by_its_own_scores():
    frozen = FrozenEstimator(HEAD)
    expected = find_label_issues(SCORES, X[100:], GIVEN, n=5)
    found = find_label_issues(frozen, X[100:], GIVEN, n=5)
    assert_array_equal(found.rows, expected.rows)


def test_the_thresholds_move_to_the_classifier():
    tuned = ThresholdOptimizer(PrecomputedScores()).fit(TABLE, GIVEN)
    moved = ThresholdOptimizer(FrozenEstimator(HEAD)).fit(X[:20], Y[:20])
    moved.set_thresholds(tuned.thresholds_)
    assert_array_equal(moved.predict(X[100:]), tuned.predict(TABLE))
