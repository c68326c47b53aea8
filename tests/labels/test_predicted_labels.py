"""Predictions to names."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_clip import (
    MultiLabelLogisticRegression,
    ThresholdOptimizer,
    labels_to_frame,
    predict_labels,
    top_labels,
)
from sklearn_clip.labels import _first_labels
from sklearn_clip.labels._first_labels import highest

TAGS = [["dog", "red"], [], ["red"], ["dog"]] * 6
NAMES = ["dog", "red"]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    Y = labels_to_frame(TAGS)
    return Y.to_numpy() * 3.0 + rng.normal(size=Y.shape) * 0.1, Y


HEADS = [
    OneVsRestClassifier(LogisticRegression()),
    MultiOutputClassifier(LogisticRegression()),
    ClassifierChain(LogisticRegression()),
    KNeighborsClassifier(1),
    RandomForestClassifier(10, random_state=0),
    MLPClassifier(max_iter=600, random_state=0),
    ThresholdOptimizer(OneVsRestClassifier(LogisticRegression()), cv=3),
    make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression())),
    GridSearchCV(
        OneVsRestClassifier(LogisticRegression()),
        {"estimator__C": [1, 10]},
        scoring="f1_micro",
        cv=3,
    ),
]


@pytest.mark.parametrize("head", HEADS, ids=lambda h: type(h).__name__)
def test_every_head_of_scikit_learn_names_its_labels(head, data):
    X, Y = data
    head.fit(X, Y.to_numpy())
    assert predict_labels(head, X[:4], NAMES) == TAGS[:4]
    top = top_labels(head, X[:4], k=9, label_names=NAMES)
    assert [len(row) for row in top] == [2] * 4
    assert top[3][0][0] == "dog" and top[3][0][1] > top[3][1][1]
    assert isinstance(top[0][0][1], float)


def test_sparse_predictions_are_named_without_a_table(data, monkeypatch):
    X, Y = data
    head = OneVsRestClassifier(LogisticRegression())
    head.fit(X, sparse.csr_matrix(Y.to_numpy()))
    predicted = head.predict(X)
    assert sparse.issparse(predicted)
    monkeypatch.setattr(type(predicted), "toarray", None)
    assert predict_labels(head, X, NAMES) == TAGS
    with pytest.raises(ValueError, match="one name for each of the 2 labels. Got 3"):
        predict_labels(head, X, [*NAMES, "blue"])


def test_sparse_predictions_of_any_kind_are_named():
    class Stored(RidgeClassifier):
        n_labels_ = 3

        def predict(self, X):
            rows, columns = [0, 0, 0, 1, 1, 2], [2, 0, 0, 1, 2, 0]
            data = np.array([1.0, 1.0, 0.0, np.nan, 1.0, 0.0])
            return sparse.coo_matrix((data, (rows, columns)), shape=(3, 3))

    head = Stored().fit([[0.0], [1.0]], [0, 1])
    assert predict_labels(head, [[0.0]] * 3, list("abc")) == [["a", "c"], ["c"], []]


def test_names_are_learnt_from_a_frame(data):
    X, Y = data
    head = ThresholdOptimizer(OneVsRestClassifier(LogisticRegression()), cv=3)
    for model in (head, make_pipeline(StandardScaler(), head)):
        model.fit(X, Y)
        assert predict_labels(model, X[:4]) == TAGS[:4]
        assert top_labels(model, X[2:3], k=1)[0][0][0] == "red"


def test_unknown_names_and_wrong_numbers_are_refused(data):
    X, Y = data
    head = OneVsRestClassifier(LogisticRegression()).fit(X, Y.to_numpy())
    with pytest.raises(ValueError, match="not known.*own classifiers, which keep none"):
        predict_labels(head, X)
    with pytest.raises(ValueError, match="for each of the 2 labels. Got 3"):
        top_labels(head, X, label_names=["a", "b", "c"])
    with pytest.raises(ValueError, match="k must be a positive integer. Got 0"):
        top_labels(head, X, k=0, label_names=NAMES)


def test_a_single_label_is_named_though_its_prediction_is_flat(data):
    X, Y = data
    flat = LogisticRegression().fit(X, Y["dog"])
    column = OneVsRestClassifier(LogisticRegression()).fit(X, Y[["dog"]].to_numpy())
    for head in (flat, column):
        assert predict_labels(head, X[:4], ["dog"]) == [["dog"], [], [], ["dog"]]
        top = top_labels(head, X[:4], label_names=["dog"])
        assert [len(row) for row in top] == [1] * 4
        assert top[0][0][1] > 0.5 > top[1][0][1]
    words = LogisticRegression().fit(X, np.where(Y["dog"], "yes", "no"))
    with pytest.raises(ValueError, match=r"0 and 1 .*Got 'yes' .*LogisticRegression"):
        predict_labels(words, X, ["dog"])
    with pytest.raises(ValueError, match="for each of the 1 labels. Got 2"):
        predict_labels(flat, X, NAMES)


def test_given_names_tell_the_number_of_labels(data):
    X, Y = data
    head = RidgeClassifier().fit(X, Y.to_numpy())
    assert [row[0][0] for row in top_labels(head, X[2:4], 1, NAMES)] == ["red", "dog"]
    with pytest.raises(ValueError, match="must be a fitted multi-label classifier"):
        top_labels(head, X)
    with pytest.raises(ValueError, match=r"here 3 labels. Got shape \(24, 2\)"):
        top_labels(head, X, label_names=["a", "b", "c"])


def test_names_may_be_tuples(data):
    X, Y = data
    Y = Y.set_axis(pd.MultiIndex.from_tuples([("pet", "dog"), ("hue", "red")]), axis=1)
    head = MultiLabelLogisticRegression(C=100).fit(X, Y)
    assert head.label_names_.shape == (2,)
    assert head.label_names_.tolist() == list(Y.columns)
    assert predict_labels(head, X[2:4]) == [["('hue', 'red')"], ["('pet', 'dog')"]]
    assert top_labels(head, X[2:3], k=1)[0][0][0] == "('hue', 'red')"


@pytest.mark.parametrize(
    "make",
    [
        lambda: MultiLabelLogisticRegression(),
        lambda: ThresholdOptimizer(MultiLabelLogisticRegression()),
    ],
)
def test_texts_and_names_that_repeat_are_refused_as_targets(make):
    texts = ["flag, animal", "car", "flag", "animal"]
    with pytest.raises(ValueError, match=r"labels_to_frame\(y.str.split\(','\)\)"):
        make().fit(np.eye(4), texts)


@pytest.mark.parametrize("distinct", [4, 10**9])
@pytest.mark.parametrize("n_labels", [1, 63, 64, 65, 500, 1000])
@pytest.mark.parametrize("k", [1, 3, 60])
def test_highest_scores_are_those_of_a_stable_sort(n_labels, k, distinct):
    rng = np.random.default_rng(0)
    scores = rng.integers(0, distinct, (40, n_labels)).astype(np.float32)
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(highest(scores, k), expected)


@pytest.mark.parametrize("where", ["alone", "pipeline", "search"])
def test_blocks_of_rows_give_the_labels_of_all(monkeypatch, where):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4))
    Y = (X @ rng.normal(size=(4, 200)) > 1).astype(int)
    model = MultiLabelLogisticRegression()
    if where != "alone":
        model = make_pipeline(StandardScaler(), model)
    if where == "search":
        grid = {"multilabellogisticregression__C": [1.0]}
        model = GridSearchCV(model, grid, cv=2, scoring="f1_micro")
    model.fit(X, Y)
    names = [f"label {i}" for i in range(200)]
    whole = top_labels(model, X, 3, label_names=names)
    monkeypatch.setattr(_first_labels, "_BLOCK_SIZE", 200 * 7)
    blocks = top_labels(model, X, 3, label_names=names)
    assert [[n for n, _ in row] for row in blocks] == [[n for n, _ in r] for r in whole]
    assert np.allclose(
        [[p for _, p in row] for row in blocks], [[p for _, p in row] for row in whole]
    )
