"""Exchanges that give every part its labels, weighed by what the units carry."""

import numpy as np
from scipy import sparse

from sklearn_clip.model_selection._label_coverage import (
    _entries,
    _imbalances,
    _missing_costs,
    _Shared,
    _Split,
)


def test_an_exchange_is_weighed_as_if_it_were_made():
    rng = np.random.default_rng(0)
    counts = sparse.csr_array(sparse.random(60, 400, 0.02, random_state=rng) * 3).ceil()
    counts = counts[:, np.asarray(counts.sum(axis=0)).ravel() > 0]
    assert counts.max() == 3
    total = np.asarray(counts.sum(axis=0)).ravel()
    shares, part = np.array([0.2, 0.3, 0.5]), rng.integers(0, 3, size=60)
    cost, weight = rng.random(len(total)), 1 / total

    def weigh(part):
        """Cost of the columns that parts lack, and their distance from equal shares."""
        split = _Split(part, counts, total, shares)
        missing = (split.units == 0) @ cost
        return missing.sum(), ((split.rows - split.targets) ** 2 / split.targets).sum()

    split, before = _Split(part, counts, total, shares), weigh(part)
    given, taken = np.flatnonzero(part == 0)[:7], np.flatnonzero(part == 2)[:9]
    a, b = _entries(split.counts, given), _entries(split.counts, taken)
    b = b._replace(n_units=len(taken) + 1)  # the last one: nothing in exchange
    shared = _Shared(a, b)
    assert (shared.taken > 0).any()
    costs = _missing_costs(split, 0, 2, cost, a, b, shared)
    imbalances = _imbalances(split, 0, 2, weight, shares, a, b, shared)
    assert costs.shape == imbalances.shape == (len(given), len(taken) + 1)
    for i, j in np.ndindex(costs.shape):
        after = part.copy()
        after[given[i]] = 2
        if j < len(taken):
            after[taken[j]] = 0
        found = costs[i, j], imbalances[i, j]
        change = np.subtract(weigh(after), before)
        np.testing.assert_allclose(found, change, rtol=0, atol=1e-9)


def test_what_parts_lack_follows_the_moves():
    rng = np.random.default_rng(0)
    counts = sparse.csr_array(sparse.random(30, 40, 0.1, random_state=rng).ceil())
    total = np.maximum(np.asarray(counts.sum(axis=0)).ravel(), 1)
    split = _Split(rng.integers(0, 2, size=30), counts, total, np.array([0.5, 0.5]))
    needed = rng.random(40) < 0.7
    split.need(needed)
    for unit in rng.integers(0, 30, size=100):
        split.move(unit, rng.integers(2))
        np.testing.assert_array_equal(split.lacks, (split.units == 0) & needed)
