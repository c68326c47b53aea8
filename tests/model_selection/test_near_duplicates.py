"""Groups of near copies from embeddings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist
from sklearn.metrics.pairwise import cosine_similarity

from sklearn_clip.model_selection import (
    MultiLabelStratifiedGroupKFold,
    _average_linkage,
    _near_duplicates,
    _pair_collectors,
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
    monkeypatch.setattr(_pair_collectors, "_BLOCK", block)
    monkeypatch.setattr(_pair_collectors, "_MAX_PAIRS", max_pairs)
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


def test_masked_numbers_are_unknown_and_a_masked_row_is_alone():
    X = np.ma.array(np.ones((3, 2)), mask=[[0, 0], [1, 1], [0, 0]])
    assert near_duplicate_groups(X).tolist() == [0, 1, 0]
    X.mask[1, 0] = False
    with pytest.raises(ValueError, match=r"be finite. Got nan \(row 1, column 1\)"):
        near_duplicate_groups(X)


@pytest.mark.parametrize(
    "X",
    [
        np.ones(3),
        np.ones((2, 2, 2)),
        [["a", "b"]],
        [np.ones((4, 3, 3)), np.ones((4, 5, 3))],  # as pictures are, that were swapped
    ],
    ids=["row", "stack", "texts", "pictures"],
)
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


def clusters(seed, n, spread, d=8):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, d))[rng.integers(0, 30, n)]
    return X + spread * rng.normal(size=X.shape)


def same_groups(left, right):
    return (np.equal.outer(left, left) == np.equal.outer(right, right)).all()


def by_scipy(X, threshold):
    tree = linkage(pdist(X, "cosine"), "average")
    return fcluster(tree, 1 - threshold, "distance")


@given(
    st.integers(0, 200),
    st.sampled_from([0.1, 0.4, 0.8]),
    st.sampled_from([0.3, 0.6, 0.8, 0.95]),
    st.integers(2, 150),
)
@settings(max_examples=60, deadline=None)
def test_average_linkage_over_the_chains_is_that_over_all_rows(
    seed, spread, threshold, n
):
    X = clusters(seed, n, spread)
    groups = near_duplicate_groups(X, threshold, linkage="average")
    assert same_groups(groups, by_scipy(X, threshold))
    chains = near_duplicate_groups(X, threshold)
    for group in np.unique(groups):  # each lies in one group of single linkage
        assert len(set(chains[groups == group])) == 1


@pytest.mark.parametrize("cells", [1, 1000])
def test_average_linkage_does_not_depend_on_blocks(monkeypatch, cells):
    X = clusters(0, 400, 0.5)
    monkeypatch.setattr(_average_linkage, "_CELLS", cells)
    groups = near_duplicate_groups(X, 0.7, linkage="average")
    assert same_groups(groups, by_scipy(X, 0.7))


def test_average_linkage_does_not_chain():
    angle = np.arange(60) * 0.1
    X = np.column_stack([np.cos(angle), np.sin(angle)])
    assert near_duplicate_groups(X, 0.99).max() == 0
    groups = near_duplicate_groups(X, 0.99, linkage="average")
    sizes = np.bincount(groups)
    assert sizes.max() <= 4
    for group in range(len(sizes)):
        own = X[groups == group]
        assert (own @ own.T).mean() >= 0.99


@pytest.mark.parametrize("linkage", ["single", "average"])
@pytest.mark.parametrize("n_copies", [2, 3, 300])
def test_exact_copies_are_one_group_with_any_linkage(linkage, n_copies):
    X = np.repeat(np.random.default_rng(0).normal(size=(3, 7)), n_copies, axis=0)
    groups = near_duplicate_groups(X, 1.0, linkage=linkage)
    np.testing.assert_array_equal(groups, np.repeat([0, 1, 2], n_copies))


@pytest.mark.parametrize("linkage", ["single", "average"])
@pytest.mark.parametrize("missing", [0.0, np.nan])
def test_missing_items_are_alone_and_shift_nothing(linkage, missing):
    X = clusters(1, 60, 0.1)
    gone = np.array([0, 7, 8, 59])
    X[gone] = missing
    X[[3, 30]] = 2 * X[5]
    groups, report = near_duplicate_groups(X, 0.9, linkage=linkage, report=True)
    assert (np.bincount(groups)[groups[gone]] == 1).all()
    assert groups[3] == groups[5] == groups[30]
    rest = np.setdiff1d(np.arange(60), gone)
    assert same_groups(
        groups[rest], near_duplicate_groups(X[rest], 0.9, linkage=linkage)
    )
    assert not np.isin(report.pairs, gone).any()
    np.testing.assert_array_equal(np.isnan(report.nearest), np.isin(range(60), gone))


def test_rows_of_a_featurizer_that_could_not_be_read_are_alone(
    make_featurizer, make_pictures
):
    images = [*make_pictures(2), b"no picture", b"none either"]
    clip = make_featurizer(text=None, on_error="nan")
    with pytest.warns(UserWarning, match="2 images could not be read"):
        X = clip.fit_transform(images)
    groups = near_duplicate_groups(np.vstack([X, X]), 0.999)
    assert groups.tolist() == [0, 1, 2, 3, 0, 1, 4, 5]


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.coo_array])
def test_sparse_embeddings_are_refused(kind):
    match = r"embeddings must be dense. Got a sparse matrix of shape \(3, 3\).*toarray"
    with pytest.raises(TypeError, match=match):
        near_duplicate_groups(kind(np.eye(3)))


@pytest.mark.parametrize(
    "options, error, match",
    [
        ({"linkage": "ward"}, ValueError, "'single' or 'average'. Got 'ward'"),
        ({"linkage": None}, ValueError, "'single' or 'average'. Got None"),
        ({"report": "yes"}, TypeError, "report must be True or False. Got 'yes'"),
        ({"n_pairs": 1}, ValueError, "n_pairs must be an integer of at least 2. Got 1"),
        ({"n_pairs": 3.0}, ValueError, "n_pairs must be an integer.*Got 3.0"),
    ],
)
def test_bad_options_are_refused(options, error, match):
    with pytest.raises(error, match=match):
        near_duplicate_groups(np.eye(3), **options)


@pytest.mark.parametrize("linkage", ["single", "average"])
@pytest.mark.parametrize("shape", [(3, 4), (1, 3), (3, 0)])
def test_rows_that_are_all_missing_are_each_alone(linkage, shape):
    groups = near_duplicate_groups(np.zeros(shape), linkage=linkage)
    assert groups.tolist() == list(range(shape[0]))
