"""Thresholds, calibration and answers of sparse targets: as of dense ones."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sparse_forms import FORMS, draw_targets

from sklearn_clip import (
    LabelSetClassifier,
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
    RejectOptionClassifier,
    ThresholdOptimizer,
)
from sklearn_clip.heads import PrecomputedScores
from sklearn_clip.model_selection._out_of_fold import count_values

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*have fewer positives than:UserWarning"),
    pytest.mark.filterwarnings("ignore:The scores of .* are the same:UserWarning"),
    pytest.mark.filterwarnings("ignore:No cut has a :UserWarning"),
]


class Recorder(MultiLabelLogisticRegression):
    """A head that tells what it was given."""

    seen: list = []

    def fit(self, X, y, sample_weight=None):
        self.seen.append(y)
        return super().fit(X, y, sample_weight)


class DenseRecorder(Recorder):
    """One that does not keep sparse targets sparse."""

    _keeps_sparse_targets = False
    seen: list = []


META = {
    "thresholds": lambda head: ThresholdOptimizer(head, cv=3, random_state=0),
    "global": lambda head: ThresholdOptimizer(
        head, cv=KFold(3), strategy="global", average="micro"
    ),
    "top k": lambda head: ThresholdOptimizer(
        head, cv=0.3, strategy="top_k", random_state=0
    ),
    "calibrator": lambda head: MultiLabelCalibrator(head, cv=3, random_state=0),
    "answers": lambda head: RejectOptionClassifier(
        head, min_precision=0.4, min_npv=0.7, confidence=None, random_state=0
    ),
    "both": lambda head: ThresholdOptimizer(
        MultiLabelCalibrator(head, cv=3, method="sigmoid", random_state=0),
        cv=3,
        random_state=0,
    ),
}


def draw_problem(seed, *, unknown=0.0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((80, 4))
    Y = draw_targets(rng, (80, 5), density=0.15, unknown=unknown)
    Y[:, 3] = X[:, 0] + rng.standard_normal(80) > 0
    Y[:, 4] = X[:, 1] > 0.2
    weight = rng.integers(0, 3, len(X)).astype(float)
    return X, Y, weight


def check_same(found, expected, X):
    for name in ("predict_proba", "predict"):
        if hasattr(expected, name):
            ours, theirs = (getattr(each, name)(X) for each in (found, expected))
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
    for name in ("thresholds_", "threshold_std_", "best_score_", "cv_score_"):
        if hasattr(expected, name):
            ours, theirs = getattr(found, name), getattr(expected, name)
            np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("unknown", [0.0, 0.3])
@pytest.mark.parametrize("meta", META)
def test_sparse_targets_give_what_dense_ones_do(meta, unknown, weighted):
    X, Y, weight = draw_problem(0, unknown=unknown)
    weight = weight if weighted else None
    found, expected = (
        META[meta](MultiLabelLogisticRegression()).fit(X, y, sample_weight=weight)
        for y in (sparse.csr_array(Y), Y)
    )
    check_same(found, expected, X)
    for more in ({}, {"sample_weight": weight}):
        score = found.score(X, sparse.csc_matrix(Y), **more)
        assert score == pytest.approx(expected.score(X, Y, **more), rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("meta", ["thresholds", "calibrator"])
def test_every_form_gives_what_dense_ones_do(meta, form):
    X, Y, _ = draw_problem(1)
    found, expected = (
        META[meta](MultiLabelLogisticRegression()).fit(X, y)
        for y in (FORMS[form](Y, np.uint8), Y)
    )
    check_same(found, expected, X)
    assert hasattr(found, "label_names_") == (form == "sparse frame")


@pytest.mark.parametrize("meta", META)
@pytest.mark.parametrize("unknown", [0.0, 0.3])
def test_estimators_are_given_sparse_targets_that_keep_them_so(meta, unknown):
    X, Y, _ = draw_problem(0, unknown=unknown)
    for head, kept in ((Recorder(), True), (DenseRecorder(), False)):
        for inner in (head, make_pipeline(StandardScaler(), head)):
            head.seen.clear()
            META[meta](inner).fit(X, FORMS["coo_matrix"](Y, float))
            assert head.seen
            for y in head.seen:
                assert sparse.issparse(y) == kept
                assert y.dtype == (np.float64 if unknown else np.int64)


@pytest.mark.parametrize(
    "head",
    [
        OneVsRestClassifier(LogisticRegression()),
        MultiLabelLogisticRegressionCV([0.1, 1.0], cv=KFold(3)),
        GridSearchCV(
            MultiLabelLogisticRegression(),
            {"C": [0.1]},
            cv=KFold(3),
            scoring="f1_macro",
        ),
        make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression())),
    ],
)
@pytest.mark.filterwarnings("ignore:Label .* is present in all:UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_other_estimators_give_what_they_give_of_dense_ones(head):
    X, Y, _ = draw_problem(0)
    found, expected = (
        META["thresholds"](head).fit(X, y) for y in (FORMS["csr_array"](Y, bool), Y)
    )
    check_same(found, expected, X)


def test_an_estimator_that_takes_no_unknown_labels_says_so_of_sparse_ones():
    X, Y, _ = draw_problem(0, unknown=0.3)
    for y in (sparse.csr_array(Y), Y):
        head = ThresholdOptimizer(OneVsRestClassifier(LogisticRegression()), cv=3)
        with pytest.raises(ValueError, match="NaN") as raised:
            head.fit(X, y)
        assert "y holds unknown labels (NaN)" in "".join(raised.value.__notes__)


@pytest.mark.parametrize("unknown", [0.0, 0.3])
def test_scores_that_are_there_already_need_no_dense_targets(unknown):
    _, Y, _ = draw_problem(2, unknown=unknown)
    scores = np.random.default_rng(0).random(Y.shape)
    for make in (ThresholdOptimizer, MultiLabelCalibrator):
        found, expected = (
            make(PrecomputedScores()).fit(scores, y) for y in (sparse.csr_array(Y), Y)
        )
        check_same(found, expected, scores)


def test_label_sets_of_sparse_targets_are_those_of_dense_ones():
    X, Y, _ = draw_problem(0)
    found, expected = (
        LabelSetClassifier(MultiLabelLogisticRegression(), random_state=0).fit(X, y)
        for y in (sparse.csr_array(Y), Y)
    )
    np.testing.assert_array_equal(found.predict(X), expected.predict(X))


@pytest.mark.parametrize("size", ["learnt", "independent"])
def test_sets_of_sparse_targets_are_those_of_dense_ones(size):
    X, Y, _ = draw_problem(0)
    settings = {"average": "samples", "decision": "expected", "set_sizes": size}
    found, expected = (
        ThresholdOptimizer(
            MultiLabelLogisticRegression(), cv=3, random_state=0, **settings
        ).fit(X, y)
        for y in (sparse.csr_array(Y), Y)
    )
    np.testing.assert_array_equal(found.predict(X), expected.predict(X))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("meta", ["thresholds", "calibrator", "answers"])
def test_other_values_are_refused_by_their_place(meta, form):
    X, Y, _ = draw_problem(0)
    Y[4, 3] = 2
    with pytest.raises(ValueError, match=r"y must hold only 0 and 1.*\(row 4, col"):
        META[meta](MultiLabelLogisticRegression()).fit(X, FORMS[form](Y, np.int64))


def test_values_are_counted_in_either_form():
    _, Y, _ = draw_problem(0, unknown=0.3)
    given = sparse.csr_array(FORMS["csr_array"](Y, float))
    np.testing.assert_array_equal(count_values(given), count_values(Y))
    np.testing.assert_array_equal(count_values(Y)[0], (Y == 0).sum(axis=0))
