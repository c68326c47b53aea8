"""Sets chosen for each row, against every set and every outcome."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_clip.thresholds._decisions import joint_targets
from sklearn_clip.thresholds._objective import METRICS, Objective
from sklearn_clip.thresholds._row_sets import best_learnt_sets, best_sets


def every_set(n_labels):
    return np.array(list(itertools.product([False, True], repeat=n_labels)))


def values_of(objective, n_labels):
    """Metric of every predicted set (rows) under every true one (columns)."""
    sets = every_set(n_labels)
    tp = (sets[:, None] & sets[None]).sum(axis=2).astype(float)
    fp = (sets[:, None] & ~sets[None]).sum(axis=2).astype(float)
    positives = np.broadcast_to(sets.sum(axis=1), tp.shape).astype(float)
    return objective.values(tp, fp, positives, n_labels - positives)


def chances(probabilities):
    """Chance of every outcome of independent labels."""
    sets = every_set(len(probabilities))
    return np.where(sets, probabilities, 1 - probabilities).prod(axis=1)


def worth_of(chosen, chance, objective):
    """Expected metric of a chosen set, and of the best of the allowed ones."""
    n_labels = len(chosen)
    sets = every_set(n_labels)
    expected = values_of(objective, n_labels) @ chance
    at = np.flatnonzero((sets == chosen).all(axis=1))[0]
    return expected[at], expected, sets


probability = st.one_of(st.sampled_from([0.0, 0.5, 1.0, 1e-9]), st.floats(0, 1))


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.lists(probability, min_size=4, max_size=4), min_size=1, max_size=3
    ),
    beta=st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    at_least_one=st.booleans(),
    limit=st.sampled_from([None, 1, 2, 9]),
)
def test_sets_of_independent_labels_are_the_best_of_all(
    metric, rows, beta, at_least_one, limit
):
    rows, objective = np.array(rows), Objective(metric, "samples", beta)
    found = best_sets(rows, objective, at_least_one=at_least_one, limit=limit)
    for p, chosen in zip(rows, found, strict=True):
        reached, expected, sets = worth_of(chosen, chances(p), objective)
        size = sets.sum(axis=1)
        allowed = (size <= (limit or 4)) & (size >= int(at_least_one))
        assert allowed[(sets == chosen).all(axis=1)].all()
        assert reached == pytest.approx(expected[allowed].max(), abs=1e-9)


@pytest.mark.parametrize("metric", ["f1", "fbeta", "accuracy", "balanced_accuracy"])
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    spread=st.sampled_from([0.05, 1.0]),
    beta=st.sampled_from([0.0, 0.5, 2.0]),
    at_least_one=st.booleans(),
    limit=st.sampled_from([None, 1, 3]),
)
def test_learnt_sets_are_the_best_whatever_labels_depend_on(
    metric, seed, spread, beta, at_least_one, limit
):
    rng = np.random.default_rng(seed)
    objective = Objective(metric, "samples", beta)
    sets = every_set(4)
    chance = rng.dirichlet(np.full(len(sets), spread), size=3)
    size = sets.sum(axis=1)
    joint = np.stack(
        [chance @ (sets & (size == s)[:, None]) for s in range(1, 5)], axis=2
    )
    found = best_learnt_sets(
        joint, np.arange(1, 5), objective, at_least_one=at_least_one, limit=limit
    )
    for row, chosen in zip(chance, found, strict=True):
        reached, expected, _ = worth_of(chosen, row, objective)
        allowed = (size <= (limit or 4)) & (size >= int(at_least_one))
        assert allowed[(sets == chosen).all(axis=1)].all()
        assert reached == pytest.approx(expected[allowed].max(), abs=1e-9)


@pytest.mark.parametrize("metric", ["f1", "fbeta", "balanced_accuracy"])
@pytest.mark.parametrize("scale", [0.5, 3.0])
def test_many_labels_agree_with_their_joint_distribution(metric, scale):
    rng = np.random.default_rng(0)
    p = 1 / (1 + np.exp(-scale * rng.normal(-1.0, 1.5, size=(20, 40))))
    p[0] = 0.5
    sizes = np.arange(1, 41)
    joint = np.empty((20, 40, 40))
    for label in range(40):
        others = np.zeros((20, 41))
        others[:, 0] = 1
        for other in np.delete(p, label, axis=1).T:
            kept = others * (1 - other[:, None])
            kept[:, 1:] += others[:, :-1] * other[:, None]
            others = kept
        joint[:, label] = p[:, [label]] * others[:, :40]
    objective = Objective(metric, "samples", 2.0)
    np.testing.assert_array_equal(
        best_sets(p, objective), best_learnt_sets(joint, sizes, objective)
    )


@pytest.mark.parametrize("metric", ["f1", "jaccard"])
def test_sets_do_not_depend_on_the_other_rows(metric):
    rng = np.random.default_rng(1)
    p = rng.random((300, 30)) ** rng.integers(1, 12, (300, 1))
    objective = Objective(metric, "samples")
    whole = best_sets(p, objective)
    alone = np.concatenate([best_sets(p[i : i + 1], objective) for i in range(300)])
    np.testing.assert_array_equal(whole, alone)
    assert best_sets(p[:0], objective).shape == (0, 30)


def test_joint_targets_are_those_that_occur_of_rows_that_are_known():
    Y = np.array([[1, 0, 0], [1, 1, 0], [1, np.nan, 0], [0, 0, 0], [0, 0, 1]])
    rows, pairs, indicators = joint_targets(Y)
    assert rows.tolist() == [0, 1, 3, 4]
    assert pairs.tolist() == [[0, 1], [0, 2], [1, 2], [2, 1]]
    assert indicators.tolist() == [
        [1, 0, 0, 0],
        [0, 1, 1, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 1],
    ]
    for wrong in (Y[3:4], Y[2:3]):
        with pytest.raises(ValueError, match="y must have rows all of whose labels"):
            joint_targets(wrong)
