"""A tagger in one file where a fitted classifier of scikit-learn is wanted."""

import joblib
import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_clip import (
    MultiLabelCalibrator,
    RejectOptionClassifier,
    ThresholdOptimizer,
    predict_labels,
    top_labels,
)
from sklearn_clip.export import OnnxTagger, to_onnx
from sklearn_clip.metrics import gap_scorer
from sklearn_clip.review import find_label_issues

EXACT = {"engine": "torch", "precision": "fp32"}


@pytest.fixture(scope="module")
def taggers(exported):
    """A tagger, and its file."""
    tagger, path = exported(**EXACT)
    return tagger, OnnxTagger(path)


@pytest.fixture(scope="module")
def rows(draw):
    return draw(24, seed=1)


def test_functions_name_its_labels(taggers, rows):
    tagger, light = taggers
    assert predict_labels(light, rows[0]) == predict_labels(tagger, rows[0])
    best = top_labels(light, rows[0], k=2)
    for found, own in zip(best, top_labels(tagger, rows[0], k=2), strict=True):
        assert [score for _, score in found] == pytest.approx(
            [score for _, score in own], abs=1e-4
        )


def test_scorers_score_it_as_its_tagger(taggers, rows):
    for scorer in (gap_scorer, get_scorer("f1_macro"), get_scorer("average_precision")):
        own, found = (scorer(tagger, *rows) for tagger in taggers)
        assert found == pytest.approx(own, abs=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda tagger, **given: ThresholdOptimizer(tagger, **given),
        lambda tagger, **given: MultiLabelCalibrator(tagger, **given),
        lambda tagger, **given: RejectOptionClassifier(
            tagger, min_precision=0.5, confidence=None, min_npv=0.5, **given
        ),
    ],
    ids=["thresholds", "calibration", "reject"],
)
@pytest.mark.parametrize("form", ["frozen", "prefit"])
@pytest.mark.filterwarnings("ignore:.*label:UserWarning")
def test_meta_estimators_learn_from_its_scores(taggers, rows, make, form):
    answers = []
    for tagger in taggers:
        if form == "frozen":
            meta = make(FrozenEstimator(tagger), random_state=0)
        else:
            meta = make(tagger, cv="prefit", random_state=0)
        answers.append(meta.fit(rows[0], rows[1].to_numpy()).predict_proba(rows[0]))
        named = predict_labels(meta, rows[0])
        assert {"warm", "dark", "said"}.issuperset(sum(named, []))
    np.testing.assert_allclose(answers[1], answers[0], atol=1e-3)


def test_search_clones_what_holds_it(taggers, rows):
    light = taggers[1]
    assert clone(light) is light
    optimizer = ThresholdOptimizer(FrozenEstimator(light), random_state=0)
    search = GridSearchCV(
        optimizer, {"metric": ["f1", "jaccard"]}, cv=2, scoring=gap_scorer
    )
    search.fit(*rows)
    assert search.best_estimator_.estimator_.estimator is light
    assert len(Pipeline([("tagger", light)]).predict(rows[0])) == 24


def test_labels_in_another_order_are_refused(taggers, rows):
    turned = rows[1][["dark", "warm", "said"]]
    for optimizer in (
        ThresholdOptimizer(FrozenEstimator(taggers[1])),
        ThresholdOptimizer(taggers[1], cv="prefit"),
    ):
        with pytest.raises(ValueError, match="in their order"):
            optimizer.fit(rows[0], turned)


def test_thresholds_on_it_go_with_a_pickle(taggers, rows, tmp_path):
    optimizer = ThresholdOptimizer(taggers[1], cv="prefit", random_state=0)
    optimizer.fit(*rows)
    joblib.dump(optimizer, tmp_path / "t.joblib")
    again = joblib.load(tmp_path / "t.joblib")
    np.testing.assert_array_equal(again.predict(rows[0]), optimizer.predict(rows[0]))


def test_suspicious_labels_are_found_by_its_scores(taggers, rows):
    wrong = rows[1].copy()
    wrong.iloc[3] = 1 - wrong.iloc[3]
    found = [find_label_issues(FrozenEstimator(t), rows[0], wrong) for t in taggers]
    assert len(found[0].rows) > 0
    np.testing.assert_array_equal(found[1].rows, found[0].rows)


def test_displays_find_columns_cuts_and_names(taggers, rows):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    from sklearn_clip import plotting

    for kind in (
        plotting.LabelGridDisplay,
        plotting.LabelScoreDisplay,
        plotting.MultiLabelPrecisionRecallDisplay,
        plotting.ThresholdCurveDisplay,
    ):
        kind.from_estimator(taggers[1], *rows)
        pyplot.close("all")
    with pytest.raises(TypeError, match=r"has a CLIPFeaturizer.* Got a OnnxTagger"):
        plotting.LabelHeatmapDisplay.from_estimator(taggers[1], rows[0][:1])


def test_report_says_which_model_and_no_path(taggers, rows):
    pytest.importorskip("jinja2", reason="needs pip install sklearn-clip[report]")
    from sklearn_clip.report import TaggerReport

    own, found = (TaggerReport(tagger, *rows, n_issues=0) for tagger in taggers)
    np.testing.assert_allclose(found.scores, own.scores, atol=1e-4)
    np.testing.assert_array_equal(found.thresholds, own.thresholds)
    page = found.to_html()
    assert page.count("data:image/webp") == own.to_html().count("data:image/webp") > 10
    assert "a red flag" in page and "OnnxTagger of Pipeline" in page
    assert taggers[0][0].model_fingerprint_ in page
    assert str(taggers[1]._path.parent) not in page


def test_it_is_fitted_and_cannot_be_fitted_again(taggers, rows):
    light = taggers[1]
    check_is_fitted(light)
    assert is_classifier(light)
    with pytest.raises(TypeError, match=r"cannot be fitted.* FrozenEstimator"):
        light.fit(*rows)
    with pytest.raises(TypeError, match="cannot be fitted"):
        ThresholdOptimizer(light, cv=2).fit(*rows)


def test_numbers_in_place_of_names_are_no_names(taggers, draw, tmp_path, rows):
    tagger = Pipeline([("clip", taggers[0][0]), ("head", clone(taggers[0][1]))])
    learnt = draw(60)
    tagger.fit(learnt[0], learnt[1].to_numpy())
    to_onnx(tagger, tmp_path / "t.onnx")
    light = OnnxTagger(tmp_path / "t.onnx")
    assert light.label_names == ["0", "1", "2"] and not hasattr(light, "label_names_")
    with pytest.raises(ValueError, match="names of the labels are not known"):
        predict_labels(light, rows[0])
    named = predict_labels(light, rows[0], label_names=list(rows[1]))
    assert named == predict_labels(tagger, rows[0], label_names=list(rows[1]))
    # A table of them has whatever names.
    assert gap_scorer(light, *rows) == pytest.approx(gap_scorer(tagger, *rows))


def test_names_that_were_no_texts_are_known_again(taggers, draw, tmp_path, rows):
    def numbered(targets):
        return targets.set_axis([30, 10, 20], axis="columns")

    learnt = draw(60)
    tagger = Pipeline([("clip", taggers[0][0]), ("head", clone(taggers[0][1]))])
    to_onnx(tagger.fit(learnt[0], numbered(learnt[1])), tmp_path / "t.onnx")
    light, known = OnnxTagger(tmp_path / "t.onnx"), numbered(rows[1])
    expected = gap_scorer(tagger, rows[0], known)
    assert gap_scorer(light, rows[0], known) == pytest.approx(expected)
    plain = rows[1].set_axis(range(3), axis="columns")
    assert gap_scorer(light, rows[0], plain) == pytest.approx(expected)
    ThresholdOptimizer(light, cv="prefit").fit(rows[0], known)
    with pytest.raises(ValueError, match="in their order"):
        gap_scorer(light, rows[0], known[[10, 30, 20]])


def test_file_is_not_written_again(taggers, rows, tmp_path):
    optimizer = ThresholdOptimizer(taggers[1], cv="prefit", random_state=0)
    for tagger in (taggers[1], optimizer.fit(*rows)):
        with pytest.raises(TypeError, match="Got an OnnxTagger, which is a file"):
            to_onnx(tagger, tmp_path / "t.onnx")
