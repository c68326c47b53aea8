"""NaN in y: left out entry by entry, from the folds to the score."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier

from sklearn_clip.heads import MultiLabelLogisticRegression
from sklearn_clip.metrics import masked_f1_score
from sklearn_clip.model_selection import MultiLabelStratifiedKFold
from sklearn_clip.thresholds import ThresholdOptimizer


@pytest.fixture(scope="module")
def data():
    X, Y = make_multilabel_classification(
        n_samples=200, n_features=8, n_classes=4, n_labels=2, random_state=0
    )
    Y = Y.astype(float)
    Y[np.random.default_rng(0).random(Y.shape) < 0.4] = np.nan
    return X / 10, Y


def out_of_fold(X, Y, n_splits=5):
    """Scores of rows the classifier has not seen, and the folds."""
    folds = list(MultiLabelStratifiedKFold(n_splits, random_state=0).split(X, Y))
    scores = np.zeros(Y.shape)
    for train, test in folds:
        head = MultiLabelLogisticRegression().fit(X[train], Y[train])
        scores[test] = head.predict_proba(X[test])
    return scores, folds


def best_threshold(scores, y):
    """Best midpoint for F1, nearest to 0.5, one threshold at a time."""
    known = ~np.isnan(y)
    scores, y = scores[known], y[known]
    ranked = np.unique(scores)
    thresholds = np.concatenate(
        [[ranked[0] / 2], (ranked[1:] + ranked[:-1]) / 2, [(1 + ranked[-1]) / 2]]
    )
    values = np.array(
        [f1_score(y, scores >= threshold, zero_division=0) for threshold in thresholds]
    )
    best = thresholds[values > values.max() - 1e-12]
    return best[np.abs(best - 0.5).argmin()]


def test_thresholds_are_those_of_brute_force_over_known_entries(data):
    X, Y = data
    tuned = ThresholdOptimizer(
        MultiLabelLogisticRegression(), shrinkage=None, random_state=0
    ).fit(X, Y)
    scores, folds = out_of_fold(X, Y)
    expected = [best_threshold(*pair) for pair in zip(scores.T, Y.T, strict=True)]
    np.testing.assert_allclose(tuned.thresholds_, expected)
    predicted = scores >= tuned.thresholds_
    assert tuned.best_score_ == pytest.approx(masked_f1_score(Y, predicted))
    alone = [
        [best_threshold(scores[test, label], Y[test, label]) for label in range(4)]
        for _, test in folds
    ]
    np.testing.assert_allclose(tuned.threshold_std_, np.std(alone, axis=0))
    assert tuned.score(X, Y) == pytest.approx(masked_f1_score(Y, tuned.predict(X)))


@pytest.mark.parametrize("average", ["weighted", "micro", "samples"])
def test_every_average_counts_known_entries(data, average):
    X, Y = data
    head = MultiLabelLogisticRegression()
    tuned = ThresholdOptimizer(head, average=average, random_state=0).fit(X, Y)
    assert tuned.score(X, Y) == pytest.approx(
        masked_f1_score(Y, tuned.predict(X), average=average)
    )


def test_the_estimator_receives_the_unknown_entries(data):
    X, Y = data
    seen = []

    class Listening(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = [np.array([0, 1])] * y.shape[1]
            seen.append(y)
            return self

        def predict_proba(self, X):
            return np.full((len(X), 4), 0.5)

    ThresholdOptimizer(Listening(), cv=2).fit(X, Y)
    np.testing.assert_array_equal(seen[-1], Y)
    assert all(y.dtype == np.float64 for y in seen)
    ThresholdOptimizer(Listening(), cv=2).fit(X, np.nan_to_num(Y))
    assert seen[-1].dtype == np.int64


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_an_estimator_that_refuses_them_says_which_do_not(data):
    with pytest.raises(ValueError, match="NaN") as raised:
        ThresholdOptimizer(OneVsRestClassifier(LogisticRegression())).fit(*data)
    assert "MultiLabelLogisticRegression and MultiLabelNet do" in str(
        raised.value.__notes__
    )


def test_entries_of_every_missing_kind_are_unknown(data):
    X, Y = data
    tuned = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=2, random_state=0)
    expected = tuned.fit(X, Y).thresholds_
    nullable = pd.DataFrame(Y).astype("Int64")
    nones = np.where(np.isnan(Y), None, Y)
    for form in (nullable, nones, pd.DataFrame(Y)):
        np.testing.assert_array_equal(clone(tuned).fit(X, form).thresholds_, expected)
        assert tuned.score(X, form) == tuned.score(X, Y)


def test_label_of_which_nothing_is_known_takes_the_global_threshold(data):
    X, Y = data
    Y = Y.copy()
    Y[:, 3] = np.nan
    scores = np.random.default_rng(0).random(Y.shape)

    class Fixed(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_ = [np.array([0, 1])] * y.shape[1]
            return self

        def predict_proba(self, X):
            return scores

    head = Fixed().fit(X, Y)
    tuned = ThresholdOptimizer(head, cv="prefit").fit(X, Y)
    global_threshold = (
        clone(tuned).set_params(estimator=head, strategy="global").fit(X, Y)
    )
    assert tuned.thresholds_[3] == global_threshold.thresholds_[3]
    assert global_threshold.best_score_ == pytest.approx(
        masked_f1_score(Y, scores >= global_threshold.thresholds_)
    )


def test_search_over_unknown_labels(data):
    X, Y = data
    search = GridSearchCV(
        ThresholdOptimizer(MultiLabelLogisticRegression(), cv=2, random_state=0),
        {"average": ["macro", "samples"], "strategy": ["per_label", "top_k"]},
        cv=MultiLabelStratifiedKFold(2, random_state=0),
        error_score="raise",
    ).fit(X, Y)
    assert 0.5 < search.best_score_ < 1
    assert search.predict(X).shape == Y.shape


@pytest.mark.parametrize("cv", [0.3, 3])
def test_splits_know_unknown_labels(data, cv):
    X, Y = data
    Y = Y.copy()
    Y[:, 3] = np.nan
    Y[:10, 3] = 1
    tuned = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=cv, random_state=0)
    assert np.isfinite(tuned.fit(X, Y).thresholds_).all()
