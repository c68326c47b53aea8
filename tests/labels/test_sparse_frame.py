"""Tables of thousands of labels: sparse columns, which stay sparse where it matters."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB

from sklearn_clip import (
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
    MultiLabelStratifiedKFold,
    PrecomputedScores,
    ThresholdOptimizer,
    labels_to_frame,
    predict_labels,
)
from sklearn_clip._shared import stored_form
from sklearn_clip.metrics import global_average_precision_score, masked_f1_score


def make_tags(n_rows, n_labels, *, seed=0):
    rng = np.random.default_rng(seed)
    return [
        [f"tag {label}" for label in rng.choice(n_labels, rng.integers(0, 4), False)]
        for _ in range(n_rows)
    ]


@pytest.mark.parametrize("unknown", [[], [0], [2, 7]])
@pytest.mark.parametrize("classes", [None, [f"tag {n}" for n in range(12)]])
def test_sparse_table_holds_what_the_dense_one_does(unknown, classes):
    tags = make_tags(30, 9)
    tags[4] = ["tag 1", "tag 1", "tag 2"]  # a tag that is there twice is there
    for row in unknown:
        tags[row] = None
    series = pd.Series(tags, index=[f"p{row}" for row in range(30)])
    for given in (tags, series):
        dense = labels_to_frame(given, classes)
        found = labels_to_frame(given, classes, sparse=True)
        assert all(isinstance(dtype, pd.SparseDtype) for dtype in found.dtypes)
        pd.testing.assert_frame_equal(found.sparse.to_dense(), dense)


def test_tables_without_tags_are_sparse_too():
    found = labels_to_frame([[], []], ["a", "b"], sparse=True)
    pd.testing.assert_frame_equal(
        found.sparse.to_dense(), labels_to_frame([[], []], ["a", "b"])
    )
    with pytest.raises(ValueError, match="Tags must be among classes. Got 'c'"):
        labels_to_frame([["c"]], ["a", "b"], sparse=True)


def test_sparse_table_is_not_made_dense_for_a_fit(monkeypatch):
    Y = labels_to_frame(make_tags(300, 400), sparse=True)
    X = np.random.default_rng(0).normal(size=(300, 5))

    def refuse(self, *args, **kwargs):
        raise AssertionError("made dense")

    plain = MultiLabelLogisticRegression().fit(X, Y.sparse.to_dense())
    monkeypatch.setattr(pd.arrays.SparseArray, "__array__", refuse)
    head = MultiLabelLogisticRegression().fit(X, Y)
    np.testing.assert_allclose(head.coef_, plain.coef_, atol=1e-6)
    assert list(head.label_names_) == list(Y.columns)
    assert predict_labels(head, X[:3]) == predict_labels(plain, X[:3])
    list(MultiLabelStratifiedKFold(3, random_state=0).split(X, Y))


@pytest.mark.filterwarnings("ignore:.*fewer positives than:UserWarning")
@pytest.mark.parametrize(
    "make",
    [
        lambda head: MultiLabelLogisticRegressionCV([1.0], cv=3, random_state=0),
        lambda head: ThresholdOptimizer(head, cv=3, random_state=0),
        lambda head: MultiLabelCalibrator(head, cv=3, random_state=0),
    ],
)
def test_sparse_table_is_not_made_dense_by_what_holds_rows_out(make, monkeypatch):
    Y = labels_to_frame(make_tags(150, 30), sparse=True)
    X = np.random.default_rng(0).normal(size=(150, 5))
    expected = make(MultiLabelLogisticRegression()).fit(X, Y.sparse.to_dense())

    def refuse(self, *args, **kwargs):
        raise AssertionError("made dense")

    monkeypatch.setattr(pd.arrays.SparseArray, "__array__", refuse)
    found = make(MultiLabelLogisticRegression()).fit(X, Y)
    ours, theirs = found.predict_proba(X), expected.predict_proba(X)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert found.score(X, Y) == expected.score(X, Y)
    assert list(found.label_names_) == list(Y.columns)


@pytest.mark.filterwarnings("ignore:.*fewer positives than:UserWarning")
@pytest.mark.parametrize("unknown", [False, True])
def test_every_room_takes_it_as_the_dense_one(unknown):
    tags = make_tags(120, 6)
    if unknown:
        tags[5] = None
    dense, table = labels_to_frame(tags), labels_to_frame(tags, sparse=True)
    rng = np.random.default_rng(1)
    scores = rng.random(dense.shape)
    for metric in (global_average_precision_score,):
        assert metric(table, scores) == metric(dense, scores)
    assert masked_f1_score(table, scores > 0.5) == masked_f1_score(dense, scores > 0.5)
    cuts = [
        ThresholdOptimizer(PrecomputedScores(), random_state=0).fit(scores, Y)
        for Y in (dense, table)
    ]
    np.testing.assert_array_equal(cuts[0].thresholds_, cuts[1].thresholds_)
    assert list(cuts[1].label_names_) == list(dense.columns)
    folds = MultiLabelStratifiedKFold(3, random_state=0)
    splits = [
        [test.tolist() for _, test in folds.split(scores, Y)] for Y in (dense, table)
    ]
    assert splits[0] == splits[1]
    if not unknown:  # scikit-learn's own
        OneVsRestClassifier(BernoulliNB()).fit(scores, sparse.csr_matrix(dense))


def test_other_tables_are_left_as_they_are():
    ones = pd.DataFrame({"a": pd.arrays.SparseArray([1, 0, 1], fill_value=1)})
    mixed = pd.DataFrame({"a": pd.arrays.SparseArray([1, 0, 0]), "b": [1, 0, 0]})
    gaps = pd.DataFrame({"a": pd.arrays.SparseArray([1.0, np.nan, 0.0])})  # fills NaN
    array = np.eye(2)
    for table in (ones, mixed, gaps, array, [[0, 1]], sparse.eye(2), None):
        assert stored_form(table) is table
        if isinstance(table, pd.DataFrame):
            MultiLabelLogisticRegression().fit([[0.0], [1.0], [2.0]], table)
    taken = stored_form(labels_to_frame([["a"], ["b"]], sparse=True))
    assert sparse.issparse(taken) and taken.toarray().tolist() == [[1, 0], [0, 1]]
