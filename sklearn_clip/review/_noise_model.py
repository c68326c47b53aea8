"""Which given labels are wrong: a mixture of what is true and what was written down.

For row i and label j let t be the truth, y what was given. Truth follows the evidence
x (the classifier's log-odds, the neighbours' votes), and writing it down goes wrong at
two rates that do not look at the evidence:

    P(t = 1 | x) = sigmoid(w_j . (1, x)),
    P(y = 1 | t = 0) = a   (a label given falsely),
    P(y = 0 | t = 1) = b_j (a label that is missing).

By Bayes, with q = P(t = 1 | x),

    P(t = 0 | y = 1, x) = (1 - q) a / ((1 - q) a + q (1 - b)),
    P(t = 1 | y = 0, x) = q b / (q b + (1 - q) (1 - a)),

which makes cells of frequent and of rare labels, given and not given, comparable. This
is the four-parameter logistic model of item responses, with labels as items. `a` is the
floor of the given share where the evidence is least, and read off there; `b` and `w`
are found by expectation and maximisation, and the labels share what they have in common
(Gaussian and Beta priors around the mean of all).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

# A positive that its vector does not show: of clean labels about a tenth of them lie
# where the evidence is least, and are not to be read as labels given falsely.
_HIDDEN = 0.1
# Share of rows of which the evidence is no evidence, so that no cell is certain.
_OUTLIERS = 0.02
_LEAST = 1e-4
# Weights of the priors: pseudo-cells of the missing rate of all labels and of one, and
# of a group of rows' floor; precision of slopes around the mean, and of intercepts.
_PRIOR_ALL, _PRIOR_ONE, _PRIOR_FLOOR = 20.0, 50.0, 2000.0
_PRIOR_CAUTIOUS = 500.0
_PRECISION, _FREE = 5.0, 0.1
_MISSING = 0.05
_STEPS = 40
# Cells of one block of rows: 512 kB for each of their figures.
_CACHED = 2**16


class NoiseModel(NamedTuple):
    """What was found.

    Attributes
    ----------
    wrong : ndarray of shape (n, n_labels)
        P(the given label is wrong); NaN where none was given.
    false_rate, missing_rate : ndarray of shape (n_labels,)
        The rates `a`, mean over rows, and `b`.
    """

    wrong: np.ndarray
    false_rate: np.ndarray
    missing_rate: np.ndarray


def fit_noise_model(given, evidence, writers=None):
    """Estimate how probably each given label is wrong.

    Parameters
    ----------
    given : ndarray of shape (n, n_labels)
        0, 1 and NaN.
    evidence : list of ndarray of shape (n, n_labels)
        Each grows with P(label = 1); the first is log-odds, roughly. Finite.
    writers : ndarray of shape (n,), dtype=int, or None
        Number of who gave the labels of each row, from 0; None if it is one for all.

    Returns
    -------
    NoiseModel
        What was found.
    """
    known = ~np.isnan(given)
    counts = known.sum(axis=0)
    share = np.where(known, given, 0).sum(axis=0) / np.maximum(counts, 1)
    # The rarer of two values is the one to be explained: a label that most rows have is
    # read as its opposite, so that below half of the evidence there is nearly nothing.
    turned = share > 0.5
    given = np.where(turned, 1 - given, given)
    share = np.where(turned, 1 - share, share)
    sign = np.where(turned, -1.0, 1.0)
    x = [sign * part for part in evidence]
    floor = _read_floor(given, x[0], known, share, writers)
    cells = _Cells(x, given == 1, known, share, floor)
    _, lost = _maximise(cells, cautious=False)
    weights, missing = _maximise(cells, cautious=True)
    wrong = np.empty(given.shape)
    for rows, block in cells.blocks():
        posterior = _posterior(block, _truth(block, weights), missing)
        doubt = np.where(block.positive, 1 - posterior, posterior)
        wrong[rows] = np.where(block.known, doubt, np.nan)
    floors = np.broadcast_to(floor, given.shape).mean(axis=0)
    return NoiseModel(
        wrong,
        np.where(turned, lost, floors),
        np.where(turned, floors, lost),
    )


def _read_floor(given, odds, known, share, writers):
    """Share of positives where the classifier sees none, of shape (1, 1) or (n, 1)."""
    low = np.zeros(given.shape, bool)
    for label, column in enumerate(odds.T):
        rows = np.flatnonzero(known[:, label])
        # Half of the rows, fewer for labels so frequent that there their own begin.
        part = np.clip(1 - 2 * share[label], 0.1, 0.5)
        order = np.argsort(column[rows], kind="stable")
        low[rows[order[: int(np.ceil(part * len(rows)))]], label] = True
    n_low = low.sum()
    found = (given == 1) & low
    floor = found.sum() / max(n_low, 1)
    hidden = _HIDDEN * np.average(share, weights=np.maximum(low.sum(axis=0), _LEAST))
    if writers is None:
        return np.full((1, 1), max(floor - hidden, _LEAST))
    n_writers = writers.max() + 1
    seen = np.bincount(writers, low.sum(axis=1), n_writers)
    own = np.bincount(writers, found.sum(axis=1), n_writers)
    # Shrunk to the floor of all: few cells say little of one.
    floors = (own + _PRIOR_FLOOR * floor) / (seen + _PRIOR_FLOOR)
    return np.maximum(floors - hidden, _LEAST)[writers][:, None]


class _Cells(NamedTuple):
    """Evidence, what was given and whether, and what is known of all beforehand.

    `x` is a list of ndarray of shape (n, n_labels), without the constant.
    """

    x: list
    positive: np.ndarray
    known: np.ndarray
    share: np.ndarray
    floor: np.ndarray

    def blocks(self):
        """Rows, and what is of them, that stay in the processor's cache in a step."""
        n_rows, n_labels = self.positive.shape
        step = max(1, _CACHED // n_labels)
        for start in range(0, n_rows, step):
            rows = slice(start, start + step)
            yield (
                rows,
                self._replace(
                    x=[part[rows] for part in self.x],
                    positive=self.positive[rows],
                    known=self.known[rows],
                    floor=self.floor[rows] if len(self.floor) > 1 else self.floor,
                ),
            )


def _truth(cells, weights):
    """P(truth = 1 | evidence)."""
    odds = weights[:, 0] + sum(
        part * weights[:, k] for k, part in enumerate(cells.x, start=1)
    )
    return _OUTLIERS * cells.share + (1 - _OUTLIERS) * expit(odds)


def _posterior(cells, truth, missing):
    """P(truth = 1 | evidence, given)."""
    one = truth * np.where(cells.positive, 1 - missing, missing)
    zero = (1 - truth) * np.where(cells.positive, cells.floor, 1 - cells.floor)
    return one / np.maximum(one + zero, np.finfo(float).tiny)


def _maximise(cells, *, cautious):
    """Find weights of the evidence, (n_labels, n_parts), and the missing rates.

    Cautious rates, for the ranking, lie half-way to what is usual, on a log scale.
    """
    own = _PRIOR_CAUTIOUS if cautious else _PRIOR_ONE
    n_labels, n_parts = len(cells.share), len(cells.x) + 1
    weights = np.zeros((n_labels, n_parts))
    weights[:, 1] = 1.0
    missing = np.full(n_labels, _MISSING)
    precision = np.full(n_parts, _PRECISION)
    precision[0] = _FREE
    for _ in range(_STEPS):
        lost, there = np.zeros(n_labels), np.zeros(n_labels)
        gradient = np.zeros((n_labels, n_parts))
        hessian = np.zeros((n_labels, n_parts, n_parts))
        for _, block in cells.blocks():
            truth = _truth(block, weights)
            # Expectation: what is known of the truth; nothing where no label is given.
            posterior = np.where(block.known, _posterior(block, truth, missing), 0.0)
            lost += np.where(block.positive, 0.0, posterior).sum(axis=0)
            there += posterior.sum(axis=0)
            error = np.where(block.known, posterior - truth, 0.0)
            curve = np.where(block.known, truth * (1 - truth), 0.0)
            # Sums over rows of x_k error and x_k curve x_m; x_0 is 1.
            gradient[:, 0] += error.sum(axis=0)
            hessian[:, 0, 0] += curve.sum(axis=0)
            for k, part in enumerate(block.x, start=1):
                gradient[:, k] += (part * error).sum(axis=0)
                bent = part * curve
                hessian[:, 0, k] += bent.sum(axis=0)
                for m, other in enumerate(block.x[:k], start=1):
                    hessian[:, m, k] += (bent * other).sum(axis=0)
        # Maximisation: the rate of all labels, and each one's drawn to it ...
        rate = (lost.sum() + _PRIOR_ALL * _MISSING) / (there.sum() + _PRIOR_ALL)
        if cautious:
            # A row that only looks as if it had the label, of a pair that goes
            # together, counts as missing it: such rates feed themselves.
            rate = np.sqrt(rate * _MISSING)
        missing = (lost + own * rate) / (there + own)
        # ... and one Newton step of a logistic regression on the expected truth.
        gradient -= precision * (weights - weights.mean(axis=0))
        hessian += np.triu(hessian, 1).transpose(0, 2, 1) + np.diag(precision)
        weights = weights + np.linalg.solve(hessian, gradient[..., None])[..., 0]
    return weights, missing
