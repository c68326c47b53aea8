"""Logistic regression without a penalty: C=inf, and labels without a minimum."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from sklearn_clip import MultiLabelLogisticRegression, MultiLabelLogisticRegressionCV

BOTH = pytest.mark.parametrize("dtype", [np.float64, np.float32])


@pytest.fixture(scope="module")
def data():
    """Features and labels of which none is separated."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6))
    noise = rng.normal(size=(400, 5))
    return X, (X @ rng.normal(size=(6, 5)) + noise > 0).astype(int)


def objective(head, X, y, label=0):
    z = X @ head.coef_[label].astype(float) + head.intercept_[label]
    return (np.logaddexp(0, z) - y * z).sum()


def fit_silently(X, Y, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return MultiLabelLogisticRegression(C=np.inf, **params).fit(X, Y)


@BOTH
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_minimum_is_that_of_scikit_learn(data, dtype, fit_intercept):
    X, Y = data
    head = fit_silently(X.astype(dtype), Y, fit_intercept=fit_intercept)
    for label, y in enumerate(Y.T):
        other = LogisticRegression(
            C=1e10, fit_intercept=fit_intercept, solver="newton-cg", tol=1e-10
        ).fit(X, y)
        assert objective(head, X, y, label) <= objective(other, X, y) * (1 + 1e-6)
        np.testing.assert_allclose(head.coef_[label], other.coef_[0], rtol=2e-3)


@BOTH
@pytest.mark.parametrize("C", [1e20, 1e42, 1e300])
def test_a_penalty_that_rounding_hides_is_none(data, dtype, C):
    X, Y = data[0].astype(dtype), data[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        head = MultiLabelLogisticRegression(C=C).fit(X, Y)
    np.testing.assert_array_equal(head.coef_, fit_silently(X, Y).coef_)


def test_a_large_C_is_a_penalty_for_small_features(data):
    X, Y = data
    head = MultiLabelLogisticRegression(C=1e20).fit(X / 1e10, Y)
    expected = MultiLabelLogisticRegression(C=1).fit(X, Y)
    np.testing.assert_allclose(head.coef_ / 1e10, expected.coef_, rtol=1e-6)


def test_weights_unknown_labels_and_sparse_rows(data):
    X, Y = data
    rng = np.random.default_rng(1)
    X = np.where(rng.random(X.shape) < 0.5, X, 0)
    Y = np.where(rng.random(Y.shape) < 0.3, np.nan, Y)
    weight = rng.random(400)
    params = {"class_weight": "balanced"}
    head = MultiLabelLogisticRegression(np.inf, **params).fit(X, Y, weight)
    same = MultiLabelLogisticRegression(np.inf, **params).fit(
        sparse.csr_array(X), Y, weight
    )
    np.testing.assert_allclose(same.coef_, head.coef_, rtol=1e-5)
    large = MultiLabelLogisticRegression(1e8, **params).fit(X, Y, weight)
    np.testing.assert_allclose(head.coef_, large.coef_, rtol=2e-3)


@BOTH
def test_separated_labels_end_at_the_tolerance_with_a_warning(data, dtype):
    X, Y = data
    X, Y = X.astype(dtype), Y.copy()
    Y[:, [1, 3]] = X[:, :2] > 0
    frame = pd.DataFrame(Y, columns=list("abcde"))
    head = MultiLabelLogisticRegression(C=np.inf)
    with pytest.warns(
        ConvergenceWarning, match=r"separates 2 of 5 .*C=inf.*: 'b', 'd'\. P"
    ):
        head.fit(X, frame)
    assert np.isfinite(head.coef_).all() and (head.n_iter_ < 30).all()
    error = np.abs(head.predict_proba(X) - Y).max(axis=0)
    assert (error[[1, 3]] <= 6e-5).all() and (error[[0, 2, 4]] > 0.1).all()
    alone = fit_silently(X, Y[:, [0, 2, 4]])
    np.testing.assert_allclose(head.coef_[[0, 2, 4]], alone.coef_, rtol=1e-2)
    with pytest.warns(ConvergenceWarning, match="separates 2 of 5"):
        loose = MultiLabelLogisticRegression(C=np.inf, tol=0.02).fit(X, frame)
    error = np.abs(loose.predict_proba(X) - Y).max(axis=0)
    assert (error[[1, 3]] <= 0.01).all() and (error[[1, 3]] > 1e-4).all()


@BOTH
@pytest.mark.parametrize("as_sparse", [False, True])
def test_more_features_than_rows_separate_all(dtype, as_sparse):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 300)).astype(dtype)
    Y = rng.random((50, 4)) < 0.4
    with pytest.warns(ConvergenceWarning, match="separates 4 of 4 labels"):
        head = MultiLabelLogisticRegression(C=np.inf).fit(
            sparse.csr_array(X) if as_sparse else X, Y
        )
    assert np.abs(head.predict_proba(X) - Y).max() <= 6e-5
    assert np.abs(head.coef_).max() < 10


@BOTH
def test_rows_on_the_border_do_not_hide_that_there_is_no_minimum(dtype):
    X = np.array([-2, -1, 0, 0, 0, 1, 2], dtype=dtype)[:, None]
    y = np.array([0, 0, 0, 1, 1, 1, 1])
    with pytest.warns(ConvergenceWarning, match="separates 1 of 1"):
        head = MultiLabelLogisticRegression(C=np.inf).fit(X, y[:, None])
    expected = np.array([0, 0, 2 / 3, 2 / 3, 2 / 3, 1, 1])
    np.testing.assert_allclose(head.predict_proba(X)[:, 0], expected, atol=1e-4)


@BOTH
def test_features_that_repeat_or_never_vary_are_no_trouble(data, dtype):
    X, Y = data
    more = np.hstack([X, X[:, :2], np.ones((400, 1)), np.zeros((400, 1))])
    head = fit_silently(more.astype(dtype), Y)
    plain = fit_silently(X, Y)
    np.testing.assert_allclose(
        head.predict_proba(more.astype(dtype)), plain.predict_proba(X), atol=1e-4
    )
    flat = fit_silently(np.ones((400, 3), dtype), Y)
    np.testing.assert_allclose(
        flat.predict_proba(np.ones((1, 3), dtype))[0], Y.mean(axis=0), rtol=1e-4
    )


def test_constant_labels_have_the_probability_they_have_with_a_penalty(data):
    X, Y = data
    Y = Y.astype(float)
    Y[:, 0], Y[:, 1], Y[:, 2] = 0, 1, np.nan
    head = fit_silently(X, Y)
    found = head.predict_proba(X[:1])[0, :3]
    np.testing.assert_allclose(found, [1 / 402, 401 / 402, 0.5])


def test_warm_start_and_one_dimensional_target(data):
    X, Y = data
    head = fit_silently(X, Y[:, 0], warm_start=True)
    assert head.fit(X, Y[:, 0]).n_iter_[0] <= 1
    assert head.predict(X).shape == (400,)


def test_grids_may_end_without_a_penalty(data):
    X, Y = data
    rng = np.random.default_rng(0)
    params = {"cv": 3, "random_state": 0}
    chosen = MultiLabelLogisticRegressionCV([1e-3, np.inf], **params).fit(X, Y)
    assert chosen.C_.tolist() == [np.inf] * 5  # few features, many rows
    np.testing.assert_allclose(chosen.coef_, fit_silently(X, Y).coef_, rtol=1e-3)
    noise = rng.normal(size=(60, 40))
    few = MultiLabelLogisticRegressionCV([1e-3, 1, np.inf], **params).fit(noise, Y[:60])
    assert (few.C_ == 1e-3).all()
    assert np.isfinite(few.scores_[:, :2]).all()
    search = GridSearchCV(
        MultiLabelLogisticRegression(), {"C": [1, np.inf]}, scoring="f1_macro", cv=2
    ).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_final_fit_of_a_grid_warns_of_separated_labels(data):
    X, _ = data
    Y = (X[:, :3] > 0).astype(int)
    with pytest.warns(ConvergenceWarning, match="separates 3 of 3"):
        head = MultiLabelLogisticRegressionCV([np.inf], cv=3, random_state=0).fit(X, Y)
    assert np.isfinite(head.coef_).all()


@pytest.mark.parametrize("C", [0, -1, np.nan])
def test_strengths_out_of_range_are_refused(data, C):
    with pytest.raises(ValueError, match="'C' parameter of MultiLabelLogisticRegressi"):
        MultiLabelLogisticRegression(C=C).fit(*data)
    with pytest.raises(ValueError, match="Cs must be a number .* inf for no penalty"):
        MultiLabelLogisticRegressionCV([1, C]).fit(*data)


@pytest.mark.parametrize(
    "form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"]
)
@pytest.mark.parametrize("chooses", [False, True], ids=["one C", "of several"])
def test_columns_of_far_smaller_range_are_told_of(form, chooses):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    Y = (X[:, :3] + rng.normal(size=(300, 3)) > 0.5).astype(int)
    X = np.column_stack([X, np.full(300, 100.1), np.zeros(300)])
    head = MultiLabelLogisticRegression(C=np.inf)
    if chooses:
        head = MultiLabelLogisticRegressionCV([np.inf], cv=2, random_state=0)
    scale = np.array([1, 1, 1e-3, 1, 1, 1, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = head.fit(form(X), Y).predict_proba(X)
        near = head.fit(form(X * scale), Y).predict_proba(X * scale)
    np.testing.assert_allclose(near, expected, atol=1e-3)
    scale[2] = 1e-7
    with pytest.warns(ConvergenceWarning, match=r"^1 of 7 col.*\(columns 2\).*Scale"):
        head.fit(form(X * scale), Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        head.set_params(**{"Cs" if chooses else "C": [1.0] if chooses else 1.0})
        head.fit(form(X * scale), Y)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n", "d", "rank"), [(150, 400, 30), (500, 400, 60)])
def test_columns_that_are_empty_or_constant_get_no_coefficient(n, d, rank, dtype):
    # More columns than the preconditioner has directions; those that do not vary
    # are held by nothing, and show on rows where they do.
    rng = np.random.default_rng(0)
    varied = rng.normal(size=(n, rank))
    Y = (varied[:, :4] + 1.5 * rng.normal(size=(n, 4)) > 0.2).astype(int)
    X = np.zeros((n, d), dtype)
    X[:, :rank] = varied
    for fit_intercept in (False, True):
        head = MultiLabelLogisticRegression(C=np.inf, fit_intercept=fit_intercept)
        assert not head.fit(X, Y).coef_[:, rank:].any()
    if dtype == np.float64:  # float32 rounds what an intercept takes off
        X[:, rank:] = 4.0
        assert np.abs(head.fit(X, Y).coef_[:, rank:]).max() < 1e-7
