r"""Logistic regressions that share X, by a batched truncated Newton method.

With the weights of a label's rows divided by their mean, and ``rho`` one over the
product of that mean and C, the objective of every label is

    J(w, b) = sum_i s_i (log(1 + exp(z_i)) - y_i z_i) + rho / 2 |w|^2,  z = X w + b,

with the residuals ``r = s (p - y)``, the weights ``D = s p (1 - p)``, and the Newton
direction ``(v, u)``. All labels have the same X, so what they need of it comes from
matrix products. Eliminating the intercept, whose direction is badly conditioned,

    S v = -g,  S = X.T (D - D 1 1.T D / sum D) X + rho I,  g = X.T (r - D h) + rho w,
    u = -h - (D . X v) / sum D,  h = sum r / sum D,

leaves a system that preconditioned conjugate gradients solve in few steps. They stop
early, as far from the minimum the direction need not be exact.

Progress is measured by the Newton decrement ``k = sqrt(-slope)``, where ``-slope =
-g . v + h^2 sum D``: to second order ``J - min J = k^2 / 2``, and as ``S`` is at least
``D_i x_i x_i.T`` the probability of row i is off by at most ``k / (2 sqrt(s_i))``.
"""

from typing import NamedTuple

import numpy as np

from sklearn_clip.heads.linear._conjugate_gradients import (
    Settings,
    newton_direction,
    newton_system,
)

# Columns are solved in blocks of so many entries (row and column); about ten arrays of
# one block are alive at a time.
_BLOCK_ENTRIES = 2**24


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
    """The columns that are still being solved, and where each of them stands."""

    def __init__(self, settings, numbers, Y, S, rho, result):
        put = settings.products.put
        double = settings.double
        self.numbers, self.rho = numbers, rho
        self.Y = put(Y, double=double)
        self.S = None if S is None else put(S, double=double)
        self.coef = put(result.coef[:, numbers], double=True)
        self.intercept = result.intercept[numbers]
        self.Z = _scores(settings, self.coef, self.intercept)

    def drop(self, settings, done, good, result):
        """Write the columns that are done into the result, and forget them."""
        if not done.any():
            return
        index, numbers = np.flatnonzero(done), self.numbers[done]
        result.coef[:, numbers] = settings.products.host(self.coef[:, index])
        result.intercept[numbers] = self.intercept[index]
        result.converged[numbers] = good[done]
        index = np.flatnonzero(~done)
        for name in ("numbers", "rho", "intercept"):
            setattr(self, name, getattr(self, name)[index])
        for name in ("Y", "coef", "Z"):
            setattr(self, name, getattr(self, name)[:, index])
        if self.S is not None and self.S.shape[1] > 1:
            self.S = self.S[:, index]


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
        Inverse strength of the penalty; inf for none.
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
    width, precisions = _block_width(products), _precisions(products)
    for start in range(0, n_columns, width):
        todo = np.arange(start, min(start + width, n_columns))
        Y, S, scale = data.block(columns[todo])
        # C sum_i s_i l_i + |w|^2 / 2, divided by C and by the mean weight: J then grows
        # with the number of rows only, and one tol serves all labels and weights.
        rho = 1 / (C[todo] * scale)
        for double in precisions:
            settings = Settings(
                products, sketch, fit_intercept, tol, max_iter, double, steps
            )
            at = _Columns(settings, todo, Y, S, rho, result)
            _newton(settings, at, result)
            left = (~result.converged & (result.n_iter < max_iter))[todo]
            if not left.any():
                break
            todo, Y, rho = todo[left], Y[:, left], rho[left]
            if S is not None and S.shape[1] > 1:
                S = S[:, left]
    return result


def _block_width(products):
    """Columns that are solved together."""
    return max(1, _BLOCK_ENTRIES // max(1, products.n_samples))


def _precisions(products):
    """Whether to work in float64, for one solve after the other.

    Labels whose float32 gradient is too coarse go on from there in float64.
    """
    return (False, True) if products.eps > 1e-10 else (True,)


def most_steps(products, n_columns, max_iter):
    """Upper bound of the Newton steps of `solve`, all blocks counted."""
    n_blocks = -(-n_columns // _block_width(products))
    return n_blocks * len(_precisions(products)) * max_iter


def _newton(settings, at, result):
    """Take Newton steps until every column is done, and write down where it ends."""
    value = _objective(settings, at, at.Z, at.coef)
    # Below 1/2 all rows are on their side, as they stay however far one goes on: the
    # objective has no minimum, and the promise about probabilities is all to be kept.
    goal_of_rows = min(settings.tol, 0.5) / 2
    while len(at.numbers):
        # k^2 / 2 = J - min J to second order: this is tol^2 / 2 of J, or tol^2 / 2
        # itself where J is above 1, so that probabilities are known to tol / 2.
        goal = settings.tol * np.minimum(1, np.sqrt(value))
        system = newton_system(settings, at)
        # k is not to be had to the goal from a gradient that rounds to half of it.
        coarse = system.noise > goal / 2
        # The bound costs no linear system: labels that start at their minimum (warm
        # starts, the path over C) leave before their first step.
        good = (system.bound <= goal) & ~coarse
        if (at.rho == 0).any():
            separated = (at.rho == 0) & (_largest_error(settings, at) <= goal_of_rows)
            result.separated[at.numbers[separated]] = True
            good |= separated
        if good.any():
            at.drop(settings, good, good, result)
            index = np.flatnonzero(~good)
            system = system.select(index)
            goal, value, coarse = goal[index], value[index], coarse[index]
            if not len(index):
                break
        result.n_iter[at.numbers] += 1
        if settings.steps is not None:
            settings.steps.begin(lambda: _present(settings, at, result))
        step = newton_direction(settings, at, system, goal)
        value, stalled, left = _advance(settings, at, step, value)
        good = (left <= goal) & ~coarse
        if (good & (at.rho == 0)).any():
            separated = good & (at.rho == 0) & _walks_away(settings, at, step)
            result.separated[at.numbers[separated]] = True
        # Below its noise a float32 gradient only wanders.
        lost = coarse & (step.decrement <= 4 * system.noise)
        last = result.n_iter[at.numbers] >= settings.max_iter
        done = good | lost | stalled | last
        value = value[~done]
        at.drop(settings, done, good, result)
        if settings.steps is not None:
            settings.steps.end(lambda: _present(settings, at, result))


def _present(settings, at, result):
    """Coefficients and intercepts of all columns, those on their way included."""
    coef, intercept = result.coef.copy(), result.intercept.copy()
    coef[:, at.numbers] = settings.products.host(at.coef)
    intercept[at.numbers] = at.intercept
    return coef, intercept


def _scores(settings, coef, intercept):
    """Compute ``X w + b`` in the precision of the settings."""
    products, double = settings.products, settings.double
    if double:
        Z = products.forward_double(coef)
    elif not (coef != 0).any():  # the usual start needs no product
        Z = products.zeros(products.n_samples, coef.shape[1])
    else:
        Z = products.forward(products.put(coef))
    Z += products.put(intercept, double=double)
    return Z


def _objective(settings, at, Z, coef):
    """J of every column."""
    xp, total = settings.products.xp, settings.products.total
    # log(1 + e^z) = max(z, 0) + log(1 + e^-|z|), which overflows for no z.
    loss = xp.log1p(xp.exp(-xp.abs(Z)))
    loss += Z.clip(min=0)
    loss -= at.Y * Z
    if at.S is not None:
        loss *= at.S
    return total(loss) + at.rho / 2 * total(coef * coef)


def _walks_away(settings, at, step):
    """Whether a step moves some rows far and none to the wrong side.

    Near a minimum a step is short. Where rows on the border keep the objective from 0,
    the rows beyond it go on by about 1 per step (Newton's for ``exp(-z)``), for ever.
    """
    products = settings.products
    gain = (2 * at.Y - 1) * products.put(step.scores, double=settings.double)
    if at.S is not None:
        gain *= at.S > 0
    better, worse = (
        products.peak(part) for part in (gain.clip(min=0), gain.clip(max=0))
    )
    return (better > 0.5) & (worse < 0.01 * better)


def _largest_error(settings, at):
    """Largest ``|p - y|`` of a column, over the rows that have a weight in it."""
    products = settings.products
    error = products.sigmoid(at.Z) - at.Y
    if at.S is not None:
        error *= at.S > 0
    return products.peak(error)


def _advance(settings, at, step, value):
    """Take the step, in full where that is good and damped where it is not.

    The third derivative of the loss is at most its second (times the change of z), so
    with ``d`` the largest change of z along the step, J falls by at least 0.28 k^2
    for d <= 1, and always along the step times ``log(1 + d) / d`` [1]_.

    Returns
    -------
    value : ndarray of shape (n_columns,)
        J at the new point.
    stalled : ndarray of shape (n_columns,), dtype=bool
        Whether J has not fallen by more than its own rounding.
    left : ndarray of shape (n_columns,)
        Bound on the decrement at the new point: the residual of the truncation, and
        the change of the Hessian along the step.

    References
    ----------
    .. [1] F. Bach, "Self-concordant analysis for logistic regression", Electronic
       Journal of Statistics 4, 2010. :doi:`10.1214/09-EJS521`
    """
    products, double = settings.products, settings.double
    # d: since |l'''| = l'' |1 - 2 p| <= l'', it is all that need be known of the loss.
    change = products.peak(step.scores)
    scores = products.put(step.scores, double=double)
    coef_step = products.put(step.coef, double=True)
    Z, coef = at.Z + scores, at.coef + coef_step
    new = _objective(settings, at, Z, coef)
    # J is a sum of positive terms: it rounds by about eps J.
    slack = 4 * settings.eps * value
    length, safe = np.ones(len(value)), np.log1p(change) / np.maximum(change, 1e-300)
    while True:
        # Armijo's condition, the slope along the step being -k^2. For d <= 1 the full
        # step has it by [1]; else halve, down to the length that is always good.
        enough = value - 1e-4 * length * step.decrement**2 + slack
        bad = (length > safe) & (change > 1) & ~(new <= enough)
        if not bad.any():
            break
        length[bad] = np.maximum(length[bad] / 2, safe[bad])
        Z = at.Z + scores * products.put(length, double=double)
        coef = at.coef + coef_step * products.put(length, double=True)
        new = _objective(settings, at, Z, coef)
    at.intercept = at.intercept + length * step.intercept
    at.Z, at.coef = Z, coef
    if double and products.eps > 1e-10 and (change > 0.01).any():
        # The float32 change of z has an error of eps times its size.
        at.Z = _scores(settings, at.coef, at.intercept)
    # After a full step the gradient is what CG has left of it, and what the Hessian has
    # changed along the step: at most (e^d - 1 - d) / d <= d / 2 e^d times H v.
    left = step.decrement * (step.residual + change / 2 * np.exp(change.clip(max=50)))
    left = np.where(length < 1, np.inf, left)
    # k^2 promises more than rounding can hide, and J has not fallen.
    stalled = (new >= value - slack) & (step.decrement**2 > 100 * slack)
    return new, stalled | ~np.isfinite(new), left
