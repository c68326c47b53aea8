"""Exchanges that give every part its labels, weighed by what the units carry."""

import numpy as np
from scipy import sparse

from sklearn_clip.model_selection._label_coverage import (
    _imbalances,
    _missing_costs,
    _Split,
    _tables,
)


def test_an_exchange_is_weighed_by_the_columns_of_its_units_alone():
    rng = np.random.default_rng(0)
    counts = sparse.csr_array(sparse.random(60, 400, 0.02, random_state=rng).ceil())
    counts = counts[:, np.asarray(counts.sum(axis=0)).ravel() > 0]
    total = np.asarray(counts.sum(axis=0)).ravel()
    shares = np.array([0.2, 0.3, 0.5])
    split = _Split(rng.integers(0, 3, size=60), counts, total, shares)
    cost, weight = rng.random(len(total)), 1 / total
    given, taken = counts[np.arange(5)], counts[np.arange(20, 29)]
    columns, a, b = _tables(given, taken)
    assert len(columns) < len(total) / 2
    every, dense = np.arange(len(total)), (given.toarray(), taken.toarray())
    for few, all_ in (
        (
            _missing_costs(split, 0, 2, cost, a, b, columns),
            _missing_costs(split, 0, 2, cost, *dense, every),
        ),
        (
            _imbalances(split, 0, 2, weight, shares, a, b, columns),
            _imbalances(split, 0, 2, weight, shares, *dense, every),
        ),
    ):
        # Less a constant, which is that of the columns that no unit has.
        np.testing.assert_allclose(few, all_, rtol=0, atol=1e-9)


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
