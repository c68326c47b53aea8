"""Out-of-fold scores, with unknown labels, groups and odd splits."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    RepeatedKFold,
    ShuffleSplit,
)
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_clip import (
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
    PrecomputedScores,
    ThresholdOptimizer,
    out_of_fold_scores,
)
from sklearn_clip.review import find_label_issues

X, Y = make_multilabel_classification(n_classes=3, random_state=0)
HEAD = MultiLabelLogisticRegression()
GROUPS = np.arange(100) % 50


def test_unknown_labels_are_taken_as_they_are():
    targets = np.where(np.arange(len(Y))[:, None] % 5 == 0, np.nan, Y)
    found = out_of_fold_scores(HEAD, X, targets, cv=KFold(3))
    for train, test in KFold(3).split(X):
        fitted = clone(HEAD).fit(X[train], targets[train])
        np.testing.assert_allclose(found[test], fitted.predict_proba(X[test]))


@pytest.mark.parametrize("wrap", [ClassifierChain, MultiOutputClassifier])
def test_other_classifiers_give_one_column_per_label(wrap):
    found = out_of_fold_scores(wrap(LogisticRegression()), X, Y, random_state=0)
    assert found.shape == Y.shape
    assert np.isfinite(found).all()


def test_rows_held_out_twice_get_the_mean():
    cv = RepeatedKFold(n_splits=2, n_repeats=2, random_state=0)
    splits = list(cv.split(X))
    halves = [out_of_fold_scores(HEAD, X, Y, cv=splits[i : i + 2]) for i in (0, 2)]
    np.testing.assert_allclose(
        out_of_fold_scores(HEAD, X, Y, cv=cv), np.mean(halves, axis=0)
    )


def test_rows_never_held_out_are_nan_and_told():
    with pytest.warns(UserWarning, match="never held out"):
        found = out_of_fold_scores(HEAD, X, Y, cv=0.2, random_state=0)
    assert 60 < np.isnan(found).all(axis=1).sum() < 100


def test_an_integer_cv_keeps_groups_whole():
    groups = np.repeat(np.arange(20), 5)
    twins = np.repeat(X[::5], 5, axis=0), np.repeat(Y[::5], 5, axis=0)
    found = out_of_fold_scores(HEAD, *twins, groups=groups, random_state=0)
    np.testing.assert_allclose(found, np.repeat(found[::5], 5, axis=0))


def test_the_method_can_be_chosen():
    values = out_of_fold_scores(HEAD, X, Y, method="decision_function", random_state=0)
    assert values.min() < 0


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored:UserWarning")
@pytest.mark.parametrize(
    ("estimator", "more", "error"),
    [
        (HEAD, {"cv": "prefit"}, ValueError),
        (HEAD, {"method": "predict"}, ValueError),
        (FrozenEstimator(HEAD), {}, TypeError),
        (make_pipeline(StandardScaler(), FrozenEstimator(HEAD)), {}, TypeError),
        (PrecomputedScores(), {}, TypeError),
        (HEAD, {"groups": GROUPS, "cv": KFold(20)}, ValueError),
        (HEAD, {"groups": GROUPS, "cv": list(KFold(3).split(X))}, ValueError),
    ],
)
def test_what_cannot_be_is_refused(estimator, more, error):
    with pytest.raises(error, match="Got"):
        out_of_fold_scores(estimator, X, Y, **more)


@pytest.mark.parametrize("wrap", [ClassifierChain, MultiOutputClassifier])
def test_chains_say_that_they_take_no_unknown_labels(wrap):
    targets = np.where(np.arange(len(Y))[:, None] % 5 == 0, np.nan, Y)
    with pytest.raises(ValueError, match="NaN") as caught:
        out_of_fold_scores(wrap(LogisticRegression()), X, targets, random_state=0)
    assert "MultiLabelLogisticRegression" in caught.value.__notes__[-1]


def test_chains_give_what_a_loop_over_folds_gives():
    chain = ClassifierChain(LogisticRegression(), order=[2, 0, 1])
    found = out_of_fold_scores(chain, X, Y, cv=KFold(4))
    for train, test in KFold(4).split(X):
        fitted = clone(chain).fit(X[train], Y[train])
        np.testing.assert_allclose(found[test], fitted.predict_proba(X[test]))


def test_splits_that_overlap_give_the_mean_of_those_that_hold_a_row_out():
    cv = ShuffleSplit(3, test_size=0.4, random_state=0)
    with pytest.warns(UserWarning, match="never held out"):
        found = out_of_fold_scores(HEAD, X, Y, cv=cv)
    given = [[] for _ in X]
    for train, test in cv.split(X):
        scores = clone(HEAD).fit(X[train], Y[train]).predict_proba(X[test])
        for row, score in zip(test, scores, strict=True):
            given[row].append(score)
    for row, scores in enumerate(given):
        expected = np.mean(scores, axis=0) if scores else [np.nan] * 3
        np.testing.assert_allclose(found[row], expected)


@pytest.mark.parametrize(
    "cv",
    [None, 4, 0.3, GroupKFold(4), GroupShuffleSplit(2, random_state=0), "own"],
    ids=str,
)
def test_groups_are_never_parted(cv):
    groups = np.arange(100) % 20
    twins = X[groups], Y[groups]
    if cv == "own":
        cv = list(GroupKFold(4).split(X, groups=groups))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "[0-9]+ of 100 rows were never held")
        found = out_of_fold_scores(HEAD, *twins, cv=cv, groups=groups, random_state=0)
    assert found.shape == Y.shape
    np.testing.assert_allclose(found, found[groups])  # NaN of one is NaN of all


def test_weights_are_cut_to_the_rows_that_are_fitted():
    weights = np.where(np.arange(100) % 3 == 0, 0.0, 1.0)
    splits = list(KFold(4).split(X))
    found = out_of_fold_scores(HEAD, X, Y, cv=splits, params={"sample_weight": weights})
    parts = [(train[weights[train] > 0], test) for train, test in splits]
    expected = out_of_fold_scores(HEAD, X, Y, cv=parts)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_weights_reach_the_step_of_a_pipeline():
    weights = np.linspace(0, 2, 100)
    pipe = make_pipeline(StandardScaler(), HEAD)
    named = {"multilabellogisticregression__sample_weight": weights}
    expected = out_of_fold_scores(pipe, X, Y, cv=KFold(4), params=named)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            clone(HEAD).set_fit_request(sample_weight=True),
        )
        found = out_of_fold_scores(
            routed, X, Y, cv=KFold(4), params={"sample_weight": weights}
        )
    np.testing.assert_allclose(found, expected)
    plain = out_of_fold_scores(pipe, X, Y, cv=KFold(4))
    assert np.abs(plain - found).max() > 1e-3


def test_targets_stand_in_the_order_of_a_frozen_classifier_inside():
    named = pd.DataFrame(Y, columns=[f"label {at}" for at in range(Y.shape[1])])
    frozen = FrozenEstimator(clone(HEAD).fit(X, named))
    tuned = ThresholdOptimizer(frozen, random_state=0)
    assert out_of_fold_scores(tuned, X, named, cv=2).shape == named.shape
    with pytest.raises(ValueError, match=r"in their order: .* \(column 0\)"):
        out_of_fold_scores(tuned, X, named[named.columns[::-1]], cv=2)


@pytest.mark.parametrize("cv", [2.0, 1.0, 0.0, -0.5, np.nan, 1, 0, -1, True, False])
@pytest.mark.parametrize("groups", [None, GROUPS])
def test_numbers_that_are_neither_folds_nor_a_share_are_refused(cv, groups):
    match = rf"cv must be an int of at least 2.* share of rows.*Got {cv}\."
    with pytest.raises(ValueError, match=match):
        out_of_fold_scores(HEAD, X, Y, cv=cv, groups=groups)
    with pytest.raises(ValueError, match=match):
        find_label_issues(HEAD, X, Y, cv=cv, groups=groups)


def test_generator_that_is_used_up_is_told():
    used = KFold(3).split(X)
    list(used)
    for fit in (
        lambda: out_of_fold_scores(HEAD, X, Y, cv=used),
        lambda: ThresholdOptimizer(HEAD, cv=used).fit(X, Y),
        lambda: MultiLabelLogisticRegressionCV(cv=used).fit(X, Y),
    ):
        with pytest.raises(ValueError, match="Got none; a generator yields its splits"):
            fit()


def test_rows_that_are_trained_on_and_held_out_are_told():
    half = np.arange(len(X) // 2)
    rest = np.setdiff1d(np.arange(len(X)), half)
    leak = [(rest, half), (half, np.append(rest, [3, 0]))]
    for fit in (
        lambda: out_of_fold_scores(HEAD, X, Y, cv=leak),
        lambda: ThresholdOptimizer(HEAD, cv=leak).fit(X, Y),
        lambda: MultiLabelLogisticRegressionCV(3, cv=leak).fit(X, Y),
    ):
        said = r"Split 1 of cv holds out 2 rows that it trains on \(rows \[0, 3\]\)"
        with pytest.warns(UserWarning, match=said):
            fit()


def test_rows_in_another_order_are_told():
    with pytest.warns(UserWarning, match="X and Y have the same index in another"):
        out_of_fold_scores(HEAD, pd.DataFrame(X), pd.DataFrame(Y).iloc[::-1], cv=3)
