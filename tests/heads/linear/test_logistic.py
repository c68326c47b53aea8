"""The batched solver against one scikit-learn fit per label."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logistic_problems import assert_optimal, make_data, objective, oracle
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from sklearn_clip.datasets import load_clipart
from sklearn_clip.heads import (
    MultiLabelLogisticRegression,
)
from sklearn_clip.heads.linear import _newton as newton


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("C", [1e-6, 1e-2, 1.0, 100.0])
def test_fit_is_optimal_for_every_label(C, dtype):
    X, Y = make_data(dtype=dtype)
    head = MultiLabelLogisticRegression(C=C).fit(X, Y)
    assert head.coef_.dtype == dtype
    assert_optimal(head, X, Y, C=C)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(300, 20), (60, 200)])
def test_fit_is_optimal_with_hardly_any_penalty(shape, dtype):
    X, Y = make_data(*shape, dtype=dtype)
    head = MultiLabelLogisticRegression(C=1e6).fit(X, Y)
    assert_optimal(head, X, Y, C=1e6, probability=1e-3)


@pytest.mark.parametrize("C", [1.0, 1e3])
def test_fit_is_optimal_with_a_sketch_of_low_rank(C):
    X, Y = make_data(400, 200, 3, dtype=np.float32)
    head = MultiLabelLogisticRegression(C=C).fit(X, Y)
    assert_optimal(head, X, Y, C=C)


def test_fit_is_optimal_with_fewer_rows_than_features():
    X, Y = make_data(40, 300)
    assert_optimal(MultiLabelLogisticRegression(C=10).fit(X, Y), X, Y, C=10)


def test_fit_is_optimal_without_intercept():
    X, Y = make_data()
    head = MultiLabelLogisticRegression(fit_intercept=False).fit(X, Y)
    assert not head.intercept_.any()
    assert_optimal(head, X, Y, fit_intercept=False)


def test_fit_is_optimal_with_collinear_and_constant_features():
    X, Y = make_data()
    X = np.hstack([X, X, X[:, :1] - 2 * X[:, 1:2], np.zeros((len(X), 1))])
    X = np.hstack([X, np.full((len(X), 1), 3.0)])
    head = MultiLabelLogisticRegression(C=100).fit(X, Y)
    assert_optimal(head, X, Y, C=100)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fit_is_optimal_with_features_of_very_different_scales(dtype):
    X, Y = make_data(dtype=dtype)
    X = X * np.geomspace(1e-3, 1e3, X.shape[1]).astype(dtype)
    head = MultiLabelLogisticRegression().fit(X, Y)
    for label, y in enumerate(Y.T):
        # lbfgs gets stuck here: Newton on the small problem is the oracle.
        best = oracle(X, y, solver="newton-cholesky")
        mine = objective(X, y, head.coef_[label], head.intercept_[label], 1)
        theirs = objective(X, y, best.coef_[0], best.intercept_[0], 1)
        assert mine <= theirs * (1 + 1e-6)


def test_features_without_any_effect_are_fitted():
    Y = make_data()[1]
    head = MultiLabelLogisticRegression().fit(np.zeros((len(Y), 3)), Y)
    np.testing.assert_allclose(head.predict_proba(np.zeros((1, 3)))[0], Y.mean(axis=0))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 1000),
    n=st.integers(12, 80),
    d=st.integers(1, 40),
    n_labels=st.integers(1, 4),
    log_C=st.floats(-4, 3),
    weighted=st.booleans(),
    single=st.booleans(),
)
def test_fit_is_optimal_on_any_data(seed, n, d, n_labels, log_C, weighted, single):
    X, Y = make_data(n, d, n_labels, seed=seed, dtype=[np.float64, np.float32][single])
    rng = np.random.default_rng(seed)
    weight = rng.exponential(size=n) * 10.0 ** rng.integers(-3, 3) if weighted else None
    C = 10.0**log_C
    head = MultiLabelLogisticRegression(C=C).fit(X, Y, weight)
    full = None if weight is None else np.tile(weight[:, None], n_labels)
    assert_optimal(head, X, Y, C=C, weights=full, probability=None)


def test_labels_are_solved_alike_in_any_company():
    X, Y = make_data(n_labels=6, dtype=np.float32)
    together = MultiLabelLogisticRegression(C=10).fit(X, Y)
    alone = MultiLabelLogisticRegression(C=10).fit(X, Y[:, [4]])
    np.testing.assert_allclose(
        together.predict_proba(X)[:, 4], alone.predict_proba(X)[:, 0], atol=1e-4
    )


def test_labels_are_solved_alike_in_blocks(monkeypatch):
    X, Y = make_data(n_labels=7)
    weight = np.random.default_rng(0).random(len(X))
    parameters = {"C": 10, "class_weight": "balanced", "tol": 1e-8}
    whole = MultiLabelLogisticRegression(**parameters).fit(X, Y, weight)
    monkeypatch.setattr(newton, "_BLOCK_ENTRIES", 2 * len(X))
    blocks = MultiLabelLogisticRegression(**parameters).fit(X, Y, weight)
    np.testing.assert_allclose(blocks.coef_, whole.coef_, rtol=1e-6, atol=1e-8)


def test_rows_of_float32_that_are_too_hard_for_float32_converge():
    X, Y = make_data(2000, 30, dtype=np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        head = MultiLabelLogisticRegression(C=1e5).fit(X, Y)
    assert_optimal(head, X, Y, C=1e5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("C", [1.0, 1e4])
def test_sparse_features_give_the_fit_of_dense_ones(C, dtype):
    X, Y = make_data(200, 150, dtype=dtype)
    X[np.random.default_rng(0).random(X.shape) < 0.8] = 0
    dense = MultiLabelLogisticRegression(C=C).fit(X, Y)
    for container in (sparse.csr_matrix, sparse.csc_array):
        head = MultiLabelLogisticRegression(C=C).fit(container(X), Y)
        assert head.coef_.dtype == dtype
        np.testing.assert_allclose(
            head.predict_proba(container(X)), dense.predict_proba(X), atol=1e-4
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(bad):
    X, Y = make_data()
    X[5, 2] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        MultiLabelLogisticRegression().fit(X, Y)
    head = MultiLabelLogisticRegression().fit(np.nan_to_num(X, posinf=0), Y)
    with pytest.raises(ValueError, match="Input X contains"):
        head.predict_proba(X)


def test_labels_that_do_not_converge_are_named():
    X, Y = make_data(n_labels=3)
    Y[:, 1] = 0
    frame = pd.DataFrame(Y, columns=["cat", "dog", "owl"])
    head = MultiLabelLogisticRegression(C=100, max_iter=1)
    with pytest.warns(ConvergenceWarning, match="2 of 3 labels .*steps: 'cat', 'owl'."):
        head.fit(X, frame)
    np.testing.assert_array_equal(head.n_iter_, [1, 0, 1])


def test_warm_start_continues_from_the_fit_before():
    X, Y = make_data(600, 30)
    head = MultiLabelLogisticRegression(C=10, warm_start=True).fit(X, Y)
    cold = head.n_iter_.copy()
    head.fit(X, Y)
    assert (head.n_iter_ < cold).all()
    head.set_params(C=12).fit(X, Y)
    assert head.n_iter_.sum() < cold.sum()
    assert_optimal(head, X, Y, C=12)
    head.fit(X[:, :10], Y[:, :2])  # of another shape: from zero
    assert_optimal(head, X[:, :10], Y[:, :2], C=12)


@pytest.mark.parametrize("before", ["absent", "present"])
def test_warm_start_from_labels_that_were_constant(before):
    X, Y = make_data()
    head = MultiLabelLogisticRegression(warm_start=True)
    head.fit(X, np.full_like(Y, before == "present")).fit(X, Y)
    assert_optimal(head, X, Y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_warm_start_from_far_away(dtype):
    X, Y = make_data(dtype=dtype)
    head = MultiLabelLogisticRegression(C=100, warm_start=True).fit(X, Y)
    X *= 1000  # other units, where the same coefficients are sure of everything
    head.set_params(C=1e-4).fit(X, 1 - Y)
    assert_optimal(head, X, 1 - Y, C=1e-4)


def test_pickle_keeps_the_predictions_and_nothing_large():
    X, Y = make_data(2000, 20, dtype=np.float32)
    head = MultiLabelLogisticRegression().fit(X, Y)
    data = pickle.dumps(head)
    assert len(data) < 4000
    np.testing.assert_array_equal(
        pickle.loads(data).predict_proba(X), head.predict_proba(X)
    )


@pytest.mark.parametrize("scoring", ["f1_macro", "roc_auc", "average_precision"])
def test_grid_search_takes_it(scoring):
    X, Y = make_data()
    search = GridSearchCV(
        MultiLabelLogisticRegression(), {"C": [0.1, 10]}, scoring=scoring, cv=KFold(3)
    )
    search.fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_pipeline_behind_clip_features_of_clip_art():
    from sklearn_clip import CLIPFeaturizer

    train = load_clipart(split="train", as_frame=True)
    X = train.data.sample(300, random_state=0)
    Y = train.target.loc[X.index]
    pipe = make_pipeline(
        CLIPFeaturizer("clipart-tiny", image=None), MultiLabelLogisticRegression(C=10)
    )
    pipe.fit(X, Y)
    head, features = pipe[-1], pipe[:-1].transform(X)
    np.testing.assert_array_equal(head.label_names_, Y.columns)
    varied = np.flatnonzero(Y.nunique() == 2)[:4]
    view = clone(head).fit(features, Y.iloc[:, varied])
    assert_optimal(view, features, Y.to_numpy()[:, varied], C=10)
    assert features.dtype == head.coef_.dtype == np.float32
