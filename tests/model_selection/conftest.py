"""What the tests of splits share: correlated labels, folds as one array, sums."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def folds_of():
    """Fold of every row, having checked that the folds are a partition."""

    def assign(splitter, y, groups=None):
        n = y.shape[0]
        fold = np.full(n, -1)
        splits = splitter.split(np.zeros(n), y, groups)
        for number, (train, test) in enumerate(splits):
            assert (fold[test] == -1).all()
            fold[test] = number
            np.testing.assert_array_equal(np.sort(np.append(train, test)), np.arange(n))
            assert (np.diff(train) > 0).all() and (np.diff(test) > 0).all()
        assert number == splitter.get_n_splits() - 1
        assert (fold >= 0).all()
        return fold

    return assign


@pytest.fixture(scope="session")
def table():
    """Sum of the columns of Y over each fold."""

    def sums(fold, Y):
        return np.array([Y[fold == f].sum(axis=0) for f in range(fold.max() + 1)])

    return sums


@pytest.fixture(scope="session")
def correlated():
    """3,000 rows of 20 labels, correlated, from 8 positives to a third of the rows."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(3000, 3)) @ rng.normal(size=(3, 20))
    scores += rng.normal(size=scores.shape)
    numbers = np.geomspace(8, 1000, 20).astype(int)
    cuts = [np.sort(s)[-n] for s, n in zip(scores.T, numbers, strict=True)]
    return (scores >= cuts).astype(int)
