"""Bars and points: their values, order, names and gaps."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import average_precision_score, f1_score, recall_score

from sklearn_clip.metrics import masked_f1_score
from sklearn_clip.plotting import LabelScoreDisplay
from sklearn_clip.plotting._axes import name_points


def tick_names(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_bars_are_the_scores_of_the_labels_highest_first(make_problem):
    data = make_problem(6)
    predicted = (data.P >= 0.5).astype(int)
    display = LabelScoreDisplay.from_predictions(
        data.Y, predicted, label_names=data.names
    )
    f1 = f1_score(data.Y, predicted, average=None, zero_division=0)
    widths = [bar.get_width() for bar in display.bars_]
    np.testing.assert_allclose(widths, -np.sort(-f1))
    np.testing.assert_allclose(f1[display.labels_], widths)
    assert tick_names(display.ax_.yaxis) == [f"label {n}" for n in display.labels_]
    top, bottom = display.ax_.transData.transform([(0, 0), (0, 5)])[:, 1]
    assert top > bottom
    values = [text.get_text() for text in display.ax_.texts]
    assert values == [f"{width:.2f}" for width in widths]
    (side,) = display.ax_.child_axes
    support = data.Y.sum(axis=0)[display.labels_]
    assert tick_names(side.yaxis) == [f"{n:.0f}" for n in support]


def test_line_marks_the_mean_of_defined_scores(make_problem):
    data = make_problem(5)
    data.Y[:, 1] = 0
    display = LabelScoreDisplay.from_predictions(data.Y, data.P, metric="ap")
    kept = [0, 2, 3, 4]
    mean = average_precision_score(data.Y[:, kept], data.P[:, kept], average="macro")
    (line,) = display.ax_.lines
    assert line.get_xdata()[0] == pytest.approx(mean)
    assert line.get_label() == f"mean of 4 labels: {mean:.3f}"
    assert display.labels_[-1] == 1
    assert display.bars_[-1].get_width() == 0
    assert display.ax_.texts[-1].get_text() == "not defined"


@pytest.mark.parametrize(
    "metric, expected", [("f1", f1_score), ("recall", recall_score)]
)
def test_metric_is_chosen_and_named(metric, expected, make_problem):
    data = make_problem()
    predicted = data.P >= 0.5
    display = LabelScoreDisplay.from_predictions(data.Y, predicted, metric=metric)
    scores = expected(data.Y, predicted, average=None, zero_division=0)
    np.testing.assert_allclose(display.scores, scores)
    assert display.ax_.get_xlabel().lower() == metric


def test_bars_are_sorted_by_support_name_or_as_given(make_problem):
    data = make_problem(5)
    display = LabelScoreDisplay.from_predictions(
        data.Y, data.P >= 0.5, label_names=list("cabed")
    )
    support = display.plot(sort_by="support").support[display.labels_]
    assert (np.diff(support) <= 0).all()
    display.plot(sort_by="label")
    assert tick_names(display.ax_.yaxis) == list("abcde")
    display.plot(sort_by=None, labels=["e", "c"])
    np.testing.assert_array_equal(display.labels_, [3, 0])


def test_unknown_labels_are_left_out(make_problem):
    data = make_problem(3, unknown=0.3)
    display = LabelScoreDisplay.from_predictions(data.Y, data.P >= 0.5)
    expected = masked_f1_score(data.Y, data.P >= 0.5, average=None)
    np.testing.assert_allclose(display.scores, expected)
    np.testing.assert_array_equal(display.support, np.nansum(data.Y, axis=0))


def test_frames_and_sparse_matrices_are_taken(make_problem):
    data = make_problem()
    frame = pd.DataFrame(data.Y, columns=data.names)
    display = LabelScoreDisplay.from_predictions(frame, sparse.csr_matrix(data.P > 0.5))
    assert set(tick_names(display.ax_.yaxis)) == set(data.names)
    again = LabelScoreDisplay.from_predictions(sparse.csr_matrix(data.Y), data.P > 0.5)
    np.testing.assert_array_equal(again.scores, display.scores)


def test_estimator_is_asked_for_what_the_metric_needs(make_problem, fitted_search):
    data = make_problem()
    search = fitted_search(data.X, data.Y.astype(int))
    display = LabelScoreDisplay.from_estimator(search, data.X, data.Y)
    expected = f1_score(data.Y, search.predict(data.X), average=None)
    np.testing.assert_allclose(display.scores, expected)
    display = LabelScoreDisplay.from_estimator(search, data.X, data.Y, metric="ap")
    P = search.predict_proba(data.X)
    expected = average_precision_score(data.Y, P, average=None)
    np.testing.assert_allclose(display.scores, expected)


def test_too_many_bars_leave_a_gap_in_the_middle(make_problem):
    data = make_problem(30)
    display = LabelScoreDisplay.from_predictions(data.Y, data.P >= 0.5)
    every = display.labels_
    display.plot(kind="bars", max_labels=7)
    np.testing.assert_array_equal(display.labels_, [*every[:4], *every[-3:]])
    middles = [bar.get_y() + bar.get_height() / 2 for bar in display.bars_]
    np.testing.assert_allclose(middles, [0, 1, 2, 3, 5, 6, 7])
    (gap,) = [text for text in display.ax_.texts if "between" in text.get_text()]
    assert gap.get_text() == "... 23 labels between ..."
    assert gap.get_position()[1] == 4


@pytest.mark.parametrize("n_labels", [3, 60])
def test_texts_of_bars_do_not_overlap(n_labels, make_problem, overlaps):
    data = make_problem(n_labels, n_samples=300)
    names = [f"a label with quite a long name, {n}" for n in range(n_labels)]
    display = LabelScoreDisplay.from_predictions(
        data.Y, data.P >= 0.5, label_names=names
    )
    (side,) = display.ax_.child_axes
    texts = [
        *display.ax_.get_yticklabels(),
        *side.get_yticklabels(),
        *display.ax_.texts,
    ]
    assert len(texts) == 3 * n_labels
    assert overlaps(display.figure_, texts) == ([], [])


def test_hundreds_of_labels_become_points(make_problem, overlaps):
    data = make_problem(300)
    data.Y[:, 7] = 0
    display = LabelScoreDisplay.from_predictions(
        data.Y, data.P, metric="ap", label_names=data.names
    )
    assert display.bars_ is None
    defined = np.flatnonzero(np.isfinite(display.scores))
    assert len(defined) == 299
    expected = np.column_stack([data.Y.sum(axis=0), display.scores])[defined]
    np.testing.assert_allclose(display.points_.get_offsets(), expected)
    assert 5 <= len(display.names_) <= 20
    assert overlaps(display.figure_, display.names_) == ([], [])
    dots = display.ax_.transData.transform(expected)
    for name in display.names_:
        assert not name.get_window_extent().count_contains(dots)


def test_label_without_positives_has_room_on_the_scale(make_problem):
    data = make_problem(4)
    data.Y[:, 3] = 0
    display = LabelScoreDisplay.from_predictions(data.Y, data.P >= 0.5)
    display.plot(kind="scatter", n_names=1)
    low, high = display.ax_.get_xlim()
    assert -1 < low < 0
    assert high > data.Y.sum(axis=0).max()
    assert len(display.names_) == 1


def test_worst_label_for_its_support_is_named_first():
    scores = [0.9, 0.1, 0.15, 0.5]
    display = LabelScoreDisplay(scores, [400, 3, 500, 30], label_names=list("abcd"))
    display.plot(kind="scatter", n_names=1)
    assert [name.get_text() for name in display.names_] == ["c"]


def test_given_axes_are_used(pyplot, make_problem):
    data = make_problem()
    figure, ax = pyplot.subplots()
    display = LabelScoreDisplay.from_predictions(data.Y, data.P >= 0.5, ax=ax)
    assert (display.ax_, display.figure_) == (ax, figure)
    assert display.plot() is display
    assert display.ax_ is not ax


@pytest.mark.parametrize(
    "options, match",
    [
        ({"metric": "F1"}, "metric must be one of 'f1', 'precision'.*Got 'F1'"),
        ({"kind": "pie"}, "kind must be one of 'auto', 'bars', 'scatter'. Got 'pie'"),
        ({"sort_by": "f1"}, "sort_by must be one of 'score'.*Got 'f1'"),
        ({"max_labels": -1}, "max_labels must be a positive integer or None. Got -1"),
        ({"n_names": True}, "n_names must be a positive integer or None. Got True"),
    ],
)
def test_bad_options_are_refused(options, match, make_problem):
    data = make_problem()
    with pytest.raises(ValueError, match=match):
        LabelScoreDisplay.from_predictions(data.Y, data.P >= 0.5, **options)


def test_scores_in_place_of_predictions_are_refused(make_problem):
    data = make_problem()
    with pytest.raises(ValueError, match="Scores are cut first"):
        LabelScoreDisplay.from_predictions(data.Y, data.P)


def written(display):
    return [name.get_text() for name in display.names_]


@pytest.mark.parametrize("n_labels", [30, 100, 400])
@pytest.mark.parametrize("crowd", ["spread", "same score", "few supports"])
def test_lowest_point_is_named_before_better_ones(n_labels, crowd, overlaps):
    rng = np.random.default_rng(n_labels)
    scores = rng.beta(4, 2, n_labels)
    support = rng.integers(1, 1000, n_labels)
    if crowd == "same score":
        scores[:] = 0.5
    if crowd == "few supports":
        support = rng.integers(1, 4, n_labels)
    scores[n_labels // 2] = scores.min() - 0.05
    names = [f"a label called {number}" for number in range(n_labels)]
    display = LabelScoreDisplay(scores, support, label_names=names)
    display.plot(kind="scatter", n_names=2)
    assert names[n_labels // 2] in written(display)
    display.plot(kind="scatter")
    assert names[n_labels // 2] in written(display)
    assert overlaps(display.figure_, display.names_) == ([], [])


def test_lowest_point_amid_others_is_named():
    # A cloud of points on all sides but the one below, where the frame of the axes is.
    support = np.tile(np.arange(100, 300, 5), 5)
    scores = np.repeat([0.005, 0.02, 0.035, 0.05, 0.065], 40)
    scores[100], support[100] = 0.0, 200
    names = [f"a label with quite a long name, {n}" for n in range(200)]
    display = LabelScoreDisplay(scores, support, label_names=names)
    display.plot(kind="scatter", n_names=4)
    assert "a label with qui…me, 100" in written(display)


def test_point_with_others_on_all_sides_gets_a_name_with_a_line_to_it(pyplot, overlaps):
    figure, ax = pyplot.subplots(figsize=(6, 6))
    grid = np.linspace(0.4, 0.6, 9)
    points = np.array([(x, y) for x in grid for y in grid])
    middle = len(points) // 2
    ax.scatter(*points.T)
    ax.set(xlim=(0, 1), ylim=(0, 1))
    texts = [f"a rather long name {n}" for n in range(len(points))]
    assert name_points(ax, points, texts, [middle], 1) == []
    (name,) = name_points(ax, points, texts, [middle], 1, n_sure=1)
    assert name.get_text() == texts[middle]
    box = name.get_window_extent()
    assert not box.count_contains(ax.transData.transform(points))
    assert ax.get_window_extent().contains(box.x0, box.y0)
    (leader,) = [text for text in ax.texts if text is not name]
    assert tuple(leader.xy) == tuple(points[middle])
    assert leader.xyann == name.xyann


def test_points_without_a_score_are_counted():
    display = LabelScoreDisplay([0.5, np.nan, 0.7, np.nan], [4, 0, 5, 2])
    display.plot(kind="scatter")
    title = display.ax_.get_title(loc="left")
    assert title == "not drawn: 2 labels without a defined score"
    np.testing.assert_array_equal(display.labels_, [0, 2])
    display.plot(kind="scatter", labels=[0, 3])
    title = display.ax_.get_title(loc="left")
    assert title == "not drawn: 1 label without a defined score"
    assert display.plot(kind="scatter", labels=[0, 2]).ax_.get_title(loc="left") == ""


def test_mean_of_one_label_is_that_of_one_label():
    (line,) = LabelScoreDisplay([0.5], [4]).plot().ax_.lines
    assert line.get_label() == "mean of 1 label: 0.500"


def test_outline_of_names_has_the_colour_of_the_ground(pyplot):
    with pyplot.style.context("dark_background"):
        display = LabelScoreDisplay([0.5, 0.2], [4, 9]).plot(kind="scatter")
        for name in display.names_:
            (outline,) = name.get_path_effects()
            assert outline._gc["foreground"] == display.ax_.get_facecolor()
            assert name.get_color() == "white"


@pytest.mark.parametrize("kind", ["bars", "scatter"])
@pytest.mark.parametrize("metric", ["ap", "recall"])
def test_intervals_are_drawn_where_their_scores_are(kind, metric, make_problem):
    data = make_problem(6)
    response = data.P if metric == "ap" else data.P >= 0.5
    display = LabelScoreDisplay.from_predictions(
        data.Y, response, metric=metric, intervals=0.9, random_state=0, kind=kind
    )
    assert (display.low < display.scores).all()
    assert (display.scores < display.high).all()
    axis = 0 if kind == "bars" else 1
    ends = [path[:, axis] for path in display.intervals_.get_segments()]
    expected = np.column_stack([display.low, display.high])[display.labels_]
    np.testing.assert_allclose(ends, expected)
    if kind == "bars":
        places = [path[0, 1] for path in display.intervals_.get_segments()]
        centres = [bar.get_y() + bar.get_height() / 2 for bar in display.bars_]
        np.testing.assert_allclose(places, centres)


def test_intervals_of_an_estimator_are_those_of_its_predictions(
    make_problem, fitted_search
):
    data = make_problem(3)
    options = {"metric": "ap", "intervals": 0.8, "random_state": 1}
    search = fitted_search(data.X, data.Y.astype(int))
    groups = np.arange(len(data.Y)) // 2
    display = LabelScoreDisplay.from_estimator(
        search, data.X, data.Y, groups=groups, **options
    )
    single = LabelScoreDisplay.from_estimator(search, data.X, data.Y, **options)
    assert single.intervals_ is not None
    assert (display.low != single.low).any()


def test_size_of_a_name_is_measured_once(pyplot, monkeypatch):
    from matplotlib.text import Annotation

    measured, measure = [], Annotation.get_window_extent
    figure, ax = pyplot.subplots()
    points = np.array([[x, 0.5] for x in np.linspace(0.05, 0.95, 30)])
    ax.set(xlim=(0, 1), ylim=(0, 1))
    monkeypatch.setattr(
        Annotation,
        "get_window_extent",
        lambda self, *given: measured.append(self) or measure(self, *given),
    )
    order = np.arange(len(points))
    texts = ["a name that is as wide as several points"] * len(points)
    names = name_points(ax, points, texts, order, None, n_sure=4)
    assert 0 < len(names) < len(points)
    assert len(measured) == len(points)
    for name in names:
        box = measure(name)
        assert ax.get_window_extent().contains(box.x0, box.y0)
        assert not box.count_contains(ax.transData.transform(points))
