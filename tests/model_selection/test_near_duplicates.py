"""Groups of near copies from embeddings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from sklearn.metrics.pairwise import cosine_similarity

from sklearn_clip.model_selection import (
    MultiLabelStratifiedGroupKFold,
    _near_duplicates,
    near_duplicate_groups,
)


def by_all_pairs(X, threshold):
    """Group ids in the order of appearance, from the whole matrix of cosines."""
    return connected_components(cosine_similarity(X) >= threshold)[1]


@given(st.integers(0, 200), st.sampled_from([0.3, 0.8, 0.95]), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_groups_are_the_components_of_all_pairs(seed, threshold, n):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20, 6))[rng.integers(0, 20, n)]
    X = (X + 0.2 * rng.normal(size=X.shape)) * rng.uniform(0.1, 10, (n, 1))
    groups = near_duplicate_groups(X, threshold)
    assert groups.dtype == np.int64
    np.testing.assert_array_equal(groups, by_all_pairs(X, threshold))


@pytest.mark.parametrize("block, max_pairs", [(7, 5), (16, 1), (1000, 3)])
def test_groups_do_not_depend_on_blocks(monkeypatch, block, max_pairs):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 5))[rng.integers(0, 40, 150)]
    X += 0.05 * rng.normal(size=X.shape)
    monkeypatch.setattr(_near_duplicates, "_BLOCK", block)
    monkeypatch.setattr(_near_duplicates, "_MAX_PAIRS", max_pairs)
    np.testing.assert_array_equal(near_duplicate_groups(X), by_all_pairs(X, 0.95))


def test_chain_of_near_copies_is_one_group():
    angle = np.arange(6) * 0.1
    X = np.column_stack([np.cos(angle), np.sin(angle)])
    assert near_duplicate_groups(X, 0.99).tolist() == [0] * 6
    assert near_duplicate_groups(X, 0.9999).tolist() == list(range(6))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int64])
def test_copies_of_any_length_are_found_at_threshold_one(dtype):
    X = np.random.default_rng(0).integers(-9, 9, (50, 33))
    groups = near_duplicate_groups(np.vstack([X, 3 * X]).astype(dtype), 1.0)
    np.testing.assert_array_equal(groups, np.tile(np.arange(50), 2))


def test_huge_and_tiny_rows_are_compared_by_direction():
    X = np.array([[1e300, 1e300], [1e-300, 1e-300], [1e-300, 0]])
    assert near_duplicate_groups(X).tolist() == [0, 0, 1]


@pytest.mark.parametrize("threshold", [1e-12, 0.5, 1])
def test_zero_rows_are_alone(threshold):
    X = np.array([[0, 0], [1, 0], [0, 0], [1, 0]])
    assert near_duplicate_groups(X, threshold).tolist() == [0, 1, 2, 1]


def test_no_rows_make_no_groups():
    assert near_duplicate_groups(np.empty((0, 4))).shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_embeddings_that_are_not_finite_are_refused(bad):
    X = np.ones((3, 2), np.float32)
    X[1, 0] = bad
    with pytest.raises(ValueError, match=rf"be finite. Got {bad} \(row 1, column 0\)"):
        near_duplicate_groups(X)


@pytest.mark.parametrize("X", [np.ones(3), np.ones((2, 2, 2)), [["a", "b"]]])
def test_other_shapes_and_types_are_refused(X):
    with pytest.raises(ValueError, match="embeddings must be a numeric array of shape"):
        near_duplicate_groups(X)


@pytest.mark.parametrize("threshold", [0, -0.5, 1.1, np.nan, "high", True])
def test_bad_threshold_is_refused(threshold):
    with pytest.raises(ValueError, match=r"threshold must be in \(0, 1\]. Got"):
        near_duplicate_groups(np.eye(3), threshold)


def test_groups_keep_near_copies_on_one_side():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(60, 16)), 3, axis=0)
    X += 0.01 * rng.normal(size=X.shape)
    Y = rng.random((180, 4)) < 0.3
    groups = near_duplicate_groups(X)
    folds = MultiLabelStratifiedGroupKFold(5, random_state=0)
    for train, test in folds.split(X, Y, groups):
        assert cosine_similarity(X[test], X[train]).max() < 0.95
