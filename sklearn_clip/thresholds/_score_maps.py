"""Scores to probabilities that mean something: one sigmoid per label."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from sklearn_clip.thresholds._scored_rows import BLOCK_SIZE, ScoredRows

# A probability closer to 0 or 1 than this says no more: forests and neighbours give 0
# itself, whose log-odds are infinite.
_LEAST = 1e-5
# Positives that the map for all labels weighs as much as, see `_shrinkage`.
_COUNT = 10.0
_MAX_STEPS = 30


def fit_score_map(rows: ScoredRows) -> NDArray[np.float64]:
    """Fit a sigmoid to the scores of every label.

    Parameters
    ----------
    rows : ScoredRows
        Scores of rows that the classifier has not seen, and their targets.

    Returns
    -------
    score_map : ndarray of shape (n_labels, 2)
        Slope >= 0 and intercept of every label: P(label = 1) is the sigmoid of
        ``slope * s + intercept``, where s are the log-odds of a probability, or the
        decision value.

    Notes
    -----
    The map of Platt (1999), by maximum a posteriori: a Gaussian prior around the map
    that fits all labels together weighs as much as the evidence of ten positives, so
    that a label with few of them takes nearly the common map and one with none takes
    it as it is but for the intercept.
    """
    values = _log_odds(rows.scores, rows.probability)
    n_labels = values.shape[1]
    weight = rows.weight
    weight = np.ones((1, 1)) if weight is None else weight
    common, hessian = _climb(values, rows.targets, weight, pooled=True)
    positives = max((weight * rows.targets).sum(), 1e-12)
    # The curvature of the log-likelihood adds up over entries. Its share of ten
    # positives is the precision of the prior, in whatever units the scores are.
    precision = hessian[0] * (_COUNT / positives)
    fitted, _ = _climb(
        values,
        rows.targets,
        weight,
        start=np.repeat(common, n_labels, axis=0),
        centre=common[0],
        precision=precision,
    )
    return fitted


def map_scores(
    scores: NDArray[Any], score_map: NDArray[np.float64], *, probability: bool
) -> NDArray[np.float64]:
    """Give the probabilities that scores stand for.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_labels)
        Probabilities or decision values, those that the map was fitted to.
    score_map : ndarray of shape (n_labels, 2)
        As :func:`fit_score_map` gives it.
    probability : bool
        Whether scores lie in [0, 1].

    Returns
    -------
    probabilities : ndarray of shape (n_rows, n_labels)
        P(label = 1), not falling in the score.
    """
    return expit(score_map[:, 0] * _log_odds(scores, probability) + score_map[:, 1])


def _log_odds(scores, probability):
    """Log-odds of probabilities; decision values as they are, but bounded."""
    if probability:
        return logit(np.clip(scores, _LEAST, 1 - _LEAST))
    return np.clip(scores, -1e6, 1e6)


def _climb(
    values, targets, weight, *, pooled=False, start=None, centre=None, precision=None
):
    """Newton's method on the penalised log-likelihood of all maps at once.

    Returns the maps of shape (n_maps, 2) and the Hessians of the likelihood alone.
    """
    n_rows, n_labels = values.shape
    maps = np.array([[1.0, 0.0]]) if start is None else start.copy()
    centre = np.zeros(2) if centre is None else centre
    # Against separable data, whose slope would grow without end.
    ridge = 1e-6 * np.eye(2)
    precision = ridge if precision is None else precision + ridge
    width = max(1, BLOCK_SIZE // n_rows)
    blocks = [slice(first, first + width) for first in range(0, n_labels, width)]

    def derivatives(maps):
        """Log-likelihood, its gradient and its negative Hessian, of every map."""
        parts = []
        for block in blocks:
            s, hit = values[:, block], targets[:, block]
            w = np.broadcast_to(weight, values.shape)[:, block]
            own = maps if pooled else maps[block]
            eta = own[:, 0] * s + own[:, 1]
            p = expit(eta)
            # log L = sum w (y eta - log(1 + e^eta)); its derivative in eta is y - p,
            # the second one -p (1 - p).
            gain = w * (hit * eta - np.logaddexp(0, eta))
            slope, curve = w * (hit - p), w * p * (1 - p)
            terms = [gain, slope * s, slope, curve * s * s, curve * s, curve]
            parts.append([term.sum(axis=0) for term in terms])
        sums = np.concatenate(parts, axis=1)
        if pooled:
            sums = sums.sum(axis=1, keepdims=True)
        hessian = sums[[3, 4, 4, 5]].T.reshape(-1, 2, 2)
        off = maps - centre
        objective = sums[0] - 0.5 * np.einsum("li,ij,lj->l", off, precision, off)
        return objective, sums[1:3].T - off @ precision, hessian

    objective, gradient, hessian = derivatives(maps)
    for _ in range(_MAX_STEPS):
        curvature = hessian + precision
        step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        # A score that says the opposite of what it should says nothing: slopes do not
        # go below 0, and there the intercept moves alone.
        low = maps[:, 0] + step[:, 0] < 0
        alone = (gradient[:, 1] + curvature[:, 0, 1] * maps[:, 0]) / curvature[:, 1, 1]
        step[low] = np.stack([-maps[low, 0], alone[low]], axis=1)
        if np.abs(step * gradient).sum(axis=1).max() < 1e-8 * max(n_rows, 1):
            break
        tried = derivatives(maps + step)
        # Far from the maximum Newton's step may overshoot: it is halved until it does
        # not lose.
        for _ in range(10):
            worse = tried[0] < objective - 1e-9 * np.abs(objective)
            if not worse.any():
                break
            step[worse] *= 0.5
            tried = derivatives(maps + step)
        maps = maps + step
        objective, gradient, hessian = tried
    return maps, hessian
