"""Coverage and precision of yes and no, against counts."""

import numpy as np
import pandas as pd
import pytest

from sklearn_clip import (
    LabelSetClassifier,
    MultiLabelLogisticRegression,
    RejectOptionClassifier,
)
from sklearn_clip.plotting import AnswerCoverageDisplay


def legend_texts(display):
    (legend,) = display.figure_.legends
    return [text.get_text() for text in legend.get_texts()]


def brute_force(hits, sure):
    """Coverage and precision at every distinct score."""
    cuts = np.unique(sure)[::-1]
    answered = [sure >= cut for cut in cuts]
    return [a.mean() for a in answered], [hits[a].mean() for a in answered]


@pytest.mark.parametrize("unknown", [0.0, 0.3])
def test_curves_are_those_of_every_cut(make_problem, unknown):
    data = make_problem(3, unknown=unknown)
    scores = data.P.round(1)
    display = AnswerCoverageDisplay.from_predictions(data.Y, scores)
    for label in range(3):
        known = ~np.isnan(data.Y[:, label])
        hits, score = data.Y[known, label] == 1, scores[known, label]
        for side, curve in enumerate((display.yes[label], display.no[label])):
            expected = brute_force(~hits if side else hits, -score if side else score)
            np.testing.assert_allclose(curve, expected)
            drawn = display.lines_[side][label].get_data()
            np.testing.assert_allclose(drawn, expected)


def test_dots_lie_at_the_cuts(make_problem):
    data = make_problem(3)
    yes, no = np.array([0.6, 0.8, np.inf]), np.array([0.3, -np.inf, 0.2])
    display = AnswerCoverageDisplay.from_predictions(
        data.Y, data.P, yes_thresholds=yes, no_thresholds=no
    )
    scores = data.P
    for side, answered in enumerate((scores >= yes, scores < no)):
        right = (data.Y == 1) != bool(side)
        for label in range(3):
            dot = display.points_[side][label]
            if not answered[:, label].any():
                assert dot is None
                continue
            x, y = dot.get_data()
            assert x == pytest.approx(answered[:, label].mean())
            assert y == pytest.approx(right[answered[:, label], label].mean())
            # A dot is on its curve.
            coverage, precision = (display.yes, display.no)[side][label]
            at = np.argmin(abs(coverage - x))
            assert precision[at] == pytest.approx(y[0])


def test_labels_asked_least_and_most_stand_out_with_their_shares(make_problem):
    data = make_problem(5)
    yes = np.array([0.5, 0.6, 0.7, 0.8, 0.9])
    display = AnswerCoverageDisplay.from_predictions(
        data.Y, data.P, yes_thresholds=yes, no_thresholds=0.4, label_names=data.names
    )
    scores = data.P
    asked = ((scores >= 0.4) & (scores < yes)).mean(axis=0)
    order = np.argsort(asked, kind="stable")
    np.testing.assert_array_equal(display.labels_, order[[0, 2, 4]])
    expected = [f"{data.names[at]} (asks {asked[at]:.0%})" for at in order[[0, 2, 4]]]
    expected.append(f"each of 5 labels (asks {asked.mean():.0%})")
    assert legend_texts(display) == expected
    by_name = AnswerCoverageDisplay.from_predictions(
        data.Y,
        data.P,
        yes_thresholds=pd.Series(yes, index=data.names)[::-1],
        no_thresholds=dict.fromkeys(data.names, 0.4),
        label_names=data.names,
    )
    assert legend_texts(by_name) == expected


def test_chosen_labels_stand_out_and_none_can(make_problem):
    data = make_problem(5)
    frame = pd.DataFrame(data.Y, columns=data.names)
    display = AnswerCoverageDisplay.from_predictions(
        frame, data.P, labels=["label 3", 0]
    )
    assert display.labels_.tolist() == [3, 0]
    assert legend_texts(display) == ["label 3", "label 0", "each of 5 labels"]
    assert legend_texts(display.plot(labels=None)) == ["each of 5 labels"]
    with pytest.raises(ValueError, match="Got 'label 9'"):
        display.plot(labels=["label 9"])


def test_chosen_labels_are_told_apart(make_problem):
    data = make_problem(14)
    display = AnswerCoverageDisplay.from_predictions(
        data.Y, data.P, yes_thresholds=0.5, labels=range(14)
    )
    for lines in display.lines_:
        looks = {(line.get_color(), line.get_linestyle()) for line in lines}
        assert len(looks) == 14
    dots = [dot for dot in display.points_[0] if dot is not None]
    assert {dot.get_linestyle() for dot in dots} == {"None"}


def test_panels_in_given_axes_leave_room_for_each_other(make_problem, pyplot, overlaps):
    data = make_problem(3)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4))
    display = AnswerCoverageDisplay.from_predictions(data.Y, data.P, ax=left)
    figure.draw_without_rendering()
    yes, no = display.axes_
    name = no.yaxis.label.get_window_extent()
    assert yes.get_window_extent().x1 < name.x0
    texts = [yes.xaxis.label, no.xaxis.label, no.yaxis.label]
    assert overlaps(figure, texts) == ([], [])


def test_cuts_bounds_and_names_of_a_fitted_classifier_are_drawn(make_problem):
    data = make_problem(3, n_samples=400)
    Y = pd.DataFrame(data.Y.astype(int), columns=data.names)
    answers = RejectOptionClassifier(
        MultiLabelLogisticRegression(),
        min_precision=0.6,
        min_npv=0.7,
        confidence=0.8,
        random_state=0,
    ).fit(data.X, Y)
    display = AnswerCoverageDisplay.from_estimator(answers, data.X, Y)
    predicted = answers.predict(data.X)
    np.testing.assert_allclose(display.yes_points[:, 0], (predicted == 1).mean(axis=0))
    np.testing.assert_allclose(display.no_points[:, 0], (predicted == 0).mean(axis=0))
    texts = [text.get_text() for ax in display.axes_ for text in ax.texts]
    assert texts == ["bound 0.6", "bound 0.7"]
    assert list(display.label_names) == data.names
    sets = LabelSetClassifier(MultiLabelLogisticRegression(), random_state=0)
    display = AnswerCoverageDisplay.from_estimator(sets.fit(data.X, Y), data.X, Y)
    assert display.yes_points.shape == (3, 2)
    assert display.min_precision is None
    head = MultiLabelLogisticRegression().fit(data.X, Y)
    display = AnswerCoverageDisplay.from_estimator(head, data.X, Y)
    assert display.yes_points is display.no_points is None


def test_rare_answers_are_shown_large(make_problem):
    data = make_problem(3)
    display = AnswerCoverageDisplay.from_predictions(
        data.Y, data.P, yes_thresholds=np.quantile(data.P, 0.95, axis=0)
    )
    assert display.axes_[0].get_xlim()[1] < 0.2
    assert display.axes_[1].get_xlim()[1] > 1


def test_a_label_without_a_known_entry_has_no_curve(make_problem):
    data = make_problem(3)
    data.Y[:, 1] = np.nan
    display = AnswerCoverageDisplay.from_predictions(
        data.Y, data.P, yes_thresholds=0.5, no_thresholds=0.5
    )
    assert display.yes[1][0].size == 0
    assert display.points_[0][1] is None
    display.figure_.canvas.draw()


def test_given_axes_are_taken(make_problem, pyplot):
    data = make_problem(3)
    figure, axes = pyplot.subplots(1, 2)
    display = AnswerCoverageDisplay.from_predictions(data.Y, data.P, ax=axes)
    assert display.figure_ is figure
    assert list(display.axes_) == list(axes)
    _, ax = pyplot.subplots()
    assert len(display.plot(ax).axes_) == 2
    with pytest.raises(ValueError, match="one for each of the 2 panels. Got 3"):
        display.plot(pyplot.subplots(1, 3)[1])


@pytest.mark.parametrize("cuts", [[0.1, 0.2], np.nan, [0.1, np.nan, 0.3]])
def test_cuts_that_are_not_one_a_label_are_refused(make_problem, cuts):
    data = make_problem(3)
    with pytest.raises(ValueError, match="no_thresholds must be a number or one for"):
        AnswerCoverageDisplay.from_predictions(data.Y, data.P, no_thresholds=cuts)


def test_texts_do_not_cover_each_other(make_problem, overlaps):
    data = make_problem(12, n_samples=300)
    display = AnswerCoverageDisplay.from_predictions(
        data.Y,
        data.P,
        yes_thresholds=0.8,
        no_thresholds=0.2,
        min_precision=0.8,
        min_npv=0.9,
        label_names=[f"a rather long name of a label {at}" for at in range(12)],
    )
    texts = [text for ax in display.axes_ for text in (*ax.texts, ax.xaxis.label)]
    pairs, outside = overlaps(
        display.figure_, texts + display.figure_.legends[0].get_texts()
    )
    assert pairs == outside == []


@pytest.mark.parametrize("inches", [5, 3.4, 2.2])
def test_legend_in_given_axes_is_no_wider_than_they_are(make_problem, pyplot, inches):
    data = make_problem(8)
    figure, axes = pyplot.subplots(1, 2, figsize=(2 * inches, 3), layout="constrained")
    AnswerCoverageDisplay.from_predictions(
        data.Y,
        data.P,
        yes_thresholds=0.8,
        no_thresholds=0.3,
        label_names=[f"a rather long name of a label {at}" for at in range(8)],
        ax=axes,
    )
    figure.canvas.draw()
    legend = axes[0].get_legend()
    assert legend.get_window_extent().width <= axes[0].get_window_extent().width
    assert legend.get_texts()[-1].get_text().startswith("each of 8 labels (asks ")


@pytest.mark.parametrize("bound", [80, -0.1, "0.8", np.nan])
@pytest.mark.parametrize("name", ["min_precision", "min_npv"])
def test_bounds_that_are_no_shares_are_refused(make_problem, name, bound):
    data = make_problem(3)
    with pytest.raises(ValueError, match=f"{name} must be between 0 and 1, or None"):
        AnswerCoverageDisplay.from_predictions(data.Y, data.P, **{name: bound})


def test_a_figure_has_one_legend_however_wide_names_are(make_problem):
    data = make_problem(8)
    display = AnswerCoverageDisplay.from_predictions(
        data.Y,
        data.P,
        yes_thresholds=0.8,
        no_thresholds=0.3,
        label_names=["W" * 40 + str(at) for at in range(8)],
    )
    (legend,) = display.figure_.legends
    assert legend.get_window_extent().width <= display.figure_.bbox.width
