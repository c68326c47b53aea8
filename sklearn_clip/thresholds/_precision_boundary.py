"""How many hits a ranking has to have for its precision to be certain at some cut."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

# Ranks at which a crossing is looked for grow by these factors, up to and beyond the
# rank named: a long ranking has a few hundred.
_STEPS, _LONG = (1.02, 1.2), 10_000
# Probabilities below this are left out. They sum to less than rounding does.
_TINY = 1e-18


class PrecisionBoundary(NamedTuple):
    """Hits that show a precision, by the number of rows predicted.

    Attributes
    ----------
    anywhere : ndarray of shape (n_rows + 1,), dtype=int
        As many hits among the first ``k`` rows show it for them, whatever happened at
        other ranks; more than ``k`` where no number does.
    onward : ndarray of shape (n_rows + 1,), dtype=int
        As many are enough where it has been shown for all fewer rows.
    """

    anywhere: np.ndarray
    onward: np.ndarray


def least_hits(
    n_trials: NDArray[np.intp], value: float, error: NDArray[np.float64] | float
) -> NDArray[np.intp]:
    """Least number of hits that shows a rate of at least `value`.

    Parameters
    ----------
    n_trials : ndarray of int
        Numbers of trials.
    value : float
        The rate, in (0, 1].
    error : ndarray or float
        Probability of so many hits at most, were the rate lower.

    Returns
    -------
    hits : ndarray, dtype=int
        For every number of trials; more than that where even all do not show it.
    """
    # The smallest c with P(Binomial(n, value) >= c) <= error: c or more hits would be
    # that rare were the rate `value` or lower. It is where the one-sided lower limit of
    # Clopper and Pearson (Biometrika 26, 1934), the error-quantile of
    # Beta(c, n - c + 1), reaches `value`. Exact for any n: with the few rows of a rare
    # label normal or Hoeffding limits are wrong or far too wide.
    return binom.isf(error, n_trials, value).astype(np.intp) + 1


def precision_boundary(n_rows: int, value: float, error: float) -> PrecisionBoundary:
    """Compute how many hits show a precision at every cut of a ranking at once.

    Parameters
    ----------
    n_rows : int
        Number of ranked rows.
    value : float
        The precision, in (0, 1].
    error : float
        Probability with which a cut of lower precision may pass, in (0, 1).

    Returns
    -------
    PrecisionBoundary
        The boundary.

    Notes
    -----
    Let precision not fall as the threshold rises, and let the cuts from some rank K on
    be those whose precision is below `value`. The first K rows, in no particular order,
    then have hits independently with a probability of no more than `value`; so has each
    row after them, whose rate is no higher than the precision of the cut that takes it
    in. The hits from rank K on are therefore no more, in distribution, than those of a
    walk whose every step is a hit with probability `value`. Whatever K is,

        P(walk reaches `anywhere` at some rank) <= error                        (1)

    bounds the probability that a wrong cut passes. (1) is computed, step by step over
    the distribution of the walk, and not bounded by a sum of the errors of the tests:
    neighbouring ranks share most of their rows, so that a sum would be several times
    too large.

    Past the deepest rank that passes, the cuts are tested one after the other until one
    fails: the closed tests of "all cuts from K on are wrong". The one at K may reject
    where the walk has as many hits as the binomial test at rank K asks for, at the part
    of the error that later crossings leave:

        P(binomial test rejects) <= error - P(walk reaches `anywhere` after K)  (2)

    A wrong cut passes only where the closed test of the first wrong one rejects, which
    has no more probability than `error` (Marcus, Peritz and Gabriel, Biometrika 63,
    1976).
    """
    # One boundary serves all rankings up to the next rank that is looked at.
    found = _boundary(int(_ranks(n_rows)[-1]), float(value), float(error))
    return PrecisionBoundary(*(hits[: n_rows + 1] for hits in found))


def _ranks(n_rows):
    """Ranks at which a crossing is looked for; the last is no less than n_rows."""
    ranks = [1]
    while ranks[-1] < n_rows:
        step = _STEPS[ranks[-1] >= _LONG]
        ranks.append(max(ranks[-1] + 1, int(ranks[-1] * step)))
    return np.array(ranks)


@lru_cache(maxsize=128)
def _boundary(last_rank, value, error):
    """Find the boundary up to one of the ranks."""
    ranks = _ranks(last_rank)
    steps = np.diff(ranks, prepend=0)
    kernels = {step: _kernel(step, value) for step in set(steps.tolist())}
    kernels = [kernels[step] for step in steps.tolist()]

    def needed(log_scale):
        # The level of a test falls with its rank: a short run of hits at the top, all
        # that a rare label has, is worth as much as a long one further down. By
        # simulation (benchmarks/study_guarantees.py).
        level = np.minimum(np.exp(log_scale) / ranks, error)
        return least_hits(ranks, value, level)

    # The largest nominal levels with (1), by bisection. At the lower end each of the
    # tests has less than its share of the error.
    low = np.log(error / len(ranks))
    high = np.log(error * ranks[-1])
    if _crossing(needed(high), ranks, kernels) <= error:
        low = high
    for _ in range(16):
        middle = (low + high) / 2
        if _crossing(needed(middle), ranks, kernels) <= error:
            low = middle
        else:
            high = middle
    hits = needed(low)
    later = _later_crossing(hits, ranks, kernels, value)
    k = np.arange(ranks[-1] + 1)
    # Hits never get fewer: what is reached before a rank is reached at it. So all ranks
    # are looked at, those between two of `ranks` at the price of the lower one.
    anywhere = hits[np.searchsorted(ranks, k)]
    # P(crossing at any of the ranks after k).
    after = np.append(error, later)[np.searchsorted(ranks, k, side="right")]
    left = np.maximum(error - after, np.finfo(np.float64).tiny)
    onward = np.minimum(least_hits(k, value, left), anywhere)
    for found in (anywhere, onward):
        found.flags.writeable = False
    return anywhere, onward


def _kernel(n_steps, value):
    """Distribution of the hits of so many steps: the least of them, probabilities."""
    chance = binom.pmf(np.arange(n_steps + 1), n_steps, value)
    return _trim(0, chance)


def _trim(least, chance):
    """Leave out the ends of a distribution that have no weight to speak of."""
    kept = np.flatnonzero(chance > _TINY)
    if not len(kept):
        return least, chance[:0]
    return least + kept[0], chance[kept[0] : kept[-1] + 1]


def _crossing(hits, ranks, kernels):
    """P(a walk of hits of probability `value` has `hits` at one of `ranks`)."""
    least, chance, crossed = 0, np.ones(1), 0.0
    for needed, (first, kernel) in zip(hits, kernels, strict=True):
        # The walks that have not crossed yet go on; those that cross now leave.
        least, chance = least + first, np.convolve(chance, kernel)
        stay = max(needed - least, 0)
        crossed += chance[stay:].sum()
        least, chance = _trim(least, chance[:stay])
        if not len(chance):
            break
    return crossed


def _later_crossing(hits, ranks, kernels, value):
    """P(a walk has `hits` at one of the ranks after each): ndarray like `ranks`."""
    later = np.zeros(len(ranks))
    spread = 9 * np.sqrt(ranks * value * (1 - value)) + 10
    lowest = np.maximum(np.floor(ranks * value - spread), 0).astype(int)
    highest = np.minimum(np.ceil(ranks * value + spread), ranks).astype(int)
    reach = np.zeros(highest[-1] - lowest[-1] + 1)
    for at in range(len(ranks) - 2, -1, -1):
        first, kernel = kernels[at + 1]
        # P(crossing at the next rank or after it | hits there), ...
        reach[max(hits[at + 1] - lowest[at + 1], 0) :] = 1
        # ... of hits beyond 9 standard deviations 0 or 1, ...
        below = lowest[at] + first - lowest[at + 1]
        above = highest[at] + first + len(kernel) - 1 - highest[at + 1]
        reach = np.concatenate(
            [np.zeros(max(-below, 0)), reach[max(below, 0) :], np.ones(max(above, 0))]
        )
        reach = reach[: len(reach) + min(above, 0)]
        # ... and from it the same, given the hits at this rank.
        reach = np.convolve(reach, kernel[::-1], mode="valid")
        here = np.arange(lowest[at], highest[at] + 1)
        later[at] = binom.pmf(here, ranks[at], value) @ reach
    return later
