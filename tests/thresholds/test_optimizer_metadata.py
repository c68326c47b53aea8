"""ThresholdOptimizer with row weights, groups and routed metadata."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import sklearn
from odd_classifiers import RecordingClassifier
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_clip import MultiLabelCalibrator
from sklearn_clip.heads import (
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
)
from sklearn_clip.model_selection import MultiLabelStratifiedGroupKFold
from sklearn_clip.model_selection._out_of_fold import make_splits
from sklearn_clip.thresholds import ThresholdOptimizer


@pytest.fixture
def metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.parametrize(
    "kind", [GridSearchCV, partial(HalvingGridSearchCV, min_resources=30)]
)
def test_weights_reach_what_a_search_searches_over(data, kind):
    X, Y = data
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    search = kind(MultiLabelLogisticRegression(), {"C": [1.0]}, cv=2)
    tuned = ThresholdOptimizer(search, cv=2).fit(X, Y, sample_weight=weight)
    alone = MultiLabelLogisticRegression().fit(X, Y, sample_weight=weight)
    best = tuned.estimator_.best_estimator_
    np.testing.assert_allclose(best.coef_, alone.coef_, atol=1e-6)


def test_sample_weight_reaches_estimator_and_metric(data):
    X, Y = data
    log = []
    weight = np.random.default_rng(0).random(150)
    cv = KFold(3)
    tuned = ThresholdOptimizer(RecordingClassifier(log), cv=cv)
    X = np.clip(X / 2, 0, 1)
    tuned.fit(X, Y, sample_weight=pd.Series(weight), extra=np.arange(150))
    for (length, seen, extra), (train, _) in zip(log, cv.split(X), strict=False):
        assert length == 100
        np.testing.assert_array_equal(seen, weight[train])
        np.testing.assert_array_equal(extra, train)
    np.testing.assert_array_equal(log[-1][1], weight)
    expected = f1_score(Y, tuned.predict(X), average="macro", sample_weight=weight)
    assert tuned.best_score_ == pytest.approx(expected)
    assert tuned.score(X, Y, sample_weight=weight) == pytest.approx(expected)
    assert tuned.score(X, Y) != pytest.approx(expected)


def test_sample_weight_goes_to_the_last_step_of_a_pipeline(data):
    X, Y = data
    log = []
    pipe = make_pipeline(StandardScaler(), RecordingClassifier(log))
    ThresholdOptimizer(pipe, cv=2).fit(X, Y, sample_weight=np.ones(150))
    assert [len(weight) for _, weight, _ in log] == [75, 75, 150]


def test_sample_weight_that_the_estimator_cannot_take_warns(data):
    X, Y = data
    tuned = ThresholdOptimizer(KNeighborsClassifier(), cv=2)
    with pytest.warns(UserWarning, match="KNeighborsClassifier takes no sample_weight"):
        tuned.fit(X, Y, sample_weight=np.ones(150))


@pytest.mark.parametrize(
    "weight, message", [(-np.ones(150), "[Nn]egative"), (np.ones(3), r"\(150,\)")]
)
def test_bad_sample_weight_is_refused(data, logistic, weight, message):
    with pytest.raises(ValueError, match=message):
        ThresholdOptimizer(logistic).fit(*data, sample_weight=weight)


def test_groups_go_to_the_splitter(data, logistic):
    X, Y = data
    groups = np.arange(150) % 5
    tuned = ThresholdOptimizer(logistic, cv=GroupKFold(5)).fit(X, Y, groups=groups)
    splits = list(GroupKFold(5).split(X, Y, groups))
    same = ThresholdOptimizer(logistic, cv=splits).fit(X, Y)
    np.testing.assert_array_equal(tuned.thresholds_, same.thresholds_)


@pytest.mark.parametrize("wrap", [ThresholdOptimizer, make_pipeline])
def test_groups_of_an_estimator_inside_come_as_its_error_says(data, wrap):
    X, Y = data
    groups = np.arange(len(X)) // 2
    head = MultiLabelLogisticRegressionCV(cv=MultiLabelStratifiedGroupKFold(3))
    says = r"enable_metadata_routing=True\), and its set_fit_request\(groups=True\)"
    with pytest.raises(ValueError, match=says):
        wrap(head).fit(X, Y)
    with sklearn.config_context(enable_metadata_routing=True):
        head.set_fit_request(groups=True)
        assert wrap(head).fit(X, Y, groups=groups).predict(X).shape == Y.shape


@pytest.mark.usefixtures("metadata_routing")
def test_routed_metadata_reaches_estimator_splitter_and_metric(data):
    X, Y = data
    weight = np.random.default_rng(0).random(150)
    head = MultiOutputClassifier(
        LogisticRegression().set_fit_request(sample_weight=True)
    )
    tuned = ThresholdOptimizer(head, cv=GroupKFold(3))
    tuned.fit(X, Y, sample_weight=weight, groups=np.arange(150) % 3)
    plain = clone(head).fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(
        tuned.estimator_.estimators_[0].coef_, plain.estimators_[0].coef_
    )
    assert tuned.best_score_ != ThresholdOptimizer(head, cv=3).fit(X, Y).best_score_


@pytest.mark.usefixtures("metadata_routing")
def test_routed_metadata_passes_through_a_grid_search(data):
    X, Y = data
    inner = LogisticRegression().set_fit_request(sample_weight=True)
    tuned = ThresholdOptimizer(MultiOutputClassifier(inner), cv=2)
    tuned.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    search = GridSearchCV(tuned, {"average": ["macro", "micro"]}, cv=2)
    search.fit(X, Y, sample_weight=np.ones(150))
    assert search.best_score_ > 0.5


@pytest.mark.usefixtures("metadata_routing")
def test_metadata_that_was_not_requested_is_refused(data):
    X, Y = data
    tuned = ThresholdOptimizer(MultiOutputClassifier(LogisticRegression()))
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_wei"):
        tuned.fit(X, Y, sample_weight=np.ones(150))
    with pytest.raises(TypeError, match="unexpected argument.*'extra'"):
        tuned.fit(X, Y, extra=np.ones(150))


def test_held_out_fraction_is_stratified_and_keeps_groups():
    X, Y = np.zeros((100, 1)), np.zeros((100, 2), dtype=int)
    Y[:50, 0] = Y[45:50, 1] = 1
    [(train, test)] = make_splits(0.2, X, Y, random_state=0, split_params={})
    assert len(test) == 20
    assert Y[test].sum(axis=0).tolist() == [10, 1]
    groups = np.arange(100) // 5
    [(train, test)] = make_splits(
        0.2, X, Y, random_state=0, split_params={"groups": groups}
    )
    assert not set(groups[train]) & set(groups[test])


@pytest.mark.parametrize("average", ["macro", "samples"])
def test_whole_weights_are_as_good_as_repeated_rows(average):
    rng = np.random.default_rng(0)
    X = rng.random((80, 3))
    Y = (rng.random((80, 3)) < X).astype(int)
    weight = rng.integers(1, 4, 80)
    prefit = RecordingClassifier().fit(X, Y)
    tuned = ThresholdOptimizer(
        prefit,
        cv="prefit",
        average=average,
        shrinkage=3,
        at_least_one=True,
        decision="cut",
    )
    weighted = tuned.fit(X, Y, sample_weight=weight).thresholds_
    repeated = tuned.fit(X.repeat(weight, axis=0), Y.repeat(weight, axis=0))
    np.testing.assert_allclose(weighted, repeated.thresholds_)


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize(
    "head", [KNeighborsClassifier(), make_pipeline(KNeighborsClassifier())], ids=str
)
def test_weights_that_no_fit_takes_are_told_of(data, routing, head):
    X, Y = data
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    with (
        sklearn.config_context(enable_metadata_routing=routing),
        pytest.warns(UserWarning, match="takes no sample_weight in fit: the weights"),
    ):
        ThresholdOptimizer(head, cv=2).fit(X, Y, sample_weight=weight)


@pytest.mark.filterwarnings("error:.*takes no sample_weight")
def test_routed_weights_that_are_taken_or_refused_are_not_told_of(
    data, metadata_routing
):
    X, Y = data
    weight = np.random.default_rng(0).integers(1, 3, len(X)).astype(float)
    for wanted in (True, False):
        inner = LogisticRegression().set_fit_request(sample_weight=wanted)
        for head in (
            MultiLabelLogisticRegression().set_fit_request(sample_weight=wanted),
            make_pipeline(
                StandardScaler().set_fit_request(sample_weight=False),
                MultiLabelLogisticRegression().set_fit_request(sample_weight=wanted),
            ),
            *([MultiOutputClassifier(inner)] if wanted else []),
        ):
            ThresholdOptimizer(head, cv=2).fit(X, Y, sample_weight=weight)


@pytest.mark.parametrize("meta", [ThresholdOptimizer, MultiLabelCalibrator])
def test_held_out_rows_must_weigh_something(data, meta):
    X, Y = data
    weight = np.r_[np.ones(100), np.zeros(len(X) - 100)]
    cv = [(np.arange(100), np.arange(100, len(X)))]
    with pytest.raises(ValueError, match="above 0 for a row that cv holds out"):
        meta(MultiLabelLogisticRegression(), cv=cv).fit(X, Y, sample_weight=weight)


@pytest.mark.filterwarnings("ignore:min_precision", "ignore:No threshold has")
@pytest.mark.parametrize("params", [{}, {"strategy": "global"}, {"min_precision": 0.5}])
def test_rows_that_weigh_nothing_are_as_if_they_were_not_there(data, params):
    X, Y = data
    weight = np.random.default_rng(0).integers(0, 2, len(X)).astype(float)
    counted = weight > 0
    frozen = FrozenEstimator(RecordingClassifier().fit(X, Y))
    tuned = ThresholdOptimizer(frozen, **params)
    weighted = clone(tuned).fit(X, Y, sample_weight=weight)
    alone = clone(tuned).fit(X[counted], Y[counted])
    np.testing.assert_array_equal(weighted.predict(X), alone.predict(X))
    assert weighted.cv_score_ == pytest.approx(alone.cv_score_)
    np.testing.assert_allclose(weighted.thresholds_, alone.thresholds_)
