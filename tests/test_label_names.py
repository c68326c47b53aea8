"""Labels are compared as they look, whichever signs spell them."""

import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_clip import (
    CLIPFeaturizer,
    CLIPFineTuner,
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
    ZeroShotClassifier,
    predict_labels,
    top_labels,
)
from sklearn_clip.metrics import gap_scorer, multilabel_report
from sklearn_clip.plotting import LabelScoreDisplay

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"
PAIRS = [
    (COMPOSED, DECOMPOSED),
    (DECOMPOSED, COMPOSED),
    ("red wine", "red\u00a0wine"),
    ("\ufeffdog", "dog"),
    ("\u00c5ngstr\u00f6m", "\u212bngstro\u0308m"),
]
X = np.eye(2).repeat(6, axis=0)


def table(*names):
    return pd.DataFrame(X.astype(int), columns=names)


@pytest.fixture
def pictures():
    return [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")] * 6


@pytest.mark.parametrize(("name", "other"), PAIRS, ids=ascii)
def test_zero_shot_knows_its_labels_in_other_spellings(name, other, pictures):
    clip = CLIPFeaturizer("clipart-tiny", text=None, cache=None)
    model = ZeroShotClassifier(
        ["tea", name], clip, templates="none", threshold={other: 0.25}
    ).fit()
    assert model.label_names_.tolist() == ["tea", name]
    assert model.thresholds_[1] == 0.25
    assert 0 <= model.score(pictures, table("tea", other)) <= 1
    with pytest.raises(ValueError, match="which is there already"):
        model.add_classes([other])
    with pytest.raises(ValueError, match=r"more than once \(positions 0 and 2\)"):
        ZeroShotClassifier([name, "tea", other], clip).fit()


def test_fine_tuner_knows_its_labels_in_other_spellings(pictures):
    tuner = CLIPFineTuner(
        ["tea", COMPOSED], "clipart-tiny", text=None, max_epochs=1, device="cpu"
    )
    tuner.fit(pictures, table("tea", DECOMPOSED))
    assert tuner.label_names_.tolist() == ["tea", COMPOSED]
    with pytest.raises(ValueError, match="Got 'Tea' for 'tea'"):
        tuner.score(pictures, table("Tea", DECOMPOSED))


@pytest.mark.parametrize(("name", "other"), PAIRS, ids=ascii)
def test_fitted_heads_take_targets_in_other_spellings(name, other):
    model = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=3, random_state=0)
    model.fit(X, table("tea", name))
    assert model.score(X, table("tea", other)) == model.score(X, table("tea", name))
    assert gap_scorer(model, X, table("tea", other)) == 1
    model.set_thresholds({other: 0.75})
    assert model.thresholds_[1] == 0.75
    with pytest.raises(ValueError, match=r"must be label names.*Is 'tea' meant\?"):
        model.set_thresholds({"TEA": 0.5})
    with pytest.raises(ValueError, match="must be named once"):
        model.set_thresholds({name: 0.5, other: 0.75})
    with pytest.raises(ValueError, match="in their order"):
        model.score(X, table(other, "tea"))


@pytest.mark.parametrize(("name", "other"), PAIRS, ids=ascii)
def test_a_table_of_labels_that_look_alike_is_refused(name, other):
    with pytest.raises(ValueError, match="distinct names.*They look alike, as ") as exc:
        MultiLabelLogisticRegression().fit(X, table(name, other))
    assert ascii(name) in str(exc.value) and ascii(other) in str(exc.value)


@pytest.mark.parametrize(("name", "other"), PAIRS, ids=ascii)
def test_reports_and_plots_find_labels_in_other_spellings(name, other):
    truth, predicted = table("tea", name), table("tea", other)
    report = multilabel_report(truth, predicted, X, thresholds={"tea": 0.5, other: 0.6})
    assert report.loc[name, "threshold"] == 0.6
    with pytest.raises(ValueError, match="columns in the order of y_true"):
        multilabel_report(truth, table(other, "tea"))
    pytest.importorskip("matplotlib").use("agg")
    display = LabelScoreDisplay.from_predictions(truth, predicted, labels=[other])
    assert [text.get_text() for text in display.ax_.get_yticklabels()] == [name]
    with pytest.raises(ValueError, match=r"Got 'TEA'.*Is 'tea' meant\?"):
        LabelScoreDisplay.from_predictions(truth, predicted, labels=["TEA"])


def test_a_label_without_a_name_is_told():
    """Of empty texts, pandas with pyarrow makes the label of rows without labels."""
    targets = table(" ", "tea")
    with pytest.warns(UserWarning, match=r"no name \(column 0, ' '\).* leaves it out"):
        MultiLabelLogisticRegression().fit(X, targets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MultiLabelLogisticRegression().fit(X, targets.drop(columns=" ").assign(dog=1))


def test_a_slip_of_the_pen_is_asked_about():
    model = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=3, random_state=0)
    model.fit(X, table("bicycle", "tea"))
    with pytest.raises(ValueError, match=r"Got 'Bycicle'.*Is 'bicycle' meant\?"):
        model.set_thresholds({"Bycicle": 0.5})
    with pytest.raises(ValueError, match=r"Got 'sea'(?!.*meant)"):
        model.set_thresholds({"sea": 0.5})
    with pytest.raises(ValueError, match=r"Got 2(?!.*meant)"):
        model.set_thresholds({2: 0.5})


@pytest.mark.parametrize("missing", [np.nan, pd.NA, None], ids=str)
def test_column_without_a_name_is_itself(missing):
    """As `pandas.get_dummies(dummy_na=True)` makes one."""
    targets = table("dog", missing)
    head = MultiLabelLogisticRegression().fit(X, targets)
    assert predict_labels(head, X[[0, -1]]) == [["dog"], [str(targets.columns[1])]]
    assert len(top_labels(head, X, k=1)) == len(X)
    with pytest.raises(ValueError, match="label_names must name the columns in their"):
        predict_labels(head, X, label_names=[missing, "dog"])
    with pytest.raises(ValueError, match="column"):
        head.score(X, table(missing, "dog"))
    assert head.score(X, targets) == 1
