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

from typing import Any, NamedTuple

import numpy as np

# Columns are solved in blocks of so many entries (row and column); about ten arrays of
# one block are alive at a time.
_BLOCK_ENTRIES = 2**24
_MAX_CG_STEPS = 400
# Residual, relative to the first one, that any Newton direction is solved to.
_LOOSEST = 0.5


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
        Whether the decrement has met its tolerance.
    """

    coef: np.ndarray
    intercept: np.ndarray
    n_iter: np.ndarray
    converged: np.ndarray


class _Settings(NamedTuple):
    """What all columns of one solve have in common."""

    products: Any
    sketch: Any
    fit_intercept: bool
    tol: float
    max_iter: int
    double: bool

    @property
    def eps(self):
        """Rounding error of the gradient's arithmetic."""
        return float(np.finfo(np.float64).eps) if self.double else self.products.eps


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
        Inverse strength of the penalty.
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
        Most Newton steps of a column, in each of the two precisions.

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
    )
    width = max(1, _BLOCK_ENTRIES // max(1, products.n_samples))
    # Labels whose float32 gradient is too coarse go on from there in float64.
    precisions = (False, True) if products.eps > 1e-10 else (True,)
    for start in range(0, n_columns, width):
        todo = np.arange(start, min(start + width, n_columns))
        Y, S, scale = data.block(columns[todo])
        rho = 1 / (C[todo] * scale)
        for double in precisions:
            settings = _Settings(products, sketch, fit_intercept, tol, max_iter, double)
            at = _Columns(settings, todo, Y, S, rho, result)
            _newton(settings, at, result)
            left = (~result.converged & (result.n_iter < max_iter))[todo]
            if not left.any():
                break
            todo, Y, rho = todo[left], Y[:, left], rho[left]
            if S is not None and S.shape[1] > 1:
                S = S[:, left]
    return result


def _newton(settings, at, result):
    """Take Newton steps until every column is done, and write down where it ends."""
    value = _objective(settings, at, at.Z, at.coef)
    while len(at.numbers):
        goal = settings.tol * np.minimum(1, np.sqrt(value))
        system = _newton_system(settings, at)
        good = system.bound <= goal
        if good.any():
            at.drop(settings, good, good, result)
            index = np.flatnonzero(~good)
            system = system.select(index)
            goal, value = goal[index], value[index]
            if not len(index):
                break
        result.n_iter[at.numbers] += 1
        step = _direction(settings, at, system, goal)
        value, stalled, left = _advance(settings, at, step, value)
        # Below its noise a float32 gradient only wanders.
        coarse = system.noise > goal / 2
        good = (left <= goal) & ~coarse
        lost = coarse & (step.decrement <= 4 * system.noise)
        last = result.n_iter[at.numbers] >= settings.max_iter
        done = good | lost | stalled | last
        value = value[~done]
        at.drop(settings, done, good, result)


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
    loss = xp.log1p(xp.exp(-xp.abs(Z)))
    loss += Z.clip(min=0)
    loss -= at.Y * Z
    if at.S is not None:
        loss *= at.S
    return total(loss) + at.rho / 2 * total(coef * coef)


class _System(NamedTuple):
    """The linear system of a Newton step, its intercept eliminated.

    Attributes
    ----------
    gradient : device array of shape (n_features, n_columns)
        g, in the precision of X.
    D : device array of shape (n_samples, n_columns)
        Hessian weights, in the precision of X.
    curvature, offset : ndarray of shape (n_columns,)
        The sum of D, and h.
    bound : ndarray of shape (n_columns,)
        Upper bound on the Newton decrement.
    noise : ndarray of shape (n_columns,)
        How much decrement the rounding of g may show.
    """

    gradient: Any
    D: Any
    curvature: np.ndarray
    offset: np.ndarray
    bound: np.ndarray
    noise: np.ndarray

    def select(self, index):
        """Keep some columns."""
        return _System(*(part[..., index] for part in self))


def _newton_system(settings, at):
    """Gradient and Hessian weights at the present point."""
    products, double = settings.products, settings.double
    P = products.sigmoid(at.Z)
    R = P - at.Y
    D = P * (1 - P)
    if at.S is not None:
        R *= at.S
        D *= at.S
    # Where all probabilities round to 0 and 1, a tiny curvature stands for none.
    curvature = np.maximum(products.total(D), 1e-20)
    offset = np.zeros(len(at.rho))
    if settings.fit_intercept:
        offset = products.total(R) / curvature
        R -= D * products.put(offset, double=double)
    # A sum of terms t_i rounds by about eps |t|, and S is at least rho I.
    spread = products.total(R * R) * products.mean_square / at.rho
    noise = 4 * settings.eps * np.sqrt(spread)
    product = products.backward_double if double else products.backward
    gradient = product(R)
    penalty = products.put(at.rho, double=True) * at.coef
    gradient += products.put(penalty, double=double)
    bound = products.total(gradient * gradient) / at.rho + offset**2 * curvature
    return _System(
        products.put(gradient),
        products.put(D),
        curvature,
        offset,
        np.sqrt(bound),
        noise,
    )


class _Step(NamedTuple):
    """A Newton direction.

    Attributes
    ----------
    coef : device array of shape (n_features, n_columns)
        Change of the coefficients.
    intercept : ndarray of shape (n_columns,)
        Change of the intercepts.
    scores : device array of shape (n_samples, n_columns)
        Change of z.
    decrement : ndarray of shape (n_columns,)
        Newton decrement.
    residual : ndarray of shape (n_columns,)
        What is left of it by the truncation, relative.
    """

    coef: Any
    intercept: np.ndarray
    scores: Any
    decrement: np.ndarray
    residual: np.ndarray


def _direction(settings, at, system, goal):
    """Newton direction by preconditioned conjugate gradients."""
    products, total = settings.products, settings.products.total
    coef, scores, residual = _conjugate_gradients(settings, system, at.rho, goal)
    slope = system.offset**2 * system.curvature - total(system.gradient * coef)
    intercept = np.zeros(len(at.rho))
    if settings.fit_intercept:
        intercept = -system.offset - total(system.D * scores) / system.curvature
        scores += products.put(intercept)
    decrement = np.sqrt(np.maximum(slope, 0))
    broken = np.flatnonzero(~np.isfinite(decrement))
    if len(broken):  # overflow: no step, so that the column counts as stalled
        coef[:, broken], scores[:, broken] = 0, 0
        intercept[broken], decrement[broken] = 0, np.inf
    return _Step(coef, intercept, scores, decrement, residual)


def _conjugate_gradients(settings, system, rho, goal):
    """Solve ``S v = -g`` for all columns, each until its residual is small enough.

    Returns
    -------
    v : device array of shape (n_features, n_columns)
        The solution.
    Xv : device array of shape (n_samples, n_columns)
        Its product with X.
    residual : ndarray of shape (n_columns,)
        Norm of the residual over that of g, both in the preconditioner's metric.
    """
    products, sketch, put = settings.products, settings.sketch, settings.products.put
    total, curvature, D = products.total, system.curvature, system.D
    n_columns = len(rho)
    solution = products.zeros(products.n_features, n_columns)
    product = products.zeros(products.n_samples, n_columns)
    live = np.arange(n_columns)
    v, Xv = solution, product
    r = -system.gradient
    q = sketch.precondition(r, curvature, rho)
    first = total(r * q)
    norm = first.copy()
    # Tight enough to end at the goal, no tighter than Newton's own error, which is of
    # the order of the decrement itself.
    length = np.sqrt(np.maximum(first, 1e-300))
    forcing = np.minimum(_LOOSEST, np.maximum(length, goal / (2 * length)))
    for _ in range(_MAX_CG_STEPS):
        Xq = products.forward(q)
        T = D * Xq
        if settings.fit_intercept:
            T -= D * put(total(T) / curvature[live])
        Sq = products.backward(T)
        Sq += put(rho[live]) * q
        bend = total(q * Sq)
        # Not positive: q has shrunk to rounding errors.
        sound = bend > norm[live] * 1e-30
        size = put(np.divide(norm[live], bend, out=np.zeros(len(live)), where=sound))
        v += size * q
        Xq *= size
        Xv += Xq
        Sq *= size
        r -= Sq
        z = sketch.precondition(r, curvature[live], rho[live])
        new = np.maximum(total(r * z), 0)
        keep = sound & (new > forcing[live] ** 2 * first[live])
        ratio = new / np.maximum(norm[live], 1e-300)
        norm[live] = new
        if not keep.all():
            done, index = np.flatnonzero(~keep), np.flatnonzero(keep)
            if v is not solution:
                solution[:, live[done]] = v[:, done]
                product[:, live[done]] = Xv[:, done]
            v, Xv, q, r, D, z = (part[:, index] for part in (v, Xv, q, r, D, z))
            live, ratio = live[index], ratio[index]
            if not len(live):
                break
        q *= put(ratio)
        q += z
    if len(live) and v is not solution:
        solution[:, live], product[:, live] = v, Xv
    return solution, product, np.sqrt(norm / np.maximum(first, 1e-300))


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
    change = products.peak(step.scores)
    scores = products.put(step.scores, double=double)
    coef_step = products.put(step.coef, double=True)
    Z, coef = at.Z + scores, at.coef + coef_step
    new = _objective(settings, at, Z, coef)
    slack = 4 * settings.eps * value
    length, safe = np.ones(len(value)), np.log1p(change) / np.maximum(change, 1e-300)
    while True:
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
    left = step.decrement * (step.residual + change / 2 * np.exp(change.clip(max=50)))
    left = np.where(length < 1, np.inf, left)
    stalled = (new >= value - slack) & (step.decrement**2 > 100 * slack)
    return new, stalled | ~np.isfinite(new), left
