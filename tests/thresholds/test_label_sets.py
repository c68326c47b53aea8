"""Sets of labels that hold for a row as a whole."""

import numpy as np
import pytest
from odd_classifiers import Identity
from scipy.stats import beta, binom

from sklearn_clip import LabelSetClassifier, MultiLabelLogisticRegression
from sklearn_clip.thresholds._answer_cuts import find_row_cuts
from sklearn_clip.thresholds._scored_rows import ScoredRows


def dependent(n_rows, seed, n_labels=6):
    """Scores and labels whose errors go together in a row."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n_rows, 1))
    signal = common + rng.normal(size=(n_rows, n_labels)) - 1
    noise = rng.normal(size=(n_rows, 1)) + 0.3 * rng.normal(size=(n_rows, n_labels))
    return 1 / (1 + np.exp(-2 * signal)), signal + noise > 0


def covered(cuts, scores, targets):
    """Rows all of whose answers are right: no wrong yes, no wrong no."""
    yes, no = cuts
    return ~(targets & (scores < no)).any(axis=1), ~(~targets & (scores >= yes)).any(1)


def test_rows_are_held_out_whatever_their_labels_are():
    """Each row has one of many rare labels, of which some are not trained on."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(150, 60))

    def draw(n_rows):
        label = rng.integers(150, size=n_rows)
        targets = (label[:, None] == np.arange(150)).astype(int)
        return centres[label] + 0.8 * rng.normal(size=(n_rows, 60)), targets

    X_new, Y_new = draw(1000)
    shares = []
    for seed in range(5):
        sets = LabelSetClassifier(
            MultiLabelLogisticRegression(),
            coverage=0.8,
            surely_error=0,
            random_state=seed,
        ).fit(*draw(300))
        _, possibly = sets.label_sets(X_new)
        shares.append((Y_new <= possibly).all(axis=1).mean())
    assert np.mean(shares) > 0.8


def fitted(scores, targets, **params):
    head = Identity().fit(None, targets)
    return LabelSetClassifier(head, cv="prefit", **params).fit(scores, targets)


@pytest.mark.parametrize("coverage, surely_error", [(0.8, None), (0.9, 0.08), (0.7, 0)])
def test_new_rows_are_covered_as_a_whole(coverage, surely_error):
    new = dependent(4000, seed=10**6)
    whole, never_no, never_yes = [], [], []
    for seed in range(400):
        sets = fitted(
            *dependent(99, seed), coverage=coverage, surely_error=surely_error
        )
        cuts = sets.yes_thresholds_[0], sets.no_thresholds_[0]
        no_right, yes_right = covered(cuts, *new)
        whole.append((no_right & yes_right).mean())
        never_no.append(no_right.mean())
        never_yes.append(yes_right.mean())
    slack = 4 * np.std(whole) / 20 + 0.01  # of 400 draws, and of 4,000 new rows
    assert np.mean(whole) >= coverage - slack
    surely = (1 - coverage) / 2 if surely_error is None else surely_error
    assert np.mean(never_yes) >= 1 - surely - slack
    assert np.mean(never_no) >= coverage + surely - slack
    # Not by answering nothing: each side is as tight as 99 rows allow.
    assert np.mean(never_no) <= coverage + surely + slack
    if surely:
        assert np.mean(never_yes) <= 1 - surely + slack


def test_cuts_are_the_ranks_of_conformal_prediction():
    scores, targets = dependent(59, seed=0)
    yes, no = find_row_cuts(
        ScoredRows(scores, targets), surely_error=0.1, possibly_error=0.05
    )
    worst_no = np.sort(np.where(targets, -np.inf, scores).max(axis=1))
    worst_yes = np.sort(np.where(targets, scores, np.inf).min(axis=1))
    assert yes == np.nextafter(worst_no[-6], np.inf)  # 6 of 60 are 0.1
    assert no == worst_yes[2]  # 3 of 60 are 0.05


def test_scores_that_would_be_both_are_cut_once():
    scores = np.tile([0.1, 0.9], (200, 1))
    targets = np.tile([False, True], (200, 1))
    sets = fitted(scores, targets)
    assert sets.yes_thresholds_.tolist() == sets.no_thresholds_.tolist() == [0.5, 0.5]
    assert sets.score(scores, targets) == 1
    assert sets.coverage_.tolist() == [1, 1]


def test_rows_with_an_unknown_label_are_left_out():
    scores, targets = dependent(300, seed=0)
    Y = targets.astype(float)
    Y[::3, 1] = np.nan
    complete = np.flatnonzero(~np.isnan(Y).any(axis=1))
    some, alone = fitted(scores, Y), fitted(scores[complete], targets[complete])
    assert some.n_calibration_ == 200
    np.testing.assert_array_equal(some.yes_thresholds_, alone.yes_thresholds_)
    np.testing.assert_array_equal(some.no_thresholds_, alone.no_thresholds_)


def test_no_complete_row_is_an_error():
    scores, targets = dependent(30, seed=0)
    Y = targets.astype(float)
    Y[:, 0] = np.nan
    with pytest.raises(ValueError, match="Got NaN in each of 30 rows"):
        fitted(scores, Y)


def test_too_few_rows_answer_nothing_and_say_so():
    scores, targets = dependent(15, seed=0)
    with pytest.warns(UserWarning, match="must be 19 or more.*Got 15"):
        sets = fitted(scores, targets, coverage=0.9)
    assert sets.ask(scores).all()


def test_rows_without_labels_and_with_all_are_rows_like_others():
    scores, targets = dependent(100, seed=0)
    targets[:50] = False
    targets[50:] = True
    sets = fitted(scores, targets, coverage=0.5)
    surely, possibly = sets.label_sets(scores)
    assert (surely <= possibly).all()


@pytest.mark.parametrize(
    "params, message",
    [
        ({"surely_error": 0.2}, "surely_error must be at most 1 - coverage, here 0.1"),
        ({"cv": 3}, "LabelSetClassifier keeps the estimator"),
        ({"coverage": 1}, "'coverage' parameter .* must be"),
    ],
)
def test_what_cannot_be_is_refused(params, message):
    scores, targets = dependent(60, seed=0)
    sets = LabelSetClassifier(MultiLabelLogisticRegression(), **params)
    with pytest.raises(ValueError, match=message):
        sets.fit(scores, targets)


def test_weights_are_refused():
    scores, targets = dependent(60, seed=0)
    sets = LabelSetClassifier(MultiLabelLogisticRegression(), random_state=0)
    with pytest.raises(ValueError, match="coverage must go without sample_weight"):
        sets.fit(scores, targets, sample_weight=np.ones(60))


def test_coverage_of_one_draw_varies_as_theory_says():
    # The coverage of one side, over draws, is Beta(n + 1 - k, k): 95 % of them here.
    n_rows, error = 199, 0.1
    k = int((n_rows + 1) * error)
    new = dependent(20_000, seed=10**6)
    low = beta.ppf(0.025, n_rows + 1 - k, k)
    high = beta.ppf(0.975, n_rows + 1 - k, k)
    inside = 0
    for seed in range(200):
        rows = ScoredRows(*dependent(n_rows, seed))
        cuts = find_row_cuts(rows, surely_error=0.0, possibly_error=error)
        inside += low - 0.005 <= covered(cuts, *new)[0].mean() <= high + 0.005
    assert inside >= binom.ppf(0.0001, 200, 0.95)
