"""What the report of near copies says: pairs, other thresholds, a suggestion."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.pairwise import cosine_similarity

from sklearn_clip.model_selection import (
    NearDuplicateReport,
    _pair_collectors,
    near_duplicate_groups,
)
from sklearn_clip.model_selection._near_duplicate_report import suggest_threshold


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 5))[rng.integers(0, 40, 150)]
    return X + 0.1 * rng.normal(size=X.shape)


def cosines_of(X):
    cosines = cosine_similarity(X)
    np.fill_diagonal(cosines, -2)
    return cosines


@pytest.mark.parametrize("block", [7, 64, 2048])
@pytest.mark.parametrize("linkage", ["single", "average"])
def test_report_says_what_all_pairs_say(block, linkage, rows, monkeypatch):
    monkeypatch.setattr(_pair_collectors, "_BLOCK", block)
    groups, report = near_duplicate_groups(rows, 0.9, linkage=linkage, report=True)
    plain = near_duplicate_groups(rows, 0.9, linkage=linkage)
    np.testing.assert_array_equal(groups, plain)
    cosines = cosines_of(rows)
    assert isinstance(report, NearDuplicateReport)
    np.testing.assert_array_equal(report.sizes, np.bincount(groups))
    np.testing.assert_allclose(report.nearest, cosines.max(axis=1), atol=1e-6)
    np.testing.assert_allclose(report.levels, [0.6, 0.8, 0.9, 0.95, 0.975])
    for level, joined, largest in zip(
        report.levels, report.joined, report.largest, strict=True
    ):
        assert joined == (cosines.max(axis=1) >= level).sum()
        chains = connected_components(cosines >= level)[1]
        assert largest == np.bincount(chains).max()
    first, second = report.pairs.T
    assert (first < second).all()
    np.testing.assert_allclose(report.cosines, cosines[first, second], atol=1e-6)
    assert (np.diff(report.cosines) <= 0).all()
    np.testing.assert_array_equal(report.together, groups[first] == groups[second])


def test_pairs_are_the_closest_on_both_sides_without_a_row_twice(rows):
    _, report = near_duplicate_groups(rows, 0.9, report=True, n_pairs=10)
    above = report.cosines >= 0.9
    assert (above.sum(), (~above).sum()) == (5, 5)
    cosines = cosines_of(rows)[np.triu_indices(len(rows), 1)]
    for side, chosen in (
        (cosines[cosines >= 0.9], report.pairs[above]),
        (cosines[cosines < 0.9], report.pairs[~above]),
    ):
        assert len(set(chosen.ravel())) == 10
        closest = np.abs(side - 0.9).min()
        mine = np.abs(cosines_of(rows)[tuple(chosen.T)] - 0.9)
        assert mine.min() == pytest.approx(closest)
        assert mine.max() <= np.sort(np.abs(side - 0.9))[80]


def test_few_rows_fill_the_pairs_with_rows_seen_before():
    X = np.eye(4)[:, :3] + 0.5
    _, report = near_duplicate_groups(X, 0.5, report=True, n_pairs=20)
    assert len(report.pairs) == 6
    assert len({tuple(pair) for pair in report.pairs.tolist()}) == 6


def test_index_labels_name_the_pairs_of_a_frame(rows):
    frame = pd.DataFrame(rows, index=[f"{n}.png" for n in range(len(rows))])
    _, report = near_duplicate_groups(frame, 0.9, report=True, n_pairs=4)
    expected = [[f"{a}.png", f"{b}.png"] for a, b in report.pairs.tolist()]
    assert report.index.tolist() == expected
    assert " and ".join(expected[0]) in str(report)
    for plain in (rows, rows.tolist()):
        assert near_duplicate_groups(plain, 0.9, report=True)[1].index is None


def test_printed_report_holds_the_figures(rows):
    groups, report = near_duplicate_groups(rows, 0.9, report=True, n_pairs=2)
    lines = str(report).splitlines()
    assert lines[0].startswith(
        f"150 rows at threshold 0.9, single linkage: {max(groups) + 1} groups"
    )
    assert lines[5].split() == ["0.9", str(report.joined[2]), str(report.largest[2])]
    assert f"suggested threshold: {report.suggested_threshold}" in str(report)
    together = "together" if report.together[0] else "apart"
    a, b = report.pairs[0]
    assert f"{report.cosines[0]:.4f}  {a} and {b}, {together}" in lines


@pytest.mark.parametrize("X", [np.empty((0, 4)), np.ones((1, 4)), np.zeros((5, 4))])
def test_rows_without_pairs_have_an_empty_report(X):
    groups, report = near_duplicate_groups(X, report=True)
    assert groups.tolist() == list(range(len(X)))
    assert report.pairs.shape == (0, 2)
    assert report.suggested_threshold is None
    assert "too few to tell" in report.reason
    assert np.isnan(report.nearest).all()
    rows = "1 row" if len(X) == 1 else f"{len(X)} rows"
    assert str(report).startswith(f"{rows} at threshold")


def mixture(share, noise, seed, *, kinds=20, n=2000, d=64):
    """Rows of some kinds of content, a share of them noisy copies; and their source."""
    rng = np.random.default_rng(seed)
    X = (
        rng.normal(size=(n, d))
        + 1.5 * rng.normal(size=(kinds, d))[rng.integers(0, kinds, n)]
    )
    n_copies = int(share * n)
    source = np.arange(n)
    source[n - n_copies :] = rng.integers(0, n - n_copies, n_copies)
    X[n - n_copies :] = X[source[n - n_copies :]]
    X[n - n_copies :] += noise * rng.normal(size=(n_copies, d))
    order = rng.permutation(n)
    return X[order], source[order]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("noise", [0, 0.1, 0.3])
@pytest.mark.parametrize("share", [0.03, 0.1, 0.4])
def test_suggestion_parts_copies_from_others(share, noise, seed):
    X, source = mixture(share, noise, seed)
    _, report = near_duplicate_groups(X, report=True)
    assert report.reason.startswith("a gap: ")
    groups = near_duplicate_groups(X, report.suggested_threshold)
    assert adjusted_rand_score(source, groups) > 0.9


@pytest.mark.parametrize("kinds", [1, 20])
@pytest.mark.parametrize("seed", range(3))
def test_without_copies_the_suggestion_joins_hardly_a_row(seed, kinds):
    X, _ = mixture(0, 0, seed, kinds=kinds)
    _, report = near_duplicate_groups(X, report=True)
    assert report.reason.startswith("no gap; by chance one row")
    n_near = (report.nearest >= report.suggested_threshold).sum()
    assert n_near <= 20  # a hundredth
    assert f"and {n_near} of 2,000 are" in report.reason


def test_outlying_rows_do_not_make_copies_of_all_others():
    X, _ = mixture(0, 0, 0)
    rng = np.random.default_rng(1)
    X[:100] = 10 * rng.normal(size=(100, X.shape[1]))
    _, report = near_duplicate_groups(X, report=True)
    assert (report.nearest >= report.suggested_threshold).sum() <= 20


@pytest.mark.parametrize("cosine", [0.3, 1.0])
def test_equal_distances_give_no_suggestion(cosine):
    threshold, reason = suggest_threshold(np.full(100, cosine, np.float32))
    assert threshold is None
    assert reason == "all rows are equally far from their nearest"


def test_rows_that_are_opposed_give_no_threshold_below_zero():
    nearest = np.random.default_rng(0).uniform(-0.9, -0.5, 200).astype(np.float32)
    threshold, reason = suggest_threshold(nearest)
    assert (threshold, reason) == (None, "no gap, and the nearest rows are not alike")


@pytest.mark.parametrize(
    "threshold, n_pairs, n_above",
    [(0.9, 9, 5), (0.9, 2, 1), (0.9999, 8, 0), (0.001, 8, 4), (1e-9, 9, 5)],
)
def test_side_with_too_few_pairs_leaves_its_places_to_the_other(
    threshold, n_pairs, n_above, rows
):
    _, report = near_duplicate_groups(rows, threshold, report=True, n_pairs=n_pairs)
    assert len(report.pairs) == n_pairs
    assert (report.cosines >= threshold - 1e-6).sum() == n_above


def test_pairs_above_alone_fill_the_report():
    X = 5 + np.random.default_rng(0).random((20, 3))
    _, report = near_duplicate_groups(X, 0.5, report=True, n_pairs=7)
    assert len(report.pairs) == 7
    assert (report.cosines >= 0.5).all()
