"""Thresholds, cuts and calibration from scores that are there already."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification

from sklearn_clip import (
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    PrecomputedScores,
    RejectOptionClassifier,
    ThresholdOptimizer,
    out_of_fold_scores,
)

X, Y = make_multilabel_classification(n_samples=200, n_classes=3, random_state=0)
HEAD = MultiLabelLogisticRegression().fit(X[:100], Y[:100])
SCORES = HEAD.predict_proba(X[100:])
METAS = [
    ThresholdOptimizer,
    MultiLabelCalibrator,
    lambda e, **k: RejectOptionClassifier(e, confidence=None, **k),
]


@pytest.mark.parametrize("make", METAS)
def test_scores_teach_what_the_prefit_classifier_does(make):
    expected = make(HEAD, cv="prefit").fit(X[100:], Y[100:]).predict(X)
    fitted = clone(make(PrecomputedScores())).fit(SCORES, Y[100:])
    fitted = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(fitted.predict(HEAD.predict_proba(X)), expected)


@pytest.mark.parametrize("make", METAS)
def test_columns_in_another_order_are_refused(make):
    scores = pd.DataFrame(SCORES, columns=["a", "b", "c"])
    targets = pd.DataFrame(Y[100:], columns=["b", "a", "c"])
    with pytest.raises(ValueError, match="in their order"):
        make(PrecomputedScores()).fit(scores, targets)
    fitted = make(PrecomputedScores()).fit(
        scores, targets[["a", "b", "c"]] * 0 + Y[100:]
    )
    with pytest.raises(ValueError, match="in their order"):
        fitted.predict(scores[["b", "a", "c"]])


def test_decision_values_are_cut_at_zero():
    values = HEAD.decision_function(X)
    given = PrecomputedScores("decision_function").fit(values, Y)
    np.testing.assert_array_equal(given.predict(values), values > 0)
    assert not hasattr(given, "predict_proba")


@pytest.mark.parametrize(
    ("bad", "message"), [(np.nan, "NaN"), (1.5, r"decision_function'.*row 3, column 1")]
)
def test_scores_that_are_none_are_named(bad, message):
    scores = SCORES.copy()
    scores[3, 1] = bad
    with pytest.raises(ValueError, match=message):
        ThresholdOptimizer(PrecomputedScores()).fit(scores, Y[100:])


def test_out_of_fold_scores_go_in():
    scores = out_of_fold_scores(HEAD, X, Y, random_state=0)
    tuned = ThresholdOptimizer(PrecomputedScores()).fit(scores, Y)
    assert tuned.thresholds_.shape == (3,)
