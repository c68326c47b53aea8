"""Masked metrics against scikit-learn, and brute force that drops unknown entries."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_problems import problems
from scipy import sparse
from sklearn import metrics as theirs
from sklearn.exceptions import UndefinedMetricWarning
from torchmetrics.functional import classification

from sklearn_clip._shared import _entries
from sklearn_clip.metrics import (
    masked_f1_score,
    masked_fbeta_score,
    masked_hamming_loss,
    masked_jaccard_score,
    masked_precision_score,
    masked_recall_score,
    masked_subset_accuracy_score,
)

AVERAGES = ["macro", "micro", "weighted", "samples", None]
PAIRS = [
    (masked_precision_score, theirs.precision_score, {}),
    (masked_recall_score, theirs.recall_score, {}),
    (masked_f1_score, theirs.f1_score, {}),
    (masked_fbeta_score, theirs.fbeta_score, {"beta": 0.5}),
    (masked_fbeta_score, theirs.fbeta_score, {"beta": 0}),
    (masked_fbeta_score, theirs.fbeta_score, {"beta": np.inf}),
    (masked_jaccard_score, theirs.jaccard_score, {}),
]
IDS = [f"{ours.__name__}{kwargs or ''}" for ours, _, kwargs in PAIRS]


def quiet(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return function(*args, **kwargs)


def is_label(score):
    return np.asarray(score) > 0.3


def binary(function, y_true, y_pred, **kwargs):
    """scikit-learn's metric of the known entries of one label or row."""
    known = ~np.isnan(y_true)
    return function(y_true[known].astype(int), y_pred[known].astype(int), **kwargs)


def brute_force(function, y_true, y_pred, *, average, zero_division, **kwargs):
    kwargs["zero_division"] = zero_division
    if average == "micro":
        if np.isnan(y_true).all():
            return np.nan
        return binary(function, y_true.ravel(), y_pred.ravel(), **kwargs)
    if average == "samples":
        y_true, y_pred = y_true.T, y_pred.T
    values, weights = [], []
    for targets, guess in zip(y_true.T, y_pred.T, strict=True):
        known = not np.isnan(targets).all()
        values.append(binary(function, targets, guess, **kwargs) if known else np.nan)
        weights.append(np.nansum(targets) if average == "weighted" else 1.0)
    values, weights = np.array(values), np.array(weights)
    if average is None:
        return values
    defined = ~np.isnan(values)
    if not defined.any():
        return np.nan
    if not weights[defined].any():
        weights[:] = 1
    return np.average(values[defined], weights=weights[defined])


@pytest.mark.parametrize("ours, other, kwargs", PAIRS, ids=IDS)
@settings(deadline=None, max_examples=40)
@given(
    problem=problems(),
    average=st.sampled_from(AVERAGES),
    zero_division=st.sampled_from([0.0, 1.0, np.nan]),
)
def test_metric_equals_brute_force(
    ours, other, kwargs, problem, average, zero_division
):
    if other is theirs.jaccard_score and np.isnan(zero_division):
        zero_division = 0.0  # scikit-learn 1.6 takes 0 and 1 only
    y_true, y_pred = problem[0], is_label(problem[1])
    options = {"average": average, "zero_division": zero_division, **kwargs}
    found = quiet(ours, y_true, y_pred, **options)
    expected = brute_force(other, y_true, y_pred, **options)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("ours, other, kwargs", PAIRS, ids=IDS)
@settings(deadline=None, max_examples=40)
@given(
    problem=problems(unknown=False),
    average=st.sampled_from(AVERAGES),
    zero_division=st.sampled_from([0.0, 1.0]),
)
def test_metric_equals_scikit_learn_where_all_is_known(
    ours, other, kwargs, problem, average, zero_division
):
    y_true, y_pred = problem[0].astype(int), is_label(problem[1]).astype(int)
    if y_true.shape[1] == 1 and average != "micro":
        return  # one column is no multi-label target to scikit-learn
    if y_true.shape[1] == 1:
        y_true, y_pred = np.hstack([y_true] * 2), np.hstack([y_pred] * 2)
    options = {"average": average, "zero_division": zero_division, **kwargs}
    expected = other(y_true, y_pred, **options)
    np.testing.assert_allclose(ours(y_true, y_pred, **options), expected, atol=1e-12)


@settings(deadline=None)
@given(problems())
def test_hamming_loss_and_subset_accuracy_equal_brute_force(problem):
    y_true, y_pred = problem[0], is_label(problem[1])
    known = ~np.isnan(y_true)
    wrong = known & (y_pred != (y_true == 1))
    hamming = quiet(masked_hamming_loss, y_true, y_pred)
    subset = quiet(masked_subset_accuracy_score, y_true, y_pred)
    if not known.any():
        assert np.isnan(hamming) and np.isnan(subset)
        return
    assert hamming == pytest.approx(wrong.sum() / known.sum())
    right = [not row.any() for row, k in zip(wrong, known, strict=True) if k.any()]
    assert subset == pytest.approx(np.mean(right))
    if known.all() and y_true.shape[1] > 1:
        assert hamming == pytest.approx(theirs.hamming_loss(y_true, y_pred))
        assert subset == pytest.approx(theirs.accuracy_score(y_true, y_pred))


def random_problem(unknown=0.0):
    rng = np.random.default_rng(0)
    y_true = (rng.random((200, 8)) < 0.3).astype(float)
    y_pred = rng.random((200, 8)) < 0.4
    y_true[rng.random(y_true.shape) < unknown] = np.nan
    return y_true, y_pred


@pytest.mark.parametrize("average", AVERAGES)
def test_blocks_do_not_change_anything(monkeypatch, average):
    y_true, y_pred = random_problem(unknown=0.3)
    whole = masked_f1_score(y_true, y_pred, average=average)
    monkeypatch.setattr(_entries, "BLOCK_SIZE", 20)
    np.testing.assert_array_equal(
        masked_f1_score(y_true, y_pred, average=average), whole
    )


def test_sparse_targets_and_predictions_give_the_same():
    y_true, y_pred = random_problem()
    expected = masked_f1_score(y_true, y_pred)
    found = masked_f1_score(sparse.csc_matrix(y_true), sparse.csr_array(y_pred))
    assert found == expected


def test_label_without_known_entries_is_left_out():
    y_true = np.array([[1, np.nan], [0, np.nan]])
    y_pred = [[1, 1], [0, 1]]
    assert masked_f1_score(y_true, y_pred) == 1.0
    np.testing.assert_array_equal(
        masked_f1_score(y_true, y_pred, average=None), [1.0, np.nan]
    )


def test_nothing_known_gives_nan_with_a_warning_at_the_caller():
    y_true = np.full((2, 2), np.nan)
    for metric in (masked_f1_score, masked_hamming_loss, masked_subset_accuracy_score):
        with pytest.warns(UndefinedMetricWarning, match="no entry of y_true") as record:
            assert np.isnan(metric(y_true, [[1, 1], [0, 1]]))
        assert record[0].filename == __file__


@pytest.mark.parametrize("average", ["binary", "Macro", 1, ["macro"]])
def test_unknown_average_is_refused(average):
    with pytest.raises(ValueError, match="average must be one of 'macro', .*, None"):
        masked_f1_score([[1]], [[1]], average=average)


@pytest.mark.parametrize("zero_division", ["warn", 0.5, None])
def test_unknown_zero_division_is_refused(zero_division):
    with pytest.raises(ValueError, match="zero_division must be 0, 1 or NaN. Got"):
        masked_f1_score([[1]], [[1]], zero_division=zero_division)


@pytest.mark.parametrize("beta", [-1, np.nan, "1"])
def test_bad_beta_is_refused(beta):
    with pytest.raises(ValueError, match="beta must be a number of at least 0"):
        masked_fbeta_score([[1]], [[1]], beta=beta)


@pytest.mark.parametrize("beta", [1e100, 1e154, 1e200])
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "samples", None])
def test_large_beta_is_recall(beta, average):
    y_true, y_pred = random_problem()
    y_true[:, 0] = 1
    found = masked_fbeta_score(y_true, y_pred, beta=beta, average=average)
    expected = masked_recall_score(y_true, y_pred, average=average)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
def test_f1_equals_torchmetrics_with_an_ignored_index(average):
    y_true, y_pred = random_problem(unknown=0.3)
    other = classification.multilabel_f1_score(
        torch.tensor(y_pred).int(),
        torch.tensor(np.nan_to_num(y_true, nan=-1)).long(),
        num_labels=8,
        average=average or "none",
        ignore_index=-1,
    )
    found = masked_f1_score(y_true, y_pred, average=average)
    np.testing.assert_allclose(found, other.numpy(), atol=1e-6)
