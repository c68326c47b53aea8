import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from sklearn_clip.heads.networks._validation import METRICS, choose_validation_rows


def split(targets, fraction=0.2, seed=0, groups=None):
    rng = np.random.default_rng(seed)
    return choose_validation_rows(
        np.asarray(targets, dtype=float), fraction, rng, groups
    )


def test_validation_rows_are_a_partition_of_the_asked_size():
    targets = np.random.default_rng(0).random((50, 4)) < 0.3
    train, valid = split(targets)
    assert len(valid) == 10
    assert sorted([*train, *valid]) == list(range(50))


@pytest.mark.parametrize("seed", range(5))
def test_rare_labels_keep_a_positive_in_training(seed):
    rng = np.random.default_rng(seed)
    targets = (rng.random((200, 12)) < rng.uniform(0.005, 0.3, size=12)).astype(float)
    targets[rng.random(targets.shape) < 0.1] = np.nan
    train, valid = split(targets, seed=seed)
    assert len(valid) == 40
    seen, kept = (targets == 1).any(axis=0), (targets[train] == 1).any(axis=0)
    assert (seen == kept).all()


def test_frequent_labels_are_split_by_their_share():
    targets = np.zeros((100, 2))
    targets[:50, 0] = targets[50:, 1] = 1
    _, valid = split(targets)
    assert targets[valid].sum(axis=0).tolist() == [10, 10]


def test_rows_are_taken_even_if_a_label_loses_its_only_positive():
    train, valid = split(np.eye(5))
    assert (len(train), len(valid)) == (4, 1)


def test_each_row_a_group_of_its_own_is_as_no_groups():
    targets = np.random.default_rng(0).random((60, 4)) < 0.2
    found, expected = split(targets, groups=np.arange(60)), split(targets)
    np.testing.assert_array_equal(found[1], expected[1])


@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_torn_apart_and_labels_stay_in_training(seed):
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(60), rng.integers(1, 8, size=60)))
    targets = (rng.random((len(groups), 6)) < 0.1).astype(float)
    train, valid = split(targets, seed=seed, groups=groups)
    assert sorted([*train, *valid]) == list(range(len(groups)))
    assert not set(groups[train]) & set(groups[valid])
    assert 0.15 < len(valid) / len(groups) <= 0.201
    assert targets[train].any(axis=0).all()


def test_groups_larger_than_the_part_leave_the_smallest():
    groups = np.repeat([5, 2, 9], [30, 20, 50])
    train, valid = split(np.ones((100, 2)), fraction=0.1, groups=groups)
    assert set(groups[valid]) == {2} and len(train) == 80
    with pytest.raises(ValueError, match="at least two groups of rows with a known"):
        split(np.ones((100, 2)), groups=np.zeros(100))


def test_one_row_cannot_be_split():
    with pytest.raises(
        ValueError,
        match="at least two rows .* Got 1. Pass early_stop.* and no callbacks",
    ):
        split([[1, 0]])


def test_metrics_agree_with_scikit_learn_where_all_is_known():
    rng = np.random.default_rng(0)
    targets = (rng.random((40, 5)) < 0.4).astype(np.float32)
    scores = rng.random((40, 5)).round(1).astype(np.float32)  # ties
    assert METRICS["average_precision"](targets, scores) == pytest.approx(
        average_precision_score(targets, scores, average="macro")
    )
    assert METRICS["f1"](targets, scores) == pytest.approx(
        f1_score(targets, scores > 0.5, average="macro")
    )


@pytest.mark.parametrize("name", METRICS)
def test_metrics_leave_unknown_entries_out(name):
    rng = np.random.default_rng(0)
    targets = (rng.random((40, 1)) < 0.4).astype(np.float32)
    scores = rng.random((40, 1)).astype(np.float32)
    hidden = np.concatenate([targets, np.full((9, 1), np.nan, np.float32)])
    more = np.concatenate([scores, rng.random((9, 1)).astype(np.float32)])
    assert METRICS[name](hidden, more) == METRICS[name](targets, scores)


@pytest.mark.filterwarnings("error")
def test_average_precision_without_positives_is_nan_in_silence():
    assert math.isnan(METRICS["average_precision"](np.zeros((4, 2)), np.ones((4, 2))))
