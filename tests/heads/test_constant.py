"""Members of MultiOutputClassifier and ClassifierChain on labels of one class."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn import config_context
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.model_selection import KFold, cross_val_score
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, LinearSVC
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.fixes import parse_version

from sklearn_clip import ConstantSafeClassifier, ThresholdOptimizer


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    Y = (X[:, :3] > [0, 0.5, 9]).astype(int)  # nobody has the last label
    Y[0, 1:] = 0
    return X, Y


def test_scikit_learn_still_needs_the_wrapper(data):
    with pytest.raises(ValueError, match="at least 2 classes"):
        MultiOutputClassifier(LogisticRegression()).fit(*data)
    with pytest.raises(ValueError, match="at least 2 classes"):
        ClassifierChain(LogisticRegression()).fit(*data)


@pytest.mark.parametrize("meta", [MultiOutputClassifier, ClassifierChain])
def test_label_without_positives_is_never_predicted(meta, data):
    X, Y = data
    model = meta(ConstantSafeClassifier(LogisticRegression())).fit(X, Y)
    predicted = model.predict(X)
    assert predicted.shape == Y.shape and not predicted[:, 2].any()
    assert (predicted[:, 0] == Y[:, 0]).mean() > 0.9
    probabilities = model.predict_proba(X)
    if meta is MultiOutputClassifier:
        assert [p.shape for p in probabilities] == [(60, 2)] * 3
        assert [c.tolist() for c in model.classes_] == [[0, 1]] * 3
        probabilities = np.column_stack([p[:, 1] for p in probabilities])
    assert (probabilities[:, 2] == 0).all()


@pytest.mark.parametrize("meta", [MultiOutputClassifier, ClassifierChain])
def test_folds_without_a_label_are_scored(meta, data):
    X, Y = data
    Y[5, 2] = 1  # in one fold only
    model = meta(ConstantSafeClassifier(LogisticRegression()))
    scores = cross_val_score(model, X, Y, cv=KFold(5), scoring="f1_micro")
    assert np.isfinite(scores).all()
    tuned = ThresholdOptimizer(model, cv=KFold(5)).fit(X, Y)
    assert tuned.predict(X).shape == Y.shape


@pytest.mark.parametrize("value", [0, 1, True, False, 1.0])
def test_one_class_is_told_apart_from_the_other(value):
    y = np.full(3, value)
    model = ConstantSafeClassifier(LogisticRegression()).fit(np.zeros((3, 1)), y)
    assert model.classes_.dtype == y.dtype and model.estimator_ is None
    assert (model.predict([[1.0]]) == value).all()
    assert (
        model.predict_proba(np.zeros((2, 1))).tolist()
        == [[1 - int(value), int(value)]] * 2
    )
    assert (model.decision_function([[0.0]]) > 0) == bool(value)


def test_two_classes_are_the_classifiers_own(data):
    X, Y = data
    names = np.array(["no", "yes"])[Y[:, 0]]
    plain = LogisticRegression().fit(X, names)
    model = ConstantSafeClassifier(LogisticRegression()).fit(X, names)
    assert model.classes_.tolist() == ["no", "yes"]
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("y", [["a", "a"], [2, 2], [0, 1, 2]])
def test_classes_that_are_not_two_are_refused(y):
    with pytest.raises(ValueError, match="y must hold two classes"):
        ConstantSafeClassifier(LogisticRegression()).fit(np.zeros((len(y), 1)), y)


def test_methods_are_those_of_the_classifier():
    assert not hasattr(ConstantSafeClassifier(Perceptron()), "predict_proba")
    assert not hasattr(
        ConstantSafeClassifier(KNeighborsClassifier()), "decision_function"
    )


def test_weights_reach_a_classifier_that_takes_them(data):
    X, Y = data
    weight = np.arange(60) % 2
    weighted = ConstantSafeClassifier(LogisticRegression())
    weighted.fit(X, Y[:, 0], sample_weight=weight)
    expected = LogisticRegression().fit(X, Y[:, 0], sample_weight=weight)
    np.testing.assert_array_equal(weighted.estimator_.coef_, expected.coef_)
    ignored = ConstantSafeClassifier(KNeighborsClassifier())
    with pytest.warns(UserWarning, match="sample_weight is ignored.*KNeighborsClas"):
        ignored.fit(X, Y[:, 0], sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        routed = ConstantSafeClassifier(
            LogisticRegression().set_fit_request(sample_weight=True)
        )
        routed.fit(X, Y[:, 0], sample_weight=weight)
        np.testing.assert_array_equal(routed.estimator_.coef_, expected.coef_)


@pytest.mark.parametrize("label", [0, 2])
def test_features_are_remembered_and_checked(label, data):
    X, Y = data
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = ConstantSafeClassifier(LogisticRegression()).fit(frame, Y[:, label])
    assert (model.estimator_ is None) == (label == 2)
    assert model.n_features_in_ == 4
    assert model.feature_names_in_.tolist() == list("abcd")
    for method in (model.predict, model.predict_proba, model.decision_function):
        with pytest.raises(ValueError, match="feature names should match"):
            method(frame[["b", "a", "c", "d"]])
    model.fit(X, Y[:, label])
    assert not hasattr(model, "feature_names_in_")
    for method in (model.predict, model.predict_proba, model.decision_function):
        with pytest.raises(ValueError, match="X has 2 features, but"):
            method(X[:, :2])


@pytest.mark.parametrize("y", [[0, 1, 0, 1], [0, 0, 0, 0]])
def test_rows_without_a_width_are_taken(y):
    texts = ["a dog", "a cat", "dogs", "cats"]
    inner = make_pipeline(CountVectorizer(), LogisticRegression())
    model = ConstantSafeClassifier(inner).fit(texts, y)
    assert model.predict(texts).tolist() == y or len(set(y)) == 2
    assert not hasattr(model, "n_features_in_")


def test_class_of_rows_without_weight_is_not_seen(data):
    X, _ = data
    y = np.where(np.arange(len(X)) < 5, "yes", "no")
    weight = np.where(y == "yes", 0.0, 1.0)
    for classifier in (SVC(), LinearSVC()):
        safe = ConstantSafeClassifier(classifier).fit(X, y, sample_weight=weight)
        assert safe.classes_.tolist() == ["no", "yes"]
        assert set(safe.predict(X)) == {"no"}
        assert (safe.decision_function(X) < 0).all()
    with pytest.warns(UserWarning, match="sample_weight is ignored"):
        safe = ConstantSafeClassifier(KNeighborsClassifier(1)).fit(X, y, weight)
    assert set(safe.predict(X)) == {"no", "yes"}


def test_weights_pass_through_scikit_learn_to_every_member(data):
    X, Y = data
    weight = np.arange(60) % 3
    model = MultiOutputClassifier(ConstantSafeClassifier(LogisticRegression()))
    model.fit(X, Y, sample_weight=weight)
    for label in (0, 1):
        expected = LogisticRegression().fit(X, Y[:, label], sample_weight=weight)
        found = model.estimators_[label].estimator_.coef_
        np.testing.assert_array_equal(found, expected.coef_)
    with config_context(enable_metadata_routing=True):
        inner = LogisticRegression().set_fit_request(sample_weight=True)
        routed = MultiOutputClassifier(ConstantSafeClassifier(inner))
        routed.fit(X, Y, sample_weight=weight)
        found = routed.estimators_[1].estimator_.coef_
        np.testing.assert_array_equal(found, expected.coef_)


EXPECTED = {}
if parse_version(sklearn.__version__) < parse_version("1.7"):
    # For binary classifiers class 0 is what the first row has, which the checks do not
    # keep the same row.
    EXPECTED = dict.fromkeys(
        [
            "check_sample_weight_equivalence_on_dense_data",
            "check_sample_weight_equivalence_on_sparse_data",
        ],
        "compares fits to different targets",
    )

# A list, where `parametrize_with_checks` of scikit-learn 1.6 hands pytest a generator.
CHECKS = list(
    estimator_checks_generator(
        ConstantSafeClassifier(LogisticRegression()),
        expected_failed_checks=EXPECTED,
        mark="xfail",
    )
)


@pytest.mark.parametrize("estimator, check", CHECKS)
def test_scikit_learn_check_passes(estimator, check):
    check(estimator)


def test_weights_reach_the_score_where_it_asks_for_them(data):
    X, Y = data
    w = 1.0 + np.arange(60) % 7
    noisy = Y[:, 0] ^ (np.arange(60) % 5 == 1)
    found = {}
    with config_context(enable_metadata_routing=True):
        head = LogisticRegression().set_fit_request(sample_weight=True)
        for wanted in (True, False):
            safe = ConstantSafeClassifier(head).set_score_request(sample_weight=wanted)
            found[wanted] = cross_val_score(
                safe, X, noisy, cv=KFold(3), params={"sample_weight": w}
            )
        with pytest.raises(UnsetMetadataPassedError, match="ConstantSafeClassifier"):
            cross_val_score(
                ConstantSafeClassifier(head), X, noisy, params={"sample_weight": w}
            )
    for fold, (train, test) in enumerate(KFold(3).split(X)):
        safe = ConstantSafeClassifier(LogisticRegression())
        safe.fit(X[train], noisy[train], sample_weight=w[train])
        plain = safe.score(X[test], noisy[test])
        weighted = safe.score(X[test], noisy[test], sample_weight=w[test])
        assert found[False][fold] == plain != weighted == found[True][fold]
