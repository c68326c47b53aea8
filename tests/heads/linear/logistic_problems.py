"""Problems with many labels, and what scikit-learn makes of them label by label."""

import warnings

import numpy as np
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression


def make_data(n=300, d=20, n_labels=5, *, seed=0, dtype=np.float64, rate=0.3):
    """Unit rows of correlated features, and labels of which some are rare."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) / np.arange(1, d + 1) ** 0.6 + 0.5
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    logits = 4 * (X - X.mean(axis=0)) @ rng.normal(size=(d, n_labels)) * np.sqrt(d)
    logits += np.log(rate / (1 - rate)) * rng.uniform(0.5, 1.5, n_labels)
    Y = (rng.random(logits.shape) < expit(logits)).astype(int)
    Y[0], Y[1] = 1, 0
    return X.astype(dtype), Y


def objective(X, y, coef, intercept, C, weight=1.0):
    """Objective of one label, in float64, as scikit-learn has it."""
    z = X.astype(np.float64) @ coef.astype(np.float64) + float(intercept)
    loss = np.logaddexp(0, np.where(y == 1, -z, z))
    return C * (weight * loss).sum() + coef.astype(np.float64) @ coef / 2


def oracle(X, y, C=1.0, sample_weight=None, **parameters):
    """One scikit-learn fit, as exact as it gets."""
    model = LogisticRegression(C=C, tol=1e-10, max_iter=20_000, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(np.asarray(X, dtype=np.float64), y, sample_weight)


def assert_optimal(head, X, Y, *, weights=None, probability=1e-4, **parameters):
    """Compare every label with scikit-learn: objective and probabilities."""
    C = parameters.get("C", 1.0)
    for label in range(Y.shape[1]):
        weight = np.ones(len(X)) if weights is None else weights[:, label]
        rows = weight > 0
        y = Y[rows, label]
        best = oracle(X[rows], y, sample_weight=weight[rows], **parameters)
        mine = objective(
            X[rows],
            y,
            head.coef_[label],
            head.intercept_[label],
            C,
            weight[rows],
        )
        theirs = objective(
            X[rows], y, best.coef_[0], np.ravel(best.intercept_)[0], C, weight[rows]
        )
        assert mine <= theirs * (1 + 1e-6)
        if probability is not None:
            expected = best.predict_proba(np.asarray(X, dtype=np.float64))[:, 1]
            np.testing.assert_allclose(
                head.predict_proba(X)[:, label], expected, atol=probability
            )


def weights_of(Y, pairs):
    """Weights (n, n_labels) of entries, for one pair of class weights a label."""
    pairs = np.asarray(pairs, dtype=float)
    return np.where(Y == 1, pairs[:, 1], pairs[:, 0])
