"""Every display, from scores that are there already."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import make_multilabel_classification
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

from sklearn_clip import (
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    PrecomputedScores,
    RejectOptionClassifier,
    ThresholdOptimizer,
)
from sklearn_clip.plotting import (
    AnswerCoverageDisplay,
    LabelCooccurrenceDisplay,
    LabelGridDisplay,
    LabelHeatmapDisplay,
    LabelScoreDisplay,
    MultiLabelCalibrationDisplay,
    MultiLabelPrecisionRecallDisplay,
    ThresholdCurveDisplay,
)

X, Y = make_multilabel_classification(n_samples=200, n_classes=3, random_state=0)
HEAD = MultiLabelLogisticRegression().fit(X[:100], Y[:100])
NAMES = ["a", "b", "c"]
SCORES = pd.DataFrame(HEAD.predict_proba(X[100:]), columns=NAMES)
VALUES = pd.DataFrame(HEAD.decision_function(X[100:]), columns=NAMES)
GIVEN = pd.DataFrame(Y[100:], columns=NAMES).astype(float)
GIVEN.iloc[::7, 1] = np.nan
WRAPS = {
    "alone": lambda scores: scores,
    "thresholds": ThresholdOptimizer,
    "calibrated": MultiLabelCalibrator,
    "answers": lambda e: RejectOptionClassifier(e, confidence=None),
}
DRAWN = [
    AnswerCoverageDisplay,
    LabelScoreDisplay,
    MultiLabelPrecisionRecallDisplay,
    ThresholdCurveDisplay,
]


@pytest.fixture(params=list(WRAPS))
def fitted(request):
    return WRAPS[request.param](PrecomputedScores()).fit(SCORES, GIVEN)


@pytest.mark.parametrize("display", [*DRAWN, MultiLabelCalibrationDisplay])
def test_displays_take_scores_for_rows(display, fitted):
    if display is LabelScoreDisplay and isinstance(fitted, RejectOptionClassifier):
        with pytest.raises(ValueError, match="answer that is left open"):
            display.from_estimator(fitted, SCORES, GIVEN)
        return
    drawn = display.from_estimator(fitted, SCORES, GIVEN)
    texts = drawn.figure_.findobj(lambda part: hasattr(part, "get_text"))
    assert {"a", "b", "c"} <= {part.get_text().split(" ")[0] for part in texts}


@pytest.mark.parametrize("wrap", list(WRAPS))
@pytest.mark.parametrize("display", DRAWN)
def test_displays_take_decision_values_for_rows(display, wrap):
    given = WRAPS[wrap](PrecomputedScores("decision_function")).fit(VALUES, GIVEN)
    if display is LabelScoreDisplay and wrap == "answers":
        return  # refused above
    assert display.from_estimator(given, VALUES, GIVEN).figure_ is not None


@pytest.mark.parametrize("display", DRAWN)
def test_a_calibrator_of_decision_values_is_drawn_by_its_probabilities(display):
    calibrated = MultiLabelCalibrator(OneVsRestClassifier(LinearSVC()), random_state=0)
    calibrated.fit(X, Y)
    drawn = display.from_estimator(calibrated, X, Y)
    assert drawn.figure_ is not None


def test_the_bars_have_intervals(fitted):
    if isinstance(fitted, RejectOptionClassifier):
        return
    drawn = LabelScoreDisplay.from_estimator(
        fitted, SCORES, GIVEN, intervals=0.9, random_state=0
    )
    assert (drawn.low <= drawn.scores).all()


def test_labels_together_and_pictures_are_drawn(fitted):
    assert LabelCooccurrenceDisplay.from_estimator(fitted, SCORES).figure_ is not None
    pictures = [Image.new("RGB", (8, 8))] * 3
    if isinstance(fitted, RejectOptionClassifier):
        with pytest.raises(ValueError, match="answer that is left open"):
            LabelGridDisplay.from_estimator(fitted, SCORES, GIVEN, images=pictures)
        return
    drawn = LabelGridDisplay.from_estimator(
        fitted, SCORES[:3], GIVEN[:3], images=pictures
    )
    assert drawn.figure_ is not None


def test_a_heat_map_needs_the_pictures(fitted):
    with pytest.raises(TypeError, match="CLIPFeaturizer as a step"):
        LabelHeatmapDisplay.from_estimator(fitted, SCORES[:3])


@pytest.mark.parametrize(
    "display",
    [
        MultiLabelPrecisionRecallDisplay,
        MultiLabelCalibrationDisplay,
        ThresholdCurveDisplay,
        AnswerCoverageDisplay,
    ],
)
def test_columns_in_another_order_are_refused(display):
    more = {}
    if display is AnswerCoverageDisplay:
        more = {"yes_thresholds": [0.9] * 3, "no_thresholds": [0.1] * 3}
    with pytest.raises(ValueError, match="order of y_true"):
        display.from_predictions(GIVEN, SCORES[["b", "a", "c"]], **more)
    assert display.from_predictions(GIVEN, SCORES, **more).figure_ is not None
