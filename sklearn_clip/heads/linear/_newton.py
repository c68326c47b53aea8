r"""Logistic regressions that share X, by a batched truncated Newton method.

With the weights of a label's rows divided by their mean, and ``rho`` one over the
product of that mean and C, the objective of every label is

    J(w, b) = sum_i s_i (log(1 + exp(z_i)) - y_i z_i) + rho / 2 |w|^2,  z = X w + b,

with the residuals ``r = s (p - y)``, the weights ``D = s p (1 - p)``, and the Newton
direction ``(v, u)``,

    [X.T D X + rho I   X.T D 1] [v]     [X.T r + rho w]
    [1.T D X           sum D  ] [u] = - [sum r        ].

All labels have the same X, so what they need of it comes from passes over its rows: one
at every point (loss, gradient, weights), and one for every step of preconditioned
conjugate gradients on that system. They stop early, as far from the minimum the
direction need not be exact. Nothing of n rows and all labels is kept.

The intercept, whose direction is badly conditioned, is eliminated in the
preconditioner, with the mean of the rows weighted by D.

Progress is measured by the Newton decrement ``k = sqrt(-g . (v, u))``: to second order
``J - min J = k^2 / 2``, and as the Hessian is at least ``D_i x_i x_i.T`` the
probability of row i is off by at most ``k / (2 sqrt(s_i))``.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, xlogy

from sklearn_clip.heads.linear._conjugate_gradients import (
    Settings,
    System,
    newton_direction,
    preconditioned_step,
)

# Columns are solved in blocks of so many entries (row and column), the Hessian weights
# of which are held, or an eighth of those of X, up to 1 GB as X may be a memory map.
# Wider than that they leave the cache.
_BLOCK_ENTRIES = 2**25
_MOST_ENTRIES = 2**28
_WIDEST = 512
# Points of the quadrature for the first intercepts, and steps to them.
_POINTS = 15
_LEVEL_STEPS = 4
# Change of a level beyond which the quadrature says nothing.
_FURTHEST = 30.0
# Objective below which its rounding, as that of a sum over rows, would be seen.
_SMALL = 10.0
# Penalty, as a share of the mean square of the rows, that is none beside rounding. As
# the smallest eigenvalue of the Hessian, it would make any gradient too coarse.
_UNSEEN = 1e-20
# Share of the objective that its rounding is well below, in float32 too.
_ROUNDED = 1e-3


class Solution(NamedTuple):
    """Result of `solve`.

    Attributes
    ----------
    coef : ndarray of shape (n_features, n_columns), float64
        Coefficients.
    intercept : ndarray of shape (n_columns,)
        Intercepts.
    n_iter : ndarray of shape (n_columns,), dtype=int
        Newton steps taken.
    converged : ndarray of shape (n_columns,), dtype=bool
        Whether the decrement has met its tolerance, or the column is separated.
    separated : ndarray of shape (n_columns,), dtype=bool
        Whether there is no penalty and a direction in which no row is worse off, so
        that the objective has no minimum: it falls for as long as one goes on.
    """

    coef: np.ndarray
    intercept: np.ndarray
    n_iter: np.ndarray
    converged: np.ndarray
    separated: np.ndarray


class _Columns:
    """The columns that are still being solved, and where each of them stands.

    Where a step has been taken that was not looked at yet, `before` is the objective
    at its beginning; infinity where there was none. A full step was to leave a
    decrement of at most `left`. `sums` are the weights of zeros and of ones.
    """

    def __init__(self, settings, numbers, targets, rho, sums, result):
        self.numbers, self.rho, self.targets = numbers, rho, targets
        self.sums, self._fit_intercept = sums, settings.fit_intercept
        self.coef = result.coef[:, numbers]
        self.intercept = result.intercept[numbers]
        self.positives, self.n_positive = settings.products.sum_of_positives(targets)
        n_columns = len(numbers)
        self.before = np.full(n_columns, np.inf)
        self.step_coef = np.zeros_like(self.coef)
        self.step_intercept = np.zeros(n_columns)
        self.decrement, self.change = np.zeros(n_columns), np.zeros(n_columns)
        self.length, self.left = np.ones(n_columns), np.full(n_columns, np.inf)
        self.small = False

    def drop(self, done, good, result):
        """Write the columns that are done into the result, and forget them."""
        if not done.any():
            return
        index, numbers = np.flatnonzero(done), self.numbers[done]
        result.coef[:, numbers] = self.coef[:, index]
        result.intercept[numbers] = self.intercept[index]
        result.converged[numbers] = good[done]
        index = np.flatnonzero(~done)
        for name, part in list(self.__dict__.items()):
            if isinstance(part, np.ndarray):
                setattr(self, name, part[..., index])
        self.targets = self.targets.select(index)

    def restart(self, value):
        """Take columns back to no effect of X whose start has a higher objective.

        So far off, all probabilities may be 0 and 1, and no curvature leads back. Tells
        whether there were any.
        """
        zeros, ones = self.sums
        p = ones / (zeros + ones) if self._fit_intercept else np.full_like(ones, 0.5)
        level = -xlogy(ones, p) - xlogy(zeros, 1 - p)
        far = ~(value <= (1 + _ROUNDED) * level)
        worse = far & np.isinf(self.before) & self.coef.any(axis=0)
        self.coef[:, worse] = 0
        self.intercept[worse] = logit(p[worse])
        return worse.any()

    def take(self, index, step, value):
        """Take steps of some columns, whose objective is `value` where they begin."""
        self.before[index] = value
        self.length[index] = 1
        self.decrement[index], self.change[index] = step.decrement, step.change
        self.left[index] = step.left()
        self.step_coef[:, index] = step.coef
        self.step_intercept[index] = step.intercept
        self.coef[:, index] += step.coef
        self.intercept[index] += step.intercept

    def shorten(self, index):
        """Halve steps that were too long, down to the length that is always good."""
        safe = np.log1p(self.change[index]) / np.maximum(self.change[index], 1e-300)
        length = np.maximum(self.length[index] / 2, safe)
        back = length - self.length[index]
        self.coef[:, index] += back * self.step_coef[:, index]
        self.intercept[index] += back * self.step_intercept[index]
        self.length[index], self.left[index] = length, np.inf


def solve(
    products,
    data,
    columns,
    C,
    *,
    sketch,
    coef,
    intercept,
    fit_intercept=True,
    tol=1e-4,
    max_iter=100,
    steps=None,
):
    """Minimise the objective of many columns.

    Parameters
    ----------
    products : NumpyProducts or TorchProducts
        Products with X.
    data : LabelData
        Targets and weights of the columns; none may be constant under an intercept.
    columns : ndarray of shape (n_columns,), dtype=int
        Which columns of `data`.
    C : ndarray of shape (n_columns,)
        Inverse strength of the penalty; inf, or what comes to the same, for none.
    sketch : NystromSketch
        Preconditioner.
    coef : ndarray of shape (n_features, n_columns)
        Where to start.
    intercept : ndarray of shape (n_columns,)
        Where to start.
    fit_intercept : bool, default=True
        Whether there is an intercept, which is not penalised.
    tol : float, default=1e-4
        A column is done where its decrement is at most ``tol min(1, sqrt(J))``.
    max_iter : int, default=100
        Most Newton steps of a column.
    steps : StepCallbacks or None, default=None
        Hears of every step.

    Returns
    -------
    Solution
        The minimum, or the last point.
    """
    n_columns = len(columns)
    result = Solution(
        np.array(coef, dtype=np.float64),
        np.array(intercept, dtype=np.float64),
        np.zeros(n_columns, dtype=np.int32),
        np.zeros(n_columns, dtype=bool),
        np.zeros(n_columns, dtype=bool),
    )
    width = _block_width(products)
    # Labels that are as frequent take about as many steps, and leave together.
    order = np.argsort(data.sums[1, columns], kind="stable")
    with products.working(min(width, n_columns)):
        for start in range(0, n_columns, width):
            todo = order[start : start + width]
            targets, scale = data.block(columns[todo])
            sums = data.sums[:, columns[todo]] / scale
            # C sum_i s_i l_i + |w|^2 / 2, divided by C and by the mean weight: J then
            # grows with the number of rows only, and one tol serves all labels.
            rho = 1 / (C[todo] * scale)
            rho[rho < _UNSEEN * products.mean_square] = 0
            for double in _precisions(products, rho):
                settings = Settings(
                    products, sketch, fit_intercept, tol, max_iter, double, steps
                )
                at = _Columns(settings, todo, targets, rho, sums, result)
                _newton(settings, at, result)
                left = (~result.converged & (result.n_iter < max_iter))[todo]
                if not left.any():
                    break
                index = np.flatnonzero(left)
                todo, targets, rho = todo[index], targets.select(index), rho[index]
                sums = sums[:, index]
    return result


def _block_width(products):
    """Columns that are solved together."""
    share = products.n_samples * products.n_features // 8
    most = np.clip(share, _BLOCK_ENTRIES, _MOST_ENTRIES)
    return int(np.clip(most // max(1, products.n_samples), 1, _WIDEST))


def _precisions(products, rho):
    """Whether to work in float64, for one solve after the other.

    Labels whose float32 gradient is too coarse go on from there in float64. Without a
    penalty it always is.
    """
    return (False, True) if products.eps > 1e-10 and (rho > 0).all() else (True,)


def most_steps(products, n_columns, max_iter):
    """Upper bound of the Newton steps of `solve`, all blocks counted."""
    n_blocks = -(-n_columns // _block_width(products))
    return n_blocks * 2 * max_iter


def _newton(settings, at, result):
    """Take Newton steps until every column is done, and write down where it ends."""
    # Below 1/2 all rows are on their side, as they stay however far one goes on: the
    # objective has no minimum, and the promise about probabilities is all to be kept.
    goal_of_rows = min(settings.tol, 0.5) / 2
    _start(settings, at, result)
    while len(at.numbers):
        free = (at.rho == 0).any()
        seen, value = _look(settings, at, largest=free)
        if at.restart(value):
            continue
        too_long, stalled = _judge(settings, at, value)
        # k^2 / 2 = J - min J to second order: this is tol^2 / 2 of J, or tol^2 / 2
        # itself where J is above 1, so that probabilities are known to tol / 2.
        goal = settings.tol * np.minimum(1, np.sqrt(value))
        system = _newton_system(settings, at, seen)
        noise = system.noise
        # k is not to be had to the goal from a gradient that rounds to half of it.
        coarse = noise > goal / 2
        # The bound costs no linear system: labels that start at their minimum (warm
        # starts, the path over C) leave before their first step.
        good = (system.steepness() <= goal) & ~coarse
        if free:
            separated = (at.rho == 0) & (seen.largest <= goal_of_rows)
            result.separated[at.numbers[separated]] = True
            good |= separated
        good &= ~too_long
        spent = result.n_iter[at.numbers] >= settings.max_iter
        done = good | stalled | (spent & ~too_long)
        at.shorten(np.flatnonzero(too_long))
        going = ~done & ~too_long
        if going.any():
            index = np.flatnonzero(going)
            result.n_iter[at.numbers[index]] += 1
            if settings.steps is not None:
                settings.steps.begin(lambda: _present(at, result))
            if not going.all():
                system = system.select(index)
            step = newton_direction(settings, system, goal[index])
            # Below its noise a float32 gradient only wanders: the decrement stays above
            # what a step was to leave of it.
            astray = step.decrement > 2 * at.left[index]
            lost = coarse[index] & ((step.decrement <= 4 * noise[index]) | astray)
            at.take(index, step, value[index])
            good[index] = (step.left() <= goal[index]) & ~coarse[index]
            free = index[good[index] & (at.rho[index] == 0)]
            if len(free):
                away = _walks_away(settings, at, free)
                result.separated[at.numbers[free[away]]] = True
            # The last step is looked at only where it may be too long.
            last = result.n_iter[at.numbers[index]] >= settings.max_iter
            done[index] = good[index] | lost | (last & (step.change <= 1))
        at.drop(done, good, result)
        if going.any() and settings.steps is not None:
            settings.steps.end(lambda: _present(at, result))
        del seen, system  # before the next look makes weights of as many entries


def _start(settings, at, result):
    """Take the first step without a pass over the rows, where that can be had.

    Without an effect of X all rows have the same probability, and so the same weight
    in the Hessian: the preconditioner's step is Newton's, as far as its sketch goes.
    """
    if not at.targets.unweighted or at.coef.any() or settings.max_iter < 2:
        return
    products, n_samples = settings.products, settings.products.n_samples
    p = expit(at.intercept)
    mean = products.mean[:, None] * settings.fit_intercept
    system = System(
        gradient=products.sum[:, None] * p - at.positives,
        residual=(n_samples * p - at.n_positive) * settings.fit_intercept,
        D=None,
        curvature=np.maximum(n_samples * p * (1 - p), 1e-20),
        centre=np.repeat(mean, len(p), axis=1),
        rho=at.rho,
        noise=np.zeros(len(p)),
    )
    value = n_samples * np.logaddexp(0, at.intercept) - at.intercept * at.n_positive
    result.n_iter[at.numbers] += 1
    if settings.steps is not None:
        settings.steps.begin(lambda: _present(at, result))
    step = preconditioned_step(settings, system)
    if settings.fit_intercept:
        step = step._replace(intercept=_level(settings, step.coef, at.intercept))
    at.take(np.arange(len(p)), step, value)
    if settings.steps is not None:
        settings.steps.end(lambda: _present(at, result))


def _level(settings, coef, prior_logit):
    """Change of the intercepts that keeps the mean probability, for normal scores.

    Of a rare label, probabilities are about e^z, whose mean grows by e^(s^2 / 2) with
    the variance s^2 of the scores: Newton's step, which does not see that, may more
    than double it. The mean is taken by Gauss-Hermite quadrature.
    """
    products, sketch = settings.products, settings.sketch
    inside = products.host(sketch.vectors).T @ coef
    spread = np.sqrt((sketch.values[:, None] * inside * inside).sum(axis=0))
    most = np.minimum(spread * spread / 2, _FURTHEST)
    at, weight = np.polynomial.hermite_e.hermegauss(_POINTS)
    weight = weight[:, None] / weight.sum()
    level = prior_logit.copy()
    for _ in range(_LEVEL_STEPS):
        found = expit(level + at[:, None] * spread)
        # Newton's on the logit, in which far levels are straight.
        mean, bend = (weight * found).sum(axis=0), (weight * found * (1 - found)).sum(0)
        mean = mean.clip(1e-15, 1 - 1e-15)
        slope = np.maximum(bend, 1e-15) / (mean * (1 - mean))
        level -= (logit(mean) - prior_logit) / slope
        level = level.clip(prior_logit - most, prior_logit + most)
    return level - prior_logit - products.mean @ coef


def _look(settings, at, *, largest):
    """Evaluate all columns, and compute their objectives."""
    evaluate = partial(
        settings.products.evaluate,
        at.coef,
        at.intercept,
        at.targets,
        double=settings.double,
        largest=largest,
        centre=settings.fit_intercept,
    )
    penalty = at.rho / 2 * (at.coef * at.coef).sum(axis=0)
    seen = evaluate(precise=at.small)
    if not at.small and (seen.loss + penalty < _SMALL).any():
        at.small, seen = True, None
        seen = evaluate(precise=True)
    return seen, seen.loss + penalty


def _judge(settings, at, value):
    """Tell of which columns the last step was too long, and which do not move on.

    The third derivative of the loss is at most its second (times the change of z), so
    that with d the largest change of z along the step, J falls by at least 0.28 k^2 for
    d <= 1, and always along the step times ``log(1 + d) / d`` [1]_. Else the step is
    halved, down to that length, until it meets Armijo's condition, the slope along it
    being -k^2.

    References
    ----------
    .. [1] F. Bach, "Self-concordant analysis for logistic regression", Electronic
       Journal of Statistics 4, 2010. :doi:`10.1214/09-EJS521`
    """
    with np.errstate(invalid="ignore"):
        # J is a sum of positive terms: it rounds by about eps J, and if it is not a
        # precise one, by as much as one term does for each row, which on the whole is
        # some of the square root.
        rounding = value + 0.25 * np.sqrt(settings.products.n_samples) * (not at.small)
        slack = 4 * settings.eps * np.where(np.isfinite(rounding), rounding, 0)
        safe = np.log1p(at.change) / np.maximum(at.change, 1e-300)
        enough = at.before - 1e-4 * at.length * at.decrement**2 + slack
        too_long = (at.change > 1) & (at.length > safe) & ~(value <= enough)
        # k^2 promises more than rounding can hide, and J has not fallen.
        stalled = (value >= at.before - slack) & (at.decrement**2 > 100 * slack)
    stalled |= ~np.isfinite(value)
    return too_long, stalled & ~too_long


def _newton_system(settings, at, seen):
    """Make the linear system at the present point."""
    products = settings.products
    # Where all probabilities round to 0 and 1, a tiny curvature stands for none.
    curvature = np.maximum(seen.curvature, 1e-20)
    # A sum of terms t_i rounds by about eps |t|, and S is at least rho I; without a
    # penalty, about what the sketch holds its smallest eigenvalue to be. The squares of
    # the residuals add up to the curvature where probabilities are what they say.
    least = np.where(at.rho > 0, at.rho, curvature * settings.sketch.least)
    noise = 4 * settings.eps * np.sqrt(curvature * products.mean_square / least)
    residual, centre = np.zeros_like(curvature), np.zeros_like(seen.slope)
    if settings.fit_intercept:
        residual = seen.residual
        centre = seen.weighted / curvature
    gradient = seen.slope + at.rho * at.coef
    return System(gradient, residual, seen.D, curvature, centre, at.rho, noise)


def _present(at, result):
    """Coefficients and intercepts of all columns, those on their way included."""
    coef, intercept = result.coef.copy(), result.intercept.copy()
    coef[:, at.numbers] = at.coef
    intercept[at.numbers] = at.intercept
    return coef, intercept


def _walks_away(settings, at, index):
    """Whether the last step moved some rows far and none to the wrong side.

    Near a minimum a step is short. Where rows on the border keep the objective from 0,
    the rows beyond it go on by about 1 per step (Newton's for ``exp(-z)``), for ever.
    """
    better, worse = settings.products.span(
        at.step_coef[:, index], at.step_intercept[index], at.targets.select(index)
    )
    return (better > 0.5) & (-worse < 0.01 * better)
