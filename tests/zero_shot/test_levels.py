"""Levels of scores: histograms, the prior they are brought to, and what is kept."""

import tracemalloc

import numpy as np
import pytest
from scipy.special import expit, logit

from sklearn_clip._shared import _entries
from sklearn_clip.zero_shot._levels import (
    Levels,
    common_offset,
    common_slope,
    estimate_prior,
    even_slopes,
    match_prior,
    measure_levels,
)
from sklearn_clip.zero_shot._scoring import Scorer


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def make(n=400, n_labels=5, d=8, seed=0):
    """Rows and a scorer of log-odds from about -12 to 4."""
    rng = np.random.default_rng(seed)
    rows, labels = unit(rng.normal(size=(n, d))), unit(rng.normal(size=(n_labels, d)))
    scorer = Scorer("sigmoid", labels, scale=9.0, bias=-4.0)
    return scorer, rows


@pytest.mark.parametrize("block", [7, 1 << 22])
@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (0.6, 1.5), (2.0, -3.0)])
def test_mean_probability_is_that_of_the_rows(monkeypatch, block, slope, offset):
    monkeypatch.setattr(_entries, "BLOCK_SIZE", block)
    scorer, rows = make()
    levels = measure_levels(scorer, rows)
    expected = expit(slope * scorer.score(rows) + offset).mean(axis=0)
    found = levels.mean_probability(slope, offset)
    np.testing.assert_allclose(found, expected, rtol=0.004)
    np.testing.assert_allclose(
        levels.spread(), scorer.score(rows).std(axis=0), rtol=0.003
    )
    assert levels.counts.sum() == pytest.approx(rows.shape[0] * 5)


def test_scores_out_of_the_range_count_at_its_ends():
    scorer, rows = make()
    scorer.scale, scorer.bias = 900.0, 0.0
    levels = measure_levels(scorer, rows)
    share = (scorer.score(rows) > 0).mean(axis=0)
    np.testing.assert_allclose(levels.mean_probability(), share, atol=0.02)


@pytest.mark.parametrize("slope", [0.5, 1.0, 3.0])
def test_mean_probability_becomes_the_prior(slope):
    scorer, rows = make()
    levels = measure_levels(scorer, rows)
    prior = np.array([0.001, 0.02, 0.2, 0.5, 0.99])
    slopes = np.full(5, slope)
    offset = match_prior(levels, prior, slopes)
    found = expit(slope * scorer.score(rows) + offset).mean(axis=0)
    np.testing.assert_allclose(found, prior, rtol=0.01)


def test_few_rows_decide_little_and_many_all():
    scorer, rows = make(n=4000)
    everything = scorer.score(rows).mean()
    for n, share in ((2, 1 / 6), (10, 1 / 2), (3990, 399 / 400)):
        levels = measure_levels(scorer, rows[:n])
        centre = np.arange(-40, 30.05, 0.1)
        own = levels.counts @ centre / n
        shrunk = levels.shrunk()
        found = shrunk.counts @ centre / shrunk.n_rows
        np.testing.assert_allclose(
            found, share * own + (1 - share) * own.mean(), atol=1e-6
        )
    assert own.mean() == pytest.approx(everything, abs=0.01)


def test_estimate_is_a_fixed_point_near_what_is_stated():
    scorer, rows = make()
    levels = measure_levels(scorer, rows)
    stated, found = levels.mean_probability(), estimate_prior(levels)
    assert (np.argsort(stated) == np.argsort(found)).all()
    common = np.exp(np.log(found).mean())
    # Drawn to the common frequency, from both sides.
    assert ((found - stated) * (common - stated) >= 0).all()
    assert np.abs(np.log(found / stated)).max() < 0.8
    scores = scorer.score(rows)
    again = expit(scores + logit(found) - logit(stated)).mean(axis=0)
    np.testing.assert_allclose(found, (again + 0.05 * common) / 1.05, rtol=0.01)


def test_slopes_bring_spreads_half_way_together():
    counts = np.zeros((2, 701))
    counts[0, [300, 320]] = 1, 1  # 1 around the middle
    counts[1, [270, 350]] = 1, 1  # 4
    levels = Levels(counts, 2)
    np.testing.assert_allclose(levels.spread(), [1, 4])
    np.testing.assert_allclose(even_slopes(levels), [2.5**0.5, (2.5 / 4) ** 0.5])
    assert common_slope(levels, levels) == 1


def test_one_offset_brings_the_mean_of_all_probabilities():
    scorer, rows = make()
    levels = measure_levels(scorer, rows)
    offset = common_offset(levels, 0.2, 0.7)
    found = expit(0.7 * scorer.score(rows) + offset)
    assert found.mean() == pytest.approx(0.2, rel=0.01)


def test_label_of_one_score_and_one_row_work():
    levels = Levels(np.eye(701)[[400]], 1)  # a log-odds of 0
    assert levels.mean_probability() == pytest.approx(0.5)
    assert even_slopes(levels) == pytest.approx(1)
    offset = match_prior(levels.shrunk(), np.array([0.1]), np.ones(1))
    assert expit(offset) == pytest.approx(0.1, rel=1e-3)


def test_scores_of_all_rows_are_never_held_at_once(monkeypatch):
    monkeypatch.setattr(_entries, "BLOCK_SIZE", 1 << 12)
    scorer, rows = make(n=20_000, n_labels=64)
    measure_levels(scorer, rows[:100])  # what is imported at first use
    tracemalloc.start()
    measure_levels(scorer, rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(rows) * 64 * 4 / 2
