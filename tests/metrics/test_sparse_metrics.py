"""Metrics of sparse targets: the values of the dense ones, and no dense table."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from sparse_forms import FORMS, draw_targets

from sklearn_clip import metrics
from sklearn_clip._shared import _entries

K = 3
# Name of a metric of scores: its arguments.
OF_SCORES = [
    ("global_average_precision_score", {}),
    ("global_average_precision_score", {"k": K}),
    ("precision_at_k_score", {"k": K}),
    ("ndcg_at_k_score", {"k": K}),
    ("propensity_scored_precision_at_k_score", {"k": K}),
    ("propensity_scored_ndcg_at_k_score", {"k": K}),
    ("macro_average_precision_score", {}),
    ("average_precision_per_label", {}),
    ("masked_log_loss", {}),
    ("masked_log_loss", {"average": "samples"}),
    ("masked_brier_score", {"average": "weighted"}),
    ("expected_calibration_error", {}),
    ("expected_calibration_error", {"average": "micro"}),
    ("brier_score_parts", {}),
]
OF_LABELS = [
    *(
        (f"masked_{name}_score", {"average": average})
        for name in ("precision", "recall", "f1", "jaccard")
        for average in ("macro", "micro", "weighted", "samples", None)
    ),
    ("masked_hamming_loss", {}),
    ("masked_subset_accuracy_score", {}),
]


def call(name, Y, response, kwargs):
    metric, args = getattr(metrics, name), (Y, response)
    if name.startswith("propensity"):
        args = (*args, np.linspace(0.1, 1, response.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        return metric(*args, **kwargs)


def draw_problem(seed, *, unknown=0.0):
    rng = np.random.default_rng(seed)
    Y = draw_targets(rng, (40, 9), unknown=unknown)
    scores = (rng.integers(0, 6, Y.shape) / 5).astype(np.float32)  # of which many tie
    weight = rng.integers(0, 4, len(Y)) / 3
    return Y, scores, weight


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.float32, np.uint8])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_and_dtype_gives_the_value_of_the_dense_one(form, dtype):
    Y, scores, _ = draw_problem(0)
    given = FORMS[form](Y, dtype)
    labels = scores >= 0.5
    for name, kwargs in OF_SCORES:
        expected = call(name, Y, scores, kwargs)
        np.testing.assert_array_equal(call(name, given, scores, kwargs), expected)
    for name, kwargs in OF_LABELS:
        expected = call(name, Y, labels, kwargs)
        np.testing.assert_array_equal(call(name, given, labels, kwargs), expected)
        both = call(name, given, FORMS[form](labels.astype(float), dtype), kwargs)
        np.testing.assert_array_equal(both, expected)
    np.testing.assert_array_equal(
        metrics.label_propensities(given), metrics.label_propensities(Y)
    )


@pytest.mark.parametrize("form", ["csr_array", "csc_matrix", "coo_array"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("unknown", [0.0, 0.4])
@pytest.mark.parametrize("seed", range(3))
def test_unknown_entries_and_weights_count_as_in_the_dense_one(
    seed, unknown, weighted, form
):
    Y, scores, weight = draw_problem(seed, unknown=unknown)
    Y[3] = Y[:, 4] = np.nan if unknown else 0.0
    given = FORMS[form](Y, np.float64)
    more = {"sample_weight": weight} if weighted else {}
    labels = (scores >= 0.5).astype(np.int64)
    for name, kwargs in OF_SCORES:
        kwargs = kwargs | more
        found, expected = (call(name, y, scores, kwargs) for y in (given, Y))
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    for name, kwargs in OF_LABELS:
        kwargs = kwargs | more
        expected = call(name, Y, labels, kwargs)
        for y in (Y, given):
            for response in (labels, FORMS[form](labels, np.int64)):
                found = call(name, y, response, kwargs)
                np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("unknown", [0.0, 0.3])
@pytest.mark.parametrize("scored", [False, True])
def test_a_report_is_that_of_the_dense_one(scored, unknown):
    Y, scores, weight = draw_problem(0, unknown=unknown)
    names = [f"label {i}" for i in range(Y.shape[1])]
    labels = (scores >= 0.6).astype(np.int64)
    options = {"sample_weight": weight, "label_names": names}
    options |= {"intervals": 0.9, "random_state": 0, "y_score": scores}
    sparse_ones = dict(options), dict(options)
    if not scored:
        del options["y_score"]
        options["y_pred"] = labels
        sparse_ones = (
            options | {"y_pred": sparse.csr_array(labels)},
            options | {"y_pred": sparse.csc_matrix(labels)},
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        expected = metrics.multilabel_report(Y, **options)
        given = FORMS["csr_array"](Y, float), FORMS["sparse frame"](Y, float)
        for y, own in zip(given, sparse_ones, strict=True):
            found = metrics.multilabel_report(y, **own)
            pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("value", "dtype", "match"),
    [
        (2, np.int64, r"y_true must hold only 0 and 1.*Got 2 \(row 4, column 3"),
        (0.5, np.float32, r"y_true must hold only 0 and 1.*Got 0.5 \(row 4, column 3"),
        (-1, np.int8, r"y_true must hold only 0 and 1.*Got -1 \(row 4, column 3"),
        (np.inf, np.float64, r"y_true must hold only.*Got inf \(row 4, column 3"),
    ],
)
def test_other_values_are_refused_by_their_place(form, value, dtype, match):
    Y, scores, _ = draw_problem(0)
    Y[4, 3] = value
    given = FORMS[form](Y, dtype)
    for name, kwargs in (OF_SCORES[1], OF_SCORES[2], OF_SCORES[3], OF_SCORES[8]):
        with pytest.raises(ValueError, match=match):
            call(name, given, scores, kwargs)
    with pytest.raises(ValueError, match=match):
        metrics.masked_f1_score(given, scores > 0.5)
    with pytest.raises(ValueError, match=match.replace("y_true", "y_pred")):
        metrics.masked_f1_score(scores > 0.5, given)


def test_predictions_may_not_be_unknown_when_they_are_sparse_either():
    Y, _, _ = draw_problem(0)
    stored = sparse.csr_array(np.where(np.arange(9) == 4, np.nan, Y))
    with pytest.raises(ValueError, match=r"y_pred must hold only 0 and 1.*Got nan"):
        metrics.masked_f1_score(sparse.csr_array(Y), stored)


def test_two_sparse_tables_of_other_shapes_are_refused():
    Y, scores, _ = draw_problem(0)
    with pytest.raises(ValueError, match=r"y_pred must have the shape of y_true"):
        metrics.masked_f1_score(sparse.csr_array(Y), sparse.csr_array(Y[:, 1:]))
    with pytest.raises(ValueError, match=r"y_score must have the shape of y_true"):
        metrics.precision_at_k_score(sparse.csr_array(Y), scores[1:], k=1)


def test_nothing_known_is_said_as_of_the_dense_one():
    Y = np.full((3, 4), np.nan)
    with pytest.warns(UndefinedMetricWarning, match="no entry of y_true is known"):
        assert np.isnan(metrics.masked_f1_score(sparse.csr_array(Y), np.zeros((3, 4))))
    with pytest.raises(ValueError, match="must hold a known label in some row"):
        metrics.ndcg_at_k_score(sparse.csr_array(Y), np.zeros((3, 4)), k=1)


def peak_of(call):
    """Bytes that a call has at most in use, beside what is there before."""
    call()  # imports
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture
def many():
    rng = np.random.default_rng(0)
    n_rows, n_labels = 2000, 1500
    places = np.repeat(np.arange(n_rows), 4), rng.integers(0, n_labels, 4 * n_rows)
    stored = sparse.csr_array((np.ones(len(places[0])), places), (n_rows, n_labels))
    return sparse.csr_array(stored > 0).astype(np.int64)


@pytest.mark.parametrize(("name", "kwargs"), OF_LABELS)
def test_sparse_targets_and_predictions_make_no_table(name, kwargs, many):
    cells = many.shape[0] * many.shape[1]
    guess = sparse.csr_array(many[::-1])
    assert peak_of(lambda: call(name, many, guess, kwargs)) < cells / 2


@pytest.mark.parametrize(("name", "kwargs"), [*OF_SCORES[1:6], *OF_SCORES[8:11]])
def test_sparse_targets_beside_scores_make_no_table(name, kwargs, many, monkeypatch):
    monkeypatch.setattr(_entries, "BLOCK_SIZE", 1 << 14)
    scores = np.random.default_rng(1).random(many.shape, dtype=np.float32)
    peak = peak_of(lambda: call(name, many, scores, kwargs))
    assert peak < scores.size  # what a table of bool would take
