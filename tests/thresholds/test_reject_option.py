"""Yes, no, or ask: cuts against brute force, guarantees against the truth."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from odd_classifiers import Identity, RecordingClassifier
from scipy import sparse
from scipy.stats import binom
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.svm import LinearSVC
from sklearn.utils import get_tags

from sklearn_clip import (
    LabelSetClassifier,
    MultiLabelLogisticRegression,
    RejectOptionClassifier,
    predict_labels,
)
from sklearn_clip.metrics import masked_precision_score, multilabel_report
from sklearn_clip.thresholds._answer_cuts import find_answer_cuts
from sklearn_clip.thresholds._constraints import Bound
from sklearn_clip.thresholds._scored_rows import ScoredRows

CLASSIFIERS = {
    "reject": RejectOptionClassifier(
        MultiLabelLogisticRegression(),
        min_precision=0.8,
        min_npv=0.8,
        confidence=0.8,
        random_state=0,
    ),
    "sets": LabelSetClassifier(MultiLabelLogisticRegression(), random_state=0),
}
each = pytest.mark.parametrize("classifier", CLASSIFIERS.values(), ids=CLASSIFIERS)


@pytest.fixture(scope="module")
def many():
    X, Y = make_multilabel_classification(
        1200, n_features=8, n_classes=3, n_labels=1, random_state=0
    )
    return X / 10, Y


def calibrated(n_rows, n_labels, seed=0):
    """Scores that are uniform and the probabilities of their labels."""
    rng = np.random.default_rng(seed)
    scores = rng.random((n_rows, n_labels))
    return scores, rng.random(scores.shape) < scores


def prefit(n_labels=3, **params):
    """Make a classifier of given scores."""
    head = Identity().fit(None, np.zeros((1, n_labels)))
    return RejectOptionClassifier(head, cv="prefit", **params)


def right(targets, chosen):
    """Share of chosen rows that are hits, 1 of none."""
    return targets[chosen].mean() if chosen.any() else 1.0


@pytest.mark.parametrize("seed", range(30))
def test_cuts_on_the_rows_searched_answer_as_many_as_brute_force(seed):
    rng = np.random.default_rng(seed)
    scores = rng.random((25, 1)).round(1)
    targets = rng.random((25, 1)) < scores
    known = rng.random((25, 1)) < 0.9
    targets &= known
    p, q = rng.choice([0.4, 0.6, 0.8, 0.95], size=2)
    found = find_answer_cuts(
        ScoredRows(scores, targets, known), Bound("precision", p), Bound("precision", q)
    )
    s, t = scores[known], targets[known]

    def keeps(yes, no):
        ups, downs = s >= yes, s < no
        if ups.any() and right(t, ups) < p - 1e-9:
            return False
        return not downs.any() or right(~t, downs) >= q - 1e-9

    places = np.append(np.unique(s), np.inf)
    best = max(
        ((s >= yes) | (s < no)).sum()
        for yes in places
        for no in np.append(-np.inf, places)
        if no <= yes and keeps(yes, no)
    )
    yes, no = found.yes[0], found.no[0]
    assert no <= yes
    assert keeps(yes, no)
    answered = ((s >= yes) | (s < no)).sum()
    lone = [yes for yes in places if keeps(yes, -np.inf)]
    # As many as can be, but where no single cut keeps both: there yes goes first.
    assert answered == best or yes == min(lone)


def test_both_answers_keep_their_guarantee_and_most_is_answered():
    # At cuts a > b, precision is (1 + a) / 2 and negative predictive value 1 - b / 2.
    n_sets = 1000
    rows = ScoredRows(*calibrated(800, n_sets, seed=1))
    bounds = Bound("precision", 0.8, 0.9), Bound("precision", 0.9, 0.9)
    cuts = find_answer_cuts(rows, *bounds)
    limit = binom.ppf(0.9999, n_sets, 0.1)
    assert ((1 + cuts.yes) / 2 < 0.8).sum() <= limit
    assert (1 - cuts.no / 2 < 0.9).sum() <= limit
    assert np.isfinite(cuts.yes).mean() > 0.95
    assert np.isfinite(cuts.no).mean() > 0.7
    assert abs(np.median(cuts.yes) - 0.6) < 0.1
    assert 0.05 < np.median(cuts.no[np.isfinite(cuts.no)]) < 0.2


def test_family_error_is_that_of_any_answer_of_any_label():
    broken = 0
    for seed in range(300):
        scores, targets = calibrated(600, 5, seed)
        cuts = find_answer_cuts(
            ScoredRows(scores, targets),
            Bound("precision", 0.7, 0.8, True),
            Bound("precision", 0.7, 0.8, True),
        )
        broken += ((1 + cuts.yes) / 2 < 0.7).any() or (1 - cuts.no / 2 < 0.7).any()
    assert broken <= binom.ppf(0.9999, 300, 0.2)


def test_where_all_could_be_answered_either_way_one_cut_errs_least():
    scores = np.linspace(0.01, 0.99, 99)[:, None]
    targets = scores > 0.3
    targets[[25, 40]] ^= True
    cuts = find_answer_cuts(
        ScoredRows(scores, targets), Bound("precision", 0.5), Bound("precision", 0.2)
    )
    assert cuts.yes[0] == cuts.no[0]
    errors = [((scores >= cut) != targets).sum() for cut in scores[:, 0]]
    assert ((scores >= cuts.yes[0]) != targets).sum() == min(errors)


def test_answers_are_yes_no_and_nan(many):
    X, Y = many
    answers = clone(CLASSIFIERS["reject"]).fit(X, Y)
    predicted, scores = answers.predict(X), answers.predict_proba(X)
    assert predicted.dtype == np.float64
    np.testing.assert_array_equal(predicted == 1, scores >= answers.yes_thresholds_)
    np.testing.assert_array_equal(predicted == 0, scores < answers.no_thresholds_)
    np.testing.assert_array_equal(np.isnan(predicted), answers.ask(X))
    surely, possibly = answers.label_sets(X)
    np.testing.assert_array_equal(surely, predicted == 1)
    np.testing.assert_array_equal(possibly, predicted != 0)
    assert answers.unmet_yes_ == answers.unmet_no_ == []
    assert answers.score(X, Y) == pytest.approx((predicted == Y).mean())
    np.testing.assert_allclose(answers.coverage_ + answers.ask_rate_, 1)


def test_strict_bounds_leave_something_to_ask(many):
    X, Y = many
    answers = clone(CLASSIFIERS["reject"]).set_params(
        min_precision=0.9, min_npv=0.95, confidence=0.9
    )
    answers.fit(X, Y)
    asked = answers.ask(X).mean(axis=0)
    assert ((asked > 0.05) & (asked < 1)).all()
    np.testing.assert_allclose(answers.ask_rate_, asked, atol=0.1)


def test_open_answers_go_through_heads_and_metrics(many):
    X, Y = many
    answers = clone(CLASSIFIERS["reject"]).set_params(
        min_precision=0.9, min_npv=0.95, confidence=0.9
    )
    predicted = answers.fit(X, Y).predict(X)
    again = MultiLabelLogisticRegression().fit(X, predicted)
    known = ~np.isnan(predicted)
    for label in range(3):
        alone = MultiLabelLogisticRegression().fit(
            X[known[:, label]], predicted[known[:, label], label]
        )
        np.testing.assert_allclose(again.coef_[label], np.ravel(alone.coef_), rtol=1e-3)
    judged = np.where(known, Y, np.nan)
    precision = masked_precision_score(judged, predicted == 1, average=None)
    for label in range(3):
        yes = predicted[:, label] == 1
        assert precision[label] == pytest.approx(Y[yes, label].mean())
    report = multilabel_report(judged, predicted == 1)
    assert report["known"].iloc[:3].tolist() == known.sum(axis=0).tolist()
    with pytest.raises(ValueError, match=r"y_pred.*Got nan.*left open.*y_pred == 1"):
        masked_precision_score(Y, predicted)


def test_labels_of_rows_are_named_where_the_answer_is_yes(many):
    X, Y = many
    Y = pd.DataFrame(Y, columns=["cat", "dog", "cow"])
    answers = clone(CLASSIFIERS["reject"]).set_params(min_precision=0.9, min_npv=0.95)
    named = predict_labels(answers.fit(X, Y), X)
    assert [len(names) for names in named] == (answers.predict(X) == 1).sum(1).tolist()
    assert answers.label_names_.tolist() == ["cat", "dog", "cow"]


@pytest.mark.parametrize("side", ["min_precision", "min_npv"])
def test_answer_without_a_bound_is_never_given(side):
    scores, targets = calibrated(2000, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers = prefit(min_precision=0.7, min_npv=0.7).set_params(**{side: None})
        answers.fit(scores, targets)
    never = 1 if side == "min_precision" else 0
    predicted = answers.predict(scores)
    assert not (predicted == never).any()
    assert (predicted == 1 - never).any()
    unmet = answers.unmet_yes_ if never else answers.unmet_no_
    assert unmet == [0, 1, 2]


def test_folds_of_a_cross_validation_do_not_name_labels_that_cannot_be_answered():
    scores, targets = calibrated(400, 2)
    targets[:, 1] = scores[:, 1] > 2
    head = FrozenEstimator(Identity().fit(None, np.zeros((1, 2))))
    answers = RejectOptionClassifier(head, min_precision=0.8, min_npv=0.8)
    with pytest.warns(UserWarning, match="No cut has a precision"):
        clone(answers).fit(scores, targets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cross_validate(
            answers,
            scores,
            targets,
            cv=KFold(2),
            scoring=lambda fitted, X, Y: len(fitted.unmet_yes_),
        )
    assert (found["test_score"] >= 1).all()


def test_labels_that_cannot_be_answered_are_named():
    scores, targets = calibrated(400, 3)
    targets = targets.astype(float)
    targets[:, 1] = np.nan
    targets[:, 2] = 0
    Y = pd.DataFrame(targets, columns=["good", "unknown", "absent"])
    answers = prefit(min_precision=0.8, min_npv=0.8)
    with pytest.warns(UserWarning) as caught:
        answers.fit(scores, Y)
    assert len(caught) == 2
    text = [str(warning.message) for warning in caught]
    assert "precision of at least 0.8 for 2 label(s): ['unknown', 'absent']" in text[0]
    assert "never yes" in text[0]
    assert "predictive value of at least 0.8 for 1 label(s): ['unknown']" in text[1]
    assert answers.unmet_yes_ == ["unknown", "absent"]
    assert answers.unmet_no_ == ["unknown"]
    # The one is always asked, the other answered no up to the highest score seen.
    assert answers.ask_rate_.tolist()[1:] == [1, 0]


def test_weights_count_without_a_confidence():
    rng = np.random.default_rng(0)
    scores, targets = calibrated(150, 2)
    weight = rng.integers(1, 4, 150)
    params = {"min_precision": 0.8, "min_npv": 0.8, "confidence": None}
    weighted = prefit(2, **params).fit(scores, targets, sample_weight=weight)
    repeated = prefit(2, **params).fit(
        scores.repeat(weight, axis=0), targets.repeat(weight, axis=0)
    )
    np.testing.assert_array_equal(weighted.yes_thresholds_, repeated.yes_thresholds_)
    np.testing.assert_array_equal(weighted.no_thresholds_, repeated.no_thresholds_)
    np.testing.assert_allclose(weighted.ask_rate_, repeated.ask_rate_)
    assert weighted.score(scores, targets, weight) == pytest.approx(
        repeated.score(scores.repeat(weight, axis=0), targets.repeat(weight, axis=0))
    )


@pytest.mark.filterwarnings("ignore:No cut")
def test_folds_and_a_refit_go_without_confidence(many):
    X, Y = many
    log = []
    answers = RejectOptionClassifier(
        RecordingClassifier(log), confidence=None, cv=KFold(3), refit=True
    ).fit(np.clip(X, 0, 1), Y)
    assert [entry[0] for entry in log] == [800, 800, 800, 1200]
    assert answers.n_labels_ == 3


@pytest.mark.parametrize(
    "params, weighted, message",
    [
        ({"min_precision": None, "min_npv": None}, False, "must not both be None"),
        ({"cv": 5}, False, "refit=False keeps the estimator"),
        ({"cv": 5, "refit": True}, False, "confidence must go with scores.* cv=5"),
        ({"cv": 0.5, "refit": True}, False, "Fitting it again on all rows voids"),
        (
            {"cv": 0.5, "refit": True, "family_error": 0.1},
            False,
            "family_error must go with scores",
        ),
        ({}, True, "confidence must go without sample_weight"),
        ({"family_error": 0.1}, True, "family_error must go without sample_weight"),
    ],
)
def test_what_cannot_be_kept_is_refused(many, params, weighted, message):
    X, Y = many
    weight = np.ones(len(X)) if weighted else None
    answers = clone(CLASSIFIERS["reject"]).set_params(**params)
    with pytest.raises(ValueError, match=message):
        answers.fit(X, Y, sample_weight=weight)


@pytest.mark.parametrize(
    "params", [{"min_precision": 0}, {"min_npv": 1.5}, {"confidence": 1}]
)
def test_parameters_out_of_range_are_refused(many, params):
    with pytest.raises(ValueError, match="must be"):
        clone(CLASSIFIERS["reject"]).set_params(**params).fit(*many)


@each
@pytest.mark.parametrize(
    "form",
    [sparse.csr_matrix, lambda Y: Y.astype(bool), pd.DataFrame, lambda Y: Y * 1.0],
    ids=["sparse", "bool", "frame", "float"],
)
def test_targets_of_every_form_give_the_same_cuts(classifier, form, many):
    X, Y = many
    plain = clone(classifier).fit(X, Y)
    found = clone(classifier).fit(X, form(Y))
    np.testing.assert_array_equal(found.yes_thresholds_, plain.yes_thresholds_)
    np.testing.assert_array_equal(found.no_thresholds_, plain.no_thresholds_)
    assert found.score(X, form(Y)) == plain.score(X, Y)


@each
def test_unknown_targets_are_left_out(classifier, many):
    X, Y = many
    Y = Y.astype(float)
    Y[::7, 0] = np.nan
    found = clone(classifier).fit(X, Y)
    assert np.isfinite(found.yes_thresholds_).all()
    known = ~np.isnan(Y)
    expected = (found.predict(X) == Y)[known].mean()
    assert found.score(X, Y) == pytest.approx(expected)


@each
def test_one_dimensional_targets_and_other_labels_are_refused(classifier, many):
    X, Y = many
    # Its own name, not that of another class which cuts scores.
    name = type(classifier).__name__
    with pytest.raises(ValueError, match=rf"outside: {name}\(OneVsRestClassifier"):
        clone(classifier).fit(X, Y[:, 0])
    named = clone(classifier).fit(X, pd.DataFrame(Y, columns=list("abc")))
    with pytest.raises(ValueError, match=r"instead of \['a'\]"):
        named.score(X, pd.DataFrame(Y, columns=list("bac")))
    with pytest.raises(ValueError, match=r"y must have shape \(1200, 3\)"):
        named.score(X, Y[:, :2])
    with pytest.raises(sklearn.exceptions.NotFittedError):
        clone(classifier).predict(X)


@each
@pytest.mark.parametrize("way", ["prefit", "frozen"])
def test_fitted_classifiers_are_kept(classifier, way, many):
    X, Y = many
    head = MultiLabelLogisticRegression().fit(X[:600], Y[:600])
    found = clone(classifier)
    if way == "prefit":
        found.set_params(estimator=head, cv="prefit")
        found.estimator = head
    else:
        found.set_params(estimator=FrozenEstimator(head))
    found.fit(X[600:], Y[600:])
    np.testing.assert_array_equal(found.predict_proba(X), head.predict_proba(X))
    with pytest.raises(TypeError, match="nothing is fitted"):
        found.fit(X[600:], Y[600:], extra=1)


@each
def test_decision_values_are_cut_as_well(classifier, many):
    X, Y = many
    found = clone(classifier).set_params(estimator=OneVsRestClassifier(LinearSVC()))
    found.fit(X, Y)
    assert found.response_method_ == "decision_function"
    assert not hasattr(found, "predict_proba")
    scores = found.decision_function(X)
    np.testing.assert_array_equal(
        found.predict(X) == 1, scores >= found.yes_thresholds_
    )


@each
def test_copies_answer_alike(classifier, many):
    X, Y = many
    found = clone(classifier).fit(X, Y)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.predict(X), found.predict(X))
    np.testing.assert_array_equal(clone(found).fit(X, Y).predict(X), found.predict(X))


@each
def test_skops_keeps_answers(classifier, many):
    sio = pytest.importorskip("skops.io")
    X, Y = many
    head = MultiOutputClassifier(LogisticRegression())
    found = clone(classifier).set_params(estimator=head).fit(X, Y)
    dumped = sio.dumps(found)
    module, name = type(found).__module__, type(found).__name__
    assert sio.get_untrusted_types(data=dumped) == [f"{module}.{name}"]
    loaded = sio.loads(dumped, trusted=[f"{module}.{name}"])
    np.testing.assert_array_equal(loaded.predict(X), found.predict(X))


@each
def test_searches_go_through(classifier, many):
    X, Y = many
    search = GridSearchCV(clone(classifier), {"estimator__C": [0.1, 1.0]}, cv=KFold(2))
    search.fit(X, Y)
    assert 0.3 < search.best_score_ <= 1
    assert search.predict(X).shape == Y.shape


def test_weights_that_were_requested_are_routed(many):
    X, Y = many
    log = []
    with sklearn.config_context(enable_metadata_routing=True):
        head = RecordingClassifier(log).set_fit_request(sample_weight=True)
        answers = RejectOptionClassifier(head, confidence=None, min_npv=None)
        answers.set_params(min_precision=0.1, random_state=0)
        answers.fit(np.clip(X, 0, 1), Y, sample_weight=np.arange(1200.0))
    assert len(log) == 1
    assert len(log[0][1]) == 600


@each
def test_tags_are_those_of_a_multi_label_classifier(classifier):
    tags = get_tags(classifier)
    assert tags.estimator_type == "classifier"
    assert tags.classifier_tags.multi_label
    assert tags.target_tags.multi_output
    assert not tags.target_tags.single_output


@pytest.mark.parametrize(("precision", "npv"), [(0.5, 0.8), (0.6, 1.0), (0.5, 0.7)])
def test_one_cut_makes_no_error_where_none_need_be_made(precision, npv):
    scores, Y = np.array([[0.1], [0.2], [0.3], [0.4]]), np.array([[0], [0], [1], [1]])
    bounds = {"min_precision": precision, "min_npv": npv, "confidence": None}
    asked = RejectOptionClassifier(Identity().fit(scores, Y), cv="prefit", **bounds)
    np.testing.assert_array_equal(asked.fit(scores, Y).predict(scores), Y)


@pytest.mark.parametrize("seed", range(40))
def test_one_cut_has_the_fewest_errors_of_all(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 12))
    scores = rng.choice(rng.random(8), size=(n, 1))
    Y = (rng.random((n, 1)) < scores).astype(int)
    precision, npv = rng.choice([0.3, 0.5, 0.6, 0.8], 2)
    rows = ScoredRows(scores, Y == 1)
    cuts = find_answer_cuts(
        rows, Bound("precision", precision), Bound("precision", npv)
    )
    errors = []
    for cut in np.unique(scores)[1:]:
        yes = scores >= cut
        if (Y[yes] == 1).mean() >= precision and (Y[~yes] == 0).mean() >= npv:
            errors.append((yes != Y).sum())
    yes, no = scores >= cuts.yes, scores < cuts.no
    if errors:  # then all rows can be answered
        assert (yes | no).all() and (yes != Y).sum() == min(errors)
