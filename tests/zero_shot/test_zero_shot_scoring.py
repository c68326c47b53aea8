"""Scores against their formulas in float64, decisions against brute force."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, log_softmax, logsumexp

from sklearn_clip._shared import _entries
from sklearn_clip.thresholds._decoding import decode
from sklearn_clip.zero_shot._scoring import Scorer, decide, read_thresholds


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def vectors():
    rng = np.random.default_rng(0)
    return (unit(rng.normal(size=(n, 8))) for n in (30, 5, 4))


def test_contrast_is_a_softmax_of_one_label_and_the_background(vectors):
    rows, labels, background = vectors
    scorer = Scorer("contrast", labels, 20.0, background=background)
    found = expit(scorer.score(rows).astype(np.float64))
    for i in range(len(rows)):
        others = np.exp(20.0 * background.astype(np.float64) @ rows[i])
        for j in range(len(labels)):
            mine = np.exp(20.0 * float(labels[j] @ rows[i]))
            assert found[i, j] == pytest.approx(mine / (mine + others.sum()), rel=1e-4)


def test_contrast_leaves_out_a_labels_own_words(vectors):
    rows, labels, background = vectors
    whole = Scorer("contrast", labels, 20.0, background=background).score(rows)
    own = Scorer(
        "contrast", labels, 20.0, background=background, own={2: [0, 3]}
    ).score(rows)
    rest = Scorer("contrast", labels, 20.0, background=background[1:3]).score(rows)
    np.testing.assert_allclose(own[:, 2], rest[:, 2], rtol=1e-4, atol=1e-4)
    others = [0, 1, 3, 4]
    np.testing.assert_array_equal(own[:, others], whole[:, others])


def test_label_does_not_depend_on_the_others(vectors):
    rows, labels, background = vectors
    together = Scorer("contrast", labels, 20.0, background=background).score(rows)
    alone = Scorer("contrast", labels[1:2], 20.0, background=background).score(rows)
    np.testing.assert_allclose(together[:, 1:2], alone, rtol=1e-5, atol=1e-5)


def test_sigmoid_and_cosine_are_linear_in_the_cosine(vectors):
    rows, labels, _ = vectors
    cosines = rows.astype(np.float64) @ labels.T
    found = Scorer("sigmoid", labels, 10.0, bias=-3.0).score(rows)
    np.testing.assert_allclose(found, 10 * cosines - 3, atol=1e-5)
    found = Scorer("cosine", labels, 10.0).score(rows)
    np.testing.assert_allclose(found, cosines, atol=1e-6)
    slope = np.array([1, 2, 3, 4, 5], dtype=np.float32)
    found = Scorer("sigmoid", labels, 10.0, slope=slope, intercept=slope).score(rows)
    np.testing.assert_allclose(found, 10 * cosines * slope + slope, atol=1e-4)


@pytest.mark.parametrize("scale", [1.0, 100.0, 2000.0])
def test_softmax_log_odds_do_not_saturate(vectors, scale):
    rows, labels, _ = vectors
    found = Scorer("softmax", labels, scale).score(rows)
    logits = scale * (rows.astype(np.float64) @ labels.T)
    for j in range(len(labels)):
        rivals = logsumexp(np.delete(logits, j, axis=1), axis=1)
        expected = np.maximum(logits[:, j] - rivals, -2000)
        near = np.abs(expected) < 80  # float32 ends at exp(-87)
        np.testing.assert_allclose(
            found[near, j], expected[near], rtol=1e-4, atol=1e-6 * scale
        )
        assert ((found[:, j] > 0) == (expected > 0)).all()
    total = expit(found.astype(np.float64)).sum(axis=1)
    np.testing.assert_allclose(total, 1, atol=1e-3 * scale**0.5)
    np.testing.assert_allclose(
        expit(found), np.exp(log_softmax(logits, axis=1)), atol=1e-4 * scale**0.5
    )


@pytest.mark.parametrize("scoring", ["contrast", "sigmoid", "softmax", "cosine"])
def test_rows_without_content_have_the_lowest_scores(vectors, scoring):
    rows, labels, background = vectors
    rows[3], rows[7] = 0, np.nan
    found = Scorer(scoring, labels, 20.0, background=background).score(rows)
    assert np.isnan(found[7]).all()
    rest = np.delete(found, [3, 7], axis=0)
    assert (found[3] == (-1 if scoring == "cosine" else -87)).all()
    assert np.isfinite(rest).all() and rest.min() > found[3, 0]


@pytest.mark.parametrize("scoring", ["contrast", "sigmoid", "softmax", "cosine"])
def test_blocks_give_what_one_piece_gives(vectors, scoring, monkeypatch):
    rows, labels, background = vectors
    scorer = Scorer(scoring, labels, 20.0, background=background, own={1: [0]})
    whole = scorer.score(rows)
    monkeypatch.setattr(_entries, "BLOCK_SIZE", 35)  # 7 rows
    np.testing.assert_allclose(scorer.score(rows), whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scoring", ["contrast", "softmax"])
def test_memory_beyond_the_result_is_a_few_blocks(scoring, monkeypatch):
    monkeypatch.setattr(_entries, "BLOCK_SIZE", 1 << 16)
    rng = np.random.default_rng(0)
    rows, labels = unit(rng.normal(size=(4000, 4))), unit(rng.normal(size=(1000, 4)))
    scorer = Scorer(scoring, labels, 20.0, background=labels[:10], own={3: [3]})
    tracemalloc.start()
    try:
        scorer.score(rows)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 4000 * 1000 + 10 * 4 * (1 << 16)


@given(
    arrays(np.float32, (6, 4), elements=st.sampled_from([-1, 0, 0.5, 1, 2])),
    arrays(np.float64, 4, elements=st.sampled_from([-np.inf, 0, 1, np.inf])),
    st.sampled_from([None, 1, 2, 9]),
    st.booleans(),
)
def test_decisions_obey_threshold_number_and_minimum(
    scores, thresholds, top_k, at_least_one
):
    # Distinct scores: which of two equal ones is among the first is nobody's promise.
    scores = scores + np.arange(24, dtype=np.float32).reshape(6, 4) / 1000
    found = decide(scores, thresholds, top_k=top_k, at_least_one=at_least_one)
    for row, chosen in zip(scores, found, strict=True):
        reached = [j for j in np.argsort(-row) if row[j] >= thresholds[j]]
        expected = set(reached[:top_k])
        allowed = [j for j in range(4) if thresholds[j] < np.inf]
        if at_least_one and not expected and allowed:
            expected = {max(allowed, key=lambda j: row[j])}
        assert set(np.flatnonzero(chosen)) == expected


def test_label_below_its_threshold_takes_no_place_among_the_first():
    scores = np.array([[0.9, 0.5, 0.4]])
    for first in (0.95, np.inf):
        thresholds = np.array([first, 0.3, 0.3])
        found = decide(scores, thresholds, top_k=1)
        assert found.tolist() == [[False, True, False]]
        np.testing.assert_array_equal(found, decode(scores, thresholds, limit=1))


def test_row_of_nan_gets_no_label():
    scores = np.array([[np.nan, np.nan], [0.1, 0.2]])
    found = decide(scores, np.array([-np.inf, 0.5]), top_k=1, at_least_one=True)
    assert found.tolist() == [[False, False], [True, False]]


def test_thresholds_are_read_from_every_form():
    def read(threshold, default=0.2, probability=True):
        found = read_thresholds(threshold, ["a", "b"], default, probability=probability)
        return found.tolist()

    assert read("auto") == [0.2, 0.2]
    assert read("auto", np.array([0.1, 0.3])) == [0.1, 0.3]
    assert read(0.4) == [0.4, 0.4]
    assert read([0.4, np.inf]) == [0.4, np.inf]
    assert read({"b": 0}) == [0.2, 0.0]
    assert read(None) == [-np.inf, -np.inf]
    assert read(-0.5, probability=False) == [-0.5, -0.5]


@pytest.mark.parametrize(
    ("threshold", "probability", "message"),
    [
        (-0.1, True, r"a probability, in \[0, 1\].*Got -0.1 \(all labels\)"),
        ([0.1, 1.1], True, r"Got 1.1 \(label 'b'\)"),
        ({"b": np.nan}, True, r"Got nan \(label 'b'\)"),
        (-1.5, False, r"a cosine, in \[-1, 1\].*Got -1.5"),
        ([0.1, 0.2, 0.3], True, r"each of the 2 labels. Got shape \(3,\)"),
        ({"c": 0.1}, True, "must name labels of classes. Got 'c'"),
    ],
)
def test_thresholds_out_of_range_are_refused(threshold, probability, message):
    with pytest.raises(ValueError, match=message):
        read_thresholds(threshold, ["a", "b"], 0.2, probability=probability)
