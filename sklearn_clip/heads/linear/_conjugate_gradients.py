"""The linear systems of Newton steps, and conjugate gradients for all of them."""

from typing import Any, NamedTuple

import numpy as np

_MAX_CG_STEPS = 400
# Residual, relative to the first one, that any Newton direction is solved to.
_LOOSEST = 0.5
# Share of the columns still in need of steps, below which the others are cut off.
_CUT_BELOW = 0.9
# Of a step's bound on the change of z: what the largest change is of it at least, on
# rows that do not all lie on one line. Tells where to look at the rows pays.
_LEAST_CHANGE = 1 / 16


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
    """The linear system of a Newton step.

    Attributes
    ----------
    gradient : ndarray of shape (n_features, n_columns)
        Of the coefficients, float64.
    residual : ndarray of shape (n_columns,)
        Of the intercept; 0 where there is none.
    D : HessianWeights
        Those of the columns; None where no pass over the rows is to be made.
    curvature : ndarray of shape (n_columns,)
        The sum of D.
    centre : ndarray of shape (n_features, n_columns)
        About the mean of the rows, weighted by D; 0 without an intercept.
    rho : ndarray of shape (n_columns,)
        Weight of the penalty.
    noise : ndarray of shape (n_columns,)
        How much decrement the rounding of the gradient may show.
    """

    gradient: Any
    residual: np.ndarray
    D: Any
    curvature: np.ndarray
    centre: np.ndarray
    rho: np.ndarray
    noise: np.ndarray

    def select(self, index):
        """Keep some columns."""
        parts = self._asdict()
        D = parts.pop("D").select(index)
        return System(D=D, **{name: part[..., index] for name, part in parts.items()})

    def steepness(self):
        """Bound on the Newton decrement, from the gradient alone.

        ``k^2 = s.T S^-1 s + h^2 sum D`` with the intercept eliminated exactly; S^-1 is
        at most I / rho.
        """
        least = np.full_like(self.rho, np.inf)
        slope = self.gradient - self.centre * self.residual
        steep = (slope * slope).sum(axis=0)
        np.divide(steep, self.rho, out=least, where=self.rho > 0)
        return np.sqrt(least + self.residual**2 / self.curvature)


class Step(NamedTuple):
    """A Newton direction.

    Attributes
    ----------
    coef : ndarray of shape (n_features, n_columns)
        Change of the coefficients.
    intercept : ndarray of shape (n_columns,)
        Change of the intercepts.
    decrement : ndarray of shape (n_columns,)
        Newton decrement.
    residual : ndarray of shape (n_columns,)
        What is left of it by the truncation, relative.
    change : ndarray of shape (n_columns,)
        Bound on the change of z.
    """

    coef: np.ndarray
    intercept: np.ndarray
    decrement: np.ndarray
    residual: np.ndarray
    change: np.ndarray

    def left(self):
        """Bound on the decrement after a full step.

        The gradient then is what CG has left of it, and what the Hessian has changed
        along the step: at most (e^d - 1 - d) / d <= d / 2 e^d times H v.
        """
        bend = self.change / 2 * np.exp(self.change.clip(max=50))
        return self.decrement * (self.residual + bend)


def preconditioned_step(settings, system):
    """Make the step of the preconditioner alone, whose residual is not known."""
    coef, intercept = _precondition(
        settings, system, -system.gradient, -system.residual
    )
    return _make_step(settings, system, coef, intercept, 1.0, np.inf)


def newton_direction(settings, system, goal):
    """Newton direction by preconditioned conjugate gradients."""
    coef, intercept, residual, length = _conjugate_gradients(settings, system, goal)
    step = _make_step(settings, system, coef, intercept, residual, goal)
    # Where no step could be made, all of the decrement is left.
    none = ~(coef.any(axis=0) | (intercept != 0))
    return step._replace(decrement=np.where(none, length, step.decrement))


def _make_step(settings, system, coef, intercept, residual, goal):
    # -slope = -(g . v + g0 u), which for an exact direction is k^2.
    slope = (system.gradient * coef).sum(axis=0) + system.residual * intercept
    decrement = np.sqrt(np.maximum(-slope, 0))
    broken = ~np.isfinite(decrement)
    if broken.any():  # overflow: no step, so that the column counts as stalled
        coef, intercept = coef.copy(), np.where(broken, 0, intercept)
        coef[:, broken] = 0
        decrement[broken] = np.inf
    residual = np.broadcast_to(residual, decrement.shape)
    return _look_at_rows(
        settings,
        Step(coef, intercept, decrement, residual, _bound(settings, coef, intercept)),
        goal,
    )


def _bound(settings, coef, intercept):
    """Bound on the change of z, by that at the mean of the rows and their distance."""
    products = settings.products
    length = np.linalg.norm(coef, axis=0)
    return products.reach * length + np.abs(products.mean @ coef + intercept)


def _look_at_rows(settings, step, goal):
    """Replace the bound on the change of z by the largest one, where that may help."""
    hopeful = step._replace(change=step.change * _LEAST_CHANGE)
    index = np.flatnonzero((step.left() > goal) & (hopeful.left() <= goal))
    if not len(index):
        return step
    most, least = settings.products.span(step.coef[:, index], step.intercept[index])
    change = step.change.copy()
    change[index] = np.minimum(change[index], np.maximum(most, -least))
    return step._replace(change=change)


def _precondition(settings, system, r, s):
    """Solve with a Hessian whose weights are all the same, but for its centre.

    Elimination of the intercept with the weighted mean m of the rows leaves

        (curvature C + rho I) v = r - m s,   u = s / curvature - m . v,

    with C about the covariance of X. Rare labels have a mean of their own.
    """
    sketch, put, host = settings.sketch, settings.products.put, settings.products.host
    inner = put(r - system.centre * s)
    v = host(sketch.precondition(inner, system.curvature, system.rho))
    if not settings.fit_intercept:
        return v, np.zeros_like(s)
    return v, s / system.curvature - (system.centre * v).sum(axis=0)


def _conjugate_gradients(settings, system, goal):
    """Solve for the direction of all columns, each until its residual is small enough.

    Returns
    -------
    v : ndarray of shape (n_features, n_columns)
        Change of the coefficients.
    u : ndarray of shape (n_columns,)
        Change of the intercepts.
    residual : ndarray of shape (n_columns,)
        Norm of the residual over that of g, both in the preconditioner's metric, or
        of the error over that of the direction, in the Hessian's, if not both are seen
        to be small.
    length : ndarray of shape (n_columns,)
        Norm of g in the preconditioner's metric, about the decrement.
    """
    products = settings.products
    solution, intercept = np.zeros_like(system.gradient), np.zeros_like(system.rho)
    live = np.arange(len(system.rho))
    v, u = solution.copy(), intercept.copy()
    r, s = -system.gradient, -system.residual
    q, p = _precondition(settings, system, r, s)
    first = (r * q).sum(axis=0) + s * p
    # Not a norm: the preconditioner has overflowed, and there is no direction.
    broken = ~(first >= 0)
    first[broken] = 0
    left = first.copy()
    # Tight enough to end at the goal where Newton's own error, about the square of the
    # decrement, lets it, and no tighter than that elsewhere.
    length = np.where(broken, np.inf, np.sqrt(np.maximum(first, 1e-300)))
    last = goal / (2 * length)
    forcing = np.where(length**2 <= 4 * goal, last, np.maximum(length, last))
    forcing = np.minimum(_LOOSEST, forcing)
    norm, stop = first.copy(), forcing**2 * first
    # The preconditioner's metric hardly sees directions in which D is far smaller than
    # in the mean. In the Hessian's, a step makes the squared error smaller by `gain`:
    # columns that would end here take one more, which is to gain next to nothing.
    final = (length**2 <= 4 * goal) | (last >= length)
    enough = np.maximum(goal / 2, system.noise) ** 2
    energy, met, doubt = np.zeros_like(first), np.zeros_like(final), np.ones_like(first)
    # A gradient of rounding errors leads nowhere.
    on = np.where(system.rho > 0, system.steepness(), length) > system.noise
    on &= ~broken
    # Without a penalty nothing holds the directions in which X does not vary, but that
    # their products are zeros up to rounding.
    free = settings.double and (system.rho == 0).any()
    least = settings.sketch.least / max(products.mean_square, 1e-300)
    floor = np.finfo(np.float64).eps / max(least, 1e-6) if free else 1e-30
    for _ in range(_MAX_CG_STEPS):
        # H q = X.T D (X q + p) + rho q: a pass over the rows for all columns at once,
        # and H is never written out (n_features^2 for each label). Its directions
        # have a norm near 1 there, as float32 cannot hold any.
        unit = np.sqrt(np.where(norm > 0, norm, 1))
        product, total = products.curve(q / unit, p / unit, system.D, double=free)
        product = product * unit + system.rho * q
        total = total * unit * settings.fit_intercept
        bend = (q * product).sum(axis=0) + p * total
        # Not positive: q has shrunk to rounding errors.
        sound = bend > norm * floor
        doubt[live[on & ~sound]] = 0
        on &= sound
        # alpha = r . z / q . H q is the exact minimum along q.
        size = np.divide(norm, bend, out=np.zeros_like(norm), where=on)
        gain = size * norm
        energy += gain
        v += size * q
        u += size * p
        r = r - size * product
        s = s - size * total
        # z = M^-1 r. beta = new r . z / old makes the next q conjugate to all before.
        z, y = _precondition(settings, system, r, s)
        new = np.maximum((r * z).sum(axis=0) + s * y, 0)
        left[live[on]] = new[on]
        sure = (met & (gain <= enough)) | (new <= 1e-24 * first[live])
        doubt[live[on]] = np.where(sure, 0, gain / np.maximum(energy, 1e-300))[on]
        met = new <= stop
        on &= ~met | (final & ~sure)
        if not on.any():
            break
        ratio = np.where(on, new / np.maximum(norm, 1e-300), 0)
        q, p, norm = z + ratio * q, y + ratio * p, new
        if on.mean() < _CUT_BELOW:
            # The columns that are done are cut off: a pass costs by the column.
            solution[:, live], intercept[live] = v, u
            index = np.flatnonzero(on)
            system, on, live = system.select(index), on[index], live[index]
            v, u, r, s, q, p = (part[..., index] for part in (v, u, r, s, q, p))
            norm, stop, energy = norm[index], stop[index], energy[index]
            final, met, enough = final[index], met[index], enough[index]
    solution[:, live], intercept[live] = v, u
    residual = np.sqrt(np.maximum(left / np.maximum(first, 1e-300), doubt))
    return solution, intercept, residual, length
