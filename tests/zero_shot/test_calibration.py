"""Scale and bias per label: what many rows say, and what few rows may not."""

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from sklearn_clip._shared import _entries
from sklearn_clip.zero_shot._calibration import (
    _likelihood,
    expected_f1_thresholds,
    fit_calibration,
)

SLOPES, INTERCEPTS = np.array([0.6, 1.0, 1.5]), np.array([-1.0, 0.5, 1.0])


def draw(n, *, seed=0, slopes=SLOPES, intercepts=INTERCEPTS):
    """Scores that are log-odds but for a slope and an intercept per label."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(-2, 2, size=(n, len(slopes))).astype(np.float32)
    y = (rng.random(scores.shape) < expit(slopes * scores + intercepts)).astype(float)
    return scores, y


@pytest.mark.parametrize("is_logit", [True, False])
def test_many_rows_give_what_logistic_regression_gives(is_logit):
    scores, y = draw(20_000)
    found = fit_calibration(scores, y, is_logit=is_logit)
    for j in range(3):
        exact = LogisticRegression(C=np.inf).fit(scores[:, [j]], y[:, j])
        assert found.slope[j] == pytest.approx(exact.coef_[0, 0], abs=0.06)
        assert found.intercept[j] == pytest.approx(exact.intercept_[0], abs=0.12)


def test_gradient_is_that_of_the_loss(monkeypatch):
    monkeypatch.setattr(_entries, "BLOCK_SIZE", 30)
    scores, y = draw(40)
    y[::3, 1] = np.nan
    start = np.array([0.3, 1.0, 2.0, -1.0, 0.0, 1.0])

    def value(p):
        return _likelihood(scores, y, -2.0, np.exp(p[:3]), p[3:])[0]

    def gradient(p):
        return np.concatenate(_likelihood(scores, y, -2.0, np.exp(p[:3]), p[3:])[1:])

    start[:3] = np.log([0.5, 1.0, 2.0])
    assert check_grad(value, gradient, start) < 1e-4 * np.abs(gradient(start)).max()
    known = ~np.isnan(y)
    z = np.exp(start[:3]) * (scores + 2.0) + start[3:]
    expected = log_loss(y[known], expit(z)[known]) * known.sum()
    assert value(start) == pytest.approx(expected, rel=1e-6)


def test_label_without_known_rows_follows_the_others():
    scores, y = draw(500, slopes=np.ones(3), intercepts=np.full(3, 2.0))
    y[:, 2] = np.nan
    found = fit_calibration(scores, y, is_logit=True)
    assert found.slope[2] == pytest.approx(found.common_slope, rel=1e-3)
    assert found.intercept[2] == pytest.approx(found.common_intercept, abs=1e-2)
    assert found.common_intercept > 0.5


def test_unknown_entries_are_left_out():
    scores, y = draw(300)
    hidden = y.copy()
    hidden[100:] = np.nan
    part = fit_calibration(scores[:100], y[:100], is_logit=True)
    # The centre is that of the known scores in both.
    found = fit_calibration(scores, hidden, is_logit=True)
    np.testing.assert_allclose(found.slope, part.slope, rtol=1e-3)
    np.testing.assert_allclose(found.intercept, part.intercept, atol=5e-3)


@pytest.mark.parametrize("n_rows", [1, 2, 5, 20])
def test_few_rows_do_not_make_good_scores_worse(n_rows):
    scores, y = draw(4000, slopes=np.ones(12), intercepts=np.zeros(12))
    before = log_loss(y.ravel(), expit(scores).ravel())
    for seed in range(10):
        few = draw(n_rows, seed=seed + 1, slopes=np.ones(12), intercepts=np.zeros(12))
        found = fit_calibration(*few, is_logit=True)
        after = expit(found.slope * scores + found.intercept)
        assert log_loss(y.ravel(), after.ravel()) < before + 0.01


def test_slopes_stay_positive_and_finite_against_contrary_rows():
    scores, y = draw(200)
    for targets in (1 - y, np.zeros_like(y), np.ones_like(y)):
        found = fit_calibration(scores, targets, is_logit=False)
        assert (found.slope > 0).all() and np.isfinite(found.intercept).all()


def test_cosines_without_a_zero_get_one():
    scores, y = draw(60, slopes=np.ones(10), intercepts=np.zeros(10))
    found = fit_calibration(scores + 30, y, is_logit=False)
    after = expit(found.slope * (scores + 30) + found.intercept)
    assert abs(after.mean() - y.mean()) < 0.02


def test_threshold_is_half_the_best_expected_f1():
    rng = np.random.default_rng(0)
    p = rng.beta(0.5, 3, size=(400, 2))
    found = expected_f1_thresholds(p, 0.2)
    for j in range(2):
        candidates = np.unique(p[:, j])
        total = p[:, j].sum()
        f1 = [
            2 * p[p[:, j] >= c, j].sum() / ((p[:, j] >= c).sum() + total)
            for c in candidates
        ]
        own = max(f1) / 2
        weight = total / (total + 10)
        assert found[j] == pytest.approx(weight * own + (1 - weight) * 0.2)
        # and it is near the threshold that has that F1
        assert abs(candidates[np.argmax(f1)] - own) < 0.03


def test_threshold_of_a_label_that_is_never_expected_is_the_common_one():
    found = expected_f1_thresholds(np.full((50, 1), 1e-6), 0.2)
    assert found[0] == pytest.approx(0.2, abs=1e-4)
