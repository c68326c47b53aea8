"""Classifiers of scikit-learn that take many labels by themselves."""

import warnings

import numpy as np
import pandas as pd
import pytest
from exported_heads import ExportedHead, assert_exported_alike, make_problem
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import RidgeClassifier, RidgeClassifierCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from sklearn_clip import ThresholdOptimizer

# Five epochs are enough to be other than the start.
pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")

HEADS = {
    "ridge": RidgeClassifier(),
    "ridge cv": RidgeClassifierCV(),
    "tree": DecisionTreeClassifier(random_state=0),
    "short tree": DecisionTreeClassifier(max_depth=3, random_state=0),
    "random tree": ExtraTreeClassifier(max_depth=4, random_state=0),
    "forest": RandomForestClassifier(10, random_state=0),
    "short forest": RandomForestClassifier(6, max_depth=3, random_state=0),
    "weighted forest": RandomForestClassifier(
        6, max_depth=4, class_weight="balanced", random_state=0
    ),
    "extra trees": ExtraTreesClassifier(7, min_samples_leaf=3, random_state=0),
    "perceptron": MLPClassifier((8, 4), max_iter=5, random_state=0),
    "tanh": MLPClassifier((8,), activation="tanh", max_iter=5, random_state=0),
    "logistic": MLPClassifier((8,), activation="logistic", max_iter=5, random_state=0),
    "identity": MLPClassifier((8,), activation="identity", max_iter=5, random_state=0),
    "neighbors": KNeighborsClassifier(),
    "even neighbors": KNeighborsClassifier(4),
    "brute": KNeighborsClassifier(algorithm="brute"),
    "weighted neighbors": KNeighborsClassifier(weights="distance"),
    "one neighbor": KNeighborsClassifier(1, weights="distance"),
    "cosine": KNeighborsClassifier(metric="cosine"),
    "shares": DummyClassifier(),
    "most frequent": DummyClassifier(strategy="most_frequent"),
    "constant": DummyClassifier(strategy="constant", constant=[1, 0, 1, 0, 0]),
}


@pytest.fixture(scope="module")
def problem():
    return make_problem(n_labels=5)


def spread(X):
    """Rows of training, others far from them, and one that is nearly zero."""
    return np.vstack([X, 3 * X[::2], 1e-3 * X[:1]]).astype(np.float32)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_head_says_the_same(head, dtype, problem):
    X, Y = problem
    assert_exported_alike(head.fit(X.astype(dtype), Y), spread(X))


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
def test_cuts_around_a_head_say_the_same(head, problem):
    X, Y = problem
    for rules in ({}, {"strategy": "top_k"}, {"max_labels": 1, "at_least_one": True}):
        tuned = ThresholdOptimizer(head.fit(X, Y), cv="prefit", **rules).fit(X, Y)
        assert_exported_alike(tuned, spread(X))


@pytest.mark.parametrize(
    "name", ["tree", "short tree", "forest", "short forest", "neighbors", "brute"]
)
def test_cut_that_many_rows_meet_says_the_same(name, problem):
    X, Y = problem
    head = HEADS[name].fit(X, Y)
    shares = np.column_stack([p[:, -1] for p in head.predict_proba(spread(X))])
    tuned = ThresholdOptimizer(head, cv="prefit").fit(X, Y)
    cuts = np.unique(shares)[1:-1]
    for cut in cuts[:: len(cuts) // 4 + 1]:
        tuned.set_thresholds(cut)
        assert (shares == cut).any()
        assert_exported_alike(tuned, spread(X))


@pytest.mark.parametrize(
    "name",
    ["tree", "forest", "extra trees", "neighbors", "weighted neighbors", "shares"],
)
def test_constant_labels_say_the_same(name, problem):
    X, Y = problem
    Y = Y.copy()
    Y[:, 0], Y[:, 3] = 0, 1
    assert_exported_alike(HEADS[name].fit(X, Y), spread(X))


@pytest.mark.parametrize("name", [name for name in HEADS if name != "constant"])
def test_single_label_says_the_same(name, problem):
    X, Y = problem
    assert_exported_alike(HEADS[name].fit(X, Y[:, 0]), spread(X))


@pytest.mark.parametrize("name", ["short forest", "neighbors", "perceptron"])
def test_many_labels_and_few_rows_say_the_same(name):
    X, Y = make_problem(n=9, n_labels=60)
    assert_exported_alike(HEADS[name].fit(X, Y), spread(X))


def test_copies_of_weighted_neighbors_alone_count():
    X = np.array([[0, 0], [0, 0], [1, 0], [0, 2]], dtype=np.float32)
    Y = np.array([[1, 0], [0, 0], [0, 1], [1, 1]])
    head = KNeighborsClassifier(4, weights="distance").fit(X, Y)
    assert_exported_alike(head, np.vstack([X, [[0.5, 0.5], [9, 9]]]))


def test_rows_of_zeros_are_at_a_right_angle_to_all_others():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 12)).astype(np.float32)
    X[::3] = 0  # as of rows without a picture
    Y = rng.integers(0, 2, size=(90, 4))
    head = KNeighborsClassifier(7, metric="cosine").fit(X, Y)
    rows = rng.normal(size=(50, 12)).astype(np.float32)
    written = ExportedHead(head, 12)
    expected = np.stack([shares[:, 1] for shares in head.predict_proba(rows)], axis=1)
    np.testing.assert_allclose(written(rows)[0], expected, atol=1e-6)


@pytest.mark.parametrize("n_labels", [1, 4])
@pytest.mark.parametrize("columns", [None, [f"clip_{n}" for n in range(12)]])
def test_row_of_zeros_has_the_neighbors_that_the_classifier_gives_it(columns, n_labels):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 12)), columns=columns)
    Y = rng.integers(0, 2, size=(400, n_labels))
    head = KNeighborsClassifier(5, metric="cosine")
    head.fit(X if columns else X.to_numpy(), Y if n_labels > 1 else Y[:, 0])
    rows = X.to_numpy(copy=True)[:6]
    rows[[1, 4]] = 0  # as of rows without a picture, which are as far from all
    found, labels = ExportedHead(head, 12)(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        shares, predicted = head.predict_proba(rows), head.predict(rows)
    shares = shares if n_labels > 1 else [shares]
    expected = np.stack([share[:, 1] for share in shares], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(labels, predicted.reshape(6, -1))


def test_neighbors_of_sparse_rows_say_the_same(problem):
    X, Y = problem
    head = KNeighborsClassifier(algorithm="brute")
    assert_exported_alike(head.fit(sparse.csr_matrix(X), Y), spread(X))


def test_trees_send_missing_values_where_scikit_learn_does(problem):
    X, Y = problem
    X = X.copy()
    X[::3, 0] = np.nan
    X[1::4, 5] = np.nan
    for head in (
        DecisionTreeClassifier(max_depth=5, random_state=0),
        RandomForestClassifier(5, random_state=0),
        MultiOutputClassifier(HistGradientBoostingClassifier(max_iter=5)),
    ):
        assert_exported_alike(head.fit(X, Y), X)


def test_pipeline_as_a_head_says_the_same(problem):
    X, Y = problem
    head = Pipeline([("scale", MinMaxScaler()), ("head", HEADS["short forest"])])
    assert_exported_alike(head.fit(X, Y), spread(X))


def test_thresholds_of_trees_between_floats_say_the_same():
    """A threshold of float64 lies between two float32 that it parts."""
    low = np.float32(100.1)
    high = np.nextafter(low, np.float32(200))
    X = np.array([[low], [high]] * 4, dtype=np.float32)
    Y = np.array([[0, 1], [1, 0]] * 4)
    tree = DecisionTreeClassifier().fit(X, Y)
    _, labels = ExportedHead(tree, 1)(X)
    np.testing.assert_array_equal(labels, Y)
