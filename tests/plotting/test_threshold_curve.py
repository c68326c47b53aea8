"""Curves, thresholds and their spread, and which labels are drawn."""

import re

import numpy as np
import pandas as pd
import pytest
from left_titles import left_titles
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_clip import MultiLabelCalibrator, ThresholdOptimizer
from sklearn_clip.metrics import masked_f1_score
from sklearn_clip.plotting import ThresholdCurveDisplay


@pytest.fixture(scope="module")
def tuned():
    """A Pipeline that ends in a ThresholdOptimizer with curves, and its data."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    Y = X[:, :3] + rng.normal(size=(120, 3)) > [0, 0.5, 1]
    Y = pd.DataFrame(Y.astype(int), columns=["sun", "rain", "snow"])
    head = OneVsRestClassifier(LogisticRegression())
    optimizer = ThresholdOptimizer(head, store_curves=True, random_state=0)
    return make_pipeline(StandardScaler(), optimizer).fit(X, Y), X, Y


def test_each_point_of_the_curve_is_the_f1_of_its_threshold(make_problem):
    data = make_problem()
    display = ThresholdCurveDisplay.from_predictions(data.Y, data.P)
    assert len(display.axes_) == len(display.lines_) == 4
    for line, label in zip(display.lines_, display.labels_, strict=True):
        thresholds, scores = line.get_data()
        assert (np.diff(thresholds) > 0).all()
        assert len(thresholds) == len(np.unique(data.P[:, label]))
        for threshold, score in zip(thresholds[::7], scores[::7], strict=True):
            expected = f1_score(data.Y[:, label], data.P[:, label] >= threshold)
            assert score == pytest.approx(expected)


def test_thresholds_stand_where_they_are_given_or_at_the_best_score(make_problem):
    data = make_problem()
    thresholds = [0.2, 0.4, 0.6, 0.8]
    display = ThresholdCurveDisplay.from_predictions(
        data.Y, data.P, thresholds=thresholds
    )
    drawn = [line.get_xdata()[0] for line in display.threshold_lines_]
    np.testing.assert_array_equal(drawn, np.take(thresholds, display.labels_))
    names = data.names
    series = pd.Series(thresholds, index=names)[::-1]
    display = ThresholdCurveDisplay.from_predictions(
        data.Y, data.P, thresholds=series, label_names=names
    )
    np.testing.assert_array_equal(display.thresholds, thresholds)
    best = ThresholdCurveDisplay.from_predictions(data.Y, data.P)
    for threshold, curve in zip(best.thresholds, best.curves, strict=True):
        assert (
            curve["scores"].max() == curve["scores"][curve["thresholds"] == threshold]
        )


def test_caption_tells_threshold_spread_and_score(make_problem):
    data = make_problem(2)
    display = ThresholdCurveDisplay.from_predictions(data.Y, data.P)
    display.thresholds, display.threshold_std = [0.25, np.inf], [0.031, np.nan]
    display.plot(labels=[0, 1])
    first, second = display.axes_
    f1 = f1_score(data.Y[:, 0], data.P[:, 0] >= 0.25)
    assert first.texts[0].get_text() == f"at 0.25 ± 0.031, F1 {f1:.2f}"
    (band,) = first.patches
    assert band.get_extents().transformed(first.transData.inverted()).x0 == (
        pytest.approx(0.25 - 0.031)
    )
    assert second.texts[0].get_text() == "never predicted"
    assert display.threshold_lines_[1] is None
    assert not second.patches
    display.thresholds = [0.25, -np.inf]
    display.plot(labels=[1])
    assert display.axes_[0].texts[0].get_text() == "always predicted"


def test_unknown_rows_are_left_out(make_problem):
    data = make_problem(2, unknown=0.4)
    display = ThresholdCurveDisplay.from_predictions(data.Y, data.P, thresholds=0.5)
    known = ~np.isnan(data.Y[:, 1])
    assert len(display.curves[1]["thresholds"]) == known.sum()
    expected = masked_f1_score(data.Y, data.P >= 0.5, average=None)
    for label, curve in enumerate(display.curves):
        after = np.searchsorted(curve["thresholds"], 0.5)
        assert curve["scores"][after] == pytest.approx(expected[label])


def test_most_frequent_labels_are_drawn_and_others_on_request(make_problem):
    data = make_problem(30)
    display = ThresholdCurveDisplay.from_predictions(
        data.Y, data.P, label_names=data.names
    )
    support = data.Y.sum(axis=0)
    assert len(display.axes_) == 12
    assert support[display.labels_].min() >= np.sort(support)[-12]
    (legend,) = display.figure_.legends
    assert legend.get_title().get_text() == "12 of 30 labels"
    display.plot(labels=["label 29", 3])
    titles = [ax.get_title(loc="left") for ax in display.axes_]
    assert titles == [f"label {n} ({support[n]:.0f})" for n in (29, 3)]
    assert len(display.plot(max_labels=None).axes_) == 30


def test_names_of_many_labels_do_not_overlap(make_problem, overlaps):
    data = make_problem(300, n_samples=60)
    names = [f"a label with quite a long name, number {n}" for n in range(300)]
    display = ThresholdCurveDisplay.from_predictions(data.Y, data.P, label_names=names)
    texts = left_titles(display.axes_)
    texts += [ax.texts[0] for ax in display.axes_]
    assert overlaps(display.figure_, texts) == ([], [])
    assert texts[0].get_text().split(" (")[0].endswith(str(display.labels_[0]))


@pytest.mark.parametrize("options", [{"labels": ["sun"]}, {"n_cols": 1}])
def test_legend_of_one_column_is_not_cut_off(options, tuned, overlaps):
    display = ThresholdCurveDisplay.from_estimator(tuned[0], **options)
    texts = display.figure_.legends[0].get_texts()
    assert texts[2].get_text() == "its standard deviation over folds"
    assert overlaps(display.figure_, texts) == ([], [])


def test_stored_curves_of_the_search_are_drawn(tuned):
    model, _, Y = tuned
    display = ThresholdCurveDisplay.from_estimator(model)
    optimizer = model[-1]
    np.testing.assert_array_equal(display.thresholds, optimizer.thresholds_)
    np.testing.assert_array_equal(display.labels_, [0, 1, 2])
    assert [ax.get_title(loc="left") for ax in display.axes_] == list(Y.columns)
    for line, curve in zip(display.lines_, optimizer.curves_, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), curve["thresholds"])
        np.testing.assert_array_equal(line.get_ydata(), curve["scores"])
    thresholds = [line.get_xdata()[0] for line in display.threshold_lines_]
    np.testing.assert_array_equal(thresholds, optimizer.thresholds_)
    spread = f"± {optimizer.threshold_std_[1]:.2g}"
    assert spread in display.axes_[1].texts[0].get_text()
    by_support = ThresholdCurveDisplay.from_estimator(model, y=Y)
    assert by_support.axes_[0].get_title(loc="left") == f"sun ({Y['sun'].sum()})"


def test_dot_lies_on_the_curve_at_the_threshold(tuned):
    model, X, Y = tuned
    display = ThresholdCurveDisplay.from_estimator(model, X, Y)
    for label, threshold in enumerate(model[-1].thresholds_):
        ax = display.axes_[list(display.labels_).index(label)]
        (dot,) = [part for part in ax.lines if part.get_marker() == "o"]
        expected = f1_score(
            Y.iloc[:, label], model.predict_proba(X)[:, label] >= threshold
        )
        assert dot.get_xydata()[0] == pytest.approx((threshold, expected))


@pytest.mark.parametrize(
    "metric, expected", [("fbeta", "F2"), ("balanced_accuracy", "Balanced accuracy")]
)
def test_metric_of_the_search_names_the_axis(metric, expected, tuned):
    model, X, Y = tuned
    optimizer = ThresholdOptimizer(
        model[-1].estimator, store_curves=True, metric=metric, beta=2.0, cv=2
    )
    display = ThresholdCurveDisplay.from_estimator(optimizer.fit(X, Y))
    assert display.axes_[0].get_ylabel() == expected


def test_rows_of_an_estimator_are_scored(tuned, fitted_search):
    model, X, Y = tuned
    display = ThresholdCurveDisplay.from_estimator(model, X, Y)
    P = model.predict_proba(X)
    label = display.labels_[0]
    np.testing.assert_array_equal(display.lines_[0].get_xdata(), np.unique(P[:, label]))
    assert display.threshold_lines_[0].get_xdata()[0] == model[-1].thresholds_[label]
    search = fitted_search(X, Y.to_numpy())
    plain = ThresholdCurveDisplay.from_estimator(search, X, Y)
    assert plain.threshold_lines_[0].get_xdata()[0] == 0.5


def test_sparse_bool_and_frame_targets_are_the_same(make_problem):
    data = make_problem()
    frame = pd.DataFrame(data.Y == 1, columns=data.names)
    displays = [
        ThresholdCurveDisplay.from_predictions(y, data.P)
        for y in (data.Y, data.Y.astype(bool), sparse.csr_matrix(data.Y), frame)
    ]
    for display in displays[1:]:
        for line, expected in zip(display.lines_, displays[0].lines_, strict=True):
            np.testing.assert_array_equal(line.get_xydata(), expected.get_xydata())
    assert displays[-1].axes_[0].get_title(loc="left").startswith("label 0 (")


def test_given_axes_are_divided_or_taken(pyplot, make_problem):
    data = make_problem()
    figure, (left, right) = pyplot.subplots(1, 2)
    display = ThresholdCurveDisplay.from_predictions(data.Y, data.P, ax=left)
    assert display.figure_ is figure
    assert all(ax.get_position().x1 < right.get_position().x0 for ax in display.axes_)
    _, axes = pyplot.subplots(2, 2)
    assert list(display.plot(axes).axes_) == list(axes.ravel())
    with pytest.raises(ValueError, match="one for each of the 4 panels. Got 2"):
        display.plot([left, right])
    free = figure.add_axes((0, 0, 0.2, 0.2))
    with pytest.raises(ValueError, match="ax must have a place in a grid"):
        display.plot(free)


def test_decision_values_set_the_scale(make_problem):
    data = make_problem()
    display = ThresholdCurveDisplay.from_predictions(
        data.Y, np.log(data.P / (1 - data.P)), thresholds=0
    )
    low, high = display.axes_[0].get_xlim()
    assert low < -1
    assert high > 1
    proba = ThresholdCurveDisplay.from_predictions(data.Y, data.P)
    np.testing.assert_allclose(proba.axes_[0].get_xlim(), (-0.02, 1.02))


def test_label_without_positives_is_never_predicted(make_problem):
    data = make_problem()
    data.Y[:, 2] = 0
    display = ThresholdCurveDisplay.from_predictions(data.Y, data.P).plot(labels=[2])
    assert display.axes_[0].texts[0].get_text() == "never predicted"
    assert not display.lines_[0].get_ydata().any()


@pytest.mark.parametrize(
    "options, match",
    [
        ({"thresholds": [0.5]}, r"one for each of the 4 labels. Got \[0.5\]"),
        ({"thresholds": np.nan}, "one for each of the 4 labels. Got nan"),
        ({"label_names": ["a"]}, "one name for each of the 4 labels. Got 1"),
        ({"labels": ["x"]}, "positions from 0 to 3. Got 'x'; the names are 0, 1"),
        ({"labels": [4]}, "positions from 0 to 3. Got 4"),
        ({"labels": []}, "labels must hold at least one label. Got none"),
        ({"max_labels": 0}, "max_labels must be a positive integer or None. Got 0"),
        ({"n_cols": 1.5}, "n_cols must be a positive integer or None. Got 1.5"),
    ],
)
def test_bad_options_are_refused(options, match, make_problem):
    data = make_problem()
    with pytest.raises(ValueError, match=match):
        ThresholdCurveDisplay.from_predictions(data.Y, data.P, **options)


def test_estimator_without_curves_says_what_to_do(make_problem, fitted_search):
    data = make_problem()
    search = fitted_search(data.X, data.Y)
    with pytest.raises(ValueError, match="store_curves=True, or X and y must be given"):
        ThresholdCurveDisplay.from_estimator(search)
    with pytest.raises(ValueError, match="y must be given with X"):
        ThresholdCurveDisplay.from_estimator(search, data.X)


def test_captions_of_narrow_panels_leave_out_what_has_no_room(
    pyplot, make_problem, overlaps
):
    data = make_problem(6)
    for width, expected in (
        (12, r"at [\d.]+, F1 [\d.]+"),
        (6, r"at [\d.]+"),
        (3, ""),
    ):
        figure, ax = pyplot.subplots(figsize=(width, 4))
        display = ThresholdCurveDisplay.from_predictions(
            data.Y, data.P, label_names=data.names, ax=ax
        )
        captions = [panel.texts[0] for panel in display.axes_]
        assert all(re.fullmatch(expected, text.get_text()) for text in captions)
        assert overlaps(figure, captions)[0] == []


def test_texts_of_given_axes_are_left_alone(pyplot, make_problem):
    data = make_problem(2)
    _, axes = pyplot.subplots(1, 2)
    for ax in axes:
        ax.text(0.5, 0.5, "mine")
    ThresholdCurveDisplay.from_predictions(data.Y, data.P, ax=axes)
    assert [ax.texts[0].get_text() for ax in axes] == ["mine", "mine"]


def test_calibrator_is_drawn_with_its_own_cut(tuned):
    estimator, X, Y = tuned
    calibrator = MultiLabelCalibrator(estimator, cv="prefit").fit(X, Y)
    assert not (estimator[-1].thresholds_ == 0.5).any()
    display = ThresholdCurveDisplay.from_estimator(calibrator, X, Y)
    np.testing.assert_array_equal(display.thresholds, 0.5)
