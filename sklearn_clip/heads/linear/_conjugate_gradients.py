"""The linear systems of Newton steps, and conjugate gradients for all of them."""

from typing import Any, NamedTuple

import numpy as np

_MAX_CG_STEPS = 400
# Residual, relative to the first one, that any Newton direction is solved to.
_LOOSEST = 0.5


class Settings(NamedTuple):
    """What all columns of one solve have in common."""

    products: Any
    sketch: Any
    fit_intercept: bool
    tol: float
    max_iter: int
    double: bool
    steps: Any = None

    @property
    def eps(self):
        """Rounding error of the gradient's arithmetic."""
        return float(np.finfo(np.float64).eps) if self.double else self.products.eps


class System(NamedTuple):
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
        return System(*(part[..., index] for part in self))


class Step(NamedTuple):
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


def newton_system(settings, at):
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
    # A sum of terms t_i rounds by about eps |t|, and S is at least rho I; without a
    # penalty, about what the sketch holds its smallest eigenvalue to be.
    least = np.where(at.rho > 0, at.rho, curvature * settings.sketch.least)
    spread = products.total(R * R) * products.mean_square / least
    noise = 4 * settings.eps * np.sqrt(spread)
    product = products.backward_double if double else products.backward
    gradient = product(R)
    penalty = products.put(at.rho, double=True) * at.coef
    gradient += products.put(penalty, double=double)
    steep = products.total(gradient * gradient)
    bound = np.divide(steep, at.rho, out=np.full_like(steep, np.inf), where=at.rho > 0)
    bound += offset**2 * curvature
    return System(
        products.put(gradient),
        products.put(D),
        curvature,
        offset,
        np.sqrt(bound),
        noise,
    )


def newton_direction(settings, at, system, goal):
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
    return Step(coef, intercept, scores, decrement, residual)


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
