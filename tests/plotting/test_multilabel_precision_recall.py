"""Curves of labels against scikit-learn's, and which of them stand out."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from sklearn_clip.metrics import (
    average_precision_per_label,
    global_average_precision_score,
)
from sklearn_clip.plotting import MultiLabelPrecisionRecallDisplay
from sklearn_clip.plotting._precision_recall import _thin


def legend_texts(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def area(line):
    """Average precision of a drawn curve: precision times the steps of recall."""
    recall, precision = line.get_data()
    return -np.sum(np.diff(recall) * precision[:-1])


def test_area_under_each_curve_is_its_average_precision(make_problem):
    data = make_problem()
    display = MultiLabelPrecisionRecallDisplay.from_predictions(data.Y, data.P)
    expected = average_precision_score(data.Y, data.P, average=None)
    np.testing.assert_allclose(display.average_precision, expected)
    for line, value in zip(display.lines_, expected, strict=True):
        assert line.get_drawstyle() == "steps-post"
        assert area(line) == pytest.approx(value)
    micro = average_precision_score(data.Y, data.P, average="micro")
    assert area(display.micro_line_) == pytest.approx(micro)
    assert legend_texts(display)[0] == f"micro average (AP {micro:.2f})"
    assert legend_texts(display)[1] == f"each label (mean AP {expected.mean():.2f})"


def test_best_median_and_worst_label_stand_out(make_problem):
    data = make_problem(5)
    display = MultiLabelPrecisionRecallDisplay.from_predictions(
        data.Y, data.P, label_names=data.names
    )
    order = np.argsort(-display.average_precision)
    np.testing.assert_array_equal(display.labels_, order[[0, 2, 4]])
    colours = {display.lines_[label].get_color() for label in display.labels_}
    assert len(colours) == 3
    grey = {display.lines_[label].get_color() for label in order[[1, 3]]}
    assert len(grey) == 1
    assert not grey & colours
    expected = [
        f"{data.names[label]} (AP {display.average_precision[label]:.2f})"
        for label in display.labels_
    ]
    assert legend_texts(display)[2:] == expected


def test_chosen_labels_stand_out_and_none_can(make_problem):
    data = make_problem(20)
    frame = pd.DataFrame(data.Y, columns=data.names)
    display = MultiLabelPrecisionRecallDisplay.from_predictions(
        frame, data.P, labels=["label 7", 3]
    )
    np.testing.assert_array_equal(display.labels_, [7, 3])
    assert len(legend_texts(display.plot(labels=None))) == 2
    assert len(display.labels_) == 0
    display.plot(labels=range(9))
    styles = {
        (display.lines_[label].get_color(), display.lines_[label].get_linestyle())
        for label in range(9)
    }
    assert len(styles) == 9


def test_unknown_labels_are_left_out(make_problem):
    data = make_problem(3, unknown=0.3)
    display = MultiLabelPrecisionRecallDisplay.from_predictions(data.Y, data.P)
    np.testing.assert_allclose(
        [area(line) for line in display.lines_],
        average_precision_per_label(data.Y, data.P),
    )
    gap = global_average_precision_score(data.Y, data.P)
    assert display.micro[2] == gap
    assert area(display.micro_line_) == pytest.approx(gap)


def test_label_without_positives_has_no_curve(make_problem):
    data = make_problem(3)
    data.Y[:, 1] = 0
    display = MultiLabelPrecisionRecallDisplay.from_predictions(
        data.Y, data.P, labels=[1]
    )
    assert display.lines_[1] is None
    assert legend_texts(display)[2] == "1 (no positive)"
    np.testing.assert_array_equal(sorted(display.plot().labels_), [0, 2])


def test_targets_without_a_positive_have_no_curve_at_all(make_problem):
    data = make_problem(3)
    display = MultiLabelPrecisionRecallDisplay.from_predictions(data.Y * 0, data.P)
    assert display.lines_ == [None] * 3
    assert display.micro_line_ is None
    assert display.labels_.size == 0


def test_estimator_is_scored(make_problem, fitted_search):
    data = make_problem()
    search = fitted_search(data.X, data.Y.astype(int))
    display = MultiLabelPrecisionRecallDisplay.from_estimator(search, data.X, data.Y)
    P = search.predict_proba(data.X)
    np.testing.assert_allclose(
        display.average_precision, average_precision_score(data.Y, P, average=None)
    )


def test_legend_lies_beside_own_axes_and_inside_given_ones(pyplot, make_problem):
    data = make_problem(300, n_samples=60)
    names = [f"a label with quite a long name, {n}" for n in range(300)]
    display = MultiLabelPrecisionRecallDisplay.from_predictions(
        data.Y, data.P, label_names=names, labels=range(12)
    )
    display.figure_.canvas.draw()
    legend = display.ax_.get_legend().get_window_extent()
    assert legend.x0 >= display.ax_.get_window_extent().x1
    assert legend.x1 <= display.figure_.bbox.x1
    figure, ax = pyplot.subplots()
    assert display.plot(ax).ax_ is ax
    figure.canvas.draw()
    assert ax.get_legend().get_window_extent().x1 <= ax.get_window_extent().x1


def test_legend_in_narrow_axes_is_no_wider_than_they_are(pyplot, make_problem):
    data = make_problem(30, n_samples=60)
    names = [f"a label with quite a long name, {n}" for n in range(30)]
    figure, axes = pyplot.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
    MultiLabelPrecisionRecallDisplay.from_predictions(
        data.Y, data.P, label_names=names, ax=axes[1]
    )
    figure.canvas.draw()
    legend = axes[1].get_legend()
    assert legend.get_window_extent().width <= axes[1].get_window_extent().width
    assert legend.get_texts()[0].get_text().startswith("micro average (AP 0.")


def test_thin_curve_keeps_ends_and_area():
    rng = np.random.default_rng(0)
    scores = rng.random(200_000)
    precision, recall, _ = precision_recall_curve(rng.random(200_000) < scores, scores)
    thin_recall, thin_precision = _thin(recall, precision)
    assert len(thin_recall) < 2100
    assert (thin_recall[0], thin_recall[-1]) == (1, 0)
    full = -np.sum(np.diff(recall) * precision[:-1])
    assert -np.sum(np.diff(thin_recall) * thin_precision[:-1]) == pytest.approx(
        full, abs=1e-3
    )


def test_unknown_name_is_refused(make_problem):
    data = make_problem()
    with pytest.raises(ValueError, match="names of labels.*Got 'dog'"):
        MultiLabelPrecisionRecallDisplay.from_predictions(
            data.Y, data.P, labels=["dog"]
        )


@pytest.mark.parametrize("empty", [[1], [0, 2], [0, 1, 2]])
def test_labels_without_a_positive_are_counted(empty, make_problem):
    data = make_problem(3)
    data.Y[:, empty] = 0
    data.Y[:, empty[0]] = np.nan
    display = MultiLabelPrecisionRecallDisplay.from_predictions(data.Y, data.P)
    last = legend_texts(display)[-1]
    assert last == f"{len(empty)} of 3 labels without a positive"


def test_micro_average_can_be_seen_on_a_dark_ground(pyplot, make_problem):
    data = make_problem(3)
    with pyplot.style.context("dark_background"):
        display = MultiLabelPrecisionRecallDisplay.from_predictions(data.Y, data.P)
        assert display.micro_line_.get_color() == "white"
