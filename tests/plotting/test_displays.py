"""What all displays have in common."""

import inspect
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    PrecomputedScores,
    ThresholdOptimizer,
    ZeroShotClassifier,
    plotting,
)
from sklearn_clip.plotting import (
    MultiLabelPrecisionRecallDisplay,
    ThresholdCurveDisplay,
)
from sklearn_clip.plotting._axes import short_name
from sklearn_clip.plotting._inputs import choose_labels, learnt

Y = np.array([[1, 0], [0, 1], [1, 1]])
P = np.array([[0.9, 0.2], [0.3, 0.6], [0.4, 0.7]])


def _zero_shot(n_labels=2):
    """A fitted tagger of pictures, of the smallest model that means something."""
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    return ZeroShotClassifier(["red", "blue"][:n_labels], clip).fit()


PICTURES = [Image.new("RGB", (8, 8), "red")] * 3
CALLS = {
    "AnswerCoverageDisplay": ("from_predictions", (Y, P)),
    "LabelCooccurrenceDisplay": ("from_labels", (Y,)),
    "LabelGridDisplay": (
        "from_predictions",
        (PICTURES, Y, P > 0.5),
    ),
    "LabelHeatmapDisplay": ("from_estimator", (_zero_shot, PICTURES, Y)),
    "LabelScoreDisplay": ("from_predictions", (Y, P > 0.5)),
    "MultiLabelCalibrationDisplay": ("from_predictions", (Y, P)),
    "MultiLabelPrecisionRecallDisplay": ("from_predictions", (Y, P)),
    "NearDuplicateDisplay": (
        "from_embeddings",
        (P, PICTURES),
    ),
    "ThresholdCurveDisplay": ("from_predictions", (Y, P)),
}


# Displays that know of no labels.
UNLABELLED = {"NearDuplicateDisplay"}
# Displays that no classifier of features makes.
UNSCORED = {"LabelCooccurrenceDisplay", "LabelHeatmapDisplay"}


def call(name, **options):
    method, arguments = CALLS[name]
    arguments = [made() if made is _zero_shot else made for made in arguments]
    return getattr(getattr(plotting, name), method)(*arguments, **options)


def test_every_display_is_tested():
    assert sorted(CALLS) == plotting.__all__


@pytest.mark.parametrize("name", CALLS)
def test_display_keeps_its_parameters_and_redraws(name, pyplot):
    display = call(name)
    assert display.plot() is display
    assert len(pyplot.get_fignums()) == 2
    assert pyplot.figure(2) is display.figure_
    for parameter in inspect.signature(type(display)).parameters:
        assert hasattr(display, parameter)
    axes = np.ravel(display.axes_ if hasattr(display, "axes_") else display.ax_)
    assert all(ax.figure is display.figure_ for ax in axes)


@pytest.mark.parametrize("name", CALLS)
def test_missing_matplotlib_names_the_extra(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    match = rf'{name} needs matplotlib.*pip install "sklearn-clip\[plot\]"'
    with pytest.raises(ImportError, match=match):
        call(name)


@pytest.mark.parametrize("name", [n for n in CALLS if n not in UNLABELLED])
def test_dollars_in_names_are_no_formula(name):
    display = call(name, label_names=["$x_", "$y^$"])
    display.figure_.canvas.draw()


@pytest.mark.parametrize("name", CALLS)
def test_figure_can_be_written_as_vectors(name, tmp_path):
    call(name).figure_.savefig(tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size > 1000


@pytest.mark.parametrize("name", [n for n in CALLS if n not in UNLABELLED])
@pytest.mark.parametrize("shape", ["one label", "one row"])
def test_smallest_problems_are_drawn(shape, name):
    part = np.s_[:, :1] if shape == "one label" else np.s_[:1]
    method, arguments = CALLS[name]
    n_rows, n_labels = Y[part].shape
    parts = [
        part_of[part] if isinstance(part_of, np.ndarray) else part_of[:n_rows]
        for part_of in arguments
        if part_of is not _zero_shot
    ]
    if len(parts) < len(arguments):
        parts = [_zero_shot(n_labels), *parts]
    display = getattr(getattr(plotting, name), method)(*parts)
    display.figure_.canvas.draw()


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_axes_is_refused(name, pyplot):
    figure, axes = pyplot.subplots(1, 7)
    for wrong in (figure, (figure, axes[0]), axes, "axes", np.array([figure] * 2)):
        with pytest.raises(
            (TypeError, ValueError), match="ax must be (an|one) Axes"
        ) as caught:
            call(name, ax=wrong)
        assert "Got" in str(caught.value)


def test_names_are_shortened_in_the_middle():
    assert short_name("a  short\nname") == "a short name"
    assert short_name("internationally known 17", 15) == "internatio…n 17"
    assert short_name("one two 17", 9) == "one tw…17"


@pytest.mark.parametrize("labels", [0.5, [[0]], [np.ones(2)], type(None), b"b"])
def test_labels_that_are_no_names_are_refused(labels):
    names = np.array(["b", 0, "a"], dtype=object)
    with pytest.raises(ValueError, match="labels must hold names of labels, or pos"):
        choose_labels(labels, names)


def test_labels_are_names_first_and_positions_second():
    names = np.array(["b", 0, "a"], dtype=object)
    assert choose_labels(["a", 0], names).tolist() == [2, 1]
    assert choose_labels("b", names).tolist() == [0]
    assert choose_labels([2], names).tolist() == [2]
    assert choose_labels(None, names, support=[1, 5, 3]).tolist() == [1, 2, 0]
    with pytest.raises(ValueError, match="positions from 0 to 2. Got True"):
        choose_labels([True], np.array(["x", "y", "z"], dtype=object))


def test_learnt_attribute_is_found_through_search_and_pipeline(
    make_problem, fitted_search
):
    data = make_problem()
    search = fitted_search(data.X, data.Y.astype(int))
    assert learnt(search, "n_classes_") == 4
    assert learnt(search, "thresholds_") is None
    assert learnt(None, "thresholds_") is None


@pytest.mark.parametrize(
    "name",
    [n for n in CALLS if n not in UNLABELLED | UNSCORED],
)
def test_columns_in_another_order_than_at_the_fit_are_refused(name, make_problem):
    data = make_problem()
    Y = pd.DataFrame(data.Y.astype(int), columns=data.names)
    model = MultiLabelLogisticRegression().fit(data.X, Y)
    other = Y[data.names[::-1]]
    message = r"y must have the labels of the fitted classifier.*\(column 0\)"
    with pytest.raises(ValueError, match=message):
        getattr(plotting, name).from_estimator(model, data.X, other)


@pytest.mark.parametrize(
    "name",
    ["LabelCooccurrenceDisplay", "LabelHeatmapDisplay", "ThresholdCurveDisplay"],
)
def test_names_of_other_labels_are_refused_where_no_targets_are(name, make_problem):
    if name == "LabelHeatmapDisplay":
        tagger, given = _zero_shot(), [PICTURES]
    else:
        data = make_problem()
        Y = pd.DataFrame(data.Y.astype(int), columns=data.names)
        tagger = ThresholdOptimizer(
            MultiLabelLogisticRegression(), store_curves=True, random_state=0
        ).fit(data.X, Y)
        given = [] if name == "ThresholdCurveDisplay" else [data.X]
    draw = getattr(plotting, name).from_estimator
    learnt = list(tagger.label_names_)
    with pytest.raises(ValueError, match="label_names must name the columns in their"):
        draw(tagger, *given, label_names=learnt[::-1])
    with pytest.raises(ValueError, match="one name for each of the"):
        draw(tagger, *given, label_names=[*learnt, "more"])
    draw(tagger, *given, label_names=[f"the {label}" for label in learnt])


@pytest.mark.parametrize(
    "display", [MultiLabelPrecisionRecallDisplay, ThresholdCurveDisplay]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infinite_scores_stand_beyond_all_others(display, dtype):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(60, 2)).astype(dtype)
    Y = (scores + rng.normal(size=scores.shape) > 0).astype(int)
    far, near = scores.copy(), scores.copy()
    far[3, 0], far[4, 0] = np.inf, -np.inf
    near[3, 0], near[4, 0] = 5, -5
    shown, expected = (
        display.from_predictions(Y, each).figure_.axes[0].lines for each in (far, near)
    )
    for ours, theirs in zip(shown, expected, strict=True):
        assert np.isfinite(ours.get_xdata()).all()
        np.testing.assert_allclose(ours.get_ydata(), theirs.get_ydata())


def test_infinite_decisions_are_drawn_of_a_fitted_classifier(pyplot):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(60, 2))
    Y = (scores + rng.normal(size=scores.shape) > 0).astype(int)
    scores[3, 0], scores[4, 1] = np.inf, -np.inf
    tuned = ThresholdOptimizer(
        PrecomputedScores(method="decision_function"), store_curves=True
    )
    tuned.fit(scores, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for display in (
            ThresholdCurveDisplay.from_estimator(tuned),
            ThresholdCurveDisplay.from_estimator(tuned, scores, Y),
        ):
            display.figure_.canvas.draw()
            low, high = display.figure_.axes[0].get_xlim()
            assert -10 < low < high < 10


@pytest.mark.parametrize(
    "name", [n for n in CALLS if n not in {*UNLABELLED, "LabelCooccurrenceDisplay"}]
)
def test_rows_in_another_order_are_told(name):
    display = getattr(plotting, name)
    truth = pd.DataFrame(Y, columns=["red", "blue"])
    if name in {"LabelGridDisplay", "LabelHeatmapDisplay"}:
        tagger, rows = _zero_shot(), pd.DataFrame({"image": PICTURES})
    else:
        rows = pd.DataFrame(P)
        tagger = MultiLabelLogisticRegression().fit(rows, truth)
    with pytest.warns(UserWarning, match="X and y have the same index in another"):
        display.from_estimator(tagger, rows, truth.iloc[::-1])
