"""What the metrics take and what they refuse, seen through the public functions."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_clip import MultiLabelLogisticRegression
from sklearn_clip.metrics import (
    compare,
    global_average_precision_score,
    masked_f1_score,
)
from sklearn_clip.metrics._entries import check_targets

NAN = float("nan")
Y = [[1, 0], [0, NAN]]
FORMS = [
    Y,
    np.array(Y),
    np.array(Y, dtype="f2"),
    np.array([[True, False], [False, None]], dtype=object),
    [[1, 0], [0, None]],
    pd.DataFrame(Y),
    pd.DataFrame({"a": [True, False], "b": pd.array([0, None], dtype="Int64")}),
    pd.DataFrame({"a": [1, 0], "b": pd.array([False, None], dtype="boolean")}),
    pl.DataFrame({"a": [1, 0], "b": [0, None]}),
    pl.DataFrame({"a": [True, False], "b": [False, None]}),
    sparse.csr_matrix(np.array(Y)),
    sparse.coo_array(np.array(Y)),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda f: type(f).__name__)
def test_targets_of_every_form_are_read_alike(form):
    positive, known, _ = check_targets(form)
    np.testing.assert_array_equal(positive, [[True, False], [False, False]])
    np.testing.assert_array_equal(known, [[True, True], [True, False]])


def test_known_is_none_where_all_is_known_and_bool_is_not_copied():
    y_true = np.eye(3, dtype=bool)
    positive, known, names = check_targets(y_true)
    assert positive is y_true
    assert known is None
    assert names is None


def test_duplicates_of_a_sparse_matrix_are_summed():
    doubled = sparse.coo_matrix(([1, 1], ([0, 0], [1, 1])), shape=(2, 2))
    with pytest.raises(ValueError, match=r"Got 2 \(row 0, column 1\)"):
        check_targets(doubled)


@pytest.mark.parametrize("value", [2, -1, 0.5, np.inf, "1", 1j])
def test_strange_target_is_named_with_row_and_column(value):
    y_true = np.zeros((3, 2), dtype=object)
    y_true[2, 1] = value
    match = r"y_true must hold only 0 and 1 .*NaN.*Got .* \(row 2, column 1\)"
    with pytest.raises(ValueError, match=match):
        check_targets(y_true)


def test_strange_target_of_a_frame_is_named_with_its_label():
    frame = pd.DataFrame({"cat": [0, 1], "dog": [1, 3]})
    with pytest.raises(ValueError, match=r"Got 3 \(row 1, column 1, label 'dog'\)"):
        check_targets(frame)


@pytest.mark.parametrize(
    "form", [lambda y: y, sparse.csr_matrix, pd.DataFrame], ids=["a", "s", "f"]
)
def test_strange_predictions_are_named_with_the_fix(form):
    y_pred = form(np.array([[0, 1], [0, 0.7]]))
    match = r"y_pred must hold only 0 and 1 .*Got 0.7 \(row 1, .*y_score >= 0.5"
    with pytest.raises(ValueError, match=match):
        masked_f1_score([[0, 1], [1, 1]], y_pred)


def test_unknown_predictions_are_refused():
    with pytest.raises(ValueError, match="y_pred must hold only 0 and 1"):
        masked_f1_score([[0, 1]], [[0, NAN]])


@pytest.mark.parametrize("form", [np.array, sparse.csr_matrix])
def test_empty_targets_are_refused(form):
    with pytest.raises(ValueError, match="y_true must have at least one row and one"):
        check_targets(form(np.zeros((0, 2))))


def test_one_dimensional_targets_are_refused_with_the_fix():
    match = r"y_true must have 2 dimensions.*shape \(2,\).*reshape\(-1, 1\)"
    with pytest.raises(ValueError, match=match):
        global_average_precision_score([0, 1], [0.5, 0.6])


@pytest.mark.parametrize("y_true", [None, 3, [[0, 1], [1]]])
def test_targets_that_are_no_table_are_refused(y_true):
    with pytest.raises(ValueError, match="y_true must have 2 dimensions"):
        check_targets(y_true)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"y_score must have the shape of y_true, \(1"):
        global_average_precision_score([[0, 1]], [[0.5, 0.1, 0.2]])
    with pytest.raises(ValueError, match=r"y_pred must have the shape of y_true"):
        masked_f1_score([[0, 1]], [[0, 1], [1, 1]])


def test_scores_of_one_array_per_label_are_refused_with_the_fix():
    y_score = [np.full((3, 2), 0.5)] * 2
    with pytest.raises(ValueError, match="np.column_stack"):
        global_average_precision_score(np.eye(3)[:, :2], y_score)


def test_scores_with_nan_are_refused_with_row_column_and_label():
    y_score = pd.DataFrame({"cat": [0.1, 0.2], "dog": [0.3, NAN]})
    match = r"y_score must hold a number .*NaN \(row 1, column 1, label 'dog'\)"
    with pytest.raises(ValueError, match=match):
        global_average_precision_score([[0, 1], [1, 1]], y_score)


def test_scores_of_text_are_refused():
    with pytest.raises(ValueError, match="y_score must hold numbers. Got"):
        global_average_precision_score([[0, 1]], [["a", "b"]])


def test_frames_with_columns_in_another_order_are_refused():
    y_true = pd.DataFrame({"cat": [0, 1], "dog": [1, 1]})
    y_score = pd.DataFrame({"dog": [0.3, 0.4], "cat": [0.1, 0.2]})
    match = r"columns in the order of y_true, \['cat', 'dog'\].*y_score\[y_true.columns"
    with pytest.raises(ValueError, match=match):
        global_average_precision_score(y_true, y_score)
    found = global_average_precision_score(y_true, y_score[y_true.columns])
    assert found == global_average_precision_score(
        y_true, y_score[y_true.columns].add_prefix("p_")
    )


def test_frames_that_share_labels_in_other_places_are_refused():
    y_true = pd.DataFrame({"cat": [0, 1], "dog": [1, 1], "owl": [0, 1]})
    P = np.random.default_rng(0).random((2, 3))
    expected = global_average_precision_score(y_true, P)
    shifted = pd.DataFrame(P, columns=["dog", "owl", "fox"])
    match = r"order of y_true, \['cat', 'dog', 'owl'\].*Take the labels that both have"
    with pytest.raises(ValueError, match=match):
        global_average_precision_score(y_true, shifted)
    for names in (["cat", "fox", "owl"], range(3), ["a", "b", "c"]):
        named = pd.DataFrame(P, columns=names)
        assert global_average_precision_score(y_true, named) == expected
    # Numbers as names beside those that a table of an array has.
    numbered = y_true.set_axis([2, 3, 1], axis=1)
    assert global_average_precision_score(numbered, pd.DataFrame(P)) == expected
    with pytest.raises(ValueError, match=r"Pass y_score\[y_true.columns\]"):
        global_average_precision_score(numbered, pd.DataFrame(P, columns=[1, 2, 3]))


@pytest.mark.parametrize("wrap", [make_pipeline, lambda *steps: steps[-1]])
def test_a_classifier_in_place_of_what_it_gives_is_refused(wrap):
    head = wrap(StandardScaler(), MultiLabelLogisticRegression())
    said = f"Got a {type(head).__name__}: give what its predict"
    with pytest.raises(TypeError, match=rf"y_score must be .* {said}_proba\(X\)"):
        compare(global_average_precision_score, np.eye(2), head, head)
    with pytest.raises(TypeError, match=rf"y_pred must be .* {said}\(X\)"):
        masked_f1_score([[1, 0]], head)
