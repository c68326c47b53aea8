"""What holds on new rows: simulations in which the truth is known."""

import tracemalloc
import warnings

import numpy as np
import pytest
from odd_classifiers import Identity
from scipy.stats import binom

from sklearn_clip.thresholds import ThresholdOptimizer, _threshold_curves
from sklearn_clip.thresholds._answer_cuts import find_answer_cuts
from sklearn_clip.thresholds._constraints import Bound, find_bounded_thresholds
from sklearn_clip.thresholds._precision_boundary import least_hits, precision_boundary
from sklearn_clip.thresholds._row_risk import find_row_threshold
from sklearn_clip.thresholds._scored_rows import ScoredRows

N_SETS = 1000


def allowed(error, n_sets=N_SETS):
    """Broken promises of so many that are no evidence of a broken guarantee."""
    return binom.ppf(0.9999, n_sets, error)


def walks(n_rows, value, n_sets=4000, seed=0):
    """Hits of rankings whose every row is a hit with one probability."""
    steps = np.random.default_rng(seed).random((n_sets, n_rows)) < value
    return np.cumsum(steps, axis=1)


@pytest.mark.parametrize("groups", [False, True])
def test_held_out_rows_of_rare_labels_are_as_many_as_new_ones(groups):
    """Scores say nothing, so that every threshold is wrong."""
    broken = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        scores, targets = rng.random((1000, 40)), rng.random((1000, 40)) < 0.003
        tuned = ThresholdOptimizer(
            Identity(),
            min_precision=0.005,
            confidence=0.9,
            cv=0.05,
            refit=False,
            random_state=seed,
        )
        params = {"groups": np.arange(1000)} if groups else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # labels that no threshold brings there
            tuned.fit(scores, targets, **params)
        broken.append(np.isfinite(tuned.thresholds_))
    assert np.sum(broken) <= allowed(0.1, 400)


@pytest.mark.parametrize("n_rows, value, error", [(300, 0.5, 0.2), (900, 0.8, 0.05)])
def test_walk_of_the_bare_precision_crosses_with_the_error_and_no_more(
    n_rows, value, error
):
    boundary = precision_boundary(n_rows, value, error)
    hits = walks(n_rows, value)
    crossed = (hits >= boundary.anywhere[1:]).any(axis=1)
    assert crossed.sum() <= allowed(error, len(hits))
    # The error is used: a sum over the tests would leave most of it.
    assert crossed.mean() > 0.75 * error
    for first in (n_rows // 20, n_rows // 2, n_rows):
        here = hits[:, first - 1] >= boundary.onward[first]
        later = (hits[:, first:] >= boundary.anywhere[first + 1 :]).any(axis=1)
        assert (here | later).sum() <= allowed(error, len(hits))


def exact_crossing(hits, value):
    """P(a walk reaches hits at some rank), by going through all walks."""
    n_rows = len(hits) - 1
    crossed = 0.0
    for number in range(2**n_rows):
        steps = [number >> place & 1 for place in range(n_rows)]
        if any(sum(steps[:k]) >= hits[k] for k in range(1, n_rows + 1)):
            crossed += np.prod([value if step else 1 - value for step in steps])
    return crossed


@pytest.mark.parametrize("value", [0.3, 0.5, 0.75])
def test_boundary_of_a_short_ranking_is_exact(value):
    boundary = precision_boundary(10, value, 0.2)
    found = exact_crossing(boundary.anywhere, value)
    assert 0 < found <= 0.2
    # No rank could do with one hit less without breaking the error, but for those that
    # bisection leaves: all of them together could not.
    assert exact_crossing(boundary.anywhere - 1, value) > 0.2


def test_boundary_asks_for_no_less_than_a_single_test():
    ranks = np.arange(501)
    boundary = precision_boundary(500, 0.8, 0.1)
    single = least_hits(ranks, 0.8, 0.1)
    assert (boundary.anywhere >= single).all()
    assert (boundary.onward >= np.minimum(single, boundary.anywhere)).all()
    assert (boundary.onward <= boundary.anywhere).all()
    assert (np.diff(boundary.anywhere) >= 0).all()


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_hardly_any_row_shows_nothing(n_rows):
    boundary = precision_boundary(n_rows, 0.8, 0.05)
    assert (boundary.anywhere > np.arange(n_rows + 1)).all()
    assert (precision_boundary(50, 1.0, 0.5).onward > np.arange(51)).all()


# P(label) by the share of rows with a higher score, as (share, rate) steps.
HARD = {
    "plateau": [(0.12, 0.62), (1.0, 0.08)],
    "a wrong row or two at the top": [(0.002, 0.0), (0.15, 0.8), (1.0, 0.05)],
    "long plateau": [(0.3, 0.57), (1.0, 0.1)],
}


def stepped(steps, n_rows, n_sets, seed=0):
    """Scores, targets and the true precision at every threshold."""
    rng = np.random.default_rng(seed)
    scores = rng.random((n_rows, n_sets))
    ends, rates = map(np.array, zip(*steps, strict=True))
    rate = rates[np.searchsorted(ends, 1 - scores)]
    targets = rng.random(scores.shape) < rate

    def precision(threshold):
        share = np.minimum(1 - threshold[:, None], ends)
        width = np.diff(share, axis=1, prepend=0)
        return (width * rates).sum(axis=1) / (1 - threshold)

    return scores, targets, precision


@pytest.mark.parametrize("name", HARD)
def test_hard_labels_are_met_and_keep_their_precision(name):
    scores, targets, precision = stepped(HARD[name], 2000, N_SETS)
    found = find_bounded_thresholds(
        ScoredRows(scores, targets), Bound("precision", 0.5, 0.8)
    )
    met = np.isfinite(found)
    # Tests from two starts met 5 to 25 % of them.
    assert met.mean() > 0.45
    assert (precision(found[met]) < 0.5).sum() <= allowed(0.2)


def test_labels_sorted_by_target_within_ties_gain_nothing():
    scores, targets, _ = stepped([(1.0, 0.5)], 400, N_SETS)
    scores = np.floor(scores * 10) / 10
    order = np.argsort(~targets, axis=0)  # the hits first, as in a file by class
    scores = np.take_along_axis(scores, order, axis=0)
    targets = np.take_along_axis(targets, order, axis=0)
    found = find_bounded_thresholds(
        ScoredRows(scores, targets), Bound("precision", 0.5001, 0.8)
    )
    assert np.isfinite(found).sum() <= allowed(0.2)


def family(n_sets, n_rows, n_labels, seed=0):
    """Sets of labels: half that everything holds for, half at the limit."""
    rng = np.random.default_rng(seed)
    rates = np.where(np.arange(n_labels) % 2, 0.99, 0.7999)
    for _ in range(n_sets):
        yield rng.random((n_rows, n_labels)), rng.random((n_rows, n_labels)) < rates


def test_family_error_is_that_of_any_label():
    broken = met = alone = 0
    for scores, targets in family(400, 150, 6):
        rows = ScoredRows(scores, targets)
        shared = find_bounded_thresholds(rows, Bound("precision", 0.8, 0.8, True))
        each = find_bounded_thresholds(rows, Bound("precision", 0.8, 0.8))
        broken += np.isfinite(shared[::2]).any()
        alone += np.isfinite(each[::2]).any()
        met += np.isfinite(shared[1::2]).sum()
    assert broken <= allowed(0.2, 400)
    assert alone > 400 * 0.3
    assert met == 3 * 400


def test_settled_labels_leave_their_share_to_the_others():
    targets = np.ones((60, 8), dtype=bool)
    targets[[33, 42, 45, 48, *range(50, 60)], 7] = False
    scores = np.tile(np.linspace(0.9, 0.1, 60)[:, None], 8)
    shared, eighth, all_of_it = (
        find_bounded_thresholds(ScoredRows(scores, targets), bound)[7]
        for bound in (
            Bound("precision", 0.8, 0.8, True),
            Bound("precision", 0.8, 1 - 0.2 / 8),
            Bound("precision", 0.8, 0.8),
        )
    )
    assert shared == all_of_it < eighth < np.inf


def test_labels_of_which_nothing_is_known_take_no_share():
    scores = np.tile(np.linspace(0.9, 0.1, 40)[:, None], 30)
    targets = np.ones((40, 30), dtype=bool)
    known = np.zeros((40, 30), dtype=bool)
    known[:, 0] = True
    found = find_bounded_thresholds(
        ScoredRows(scores, targets & known, known), Bound("precision", 0.9, 0.9, True)
    )
    assert np.isfinite(found[0])
    assert np.isinf(found[1:]).all()


BOUNDS = {
    "searched": Bound("precision", 0.7),
    "each": Bound("precision", 0.7, 0.8),
    "shared": Bound("precision", 0.7, 0.8, True),
    "recall": Bound("recall", 0.7, 0.8, True),
    "expectation": Bound("recall", 0.7, "expectation"),
}


@pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)
@pytest.mark.parametrize("search", ["thresholds", "answers"])
def test_memory_is_that_of_a_few_labels_at_a_time(search, bound, monkeypatch):
    rng = np.random.default_rng(0)
    scores = rng.random((2000, 150))
    known = rng.random(scores.shape) < np.linspace(0.2, 1, 150)
    targets = known & (rng.random(scores.shape) < scores)
    rows = ScoredRows(scores, targets, known)

    def find():
        if search == "thresholds":
            return find_bounded_thresholds(rows, bound)
        return np.stack(find_answer_cuts(rows, bound, bound))

    whole = find()
    monkeypatch.setattr(_threshold_curves, "BLOCK_SIZE", 2**14)
    tracemalloc.start()
    np.testing.assert_array_equal(find(), whole)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.isfinite(whole).any()
    # Beside blocks: scores without unknown ones, mirrored, and the order of either.
    assert peak < (20 if search == "thresholds" else 55) * scores.size + 150 * 2**14


def dependent(n_rows, seed, n_labels=8):
    """Rows with scores and labels that go together; calibrated."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n_rows, 1))
    scores = 1 / (1 + np.exp(-(2 * common + rng.normal(size=(n_rows, n_labels)) - 1)))
    flipped = rng.random((n_rows, 1))  # one number for the row: not independent
    return scores, flipped < scores


def row_quality(scores, targets, threshold):
    """Mean recall of rows with a label, and mean precision of all rows."""
    predicted = scores >= threshold
    hits = (predicted & targets).sum(axis=1)
    some, given = targets.any(axis=1), predicted.any(axis=1)
    precision = np.ones(len(scores))
    precision[given] = hits[given] / predicted[given].sum(axis=1)
    return precision.mean(), (hits[some] / targets[some].sum(axis=1)).mean()


@pytest.fixture(scope="module")
def truth():
    """Precision and recall of a mean row of the world, between thresholds by line."""
    world, grid = dependent(40_000, seed=99), np.linspace(0, 1, 101)
    curves = np.array([row_quality(*world, threshold) for threshold in grid]).T

    def look_up(quantity, thresholds):
        curve = curves[("precision", "recall").index(quantity)]
        return np.interp(thresholds, grid, curve)

    return look_up


@pytest.mark.parametrize("quantity", ["precision", "recall"])
def test_mean_row_keeps_its_bound_with_the_confidence(quantity, truth):
    found = np.array(
        [
            find_row_threshold(
                ScoredRows(*dependent(300, seed)), Bound(quantity, 0.8, 0.9)
            )
            for seed in range(300)
        ]
    )
    assert np.isfinite(found).all()
    true = truth(quantity, found)
    assert (true < 0.8).sum() <= allowed(0.1, 300)
    assert true.mean() < 0.9  # not by being useless


def test_expected_recall_keeps_the_bound_on_average(truth):
    found = [
        find_row_threshold(
            ScoredRows(*dependent(60, seed)), Bound("recall", 0.8, "expectation")
        )
        for seed in range(400)
    ]
    recalls = truth("recall", found)
    error = recalls.std() / np.sqrt(len(recalls))
    assert 0.8 - 4 * error < recalls.mean() < 0.83
    assert 0.2 < (recalls < 0.8).mean() < 0.6  # each alone promises nothing


def test_expected_recall_of_each_label_keeps_the_bound_on_average():
    rng = np.random.default_rng(0)
    scores = rng.random((40, N_SETS))
    targets = rng.random(scores.shape) < scores
    found = find_bounded_thresholds(
        ScoredRows(scores, targets), Bound("recall", 0.8, "expectation")
    )
    recalls = 1 - np.clip(found, 0, 1) ** 2
    assert 0.8 <= recalls.mean() < 0.85


def brute_force_risk(scores, targets, known, threshold):
    """Mean shares of errors of rows, one row at a time."""
    false, missed = [], []
    for score, target, seen in zip(scores, targets, known, strict=True):
        if not seen.any():
            continue
        predicted = seen & (score >= threshold)
        false.append((predicted & ~target).sum() / max(predicted.sum(), 1))
        if target.any():
            missed.append((target & ~predicted).sum() / target.sum())
    return np.mean(false), np.mean(missed)


@pytest.mark.parametrize("quantity, value", [("precision", 0.75), ("recall", 0.6)])
def test_row_thresholds_are_those_of_brute_force(quantity, value):
    rng = np.random.default_rng(0)
    scores = rng.random((60, 5)).round(2)
    targets = rng.random(scores.shape) < scores**0.3
    known = rng.random(scores.shape) < 0.8
    known[0] = False
    targets &= known
    found = find_row_threshold(
        ScoredRows(scores, targets, known), Bound(quantity, value, 0.9)
    )
    place = ("precision", "recall").index(quantity)
    risks = {
        t: brute_force_risk(scores, targets, known, t)[place]
        for t in np.unique(scores[known])
    }
    # What is accepted is on the safe side of a single limit.
    safe = [t for t in risks if (t >= found if quantity == "precision" else t <= found)]
    worst = max(risks[t] for t in safe)
    assert 0 < worst < 1 - value
    if quantity == "precision":
        assert risks[max(t for t in risks if t < found)] > worst
    else:
        following = [t for t in risks if t > found and risks[t] > risks[found]]
        assert risks[min(following)] > worst


@pytest.mark.parametrize("confidence", [0.9, "expectation"])
def test_global_guarantee_of_the_estimator(confidence, truth):
    scores, targets = dependent(800, seed=1)
    tuned = ThresholdOptimizer(
        Identity().fit(None, targets),
        cv="prefit",
        strategy="global",
        min_recall=0.7,
        confidence=confidence,
    ).fit(scores, targets)
    assert len(set(tuned.thresholds_)) == 1
    assert truth("recall", tuned.thresholds_[0]) > 0.69
    assert tuned.unmet_labels_ == []


@pytest.mark.parametrize(
    "how, words",
    [
        ({"confidence": 0.9}, "with confidence 0.9 for 8"),
        ({"family_error": 0.1}, "with confidence 0.9 for all labels together for 8"),
        ({"confidence": 0.9, "strategy": "global"}, "with confidence 0.9 for 8"),
    ],
)
def test_bounds_that_no_row_count_can_show_are_told(how, words):
    scores, targets = dependent(20, seed=1)
    tuned = ThresholdOptimizer(
        Identity().fit(None, targets), cv="prefit", min_precision=0.999, **how
    )
    with pytest.warns(UserWarning, match=f"precision of at least 0.999 {words} label"):
        tuned.fit(scores, targets)
    assert np.isinf(tuned.thresholds_).all()
    assert len(tuned.unmet_labels_) == 8


def test_expectation_that_few_positives_cannot_keep_is_told():
    scores, targets = dependent(20, seed=1)
    targets[:, 0] = False
    targets[0, 0] = True
    tuned = ThresholdOptimizer(
        Identity().fit(None, targets), cv="prefit", min_recall=0.9
    ).set_params(confidence="expectation")
    with pytest.warns(UserWarning, match="recall of at least 0.9 in expectation"):
        tuned.fit(scores, targets)
    assert 0 in tuned.unmet_labels_


def test_no_row_with_a_label_has_no_recall_to_keep():
    rows = ScoredRows(np.random.default_rng(0).random((30, 2)), np.zeros((30, 2), bool))
    for confidence in (0.5, "expectation"):
        assert find_row_threshold(rows, Bound("recall", 0.5, confidence)) == np.inf
    known = np.zeros((30, 2), dtype=bool)
    rows = rows._replace(known=known)
    assert find_row_threshold(rows, Bound("precision", 0.5, 0.5)) == np.inf


def test_family_error_of_the_estimator_is_stricter_than_confidence():
    scores, targets = dependent(1500, seed=3)
    found = {}
    for how in ({"confidence": 0.9}, {"family_error": 0.1}):
        tuned = ThresholdOptimizer(
            Identity().fit(None, targets), cv="prefit", min_precision=0.7, **how
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found[next(iter(how))] = tuned.fit(scores, targets).thresholds_
    assert (found["family_error"] >= found["confidence"]).all()
    assert (found["family_error"] > found["confidence"]).any()
