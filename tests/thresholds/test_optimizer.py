import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.metrics import f1_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
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

from sklearn_clip.heads import MultiLabelLogisticRegression
from sklearn_clip.model_selection import MultiLabelStratifiedKFold
from sklearn_clip.thresholds import ThresholdOptimizer
from sklearn_clip.thresholds._folds import make_splits
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


@pytest.fixture(scope="module")
def data():
    X, Y = make_multilabel_classification(
        n_samples=150, n_features=8, n_classes=4, n_labels=2, random_state=0
    )
    return X / 10, Y


@pytest.fixture
def logistic():
    return OneVsRestClassifier(LogisticRegression())


@pytest.fixture
def metadata_routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


class RecordingClassifier(ClassifierMixin, BaseEstimator):
    """Gives the first columns of X as probabilities and notes what `fit` was given."""

    def __init__(self, log=None):
        self.log = log

    def __sklearn_clone__(self):
        return RecordingClassifier(self.log)

    def fit(self, X, y, sample_weight=None, extra=None):
        self.classes_ = [np.array([0, 1])] * y.shape[1]
        if self.log is not None:
            self.log.append((len(X), sample_weight, extra))
        return self

    def predict_proba(self, X):
        return np.array([list(row) for row in X])[:, : len(self.classes_)]


class RowsToArray(TransformerMixin, BaseEstimator):
    """Reads rows that are dicts or tuples, as a featurizer does."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        assert isinstance(X, list)
        get = (lambda r: r["x"]) if isinstance(X[0], dict) else (lambda r: r[1])
        return np.array([get(row) for row in X])


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
    for label, cut in enumerate(tuned.thresholds_):
        found = f1_score(Y[:, label], scores[:, label] >= cut)
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
def test_every_head_shape_gives_scores_cuts_and_labels(data, head):
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
def test_best_score_is_at_least_that_of_the_default_cut(
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


def test_same_random_state_gives_the_same_cuts(data, logistic):
    X, Y = data
    one, two = (
        ThresholdOptimizer(logistic, random_state=7).fit(X, Y).thresholds_
        for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)


def test_parallel_folds_give_the_same_cuts(data, logistic):
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


def test_held_out_fraction_keeps_the_estimator_without_refit(data):
    X, Y = data
    log = []
    tuned = ThresholdOptimizer(RecordingClassifier(log), cv=0.2, random_state=0)
    assert tuned.fit(X, Y).threshold_std_ == pytest.approx([np.nan] * 4, nan_ok=True)
    assert [entry[0] for entry in log] == [120, 150]
    log.clear()
    kept = clone(tuned).set_params(refit=False).fit(X, Y)
    assert [entry[0] for entry in log] == [120]
    np.testing.assert_array_equal(kept.thresholds_, tuned.thresholds_)


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


def test_columns_in_another_order_than_the_classifier_learnt_are_refused(data):
    X, Y = data
    Y = pd.DataFrame(Y, columns=list("abcd"))
    other = Y[list("abdc")]
    head = MultiLabelLogisticRegression().fit(X, Y)
    tuned = ThresholdOptimizer(head, cv="prefit").fit(X, Y)
    for call in (tuned.fit, tuned.score):
        with pytest.raises(ValueError, match=r"\['d'\] instead of \['c'\] .column 2"):
            call(X, other)
    assert tuned.score(X, Y) == tuned.score(X, Y.to_numpy())


def test_prefit_refuses_parameters_that_nobody_takes(data, logistic):
    tuned = ThresholdOptimizer(logistic.fit(*data), cv="prefit")
    with pytest.raises(TypeError, match=r"nothing is fitted. Got \['colour'\]"):
        tuned.fit(*data, colour=3)


def test_names_of_features_go_with_the_frame_they_came_from(data, logistic):
    X, Y = data
    tuned = ThresholdOptimizer(logistic, cv=2)
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])])
    assert len(tuned.fit(frame, Y).feature_names_in_) == X.shape[1]
    assert not hasattr(tuned.fit(X, Y), "feature_names_in_")


def test_cuts_of_a_series_go_by_name(data):
    X, Y = data
    Y = pd.DataFrame(Y, columns=list("abcd"))
    tuned = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=2).fit(X, Y)
    cuts = pd.Series({"d": 0.9, "a": 0.1, "b": 0.5, "c": 0.4})
    assert tuned.set_thresholds(cuts).thresholds_.tolist() == [0.1, 0.5, 0.4, 0.9]
    unnamed = pd.Series([0.2, 0.3, 0.4, 0.5])
    assert tuned.set_thresholds(unnamed).thresholds_.tolist() == unnamed.tolist()


def test_weights_reach_what_a_search_searches_over(data):
    X, Y = data
    weight = np.random.default_rng(0).integers(0, 3, len(X)).astype(float)
    search = GridSearchCV(MultiLabelLogisticRegression(), {"C": [1.0]}, cv=2)
    tuned = ThresholdOptimizer(search, cv=2).fit(X, Y, sample_weight=weight)
    alone = MultiLabelLogisticRegression().fit(X, Y, sample_weight=weight)
    best = tuned.estimator_.best_estimator_
    np.testing.assert_allclose(best.coef_, alone.coef_, atol=1e-6)


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


@pytest.mark.parametrize("form", ["dicts", "tuples"])
def test_rows_reach_a_pipeline_as_they_are(data, form):
    X, Y = data
    rows = {
        "dicts": [{"x": row} for row in X],
        "tuples": [("a.jpg", row) for row in X],
    }[form]
    head = OneVsRestClassifier(LogisticRegression(max_iter=1000))
    pipe = make_pipeline(RowsToArray(), StandardScaler(), head)
    tuned = ThresholdOptimizer(pipe, cv=3, random_state=0).fit(rows, Y)
    plain = ThresholdOptimizer(pipe[1:], cv=3, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(tuned.predict(rows), plain.predict(X))


def test_object_arrays_and_sparse_rows_work(data, logistic):
    X, Y = data
    tuned = ThresholdOptimizer(logistic, random_state=0).fit(X, Y)
    same = clone(tuned).fit(sparse.coo_matrix(X), Y)
    np.testing.assert_allclose(same.thresholds_, tuned.thresholds_, atol=1e-4)
    rows = np.empty(150, dtype=object)
    rows[:] = list(np.clip(X / 2, 0, 1))
    assert ThresholdOptimizer(RecordingClassifier()).fit(rows, Y).best_score_ > 0


def test_frames_keep_their_names(data, logistic):
    X, Y = data
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(8)])
    labels = pd.DataFrame(Y, columns=["cat", "dog", "cow", "hen"], index=range(9, 159))
    tuned = ThresholdOptimizer(logistic, random_state=0).fit(frame, labels)
    assert tuned.label_names_.tolist() == ["cat", "dog", "cow", "hen"]
    assert tuned.feature_names_in_.tolist() == frame.columns.tolist()
    assert tuned.n_features_in_ == 8
    plain = clone(tuned).fit(X, Y)
    np.testing.assert_allclose(tuned.thresholds_, plain.thresholds_)
    assert not hasattr(plain, "label_names_")
    assert not hasattr(tuned.fit(X, Y), "label_names_")
    assert tuned.score(X, labels) == plain.score(X, Y)


@pytest.mark.parametrize(
    "form",
    [
        sparse.csr_matrix,
        sparse.csr_array,
        lambda Y: Y.astype(bool),
        lambda Y: Y.astype(np.float32),
        lambda Y: Y.tolist(),
        lambda Y: Y.astype(object),
        lambda Y: pd.DataFrame(Y).astype("boolean"),
    ],
    ids=["matrix", "sparse_array", "bool", "float32", "list", "object", "nullable"],
)
def test_targets_of_every_form_give_the_same_cuts(data, logistic, form):
    X, Y = data
    tuned = ThresholdOptimizer(logistic, cv=2, random_state=0).fit(X, Y)
    same = clone(tuned).fit(X, form(Y))
    np.testing.assert_array_equal(tuned.thresholds_, same.thresholds_)
    assert tuned.score(X, form(Y)) == tuned.score(X, Y)


def test_one_dimensional_targets_are_refused_with_the_way_out(data, logistic):
    X, Y = data
    with pytest.raises(ValueError, match="ThresholdOptimizer.OneVsRestClassifier"):
        ThresholdOptimizer(logistic).fit(X, Y[:, 0])
    inside_out = OneVsRestClassifier(ThresholdOptimizer(LogisticRegression()))
    with pytest.raises(ValueError, match="wrap it inside and the cuts outside"):
        inside_out.fit(X, Y)


@pytest.mark.parametrize("bad, shown", [(np.inf, "inf"), (2, "2.0"), (0.5, "0.5")])
def test_other_values_in_targets_are_refused_by_place(data, logistic, bad, shown):
    X, Y = data[0], data[1].astype(float)
    Y[12, 3] = bad
    with pytest.raises(ValueError, match=rf"Got {shown} \(row 12, column 3\)"):
        ThresholdOptimizer(logistic).fit(X, Y)
    frame = pd.DataFrame(Y, columns=["cat", "dog", "cow", "hen"])
    with pytest.raises(ValueError, match=r"row 12, column 3, label 'hen'"):
        ThresholdOptimizer(logistic).fit(X, frame)


def test_text_in_targets_is_refused(logistic):
    X = np.zeros((2, 1))
    words = pd.DataFrame([[1, 0], ["cat", 1]])
    with pytest.raises(ValueError, match=r"Got cat \(row 1, column 0, label 0\)"):
        ThresholdOptimizer(logistic).fit(X, words)
    with pytest.raises(ValueError, match="at least one known label. Got NaN only"):
        ThresholdOptimizer(logistic).fit(X, [[None, np.nan], [None, None]])


def test_rows_and_targets_must_agree(data, logistic):
    X, Y = data
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ThresholdOptimizer(logistic).fit(X, Y[:-1])
    tuned = ThresholdOptimizer(logistic).fit(X, Y)
    with pytest.raises(ValueError, match=r"y must have shape \(150, 4\)"):
        tuned.score(X, Y[:, :3])


def test_empty_targets_are_refused(logistic):
    with pytest.raises(ValueError, match="at least one row and one label"):
        ThresholdOptimizer(logistic).fit(np.zeros((3, 1)), np.zeros((3, 0)))


class Odd(ClassifierMixin, BaseEstimator):
    """Gives probabilities of any form."""

    def __init__(self, output):
        self.output = output

    def fit(self, X, y):
        self.is_fitted_ = True
        return self

    def predict_proba(self, X):
        return self.output(len(X))


def test_scores_of_another_shape_or_nan_are_refused(data):
    with pytest.raises(ValueError, match=r"one score per row and label.* 4 labels"):
        ThresholdOptimizer(Odd(lambda n: np.zeros((n, 2, 4)))).fit(*data)
    with pytest.raises(ValueError, match=r"must not give NaN.*row 0, column 0"):
        ThresholdOptimizer(Odd(lambda n: np.full((n, 4), np.nan))).fit(*data)


def test_lists_without_classes_take_the_last_column(data):
    X, Y = data
    pairs = Odd(lambda n: [np.tile([0.8, 0.2], (n, 1))] * 4)
    tuned = ThresholdOptimizer(pairs).fit(X, Y)
    assert (tuned.predict_proba(X) == 0.2).all()


def test_estimator_without_scores_is_refused(data):
    with pytest.raises(ValueError, match="'estimator' parameter of ThresholdOptimizer"):
        ThresholdOptimizer(MultiOutputClassifier(LinearSVC())).fit(*data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": "auc"},
        {"average": "binary"},
        {"strategy": "top"},
        {"beta": -1},
        {"min_precision": 0},
        {"min_recall": 1.1},
        {"confidence": 1.0},
        {"at_least_one": 1.5},
        {"max_labels": 0},
        {"shrinkage": -1},
        {"shrinkage": "much"},
        {"cv": 1.5},
        {"cv": "none"},
        {"refit": "yes"},
    ],
    ids=str,
)
def test_parameters_are_checked(data, logistic, wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"The '{name}' parameter of Threshold"):
        ThresholdOptimizer(logistic, **wrong).fit(*data)


def test_set_thresholds_overrides_by_array_and_by_name(data, logistic):
    X, Y = data
    labels = pd.DataFrame(Y, columns=["cat", "dog", "cow", "hen"])
    tuned = ThresholdOptimizer(logistic, random_state=0).fit(X, labels)
    before = tuned.thresholds_.copy()
    assert tuned.set_thresholds(tuned.thresholds_) is tuned
    tuned.set_thresholds({"dog": 0.0, "hen": np.inf})
    assert tuned.predict(X)[:, 1].all()
    assert not tuned.predict(X)[:, 3].any()
    assert tuned.thresholds_[[0, 2]].tolist() == before[[0, 2]].tolist()
    with pytest.raises(ValueError, match="must be label names. Got 'cow '"):
        tuned.set_thresholds({"cow ": 0.5})


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


def test_polars_frames_keep_their_names(data, logistic):
    pl = pytest.importorskip("polars")
    X, Y = data
    names = ["cat", "dog", "cow", "hen"]
    tuned = ThresholdOptimizer(logistic, random_state=0)
    tuned.fit(pl.DataFrame(X), pl.DataFrame(Y, schema=names))
    assert tuned.label_names_.tolist() == names
    same = clone(tuned).fit(X, Y)
    np.testing.assert_allclose(tuned.thresholds_, same.thresholds_)


def test_tags_are_multi_label_with_the_input_of_the_estimator():
    tags = get_tags(ThresholdOptimizer(LogisticRegression()))
    assert tags.estimator_type == "classifier"
    assert tags.classifier_tags.multi_label
    assert not tags.classifier_tags.multi_class
    assert not tags.target_tags.single_output
    assert tags.input_tags.sparse
    assert not get_tags(ThresholdOptimizer(Odd(None))).input_tags.sparse


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


def test_float32_scores_are_cut_as_they_were_counted():
    rng = np.random.default_rng(0)
    X = rng.random((200, 3)).astype(np.float32)
    Y = (rng.random((200, 3)) < X).astype(int)
    prefit = RecordingClassifier().fit(X, Y)
    tuned = ThresholdOptimizer(prefit, cv="prefit").fit(X, Y)
    assert tuned.score(X, Y) == tuned.best_score_


def test_curves_hold_the_metric_of_every_label_at_every_cut(data, logistic):
    X, Y = data
    tuned = ThresholdOptimizer(
        logistic, shrinkage=None, random_state=0, store_curves=True
    ).fit(X, Y)
    scores = held_out_scores(logistic, X, Y)
    assert len(tuned.curves_) == 4
    for label, curve in enumerate(tuned.curves_):
        cuts, values = curve["thresholds"], curve["scores"]
        assert (np.diff(cuts) > 0).all()
        assert len(cuts) == len(values) == len(np.unique(scores[:, label])) + 1
        expected = [f1_score(Y[:, label], scores[:, label] >= cut) for cut in cuts]
        np.testing.assert_allclose(values, expected)
        assert tuned.thresholds_[label] in cuts[values == values.max()]
    assert not hasattr(tuned.set_params(store_curves=False).fit(X, Y), "curves_")


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
def test_rules_and_row_averages_are_better_than_the_default_cut(data, logistic, how):
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


def test_top_k_keeps_k_labels_that_reach_the_cut(data, logistic):
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


@pytest.mark.parametrize("average", ["macro", "samples"])
def test_whole_weights_are_as_good_as_repeated_rows(average):
    rng = np.random.default_rng(0)
    X = rng.random((80, 3))
    Y = (rng.random((80, 3)) < X).astype(int)
    weight = rng.integers(1, 4, 80)
    prefit = RecordingClassifier().fit(X, Y)
    tuned = ThresholdOptimizer(
        prefit, cv="prefit", average=average, shrinkage=3, at_least_one=True
    )
    weighted = tuned.fit(X, Y, sample_weight=weight).thresholds_
    repeated = tuned.fit(X.repeat(weight, axis=0), Y.repeat(weight, axis=0))
    np.testing.assert_allclose(weighted, repeated.thresholds_)
