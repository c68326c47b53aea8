"""Scores to probabilities that mean something: one sigmoid per label."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from sklearn_clip._shared import pull_in
from sklearn_clip.thresholds._scored_rows import ScoredRows

# How far probabilities may be drawn from 0 and 1 before their log-odds are taken:
# neighbours and forests give 0 itself where a few positives in a hundred are left.
_SOFTENINGS = (1e-5, 1e-3, 1e-2, 0.05, 0.2)
# How much lower the loss must be for more than the least of them.
_LIKELIER = 0.99
# Entries that tell which of them.
_ENOUGH = 2**19
# Positives that the map for all labels weighs as much as, see `_shrinkage`.
_COUNT = 10.0
_MAX_STEPS = 30
# Scores of a block of labels, so that what is computed of them stays in the cache.
_FEW_SCORES = 2**16


def fit_score_map(rows: ScoredRows) -> NDArray[np.float64]:
    """Fit a sigmoid to the scores of every label.

    Parameters
    ----------
    rows : ScoredRows
        Scores of rows that the classifier has not seen, and their targets.

    Returns
    -------
    score_map : ndarray of shape (n_labels, 3)
        Slope >= 0, intercept and softening e of every label: P(label = 1) is the
        sigmoid of ``slope * s + intercept``, where s is the decision value, or the
        log-odds of ``(1 - 2 e) p + e`` for a probability p. The softening is that of
        all labels, and 0 for decision values. The intercept is infinite for labels
        that every row has, or none.

    Notes
    -----
    The map of Platt (1999), by maximum a posteriori: a Gaussian prior around the map
    that fits all labels together weighs as much as the evidence of ten positives, so
    that a label with few of them takes nearly the common map. Of five softenings the
    one under which the common map is likeliest is taken, if clearly so. Decision values
    far beyond those of positives and of negatives, infinite ones among them, count as
    a good deal beyond: one alone would flatten the maps of all labels.
    """
    softening = _choose_softening(rows) if rows.probability else 0.0
    values = _log_odds(rows.scores, softening)
    if not rows.probability:
        hits = rows.targets > 0.5
        known = True if rows.known is None else rows.known
        values = pull_in(values, hits & known, ~hits & known)
    fitted = _fit(rows, values)
    positives, negatives = rows.support()
    fitted[positives <= 0] = 0.0, -np.inf
    fitted[(positives > 0) & (negatives <= 0)] = 0.0, np.inf
    return np.column_stack([fitted, np.full(len(fitted), softening)])


def _choose_softening(rows):
    """Find under which softening one map for all labels is likeliest."""
    some = rows._replace(order=None, pooled_order=None).take(_some(rows))
    weight = 1.0 if some.weight is None else some.weight
    maps, losses = None, []
    for softening in _SOFTENINGS:
        values = _log_odds(some.scores, softening)
        # From the map of the softening before it is not far.
        maps, _ = _climb(values, some.targets, some.weight, pooled=True, start=maps)
        [[slope, intercept]] = maps
        eta = slope * values + intercept
        losses.append((weight * (np.logaddexp(0, eta) - some.targets * eta)).sum())
    # A little likelier may only be that labels differ, which their own maps take up.
    best = int(np.argmin(losses))
    return _SOFTENINGS[best if losses[best] < _LIKELIER * losses[0] else 0]


def _some(rows):
    """Choose rows that tell what is true of all labels together."""
    return slice(None, None, max(1, rows.scores.size // _ENOUGH))


def _fit(rows, values):
    """Fit slopes and intercepts."""
    # In units of their spread, whatever they were: steps have a length there.
    middle, spread = values.mean(), values.std()
    values -= middle
    values /= spread if spread > 0 else 1.0
    n_labels = values.shape[1]
    weight = rows.weight
    # From where some of the rows have led, all of them take a step or two.
    some = _some(rows)
    start, _ = _climb(
        values[some],
        rows.targets[some],
        None if weight is None else weight[some],
        pooled=True,
    )
    common, hessian = _climb(values, rows.targets, weight, pooled=True, start=start)
    positives = max(rows.support()[0].sum(), 1e-12)
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
    fitted[:, 0] /= spread if spread > 0 else 1.0
    fitted[:, 1] -= fitted[:, 0] * middle
    return fitted


def map_scores(
    scores: NDArray[Any], score_map: NDArray[np.float64], *, probability: bool
) -> NDArray[np.float64]:
    """Give the probabilities that scores stand for.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_labels)
        Probabilities or decision values, those that the map was fitted to.
    score_map : ndarray of shape (n_labels, 3)
        As :func:`fit_score_map` gives it.
    probability : bool
        Whether scores lie in [0, 1].

    Returns
    -------
    probabilities : ndarray of shape (n_rows, n_labels)
        P(label = 1), not falling in the score.
    """
    values = _log_odds(scores, score_map[0, 2] if probability else 0.0)
    return expit(score_map[:, 0] * values + score_map[:, 1])


def _log_odds(scores, softening):
    """Log-odds of softened probabilities; decision values as they are, but bounded."""
    if softening:
        return logit((1 - 2 * softening) * scores + softening)
    return np.clip(scores, -1e100, 1e100)


def _climb(
    values, targets, weight, *, pooled=False, start=None, centre=None, precision=None
):
    """Newton's method on the penalised log-likelihood of the maps.

    Returns the maps of shape (n_maps, 2) and the Hessians of the likelihood alone.
    """
    maps = np.array([[1.0, 0.0]]) if start is None else start.copy()
    centre = np.zeros(2) if centre is None else centre
    # Against separable data, whose slope would grow without end.
    precision = 1e-6 * np.eye(2) + (0.0 if precision is None else precision)
    hessian = np.empty((len(maps), 2, 2))
    problems = _one_problem if pooled else _problems_of_labels
    for part, cut in problems(values, targets, weight):
        own = maps[part]
        for _ in range(_MAX_STEPS):
            gradient, hessian[part] = 0.0, 0.0
            for block in cut():
                terms = _derivatives(*block, own)
                gradient, hessian[part] = gradient + terms[0], hessian[part] + terms[1]
            step = _step(
                own, gradient - (own - centre) @ precision, hessian[part] + precision
            )
            # A step of Newton's may overshoot where the curve is flat: none is longer
            # than two in log-odds.
            step *= np.minimum(1, 2 / np.maximum(np.abs(step).sum(axis=1), 1e-300))[
                :, None
            ]
            own += step
            if np.abs(step).max() < 1e-4:
                break
    return maps, hessian


def _one_problem(values, targets, weight):
    """Take all scores as those of one map, in blocks of rows."""
    n_rows, n_labels = values.shape
    height = max(1, _FEW_SCORES // n_labels)
    if weight is not None:
        weight = np.broadcast_to(weight, values.shape)

    def cut():
        for first in range(0, n_rows, height):
            rows = slice(first, first + height)
            yield [
                None if part is None else part[rows].reshape(1, -1)
                for part in (values, targets, weight)
            ]

    yield slice(None), cut


def _problems_of_labels(values, targets, weight):
    """Take the scores of a few labels at a time, those of a label side by side."""
    n_rows, n_labels = values.shape
    width = max(1, _FEW_SCORES // n_rows)
    for first in range(0, n_labels, width):
        few = slice(first, first + width)
        block = [np.ascontiguousarray(part[:, few].T) for part in (values, targets)]
        own = few if weight is not None and weight.shape[1] > 1 else slice(None)
        block.append(weight if weight is None else weight[:, own].T)
        yield few, partial(iter, [block])


def _derivatives(s, hit, weight, maps):
    """Gradient and negative Hessian of the log-likelihood of maps, a row for each."""
    # One sigmoid a score and step is most of the work: that of scipy takes twice the
    # time of NumPy's exponential, and tables of their own as much as both.
    p = maps[:, :1] * s
    p += maps[:, 1:]
    with np.errstate(over="ignore"):  # exp(-eta) of a sure label that is absent
        np.exp(np.negative(p, out=p), out=p)
    p += 1
    np.divide(1, p, out=p)
    # log L = sum w (y eta - log(1 + e^eta)): its derivative in the log-odds eta, which
    # are slope s + intercept, is y - p, the second one -p (1 - p).
    slope = hit - p
    curve = 1 - p
    curve *= p
    if weight is not None:
        slope *= weight
        curve *= weight
    moment = np.multiply(curve, s, out=p)
    gradient = np.stack([np.einsum("ij,ij->i", slope, s), slope.sum(axis=1)], axis=1)
    mixed = moment.sum(axis=1)
    hessian = [np.einsum("ij,ij->i", moment, s), mixed, mixed, curve.sum(axis=1)]
    return gradient, np.stack(hessian, axis=1).reshape(-1, 2, 2)


def _step(maps, gradient, curvature):
    """Newton's step of every map, whose slope does not go below 0."""
    step = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
    # A score that says the opposite of what it should says nothing: there the slope
    # goes to 0, and the intercept where it is best then.
    low = maps[:, 0] + step[:, 0] < 0
    alone = (gradient[:, 1] + curvature[:, 0, 1] * maps[:, 0]) / curvature[:, 1, 1]
    step[low] = np.stack([-maps[low, 0], alone[low]], axis=1)
    return step
