"""What ThresholdOptimizer decides from: counts, expected counts, sets, k labels."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from odd_classifiers import Identity
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from sklearn_clip import MultiLabelLogisticRegression, ThresholdOptimizer
from sklearn_clip.plotting import ThresholdCurveDisplay
from sklearn_clip.thresholds._coordinate_ascent import _Ascent
from sklearn_clip.thresholds._objective import METRICS, Objective, metric_score
from sklearn_clip.thresholds._row_ascent import RowAscent
from sklearn_clip.thresholds._row_sets import best_sets
from sklearn_clip.thresholds._score_maps import fit_score_map, map_scores
from sklearn_clip.thresholds._scored_rows import ScoredRows

AVERAGES = ("macro", "weighted", "micro")


def draw(n_rows=400, n_labels=5, seed=0):
    """Probabilities that are too sure of themselves, and targets."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 1.5, size=(n_rows, n_labels))
    targets = rng.random(logits.shape) < 1 / (1 + np.exp(-logits))
    return 1 / (1 + np.exp(-2 * logits)), targets.astype(int)


def prefit(scores, targets, **how):
    """Fit to given scores."""
    classifier = Identity().fit(scores, targets)
    return ThresholdOptimizer(classifier, cv="prefit", **how).fit(scores, targets)


def test_a_samples_average_gives_each_row_its_best_set():
    scores, Y = draw()
    tuned = prefit(scores, Y, average="samples")
    rows = ScoredRows(scores, Y > 0)
    p = map_scores(scores, fit_score_map(rows), probability=True)
    expected = best_sets(p, Objective("f1", "samples"))
    np.testing.assert_array_equal(tuned.predict(scores), expected)
    found = f1_score(Y, expected, average="samples", zero_division=0)
    assert tuned.best_score_ == pytest.approx(found)
    assert tuned.score(scores, Y) == pytest.approx(found)
    assert 0.4 < tuned.cv_score_ < 1
    cut = prefit(scores, Y, average="samples", decision="cut")
    assert found > cut.best_score_
    assert not hasattr(tuned, "thresholds_") and not hasattr(tuned, "threshold_std_")
    # Fitted again, nothing of the former decision is left.
    tuned.set_params(decision="cut").fit(scores, Y)
    np.testing.assert_array_equal(tuned.predict(scores), scores >= tuned.thresholds_)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("metric", METRICS)
def test_expected_cuts_maximise_the_metric_of_expected_counts(metric, average):
    scores, Y = draw(60, 2)
    how = {"metric": metric, "average": average, "decision": "expected"}
    tuned = prefit(scores, Y, shrinkage=None, **how)
    p = map_scores(scores, tuned.score_map_, probability=True)
    np.testing.assert_allclose(
        tuned.score_map_, fit_score_map(ScoredRows(scores, Y > 0))
    )

    def value(thresholds):
        objective = Objective(metric, average)
        return objective.score(objective.tally(p, scores >= thresholds))

    candidates = [[*column, np.inf] for column in scores.T]
    best = max(value(np.array([a, b])) for a in candidates[0] for b in candidates[1])
    assert value(tuned.thresholds_) == pytest.approx(best, abs=1e-10)
    # What is reported is what targets say, not what was expected.
    found = metric_score(
        Y > 0, scores >= tuned.thresholds_, metric=metric, average=average
    )
    assert tuned.best_score_ == pytest.approx(found)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize(
    "rules", [{"at_least_one": True}, {"max_labels": 2}, {"strategy": "global"}]
)
def test_expected_cuts_go_with_rules_unknown_entries_and_weights(average, rules):
    scores, Y = draw(200, 4)
    Y = np.where(np.random.default_rng(1).random(Y.shape) < 0.1, np.nan, Y)
    classifier = Identity().fit(scores, Y)
    tuned = ThresholdOptimizer(
        classifier, cv="prefit", average=average, decision="expected", **rules
    )
    weight = np.random.default_rng(2).integers(1, 4, len(Y)).astype(float)
    tuned.fit(scores, Y, sample_weight=weight)
    assert np.isfinite(tuned.thresholds_).all()
    predicted = tuned.predict(scores)
    if "max_labels" in rules:
        assert predicted.sum(axis=1).max() <= 2
    if "at_least_one" in rules:
        assert predicted.sum(axis=1).min() >= 1
    assert tuned.cv_score_ > 0.4


def test_transductive_thresholds_are_those_of_the_rows_predicted():
    scores, Y = draw()
    tuned = prefit(scores, Y, decision="expected", transductive=True, shrinkage=None)
    # On the very rows of the fit they are the same.
    np.testing.assert_array_equal(tuned.predict(scores), scores >= tuned.thresholds_)
    some = scores[:50] ** 2
    p = map_scores(some, tuned.score_map_, probability=True)
    predicted = tuned.predict(some)
    objective = Objective("f1", "macro")
    for label in range(5):
        column = p[:, [label]]
        every = [
            objective.score(objective.tally(column, some[:, [label]] >= t))
            for t in some[:, label]
        ]
        chosen = predicted[:, [label]] > 0
        assert objective.score(objective.tally(column, chosen)) == pytest.approx(
            max(every)
        )
    assert tuned.predict(scores[:1]).shape == (1, 5)
    assert tuned.predict(scores[:0]).shape == (0, 5)


@pytest.mark.parametrize(
    "how",
    [
        {"average": "samples"},
        *({"average": average} for average in AVERAGES),
        *({"average": average, "decision": "expected"} for average in AVERAGES),
        {"average": "macro", "decision": "expected", "transductive": True},
    ],
)
@pytest.mark.parametrize("k", [1, 3, 9])
def test_every_row_gets_exactly_k_labels(k, how):
    scores, Y = draw()
    average = how["average"]
    tuned = prefit(scores, Y, exactly_k=k, **how)
    other = draw(seed=1)[0]
    assert (tuned.predict(other).sum(axis=1) == min(k, 5)).all()
    # Never worse than the k highest scores on the rows searched.
    plain = np.argsort(np.argsort(-scores, axis=1), axis=1) < k
    plain = f1_score(Y, plain, average=average, zero_division=0)
    assert tuned.best_score_ >= plain - 1e-12


def test_exactly_k_finds_rare_labels_that_the_highest_scores_miss():
    rng = np.random.default_rng(0)
    Y = np.zeros((600, 3), dtype=int)
    Y[:, 0] = rng.random(600) < 0.7
    Y[:, 1:] = rng.random((600, 2)) < 0.15
    scores = np.clip(0.5 * Y.mean(axis=0) + 0.3 * Y + 0.1 * rng.random(Y.shape), 0, 1)
    plain = prefit(scores, Y, strategy="top_k", max_labels=1, at_least_one=True)
    tuned = prefit(scores, Y, exactly_k=1)
    assert tuned.best_score_ > plain.best_score_ + 0.1
    assert tuned.cv_score_ > plain.cv_score_ + 0.1


@pytest.mark.parametrize("head", ["logistic", "neighbors", "svc", "ours"])
@pytest.mark.parametrize("average", ["macro", "samples"])
@pytest.mark.filterwarnings("ignore:Label not")
def test_expected_decisions_take_every_kind_of_score(data, head, average):
    X, Y = data
    classifier = {
        "logistic": OneVsRestClassifier(LogisticRegression()),
        "neighbors": KNeighborsClassifier(),
        "svc": OneVsRestClassifier(LinearSVC()),
        "ours": MultiLabelLogisticRegression(),
    }[head]
    names = ["one", "two", "three", "four"]
    frame = pd.DataFrame(Y, columns=names)
    tuned = ThresholdOptimizer(
        classifier, average=average, decision="expected", cv=3, random_state=0
    ).fit(X, frame)
    assert tuned.score(X, frame) > 0.6
    assert tuned.label_names_.tolist() == names
    again = pickle.loads(pickle.dumps(tuned))
    np.testing.assert_array_equal(again.predict(X), tuned.predict(X))
    assert clone(tuned).decision == "expected"


def test_set_sizes_are_learnt_by_one_more_fit(data):
    rng = np.random.default_rng(0)
    # Two labels that exclude each other where it matters: independence misleads.
    X = rng.normal(size=(800, 3))
    first = rng.random(800) < 0.5
    Y = np.column_stack([first, ~first, first, ~first]).astype(int)
    how = {"average": "samples", "random_state": 0}
    head = MultiLabelLogisticRegression()
    learnt = ThresholdOptimizer(head, set_sizes="learnt", **how).fit(X, Y)
    plain = ThresholdOptimizer(head, **how).fit(X, Y)
    assert learnt.size_pairs_.tolist() == [[0, 2], [1, 2], [2, 2], [3, 2]]
    assert (learnt.predict(X).sum(axis=1) >= 2).all()
    assert learnt.score(X, Y) >= plain.score(X, Y) - 0.02
    assert not hasattr(learnt, "cv_score_") and not hasattr(learnt, "thresholds_")
    assert learnt.predict_proba(X).shape == Y.shape
    assert cross_val_score(learnt, *data, cv=2).mean() > 0.5
    learnt.set_params(set_sizes="independent").fit(X, Y)
    np.testing.assert_array_equal(learnt.predict(X), plain.predict(X))


def test_learnt_set_sizes_leave_out_rows_that_are_not_all_known(data):
    X, Y = data
    hidden = Y.astype(float)
    hidden[::3, 1] = np.nan
    weight = np.random.default_rng(0).random(len(Y)) + 0.5
    how = {"average": "samples", "set_sizes": "learnt", "max_labels": 2}
    head = MultiLabelLogisticRegression()
    tuned = ThresholdOptimizer(head, **how).fit(X, hidden, sample_weight=weight)
    known = ~np.isnan(hidden).any(axis=1)
    same = ThresholdOptimizer(head, **how)
    same.fit(X[known], Y[known], sample_weight=weight[known])
    np.testing.assert_array_equal(tuned.predict(X), same.predict(X))
    assert tuned.predict(X).sum(axis=1).max() <= 2


def test_learnt_set_sizes_are_not_those_of_rows_without_weight():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8))
    Y = (X + rng.normal(size=X.shape) > 0.8).astype(int)
    weight = (np.arange(len(Y)) % 3 > 0).astype(float)
    counts = weight > 0
    other = np.where(counts[:, None], Y, 1 - Y)  # with six labels and more
    how = {"average": "samples", "set_sizes": "learnt"}
    head = MultiLabelLogisticRegression()
    tuned = ThresholdOptimizer(head, **how).fit(X, other, sample_weight=weight)
    same = ThresholdOptimizer(head, **how).fit(X[counts], Y[counts])
    np.testing.assert_array_equal(tuned.size_pairs_, same.size_pairs_)
    np.testing.assert_array_equal(tuned.predict(X), same.predict(X))
    with pytest.raises(ValueError, match="whose sample_weight is above 0"):
        tuned.fit(X, np.where(counts[:, None], 0, Y), sample_weight=weight)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"decision": "expected", "min_precision": 0.5}, "no min_precision or min_rec"),
        (
            {"decision": "expected", "average": "samples", "strategy": "top_k"},
            "strategy must be 'per_label'",
        ),
        (
            {"decision": "expected", "average": "samples", "metric": np.maximum},
            "metric must be a named one",
        ),
        (
            {"transductive": True},
            "transductive=True must come with decision='expected'",
        ),
        (
            {"transductive": True, "decision": "expected", "average": "samples"},
            "transductive=True must come with",
        ),
        (
            {"set_sizes": "learnt"},
            "set_sizes='learnt' must come with average='samples'",
        ),
        (
            {"set_sizes": "learnt", "average": "samples", "decision": "cut"},
            "set_sizes='learnt' must come with",
        ),
        (
            {"set_sizes": "learnt", "average": "samples", "metric": "jaccard"},
            "metric must not be 'jaccard'",
        ),
        (
            {"set_sizes": "learnt", "average": "samples", "exactly_k": 1},
            "must come without exactly_k",
        ),
        ({"exactly_k": 1, "max_labels": 2}, "must come without max_labels"),
        ({"exactly_k": 1, "strategy": "global"}, "must come without strategy='global'"),
        ({"exactly_k": 1, "min_recall": 0.5}, "must come without min_precision or min"),
    ],
)
def test_decisions_that_cannot_be_made_are_refused(how, message):
    scores, Y = draw(50)
    with pytest.raises(ValueError, match=message):
        ThresholdOptimizer(OneVsRestClassifier(LogisticRegression()), **how).fit(
            scores, Y
        )


def test_learnt_set_sizes_need_an_estimator_that_is_fitted(data, logistic):
    X, Y = data
    how = {"average": "samples", "set_sizes": "learnt"}
    fitted = logistic.fit(X, Y)
    for given in (
        ThresholdOptimizer(fitted, cv="prefit", **how),
        ThresholdOptimizer(FrozenEstimator(fitted), **how),
    ):
        with pytest.raises(ValueError, match="neither prefit nor frozen"):
            given.fit(X, Y)


def test_cuts_take_over_where_samples_averages_cannot_be_expected(data, logistic):
    X, Y = data
    for how in ({"strategy": "global"}, {"strategy": "top_k"}, {"metric": half_right}):
        tuned = ThresholdOptimizer(logistic, average="samples", cv=2, **how).fit(X, Y)
        assert tuned.thresholds_.shape == (4,)


def half_right(tp, fp, fn, tn):
    """A metric that has no name."""
    return (tp + tn) / (2 * (tp + fp + fn + tn))


def test_thresholds_set_by_hand_take_over_from_sets():
    scores, Y = draw()
    for how in ({"average": "samples"}, {"exactly_k": 2}):
        tuned = prefit(scores, Y, **how)
        with pytest.raises(ValueError, match="one for every label, as there are none"):
            tuned.set_thresholds({0: 0.3})
        tuned.set_thresholds(0.4)
        np.testing.assert_array_equal(tuned.predict(scores), scores >= 0.4)


def test_labels_of_constant_scores_are_named_once(data):
    X, Y = data
    flat = X.copy()
    names = ["one", "two", "three", "four"]

    class Flat(Identity):
        def predict_proba(self, X):
            scores = np.abs(np.asarray(X)[:, :4]) % 1
            scores[:, 1:3] = 0.3 + len(X) / 1000
            return scores

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ThresholdOptimizer(Flat(), cv=4).fit(flat, pd.DataFrame(Y, columns=names))
    said = [str(w.message) for w in caught if "scores of" in str(w.message)]
    assert len(said) == 1
    assert (
        "The scores of 2 label(s) are the same in every row (['two', 'three']"
        in (said[0])
    )
    with pytest.warns(UserWarning, match=r"scores of 4 label\(s\) are the same"):
        ThresholdOptimizer(DummyClassifier(strategy="prior"), cv=3).fit(X, Y)


def test_constant_labels_and_single_rows_are_not_blamed_on_the_classifier(data):
    X, Y = data
    Y = Y.copy()
    Y[:, 0] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Label not")
        head = OneVsRestClassifier(LogisticRegression())
        ThresholdOptimizer(head, cv=3).fit(X, Y)
        prefit(np.full((1, 2), 0.5), np.array([[0, 1]]))


def test_log_probabilities_pass_through_where_the_estimator_has_them(data):
    X, Y = data
    tuned = ThresholdOptimizer(KNeighborsClassifier(), cv=2)
    assert not hasattr(tuned, "predict_log_proba")
    tuned = ThresholdOptimizer(RandomForestClassifier(5, random_state=0), cv=2)
    with pytest.raises(NotFittedError):
        tuned.predict_log_proba(X)
    tuned.fit(X, Y)
    with np.errstate(divide="ignore"):
        found = tuned.predict_log_proba(X)
        expected = tuned.estimator_.predict_log_proba(X)
    np.testing.assert_array_equal(found, expected)


def test_optimizers_written_before_there_were_decisions_still_predict(
    tmp_path, data, logistic
):
    X, Y = data
    for average in ("macro", "samples"):
        how = {"average": average, "decision": "cut", "cv": 2, "random_state": 0}
        tuned = ThresholdOptimizer(logistic, **how)
        predicted = tuned.fit(X, Y).predict(X)
        for name in ("decision", "set_sizes", "transductive", "exactly_k"):
            del tuned.__dict__[name]
        joblib.dump(tuned, tmp_path / "old.joblib")
        old = joblib.load(tmp_path / "old.joblib")
        np.testing.assert_array_equal(old.predict(X), predicted)
        assert old.score(X, Y) == pytest.approx(tuned.score(X, Y))
        # As then: what was a cut stays one, fitted again as well.
        np.testing.assert_array_equal(clone(old).fit(X, Y).predict(X), predicted)


@pytest.mark.parametrize("metric", [*METRICS, half_right])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_climb_by_lookups_ends_where_the_other_does(metric, weighted):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        scores, targets = rng.random((40, 5)).round(1 + seed), rng.random((40, 5)) < 0.4
        weight = rng.integers(0, 3, 40).astype(float) if weighted else None
        rows = ScoredRows(scores, targets, None, weight)
        objective = Objective(metric, "samples")
        start = rng.random(5)
        plain = _Ascent(rows, objective, start, at_least_one=False, limit=None).run()
        found, value = RowAscent(rows, objective).run(start)
        how = {**objective._asdict(), "sample_weight": weight}
        expected = metric_score(targets, scores >= plain, **how)
        assert value == pytest.approx(metric_score(targets, scores >= found, **how))
        assert value == pytest.approx(expected, abs=1e-9)
        assert value >= metric_score(targets, scores >= start, **how) - 1e-12


@pytest.mark.parametrize(
    "how", [{}, {"store_curves": True}, {"set_sizes": "learnt"}], ids=str
)
def test_thresholds_that_are_not_there_are_not_drawn(data, how):
    X, Y = data
    head = MultiLabelLogisticRegression()
    tuned = ThresholdOptimizer(head, average="samples", cv=2, **how).fit(X, Y)
    for given in ({"X": X, "y": Y}, {}):
        with pytest.raises(ValueError, match="estimator must cut scores at thresholds"):
            ThresholdCurveDisplay.from_estimator(tuned, **given)
