"""Row weights of every metric: whole ones against repeated rows, others by sklearn."""

import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_problems import problems
from sklearn import metrics as theirs
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_clip._shared import _entries
from sklearn_clip.metrics import (
    _ranking,
    _sorted_scores,
    average_precision_per_label,
    global_average_precision_score,
    macro_average_precision_score,
    masked_f1_score,
    masked_fbeta_score,
    masked_hamming_loss,
    masked_jaccard_score,
    masked_precision_score,
    masked_recall_score,
    masked_subset_accuracy_score,
    multilabel_report,
)

OF_SCORES = [
    global_average_precision_score,
    partial(global_average_precision_score, k=2),
    macro_average_precision_score,
    average_precision_per_label,
]
AVERAGES = ["macro", "micro", "weighted", "samples", None]
OF_LABELS = [
    masked_hamming_loss,
    masked_subset_accuracy_score,
    *(
        partial(metric, average=average)
        for average in AVERAGES
        for metric in (
            masked_precision_score,
            masked_recall_score,
            masked_f1_score,
            masked_jaccard_score,
            partial(masked_fbeta_score, beta=0.5),
        )
    ),
]


def quiet(function, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return function(*args, **kwargs)


def draw_times(data, y_true):
    """How often each row stands there: 0 to 3 times, and one of them at least once."""
    times = data.draw(
        st.lists(st.integers(0, 3), min_size=len(y_true), max_size=len(y_true))
    )
    times[0] += not any(times)
    return np.array(times)


def random_problem(n_samples=200, n_labels=5):
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, (n_samples, n_labels))
    y_score = rng.integers(0, 20, y_true.shape) / 20  # ties
    return y_true, y_score, rng.random(n_samples)


@settings(deadline=None, max_examples=60)
@given(problem=problems(), data=st.data())
def test_a_row_of_weight_n_counts_as_n_rows(problem, data):
    y_true, y_score = problem
    times = draw_times(data, y_true)
    often = np.repeat(np.arange(len(times)), times)
    for metrics, response in ((OF_SCORES, y_score), (OF_LABELS, y_score > 0.3)):
        for metric in metrics:
            found = quiet(metric, y_true, response, sample_weight=times)
            expected = quiet(metric, y_true[often], response[often])
            np.testing.assert_allclose(found, expected, atol=1e-12, err_msg=str(metric))


@settings(deadline=None, max_examples=40)
@given(problem=problems(), data=st.data())
def test_the_report_counts_a_row_of_weight_n_as_n_rows(problem, data):
    y_true, y_score = problem
    times = draw_times(data, y_true)
    often = np.repeat(np.arange(len(times)), times)
    found = multilabel_report(
        y_true, y_score=y_score, thresholds=0.3, sample_weight=times
    )
    expected = multilabel_report(y_true[often], y_score=y_score[often], thresholds=0.3)
    for column in expected:  # "known" is left out where the unknown rows weigh nothing
        np.testing.assert_allclose(found[column], expected[column], atol=1e-12)


@pytest.mark.parametrize("average", ["macro", "micro", None])
def test_average_precision_equals_scikit_learns(average):
    y_true, y_score, weights = random_problem()
    ours = {
        "macro": macro_average_precision_score,
        "micro": global_average_precision_score,
        None: average_precision_per_label,
    }[average]
    expected = theirs.average_precision_score(
        y_true, y_score, average=average, sample_weight=weights
    )
    found = ours(y_true, y_score, sample_weight=weights)
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("average", AVERAGES)
def test_f1_and_jaccard_equal_scikit_learns(average):
    y_true, y_score, weights = random_problem()
    y_pred = (y_score > 0.5).astype(int)
    options = {"average": average, "sample_weight": weights}
    for ours, other in (
        (masked_f1_score, theirs.f1_score),
        (masked_jaccard_score, theirs.jaccard_score),
    ):
        np.testing.assert_allclose(
            ours(y_true, y_pred, **options), other(y_true, y_pred, **options)
        )


def test_hamming_loss_and_subset_accuracy_equal_scikit_learns():
    y_true, y_score, weights = random_problem(n_labels=2)
    y_pred = (y_score > 0.5).astype(int)
    assert masked_hamming_loss(y_true, y_pred, sample_weight=weights) == pytest.approx(
        theirs.hamming_loss(y_true, y_pred, sample_weight=weights)
    )
    assert masked_subset_accuracy_score(
        y_true, y_pred, sample_weight=weights
    ) == pytest.approx(theirs.accuracy_score(y_true, y_pred, sample_weight=weights))


def test_support_of_a_report_is_a_sum_of_weights():
    report = multilabel_report(
        [[1, 0], [1, 1]],
        y_pred=[[1, 1], [1, 0]],
        sample_weight=[0.5, 2],
        output="text",
    )
    assert report.splitlines()[1].split()[:2] == ["0", "2.500"]
    assert report.splitlines()[2].split()[:2] == ["1", "2"]


def test_blocks_and_chunks_do_not_change_anything(monkeypatch):
    y_true, y_score, weights = random_problem()
    expected = [
        metric(y_true, y_score, sample_weight=weights) for metric in OF_SCORES[:3]
    ]
    monkeypatch.setattr(_entries, "BLOCK_SIZE", 16)
    monkeypatch.setattr(_ranking, "_BLOCK_SIZE", 64)
    monkeypatch.setattr(_sorted_scores, "_CHUNK_SIZE", 64)
    found = [metric(y_true, y_score, sample_weight=weights) for metric in OF_SCORES[:3]]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_support_counts_rows_whatever_they_weigh():
    y_true, y_score = [[1, 1], [1, 0], [0, 0]], [[0.9, 0.8], [0.7, 0.6], [0.3, 0.7]]
    with pytest.warns(UndefinedMetricWarning, match="1 of 2 labels have fewer than 2"):
        found = macro_average_precision_score(
            y_true, y_score, min_support=2, sample_weight=[5.0, 0.1, 1.0]
        )
    assert found == 1.0


@pytest.mark.parametrize(
    "weights, match",
    [
        ([1.0, -1.0], "[Nn]egative"),
        ([1.0, np.nan], "NaN"),
        ([1.0], "shape"),
        ([0.0, 0.0], "at least one"),  # scikit-learn's words, from 1.9 on
    ],
)
def test_senseless_weights_are_refused(weights, match):
    Y = [[1, 0], [0, 1]]
    for metric in (masked_f1_score, global_average_precision_score):
        with pytest.raises(ValueError, match=match):
            metric(Y, Y, sample_weight=weights)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("k", [None, 2])
def test_gap_of_many_weighted_scores_is_that_of_their_definition(dtype, k, monkeypatch):
    # Runs and blocks far smaller than the scores; ties, signs, both zeros, infinity.
    monkeypatch.setattr("sklearn_clip.metrics._sorted_scores._RUN", 16)
    monkeypatch.setattr("sklearn_clip._shared._entries.BLOCK_SIZE", 100)
    rng = np.random.default_rng(2)
    Y = (rng.random((90, 5)) < 0.3).astype(float)
    Y[rng.random(Y.shape) < 0.1] = np.nan
    values = [-np.inf, -3.5, -1e-30, -0.0, 0.0, 1e-30, 0.25, 7.0, np.inf]
    P = rng.choice(values, size=Y.shape).astype(dtype)
    weights = rng.random(90) + 0.1
    found = global_average_precision_score(Y, P, k=k, sample_weight=weights)
    # By the definition, entry by entry; ties to the first columns.
    known = ~np.isnan(Y)
    order = np.argsort(-np.where(known, P, -np.inf), axis=1, kind="stable")
    if k is not None:
        ranks = np.empty_like(order)
        for row, own in enumerate(order):
            own = [column for column in own if known[row, column]]
            ranks[row] = 99
            ranks[row, own] = np.arange(len(own))
        kept = known & (ranks < k)
    else:
        kept = known
    w = np.broadcast_to(weights[:, None], Y.shape)
    expected = 0.0
    for i, j in np.argwhere(kept & (Y == 1)):
        reached = kept & (P[i, j] <= P)
        precision = w[reached & (Y == 1)].sum() / w[reached].sum()
        expected += w[i, j] * precision
    assert found == pytest.approx(expected / w[Y == 1].sum(), rel=1e-12)
