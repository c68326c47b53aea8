"""The cuts of a label on the page, beside scikit-learn and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_clip.metrics._entries import check_targets
from sklearn_clip.report._cut_curves import _FEWEST, _MOST, cut_curves


def curve_of(scores, truth, threshold, *, probabilities=True):
    (curve,) = cut_curves(
        check_targets(np.reshape(truth, (-1, 1))),
        np.reshape(scores, (-1, 1)),
        np.array([threshold]),
        probabilities=probabilities,
    )
    return curve


# Few values, so that there are ties, and neighbours in floating point.
NUMBERS = st.sampled_from(
    [0.0, 1e-12, 0.1, 0.3, np.nextafter(0.3, 1), 0.30001, 0.5, 0.75, 1.0]
)


@settings(deadline=None)
@given(
    st.lists(st.tuples(NUMBERS, st.sampled_from([0, 1, np.nan])), min_size=1),
    st.one_of(NUMBERS, st.just(np.inf), st.floats(0, 1)),
)
def test_every_cut_counts_what_it_takes(rows, threshold):
    scores, truth = np.array(rows).T
    curve = curve_of(scores, truth, threshold)
    for place, cut in enumerate(curve.cuts):
        taken = scores >= cut
        assert curve.positive[place:].sum() == np.count_nonzero(truth[taken] == 1)
        assert curve.negative[place:].sum() == np.count_nonzero(truth[taken] == 0)
        assert ((curve.places(scores) >= place) == taken).all()
    assert ((curve.places(scores) >= curve.start) == (scores >= threshold)).all()
    assert (np.diff(curve.cuts) > 0).all()
    assert ((curve.cuts >= 0) & (curve.cuts <= 1)).all()
    assert len(curve.cuts) == len(np.unique(scores))


@pytest.mark.parametrize(
    ("n_rows", "scale"),
    [(50, 1.0), (9000, 1.0), (9000, np.float32(1)), (9000, 1e308)],
)
def test_levels_tell_scores_within_a_hundredth_of_the_gap(n_rows, scale):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=n_rows).clip(-1.7, 1.7).astype(np.asarray(scale).dtype)
    scores *= scale
    truth = rng.random(n_rows) < 0.1
    curve = curve_of(scores, truth, 0.0, probabilities=False)
    levels = curve.levels(scores)
    assert levels.min() >= 0 and levels.max() < 2**16
    at, step = np.divmod(levels, curve.parts)
    assert (at == curve.places(scores)).all()
    assert (scores[step == 0] == curve.scores[at[step == 0]]).all()
    assert (step == 0).all() == (n_rows == 50)
    order = np.argsort(scores, kind="stable")
    assert (np.diff(levels[order]) >= 0).all()
    rows = step > 0
    low, high = curve.scores[at[rows]], curve.scores[at[rows] + 1]
    share = (step[rows] - 0.5) / (curve.parts - 1)
    found = (1 - share) * low + share * high
    assert (np.abs(found / 2 - scores[rows] / 2) <= (high / 2 - low / 2) / 100).all()


def test_cuts_are_short_numbers():
    curve = curve_of([0.1111111, 0.4444444, 0.4521111], [0, 1, 1], 0.4)
    assert curve.cuts.tolist() == [0.1, 0.3, 0.45]
    assert curve.scores.tolist() == [0.1111111, 0.4444444, 0.4521111]


@pytest.mark.parametrize("low", [-3.2, 5.0, -1e9])
def test_decision_values_have_cuts_below_the_lowest_too(low):
    curve = curve_of([low, low + 1], [0, 1], low, probabilities=False)
    assert curve.cuts[0] <= low < curve.cuts[1] <= low + 1
    assert curve.start == 0


def test_scores_of_few_bits_are_cut_as_they_are():
    scores = np.linspace(0, 1, 50, dtype=np.float32)
    curve = curve_of(scores, np.arange(50) % 2, np.float64(scores[20]))
    assert ((curve.places(scores) >= curve.start) == (np.arange(50) >= 20)).all()


def test_many_rows_keep_the_cuts_at_positives_and_the_one_in_force():
    rng = np.random.default_rng(0)
    scores = rng.random(20_000)
    truth = np.zeros(20_000)
    truth[:100] = 1
    threshold = 0.123456789
    curve = curve_of(scores, truth, threshold)
    assert len(curve.cuts) <= _MOST
    assert curve.positive.sum() == 100 and curve.negative.sum() == 19_900
    above = scores >= threshold
    assert curve.positive[curve.start :].sum() == above[:100].sum()
    assert curve.negative[curve.start :].sum() == above[100:].sum()
    for score in scores[:100]:
        place = curve.places(np.array([score]))[0]
        # No other row lies between the cut at a positive and the positive.
        between = (scores >= curve.cuts[place]) & (scores < score)
        assert not between.any()


def test_many_labels_share_the_room_of_a_page():
    rng = np.random.default_rng(0)
    scores = rng.random((500, 3_000))
    curves = cut_curves(
        check_targets(rng.integers(0, 2, scores.shape)),
        scores,
        np.full(3_000, 0.5),
        probabilities=True,
    )
    assert max(len(curve.cuts) for curve in curves) <= _FEWEST
