"""ThresholdOptimizer: what it chooses, where it fits in, what it keeps."""

import pickle

import joblib
import numpy as np
import pytest
import sklearn
from odd_classifiers import Odd, RecordingClassifier
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.metrics import f1_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    ShuffleSplit,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import get_tags

from sklearn_clip.model_selection import MultiLabelStratifiedKFold
from sklearn_clip.model_selection._out_of_fold import make_splits
from sklearn_clip.thresholds import ThresholdOptimizer
from sklearn_clip.thresholds._objective import metric_score

HEADS = {
    "multi_output": MultiOutputClassifier(LogisticRegression()),
    "one_vs_rest": OneVsRestClassifier(LogisticRegression()),
    "forest": RandomForestClassifier(10, random_state=0),
    "neighbors": KNeighborsClassifier(),
    "chain": ClassifierChain(LogisticRegression()),
    "mlp": MLPClassifier((4,), solver="lbfgs", max_iter=500, random_state=0),
    "svc": OneVsRestClassifier(LinearSVC()),
    "ridge": RidgeClassifierCV(),
}


def held_out_scores(head, X, Y, n_splits=5, seed=0):
    """Out-of-fold probabilities the long way round."""
    scores = np.zeros(Y.shape)
    folds = MultiLabelStratifiedKFold(n_splits, random_state=seed)
    for train, test in folds.split(X, Y):
        scores[test] = clone(head).fit(X[train], Y[train]).predict_proba(X[test])
    return scores


def test_thresholds_are_the_best_on_out_of_fold_scores(data, logistic):
    X, Y = data
    tuned = ThresholdOptimizer(logistic, shrinkage=None, random_state=0).fit(X, Y)
    scores = held_out_scores(logistic, X, Y)
    for label, threshold in enumerate(tuned.thresholds_):
        found = f1_score(Y[:, label], scores[:, label] >= threshold)
        one = Y[:, [label]] > 0, scores[:, [label]]
        every = [
            metric_score(one[0], one[1] >= t, metric="f1", average="macro")
            for t in scores[:, label]
        ]
        assert found == pytest.approx(max(every))
    assert tuned.best_score_ == pytest.approx(
        f1_score(Y, scores >= tuned.thresholds_, average="macro")
    )
    assert tuned.best_score_ > f1_score(Y, scores >= 0.5, average="macro")


@pytest.mark.filterwarnings("ignore:Label not")
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_every_head_shape_gives_scores_thresholds_and_labels(data, head):
    X, Y = data
    tuned = ThresholdOptimizer(head, cv=3, random_state=0).fit(X, Y)
    assert tuned.thresholds_.shape == tuned.threshold_std_.shape == (4,)
    predicted = tuned.predict(X)
    assert predicted.dtype == np.int64
    scores = getattr(tuned, tuned.response_method_)(X)
    assert scores.shape == (150, 4)
    np.testing.assert_array_equal(predicted, scores >= tuned.thresholds_)
    expected = "predict_proba" if hasattr(head, "predict_proba") else None
    assert tuned.response_method_ == (expected or "decision_function")
    assert tuned.score(X, Y) == pytest.approx(f1_score(Y, predicted, average="macro"))
    plain = f1_score(Y, clone(head).fit(X, Y).predict(X), average="macro")
    assert tuned.score(X, Y) > plain - 0.15


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_one_label_gives_one_column(data, head):
    X, Y = data
    tuned = ThresholdOptimizer(head, cv=3, random_state=0).fit(X, Y[:, :1])
    assert tuned.predict(X).shape == (150, 1)
    assert tuned.score(X, Y[:, :1]) > 0.6


@pytest.mark.filterwarnings("ignore:Label")
@pytest.mark.parametrize("name", ["one_vs_rest", "forest", "neighbors", "mlp", "ridge"])
def test_constant_labels_are_never_and_always_predicted(data, name):
    X, Y = data
    Y = np.column_stack([Y, np.zeros(150), np.ones(150)])
    tuned = ThresholdOptimizer(HEADS[name], cv=3, random_state=0).fit(X, Y)
    predicted = tuned.predict(X)
    assert not predicted[:, 4].any()
    assert predicted[:, 5].all()


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.filterwarnings("ignore:Label")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@pytest.mark.parametrize("name", ["one_vs_rest", "forest", "neighbors", "ridge"])
def test_a_single_constant_label_is_predicted_as_it_is(data, name, value):
    X, Y = data[0], np.full((150, 1), value)
    tuned = ThresholdOptimizer(HEADS[name], cv=3, random_state=0).fit(X, Y)
    assert (tuned.predict(X) == value).all()


@pytest.mark.parametrize("name", ["multi_output", "chain"])
def test_fit_that_fails_on_a_constant_label_says_which(data, name):
    X, Y = data
    Y = np.column_stack([Y, np.zeros(150)])
    with pytest.raises(ValueError, match=r"hold one value only \(columns \[4\]\)"):
        ThresholdOptimizer(HEADS[name]).fit(X, Y)


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
@pytest.mark.parametrize("metric", ["f1", "fbeta", "jaccard", "accuracy"])
@pytest.mark.parametrize("strategy", ["per_label", "global"])
def test_best_score_is_at_least_that_of_the_default_threshold(
    data, logistic, metric, average, strategy
):
    X, Y = data
    tuned = ThresholdOptimizer(
        logistic, metric=metric, average=average, strategy=strategy, beta=2, cv=3
    )
    tuned.set_params(shrinkage=None, random_state=0).fit(X, Y)
    default = metric_score(
        Y > 0,
        held_out_scores(logistic, X, Y, n_splits=3) >= 0.5,
        metric=metric,
        average=average,
        beta=2,
    )
    assert tuned.best_score_ >= default
    if strategy == "global":
        assert len(set(tuned.thresholds_)) == 1


@pytest.mark.parametrize("average", ["macro", "weighted", "micro", "samples"])
@pytest.mark.parametrize("strategy", ["per_label", "global", "top_k"])
@pytest.mark.parametrize("decision", ["auto", "cut"])
def test_large_beta_is_taken(data, logistic, average, strategy, decision):
    """From 1e8 on F-beta is recall in floats, however large the square is."""
    X, Y = data
    how = {"average": average, "strategy": strategy, "decision": decision, "cv": 3}
    scores = [
        ThresholdOptimizer(logistic, metric="fbeta", beta=beta, random_state=0, **how)
        .fit(X, Y)
        .best_score_
        for beta in (1e50, 1e154, 1e200)
    ]
    np.testing.assert_allclose(scores, scores[0])


def test_same_random_state_gives_the_same_thresholds(data, logistic):
    X, Y = data
    one, two = (
        ThresholdOptimizer(logistic, random_state=7).fit(X, Y).thresholds_
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)


def test_parallel_folds_give_the_same_thresholds(data, logistic):
    X, Y = data
    tuned = ThresholdOptimizer(logistic, cv=3, random_state=0)
    one = tuned.fit(X, Y).thresholds_
    with joblib.parallel_backend("threading"):
        two = clone(tuned).set_params(n_jobs=2).fit(X, Y).thresholds_
    np.testing.assert_array_equal(one, two)


def test_threshold_std_is_the_spread_over_folds(data, logistic):
    X, Y = data
    cv = KFold(3, shuffle=True, random_state=0)
    tuned = ThresholdOptimizer(logistic, cv=cv, shrinkage=5).fit(X, Y)
    alone = [
        ThresholdOptimizer(logistic, cv=[split], shrinkage=5).fit(X, Y).thresholds_
        for split in cv.split(X)
    ]
    np.testing.assert_allclose(tuned.threshold_std_, np.std(alone, axis=0))


def test_threshold_std_leaves_out_folds_without_a_positive(data):
    X = np.random.default_rng(0).random((30, 2))
    Y = np.ones((30, 2), dtype=int)
    Y[:, 1] = 0
    Y[:2, 1] = 1  # only the first of three unshuffled folds has a positive
    tuned = ThresholdOptimizer(RecordingClassifier(), cv=KFold(3)).fit(X, Y)
    assert tuned.threshold_std_[0] > 0
    assert np.isnan(tuned.threshold_std_[1])
    Y[10:12, 1] = 1  # and now the second one, of rows that weigh nothing
    weights = np.isin(np.arange(30), [10, 11], invert=True)
    tuned.fit(X, Y, sample_weight=weights.astype(float))
    assert tuned.threshold_std_[0] > 0
    assert np.isnan(tuned.threshold_std_[1])


def test_refit_false_with_several_splits_is_refused(data, logistic):
    with pytest.raises(ValueError, match=r"cv must give a single split.* Got 5 splits"):
        ThresholdOptimizer(logistic, refit=False).fit(*data)


@pytest.mark.parametrize(
    "cv",
    [None, KFold(2), ShuffleSplit(3, random_state=0), [(range(100), range(100, 150))]],
    ids=["none", "splitter", "overlapping", "iterable"],
)
def test_cv_may_be_anything_that_splits(data, logistic, cv):
    assert ThresholdOptimizer(logistic, cv=cv).fit(*data).best_score_ > 0.6


def test_integer_cv_is_the_seeded_stratified_splitter(data, logistic):
    X, Y = data
    by_number = ThresholdOptimizer(logistic, cv=3, random_state=4).fit(X, Y)
    splitter = MultiLabelStratifiedKFold(3, random_state=4)
    by_splitter = ThresholdOptimizer(logistic, cv=splitter).fit(X, Y)
    np.testing.assert_array_equal(by_number.thresholds_, by_splitter.thresholds_)


def test_integer_cv_puts_rare_labels_into_every_fold():
    X, Y = np.zeros((150, 1)), np.zeros((150, 2), dtype=int)
    Y[:75, 0] = Y[70:75, 1] = 1
    splits = make_splits(5, X, Y, random_state=0, split_params={})
    assert [Y[test].sum(axis=0).tolist() for _, test in splits] == [[15, 1]] * 5


def test_cv_may_be_a_generator_of_masks(data, logistic):
    X, Y = data
    masks = [np.arange(150) % 3 == k for k in range(3)]
    by_mask = ThresholdOptimizer(logistic, cv=((~m, m) for m in masks)).fit(X, Y)
    rows = [(np.flatnonzero(~m), np.flatnonzero(m)) for m in masks]
    by_row = ThresholdOptimizer(logistic, cv=rows).fit(X, Y)
    np.testing.assert_array_equal(by_mask.thresholds_, by_row.thresholds_)


def test_cv_without_splits_is_refused(data, logistic):
    with pytest.raises(ValueError, match="cv must yield at least one split"):
        ThresholdOptimizer(logistic, cv=[]).fit(*data)


@pytest.mark.parametrize("frozen", [False, True])
def test_prefit_and_frozen_are_scored_and_never_fitted(data, logistic, frozen):
    X, Y = data
    fitted = logistic.fit(X[:75], Y[:75])
    if frozen:
        tuned = ThresholdOptimizer(FrozenEstimator(fitted))
    else:
        tuned = ThresholdOptimizer(fitted, cv="prefit")
    coefficients = fitted.estimators_[0].coef_.copy()
    tuned.fit(X[75:], Y[75:])
    np.testing.assert_array_equal(coefficients, fitted.estimators_[0].coef_)
    scores = fitted.predict_proba(X[75:])
    assert tuned.best_score_ == pytest.approx(
        f1_score(Y[75:], scores >= tuned.thresholds_, average="macro")
    )
    assert tuned.score(X[75:], Y[75:]) == pytest.approx(tuned.best_score_)


def test_prefit_refuses_parameters_that_nobody_takes(data, logistic):
    tuned = ThresholdOptimizer(logistic.fit(*data), cv="prefit")
    with pytest.raises(TypeError, match=r"nothing is fitted. Got \['colour'\]"):
        tuned.fit(*data, colour=3)


def test_unfitted_prefit_is_refused(data, logistic):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        ThresholdOptimizer(logistic, cv="prefit").fit(*data)


def test_frozen_survives_a_grid_search(data, logistic):
    X, Y = data
    frozen = FrozenEstimator(logistic.fit(X[:75], Y[:75]))
    search = GridSearchCV(
        ThresholdOptimizer(frozen), {"average": ["macro", "micro"]}, cv=2
    )
    search.fit(X[75:], Y[75:])
    assert search.best_estimator_.estimator_.estimator is logistic


def test_nothing_works_before_fit(data, logistic):
    tuned = ThresholdOptimizer(logistic)
    assert not hasattr(tuned, "classes_")
    for call in (tuned.predict, tuned.predict_proba, tuned.decision_function):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            call(data[0])
    with pytest.raises(NotFittedError, match="not fitted yet"):
        tuned.set_thresholds(0.5)


def test_methods_are_those_of_the_estimator():
    assert not hasattr(ThresholdOptimizer(KNeighborsClassifier()), "decision_function")
    assert not hasattr(ThresholdOptimizer(RidgeClassifierCV()), "predict_proba")


def test_grid_search_pipeline_and_scorers(data):
    X, Y = data
    head = OneVsRestClassifier(LogisticRegression())
    pipe = make_pipeline(
        StandardScaler(), ThresholdOptimizer(head, cv=2, random_state=0)
    )
    search = GridSearchCV(
        pipe,
        {"thresholdoptimizer__estimator__estimator__C": [0.1, 1.0]},
        scoring=["f1_macro", "average_precision", "roc_auc"],
        refit="f1_macro",
        cv=2,
        error_score="raise",
    ).fit(X, Y)
    assert search.predict(X).shape == Y.shape
    scores = cross_validate(search.best_estimator_, X, Y, cv=2, error_score="raise")
    assert (scores["test_score"] > 0.5).all()
    assert "ThresholdOptimizer" in search.best_estimator_._repr_html_()


def test_classes_suit_scorers_of_two_labels_and_one(data, logistic):
    X, Y = data
    for n_labels in (1, 2):
        tuned = ThresholdOptimizer(logistic, random_state=0).fit(X, Y[:, :n_labels])
        assert len(tuned.classes_) == n_labels
        scorer = sklearn.metrics.get_scorer("average_precision")
        assert scorer(tuned, X, Y[:, :n_labels]) > 0.5


def test_pickle_keeps_predictions(data, logistic, tmp_path):
    X, Y = data
    tuned = ThresholdOptimizer(logistic, random_state=0).fit(X, Y)
    joblib.dump(tuned, tmp_path / "tuned.joblib")
    for copy in (
        pickle.loads(pickle.dumps(tuned)),
        joblib.load(tmp_path / "tuned.joblib"),
    ):
        np.testing.assert_array_equal(copy.predict(X), tuned.predict(X))


def test_skops_keeps_predictions(data, logistic):
    sio = pytest.importorskip("skops.io")
    X, Y = data
    tuned = ThresholdOptimizer(logistic, random_state=0).fit(X, Y)
    dumped = sio.dumps(tuned)
    trusted = ["sklearn_clip.thresholds._optimizer.ThresholdOptimizer"]
    assert sio.get_untrusted_types(data=dumped) == trusted
    loaded = sio.loads(dumped, trusted=trusted)
    np.testing.assert_array_equal(loaded.predict(X), tuned.predict(X))


def test_tags_are_multi_label_with_the_input_of_the_estimator():
    tags = get_tags(ThresholdOptimizer(LogisticRegression()))
    assert tags.estimator_type == "classifier"
    assert tags.classifier_tags.multi_label
    assert not tags.classifier_tags.multi_class
    assert not tags.target_tags.single_output
    assert tags.input_tags.sparse
    assert not get_tags(ThresholdOptimizer(Odd(None))).input_tags.sparse


def test_curves_hold_the_metric_of_every_label_at_every_threshold(data, logistic):
    X, Y = data
    tuned = ThresholdOptimizer(
        logistic, shrinkage=None, random_state=0, store_curves=True
    ).fit(X, Y)
    scores = held_out_scores(logistic, X, Y)
    assert len(tuned.curves_) == 4
    for label, curve in enumerate(tuned.curves_):
        thresholds, values = curve["thresholds"], curve["scores"]
        assert (np.diff(thresholds) > 0).all()
        assert len(thresholds) == len(values) == len(np.unique(scores[:, label])) + 1
        expected = [
            f1_score(Y[:, label], scores[:, label] >= threshold)
            for threshold in thresholds
        ]
        np.testing.assert_allclose(values, expected)
        assert tuned.thresholds_[label] in thresholds[values == values.max()]
    assert not hasattr(tuned.set_params(store_curves=False).fit(X, Y), "curves_")


@pytest.mark.parametrize(
    "how",
    [
        {"average": "samples"},
        {"metric": "jaccard", "average": "samples", "max_labels": 2},
        {"average": "micro", "at_least_one": True},
        {"strategy": "global", "at_least_one": True, "max_labels": 2},
        {"strategy": "top_k", "average": "samples"},
    ],
    ids=str,
)
def test_rules_and_row_averages_are_better_than_the_default_threshold(
    data, logistic, how
):
    X, Y = data
    tuned = ThresholdOptimizer(logistic, random_state=0, shrinkage=None, **how)
    tuned.fit(X, Y)
    predicted = tuned.predict(X)
    if how.get("at_least_one"):
        assert predicted.any(axis=1).all()
    if how.get("max_labels"):
        assert predicted.sum(axis=1).max() <= how["max_labels"]
    default = ThresholdOptimizer(logistic, random_state=0, **how).fit(X, Y)
    scores = held_out_scores(logistic, X, Y)
    metric = {"metric": how.get("metric", "f1"), "average": how.get("average", "macro")}
    assert tuned.best_score_ >= metric_score(Y > 0, scores >= 0.5, **metric)
    assert tuned.best_score_ >= default.best_score_
    assert tuned.score(X, Y) == metric_score(Y > 0, predicted > 0, **metric)


def test_top_k_keeps_k_labels_that_reach_the_threshold(data, logistic):
    X, Y = data
    tuned = ThresholdOptimizer(logistic, strategy="top_k", random_state=0).fit(X, Y)
    assert 1 <= tuned.top_k_ <= 4
    assert len(set(tuned.thresholds_)) == 1
    tuned.set_thresholds(0.0)
    assert (tuned.predict(X).sum(axis=1) == tuned.top_k_).all()
    assert not hasattr(tuned.set_params(strategy="global").fit(X, Y), "top_k_")
    limited = tuned.set_params(strategy="top_k", max_labels=1, at_least_one=True)
    assert (limited.fit(X, Y).predict(X).sum(axis=1) == 1).all()


def mean_of_rates(tp, fp, fn, tn):
    """Balanced accuracy, written as a user would."""
    return (tp / (tp + fn) + tn / (tn + fp)) / 2


@pytest.mark.parametrize("average", ["macro", "weighted", "micro", "samples"])
def test_a_callable_metric_is_maximised_and_scored(data, logistic, average):
    X, Y = data
    tuned = ThresholdOptimizer(
        logistic,
        metric=mean_of_rates,
        average=average,
        shrinkage=None,
        cv=3,
        random_state=0,
    ).fit(X, Y)
    if average != "samples":  # where rows without a label are 0 / 0
        named = clone(tuned).set_params(metric="balanced_accuracy").fit(X, Y)
        assert tuned.best_score_ == pytest.approx(named.best_score_, abs=0.005)
    default = held_out_scores(logistic, X, Y, n_splits=3) >= 0.5
    how = {"metric": mean_of_rates, "average": average}
    assert tuned.best_score_ > metric_score(Y > 0, default, **how)
    copy = pickle.loads(pickle.dumps(tuned))
    assert copy.score(X, Y) == tuned.score(X, Y)
