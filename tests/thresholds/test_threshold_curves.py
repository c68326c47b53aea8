import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_clip.thresholds._threshold_curves import (
    RankedScores,
    trace_curves,
)

FINITE = {"allow_nan": False, "allow_infinity": False}


def check_exact(scores, probability):
    """Every existing threshold predicts exactly the rows above it."""
    ranked = np.sort(scores)[None, ::-1]
    thresholds = RankedScores(ranked, probability).place_all()[0]
    assert not np.isnan(thresholds).any()
    for k, threshold in enumerate(thresholds):
        inner = 0 < k < len(scores)
        if not inner or ranked[0, k - 1] != ranked[0, k]:
            assert (ranked[0] >= threshold).sum() == k
    return thresholds


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(**FINITE), min_size=1, max_size=8))
def test_thresholds_separate_any_floats(scores):
    check_exact(np.array(scores), probability=False)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_thresholds_stay_in_the_unit_interval(scores):
    thresholds = check_exact(np.array(scores), probability=True)
    assert ((thresholds >= 0) & (thresholds <= 1) | np.isinf(thresholds)).all()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=8))
def test_thresholds_separate_float32_compared_as_such(scores):
    scores = np.array(scores, dtype=np.float32)
    falling = np.sort(scores)[None, ::-1].astype(np.float64)
    thresholds = RankedScores(falling, True).place_all()
    for k, threshold in enumerate(thresholds[0]):
        ranked = np.sort(scores)[::-1]
        if k in (0, len(scores)) or ranked[k - 1] != ranked[k]:
            assert (ranked[:, None] >= np.array([threshold])).sum() == k


def test_thresholds_separate_adjacent_floats():
    low = 0.3
    high = np.nextafter(low, 1)
    assert check_exact(np.array([low, high]), probability=True)[1] == high


def test_thresholds_lie_midway_and_leave_a_margin_outside():
    ranked = np.array([[0.8, 0.4]])
    np.testing.assert_allclose(
        RankedScores(ranked, True).place_all(), [[0.9, 0.6, 0.2]]
    )
    np.testing.assert_allclose(
        RankedScores(ranked, False).place_all(), [[1.0, 0.6, 0.2]]
    )


def test_no_threshold_excludes_a_probability_of_one():
    assert RankedScores(np.array([[1.0]]), True).place_all().tolist() == [[np.inf, 0.5]]


def test_trace_curves_counts_weighted_rows():
    curves = trace_curves(
        np.array([[0.1, 0.9, 0.9]]),
        np.array([[True, True, False]]),
        sample_weight=np.array([1.0, 2.0, 4.0]),
        probability=True,
    )
    assert curves.valid.tolist() == [[True, False, True, True]]
    assert curves.tp[curves.valid].tolist() == [0, 2, 3]
    assert curves.fp[curves.valid].tolist() == [0, 4, 4]
