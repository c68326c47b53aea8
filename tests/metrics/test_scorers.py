"""Scorers inside scikit-learn's searches, over every head shape and with NaN in y."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_score,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import sklearn_clip.metrics as metrics
from sklearn_clip.heads import MultiLabelLogisticRegression
from sklearn_clip.metrics import (
    MultiLabelScorer,
    gap_at_k_scorer,
    gap_scorer,
    global_average_precision_score,
    make_multilabel_scorer,
    map_scorer,
    masked_f1_macro_scorer,
    masked_f1_score,
    masked_hamming_loss,
    masked_neg_hamming_loss_scorer,
)
from sklearn_clip.thresholds import ThresholdOptimizer

X, Y = make_multilabel_classification(
    n_samples=90, n_features=6, n_classes=4, random_state=0
)
SCORERS = {
    name: value
    for name, value in vars(metrics).items()
    if isinstance(value, MultiLabelScorer)
} | {"gap_at_2": gap_at_k_scorer(2)}
HEADS = {
    "array": OneVsRestClassifier(LogisticRegression()),
    "list": MultiOutputClassifier(LogisticRegression()),
    "trees": DecisionTreeClassifier(max_depth=2, random_state=0),
    "neighbours": KNeighborsClassifier(),
    "decisions": RidgeClassifier(),
    "pipeline": make_pipeline(
        StandardScaler(), MultiOutputClassifier(LogisticRegression())
    ),
}


class KnownRowsClassifier(ClassifierMixin, BaseEstimator):
    """One logistic regression per label, on the rows where the label is known."""

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y):
        X, y = np.asarray(X), np.asarray(y)
        self.members_ = []
        for column in y.T:
            known = ~np.isnan(column)
            member = LogisticRegression(C=self.C)
            self.members_.append(member.fit(X[known], column[known].astype(int)))
        self.classes_ = [np.array([0, 1])] * y.shape[1]
        return self

    def predict_proba(self, X):
        return np.column_stack([m.predict_proba(X)[:, 1] for m in self.members_])

    def predict(self, X):
        return (self.predict_proba(X) >= 0.5).astype(int)


def with_unknown(y):
    rng = np.random.default_rng(0)
    return np.where(rng.random(y.shape) < 0.3, np.nan, y)


# Those that judge probabilities, which decision values are not.
OF_PROBABILITIES = (
    "masked_neg_brier_scorer",
    "masked_neg_log_loss_scorer",
    "neg_expected_calibration_error_scorer",
)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", SCORERS)
def test_scorer_judges_every_shape_of_output(name, head):
    estimator = HEADS[head].fit(X, Y)
    if name in OF_PROBABILITIES and not hasattr(estimator, "predict_proba"):
        with pytest.raises(ValueError, match="MultiLabelCalibrator makes"):
            SCORERS[name](estimator, X, Y)
        return
    value = SCORERS[name](estimator, X, Y)
    assert isinstance(value, float)
    assert (-1 if "neg" in name else 0) <= value <= 1


@pytest.mark.parametrize("name", SCORERS)
def test_scorer_works_in_a_grid_search(name):
    search = GridSearchCV(
        OneVsRestClassifier(LogisticRegression()),
        {"estimator__C": [0.01, 1]},
        scoring=SCORERS[name],
        cv=3,
        error_score="raise",
    ).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.score(X, Y) == SCORERS[name](search, X, Y)


@pytest.mark.parametrize("name", SCORERS)
def test_scorer_works_in_a_grid_search_with_unknown_labels(name):
    search = GridSearchCV(
        KnownRowsClassifier(),
        {"C": [0.01, 1]},
        scoring=SCORERS[name],
        cv=KFold(3),
        error_score="raise",
    ).fit(X, with_unknown(Y))
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_scorers_work_together_in_cross_validate_and_a_frame_stays_one():
    frame = pd.DataFrame(with_unknown(Y), columns=list("abcd"))
    found = cross_validate(
        KnownRowsClassifier(),
        X,
        frame,
        scoring={"gap": gap_scorer, "map": map_scorer, "f1": masked_f1_macro_scorer},
        cv=KFold(3),
        error_score="raise",
    )
    assert all(
        np.isfinite(found[f"test_{name}"]).all() for name in ("gap", "map", "f1")
    )


def test_search_over_several_scorers_refits_by_one():
    search = GridSearchCV(
        HEADS["list"],
        {"estimator__C": [0.01, 1]},
        scoring={"gap": gap_scorer, "loss": masked_neg_hamming_loss_scorer},
        refit="gap",
        cv=3,
        error_score="raise",
    ).fit(X, Y)
    assert search.best_score_ == search.cv_results_["mean_test_gap"].max()


def test_scorers_travel_to_worker_processes():
    found = cross_val_score(HEADS["array"], X, Y, scoring=gap_scorer, cv=2, n_jobs=2)
    here = cross_val_score(HEADS["array"], X, Y, scoring=gap_scorer, cv=2)
    np.testing.assert_array_equal(found, here)


def test_values_are_those_of_scikit_learn():
    estimator = HEADS["list"].fit(X, Y)
    proba = np.column_stack([p[:, 1] for p in estimator.predict_proba(X)])
    expected = average_precision_score(Y, proba, average="micro")
    assert gap_scorer(estimator, X, Y) == pytest.approx(expected)
    expected = f1_score(Y, estimator.predict(X), average="macro")
    assert masked_f1_macro_scorer(estimator, X, Y) == pytest.approx(expected)
    expected = -masked_hamming_loss(Y, estimator.predict(X))
    assert masked_neg_hamming_loss_scorer(estimator, X, Y) == expected


@pytest.mark.parametrize("name", SCORERS)
def test_scorer_survives_pickling(name):
    again = pickle.loads(pickle.dumps(SCORERS[name]))
    estimator = HEADS["array"].fit(X, Y)
    assert again(estimator, X, Y) == SCORERS[name](estimator, X, Y)
    assert repr(again) == repr(SCORERS[name])


def test_repr_is_the_call_that_makes_it():
    names = {**vars(metrics)}
    for scorer in SCORERS.values():
        assert repr(eval(repr(scorer), names)) == repr(scorer)
    assert "greater_is_better=False" in repr(masked_neg_hamming_loss_scorer)


def test_one_label_keeps_its_column():
    y = Y[:, :1]
    estimator = LogisticRegression().fit(X, y.ravel())
    proba = estimator.predict_proba(X)[:, 1]
    expected = average_precision_score(y.ravel(), proba)
    assert gap_scorer(estimator, X, y) == pytest.approx(expected)
    expected = f1_score(y.ravel(), estimator.predict(X))
    assert masked_f1_macro_scorer(estimator, X, y) == pytest.approx(expected)


def weighted_share(y_true, y_pred, sample_weight=None):
    right = (np.asarray(y_true) == y_pred).mean(axis=1)
    return float(np.average(right, weights=sample_weight))


def test_sample_weight_reaches_a_metric_that_takes_it():
    scorer = make_multilabel_scorer(weighted_share, "labels")
    estimator = HEADS["array"].fit(X, Y)
    weight = np.arange(len(X))
    expected = weighted_share(Y, estimator.predict(X), weight)
    assert scorer(estimator, X, Y, sample_weight=weight) == expected
    assert scorer._accept_sample_weight()


def unweighted_share(y_true, y_pred):
    return float(np.mean(np.asarray(y_true) == y_pred))


# Newer releases say that the weights are not used.
@pytest.mark.filterwarnings("ignore:The scoring .* does not support sample_weight")
@pytest.mark.parametrize(
    "scoring",
    [
        gap_scorer,
        {"gap": gap_scorer, "map": map_scorer},
        make_multilabel_scorer(unweighted_share, "labels"),
    ],
    ids=["weighted", "several", "without weights"],
)
def test_search_with_sample_weight_runs_for_one_and_for_several_scorers(scoring):
    search = GridSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [1, 2]},
        scoring=scoring,
        refit=False,
        cv=2,
        error_score="raise",
    )
    search.fit(X, Y, sample_weight=np.ones(len(X)))
    assert search.n_splits_ == 2


@pytest.mark.parametrize(
    "scoring", [gap_scorer, {"gap": gap_scorer, "map": map_scorer}]
)
def test_scorer_runs_with_metadata_routing(scoring):
    with sklearn.config_context(enable_metadata_routing=True):
        head = LogisticRegression().set_fit_request(sample_weight=True)
        search = GridSearchCV(
            OneVsRestClassifier(head),
            {"estimator__C": [0.1, 1]},
            scoring=scoring,
            refit=False,
            cv=2,
            error_score="raise",
        )
        search.fit(X, Y, sample_weight=np.ones(len(X)))
    assert search.n_splits_ == 2


@pytest.mark.parametrize("asks", [True, False, "weight_of_rows"])
def test_scorer_gets_the_weights_it_asks_for(asks):
    weights, named = np.random.default_rng(0).random(len(X)), isinstance(asks, str)
    scorer = make_multilabel_scorer(masked_f1_score, "labels")
    with sklearn.config_context(enable_metadata_routing=True):
        scorer.set_score_request(sample_weight=asks)
        head = MultiOutputClassifier(
            LogisticRegression().set_fit_request(sample_weight=True)
        )
        found = cross_validate(
            head,
            X,
            Y,
            params={"sample_weight": weights} | ({asks: weights} if named else {}),
            scoring=scorer,
            cv=KFold(2),
            return_estimator=True,
            return_indices=True,
        )
    for score, fitted, test in zip(
        found["test_score"], found["estimator"], found["indices"]["test"], strict=True
    ):
        of_test = weights[test] if asks else None
        expected = masked_f1_score(
            Y[test], fitted.predict(X[test]), sample_weight=of_test
        )
        assert score == pytest.approx(expected, abs=1e-12)


def test_weights_without_a_request_are_refused_where_none_is_set():
    scorer = make_multilabel_scorer(masked_f1_score, "labels")
    with sklearn.config_context(enable_metadata_routing=True):
        scorer.set_score_request(sample_weight=None)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            cross_validate(
                MultiOutputClassifier(
                    LogisticRegression().set_fit_request(sample_weight=True)
                ),
                X,
                Y,
                params={"sample_weight": np.ones(len(X))},
                scoring=scorer,
                cv=KFold(2),
            )


def test_metric_must_be_callable():
    with pytest.raises(TypeError, match="metric must be callable.*Got 'gap', a str"):
        make_multilabel_scorer("gap")


def test_response_must_be_known():
    with pytest.raises(ValueError, match="must be 'scores' or 'labels'. Got 'proba'"):
        make_multilabel_scorer(global_average_precision_score, "proba")


def test_scores_where_labels_are_needed_say_what_to_do():
    scorer = make_multilabel_scorer(masked_f1_score)
    with pytest.raises(ValueError, match="a scorer does that with response='labels'"):
        scorer(HEADS["array"].fit(X, Y), X, Y)


def test_targets_are_checked_before_the_estimator_works():
    with pytest.raises(ValueError, match="y_true must have 2 dimensions"):
        gap_scorer(object(), X, Y[:, 0])


def test_targets_in_another_order_than_the_estimator_learnt_are_refused():
    X, Y = make_multilabel_classification(n_classes=4, random_state=0)
    Y = pd.DataFrame(Y, columns=list("abcd"))
    head = MultiLabelLogisticRegression().fit(X, Y)
    assert map_scorer(head, X, Y) > 0.5
    for scorer in (map_scorer, masked_f1_macro_scorer):
        with pytest.raises(ValueError, match=r"in their order: .* \(column 0\)"):
            scorer(head, X, Y[list("dcba")])


@pytest.mark.parametrize(
    "names",
    [[18, 44, 3, 62], [("a", 1), ("a", 2), ("b", 1), ("b", 2)], [0, 1, 2, 3]],
    ids=["numbers", "levels", "counted"],
)
def test_names_that_are_no_texts_have_an_order_too(names):
    X, Y = make_multilabel_classification(n_classes=4, random_state=0)
    Y = pd.DataFrame(dict(zip(names, Y.T, strict=True)))
    head = MultiLabelLogisticRegression().fit(X, Y)
    other = Y[[names[at] for at in (0, 2, 1, 3)]]
    assert map_scorer(head, X, Y) > 0.5
    for judge in (
        lambda: map_scorer(head, X, other),
        lambda: head.score(X, other),
        lambda: ThresholdOptimizer(head, cv="prefit").fit(X, other),
    ):
        with pytest.raises(ValueError, match=r"in their order: .* \(column 1\)"):
            judge()


def test_columns_that_are_counted_are_no_names():
    X, Y = make_multilabel_classification(n_classes=4, random_state=0)
    named, counted = pd.DataFrame(Y, columns=list("abcd")), pd.DataFrame(Y)
    for first, second in ((named, counted), (counted, named)):
        head = MultiLabelLogisticRegression().fit(X, first)
        assert map_scorer(head, X, second) == map_scorer(head, X, first)


def test_a_name_that_is_nan_is_the_same_after_a_head_was_saved():
    X, Y = make_multilabel_classification(n_classes=2, random_state=0)
    Y = pd.DataFrame(Y, columns=pd.Index([float("nan"), "b"], dtype=object))
    head = pickle.loads(pickle.dumps(MultiLabelLogisticRegression().fit(X, Y)))
    assert map_scorer(head, X, Y) > 0.5
