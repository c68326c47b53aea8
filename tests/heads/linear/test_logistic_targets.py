"""Targets of the logistic regression: forms, unknown and constant labels, errors."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from logistic_problems import assert_optimal, make_data, oracle
from scipy import sparse
from scipy.special import expit

from sklearn_clip.heads import (
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
)
from sklearn_clip.heads.linear import _design_matrix


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


def test_names_of_an_earlier_fit_are_forgotten():
    X, Y = make_data()
    head = MultiLabelLogisticRegression().fit(X, pd.DataFrame(Y, columns=list("abcde")))
    assert not hasattr(head.fit(X, Y), "label_names_")


@pytest.mark.parametrize(
    "form", [sparse.csr_array, sparse.coo_matrix, sparse.csc_array]
)
def test_sparse_targets_give_the_fit_of_dense_ones(form):
    X, Y = make_data(300, 6)
    dense = MultiLabelLogisticRegression().fit(X, Y)
    same = MultiLabelLogisticRegression().fit(X, form(Y))
    np.testing.assert_allclose(same.coef_, dense.coef_, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(same.intercept_, dense.intercept_, atol=1e-4)


def test_sparse_targets_are_never_made_dense(monkeypatch):
    def refuse(self, *args, **kwargs):
        raise AssertionError("made dense")

    X, Y = make_data(300, 20)
    rare = sparse.csr_array(
        np.where(np.random.default_rng(0).random(Y.shape) < 0.95, 0, Y)
    )
    for kind in (sparse.csr_array, sparse.csc_array, sparse.coo_array):
        monkeypatch.setattr(kind, "toarray", refuse)
    head = MultiLabelLogisticRegression().fit(X, rare)
    assert head.coef_.shape == (rare.shape[1], 20) and np.abs(head.coef_).max() > 0


def test_a_memory_map_is_not_read_into_memory(tmp_path, monkeypatch):
    X, Y = make_data(300, 20)
    np.save(tmp_path / "X.npy", X)
    seen = []
    fit = _design_matrix.NumpyProducts.__init__
    monkeypatch.setattr(
        _design_matrix.NumpyProducts,
        "__init__",
        lambda self, X: (seen.append(X), fit(self, X))[1],
    )
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    head = MultiLabelLogisticRegression().fit(mapped, Y)
    assert np.shares_memory(seen[0], mapped)
    expected = MultiLabelLogisticRegression().fit(X, Y)
    np.testing.assert_array_equal(head.coef_, expected.coef_)
