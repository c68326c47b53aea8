"""Classifiers that note what they get, or give what they should not."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class RecordingClassifier(ClassifierMixin, BaseEstimator):
    """Gives the first columns of X as probabilities and notes what `fit` was given."""

    def __init__(self, log=None):
        self.log = log

    def __sklearn_clone__(self):
        return RecordingClassifier(self.log)

    def fit(self, X, y, sample_weight=None, extra=None):
        self.classes_ = [np.array([0, 1])] * y.shape[1]
        if self.log is not None:
            self.log.append((len(X), sample_weight, extra))
        return self

    def predict_proba(self, X):
        return np.array([list(row) for row in X])[:, : len(self.classes_)]


class Odd(ClassifierMixin, BaseEstimator):
    """Gives probabilities of any form."""

    def __init__(self, output):
        self.output = output

    def fit(self, X, y):
        self.is_fitted_ = True
        return self

    def predict_proba(self, X):
        return self.output(len(X))


class Identity(ClassifierMixin, BaseEstimator):
    """Gives X as the probabilities."""

    def fit(self, X, y):
        self.classes_ = [np.array([0, 1])] * y.shape[1]
        return self

    def predict_proba(self, X):
        return np.asarray(X)
