"""Log loss, Brier score and its parts, calibration error: against definitions."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from sklearn_clip.metrics import (
    _calibration,
    _calibration_bins,
    brier_score_parts,
    expected_calibration_error,
    masked_brier_score,
    masked_log_loss,
    masked_neg_brier_scorer,
    masked_neg_log_loss_scorer,
    neg_expected_calibration_error_scorer,
)
from sklearn_clip.metrics._calibration_bins import bin_labels
from sklearn_clip.metrics._entries import check_targets

LOSSES = (masked_log_loss, masked_brier_score)
each_loss = pytest.mark.parametrize("metric", LOSSES)


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    P = rng.random((80, 4)) ** 2
    Y = (rng.random(P.shape) < P).astype(float)
    Y[rng.random(Y.shape) < 0.2] = np.nan
    return Y, P, rng.integers(0, 4, 80).astype(float)


def entry_loss(metric, y, p):
    if metric is masked_brier_score:
        return (y - p) ** 2
    return -np.log(p if y == 1 else 1 - p)


@each_loss
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "samples", None])
def test_loss_is_the_mean_of_known_entries(metric, weighted, average, problem):
    Y, P, weight = problem
    weight = weight if weighted else np.ones(len(Y))
    loss = np.full(Y.shape, np.nan)
    for at in zip(*np.nonzero(~np.isnan(Y)), strict=True):
        loss[at] = entry_loss(metric, Y[at], P[at])
    each = np.broadcast_to(weight[:, None], Y.shape)
    known = ~np.isnan(loss)
    labels = np.array(
        [
            np.average(column[k], weights=w[k])
            for column, k, w in zip(loss.T, known.T, each.T, strict=True)
        ]
    )
    expected = {
        "macro": labels.mean(),
        "micro": np.average(loss[known], weights=each[known]),
        "weighted": np.average(labels, weights=weight @ (Y == 1)),
        "samples": np.average(np.nanmean(loss, axis=1), weights=weight),
        None: labels,
    }[average]
    found = metric(Y, P, average=average, sample_weight=weight if weighted else None)
    np.testing.assert_allclose(found, expected)
    assert isinstance(found, float if average else np.ndarray)


def test_one_label_is_judged_as_by_scikit_learn(problem):
    Y, P, weight = problem
    rows = ~np.isnan(Y[:, 0])
    y, p, w = Y[rows, :1], P[rows, :1], weight[rows]
    np.testing.assert_allclose(
        masked_log_loss(y, p, sample_weight=w), log_loss(y[:, 0], p, sample_weight=w)
    )
    np.testing.assert_allclose(
        masked_brier_score(y, p, sample_weight=w),
        brier_score_loss(y[:, 0], p[:, 0], sample_weight=w),
    )


def test_probabilities_of_one_for_everything_are_not_perfect():
    """scikit-learn's log loss of several labels counts those that are there alone."""
    Y = np.eye(4, 3)[:3]
    ones = np.ones(Y.shape)
    assert masked_log_loss(Y, ones) > 20
    assert masked_brier_score(Y, ones) == pytest.approx(2 / 3)
    assert masked_log_loss(Y, Y) < 1e-12
    assert masked_log_loss(1 - Y, ones) > 10
    half = np.full(Y.shape, 0.5)
    assert masked_log_loss(Y, half) == pytest.approx(np.log(2))
    assert expected_calibration_error(Y, ones, debiased=False) == pytest.approx(2 / 3)


@pytest.mark.parametrize("make", [np.asarray, pd.DataFrame, sparse.csr_array, list])
@pytest.mark.parametrize("kind", [bool, np.int8, np.int64, float, np.float32])
def test_sure_mistake_costs_what_its_type_says(kind, make):
    """As of scikit-learn; of labels in the place of probabilities all the same."""
    Y, P = np.array([[1, 0], [1, 1]]), np.array([[0, 0], [1, 1]], dtype=kind)
    if make is list:  # of Python's own numbers
        P, kind = P.tolist(), float
    eps = np.finfo(kind if np.dtype(kind).kind == "f" else float).eps
    expected = (-np.log(eps) - 3 * np.log1p(-eps)) / 4
    assert masked_log_loss(Y, make(P)) == pytest.approx(expected, rel=1e-6)


def test_half_precision_is_as_unsure_as_of_scikit_learn():
    y, p = [1, 0, 1], np.array([0, 0, 1], dtype=np.float16)
    found = masked_log_loss(np.reshape(y, (3, 1)), p[:, None])
    assert found == pytest.approx(log_loss(y, p), rel=1e-3)


@pytest.mark.parametrize("kind", [np.float32, np.float64, bool, int])
def test_certain_probabilities_have_a_finite_loss(kind):
    P = np.array([[1, 0], [0, 1]], dtype=kind)
    wrong = masked_log_loss([[0, 0], [1, 1]], P)
    assert 5 < wrong < 40


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
@pytest.mark.parametrize("n_bins", [1, 5, 200])
def test_parts_of_the_brier_score_add_up_to_it(weighted, average, n_bins, problem):
    Y, P, weight = problem
    options = {"average": average, "sample_weight": weight if weighted else None}
    parts = brier_score_parts(Y, P, n_bins=n_bins, **options)
    reliability, resolution, uncertainty = parts
    np.testing.assert_allclose(
        reliability - resolution + uncertainty, masked_brier_score(Y, P, **options)
    )
    assert (np.asarray(reliability) >= 0).all()
    assert ((np.asarray(uncertainty) >= 0) & (np.asarray(uncertainty) <= 0.25)).all()
    assert parts.reliability is reliability


def test_parts_tell_what_calibration_can_mend():
    rng = np.random.default_rng(0)
    P = rng.random((20_000, 1))
    Y = (rng.random(P.shape) < P).astype(int)
    good, squared = brier_score_parts(Y, P), brier_score_parts(Y, P**2)
    base = brier_score_parts(Y, np.full(P.shape, Y.mean()))
    assert good.reliability < 1e-3 < 0.01 < squared.reliability
    assert good.resolution == pytest.approx(squared.resolution, abs=2e-3)
    assert base.reliability == pytest.approx(0) == base.resolution
    assert good.uncertainty == squared.uncertainty == base.uncertainty


def test_parts_of_few_distinct_probabilities_are_murphys():
    P = np.repeat([[0.1], [0.4], [0.8]], [10, 20, 10], axis=0)
    Y = np.zeros(P.shape)
    Y[[0, 12, 13, 14, 32, 33, 34, 35, 36]] = 1
    shares, weight = np.array([0.1, 0.15, 0.5]), np.array([10, 20, 10]) / 40
    base = Y.mean()
    found = brier_score_parts(Y, P, n_bins=40)
    expected = (
        weight @ (shares - [0.1, 0.4, 0.8]) ** 2,
        weight @ (shares - base) ** 2,
        base * (1 - base),
    )
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_plain_error_is_that_of_the_bins(norm):
    rng = np.random.default_rng(1)
    P = rng.random((60, 2))
    Y = (rng.random(P.shape) < P).astype(int)
    order = np.argsort(P[:, 0])
    bins = list(order.reshape(6, 10))
    gaps = np.array([abs(P[b, 0].mean() - Y[b, 0].mean()) for b in bins])
    expected = {
        "l1": gaps.mean(),
        "l2": np.sqrt((gaps**2).mean()),
        "max": gaps.max(),
    }[norm]
    found = expected_calibration_error(
        Y, P, n_bins=6, norm=norm, debiased=False, average=None
    )
    np.testing.assert_allclose(found[0], expected)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_debiased_error_of_perfect_probabilities_is_about_zero(norm):
    plain, mended, true = [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        P = rng.random((300, 1))
        Y = (rng.random(P.shape) < P).astype(int)
        options = {"norm": norm, "average": "micro"}
        plain.append(expected_calibration_error(Y, P, debiased=False, **options))
        mended.append(expected_calibration_error(Y, P, **options))
        off = (rng.random(P.shape) < np.clip(P - 0.2, 0, 1)).astype(int)
        true.append(expected_calibration_error(off, P, **options))
    assert np.mean(plain) > 0.06
    assert np.mean(mended) < 0.7 * np.mean(plain)
    # Of P uniform and 0.2 too high, down to 0: 0.2 for four fifths, less for the rest.
    expected = {"l1": 0.18, "l2": np.sqrt(0.04 * 0.8 + 0.2**3 / 3)}[norm]
    assert np.mean(true) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("n_bins", [1, 7, 40])
@pytest.mark.parametrize("decimals", [1, 2, 16])
def test_bins_are_those_of_equal_weights_however_many_rows(
    n_bins, decimals, monkeypatch
):
    monkeypatch.setattr(_calibration_bins, "_BLOCK_SIZE", 64)
    rng = np.random.default_rng(n_bins)
    P = np.round(rng.beta(0.4, 4, (500, 1)), decimals).astype(np.float32)
    Y = rng.random(P.shape) < P
    bins = bin_labels(check_targets(Y), P, None, n_bins=n_bins, spread=True)[0]
    # Each group of equal probabilities goes where its middle lies.
    middle = np.array([((p > P).sum() + (p >= P).sum()) / 2 for p in P[:, 0]])
    place = np.minimum(middle / len(P) * n_bins, n_bins - 1).astype(int)
    groups = [np.flatnonzero(place == k) for k in np.unique(place)]
    expected = [
        (len(rows), len(rows), p.mean(), y.mean(), p.var(), ((p - p.mean()) * y).mean())
        for rows in groups
        for p, y in [(P[rows, 0].astype(np.float64), Y[rows, 0])]
    ]
    np.testing.assert_allclose(np.transpose(bins), expected, rtol=1e-12, atol=1e-15)
    ones = np.ones(len(P))
    weighted = bin_labels(check_targets(Y), P, ones, n_bins=n_bins, spread=True)[0]
    np.testing.assert_allclose(bins, weighted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("debiased", [True, False])
def test_order_of_rows_and_ties_do_not_matter(debiased):
    rng = np.random.default_rng(0)
    P = rng.integers(0, 4, (200, 3)) / 3
    Y = rng.integers(0, 2, P.shape)
    shuffled = rng.permutation(200)
    found = [
        expected_calibration_error(y, p, n_bins=7, debiased=debiased)
        for y, p in ((Y, P), (Y[shuffled], P[shuffled]))
    ]
    np.testing.assert_allclose(*found)


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", None])
@pytest.mark.parametrize(
    "metric", [*LOSSES, expected_calibration_error, brier_score_parts]
)
def test_hidden_entries_and_rows_without_weight_say_nothing(metric, average, problem):
    Y, P, weight = problem
    other = np.where(np.isnan(Y), np.random.default_rng(1).random(P.shape), P)
    found = [metric(Y, p, average=average) for p in (P, other)]
    np.testing.assert_allclose(*found)
    kept = weight > 0
    found = metric(Y, P, average=average, sample_weight=weight)
    expected = metric(Y[kept], P[kept], average=average, sample_weight=weight[kept])
    np.testing.assert_allclose(found, expected)


def test_label_of_which_nothing_is_known_is_left_out(problem):
    Y, P, _ = problem
    hidden = Y.copy()
    hidden[:, 1] = np.nan
    for metric in (*LOSSES, expected_calibration_error):
        each = metric(hidden, P, average=None)
        assert np.isnan(each).tolist() == [False, True, False, False]
        assert metric(hidden, P) == pytest.approx(np.nanmean(each))
        with pytest.warns(UndefinedMetricWarning, match="no entry of y_true is known"):
            assert np.isnan(metric(np.full(Y.shape, np.nan), P))


def test_micro_error_lets_labels_hide_each_other():
    rng = np.random.default_rng(0)
    P = np.full((4000, 2), 0.5)
    Y = rng.random(P.shape) < [0.3, 0.7]
    assert expected_calibration_error(Y, P, average="micro") < 0.02
    assert expected_calibration_error(Y, P) == pytest.approx(0.2, abs=0.02)


SCORERS = {
    "log loss": (masked_neg_log_loss_scorer, masked_log_loss),
    "Brier": (masked_neg_brier_scorer, masked_brier_score),
    "error": (neg_expected_calibration_error_scorer, expected_calibration_error),
}


@pytest.mark.parametrize(("scorer", "metric"), SCORERS.values(), ids=SCORERS)
def test_scorers_are_the_negative_metrics(scorer, metric):
    X, Y = make_multilabel_classification(n_classes=3, random_state=0)
    head = OneVsRestClassifier(LogisticRegression())
    fitted = head.fit(X, Y)
    assert scorer(fitted, X, Y) == -metric(Y, fitted.predict_proba(X))
    grid = {"estimator__C": [1e-4, 1.0]}
    search = GridSearchCV(head, grid, scoring=scorer, cv=KFold(3), error_score="raise")
    assert search.fit(X, Y).best_score_ <= 0
    with pytest.raises(ValueError, match="MultiLabelCalibrator makes probabilities"):
        scorer(OneVsRestClassifier(LinearSVC()).fit(X, Y), X, Y)


def test_log_loss_scorer_chooses_by_absent_labels_too():
    X, Y = make_multilabel_classification(300, n_classes=3, random_state=0)
    head = OneVsRestClassifier(LogisticRegression())
    search = GridSearchCV(
        head,
        {"estimator__C": [1e-6, 0.1]},
        scoring=masked_neg_log_loss_scorer,
        cv=KFold(3),
    )
    assert search.fit(X, Y).best_params_ == {"estimator__C": 0.1}


def test_bad_input_gets_a_sentence(problem):
    Y, P, _ = problem
    for metric in (*LOSSES, expected_calibration_error, brier_score_parts):
        with pytest.raises(ValueError, match=r"\[0, 1\]. Got 1.5 \(row 0, column 1\)"):
            metric([[0, 1]], [[0.5, 1.5]])
        with pytest.raises(ValueError, match="y_prob must have the shape of y_true"):
            metric(Y, P[:, :2])
        with pytest.raises(ValueError, match="y_prob must hold a number for every"):
            metric([[0, 1]], [[0.5, np.nan]])
        with pytest.raises(ValueError, match="average must be one of"):
            metric(Y, P, average="mean")
        columns = pd.DataFrame(P, columns=list("abcd"))
        with pytest.raises(ValueError, match=r"y_prob\[y_true.columns\]"):
            metric(pd.DataFrame(Y, columns=list("bacd")), columns)
    for metric in (expected_calibration_error, brier_score_parts):
        for wrong in (0, 2.5, True, "ten"):
            with pytest.raises(ValueError, match="n_bins must be a positive integer"):
                metric(Y, P, n_bins=wrong)
        with pytest.raises(ValueError, match="too few to be counted in bins"):
            metric(Y, P, average="samples")
        with pytest.raises(ValueError, match="'weighted', None. Got 'binary'"):
            metric(Y, P, average="binary")
    with pytest.raises(ValueError, match="norm must be"):
        expected_calibration_error(Y, P, norm="l3")


def test_no_warning_where_there_is_nothing_wrong(problem):
    Y, P, weight = problem
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for metric in (*LOSSES, expected_calibration_error, brier_score_parts):
            metric(Y, P, sample_weight=weight)
            metric([[1]], [[0.0]])


def test_type_of_probabilities_is_read_once(monkeypatch):
    P = np.random.default_rng(0).random((50, 4))
    read = []
    monkeypatch.setattr(_calibration, "as_array", lambda *_: read.append(1) or P)
    blocks = [slice(start, start + 10) for start in range(0, 50, 10)]
    monkeypatch.setattr(_calibration, "row_blocks", lambda *_: blocks)
    found = masked_log_loss(P > 0.5, pd.DataFrame(P))
    assert found == pytest.approx(log_loss((P > 0.5).ravel(), P.ravel()))
    assert len(read) == 1
