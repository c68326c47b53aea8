"""The choice of C against fits made one by one."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from sklearn_clip.heads import (
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
)
from sklearn_clip.metrics import map_scorer
from sklearn_clip.model_selection import MultiLabelStratifiedKFold

CS = np.array([0.01, 1.0, 100.0])


def make_data(n=400, d=15, n_labels=4, *, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) / np.arange(1, d + 1) ** 0.5
    weights = rng.normal(size=(d, n_labels)) * np.geomspace(0.1, 4, n_labels)
    Y = (rng.random((n, n_labels)) < expit(X @ weights - 0.7)).astype(int)
    return X.astype(dtype), Y


def splits_of(n, n_splits=3):
    return list(KFold(n_splits, shuffle=True, random_state=1).split(np.zeros(n)))


def expected_scores(X, Y, splits, weight=None, **parameters):
    """Held-out negative log loss (n_folds, n_Cs, n_labels), one fit at a time."""
    scores = np.full((len(splits), len(CS), Y.shape[1]), np.nan)
    for fold, (train, test) in enumerate(splits):
        for k, C in enumerate(CS):
            head = MultiLabelLogisticRegression(C=C, tol=1e-8, **parameters)
            head.fit(X[train], Y[train], None if weight is None else weight[train])
            probabilities = head.predict_proba(X[test])
            for label, y in enumerate(Y[test].T):
                known = ~np.isnan(y)
                if known.any():
                    scores[fold, k, label] = -log_loss(
                        y[known],
                        probabilities[known, label],
                        sample_weight=None if weight is None else weight[test][known],
                        labels=[0, 1],
                    )
    return scores


def test_scores_are_those_of_separate_fits():
    X, Y = make_data()
    splits = splits_of(len(X))
    head = MultiLabelLogisticRegressionCV(CS, cv=splits, tol=1e-6).fit(X, Y)
    expected = expected_scores(X, Y, splits)
    seen = ~np.isnan(head.scores_)
    assert seen[:, :2].all()  # a label may leave before the last C
    np.testing.assert_allclose(head.scores_[seen], expected[seen], rtol=1e-3)
    means = expected.mean(axis=0)
    chosen = means[np.searchsorted(CS, head.C_), np.arange(4)]
    np.testing.assert_allclose(chosen, means.max(axis=0), rtol=1e-3)
    np.testing.assert_array_equal(head.Cs_, CS)


def test_scores_take_weights_and_leave_unknown_entries_out():
    X, Y = make_data()
    rng = np.random.default_rng(0)
    Y = np.where(rng.random(Y.shape) < 0.8, Y, np.nan)
    weight, splits = rng.random(len(X)), splits_of(len(X))
    parameters = {"class_weight": "balanced"}
    head = MultiLabelLogisticRegressionCV(CS, cv=splits, **parameters)
    head.fit(X, Y, weight)
    expected = expected_scores(X, Y, splits, weight, **parameters)
    seen = ~np.isnan(head.scores_)
    assert seen.mean() > 0.6
    np.testing.assert_allclose(head.scores_[seen], expected[seen], rtol=1e-3)


def test_refit_is_the_fit_of_each_label_with_its_own_C():
    X, Y = make_data()
    head = MultiLabelLogisticRegressionCV(CS, random_state=0).fit(X, Y)
    assert len(set(head.C_)) > 1
    for label, C in enumerate(head.C_):
        alone = MultiLabelLogisticRegression(C=C).fit(X, Y[:, [label]])
        np.testing.assert_allclose(
            head.predict_proba(X)[:, label], alone.predict_proba(X)[:, 0], atol=1e-4
        )


def test_without_refit_the_folds_are_averaged():
    X, Y = make_data()
    splits = splits_of(len(X))
    head = MultiLabelLogisticRegressionCV(CS, cv=splits, tol=1e-6, refit=False)
    head.fit(X, Y)
    for label, C in enumerate(head.C_):
        folds = [
            MultiLabelLogisticRegression(C=C, tol=1e-8).fit(X[train], Y[train])
            for train, _ in splits
        ]
        expected = np.mean([fold.coef_[label] for fold in folds], axis=0)
        np.testing.assert_allclose(head.coef_[label], expected, atol=0.02)
    assert not head.n_iter_.any()


def test_all_labels_share_one_C_on_demand():
    X, Y = make_data()
    splits = splits_of(len(X))
    head = MultiLabelLogisticRegressionCV(CS, cv=splits, per_label=False).fit(X, Y)
    expected = expected_scores(X, Y, splits).mean(axis=(0, 2)).argmax()
    np.testing.assert_array_equal(head.C_, np.full(4, CS[expected]))


def test_a_rare_label_takes_the_C_of_all():
    X, Y = make_data()
    Y[:, 3] = 0
    Y[:6, 3] = 1
    own = MultiLabelLogisticRegressionCV(CS, random_state=0).fit(X, Y)
    joint = clone(own).set_params(per_label=False).fit(X, Y)
    assert own.C_[3] == joint.C_[3]


def test_labels_without_a_positive_in_a_fold_or_anywhere_are_fitted():
    X, Y = make_data()
    Y = Y.astype(float)
    Y[:, 0], Y[:, 1], Y[:, 2] = 0, np.nan, 0
    Y[:2, 2] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", r"1 label\(s\) have fewer positives")
        head = MultiLabelLogisticRegressionCV(CS, random_state=0).fit(X, Y)
        scored = MultiLabelLogisticRegressionCV(
            CS, scoring="average_precision", random_state=0
        ).fit(X, Y)
    np.testing.assert_allclose(head.predict_proba(X[:1])[0, :2], [1 / 402, 0.5])
    assert np.isnan(head.scores_[:, :, 1]).all()
    assert np.isnan(scored.scores_[:, :, :2]).all()
    assert np.isfinite(scored.coef_).all()


def test_labels_leave_the_path_when_their_score_falls():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(300, 100)), rng.integers(0, 2, size=(300, 3))
    grid = np.logspace(-4, 4, 9)
    head = MultiLabelLogisticRegressionCV(grid, random_state=0).fit(X, Y)
    assert np.isnan(head.scores_[:, -1]).all()
    assert (head.C_ <= 1e-2).all()
    joint = clone(head).set_params(per_label=False).fit(X, Y)
    left = np.isnan(joint.scores_).all(axis=(0, 2))
    assert left.any() and not np.isnan(joint.scores_[:, ~left]).any()


@pytest.mark.parametrize("scoring", ["roc_auc", "neg_log_loss", "f1"])
def test_any_scorer_scores_each_label(scoring):
    X, Y = make_data()
    splits = splits_of(len(X))
    head = MultiLabelLogisticRegressionCV(CS, cv=splits, scoring=scoring, tol=1e-6)
    head.fit(X, Y)
    for label in range(4):
        reference = LogisticRegression(tol=1e-8, max_iter=1000)
        for k, C in enumerate(CS):
            for fold, (train, test) in enumerate(splits):
                reference.set_params(C=C).fit(X[train], Y[train, label])
                expected = get_scorer(scoring)(reference, X[test], Y[test, label])
                assert head.scores_[fold, k, label] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("scoring", ["f1_macro", "average_precision"])
def test_any_scorer_scores_all_labels_together(scoring):
    X, Y = make_data()
    head = MultiLabelLogisticRegressionCV(
        CS, scoring=scoring, per_label=False, random_state=0
    ).fit(X, Y)
    assert head.scores_.shape == (5, 3)
    assert head.C_[0] == CS[head.scores_.mean(axis=0).argmax()]


def test_a_callable_scorer_sees_known_rows_and_the_features():
    X, Y = make_data(n_labels=2)
    Y = Y.astype(float)
    Y[::3, 0] = np.nan
    seen = []

    def scorer(estimator, X_test, y_test):
        seen.append((X_test.shape, set(np.unique(y_test))))
        return estimator.predict_proba(X_test)[:, 1].mean()

    MultiLabelLogisticRegressionCV(CS, cv=2, scoring=scorer, random_state=0).fit(X, Y)
    assert all(values == {0, 1} for _, values in seen)
    assert {shape[1] for shape, _ in seen} == {15}
    assert sum(shape[0] for shape, _ in seen) == 3 * np.isfinite(Y).sum()


@pytest.mark.parametrize("per_label", [True, False])
def test_scorers_of_multi_label_metrics_are_taken(per_label):
    X, Y = make_data(n=150)
    Y = Y.astype(float)
    Y[5:20, 0] = np.nan
    params = {"cv": KFold(3), "per_label": per_label}
    ours = MultiLabelLogisticRegressionCV([0.1, 10], scoring=map_scorer, **params)
    ours.fit(X, Y)
    if per_label:
        its = MultiLabelLogisticRegressionCV(
            [0.1, 10], scoring="average_precision", **params
        ).fit(X, Y)
        np.testing.assert_allclose(ours.scores_, its.scores_)
    assert np.isfinite(ours.scores_).all()
    single = MultiLabelLogisticRegressionCV([0.1, 10], scoring=map_scorer, **params)
    single.fit(X, Y[:, 1])
    its = MultiLabelLogisticRegressionCV(
        [0.1, 10], scoring="average_precision", **params
    ).fit(X, Y[:, 1])
    np.testing.assert_allclose(single.scores_, its.scores_)


def test_one_dimensional_targets_agree_with_scikit_learn():
    X, Y = make_data()
    y = np.array(["cat", "dog"])[Y[:, 3]]
    folds = StratifiedKFold(4)
    head = MultiLabelLogisticRegressionCV(CS, cv=folds, scoring="roc_auc").fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        reference = LogisticRegressionCV(Cs=CS, cv=folds, scoring="roc_auc", tol=1e-8)
        reference.fit(X, y)
    np.testing.assert_array_equal(head.classes_, reference.classes_)
    assert head.C_[0] == np.ravel(reference.C_)[0]
    np.testing.assert_allclose(
        head.predict_proba(X), reference.predict_proba(X), atol=1e-4
    )
    assert set(head.predict(X)) == {"cat", "dog"}
    assert MultiLabelLogisticRegressionCV(CS).fit(X, y).scores_.shape == (5, 3, 1)


@pytest.mark.parametrize("scoring", ["average_precision", "neg_log_loss"])
def test_one_dimensional_targets_have_no_score_where_they_are_constant(scoring):
    X, _ = make_data(60)
    rows = np.arange(60)
    y = (rows % 20 == 0).astype(int)
    cv = [(rows[30:], rows[:30]), (rows[:41], rows[41:])]
    head = MultiLabelLogisticRegressionCV(CS, cv=cv, scoring=scoring).fit(X, y)
    table = clone(head).fit(X, y[:, None])
    assert np.isnan(head.scores_[1]).all() and not np.isnan(head.scores_[0]).any()
    np.testing.assert_array_equal(head.scores_, table.scores_)


def test_a_fold_in_which_nothing_is_known_is_passed_over_for_one_C_too():
    X, Y = make_data(90)
    Y = Y.astype(float)
    Y[:30] = np.nan
    cv = [
        (np.setdiff1d(np.arange(90), test), test) for test in np.split(np.arange(90), 3)
    ]
    head = MultiLabelLogisticRegressionCV(CS, cv=cv, per_label=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        head.fit(X, Y)
    assert np.isnan(head.scores_[0]).all()


def test_groups_reach_the_splitter():
    X, Y = make_data()
    groups = np.arange(len(X)) % 4
    head = MultiLabelLogisticRegressionCV(CS, cv=GroupKFold(4))
    head.fit(X, Y, groups=groups)
    folds = list(GroupKFold(4).split(X, Y, groups))
    expected = clone(head).set_params(cv=folds).fit(X, Y)
    np.testing.assert_array_equal(head.scores_, expected.scores_)
    with config_context(enable_metadata_routing=True):
        requested = head.set_fit_request(groups=True, sample_weight=True)
        assert requested.get_metadata_routing().fit.requests["groups"] is True


def test_folds_may_be_masks_and_may_leave_rows_out():
    X, Y = make_data()
    train = np.arange(len(X)) < 200
    test = np.arange(len(X)) >= 300
    head = MultiLabelLogisticRegressionCV(CS, cv=[(train, test)]).fit(X, Y)
    expected = expected_scores(X, Y, [(np.flatnonzero(train), np.flatnonzero(test))])
    seen = ~np.isnan(head.scores_)
    np.testing.assert_allclose(head.scores_[seen], expected[seen], rtol=1e-3)


def test_the_seed_decides_about_the_folds():
    X, Y = make_data()
    one, two, three = (
        MultiLabelLogisticRegressionCV(CS, random_state=seed).fit(X, Y).scores_
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, three)


def test_folds_by_number_are_stratified():
    X, Y = make_data()
    Y = np.where(np.random.default_rng(0).random(Y.shape) < 0.9, Y, np.nan)
    head = MultiLabelLogisticRegressionCV(CS, cv=3, random_state=0).fit(X, Y)
    folds = MultiLabelStratifiedKFold(3, random_state=0)
    expected = clone(head).set_params(cv=folds).fit(X, Y)
    np.testing.assert_array_equal(head.scores_, expected.scores_)


def test_grid_by_number_is_that_of_scikit_learn():
    X, Y = make_data(n_labels=2)
    head = MultiLabelLogisticRegressionCV(5, cv=2, random_state=0).fit(X, Y)
    np.testing.assert_allclose(head.Cs_, np.logspace(-4, 4, 5))
    assert head.scores_.shape == (2, 5, 2)


@pytest.mark.parametrize("Cs", [[], [1, -1], [0.0], [-np.inf], [1, np.nan]])
def test_grids_that_make_no_sense_are_refused(Cs):
    with pytest.raises(ValueError, match="Cs must be a number of values or hold posit"):
        MultiLabelLogisticRegressionCV(Cs).fit(*make_data())


def test_no_split_is_refused():
    with pytest.raises(ValueError, match="cv must yield at least one split. Got none"):
        MultiLabelLogisticRegressionCV(CS, cv=[]).fit(*make_data())


def test_scores_that_are_all_nan_are_refused():
    X, Y = make_data(n_labels=1)
    test = np.flatnonzero(Y[:, 0] == 1)[::2]
    cv = [(np.setdiff1d(np.arange(len(X)), test), test)]
    head = MultiLabelLogisticRegressionCV(CS, cv=cv, scoring="roc_auc")
    with (
        warnings.catch_warnings(),
        pytest.raises(ValueError, match="scoring must give a number for at least one"),
    ):
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        head.fit(X, Y)


def test_labels_that_do_not_converge_are_named():
    X, Y = make_data()
    frame = pd.DataFrame(Y, columns=list("abcd"))
    head = MultiLabelLogisticRegressionCV([1e6], max_iter=1, tol=1e-9, random_state=0)
    with pytest.warns(ConvergenceWarning, match="did not converge.*'a', 'b', 'c', 'd'"):
        head.fit(X, frame)


@pytest.mark.parametrize("of_ones", [True, False])
@pytest.mark.parametrize(("count", "has_its_own"), [(39, False), (40, True)])
def test_label_of_fewer_than_forty_ones_or_zeros_takes_the_C_of_all(
    of_ones, count, has_its_own
):
    X, Y = make_data()
    few = Y.astype(float)
    few[np.flatnonzero(few[:, 0] == 1)[count:], 0] = np.nan
    few = few if of_ones else 1 - few
    own = MultiLabelLogisticRegressionCV(CS, random_state=0).fit(X, few).C_
    (common,) = set(
        MultiLabelLogisticRegressionCV(CS, per_label=False, random_state=0)
        .fit(X, few)
        .C_
    )
    assert (own[0] != common) == has_its_own and own[3] == 100


def test_pickle_and_float32_are_kept():
    X, Y = make_data(dtype=np.float32)
    head = MultiLabelLogisticRegressionCV(CS, random_state=0).fit(X, Y)
    assert head.coef_.dtype == np.float32
    again = pickle.loads(pickle.dumps(head))
    np.testing.assert_array_equal(again.predict_proba(X), head.predict_proba(X))
