"""The batched solver against one scikit-learn fit per label."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline

from sklearn_clip.datasets import load_clipart
from sklearn_clip.heads import (
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
)
from sklearn_clip.heads.linear import _design_matrix as products
from sklearn_clip.heads.linear import _newton as newton


def make_data(n=300, d=20, n_labels=5, *, seed=0, dtype=np.float64, rate=0.3):
    """Unit rows of correlated features, and labels of which some are rare."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) / np.arange(1, d + 1) ** 0.6 + 0.5
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    logits = 4 * (X - X.mean(axis=0)) @ rng.normal(size=(d, n_labels)) * np.sqrt(d)
    logits += np.log(rate / (1 - rate)) * rng.uniform(0.5, 1.5, n_labels)
    Y = (rng.random(logits.shape) < expit(logits)).astype(int)
    Y[0], Y[1] = 1, 0
    return X.astype(dtype), Y


def objective(X, y, coef, intercept, C, weight=1.0):
    """Objective of one label, in float64, as scikit-learn has it."""
    z = X.astype(np.float64) @ coef.astype(np.float64) + float(intercept)
    loss = np.logaddexp(0, np.where(y == 1, -z, z))
    return C * (weight * loss).sum() + coef.astype(np.float64) @ coef / 2


def oracle(X, y, C=1.0, sample_weight=None, **parameters):
    """One scikit-learn fit, as exact as it gets."""
    model = LogisticRegression(C=C, tol=1e-10, max_iter=20_000, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(np.asarray(X, dtype=np.float64), y, sample_weight)


def assert_optimal(head, X, Y, *, weights=None, probability=1e-4, **parameters):
    """Compare every label with scikit-learn: objective and probabilities."""
    C = parameters.get("C", 1.0)
    for label in range(Y.shape[1]):
        weight = np.ones(len(X)) if weights is None else weights[:, label]
        rows = weight > 0
        y = Y[rows, label]
        best = oracle(X[rows], y, sample_weight=weight[rows], **parameters)
        mine = objective(
            X[rows],
            y,
            head.coef_[label],
            head.intercept_[label],
            C,
            weight[rows],
        )
        theirs = objective(
            X[rows], y, best.coef_[0], np.ravel(best.intercept_)[0], C, weight[rows]
        )
        assert mine <= theirs * (1 + 1e-6)
        if probability is not None:
            expected = best.predict_proba(np.asarray(X, dtype=np.float64))[:, 1]
            np.testing.assert_allclose(
                head.predict_proba(X)[:, label], expected, atol=probability
            )


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


def test_labels_too_hard_for_float32_go_on_in_float64(monkeypatch):
    X, Y = make_data(2000, 30, dtype=np.float32)
    products_in_double = []
    original = products.NumpyProducts.backward_double

    def counted(self, U):
        products_in_double.append(U.shape[1])
        return original(self, U)

    monkeypatch.setattr(products.NumpyProducts, "backward_double", counted)
    MultiLabelLogisticRegression(C=1).fit(X, Y)
    assert products_in_double == []
    head = MultiLabelLogisticRegression(C=1e5).fit(X, Y)
    assert products_in_double
    assert_optimal(head, X, Y, C=1e5)


# Weights


def weights_of(Y, pairs):
    """Weights (n, n_labels) of entries, for one pair of class weights a label."""
    pairs = np.asarray(pairs, dtype=float)
    return np.where(Y == 1, pairs[:, 1], pairs[:, 0])


def test_balanced_class_weights_are_those_of_each_label():
    X, Y = make_data()
    head = MultiLabelLogisticRegression(class_weight="balanced").fit(X, Y)
    n, ones = len(Y), Y.sum(axis=0)
    pairs = np.column_stack([n / (2 * (n - ones)), n / (2 * ones)])
    assert_optimal(head, X, Y, weights=weights_of(Y, pairs))


@pytest.mark.parametrize(
    "class_weight, pairs",
    [
        ({0: 0.5, 1: 7}, [[0.5, 7]] * 5),
        ({1: 3}, [[1, 3]] * 5),
        ([{1: k} for k in range(1, 6)], [[1, k] for k in range(1, 6)]),
    ],
)
def test_class_weights_are_those_given(class_weight, pairs):
    X, Y = make_data()
    head = MultiLabelLogisticRegression(class_weight=class_weight).fit(X, Y)
    assert_optimal(head, X, Y, weights=weights_of(Y, pairs))


def test_balanced_class_weights_count_sample_weights():
    X, Y = make_data()
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    head = MultiLabelLogisticRegression(class_weight="balanced", tol=1e-8)
    weighted = clone(head).fit(X, Y, weight)
    repeated = clone(head).fit(X.repeat(weight, axis=0), Y.repeat(weight, axis=0))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
def test_sample_weight_counts_as_repetition_and_scales_like_C(scale):
    X, Y = make_data()
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    weighted = MultiLabelLogisticRegression(C=1 / scale, tol=1e-8)
    weighted.fit(X, Y, weight * scale)
    repeated = MultiLabelLogisticRegression(tol=1e-8)
    repeated.fit(X.repeat(weight, axis=0), Y.repeat(weight, axis=0))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-5, atol=1e-7)


# Unknown and constant labels


def test_unknown_entries_are_left_out_of_their_label():
    X, Y = make_data()
    known = np.random.default_rng(0).random(Y.shape) < 0.7
    head = MultiLabelLogisticRegression().fit(X, np.where(known, Y, np.nan))
    assert_optimal(head, X, Y, weights=known.astype(float))


@pytest.mark.parametrize(
    "head", [MultiLabelLogisticRegression(), MultiLabelLogisticRegressionCV(Cs=2, cv=2)]
)
def test_targets_of_which_none_is_known_are_refused(head):
    with pytest.raises(ValueError, match="at least one known label. Got NaN only"):
        head.fit(np.eye(4), np.full((4, 2), np.nan))


def test_unknown_entries_and_all_weights_together():
    X, Y = make_data()
    rng = np.random.default_rng(0)
    known, weight = rng.random(Y.shape) < 0.7, rng.random(len(X))
    head = MultiLabelLogisticRegression(class_weight={1: 3})
    head.fit(X, np.where(known, Y, np.nan), weight)
    weights = known * weight[:, None] * np.where(Y == 1, 3, 1)
    assert_optimal(head, X, Y, weights=weights)


def test_constant_labels_get_a_smoothed_frequency():
    X, Y = make_data(50, 4, 5)
    Y = Y.astype(float)
    Y[:, 0], Y[:, 1], Y[:, 2] = 0, 1, np.nan
    Y[10:, 3] = np.nan
    Y[:10, 3] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        head = MultiLabelLogisticRegression().fit(X, Y)
    expected = np.tile([1 / 52, 51 / 52, 0.5, 11 / 12], (50, 1))
    np.testing.assert_allclose(head.predict_proba(X)[:, :4], expected)
    np.testing.assert_array_equal(head.predict(X)[0, :4], [0, 1, 0, 1])
    assert not head.coef_[:4].any()
    assert_optimal(
        MultiLabelLogisticRegression().fit(X, Y[:, 4:]), X, Y[:, 4:].astype(int)
    )


def test_constant_labels_without_intercept_are_solved():
    X, Y = make_data(80, 5, 2)
    Y[:, 0] = 1
    head = MultiLabelLogisticRegression(fit_intercept=False).fit(X, Y)
    # scikit-learn refuses one class: a row of zeros with the other changes nothing.
    X, Y = np.vstack([X, 0 * X[:1]]), np.vstack([Y, [0, 0]])
    assert_optimal(head, X, Y, fit_intercept=False)


def test_a_class_of_weight_zero_leaves_a_constant_label():
    X, Y = make_data(50, 4, 2)
    head = MultiLabelLogisticRegression(class_weight=[{0: 0}, {}]).fit(X, Y)
    ones = Y[:, 0].sum()
    np.testing.assert_allclose(head.predict_proba(X)[:, 0], (ones + 1) / (ones + 2))


# Forms of X and y


@pytest.mark.parametrize(
    "convert",
    [
        lambda Y: Y.astype(bool),
        lambda Y: Y.astype(np.float32),
        lambda Y: Y.tolist(),
        lambda Y: sparse.csr_matrix(Y),
        lambda Y: sparse.csc_array(Y),
        lambda Y: pd.DataFrame(Y, columns=list("abcde")),
        lambda Y: pd.DataFrame(Y, columns=list("abcde")).astype("Int64"),
        lambda Y: pd.DataFrame(Y, columns=list("abcde")).astype("boolean"),
        lambda Y: pl.DataFrame(Y, schema=list("abcde")),
    ],
)
def test_targets_of_every_form_give_the_same_fit(convert):
    X, Y = make_data()
    expected = MultiLabelLogisticRegression().fit(X, Y)
    head = MultiLabelLogisticRegression().fit(X, convert(Y))
    np.testing.assert_array_equal(head.coef_, expected.coef_)
    if hasattr(convert(Y), "columns"):
        np.testing.assert_array_equal(head.label_names_, list("abcde"))
    else:
        assert not hasattr(head, "label_names_")


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_values_of_every_kind_are_unknown(missing):
    X, Y = make_data()
    expected = MultiLabelLogisticRegression().fit(X[1:], Y[1:])
    Y = Y.astype(object)
    Y[0] = missing
    head = MultiLabelLogisticRegression().fit(X, Y)
    np.testing.assert_allclose(
        head.predict_proba(X), expected.predict_proba(X), atol=1e-4
    )


def test_outputs_of_two_dimensional_targets_have_one_column_per_label():
    X, Y = make_data()
    head = MultiLabelLogisticRegression().fit(X, Y)
    assert [list(classes) for classes in head.classes_] == [[0, 1]] * 5
    assert (head.coef_.shape, head.intercept_.shape) == ((5, 20), (5,))
    assert head.n_iter_.shape == (5,) and (head.n_iter_ > 0).all()
    decisions, probabilities = head.decision_function(X), head.predict_proba(X)
    np.testing.assert_allclose(probabilities, expit(decisions))
    np.testing.assert_array_equal(head.predict(X), (decisions > 0).astype(int))
    assert head.predict(X).dtype.kind == "i"


def test_a_single_label_in_two_dimensions_stays_two_dimensional():
    X, Y = make_data(n_labels=1)
    head = MultiLabelLogisticRegression().fit(X, Y)
    assert head.predict(X).shape == head.predict_proba(X).shape == (300, 1)
    assert_optimal(head, X, Y)


@pytest.mark.parametrize("classes", [["cat", "dog"], [-1, 3], [False, True]])
def test_one_dimensional_targets_make_a_plain_binary_classifier(classes):
    X, Y = make_data(n_labels=1)
    y = np.array(classes)[Y[:, 0]]
    head = MultiLabelLogisticRegression().fit(X, y)
    best = oracle(X, y)
    np.testing.assert_array_equal(head.classes_, best.classes_)
    assert (head.coef_.shape, head.intercept_.shape) == ((1, 20), (1,))
    np.testing.assert_allclose(head.predict_proba(X), best.predict_proba(X), atol=1e-4)
    np.testing.assert_allclose(
        head.decision_function(X), best.decision_function(X), atol=1e-3
    )
    assert (head.predict(X) == best.predict(X)).mean() > 0.99


def test_class_weights_of_one_dimensional_targets_are_by_class():
    X, Y = make_data(n_labels=1)
    y = np.array(["cat", "dog"])[Y[:, 0]]
    parameters = {"class_weight": {"cat": 0.2, "dog": 4}}
    head = MultiLabelLogisticRegression(**parameters).fit(X, y)
    best = oracle(X, y, **parameters)
    np.testing.assert_allclose(head.predict_proba(X), best.predict_proba(X), atol=1e-4)


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


# Errors


@pytest.mark.parametrize(
    "bad, shown",
    [(2, r"Got 2\.0 \(row 3, column 1\)"), (np.inf, "Got inf"), (0.5, "Got 0.5")],
)
def test_other_values_in_targets_are_refused_by_place(bad, shown):
    X, Y = make_data()
    Y = Y.astype(float)
    Y[3, 1] = bad
    with pytest.raises(ValueError, match=f"y must hold only 0 and 1.*{shown}"):
        MultiLabelLogisticRegression().fit(X, Y)


def test_other_values_in_a_frame_are_refused_by_label():
    X, Y = make_data()
    Y = pd.DataFrame(Y, columns=list("abcde")).astype(object)
    Y.iloc[2, 3] = "yes"
    with pytest.raises(ValueError, match=r"Got 'yes' \(row 2, column 3, label 'd'\)"):
        MultiLabelLogisticRegression().fit(X, Y)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(bad):
    X, Y = make_data()
    X[5, 2] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        MultiLabelLogisticRegression().fit(X, Y)
    head = MultiLabelLogisticRegression().fit(np.nan_to_num(X, posinf=0), Y)
    with pytest.raises(ValueError, match="Input X contains"):
        head.predict_proba(X)


@pytest.mark.parametrize(
    "y, match",
    [
        (np.arange(300) % 3, "Only binary classification.*LabelBinarizer"),
        (np.zeros(300), "must hold two classes. Got one class only"),
        (np.linspace(0, 1, 300), "Unknown label type: continuous"),
        (np.zeros((300, 2, 2)), r"1 dimension .* or 2.*Got an array of shape \(300"),
        (np.zeros((300, 0)), "at least one row and one label"),
        (np.zeros((299, 2)), "inconsistent numbers of samples"),
        (None, "requires y to be passed"),
    ],
)
def test_targets_that_make_no_sense_are_refused(y, match):
    with pytest.raises(ValueError, match=match):
        MultiLabelLogisticRegression().fit(make_data()[0], y)


@pytest.mark.parametrize(
    "class_weight, match",
    [
        ({2: 1}, r"only the classes \[0, 1\] as keys. Got 2"),
        ({1: -1}, r"non-negative weights. Got -1 \(label 0\)"),
        ([{1: 2}], "one dict for each of the 5 labels. Got 1"),
    ],
)
def test_class_weights_that_make_no_sense_are_refused(class_weight, match):
    with pytest.raises(ValueError, match=match):
        MultiLabelLogisticRegression(class_weight=class_weight).fit(*make_data())


@pytest.mark.parametrize(
    "weight, match",
    [(-1.0, "Negative values"), (0.0, "positive weight|non-zero number")],
)
def test_weights_that_make_no_sense_are_refused(weight, match):
    X, Y = make_data()
    with pytest.raises(ValueError, match=match):
        MultiLabelLogisticRegression().fit(X, Y, np.full(len(X), weight))


def test_labels_that_do_not_converge_are_named():
    X, Y = make_data(n_labels=3)
    Y[:, 1] = 0
    frame = pd.DataFrame(Y, columns=["cat", "dog", "owl"])
    head = MultiLabelLogisticRegression(C=100, max_iter=1)
    with pytest.warns(ConvergenceWarning, match="2 of 3 labels .*steps: 'cat', 'owl'."):
        head.fit(X, frame)
    np.testing.assert_array_equal(head.n_iter_, [1, 0, 1])


# Devices


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("C", [1.0, 1e5])
def test_torch_gives_the_fit_of_numpy(monkeypatch, dtype, C):
    X, Y = make_data(500, 150, dtype=dtype)
    Y = np.where(np.random.default_rng(0).random(Y.shape) < 0.1, np.nan, Y)
    weight = np.random.default_rng(1).random(len(X))
    parameters = {"C": C, "class_weight": "balanced"}
    expected = MultiLabelLogisticRegression(device="cpu", **parameters)
    expected.fit(X, Y, weight)
    monkeypatch.setattr(
        "sklearn_clip.heads.linear._logistic.make_products",
        lambda X, device, n_columns: products.TorchProducts(X, "cpu"),
    )
    head = MultiLabelLogisticRegression(**parameters).fit(X, Y, weight)
    np.testing.assert_allclose(
        head.predict_proba(X), expected.predict_proba(X), atol=1e-4
    )


@pytest.mark.parametrize("device", ["tpu", "CPU"])
def test_unknown_devices_are_refused(device):
    with pytest.raises(ValueError, match="device must be 'auto', 'cpu' or a CUDA"):
        MultiLabelLogisticRegression(device=device).fit(*make_data())


def test_a_cuda_device_that_is_not_there_is_refused():
    import torch

    device = f"cuda:{torch.cuda.device_count() + 3}"
    with pytest.raises(ValueError, match="cannot be used on this machine"):
        MultiLabelLogisticRegression(device=device).fit(*make_data())


def test_a_gpu_that_fails_is_replaced_by_the_cpu_with_a_warning(monkeypatch):
    def fail(X, device):
        raise RuntimeError("no kernel image")

    monkeypatch.setattr(products, "_WORTH_A_GPU", 0)
    monkeypatch.setattr(products, "_has_cuda", lambda: True)
    monkeypatch.setattr(products, "TorchProducts", fail)
    X, Y = make_data()
    with pytest.warns(UserWarning, match="GPU is present but cannot be used"):
        head = MultiLabelLogisticRegression().fit(X, Y)
    assert_optimal(head, X, Y)


# Among scikit-learn's tools


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


def test_names_of_an_earlier_fit_are_forgotten():
    X, Y = make_data()
    head = MultiLabelLogisticRegression().fit(X, pd.DataFrame(Y, columns=list("abcde")))
    assert not hasattr(head.fit(X, Y), "label_names_")


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
