"""Calibrators of classifiers without probabilities have some, for what is around."""

import numpy as np
import pytest
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_clip import (
    MultiLabelCalibrator,
    RejectOptionClassifier,
    ThresholdOptimizer,
)


@pytest.fixture(scope="module")
def problem():
    return make_multilabel_classification(300, n_classes=3, random_state=0)


@pytest.mark.parametrize("first", [None, 0, 1], ids=str)
@pytest.mark.parametrize("member", [LinearSVC(), RidgeClassifier()], ids=str)
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.filterwarnings("ignore:Label", "ignore:.*fewer", "ignore:No cut")
def test_what_is_around_takes_the_calibrated_probabilities(
    member, first, scaled, problem
):
    X, Y = problem
    if first is not None:  # the stand-in of a constant label has every method
        Y = np.column_stack([np.full(len(Y), first), Y])
    calibrator = MultiLabelCalibrator(OneVsRestClassifier(member), cv=2, random_state=0)
    if scaled:
        calibrator = make_pipeline(StandardScaler(), calibrator)
    for around in (
        ThresholdOptimizer(calibrator, cv=2, random_state=0),
        RejectOptionClassifier(calibrator, random_state=0),
        MultiLabelCalibrator(calibrator, cv=2, random_state=0),
    ):
        around.fit(X, Y)
        assert around.response_method_ == "predict_proba"
        inner = around.estimator_.predict_proba(X)
        assert ((inner >= 0) & (inner <= 1)).all()
        assert around.predict(X).shape == Y.shape
