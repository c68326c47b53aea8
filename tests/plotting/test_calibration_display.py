"""MultiLabelCalibrationDisplay: what is drawn is what was computed."""

import numpy as np
import pytest
from sklearn.svm import LinearSVC

from sklearn_clip.metrics import expected_calibration_error
from sklearn_clip.plotting import MultiLabelCalibrationDisplay
from sklearn_clip.plotting._calibration import wilson_interval

Display = MultiLabelCalibrationDisplay


def test_panels_show_all_labels_and_then_the_worst(make_problem):
    data = make_problem(20, n_samples=300)
    display = Display.from_predictions(data.Y, data.P, label_names=data.names)
    errors = expected_calibration_error(data.Y, data.P, n_bins=10, average=None)
    expected = np.argsort(-errors, kind="stable")[:11]
    np.testing.assert_array_equal(display.labels_, expected)
    titles = [ax.get_title() for ax in display.axes_]
    assert titles[0].startswith("all 20 labels")
    for title, label in zip(titles[1:], expected, strict=True):
        assert title == f"{data.names[label]}  {errors[label]:.3f}"
    assert len(display.lines_) == len(display.bands_) == len(display.axes_) == 12
    # Every label is there, in grey, beside the diagonal and the common curve.
    assert len(display.axes_[0].lines) == 20 + 2


def test_lines_and_bands_are_those_of_the_bins(make_problem):
    data = make_problem(3, n_samples=200)
    display = Display.from_predictions(data.Y, data.P, labels=[2], n_bins=5)
    order = np.argsort(data.P[:, 2]).reshape(5, 40)
    x, y = display.lines_[1].get_data()
    np.testing.assert_allclose(x, data.P[order, 2].mean(axis=1))
    np.testing.assert_allclose(y, data.Y[order, 2].mean(axis=1))
    low, high = wilson_interval(y, np.full(5, 40), 1.959964)
    corners = display.bands_[1].get_paths()[0].vertices
    for end in (low, high):
        assert all(np.isclose(corners[:, 1], value).any() for value in end)


def test_wilson_interval_holds_as_often_as_it_says():
    rng = np.random.default_rng(0)
    for chance, size in ((0.02, 100), (0.3, 40), (0.5, 400)):
        share = rng.binomial(size, chance, 4000) / size
        low, high = wilson_interval(share, np.full(4000, size), 1.959964)
        assert (low >= 0).all() and (high <= 1).all()
        assert 0.92 < ((low <= chance) & (chance <= high)).mean() < 0.985


def test_display_from_estimator_takes_names_of_the_fit(make_problem, fitted_search):
    data = make_problem(4)
    search = fitted_search(data.X, data.Y)
    display = Display.from_estimator(search, data.X, data.Y, label_names=data.names)
    assert {ax.get_title().rsplit("  ")[0] for ax in display.axes_[1:]} == set(
        data.names
    )
    with pytest.raises(TypeError, match="must have predict_proba"):
        Display.from_estimator(
            LinearSVC().fit(data.X, data.Y[:, 0]), data.X, data.Y[:, :1]
        )


@pytest.mark.parametrize("n_labels", [1, 2, 5, 43])
@pytest.mark.parametrize("scale", ["sqrt", "linear"])
def test_texts_do_not_cover_each_other(n_labels, scale, make_problem, overlaps):
    data = make_problem(n_labels, n_samples=120)
    names = [f"a rather long name of label {n} $with$ signs" for n in range(n_labels)]
    display = Display.from_predictions(data.Y, data.P, label_names=names, scale=scale)
    texts = [ax.title for ax in display.axes_]
    for ax in display.axes_[-1:]:
        texts += ax.get_xticklabels()
    covered, *_ = overlaps(display.figure_, texts)
    assert not covered


def test_unknown_labels_are_left_out_and_named(make_problem):
    data = make_problem(3, unknown=0.3)
    data.Y[:, 1] = np.nan
    display = Display.from_predictions(data.Y, data.P)
    assert set(display.labels_) == {0, 2}
    named = display.plot(labels=[1])
    assert named.axes_[1].get_title() == "1  nothing known"
    other = np.where(np.isnan(data.Y), 0.5, data.P)
    same = Display.from_predictions(data.Y, other)
    np.testing.assert_allclose(
        display.curves[0].positive, same.curves[0].positive, atol=0
    )


def test_weights_are_counted(make_problem):
    data = make_problem(2)
    weight = np.arange(80) % 3
    display = Display.from_predictions(data.Y, data.P, sample_weight=weight)
    repeated = Display.from_predictions(
        np.repeat(data.Y, weight, axis=0), np.repeat(data.P, weight, axis=0)
    )
    for one, other in zip(display.curves, repeated.curves, strict=True):
        np.testing.assert_allclose(one.predicted, other.predicted)
        assert (one.size <= other.size + 1e-9).all()


def test_given_axes_are_used(make_problem, pyplot):
    data = make_problem(3)
    _, axes = pyplot.subplots(2, 2)
    display = Display.from_predictions(data.Y, data.P, ax=axes)
    assert display.figure_ is axes[0, 0].figure
    assert list(display.axes_) == list(axes.ravel())
    assert display.figure_.get_supxlabel() == ""
    assert axes[0, 0].get_xlabel() == "Probability"
    assert [ax.get_xscale() for ax in display.axes_] == ["function"] * 4
    _, ax = pyplot.subplots()
    assert len(Display.from_predictions(data.Y, data.P, ax=ax).axes_) == 4


@pytest.mark.parametrize("n_cols", [2, 4])
def test_texts_of_a_narrow_place_do_not_cover_each_other(
    n_cols, make_problem, pyplot, overlaps
):
    data = make_problem(3, n_samples=120)
    names = [f"a rather long name of label {n}" for n in range(3)]
    figure, (left, _) = pyplot.subplots(1, 2, figsize=(12, 5))
    display = Display.from_predictions(
        data.Y, data.P, label_names=names, ax=left, n_cols=n_cols
    )
    covered, _ = overlaps(figure, [ax.title for ax in display.axes_])
    assert not covered
    low = display.axes_[-n_cols:]
    covered, _ = overlaps(figure, [t for ax in low for t in ax.get_xticklabels()])
    assert not covered
    title = display.axes_[0].get_title()
    assert title.startswith("all 3 labels")
    one = Display.from_predictions(data.Y[:, :1], data.P[:, :1])
    assert one.axes_[0].get_title().startswith("1 label, error 0.")


def test_bad_options_get_a_sentence(make_problem):
    data = make_problem(3)
    display = Display.from_predictions(data.Y, data.P)
    for wrong, words in (
        ({"scale": "log"}, "scale must be one of"),
        ({"confidence": 1.0}, "confidence must lie between 0 and 1"),
        ({"confidence": None}, "confidence must lie between 0 and 1. Got None"),
        ({"n_cols": 0}, "n_cols must be a positive integer"),
        ({"max_labels": 0}, "max_labels must be a positive integer"),
        ({"labels": ["cat"]}, "labels must hold names of labels"),
    ):
        with pytest.raises(ValueError, match=words):
            display.plot(**wrong)
    with pytest.raises(ValueError, match="y_prob must hold probabilities"):
        Display.from_predictions(data.Y, 3 * data.P)
    assert len(display.plot(n_cols=np.uint8(3)).axes_) == 4
