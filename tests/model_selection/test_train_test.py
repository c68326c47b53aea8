"""One split into training and test rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from sklearn.model_selection import train_test_split

from sklearn_clip.model_selection import multilabel_train_test_split
from sklearn_clip.model_selection._train_test import hold_out_at_random


@given(
    arrays(
        np.int8, st.tuples(st.integers(2, 40), st.just(3)), elements=st.integers(0, 1)
    ),
    st.floats(0.1, 0.9),
)
@settings(max_examples=50, deadline=None)
@pytest.mark.filterwarnings("ignore:.*no split was found")
def test_test_part_has_the_size_asked_for_and_shares_no_row(Y, test_size):
    expected = int(np.ceil(test_size * len(Y)))
    rows = np.arange(len(Y))
    if expected == len(Y):
        with pytest.raises(ValueError, match="leave both parts at least one row"):
            multilabel_train_test_split(rows, y=Y, test_size=test_size)
        return
    train, test, Y_train, Y_test = multilabel_train_test_split(
        rows, y=Y, test_size=test_size, random_state=0
    )
    assert len(test) == expected
    np.testing.assert_array_equal(np.sort(np.append(train, test)), rows)
    np.testing.assert_array_equal(Y_train, Y[train])
    np.testing.assert_array_equal(Y_test, Y[test])


@pytest.fixture(scope="module")
def targets():
    rng = np.random.default_rng(0)
    return (rng.random((1000, 12)) < np.geomspace(0.004, 0.4, 12)).astype(int)


@pytest.mark.parametrize("test_size", [0.1, 0.25, 0.5, 400])
def test_shares_are_kept_and_labels_are_on_both_sides(targets, test_size):
    Y_train, Y_test = multilabel_train_test_split(
        y=targets, test_size=test_size, random_state=0
    )
    share = test_size if test_size < 1 else test_size / 1000
    assert abs(Y_test.sum(axis=0) - share * targets.sum(axis=0)).max() < 2
    both = targets.sum(axis=0) >= 2
    assert Y_train.any(axis=0)[both].all() and Y_test.any(axis=0)[both].all()


def test_targets_that_are_given_by_place_are_asked_for_by_name(targets):
    """As `train_test_split` takes them."""
    with pytest.raises(ValueError, match=r"by name: .*\(X, y=Y\)\. Got None"):
        multilabel_train_test_split(targets, targets)


def test_every_container_is_split_and_frames_keep_their_index(targets):
    Y = pd.DataFrame(targets[:40], index=[f"row {i}" for i in range(40)])
    names = [f"{i}.png" for i in range(40)]
    parts = multilabel_train_test_split(
        Y, names, sparse.coo_array(targets[:40]), y=Y, random_state=0
    )
    X_train, X_test, names_train, names_test, S_train, S_test, Y_train, Y_test = parts
    pd.testing.assert_frame_equal(X_test, Y_test)
    assert Y_test.shape == (10, 12)
    assert names_test == [f"{label.removeprefix('row ')}.png" for label in Y_test.index]
    assert len(names_train) == len(X_train) == len(Y_train) == 30
    np.testing.assert_array_equal(S_test.toarray(), Y_test)
    assert S_train.shape == (30, 12)


def test_sparse_nan_and_one_dimensional_targets_are_split(targets):
    holed = targets.astype(float)
    holed[::5, 4:] = np.nan
    Y_train, Y_test = multilabel_train_test_split(y=holed, random_state=0)
    share = np.nansum(Y_test, axis=0) / np.nansum(holed, axis=0)
    assert abs(share[6:] - 0.25).max() < 0.03
    S_train, S_test = multilabel_train_test_split(
        y=sparse.csr_array(targets), random_state=0
    )
    assert S_train.shape == (750, 12) and S_test.shape == (250, 12)
    train, test = multilabel_train_test_split(y=["a", "a", "a", "b"] * 4)
    assert sorted(test) == ["a", "a", "a", "b"]


def test_same_seed_gives_the_same_split(targets):
    rows = np.arange(1000)

    def split(seed):
        return multilabel_train_test_split(rows, y=targets, random_state=seed)[1]

    np.testing.assert_array_equal(split(1), split(1))
    assert set(split(1)) != set(split(2))


def test_groups_are_kept_together_at_about_the_size_asked_for(targets):
    groups = np.random.default_rng(0).integers(0, 300, 1000)
    train, test, Y_train, Y_test = multilabel_train_test_split(
        groups, y=targets, groups=groups, random_state=0
    )
    assert not set(train) & set(test)
    assert abs(len(test) - 250) < 10
    assert abs(Y_test.sum(axis=0) - 0.25 * targets.sum(axis=0)).max() < 4


@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"train_size": 0.8},
        {"train_size": 0.555},
        {"train_size": 7},
        {"test_size": 0.29, "train_size": 0.71},
        {"test_size": 300, "train_size": 0.7},
    ],
)
def test_train_size_is_what_scikit_learn_makes_of_it(targets, sizes):
    expected = [len(part) for part in train_test_split(targets, **sizes)]
    parts = multilabel_train_test_split(y=targets, random_state=0, **sizes)
    assert [len(part) for part in parts] == expected


@pytest.mark.parametrize("train_size", [0, 1.0, 1000, False, "half"])
def test_bad_train_size_is_refused(targets, train_size):
    with pytest.raises(ValueError, match="train_size must be a share"):
        multilabel_train_test_split(y=targets, train_size=train_size)


def test_sizes_that_leave_rows_out_are_refused(targets):
    match = "must be all rows together.*test_size=0.2 and train_size=0.5"
    with pytest.raises(ValueError, match=match):
        multilabel_train_test_split(y=targets, test_size=0.2, train_size=0.5)


@pytest.mark.parametrize("test_size", [0, 0.0, 1.0, 1000, -3, True, "half"])
def test_bad_test_size_is_refused(targets, test_size):
    with pytest.raises(ValueError, match="test_size must be a share"):
        multilabel_train_test_split(y=targets, test_size=test_size)


def test_one_group_and_other_lengths_are_refused(targets):
    with pytest.raises(ValueError, match="at least two groups"):
        multilabel_train_test_split(y=targets, groups=np.zeros(1000))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        multilabel_train_test_split(np.zeros(3), y=targets)
    with pytest.raises(ValueError, match="Got None"):
        multilabel_train_test_split(np.zeros(3), y=None)


def test_rows_in_another_order_are_told(targets):
    """Parts have other rows each, so that nothing behind the split can see it."""
    y = pd.DataFrame(targets)
    with pytest.warns(
        UserWarning, match=r"arrays\[1\] and y have the same index in an"
    ):
        multilabel_train_test_split(y, y.iloc[::-1], y=y, random_state=0)


@pytest.mark.parametrize("grouped", [False, True])
def test_rows_held_out_at_random_are_any_rows(grouped):
    groups = np.repeat(["a", "b", "c", "d", "e"], 2) if grouped else None
    times = np.zeros(10)
    for seed in range(500):
        train, test = hold_out_at_random(0.4, 10, random_state=seed, groups=groups)
        np.testing.assert_array_equal(np.sort([*train, *test]), np.arange(10))
        assert len(test) == 4
        if grouped:
            assert not set(groups[train]) & set(groups[test])
        times[test] += 1
    assert abs(times / 500 - 0.4).max() < 0.1


def test_rows_held_out_at_random_leave_none_of_the_parts_empty():
    with pytest.raises(ValueError, match="leave both parts at least one row"):
        hold_out_at_random(0.5, 1)
    with pytest.raises(ValueError, match="groups must name at least two groups"):
        hold_out_at_random(0.5, 3, groups=["a"] * 3)
