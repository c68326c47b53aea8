"""Bootstrap intervals and comparisons, against copies of the rows."""

import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_problems import problems
from scipy import sparse
from scipy.special import expit
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score, f1_score, make_scorer

from sklearn_clip.metrics import (
    average_precision_per_label,
    bootstrap_interval,
    brier_score_parts,
    compare,
    expected_calibration_error,
    global_average_precision_score,
    macro_average_precision_score,
    map_scorer,
    masked_brier_score,
    masked_f1_score,
    masked_fbeta_score,
    masked_hamming_loss,
    masked_jaccard_score,
    masked_log_loss,
    masked_precision_score,
    masked_recall_score,
    masked_subset_accuracy_score,
    ndcg_at_k_score,
    precision_at_k_score,
    propensity_scored_ndcg_at_k_score,
    propensity_scored_precision_at_k_score,
)
from sklearn_clip.metrics._resampling import Drawing

BY_SCORE = {
    "ap": average_precision_per_label,
    "map": macro_average_precision_score,
    "gap": global_average_precision_score,
    "gap@2": partial(global_average_precision_score, k=2),
}
BY_PROBABILITY = {
    f"{metric.__name__}-{average}": partial(metric, average=average)
    for metric in (masked_log_loss, masked_brier_score)
    for average in ("macro", "micro", "weighted", "samples", None)
}
NORMS = ["l1", "l2", "max"]
AT_K = {
    "p@2": partial(precision_at_k_score, k=2),
    "ndcg@2": partial(ndcg_at_k_score, k=2),
    "psp@1": partial(propensity_scored_precision_at_k_score, k=1),
    "psndcg@2": partial(propensity_scored_ndcg_at_k_score, k=2),
}
BY_LABEL = {
    f"{name}-{average}": partial(metric, average=average, **kwargs)
    for name, (metric, kwargs) in {
        "f1": (masked_f1_score, {}),
        "f2": (masked_fbeta_score, {"beta": 2}),
        "jaccard": (masked_jaccard_score, {}),
        "precision": (masked_precision_score, {"zero_division": np.nan}),
        "recall": (masked_recall_score, {"zero_division": 1.0}),
    }.items()
    for average in ("macro", "micro", "weighted", "samples", None)
} | {"hamming": masked_hamming_loss, "subset": masked_subset_accuracy_score}


@st.composite
def drawings(draw):
    """Targets, scores, and perhaps groups and weights."""
    Y, P = draw(problems())
    n = len(Y)
    groups = draw(st.none() | st.lists(st.integers(0, 3), min_size=n, max_size=n))
    if n < 2 or (groups is not None and len(set(groups)) < 2):
        Y, P, groups = np.vstack([Y, Y]), np.vstack([P, P]), None
        n *= 2
    weights = draw(
        st.none()
        | st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=n, max_size=n)
    )
    if weights is not None and not any(weights):
        weights = None
    return Y, P, groups, weights


@pytest.mark.parametrize("name", [*BY_SCORE, *BY_PROBABILITY, *AT_K, *BY_LABEL])
@settings(max_examples=30, deadline=None)
@given(problem=drawings())
def test_resamples_are_those_of_copied_rows(name, problem):
    Y, P, groups, weights = problem
    call = (BY_SCORE | BY_PROBABILITY | AT_K | BY_LABEL)[name]
    metric, kwargs = getattr(call, "func", call), getattr(call, "keywords", {})
    if name.startswith("ps"):
        kwargs = kwargs | {"propensity": 1 / np.arange(2, Y.shape[1] + 2)}
    call = partial(metric, **kwargs)
    response = P > 0.3 if name in BY_LABEL else P
    if name in BY_PROBABILITY:
        response = expit(P).clip(0.3, 0.9).round(1)
    drawing = Drawing(Y, groups, weights, np.random.RandomState(0))
    counted = drawing.prepare(metric, response, kwargs=kwargs)
    assert not isinstance(counted, partial)  # that copies
    numbers = np.arange(len(Y)) if groups is None else np.unique(groups, False, True)[1]
    for counts in drawing.draw(3):
        found = counted(counts)
        for value, times in zip(found, counts[numbers].T, strict=True):
            rows = np.repeat(np.arange(len(Y)), times)
            own = None if weights is None else np.array(weights)[rows]
            if own is not None and not own.any():
                continue
            weight = 1 if own is None else own[:, None]
            if name in AT_K and not (weight * ~np.isnan(Y[rows])).any():
                assert np.isnan(value)  # the metric itself raises
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UndefinedMetricWarning)
                expected = call(Y[rows], response[rows], sample_weight=own)
            if name.startswith("gap") and not np.nansum(Y[rows] * weight):
                expected = np.nan  # where the metric itself says 0.0
            np.testing.assert_allclose(value, expected, atol=1e-12)


@pytest.mark.parametrize("average", ["macro", "weighted", "micro", None])
@settings(max_examples=20, deadline=None)
@given(problem=drawings(), n_bins=st.integers(1, 6), norm=st.sampled_from(NORMS))
def test_resamples_in_bins_are_those_of_weighted_rows(average, problem, n_bins, norm):
    # A row that occurs twice counts as one of twice the weight, not as two rows.
    Y, P, groups, weights = problem
    P = expit(P).round(1)
    options = {"average": average, "n_bins": n_bins, "norm": norm}
    drawing = Drawing(Y, groups, weights, np.random.RandomState(0))
    counted = drawing.prepare(expected_calibration_error, P, kwargs=options)
    assert not isinstance(counted, partial)  # that copies
    numbers = np.arange(len(Y)) if groups is None else np.unique(groups, False, True)[1]
    for counts in drawing.draw(3):
        found = counted(counts)
        for value, times in zip(found, counts[numbers].T, strict=True):
            weight = times * (1.0 if weights is None else np.array(weights))
            if not weight.any():
                assert np.isnan(value).all()
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UndefinedMetricWarning)
                expected = expected_calibration_error(
                    Y, P, sample_weight=weight, **options
                )
            np.testing.assert_allclose(value, expected, atol=1e-12)


@pytest.mark.parametrize("metric", [BY_SCORE["map"], BY_SCORE["gap"]])
def test_resample_without_the_top_of_a_long_ranking_is_that_of_copied_rows(metric):
    # The first group has more positives than are summed at a time.
    groups = np.repeat([0, 1], [1100, 100])
    Y = np.ones((1200, 1))
    Y[1101::2] = 0
    P = -np.arange(1200.0)[:, None]
    drawn = bootstrap_interval(
        metric, Y, P, groups=groups, n_resamples=20, random_state=0
    ).distribution
    expected = [metric(Y[own], P[own]) for own in (groups < 2, groups < 1, groups > 0)]
    np.testing.assert_allclose(np.unique(drawn.round(9)), np.sort(expected).round(9))


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(7)
    Y = (rng.random((400, 4)) < [0.4, 0.3, 0.2, 0.1]).astype(float)
    return Y, Y + rng.normal(size=Y.shape), Y / 2 + rng.normal(size=Y.shape)


def test_labels_have_intervals_of_their_own(scored):
    Y, P, _ = scored
    found = bootstrap_interval(average_precision_per_label, Y, P, random_state=0)
    np.testing.assert_array_equal(found.estimate, average_precision_per_label(Y, P))
    assert (found.low < found.estimate).all()
    assert (found.estimate < found.high).all()
    assert found.distribution.shape == (1000, 4)
    # Fewer positives, more doubt.
    assert found.standard_error[3] > found.standard_error[0]
    pandas = pytest.importorskip("pandas")
    names = list("abcd")
    table = bootstrap_interval(
        average_precision_per_label, pandas.DataFrame(Y, columns=names), P
    ).to_frame()
    assert list(table.index) == names


def test_any_metric_is_taken(scored):
    Y, P, _ = scored
    ours = bootstrap_interval(
        macro_average_precision_score, Y, P, n_resamples=50, random_state=3
    )
    theirs = bootstrap_interval(
        average_precision_score,
        Y,
        P,
        n_resamples=50,
        random_state=3,
        average="macro",
    )
    np.testing.assert_allclose(theirs.distribution, ours.distribution)
    np.testing.assert_allclose([theirs.low, theirs.high], [ours.low, ours.high])


def share_of_equal_rows(y_true, y_score):
    return (y_true == (y_score > 0.5)).all(axis=1).mean()


def test_metric_without_weights_is_given_copies(scored):
    Y, P, _ = scored
    ours = bootstrap_interval(
        masked_subset_accuracy_score, Y, P > 0.5, n_resamples=50, random_state=3
    )
    own = bootstrap_interval(share_of_equal_rows, Y, P, n_resamples=50, random_state=3)
    np.testing.assert_allclose(own.distribution, ours.distribution)
    with pytest.raises(ValueError, match="'share_of_equal_rows'"):
        bootstrap_interval(share_of_equal_rows, Y, P, sample_weight=np.ones(400))


def test_copies_of_rows_give_no_certainty(scored):
    Y, P, _ = scored
    once = bootstrap_interval(macro_average_precision_score, Y, P, random_state=0)
    copied = np.tile(Y, (4, 1)), np.tile(P, (4, 1))
    groups = np.tile(np.arange(400), 4)
    naive = bootstrap_interval(macro_average_precision_score, *copied, random_state=0)
    grouped = bootstrap_interval(
        macro_average_precision_score, *copied, groups=groups, random_state=0
    )
    assert naive.standard_error < 0.6 * once.standard_error
    np.testing.assert_allclose(
        [grouped.low, grouped.high], [once.low, once.high], atol=1e-9
    )


def test_weights_and_copies_are_one(scored):
    Y, P, _ = scored
    times = np.arange(len(Y)) % 3
    rows = np.repeat(np.arange(len(Y)), times)
    weighted = bootstrap_interval(
        global_average_precision_score, Y, P, sample_weight=times, random_state=0
    )
    copied = bootstrap_interval(
        global_average_precision_score, Y[rows], P[rows], groups=rows, random_state=0
    )
    assert weighted.estimate == pytest.approx(copied.estimate)
    # Rows of weight 0 are drawn, too, in the first one.
    assert weighted.standard_error == pytest.approx(copied.standard_error, rel=0.2)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_interval_holds_the_truth_as_often_as_it_says(method):
    # The truth is the share of wrong entries of all rows of the kind: 0.2.
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(200):
        Y = (rng.random((80, 3)) < 0.5).astype(float)
        wrong = rng.random(Y.shape) < 0.2
        found = bootstrap_interval(
            masked_hamming_loss,
            Y,
            (Y > 0) ^ wrong,
            confidence_level=0.9,
            n_resamples=400,
            method=method,
            random_state=seed,
        )
        held += found.low <= 0.2 <= found.high
    # Binomial(200, 0.9) is below 170 in one of 60 draws; the seed is fixed.
    assert 170 <= held <= 192


def test_comparison_sees_what_pairs_share(scored):
    Y, P, Q = scored
    found = compare(macro_average_precision_score, Y, P, Q, random_state=0)
    assert found.difference == pytest.approx(found.a - found.b)
    assert 0 < found.low < found.difference < found.high
    assert found.p_value == pytest.approx(1 / 1001)
    again = compare(macro_average_precision_score, Y, Q, P, random_state=0)
    assert again.difference == -found.difference
    same = compare(macro_average_precision_score, Y, P, P, random_state=0)
    assert (same.difference, same.low, same.high, same.p_value) == (0, 0, 0, 1)
    # Hardly another classifier: far less doubt than about either alone.
    alike = compare(macro_average_precision_score, Y, P, P + 1e-3 * Q, random_state=0)
    alone = bootstrap_interval(macro_average_precision_score, Y, P, random_state=0)
    assert alike.high - alike.low < 0.2 * (alone.high - alone.low)


@pytest.mark.parametrize(
    "metric", [macro_average_precision_score, global_average_precision_score]
)
def test_comparison_by_rank_does_not_see_scales(metric, scored):
    Y, P, Q = scored
    found = compare(metric, Y, P, Q, n_resamples=50, random_state=0)
    other = compare(metric, Y, np.exp(P), 5 + Q / 100, n_resamples=50, random_state=0)
    assert other.p_value == found.p_value
    np.testing.assert_allclose(other.distribution, found.distribution)


@pytest.mark.parametrize("left_out", ["unknown", "weightless"])
@pytest.mark.parametrize(
    "metric", [macro_average_precision_score, global_average_precision_score]
)
def test_comparison_by_rank_sees_no_score_that_does_not_count(metric, left_out):
    rng = np.random.default_rng(0)
    Y = (rng.random((150, 3)) < 0.3).astype(float)
    P, Q = rng.random((2, 150, 3)) + Y / 2
    weights = None
    if left_out == "unknown":
        lost = rng.random(Y.shape) < 0.4
        Y[lost] = np.nan
    else:
        weights = (rng.random(150) < 0.6).astype(float)
        lost = np.tile(weights[:, None] == 0, (1, 3))
    call = partial(compare, n_resamples=50, sample_weight=weights, random_state=0)
    found = call(metric, Y, P, Q)
    # One classifier puts the others of these below all, the other above all.
    other = call(metric, Y, np.where(lost, -9, P), np.where(lost, 9, Q))
    assert found.p_value > 0.05
    assert other.p_value == found.p_value


def test_p_values_are_even_where_nothing_differs():
    rng = np.random.default_rng(5)
    found = []
    for seed in range(150):
        Y = (rng.random((60, 2)) < 0.5).astype(float)
        a, b = (Y > 0) ^ (rng.random((2, *Y.shape)) < 0.3)
        found.append(
            compare(
                masked_hamming_loss,
                Y,
                a,
                b,
                n_resamples=10,
                n_permutations=99,
                random_state=seed,
            ).p_value
        )
    assert np.mean(np.array(found) <= 0.1) <= 0.16
    assert np.mean(np.array(found) <= 0.5) <= 0.6


def test_label_that_resamples_lose_has_no_interval():
    Y = np.zeros((40, 2))
    Y[:20, 0] = 1
    Y[0, 1] = 1
    P = np.random.default_rng(0).random(Y.shape)
    # Of one positive, 37 % of the resamples have none: the others give an interval.
    found = bootstrap_interval(average_precision_per_label, Y, P, random_state=0)
    assert np.isfinite(found.low).all()
    Y[0, 1] = 0
    found = bootstrap_interval(average_precision_per_label, Y, P, random_state=0)
    assert np.isnan([found.estimate[1], found.low[1], found.high[1]]).all()


@pytest.mark.parametrize(
    "metric", [BY_SCORE["map"], masked_log_loss, partial(precision_at_k_score, k=1)]
)
@pytest.mark.parametrize("lost", ["weight", "label"])
def test_resample_of_which_nothing_is_known_counts_as_undefined(metric, lost):
    rng = np.random.default_rng(0)
    Y = (rng.random((12, 2)) < 0.5).astype(float)
    P = rng.random(Y.shape)
    groups, weights = np.arange(12) // 4, None
    if lost == "weight":
        weights = np.repeat([1.0, 0.0], [4, 8])
    else:
        Y[4:] = np.nan
    found = bootstrap_interval(
        metric, Y, P, groups=groups, sample_weight=weights, random_state=0
    )
    # The one group of which something is known is not drawn in (2/3)^3 of them.
    assert np.isnan(found.distribution).mean() == pytest.approx(8 / 27, abs=0.05)
    assert found.low == pytest.approx(found.estimate) == pytest.approx(found.high)


def test_fixed_seed_gives_the_same_interval(scored):
    Y, P, _ = scored
    call = partial(bootstrap_interval, masked_f1_score, Y, P > 0.5)
    one, two, other = (call(random_state=s).distribution for s in (0, 0, 1))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"n_resamples": 5}, "n_resamples must be an integer of at least 10. Got 5"),
        ({"n_resamples": 99.5}, "n_resamples must be an integer"),
        ({"confidence_level": 95}, "confidence_level must be between 0 and 1. Got 95"),
        ({"method": "basic"}, "method must be 'bca' or 'percentile'. Got 'basic'"),
        ({"groups": ["a"] * 400}, "at least two groups to draw from. Got 1"),
        ({"groups": ["a"] * 3}, r"groups must have shape \(400,\)"),
        ({"k": 0}, "k must be a positive integer"),
        ({"sample_weight": [1] * 3}, "sample_weight"),
    ],
)
def test_bad_parameters_are_named(parameters, error, scored):
    Y, P, Q = scored
    with pytest.raises(ValueError, match=error):
        bootstrap_interval(global_average_precision_score, Y, P, **parameters)
    with pytest.raises(ValueError, match=error):
        compare(global_average_precision_score, Y, P, Q, **parameters)


def test_metric_of_another_shape_is_refused(scored):
    Y, P, _ = scored
    with pytest.raises(ValueError, match=r"one for each label. Got .* \(400, 4\)"):
        bootstrap_interval(lambda y, p: p, Y, P)


@pytest.mark.parametrize("found", [None, "good", [[1], [1, 2]]])
def test_metric_that_gives_no_number_is_refused(found, scored):
    Y, P, _ = scored
    with pytest.raises(ValueError, match="metric must give a number, or one for each"):
        bootstrap_interval(lambda y, p: found, Y, P, n_resamples=10)


@pytest.mark.parametrize(
    ("metric", "error"),
    [
        ("f1", "such as masked_f1_score. Got 'f1'.$"),
        (None, "Got None"),
        (map_scorer, "A scorer calls a classifier: give the metric"),
        (make_scorer(f1_score, average="macro"), "A scorer calls a classifier"),
    ],
)
def test_metric_that_is_no_function_of_rows_is_refused(metric, error, scored):
    Y, P, Q = scored
    with pytest.raises(TypeError, match=f"metric must be a function .*{error}"):
        bootstrap_interval(metric, Y, P)
    with pytest.raises(TypeError, match=f"metric must be a function .*{error}"):
        compare(metric, Y, P, Q)


@pytest.mark.parametrize("metric", [masked_f1_score, f1_score])
def test_weights_below_0_are_refused_whatever_the_metric(metric, scored):
    Y, P, _ = scored
    weights = np.arange(len(Y)) - 1.0
    for call in (bootstrap_interval, partial(compare, score_b=P > 0)):
        with pytest.raises(ValueError, match="Negative values"):
            call(metric, Y, P > 0.5, sample_weight=weights, average="macro")


def test_metric_without_weights_is_refused_where_there_are_some(scored):
    Y, P, Q = scored
    weight = np.ones(len(Y))

    def distance(y_true, y_score):
        return np.abs(y_true - y_score).mean()

    with pytest.raises(ValueError, match="must go with a metric that takes it. Got 'd"):
        bootstrap_interval(distance, Y, P, sample_weight=weight)
    with pytest.raises(ValueError, match="must go with a metric that takes it. Got 'd"):
        compare(distance, Y, P, Q, sample_weight=weight)


@pytest.mark.parametrize("metric", [masked_f1_score, f1_score])
@pytest.mark.parametrize("weighted", [False, True])
def test_sparse_predictions_are_those_of_the_array(metric, weighted, scored):
    Y, P, Q = scored
    A, B = P > 0.5, Q > 0.6
    options = {"average": "macro", "n_resamples": 20, "random_state": 0}
    # One evaluation for every row is slow where the rows are not counted.
    options["method"] = "percentile" if metric is f1_score else "bca"
    if weighted:
        options["sample_weight"] = np.arange(len(Y)) % 3
    interval = bootstrap_interval(metric, Y, A, **options)
    expected = compare(metric, Y, A, B, n_permutations=20, **options)
    for kind in (sparse.csr_matrix, sparse.csc_array):
        found = bootstrap_interval(metric, kind(Y), kind(A), **options)
        np.testing.assert_allclose(found.distribution, interval.distribution)
        np.testing.assert_allclose(found.low, interval.low)
        found = compare(metric, kind(Y), kind(A), kind(B), n_permutations=20, **options)
        assert found.p_value == expected.p_value
        np.testing.assert_allclose(found.distribution, expected.distribution)
        found = compare(metric, Y, kind(A), B, n_permutations=20, **options)
        assert found.p_value == expected.p_value


def test_numbers_that_are_not_one_for_each_label_have_no_names(scored):
    Y, P, Q = scored
    Y = pd.DataFrame(Y, columns=list("abcd"))
    parts = bootstrap_interval(brier_score_parts, Y, expit(P), n_resamples=20)
    assert parts.label_names is None
    assert len(parts.to_frame()) == 3
    # Four numbers for four labels, in another order than that of Y.
    for labels in ([2, 1], [3, 1, 0, 2]):
        options = {"average": None, "labels": labels, "n_resamples": 20}
        options["method"] = "percentile"
        found = bootstrap_interval(f1_score, Y, P > 0.5, **options)
        assert found.label_names is None
        found = compare(f1_score, Y, P > 0.5, Q > 0.5, n_permutations=20, **options)
        assert found.label_names is None


def test_metric_that_copies_of_rows_bias_has_an_interval_around_it():
    """BCa of such resamples is a point, beyond the estimate."""
    rng = np.random.default_rng(4)
    P = rng.random((200, 4)) ** 2
    Y = rng.random((200, 4)) < P
    call = partial(bootstrap_interval, expected_calibration_error, Y, P, norm="max")
    options = {"n_resamples": 200, "random_state": 0, "average": None}
    found, percentiles = (call(method=m, **options) for m in ("bca", "percentile"))
    # On the rows given, some are below nearly all of their resamples.
    assert (percentiles.low > found.estimate).any()
    assert (found.low < found.estimate).all()
    assert (found.estimate < found.high).all()
    widths = percentiles.high - percentiles.low
    assert (found.high - found.low > 0.5 * widths).all()


def test_mean_over_many_labels_is_in_its_interval():
    """The bias of each label stays where the spread of their mean gets small."""
    rng = np.random.default_rng(0)
    P = rng.random((600, 60))
    Y = rng.random(P.shape) < 0.06 * P
    found = bootstrap_interval(
        macro_average_precision_score, Y, P, n_resamples=200, random_state=0
    )
    assert (found.distribution > found.estimate).mean() > 0.99
    assert found.low < found.estimate < found.high
    width = 2 * 1.96 * found.standard_error
    assert found.high - found.low == pytest.approx(width, rel=0.3)


def test_estimate_that_all_resamples_have_is_its_own_interval(scored):
    Y, _, _ = scored
    for metric in (masked_f1_score, masked_subset_accuracy_score):
        found = bootstrap_interval(metric, Y, Y, n_resamples=50)
        assert found.low == found.estimate == found.high == 1


def test_labels_of_scikit_learn_are_compared(scored):
    Y, P, Q = scored
    labels = (P > 0.5).astype(int), (Q > 0.5).astype(int)
    kwargs = {"n_resamples": 20, "n_permutations": 20, "random_state": 0}
    ours = compare(masked_f1_score, Y, *labels, average="macro", **kwargs)
    theirs = compare(f1_score, Y, *labels, average="macro", **kwargs)
    assert theirs.p_value == ours.p_value
    np.testing.assert_allclose(theirs.distribution, ours.distribution)


@pytest.mark.parametrize("named", ["y_true", "y_score"])
@pytest.mark.parametrize("form", [dict, pd.Series])
def test_propensities_go_by_name(named, form, scored):
    Y, P, Q = scored
    names = [f"label {i}" for i in range(Y.shape[1])]
    values = np.linspace(0.2, 0.9, len(names))
    given = form(dict(zip(names[::-1], values[::-1], strict=True)))
    tables = {"y_true": Y, "y_score": P}
    tables[named] = pd.DataFrame(tables[named], columns=names)
    metric, options = propensity_scored_precision_at_k_score, {"random_state": 0}
    plain = {"k": 2, "n_resamples": 20, "propensity": values} | options
    expected = bootstrap_interval(metric, Y, P, **plain)
    found = bootstrap_interval(metric, **tables, **(plain | {"propensity": given}))
    np.testing.assert_array_equal(found.distribution, expected.distribution)
