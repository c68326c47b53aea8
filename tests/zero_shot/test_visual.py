"""Gaussian labels from rows without labels."""

import numpy as np
import pytest
from scipy.special import expit

from sklearn_clip._shared import _entries
from sklearn_clip.zero_shot import _visual
from sklearn_clip.zero_shot._scoring import Scorer
from sklearn_clip.zero_shot._visual import fit_visual_labels


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    rows, labels = unit(rng.normal(size=(300, 6))), unit(rng.normal(size=(3, 6)))
    return Scorer("sigmoid", labels, scale=8.0, bias=-3.0), rows


def fit_by_hand(scores, vectors, pull, refits=2):
    """The same from the formula, in float64."""
    mean = vectors.mean(axis=0)
    S = np.cov(vectors.T, bias=True)
    S = 0.5 * S + 0.5 * np.trace(S) / len(S) * np.eye(len(S))
    added = 0
    for _ in range(refits):
        p = expit(scores + added)
        count = p.sum(axis=0) ** 2 / (p**2).sum(axis=0)
        shift = (p.T @ vectors) / p.sum(axis=0)[:, None] - mean
        shift *= (count / (count + pull))[:, None]
        odds = [(vectors - mean - d / 2) @ np.linalg.solve(S, d) for d in shift]
        added = 0.25 * np.array(odds).T
    return added


@pytest.mark.parametrize("block", [64, 1 << 22])
def test_log_odds_are_those_of_two_gaussians(monkeypatch, problem, block):
    monkeypatch.setattr(_entries, "BLOCK_SIZE", block)
    scorer, rows = problem
    found = fit_visual_labels(scorer, rows)
    added = rows @ found.weights.T + found.intercept
    expected = fit_by_hand(scorer.score(rows), rows.astype(float), 20)
    np.testing.assert_allclose(added, expected, atol=1e-3)
    assert found.weights.dtype == found.intercept.dtype == np.float32
    together = scorer.with_visual(found).score(rows)
    np.testing.assert_allclose(together, scorer.score(rows) + added, atol=1e-4)


def test_regions_are_vectors_of_their_own_but_no_rows(problem):
    scorer, rows = problem
    parts = rows.reshape(100, 18).copy()
    parts[7, 12:] = 0  # a picture with one region less
    found = fit_visual_labels(scorer, parts)
    vectors = np.delete(rows, 23, axis=0)
    added = vectors @ found.weights.T + found.intercept
    expected = fit_by_hand(scorer.score(vectors), vectors.astype(float), 60)
    np.testing.assert_allclose(added, expected, atol=1e-3)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_few_rows_change_little(problem, n):
    scorer, rows = problem
    found = fit_visual_labels(scorer, rows[:n])
    added = rows @ found.weights.T + found.intercept
    everything = fit_visual_labels(scorer, rows)
    all_added = rows @ everything.weights.T + everything.intercept
    assert np.isfinite(added).all()
    assert np.abs(added).mean() < 0.5 * np.abs(all_added).mean()


def test_rows_that_are_all_alike_change_nothing(problem):
    scorer, rows = problem
    found = fit_visual_labels(scorer, np.repeat(np.eye(6, dtype="f")[:1], 5, axis=0))
    assert not found.weights.any() and not found.intercept.any()


def test_label_of_which_nobody_is_confident_stays(problem):
    scorer, rows = problem
    scorer.bias = -80.0
    found = fit_visual_labels(scorer, rows)
    assert np.isfinite(found.weights).all()


def test_labels_that_rows_show_are_found_better(monkeypatch):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, size=600)
    centres = 2 * np.eye(3, 12)
    rows = unit(rng.normal(size=(600, 12)) * 0.7 + centres[truth])
    # Prompts that point about, not exactly, to where the rows of a label are.
    labels = unit(centres + rng.normal(size=(3, 12)) * 0.6)
    scorer = Scorer("softmax", labels, scale=5.0)
    before = (scorer.score(rows).argmax(axis=1) == truth).mean()
    found = scorer.with_visual(fit_visual_labels(scorer, rows)).score(rows)
    assert (found.argmax(axis=1) == truth).mean() > before
    monkeypatch.setattr(_visual, "_REFITS", 1)
    once = fit_visual_labels(scorer, rows)
    assert np.abs(once.weights).sum() > 0
