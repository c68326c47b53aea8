"""The two splitters: shares, sizes, coverage, groups, and scikit-learn's tools."""

import itertools
import json
import os
import signal
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier

from sklearn_clip._shared import group_numbers
from sklearn_clip.model_selection import (
    MultiLabelStratifiedGroupKFold,
    MultiLabelStratifiedKFold,
)
from sklearn_clip.thresholds import ThresholdOptimizer

SPLITTERS = [MultiLabelStratifiedKFold, MultiLabelStratifiedGroupKFold]


targets = st.integers(2, 4).flatmap(
    lambda k: st.tuples(
        st.just(k),
        arrays(
            np.int8,
            st.tuples(st.integers(k, 40), st.integers(1, 8)),
            elements=st.integers(0, 1),
        ),
        st.integers(0, 10),
    )
)


@given(targets)
@settings(max_examples=60, deadline=None)
def test_fold_sizes_differ_by_at_most_one(folds_of, case):
    k, Y, seed = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fold = folds_of(MultiLabelStratifiedKFold(k, random_state=seed), Y)
    assert np.ptp(np.bincount(fold, minlength=k)) <= 1


def exists(Y, k, *, even):
    """Whether some split into k folds covers every column of Y: all are tried."""
    n = len(Y)
    for rest in itertools.product(range(k), repeat=n - 1):
        fold = np.array((0, *rest))
        sizes = np.bincount(fold, minlength=k)
        if sizes.min() > 0 and (not even or np.ptp(sizes) <= 1):
            covered = [Y[fold == f].any(axis=0).all() for f in range(k)]
            if all(covered):
                return True
    return False


small = st.tuples(
    arrays(
        np.int8,
        st.tuples(st.integers(4, 8), st.integers(1, 6)),
        elements=st.integers(0, 1),
    ),
    st.integers(2, 3),
)


@given(small, st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_fold_has_every_label_exactly_where_such_folds_exist(
    folds_of, table, case, grouped
):
    Y, k = case
    enough = Y[:, Y.sum(axis=0) >= k]
    groups = np.arange(len(Y)) if grouped else None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fold = folds_of(SPLITTERS[grouped](k, random_state=0), Y, groups)
    covered = bool((table(fold, enough) > 0).all())
    missed = [w for w in caught if "no split was found" in str(w.message)]
    assert covered == (not missed)
    assert covered or not exists(enough, k, even=not grouped)


def test_labels_that_cannot_be_in_every_fold_are_named(folds_of):
    triangle = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [1, 0, 1, 0]])
    with pytest.warns(UserWarning, match=r"1 label\(s\) \(columns \[\d\] of y\)"):
        folds_of(MultiLabelStratifiedKFold(2, random_state=0), triangle)


@pytest.mark.parametrize("seed", range(3))
def test_shares_of_correlated_labels_are_kept(folds_of, table, correlated, seed):
    counts = table(
        folds_of(MultiLabelStratifiedKFold(5, random_state=seed), correlated),
        correlated,
    )
    assert abs(counts - correlated.sum(axis=0) / 5).max() < 3
    random = KFold(5, shuffle=True, random_state=seed)
    plain = table(folds_of(random, correlated), correlated)
    assert abs(plain - correlated.sum(axis=0) / 5).max() > 10


def test_exchanges_mend_what_dealing_leaves_out(folds_of, table):
    # Ten labels of four rows each in few rows: dealing alone misses some of them.
    rng = np.random.default_rng(5)
    for seed in range(20):
        Y = np.zeros((24, 10), int)
        for label in range(10):
            Y[rng.choice(24, 4, replace=False), label] = 1
        fold = folds_of(MultiLabelStratifiedKFold(3, random_state=seed), Y)
        assert (table(fold, Y) > 0).all()


def test_negatives_of_a_frequent_label_are_in_every_fold(folds_of, table):
    Y = np.ones((40, 3), int)
    Y[:4, 0] = Y[2:6, 1] = Y[3:7, 2] = 0
    fold = folds_of(MultiLabelStratifiedKFold(4, random_state=0), Y)
    assert (table(fold, 1 - Y) == 1).all()


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_same_seed_gives_the_same_folds_at_every_call(folds_of, correlated, splitter):
    groups = np.arange(3000) // 2 if splitter is SPLITTERS[1] else None

    def folds(**options):
        return folds_of(splitter(5, **options), correlated, groups)

    seeded = splitter(5, random_state=3)
    first = folds_of(seeded, correlated, groups)
    np.testing.assert_array_equal(first, folds_of(seeded, correlated, groups))
    assert (first != folds(random_state=4)).any()
    assert (folds() != folds()).any()
    np.testing.assert_array_equal(folds(shuffle=False), folds(shuffle=False))


group_cases = st.integers(2, 4).flatmap(
    lambda k: st.integers(k, 40).flatmap(
        lambda n: st.tuples(
            st.just(k),
            arrays(np.int8, (n, 4), elements=st.integers(0, 1)),
            arrays(np.int64, n, elements=st.integers(0, 12)),
        )
    )
)


@given(group_cases)
@settings(max_examples=60, deadline=None)
def test_groups_are_never_split_and_no_fold_is_empty(folds_of, table, case):
    k, Y, groups = case
    groups[:k] = np.arange(k) + 100
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        folds = MultiLabelStratifiedGroupKFold(k, random_state=0)
        fold = folds_of(folds, Y, groups)
    assert all(len(set(fold[groups == g])) == 1 for g in set(groups))
    assert np.bincount(fold, minlength=k).min() > 0
    in_groups = np.array([Y[groups == g].any(axis=0) for g in set(groups)]).sum(axis=0)
    covered = table(fold, Y) > 0
    assert covered[:, in_groups >= k].all() or caught


def test_grouped_folds_are_even_and_keep_shares(folds_of, table, correlated):
    rng = np.random.default_rng(0)
    groups = np.sort(rng.integers(0, 900, 3000)).astype(str)
    folds = MultiLabelStratifiedGroupKFold(5, random_state=0)
    fold = folds_of(folds, correlated, groups)
    assert np.ptp(np.bincount(fold)) <= 12
    counts = table(fold, correlated)
    assert abs(counts - correlated.sum(axis=0) / 5).max() < 6


def test_groups_given_to_the_plain_splitter_warn(folds_of, correlated):
    with pytest.warns(UserWarning, match="ignored by MultiLabelStratifiedKFold"):
        folds_of(MultiLabelStratifiedKFold(2), correlated, np.arange(3000))


@pytest.mark.parametrize("splitter", SPLITTERS)
@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"n_splits": 1}, ValueError, "n_splits must be an integer of at least 2"),
        ({"n_splits": 2.5}, ValueError, "n_splits must be an integer.* Got 2.5"),
        ({"shuffle": 1}, TypeError, "shuffle must be True or False. Got 1"),
        ({"shuffle": False, "random_state": 0}, ValueError, "random_state must be"),
    ],
)
def test_bad_parameters_are_refused(splitter, options, error, message):
    with pytest.raises(error, match=message):
        splitter(**options)


@pytest.mark.parametrize(
    "groups, message",
    [
        (None, "groups must say which rows belong together.*near_duplicate_groups"),
        ([0, 1], r"groups must have shape \(4,\), one entry per row.* Got \(2,\)"),
        ([0, 0, 0, 0], "n_splits must be at most the number of groups.* n_groups=1"),
        ([0, 1, np.nan, 2], r"groups must hold no None, NaN or NA.* Got nan \(row 2\)"),
        (np.array([0, np.nan, 1, 2]), r"NA. Got nan \(row 1\)"),
        (["a", np.nan, "b", np.nan], r"Got nan \(row 1\).* a group of its own"),
        ([None, "a", "b", "b"], r"Got None \(row 0\)"),
        (pd.Series(["a", "b", pd.NA, "c"], dtype="string"), r"Got <NA> \(row 2\)"),
        (np.array(["2020", "NaT", "2021", "2022"], "M8[D]"), r"NaT.* \(row 1\)"),
        ([0, [1], 2, 3], r"hashable, such as a number or a str.* Got \[1\] \(row 1\)"),
        ([[0], [1], [2], [3]], r"hashable.* Got \[0\] \(row 0\)"),
        ([[0], [1], [2]], r"groups must have shape \(4,\).* Got \(3,\)"),
        (np.zeros((4, 1)), r"groups must have shape \(4,\).* Got \(4, 1\)"),
    ],
)
def test_bad_groups_are_refused(groups, message):
    folds = MultiLabelStratifiedGroupKFold(2)
    with pytest.raises(ValueError, match=message):
        next(folds.split(None, np.eye(4), groups))


@pytest.mark.parametrize(
    "groups",
    [
        ["b", "b", "a", "c", "a", "c"],
        [("x", 2), ("x", 2), ("x", 1), ("y", 0), ("x", 1), ("y", 0)],
        pd.Series(["b", "b", "a", "c", "a", "c"], dtype="category", index=range(6, 12)),
        pd.Series(["b", "b", "a", "c", "a", "c"], dtype="string"),
        np.array([1.5, 1.5, 0.5, 2.5, 0.5, 2.5]),
        np.array([1, 1, -np.inf, 2, -np.inf, 2]),
        torch.tensor([1, 1, 0, 2, 0, 2]),
    ],
)
def test_groups_are_numbered_in_sorted_order(groups):
    group_of, n_groups = group_numbers(groups, 6)
    assert group_of.tolist() == [1, 1, 0, 2, 0, 2]
    assert n_groups == 3


def test_groups_that_look_alike_are_one():
    group_of, n_groups = group_numbers(["caf\u00e9", "x", "cafe\u0301", "Caf\u00e9"], 4)
    assert n_groups == 3 and group_of[0] == group_of[2] != group_of[3]


def test_groups_without_an_order_are_numbered_by_first_appearance():
    group_of, n_groups = group_numbers([7, "a", 7, "b", ("a",), "a"], 6)
    assert group_of.tolist() == [0, 1, 0, 2, 3, 1]
    assert n_groups == 4
    assert group_numbers([3, 1, 2, "a"], 4)[0].tolist() == [0, 1, 2, 3]


def test_fewer_rows_than_folds_and_other_lengths_are_refused():
    with pytest.raises(ValueError, match="at most the number of samples.*n_samples=4"):
        next(MultiLabelStratifiedKFold(5).split(None, np.eye(4)))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        next(MultiLabelStratifiedKFold(2).split(np.zeros(5), np.eye(4)))


class KnownShare(ClassifierMixin, BaseEstimator):
    """Predicts each label's share of the known rows; takes NaN in y."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y):
        self.share_ = np.nanmean(y, axis=0)
        return self

    def error(self, y):
        return float(np.nanmean((y - self.share_ - self.shift) ** 2))


def negative_error(estimator, X, y):
    return -estimator.error(y)


def test_grid_search_takes_nan_in_the_target(correlated):
    Y = correlated.astype(float)
    Y[::7, 3] = np.nan
    search = GridSearchCV(
        KnownShare(),
        {"shift": [0.0, 0.5]},
        scoring=negative_error,
        cv=MultiLabelStratifiedKFold(3, random_state=0),
        error_score="raise",
    ).fit(np.zeros((3000, 1)), Y)
    assert search.best_params_ == {"shift": 0.0}


@pytest.fixture(scope="module")
def features(correlated):
    noise = np.random.default_rng(1).normal(size=(600, 20))
    return 2 * correlated[:600] + noise, correlated[:600, 8:]


def test_cross_validate_and_threshold_optimizer_take_the_splitters(features):
    X, Y = features
    head = OneVsRestClassifier(LogisticRegression())
    groups = np.arange(600) // 3
    plain, grouped = (splitter(3, random_state=0) for splitter in SPLITTERS)
    assert ThresholdOptimizer(head, cv=plain).fit(X, Y).best_score_ > 0.5
    tuned = ThresholdOptimizer(head, cv=grouped).fit(X, Y, groups=groups)
    assert tuned.best_score_ > 0.5
    scores = cross_validate(head, X, Y, cv=plain, scoring="f1_macro")
    assert scores["test_score"].min() > 0.4


def test_routed_groups_reach_the_splitter(features):
    X, Y = features
    head = OneVsRestClassifier(LogisticRegression())
    groups = np.arange(600) // 3
    cv = MultiLabelStratifiedGroupKFold(3, random_state=0)
    with config_context(enable_metadata_routing=True):
        done = cross_validate(
            head, X, Y, cv=cv, params={"groups": groups}, return_indices=True
        )
    for train, test in zip(*done["indices"].values(), strict=True):
        assert not set(groups[train]) & set(groups[test])


def test_repr_shows_the_parameters():
    text = repr(MultiLabelStratifiedKFold(3, random_state=0))
    expected = "MultiLabelStratifiedKFold(n_splits=3, random_state=0, shuffle=True)"
    assert text == expected


_FOLDS = """
from sklearn.datasets import make_multilabel_classification
from sklearn_clip.model_selection import MultiLabelStratifiedKFold
X, Y = make_multilabel_classification(300, n_classes=3, random_state=0)
splitter = MultiLabelStratifiedKFold(5, shuffle=True, random_state=0)
print([test.tolist() for _, test in splitter.split(X[:200], Y[:200])])
"""


@pytest.mark.parametrize("kernels", ["Nehalem", "Haswell"])
def test_folds_do_not_follow_the_cpu(kernels):
    """Parts that tie are told apart by no rounding: BLAS adds up as its CPU likes."""
    X, Y = make_multilabel_classification(300, n_classes=3, random_state=0)
    splitter = MultiLabelStratifiedKFold(5, shuffle=True, random_state=0)
    expected = [test.tolist() for _, test in splitter.split(X[:200], Y[:200])]
    env = {**os.environ, "OPENBLAS_CORETYPE": kernels}
    command = [sys.executable, "-c", _FOLDS]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode == -signal.SIGILL:
        pytest.skip("this CPU has none of their instructions")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


def test_rows_in_another_order_are_told():
    X, Y = map(pd.DataFrame, make_multilabel_classification(40, random_state=0))
    with pytest.warns(UserWarning, match="X and y have the same index in another"):
        next(MultiLabelStratifiedKFold(2).split(X, Y.iloc[::-1]))
