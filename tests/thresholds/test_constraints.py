"""Cuts under a bound: brute force without a confidence, simulation with one."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_classifiers import Identity
from scipy.stats import beta, binom
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import precision_score, recall_score
from sklearn.model_selection import GridSearchCV, KFold

from sklearn_clip.thresholds import ThresholdOptimizer
from sklearn_clip.thresholds._constraints import (
    Bound,
    find_bounded_thresholds,
    least_hits,
)
from sklearn_clip.thresholds._scored_rows import ScoredRows

N_SETS = 1000


def calibrated(n_rows, n_labels, seed=0):
    """Uniform scores that are the probabilities of their labels.

    At a threshold t precision is (1 + t) / 2 and recall 1 - t ** 2.
    """
    rng = np.random.default_rng(seed)
    scores = rng.random((n_rows, n_labels))
    return scores, rng.random((n_rows, n_labels)) < scores


def quality(scores, targets, threshold):
    """Precision and recall at a threshold."""
    how = {"zero_division": 0}
    predicted = scores >= threshold
    return precision_score(targets, predicted, **how), recall_score(
        targets, predicted, **how
    )


@pytest.mark.parametrize("quantity", ["precision", "recall"])
@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_rows=st.integers(1, 12),
    value=st.sampled_from([0.3, 0.5, 0.75, 1.0]),
)
def test_bounded_thresholds_reach_brute_force(quantity, seed, n_rows, value):
    rng = np.random.default_rng(seed)
    scores = rng.random((n_rows, 3)).round(1)
    targets = rng.random((n_rows, 3)) < scores
    known = rng.random((n_rows, 3)) < 0.8
    targets &= known
    rows = ScoredRows(scores, targets, known)
    thresholds = find_bounded_thresholds(rows, Bound(quantity, value))
    kept, best = (0, 1) if quantity == "precision" else (1, 0)
    for label, threshold in enumerate(thresholds):
        one = scores[known[:, label], label], targets[known[:, label], label]
        every = [quality(*one, other) for other in np.unique(one[0])]
        feasible = [q for q in every if q[kept] >= value - 1e-12 and q[1] > 0]
        if not feasible:
            assert threshold == np.inf
            continue
        found = quality(*one, threshold)
        assert found[kept] >= value - 1e-12
        assert found[best] == pytest.approx(max(q[best] for q in feasible))


def test_global_bound_pools_the_labels():
    scores, targets = calibrated(500, 4)
    thresholds = find_bounded_thresholds(
        ScoredRows(scores, targets), Bound("precision", 0.8), strategy="global"
    )
    assert len(set(thresholds)) == 1
    precision, _ = quality(scores.ravel(), targets.ravel(), thresholds[0])
    assert precision >= 0.8
    assert thresholds[0] == pytest.approx(0.6, abs=0.1)


@pytest.mark.parametrize("rate, error", [(0.8, 0.05), (0.5, 0.1), (0.95, 0.01)])
def test_least_hits_is_clopper_pearson(rate, error):
    needed = least_hits(np.arange(121), rate, error)
    for trials in range(1, 121):
        hits = np.arange(1, trials + 1)
        lower = beta.ppf(error, hits, trials - hits + 1)
        passing = hits[lower >= rate]
        assert needed[trials] == (passing[0] if len(passing) else trials + 1)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize(
    "quantity, true_value",
    [
        ("precision", lambda threshold: (1 + threshold) / 2),
        ("recall", lambda threshold: 1 - threshold**2),
    ],
)
def test_confidence_is_kept_over_a_thousand_calibration_sets(
    quantity, true_value, confidence
):
    # Every column is a calibration set of its own.
    rows = ScoredRows(*calibrated(400, N_SETS, seed=1))
    thresholds = find_bounded_thresholds(rows, Bound(quantity, 0.8, confidence))
    met = np.isfinite(thresholds)
    broken = true_value(thresholds[met]) < 0.8
    allowed = binom.ppf(0.9999, N_SETS, 1 - confidence)
    assert broken.sum() <= allowed
    assert met.mean() > 0.8
    # The bound is not kept by being useless: most of the other quantity is there.
    limit = 0.6 if quantity == "precision" else np.sqrt(0.2)
    assert abs(np.median(thresholds[met]) - limit) < 0.2
    # Without the tests it would be broken about every second time.
    plain = find_bounded_thresholds(rows, Bound(quantity, 0.8))
    assert (true_value(plain) < 0.8).mean() > 0.4


def test_confidence_is_kept_with_ties_and_unknown_entries():
    scores, targets = calibrated(600, N_SETS, seed=2)
    scores = np.floor(scores * 20) / 20  # label probability is score + 1/40 on average
    known = np.random.default_rng(3).random(scores.shape) < 0.6
    rows = ScoredRows(scores, targets & known, known)
    thresholds = find_bounded_thresholds(rows, Bound("precision", 0.8, 0.9))
    met = np.isfinite(thresholds)
    steps = np.ceil(thresholds[met] * 20 - 1e-9) / 20
    broken = (1 + steps) / 2 < 0.8
    assert broken.sum() <= binom.ppf(0.9999, N_SETS, 0.1)
    assert met.mean() > 0.8


@pytest.mark.filterwarnings("ignore:min_:UserWarning")
def test_labels_that_cannot_meet_a_bound_are_named_and_never_predicted():
    scores, targets = calibrated(300, 3)
    targets[:, 1] = False
    scores[:, 2] = 0.5
    targets[:, 2] = np.arange(300) % 2
    tuned = ThresholdOptimizer(Identity(), cv=3, random_state=0, min_precision=0.9)
    with pytest.warns(
        UserWarning, match=r"No threshold has a precision.*2 label\(s\): \[1"
    ):
        tuned.fit(scores, targets)
    assert tuned.unmet_labels_ == [1, 2]
    assert tuned.thresholds_[1:].tolist() == [np.inf, np.inf]
    assert not tuned.predict(scores)[:, 1:].any()
    assert precision_score(targets[:, 0], tuned.predict(scores)[:, 0]) >= 0.9
    assert not tuned.set_params(at_least_one=True).predict(scores)[:, 1:].any()


@pytest.mark.filterwarnings("ignore:min_:UserWarning")
def test_bounds_of_the_estimator_are_kept_on_the_rows_searched():
    scores, targets = calibrated(400, 3)
    tuned = ThresholdOptimizer(Identity(), cv=3, min_recall=0.9).fit(scores, targets)
    recalls = recall_score(targets, tuned.predict(scores), average=None)
    assert (recalls >= 0.9).all()
    assert (recalls < 0.92).all()
    assert tuned.unmet_labels_ == []
    assert tuned.shrinkage_ == 0


@pytest.mark.parametrize(
    "how",
    [
        {"cv": 0.5, "refit": False},
        {"cv": "prefit", "estimator": Identity().fit(None, np.zeros((1, 3)))},
        {"estimator": FrozenEstimator(Identity().fit(None, np.zeros((1, 3))))},
    ],
    ids=["held_out", "prefit", "frozen"],
)
def test_confidence_takes_scores_of_the_classifier_that_predicts(how):
    scores, targets = calibrated(2000, 3, seed=1)  # one of the 95 % of such sets
    tuned = ThresholdOptimizer(Identity(), min_precision=0.8, confidence=0.95)
    tuned.set_params(**how, random_state=0).fit(scores, targets)
    assert ((1 + tuned.thresholds_) / 2 >= 0.8).all()
    assert tuned.unmet_labels_ == []


SURE = {"min_precision": 0.8, "confidence": 0.9}
HELD_OUT = {**SURE, "cv": 0.5, "refit": False}


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"min_precision": 0.8, "min_recall": 0.8}, "exclude each other"),
        ({"min_recall": 0.8, "strategy": "top_k"}, "they bound thresholds"),
        ({"confidence": 0.9}, "must come with the bound it is for"),
        (SURE, "Fitting it again.* cv=5 and refit=True"),
        ({**SURE, "cv": 0.3}, "Fitting it again.* cv=0.3 and refit=True"),
        (
            {**HELD_OUT, "confidence": "expectation"},
            "must go with min_recall.*Got min_precision=0.8",
        ),
        ({**HELD_OUT, "family_error": 0.1}, "one is for each label alone"),
        ({"family_error": 0.1}, "family_error must come with the bound it is for"),
        ({"family_error": 0.1, "min_recall": 0.8}, "family_error must go with scores"),
        (
            {"family_error": 0.1, "min_recall": 0.8, "cv": 0.5, "refit": False}
            | {"strategy": "global"},
            "one threshold for all labels has one error",
        ),
        ({**HELD_OUT, "at_least_one": True}, "without at_least_one and max_labels"),
        ({**HELD_OUT, "max_labels": 3}, "without at_least_one and max_labels"),
        ({"min_precision": 0.8, "at_least_one": True}, "bound would not be kept"),
        ({"min_recall": 0.8, "max_labels": 1}, "bound would not be kept"),
    ],
)
def test_contradictory_bounds_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        ThresholdOptimizer(Identity(), **wrong).fit(*calibrated(40, 2))


def test_confidence_refuses_weights():
    tuned = ThresholdOptimizer(
        Identity(), cv=0.5, refit=False, min_recall=0.8, confidence=0.9
    )
    with pytest.raises(ValueError, match="without sample_weight"):
        tuned.fit(*calibrated(40, 2), sample_weight=np.ones(40))


HINT = "without confidence holds for the rows searched, not for new ones"


def broken_on_new_rows(name, value, scores, targets):
    """Labels whose bound does not hold in 5 folds at the thresholds of the others."""
    predicted = np.zeros(targets.shape, dtype=bool)
    for train, test in KFold(5).split(scores):
        tuned = ThresholdOptimizer(Identity().fit(None, targets), cv="prefit")
        tuned.set_params(**{name: value}).fit(scores[train], targets[train])
        predicted[test] = tuned.predict(scores[test]) > 0
    score = precision_score if name == "min_precision" else recall_score
    return (score(targets, predicted, average=None, zero_division=1) < value).sum()


@pytest.mark.filterwarnings("ignore:min_:UserWarning")
@pytest.mark.parametrize("name", ["min_precision", "min_recall"])
def test_a_bound_without_confidence_says_how_many_labels_kept_it(name):
    scores, targets = calibrated(200, 6, seed=4)
    broken = broken_on_new_rows(name, 0.75, scores, targets)
    assert 0 < broken < 6
    tuned = ThresholdOptimizer(Identity(), cv=KFold(5), **{name: 0.75})
    with pytest.warns(UserWarning, match=f"{name}=0.75 {HINT}") as caught:
        tuned.fit(scores, targets)
    assert f"{6 - broken} of 6 label(s) kept it" in str(caught[0].message)
    assert "pass confidence=0.95" in str(caught[0].message)


@pytest.mark.parametrize(
    "how, way_out",
    [
        ({"min_precision": 0.9, "cv": KFold(5)}, "confidence=0.95, say, and rows that"),
        ({"min_precision": 0.9, "cv": "prefit"}, "pass confidence=0.95, say[.]$"),
        (
            {"min_precision": 0.9, "cv": 0.5, "refit": False, "random_state": 0},
            "pass confidence=0.95, say[.]$",
        ),
        (
            {"min_precision": 1.0, "cv": "prefit"},
            "pass a lower minimum with confidence=0.95, say[.]$",
        ),
        (
            {"min_recall": 1, "cv": KFold(5)},
            "a lower minimum with confidence=0.95, say",
        ),
    ],
    ids=["folds", "prefit", "held out", "precision of 1", "recall of 1"],
)
def test_way_out_of_a_broken_bound_is_one_that_is_left(how, way_out):
    scores, targets = calibrated(200, 6, seed=4)
    head = Identity().fit(scores, targets)
    with pytest.warns(UserWarning, match=f"(?s){HINT}.*{way_out}"):
        ThresholdOptimizer(head, **how).fit(scores, targets)


def test_a_global_bound_that_new_rows_do_not_keep_says_what_they_reach():
    scores, targets = calibrated(60, 2, seed=0)
    tuned = ThresholdOptimizer(
        Identity(), cv=KFold(5), min_precision=0.9, strategy="global"
    )
    with pytest.warns(UserWarning, match=f"{HINT}.* together was 0[.]8") as caught:
        tuned.fit(scores, targets)
    assert "confidence with strategy='per_label'" in str(caught[0].message)


def test_folds_of_a_search_leave_the_warnings_to_the_fit_on_all_rows():
    scores, targets = calibrated(90, 3, seed=0)
    targets[:, 2] &= scores[:, 2] < 0.5  # never as precise as asked for
    tuned = ThresholdOptimizer(Identity(), cv=KFold(3), min_precision=0.9)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        GridSearchCV(tuned, {"shrinkage": ["auto", None]}, cv=3).fit(scores, targets)
    unmet, broken = sorted(str(warning.message) for warning in caught)
    assert unmet.startswith("No threshold has a precision of at least 0.9 for 1 label")
    assert HINT in broken


@pytest.mark.parametrize(
    "how",
    [
        {"min_precision": 0.1},
        {"min_recall": 0.7, "confidence": 0.9, "cv": 0.5, "refit": False},
        {"min_precision": 0.3, "strategy": "global"},
        {},
    ],
    ids=["kept", "confident", "global", "no bound"],
)
def test_a_bound_that_is_kept_or_sure_gives_no_warning(how):
    scores, targets = calibrated(400, 3, seed=5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ThresholdOptimizer(Identity(), random_state=0, **how).fit(scores, targets)
