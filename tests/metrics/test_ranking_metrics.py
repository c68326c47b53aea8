"""GAP and mAP against published values, scikit-learn, torchmetrics, brute force."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_problems import problems
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score
from torchmetrics.functional import classification

from sklearn_clip._shared import _entries
from sklearn_clip.metrics import (
    _ranking,
    _sorted_scores,
    average_precision_per_label,
    global_average_precision_score,
    macro_average_precision_score,
)

PUBLISHED_Y = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 1]])
PUBLISHED_P = np.array([[0.9, 0.8, 0.1], [0.7, 0.2, 0.6], [0.3, 0.95, 0.4]])


def brute_force_gap(y_true, y_score, k=None):
    """GAP, entry by entry; first columns win at the k-th place."""
    kept, n_positives = [], 0
    for targets, scores in zip(y_true, y_score, strict=True):
        known = [j for j in range(len(targets)) if not np.isnan(targets[j])]
        n_positives += sum(targets[j] for j in known)
        best = sorted(known, key=lambda j: (-scores[j], j))[:k]
        kept += [(scores[j], targets[j]) for j in best]
    total = 0.0
    for score, target in kept:
        if target:
            above = [t for s, t in kept if s >= score]
            total += sum(above) / len(above)
    return total / n_positives if n_positives else 0.0


def quiet(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return function(*args, **kwargs)


@pytest.mark.parametrize(
    "k, expected", [(1, 0.6), (2, 263 / 300), (3, 263 / 300), (None, 263 / 300)]
)
def test_gap_matches_published_values(k, expected):
    found = global_average_precision_score(PUBLISHED_Y, PUBLISHED_P, k=k)
    assert found == pytest.approx(expected, abs=1e-12)


def test_gap_counts_positives_beyond_the_top_k_in_the_denominator():
    y_true = np.ones((1, 4))
    y_score = [[0.4, 0.3, 0.2, 0.1]]
    assert global_average_precision_score(y_true, y_score, k=1) == 0.25


@settings(deadline=None)
@given(problems(), st.one_of(st.none(), st.integers(1, 6)))
def test_gap_equals_brute_force(problem, k):
    y_true, y_score = problem
    found = quiet(global_average_precision_score, y_true, y_score, k=k)
    assert found == pytest.approx(brute_force_gap(y_true, y_score, k), abs=1e-12)


@settings(deadline=None)
@given(problems(unknown=False))
def test_gap_equals_scikit_learns_micro_average_with_ties(problem):
    y_true, y_score = problem
    if not y_true.any():
        return
    expected = average_precision_score(y_true, y_score, average="micro")
    for k in (None, y_true.shape[1], 100):
        found = global_average_precision_score(y_true, y_score, k=k)
        assert found == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(problems())
def test_average_precision_per_label_equals_scikit_learn_on_known_rows(problem):
    y_true, y_score = problem
    found = average_precision_per_label(y_true, y_score)
    for label, value in enumerate(found):
        known = ~np.isnan(y_true[:, label])
        targets = y_true[known, label]
        if not targets.any():
            assert np.isnan(value)
            continue
        expected = average_precision_score(targets, y_score[known, label])
        assert value == pytest.approx(expected, abs=1e-12)


def random_problem(shape=(300, 12), *, seed=0, unknown=0.0):
    rng = np.random.default_rng(seed)
    y_score = rng.random(shape).round(2)  # 101 values: ties
    y_true = (rng.random(shape) < y_score).astype(float)
    y_true[rng.random(shape) < unknown] = np.nan
    return y_true, y_score


def test_blocks_and_chunks_do_not_change_anything(monkeypatch):
    y_true, y_score = random_problem(unknown=0.3)
    whole = [global_average_precision_score(y_true, y_score, k=k) for k in (None, 3)]
    per_label = average_precision_per_label(y_true, y_score)
    monkeypatch.setattr(_entries, "BLOCK_SIZE", 50)
    monkeypatch.setattr(_ranking, "_BLOCK_SIZE", 70)
    monkeypatch.setattr(_sorted_scores, "_CHUNK_SIZE", 70)
    parts = [global_average_precision_score(y_true, y_score, k=k) for k in (None, 3)]
    assert parts == pytest.approx(whole, abs=1e-14)
    assert (average_precision_per_label(y_true, y_score) == per_label).all()
    assert whole[0] == pytest.approx(brute_force_gap(y_true, y_score), abs=1e-12)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i8", "u1", "?", ">f4", "O"])
def test_scores_of_every_type_give_the_same_ranking(dtype):
    y_true, y_score = random_problem()
    y_score = (y_score * 100).round().astype(dtype)
    expected = average_precision_score(y_true, y_score.astype(float), average="micro")
    assert global_average_precision_score(y_true, y_score) == pytest.approx(expected)


def test_large_integers_are_not_rounded_into_ties():
    y_score = np.array([[2**25 + 1], [2**25]])
    assert global_average_precision_score([[1], [0]], y_score) == 1.0


def test_infinite_scores_are_ranks_like_any_other():
    y_true = [[0, np.nan, 1, 1]]
    y_score = [[-np.inf, np.inf, -np.inf, np.inf]]
    assert global_average_precision_score(y_true, y_score) == pytest.approx(5 / 6)
    assert global_average_precision_score(y_true, y_score, k=2) == pytest.approx(0.5)


def test_input_is_not_changed():
    y_true, y_score = random_problem(unknown=0.2)
    before = y_true.copy(), y_score.copy()
    global_average_precision_score(y_true, y_score, k=2)
    average_precision_per_label(y_true, y_score)
    np.testing.assert_array_equal(y_true, before[0])
    np.testing.assert_array_equal(y_score, before[1])


@pytest.mark.parametrize("k", [0, -1, 2.0, True, "2"])
def test_gap_refuses_k_that_is_no_positive_integer(k):
    with pytest.raises(ValueError, match="k must be a positive integer or None. Got"):
        global_average_precision_score(PUBLISHED_Y, PUBLISHED_P, k=k)


def test_gap_without_positives_is_zero_with_a_warning():
    with pytest.warns(UndefinedMetricWarning, match="GAP is not defined") as record:
        assert global_average_precision_score([[0, np.nan]], [[0.1, 0.2]]) == 0.0
    assert record[0].filename == __file__


def test_macro_leaves_out_labels_below_the_support_and_says_how_many():
    y_true = pd.DataFrame(
        {"many": [1, 1, 0, 1], "one": [0, 1, 0, 0], "none": [0, 0, 0, np.nan]}
    )
    y_score = np.random.default_rng(0).random((4, 3))
    per_label = average_precision_per_label(y_true, y_score)
    match = "1 of 3 labels have no known positive in y_true .*: 'none'"
    with pytest.warns(UndefinedMetricWarning, match=match):
        found = macro_average_precision_score(y_true, y_score)
    assert found == pytest.approx(per_label[:2].mean())
    match = "2 of 3 labels have fewer than 2 known .*: 'one', 'none'"
    with pytest.warns(UndefinedMetricWarning, match=match):
        found = macro_average_precision_score(y_true, y_score, min_support=2)
    assert found == per_label[0]


def test_macro_is_silent_and_equals_scikit_learn_where_all_labels_count():
    y_true, y_score = random_problem()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = macro_average_precision_score(y_true, y_score)
    assert found == pytest.approx(average_precision_score(y_true, y_score))


def test_macro_of_no_label_is_nan():
    with pytest.warns(UndefinedMetricWarning, match="6 of 6 labels .*, ..."):
        assert np.isnan(macro_average_precision_score([[0] * 6], [[0.5] * 6]))


@pytest.mark.parametrize("min_support", [0, 1.0, True])
def test_macro_refuses_min_support_that_is_no_positive_integer(min_support):
    with pytest.raises(ValueError, match="min_support must be a positive integer"):
        macro_average_precision_score([[1]], [[1.0]], min_support=min_support)


def test_sparse_and_frame_targets_give_the_same():
    y_true, y_score = random_problem()
    expected = global_average_precision_score(y_true, y_score, k=2)
    for form in (sparse.csr_matrix, sparse.coo_array, pd.DataFrame, np.ndarray.tolist):
        found = global_average_precision_score(form(y_true), y_score, k=2)
        assert found == expected


def test_known_entries_alone_count_as_in_torchmetrics():
    y_true, y_score = random_problem(unknown=0.3)
    targets = torch.tensor(np.nan_to_num(y_true, nan=-1)).long()
    scores = torch.tensor(y_score)
    for average, ours in [
        ("micro", global_average_precision_score),
        ("macro", macro_average_precision_score),
    ]:
        theirs = classification.multilabel_average_precision(
            scores, targets, num_labels=12, average=average, ignore_index=-1
        )
        assert ours(y_true, y_score) == pytest.approx(float(theirs), abs=1e-5)
