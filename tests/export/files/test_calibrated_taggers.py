"""Taggers whose probabilities are calibrated, from pictures to labels."""

import numpy as np
import pytest
from exported_taggers import OpenedFile, assert_alike
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from sklearn_clip import (
    CLIPFeaturizer,
    LabelSetClassifier,
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    RejectOptionClassifier,
    ThresholdOptimizer,
    ZeroShotClassifier,
)
from sklearn_clip.export import OnnxTagger, to_onnx

# Rows that show nothing are among those of the tests, and rare labels.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fewer"),
    pytest.mark.filterwarnings("ignore:Label"),
    pytest.mark.filterwarnings("ignore:.*show"),
]


def clip(**params):
    return CLIPFeaturizer("clipart-tiny", **{"image": 0, "text": 1} | params)


@pytest.mark.parametrize(
    ("method", "head"),
    [
        ("auto", KNeighborsClassifier(7)),
        ("temperature", MultiLabelLogisticRegression(C=10)),
        ("sigmoid", OneVsRestClassifier(LinearSVC())),
        ("beta", OneVsRestClassifier(LogisticRegression())),
        ("isotonic", MultiLabelLogisticRegression(C=10)),
        ("venn-abers", KNeighborsClassifier(7)),
    ],
    ids=["auto", "temperature", "sigmoid", "beta", "isotonic", "venn-abers"],
)
def test_calibrated_tagger_and_its_file_agree(method, head, clip_art, tmp_path):
    X, Y = clip_art
    calibrated = MultiLabelCalibrator(head, method=method, cv=3, random_state=0)
    cuts = ThresholdOptimizer(calibrated, cv=2, max_labels=3, random_state=0)
    tagger = Pipeline([("clip", clip(fusion="mean")), ("head", cuts)]).fit(X, Y)
    report = to_onnx(tagger, tmp_path / "t.onnx", X=X[100:], Y=Y[100:])
    assert report.difference <= 1e-4
    opened = OpenedFile(tmp_path / "t.onnx")
    assert opened.says.response == "predict_proba"
    assert list(opened.says.label_names) == list(Y.columns)
    assert opened.says.rules == {"max_labels": 3}
    assert_alike(opened, tagger, X[:30])
    runs = OnnxTagger(tmp_path / "t.onnx")
    expected = tagger.predict_proba(X[:30])
    np.testing.assert_allclose(runs.predict_proba(X[:30]), expected, atol=1e-4)
    cuts = tagger[-1].thresholds_
    # Rows at no cut, and of no more labels than are kept.
    far = (np.abs(expected - cuts) > 1e-4).all(axis=1)
    far &= (expected >= cuts).sum(axis=1) <= 3
    assert far.any()
    found = runs.predict(X[:30])
    np.testing.assert_array_equal(found[far], tagger.predict(X[:30])[far])


def make_whole(X, Y):
    whole = make_pipeline(clip(fusion="image"), MultiLabelLogisticRegression(C=10))
    words = ZeroShotClassifier(list(Y.columns), clip(fusion="image"))
    return {
        "calibrator of a pipeline": MultiLabelCalibrator(whole, cv=2, random_state=0),
        "thresholds of it": ThresholdOptimizer(
            MultiLabelCalibrator(whole, cv=2, random_state=0), cv=2
        ),
        "calibrator of words": MultiLabelCalibrator(
            words, method="sigmoid", cv=2, random_state=0
        ),
        "calibrator of cosines": MultiLabelCalibrator(
            ZeroShotClassifier(list(Y.columns), clip(fusion="image"), scoring="cosine"),
            method="beta",
            cv=2,
            random_state=0,
        ),
    }


WHOLE = [
    *("calibrator of a pipeline", "thresholds of it"),
    *("calibrator of words", "calibrator of cosines"),
]


@pytest.mark.parametrize("form", WHOLE)
def test_calibrator_around_a_whole_tagger_becomes_a_file(form, clip_art, tmp_path):
    X, Y = clip_art
    tagger = make_whole(X, Y)[form].fit(X, Y)
    to_onnx(tagger, tmp_path / "t.onnx")
    assert_alike(tmp_path / "t.onnx", tagger, X[:30])


@pytest.mark.parametrize("answers", [RejectOptionClassifier, LabelSetClassifier])
@pytest.mark.filterwarnings("ignore:No cut", "ignore:Rows to choose")
def test_open_answers_are_refused_before_anything_is_written(
    answers, clip_art, tmp_path
):
    X, Y = clip_art
    head = MultiLabelLogisticRegression()
    behind = make_pipeline(clip(fusion="image"), answers(head, random_state=0))
    around = answers(make_pipeline(clip(fusion="image"), head), random_state=0)
    for tagger in (behind, around):
        with pytest.raises(ValueError, match=f"{answers.__name__} may leave an answer"):
            to_onnx(tagger.fit(X, Y), tmp_path / "t.onnx")
        assert list(tmp_path.iterdir()) == []
