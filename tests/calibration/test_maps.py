"""Each map against an oracle: scikit-learn, scipy, or the definition by brute force."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.isotonic import IsotonicRegression

from sklearn_clip import MultiLabelCalibrator
from sklearn_clip.calibration._evidence import gather_evidence, gather_nodes
from sklearn_clip.calibration._monotone import (
    apply_steps,
    fit_isotonic,
    fit_venn_abers,
    group_runs,
    group_scores,
)
from sklearn_clip.calibration._parametric import (
    features_of,
    fit_common,
    fit_labels,
    label_losses,
)

PARAMETRIC = ("temperature", "sigmoid", "beta")


def log_loss(eta, positive, negative):
    return -(positive * log_expit(eta) + negative * log_expit(-eta)).sum()


@pytest.mark.parametrize("method", PARAMETRIC)
@pytest.mark.parametrize("weighted", [False, True])
def test_common_map_has_the_least_log_loss(method, weighted, draw):
    z, Y = draw()
    Y[::7, 2] = np.nan
    weight = np.arange(len(Y)) % 3 if weighted else None
    rows = gather_evidence(0.5 * z + 1, Y, weight)
    found, _ = fit_common(rows, method)
    evidence = rows.columns(slice(None))

    def loss(parameters):
        terms = zip(parameters, features_of(evidence.logits, method), strict=True)
        eta = sum(parameter * term for parameter, term in terms)
        return log_loss(eta, evidence.positive, evidence.negative)

    best = minimize(loss, np.ones(len(found)), method="Nelder-Mead").fun
    assert loss(found) < best * (1 + 1e-4)


@pytest.mark.parametrize("method", PARAMETRIC)
@pytest.mark.parametrize("count", [1.0, 30.0])
def test_maps_of_labels_minimise_the_penalised_loss(method, count, draw):
    z, Y = draw(n_labels=4)
    rows = gather_evidence(2 * z - 1, Y)
    common, information = fit_common(rows, method)
    found = fit_labels(rows, method, common, information, count)
    evidence = rows.columns(slice(None))

    def loss(parameters, label):
        terms = features_of(evidence.logits[:, label], method)
        eta = sum(p * term for p, term in zip(parameters, terms, strict=True))
        apart = parameters - common
        penalty = count * apart @ information @ apart / 2
        sides = evidence.positive[:, label], evidence.negative[:, label]
        return log_loss(eta, *sides) + penalty

    n_slopes = max(1, len(common) - 1)
    bounds = [(0, None)] * n_slopes + [(None, None)] * (len(common) - n_slopes)
    for label in range(4):
        best = minimize(loss, common, args=(label,), bounds=bounds, tol=1e-12).fun
        assert loss(found[label], label) < best * (1 + 1e-6) + 1e-6


@pytest.mark.parametrize("method", PARAMETRIC)
def test_no_slope_is_below_zero_however_wrong_the_scores(method, draw):
    z, Y = draw()
    z[:, ::2] *= -1
    evidence = gather_evidence(z, Y).columns(slice(None))
    common, information = fit_common(evidence, method)
    for count in (0.0, 10.0):
        found = fit_labels(evidence, method, common, information, count)
        assert (found[:, : max(1, len(common) - 1)] >= 0).all()
        # A constant is better than what is turned around, and is found.
        constant = np.log(Y.mean(axis=0) / (1 - Y.mean(axis=0)))
        if method != "temperature" and count == 0:
            rate = -(Y * log_expit(constant) + (1 - Y) * log_expit(-constant)).sum(0)
            assert (label_losses(evidence, method, found) < rate + 0.5).all()


def test_sigmoid_without_shrinkage_is_that_of_scikit_learn(decisions, decision, draw):
    z, Y = draw(n_rows=400)
    given = 0.4 * z + 2
    ours = MultiLabelCalibrator(decisions(6), method="sigmoid", shrinkage=None)
    found = ours.fit(given, Y).predict_proba(given)
    for label in range(6):
        column = given[:, [label]]
        theirs = CalibratedClassifierCV(decision, method="sigmoid", ensemble=False)
        expected = theirs.fit(column, Y[:, label].astype(int)).predict_proba(column)
        np.testing.assert_allclose(found[:, label], expected[:, 1], atol=2e-3)


def test_isotonic_without_shrinkage_is_that_of_scikit_learn(decisions, draw):
    z, Y = draw()
    ours = MultiLabelCalibrator(decisions(6), method="isotonic", shrinkage=None)
    new = np.random.default_rng(1).normal(-2, 3, size=(200, 6))
    found = ours.fit(z, Y).predict_proba(new)
    edge = 1 / (len(Y) + 2)
    for label in range(6):
        theirs = IsotonicRegression(out_of_bounds="clip").fit(z[:, label], Y[:, label])
        expected = np.clip(theirs.predict(new[:, label]), edge, 1 - edge)
        # Between two levels the ends are clipped, and not the line between them.
        np.testing.assert_allclose(found[:, label], expected, atol=edge)


@pytest.mark.parametrize("seed", range(30))
def test_runs_of_scores_give_the_map_of_every_score(seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 300)
    scores = rng.integers(0, rng.integers(2, 400), n) / 7
    yes = rng.random(n) < rng.random() ** 2
    no = ~yes & (rng.random(n) < 0.8)
    first, last, hits, total = group_runs(scores, yes, no)
    assert len(first) <= 2 * len(np.unique(scores[yes])) + 1
    assert (first[1:] > last[:-1]).all()
    distinct, hits_of_each, total_of_each = group_scores(scores, yes, no)
    at = np.searchsorted(last, distinct)
    assert np.bincount(at, hits_of_each).tolist() == hits.tolist()
    assert np.bincount(at, total_of_each).tolist() == total.tolist()
    # With weights, every score is looked at.
    for found, expected in zip(
        fit_isotonic(scores, yes, no),
        fit_isotonic(scores, yes, no, np.ones(n)),
        strict=True,
    ):
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(20))
def test_venn_abers_is_two_isotonic_regressions_of_each_score(seed):
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 30)
    scores = rng.integers(0, rng.integers(1, 25), size=(n, 3)) / 7
    Y = (rng.random((n, 3)) < rng.random()).astype(float)
    Y[rng.random(Y.shape) < 0.1] = np.nan
    weight = rng.integers(0, 3, size=n).astype(float) if seed % 2 else np.ones(n)
    assert_is_two_isotonic_regressions(scores, Y, weight)


@pytest.mark.parametrize("rate", [0.04, 0.2, 0.8, 0.96])
@pytest.mark.parametrize("weighted", [False, True])
def test_venn_abers_of_long_stretches_is_that_of_each_score(rate, weighted):
    # Between two positives, or two negatives, many knots are gone through together.
    rng = np.random.default_rng(3)
    n = 100
    scores = rng.permuted(np.arange(n)[:, None].repeat(3, axis=1) / 7, axis=0)
    Y = (rng.random((n, 3)) < rate * 2 * scores * 7 / n).astype(float)
    weight = rng.random(n) * 3 if weighted else np.ones(n)
    assert_is_two_isotonic_regressions(scores, Y, weight)


def assert_is_two_isotonic_regressions(scores, Y, weight):
    maps = fit_venn_abers(gather_evidence(scores, Y, weight))
    for label in range(3):
        rows = ~np.isnan(Y[:, label]) & (weight > 0)
        if not rows.any():
            assert not len(maps[label].knots)
            continue
        seen = scores[rows, label]
        queries = np.r_[-1, np.unique(seen), np.unique(seen) + 1 / 14]
        for query in queries:
            zero, one = (
                IsotonicRegression()
                .fit(
                    np.r_[seen, query],
                    np.r_[Y[rows, label], outcome],
                    sample_weight=np.r_[weight[rows], 1],
                )
                .predict([query])[0]
                for outcome in (0, 1)
            )
            found = apply_steps(maps[label], np.array([query]), "venn-abers")
            np.testing.assert_allclose(found, one / (1 - zero + one), atol=1e-9)


@pytest.mark.parametrize("n_rows", [50, 3000])
def test_nodes_keep_weights_means_and_nearly_the_loss(n_rows, draw):
    z, Y = draw(n_rows)
    Y[::5, 1] = np.nan
    evidence = gather_evidence(z, Y)
    half = np.arange(0, n_rows, 2)
    for part, rows in zip(
        gather_nodes(evidence, [half, slice(None)]), [half, slice(None)], strict=True
    ):
        whole = evidence.rows(rows).columns(slice(None))
        for side in ("positive", "negative"):
            kept, given = getattr(part, side), getattr(whole, side)
            np.testing.assert_allclose(kept.sum(0), given.sum(0))
            np.testing.assert_allclose(
                (kept * part.logits).sum(0), (given * whole.logits).sum(0)
            )
        parameters = np.tile([1.3, -0.2], (6, 1))
        losses = [label_losses(e, "sigmoid", parameters) for e in (part, whole)]
        np.testing.assert_allclose(*losses, rtol=2e-3)


def test_nodes_of_a_constant_score_are_one():
    evidence = gather_evidence(np.full((300, 2), -1.5), np.eye(300, 2))
    (nodes,) = gather_nodes(evidence, [np.arange(300)])
    assert nodes.positive.sum(axis=0).tolist() == [1, 1]
    assert np.ptp(nodes.logits) == 0


def test_probabilities_of_shares_are_smoothed(probabilities):
    """Votes of ten: 0 of 10 is not as far from 1 of 10 as logits say."""
    rng = np.random.default_rng(0)
    chance = rng.beta(0.3, 2, size=(2000, 3))
    votes = rng.binomial(10, chance) / 10
    Y = (rng.random(chance.shape) < chance).astype(float)
    model = MultiLabelCalibrator(probabilities(3), method="sigmoid").fit(votes, Y)
    assert model.smoothing_ >= 1e-2
    fine = MultiLabelCalibrator(probabilities(3), method="sigmoid").fit(chance, Y)
    assert fine.smoothing_ <= 1e-3


def test_labels_that_differ_do_not_ask_for_smoothing(probabilities, draw):
    """One sigmoid for all of them would: its flat ends flatter it."""
    z, Y = draw(2000, 40)
    spoilt = expit(np.linspace(1, 4, 40) * z + np.linspace(3, -3, 40))
    model = MultiLabelCalibrator(probabilities(40), method="sigmoid").fit(spoilt, Y)
    assert model.smoothing_ <= 1e-4


@pytest.mark.parametrize("method", ["temperature", "sigmoid", "beta"])
def test_attributes_are_the_map(method, probabilities, draw):
    z, Y = draw()
    P = expit(1.5 * z)
    model = MultiLabelCalibrator(probabilities(6), method=method).fit(P, Y)
    p = (P + model.smoothing_) / (1 + 2 * model.smoothing_)
    eta = model.map_coef_[:, 0] * np.log(p) - model.map_coef_[:, 1] * np.log1p(-p)
    np.testing.assert_allclose(
        logit(model.predict_proba(P)), eta + model.map_intercept_, atol=1e-9
    )
