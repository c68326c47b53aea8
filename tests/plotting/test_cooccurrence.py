"""Counts of pairs against a loop, the order of labels, and the cells."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import jaccard_score, matthews_corrcoef

from sklearn_clip.plotting import LabelCooccurrenceDisplay

MEASURES = ["conditional", "count", "jaccard", "phi"]


def by_hand(Y, i, j, measure):
    """One cell, from the rows in which both labels are known."""
    both_known = ~np.isnan(Y[:, i]) & ~np.isnan(Y[:, j])
    a, b = Y[both_known, i].astype(int), Y[both_known, j].astype(int)
    if measure == "count":
        return (a & b).sum()
    if measure == "conditional":
        return b[a == 1].mean()
    return (jaccard_score if measure == "jaccard" else matthews_corrcoef)(a, b)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("unknown", [0.0, 0.3])
def test_cells_equal_a_loop_over_pairs(measure, unknown, make_problem):
    data = make_problem(5, unknown=unknown)
    display = LabelCooccurrenceDisplay.from_labels(data.Y, measure=measure, order=None)
    expected = np.array(
        [[by_hand(data.Y, i, j, measure) for j in range(5)] for i in range(5)],
        dtype=float,
    )
    np.testing.assert_allclose(display.matrix, expected, atol=1e-12)
    drawn = np.ma.filled(display.image_.get_array(), np.nan)
    if measure == "count":
        expected[expected == 0] = np.nan
    else:
        np.fill_diagonal(expected, np.nan)
    np.testing.assert_allclose(drawn, expected, atol=1e-12)


def test_groups_of_labels_stand_side_by_side():
    rng = np.random.default_rng(0)
    group = rng.integers(0, 4, size=400)
    Y = (group[:, None] == np.arange(12) % 4) & (rng.random((400, 12)) < 0.8)
    display = LabelCooccurrenceDisplay.from_labels(Y)
    groups = display.labels_ % 4
    assert np.count_nonzero(np.diff(groups)) == 3
    assert sorted(display.labels_) == list(range(12))
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == [str(label) for label in display.labels_]
    assert names == [label.get_text() for label in display.ax_.get_xticklabels()]


def test_labels_are_ordered_by_support_or_kept(make_problem):
    data = make_problem(6)
    data.Y = data.Y[:, ::-1]
    display = LabelCooccurrenceDisplay.from_labels(data.Y, order="support")
    assert (np.diff(data.Y.sum(axis=0)[display.labels_]) <= 0).all()
    display = LabelCooccurrenceDisplay.from_labels(data.Y, order=None, max_labels=3)
    assert list(display.labels_) == sorted(display.labels_)
    assert set(display.labels_) == set(np.argsort(-data.Y.sum(axis=0))[:3])
    display = LabelCooccurrenceDisplay.from_labels(data.Y, order=None, labels=[4, 1])
    assert list(display.labels_) == [4, 1]


def test_most_frequent_labels_are_drawn(make_problem):
    data = make_problem(90)
    display = LabelCooccurrenceDisplay.from_labels(data.Y)
    assert display.image_.get_array().shape == (60, 60)
    display = LabelCooccurrenceDisplay.from_labels(data.Y, max_labels=None)
    assert display.image_.get_array().shape == (90, 90)


def test_values_are_written_for_few_labels(make_problem):
    data = make_problem(4)
    display = LabelCooccurrenceDisplay.from_labels(data.Y, order=None)
    assert display.text_[0, 0] is None
    assert display.text_[1, 0].get_text() == f"{display.matrix[1, 0]:.2f}"
    assert display.text_[1, 0].get_position() == (0, 1)  # x is the column
    counts = LabelCooccurrenceDisplay.from_labels(data.Y, measure="count", order=None)
    assert counts.text_[2, 2].get_text() == f"{data.Y[:, 2].sum():.0f}"
    assert display.plot(annotate=False).text_ is None
    data = make_problem(16)
    assert LabelCooccurrenceDisplay.from_labels(data.Y).text_ is None


def test_phi_is_drawn_around_zero(make_problem):
    data = make_problem(5)
    display = LabelCooccurrenceDisplay.from_labels(data.Y, measure="phi")
    low, high = display.image_.get_clim()
    assert low == -high
    assert high == np.nanmax(np.abs(display.image_.get_array().filled(np.nan)))
    assert display.colorbar_.ax.get_ylabel() == "Phi coefficient"


def test_label_without_positives_is_an_empty_row(make_problem):
    data = make_problem(4)
    data.Y[:, 2] = 0
    for measure in MEASURES:
        display = LabelCooccurrenceDisplay.from_labels(data.Y, measure=measure)
        place = list(display.labels_).index(2)
        cells = np.ma.filled(display.image_.get_array(), np.nan)
        expected_empty = measure != "jaccard"
        assert np.isnan(cells[place]).all() == expected_empty


def test_no_label_at_all_is_drawn():
    display = LabelCooccurrenceDisplay.from_labels(np.zeros((5, 2)), measure="count")
    display.figure_.canvas.draw()
    assert display.image_.get_array().mask.all()


def test_frames_and_sparse_matrices_are_taken(make_problem):
    data = make_problem()
    frame = pd.DataFrame(data.Y, columns=data.names)
    display = LabelCooccurrenceDisplay.from_labels(frame, order=None)
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == data.names
    again = LabelCooccurrenceDisplay.from_labels(sparse.csr_matrix(data.Y))
    np.testing.assert_array_equal(again.matrix, display.matrix)


def test_predictions_of_an_estimator_are_counted(make_problem, fitted_search):
    data = make_problem()
    search = fitted_search(data.X, data.Y.astype(int))
    display = LabelCooccurrenceDisplay.from_estimator(search, data.X, measure="count")
    predicted = search.predict(data.X)
    np.testing.assert_array_equal(display.matrix, predicted.T @ predicted)


@pytest.mark.parametrize("n_labels", [3, 60, 150])
def test_names_do_not_overlap(n_labels, make_problem, overlaps):
    data = make_problem(n_labels)
    names = [f"a label with quite a long name, {n}" for n in range(n_labels)]
    display = LabelCooccurrenceDisplay.from_labels(
        data.Y, label_names=names, max_labels=None
    )
    for labels in (display.ax_.get_yticklabels(), display.ax_.get_xticklabels()):
        assert len(labels) == n_labels
        assert overlaps(display.figure_, labels) == ([], [])
    label = display.colorbar_.ax.yaxis.label
    assert overlaps(display.figure_, [label]) == ([], [])


def test_given_axes_are_used(pyplot, make_problem):
    _, ax = pyplot.subplots()
    display = LabelCooccurrenceDisplay.from_labels(make_problem().Y, ax=ax)
    assert display.ax_ is ax
    assert display.image_ in ax.images


@pytest.mark.parametrize(
    "options, match",
    [
        ({"measure": "lift"}, "measure must be one of 'conditional'.*Got 'lift'"),
        ({"order": "name"}, "order must be one of 'cluster', 'support', None"),
        ({"annotate": "yes"}, "annotate must be True, False or 'auto'. Got 'yes'"),
        ({"labels": ["cat"]}, "labels must hold names.*Got 'cat'"),
        ({"max_labels": 0}, "max_labels must be a positive integer"),
    ],
)
def test_bad_options_are_refused(options, match, make_problem):
    with pytest.raises(ValueError, match=match):
        LabelCooccurrenceDisplay.from_labels(make_problem().Y, **options)


@pytest.mark.parametrize("what", ["measure", "order"])
@pytest.mark.parametrize("value", [["jaccard"], np.eye(2), 3])
def test_options_that_are_no_text_are_refused(what, value):
    with pytest.raises(ValueError, match=f"{what} must be one of"):
        LabelCooccurrenceDisplay.from_labels(np.eye(3, dtype=int), **{what: value})
