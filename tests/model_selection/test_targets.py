"""Forms of the targets that splits take: containers, one label, unknown entries."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.model_selection import StratifiedKFold

from sklearn_clip.model_selection import (
    MultiLabelStratifiedGroupKFold,
    MultiLabelStratifiedKFold,
)

SPLITTERS = [MultiLabelStratifiedKFold, MultiLabelStratifiedGroupKFold]


@pytest.mark.parametrize("n_positives", [3, 7, 17])
def test_one_dimensional_target_is_split_as_stratified_k_fold_does(
    folds_of, table, n_positives
):
    y = np.zeros(20, int)
    y[:n_positives] = 1
    ours = folds_of(MultiLabelStratifiedKFold(3, random_state=0), y)
    theirs = folds_of(StratifiedKFold(3), y)
    for values in (y, 1 - y):
        assert sorted(table(ours, values)) == sorted(table(theirs, values))


@pytest.mark.parametrize(
    "y",
    [
        np.array(["no", "yes"] * 6),
        np.array(["no", "yes"] * 6, dtype=object),
        np.array([-1, 1] * 6),
        np.array([False, True] * 6),
        pd.Series([0, 1] * 6),
    ],
)
def test_one_dimensional_target_may_hold_any_two_classes(folds_of, table, y):
    fold = folds_of(MultiLabelStratifiedKFold(3, random_state=0), y)
    np.testing.assert_array_equal(table(fold, np.array([0, 1] * 6)), [2, 2, 2])


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_every_form_of_the_target_gives_the_same_folds(folds_of, correlated, splitter):
    Y = correlated[:200]
    frame = pd.DataFrame(Y).add_prefix("label_")
    forms = [
        Y.astype(bool),
        Y.astype(float),
        Y.tolist(),
        sparse.csr_matrix(Y),
        sparse.coo_array(Y),
        sparse.csc_array(Y.astype(bool)),
        frame,
        frame.astype("Int64"),
        Y.astype(object),
    ]
    folds = splitter(4, random_state=0)
    groups = np.arange(200) // 2 if splitter is SPLITTERS[1] else None
    expected = folds_of(folds, Y, groups)
    for form in forms:
        tests = [test for _, test in folds.split(np.zeros(200), form, groups)]
        for fold, test in enumerate(tests):
            np.testing.assert_array_equal(test, np.flatnonzero(expected == fold))


@pytest.mark.parametrize("unknown", [0.05, 0.5, 0.9])
def test_known_entries_are_spread_evenly(folds_of, table, correlated, unknown):
    rng = np.random.default_rng(0)
    Y = correlated[:, 8:].astype(float)
    Y[rng.random(Y.shape) < unknown] = np.nan
    fold = folds_of(MultiLabelStratifiedKFold(5, random_state=0), Y)
    for values in (Y == 1, Y == 0):
        counts = table(fold, values)
        assert abs(counts - values.sum(axis=0) / 5).max() < 4
    frame = pd.DataFrame(Y).astype("Int64")
    holed = np.where(np.isnan(Y), None, Y.astype(object))
    stored = sparse.csr_array(Y)
    for same in (frame, holed, stored):
        np.testing.assert_array_equal(
            fold, folds_of(MultiLabelStratifiedKFold(5, random_state=0), same)
        )


def test_label_without_a_known_entry_changes_nothing(folds_of, correlated):
    Y = correlated[:100].astype(float)
    unknown = np.column_stack([Y, np.full(100, np.nan), np.zeros(100)])
    splitter = MultiLabelStratifiedKFold(5, random_state=0)
    np.testing.assert_array_equal(folds_of(splitter, Y), folds_of(splitter, unknown))


@pytest.mark.parametrize(
    "y, message",
    [
        (None, "y must be the targets.* Got None"),
        (np.zeros((4, 2, 1)), r"y must have shape .* Got shape \(4, 2, 1\)"),
        (np.zeros((4, 0)), r"at least one row and one label.* Got shape \(4, 0\)"),
        (sparse.csr_array((0, 3)), "at least one row"),
        (sparse.coo_array([0, 1, 0, 1]), r"y must have shape .* Got shape \(4,\)"),
        ([[0, 1], [2, 0]], r"y must hold only 0 and 1.*\(row 1, column 0\)"),
        ([[0, np.inf], [1, 0]], r"y must hold only 0 and 1.*\(row 0, column 1\)"),
        ([["a", "b"], ["c", "d"]], "labels_to_frame"),
        (sparse.csr_array([[0, 3]]), r"\(row 0, column 1\)"),
        ([0, 1, 2], "at most two classes. Got 3.*StratifiedKFold"),
        (["a", "b", "c"], "at most two classes"),
    ],
)
def test_bad_targets_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        next(MultiLabelStratifiedKFold(2).split(None, y))
