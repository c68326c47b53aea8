"""What the tests of calibration share: classifiers whose scores are given."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator


class GivenProbabilities(ClassifierMixin, BaseEstimator):
    """Gives X as probabilities."""

    def fit(self, X, y):
        self.classes_ = [np.array([0, 1])] * y.shape[1]
        return self

    def predict_proba(self, X):
        return np.asarray(X)


class GivenDecisions(ClassifierMixin, BaseEstimator):
    """Gives X as decision values."""

    def fit(self, X, y):
        self.classes_ = np.tile([0, 1], (y.shape[1], 1))
        return self

    def decision_function(self, X):
        return np.asarray(X)


class GivenDecision(ClassifierMixin, BaseEstimator):
    """Gives the one column of X as the decision values of a binary classifier."""

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def decision_function(self, X):
        return np.asarray(X)[:, 0]

    def predict(self, X):
        return (self.decision_function(X) > 0).astype(int)


@pytest.fixture
def decision():
    """Freeze a binary classifier whose decision values are X."""
    return FrozenEstimator(GivenDecision().fit(None, None))


@pytest.fixture
def probabilities():
    """Freeze a classifier whose probabilities are X, for some number of labels."""
    return lambda n: FrozenEstimator(GivenProbabilities().fit(None, np.zeros((1, n))))


@pytest.fixture
def decisions():
    """Freeze a classifier whose decision values are X, for some number of labels."""
    return lambda n: FrozenEstimator(GivenDecisions().fit(None, np.zeros((1, n))))


@pytest.fixture
def draw():
    """Draw true logits of labels, rare and frequent, and targets of them."""

    def make(n_rows=600, n_labels=6, seed=0):
        rng = np.random.default_rng(seed)
        z = rng.normal(np.linspace(-4, 0, n_labels), 1.5, size=(n_rows, n_labels))
        return z, (rng.random(z.shape) < 1 / (1 + np.exp(-z))).astype(float)

    return make
