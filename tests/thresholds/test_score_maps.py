"""One sigmoid per label, against scikit-learn's logistic regression."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from sklearn_clip._shared import pull_in
from sklearn_clip.thresholds._score_maps import fit_score_map, map_scores
from sklearn_clip.thresholds._scored_rows import ScoredRows


def make_rows(n_rows=4000, seed=0, probability=False):
    """Draw decision values of three labels, and targets from sigmoids of them."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n_rows, 3))
    targets = rng.random(values.shape) < expit([2, 0.5, 1] * values + [0, -1, 0.5])
    return ScoredRows(
        expit(values) if probability else values, targets, probability=probability
    )


@pytest.mark.parametrize("probability", [True, False])
def test_maps_of_many_rows_are_those_of_logistic_regression(probability):
    rows = make_rows(probability=probability)
    found = fit_score_map(rows)
    mapped = map_scores(rows.scores, found, probability=probability)
    values = logit(rows.scores) if probability else rows.scores
    for label in range(3):
        plain = LogisticRegression(C=1e8, tol=1e-8)
        plain.fit(values[:, [label]], rows.targets[:, label])
        expected = plain.predict_proba(values[:, [label]])[:, 1]
        np.testing.assert_allclose(mapped[:, label], expected, atol=0.03)
    np.testing.assert_allclose(
        mapped.mean(axis=0), rows.targets.mean(axis=0), atol=0.01
    )


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_probabilities_do_not_depend_on_the_unit_of_decision_values(scale):
    rows = make_rows(300)
    usual = map_scores(rows.scores, fit_score_map(rows), probability=False)
    rows = rows._replace(scores=rows.scores * scale)
    found = map_scores(rows.scores, fit_score_map(rows), probability=False)
    np.testing.assert_allclose(found, usual, atol=2e-3)


def test_a_label_of_few_positives_takes_nearly_the_map_of_all():
    rows = make_rows()
    rows.targets[:, 1] = False
    rows.targets[np.argsort(rows.scores[:, 1])[-1], 1] = True
    slope = fit_score_map(rows)[:, 0]
    # On its own it is separable: no slope would be steep enough.
    assert 0.1 < slope[1] < 3
    rows.targets[:, 1] = False
    without = map_scores(rows.scores, fit_score_map(rows), probability=False)
    assert (without[:, 1] == 0).all()


def test_scores_that_say_the_opposite_are_not_turned_round():
    rows = make_rows()
    rows = rows._replace(scores=rows.scores * [1, -1, 1])
    found = fit_score_map(rows)
    assert found[1, 0] >= 0
    assert found[1, 0] == pytest.approx(0, abs=0.05)
    mapped = map_scores(rows.scores, found, probability=False)
    assert mapped[:, 1].mean() == pytest.approx(rows.targets[:, 1].mean(), abs=0.01)


def test_weights_are_repetitions_and_unknown_entries_do_not_count():
    rows = make_rows(200)
    weight = np.random.default_rng(1).integers(0, 4, 200)
    repeated = ScoredRows(
        rows.scores.repeat(weight, axis=0),
        rows.targets.repeat(weight, axis=0),
        probability=False,
    )
    expected = fit_score_map(repeated)
    found = fit_score_map(rows._replace(sample_weight=weight.astype(float)))
    np.testing.assert_allclose(found, expected, atol=1e-3)
    known = np.broadcast_to((weight > 0)[:, None], rows.targets.shape)
    expected = fit_score_map(rows.take(weight > 0))
    hidden = rows._replace(known=known, targets=rows.targets & known)
    np.testing.assert_allclose(fit_score_map(hidden), expected, atol=1e-3)


@pytest.mark.parametrize("value", [False, True])
def test_separable_targets_give_finite_maps_and_constant_ones_are_sure(value):
    scores = np.array([[0.0, 1.0], [1.0, 0.0], [0.25, 1.0]])
    rows = ScoredRows(scores, np.full((3, 2), value))
    found = fit_score_map(rows)
    assert (map_scores(scores, found, probability=True) == value).all()
    found = fit_score_map(rows._replace(targets=scores > 0.5))
    assert np.isfinite(found).all()
    mapped = map_scores(scores, found, probability=True)
    assert ((mapped > 0.5) == (scores > 0.5)).all()


def test_scores_of_0_that_hold_positives_are_no_proof():
    rng = np.random.default_rng(0)
    votes = rng.binomial(15, rng.beta(0.4, 2, size=(2000, 4)))
    # What is 0 of 15 neighbours is 0.04 of all rows.
    targets = rng.random(votes.shape) < (votes + 1) / 25
    scores = votes / 15
    rows = ScoredRows(scores, targets)
    mapped = map_scores(scores, fit_score_map(rows), probability=True)
    for number in (0, 1, 2, 4):
        held = votes == number
        assert mapped[held].mean() == pytest.approx(targets[held].mean(), abs=0.02)


@pytest.mark.parametrize("far", [1e6, 1e99, 1e200, np.inf, -1e6, -np.inf])
@pytest.mark.parametrize("count", [1, 3])
def test_values_that_lie_far_out_change_no_map_much(far, count):
    rows = make_rows(400)
    usual = fit_score_map(rows)
    label = rows.targets[:, 1] == (far > 0)  # they say what is so
    rows.scores[np.flatnonzero(label)[:count], 1] = far
    found = fit_score_map(rows)
    np.testing.assert_allclose(found[:, :2], usual[:, :2], atol=0.15)
    rows.targets[np.flatnonzero(label)[:count], 1] ^= True  # or the opposite
    np.testing.assert_allclose(fit_score_map(rows)[::2, 0], usual[::2, 0], rtol=0.25)


def test_few_positives_far_above_the_others_stay_where_they_are():
    rng = np.random.default_rng(0)
    scores = rng.normal(-5, 0.05, size=(3000, 2))
    targets = np.zeros(scores.shape, dtype=bool)
    targets[:4, 0] = True
    scores[:4, 0] = [3, 2, 1, 0]
    sides = targets, ~targets
    np.testing.assert_array_equal(pull_in(scores, *sides), scores)
    scores[4, 1] = np.inf
    assert 8 < pull_in(scores, *sides)[4, 1] < 20


def test_scores_that_are_all_one_stay_and_infinite_ones_come_near():
    scores = np.full((50, 1), 7.0)
    scores[3], scores[4] = np.inf, -np.inf
    sides = np.arange(50)[:, None] % 2 == 0, np.arange(50)[:, None] % 2 == 1
    near = pull_in(scores, *sides)
    assert near[3] == 14 and near[4] == 0 and (np.delete(near, [3, 4]) == 7).all()
    endless = np.array([[np.inf], [-np.inf]])
    np.testing.assert_array_equal(
        pull_in(endless, endless > 0, endless < 0), [[1.0], [-1.0]]
    )
