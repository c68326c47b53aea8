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
    # Of s (log(1 + e^z) - y z): the first derivative r = s (p - y), the second D.
    P = products.sigmoid(at.Z)
    R = P - at.Y
    D = P * (1 - P)
    if at.S is not None:
        R *= at.S
        D *= at.S
    # Where all probabilities round to 0 and 1, a tiny curvature stands for none.
    curvature = np.maximum(products.total(D), 1e-20)
    # Block elimination of the intercept u from the Newton system
    #   [X.T D X + rho I   X.T D 1] [v]     [X.T r + rho w]
    #   [1.T D X           sum D  ] [u] = - [sum r        ]
    # gives S v = -g with the residuals r - D h, and u = -h - (D . X v) / sum D. S is
    # better conditioned: the mean of X, which embeddings share, is not in it.
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
    # k^2 = g.T S^-1 g + h^2 sum D, and S^-1 is at most I / rho.
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
    # -slope = -(g . v) + h^2 sum D, which for an exact v is k^2.
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
        # S q = X.T (D - D 1 1.T D / sum D) X q + rho q: two products with X for all
        # columns at once, and S is never written out (n_features^2 for each label).
        Xq = products.forward(q)
        T = D * Xq
        if settings.fit_intercept:
            T -= D * put(total(T) / curvature[live])
        Sq = products.backward(T)
        Sq += put(rho[live]) * q
        bend = total(q * Sq)
        # Not positive: q has shrunk to rounding errors.
        sound = bend > norm[live] * 1e-30
        # alpha = r . z / q . S q is the exact minimum along q.
        size = put(np.divide(norm[live], bend, out=np.zeros(len(live)), where=sound))
        # Xv comes along for free, and with it the change of z.
        v += size * q
        Xq *= size
        Xv += Xq
        Sq *= size
        r -= Sq
        # z = M^-1 r. beta = new r . z / old makes the next q conjugate to all before.
        z = sketch.precondition(r, curvature[live], rho[live])
        new = np.maximum(total(r * z), 0)
        keep = sound & (new > forcing[live] ** 2 * first[live])
        ratio = new / np.maximum(norm[live], 1e-300)
        norm[live] = new
        # The labels that are done are cut off: the products cost by the column.
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
