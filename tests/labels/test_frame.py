"""Tag lists to targets."""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier

from sklearn_clip import (
    MultiLabelLogisticRegression,
    MultiLabelStratifiedKFold,
    ThresholdOptimizer,
    labels_to_frame,
)
from sklearn_clip.metrics import global_average_precision_score, multilabel_report

TAGS = [["dog", "red"], [], ["red"], ["dog"]] * 6
NAMES = ["dog", "red"]
COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def test_frame_has_a_column_per_label_and_keeps_the_index():
    frame = labels_to_frame(pd.Series(TAGS[:4], index=list("abcd")))
    assert list(frame.columns) == NAMES and list(frame.index) == list("abcd")
    assert frame.to_numpy().tolist() == [[1, 1], [0, 0], [0, 1], [1, 0]]
    chosen = labels_to_frame(TAGS[:2], classes=["red", "blue", "dog"])
    assert list(chosen.columns) == ["red", "blue", "dog"]
    assert chosen.to_numpy().tolist() == [[1, 0, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    "hole", [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT], ids=repr
)
def test_rows_about_which_nothing_is_known_are_nan(hole):
    frame = labels_to_frame([["dog"], hole, []])
    assert np.isnan(frame.to_numpy()[1]).all()
    assert frame.to_numpy()[[0, 2], 0].tolist() == [1, 0]


def test_text_is_not_split_into_letters():
    with pytest.raises(TypeError, match=r"Got the text 'dog,red' \(row 1\). Split it"):
        labels_to_frame([["a"], "dog,red"])


@pytest.mark.parametrize("hole", [None, float("nan"), pd.NA])
@pytest.mark.parametrize("classes", [None, ["a", "b"]])
def test_missing_tag_is_named(hole, classes):
    with pytest.raises(ValueError, match=r"must not be missing. Got .* \(row 1, tag 2"):
        labels_to_frame([["b"], ["a", "b", hole]], classes=classes)


def test_tag_that_is_no_class_is_named():
    with pytest.raises(ValueError, match=r"among classes. Got 'cat' \(row 1\)"):
        labels_to_frame([["dog"], ["cat"]], classes=["dog"])


def test_blanks_around_tags_are_no_part_of_them():
    table = labels_to_frame(text.split(",") for text in ["flag, animal", "animal,car "])
    assert list(table.columns) == ["animal", "car", "flag"]
    assert table.to_numpy().tolist() == [[1, 0, 1], [1, 1, 0]]
    table = labels_to_frame([text.split(",") for text in ("flag, ,car,", "")])
    assert table.to_dict("list") == {"car": [1, 0], "flag": [1, 0]}
    assert labels_to_frame([["a "]], classes=[" a"]).columns.tolist() == ["a"]
    tags = pd.Series(["b, a", None], index=[7, 3])
    table = labels_to_frame(tags.str.split(","))
    assert table.index.tolist() == [7, 3]
    assert table.loc[7].tolist() == [1, 1] and table.loc[3].isna().all()


@pytest.mark.parametrize(
    "other",
    [
        DECOMPOSED,
        "\ufeffcaf\u00e9",
        "caf\u00e9\u200b",
        "ca\u00adf\u00e9",
        "caf\u00e9\u200d",
        "\u200ecaf\u00e9",
        "cafe\u200b\u0301",
    ],
    ids=ascii,
)
def test_tags_that_look_alike_are_one_label_and_that_is_told(other):
    with pytest.warns(UserWarning, match="look alike are one label") as caught:
        frame = labels_to_frame([[COMPOSED, "tea"], [other], ["tea"]] * 3)
    assert frame.to_dict("list") == {COMPOSED: [1, 1, 0] * 3, "tea": [1, 0, 1] * 3}
    assert len(caught) == 1 and caught[0].filename == __file__
    assert ascii(COMPOSED) in str(caught[0].message)
    assert ascii(other) in str(caught[0].message)


@pytest.mark.parametrize("blank", ["\u00a0", "\u202f", "\u3000", "  ", "\t"], ids=ascii)
def test_kinds_of_blanks_make_no_other_label(blank):
    with pytest.warns(UserWarning, match="'red wine'"):
        frame = labels_to_frame([["red wine"], [f"red{blank}wine{blank}"]])
    assert frame.to_dict("list") == {"red wine": [1, 1]}


def test_a_single_spelling_is_composed_and_nothing_is_told():
    # Tables that are read one after the other agree in their columns.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = labels_to_frame([[DECOMPOSED], [f" {DECOMPOSED} "]])
        assert frame.columns.tolist() == [COMPOSED]
        assert labels_to_frame([["a"], ["\u200b"]]).columns.tolist() == ["a"]


@pytest.mark.parametrize("name", [COMPOSED, DECOMPOSED], ids=ascii)
@pytest.mark.parametrize("tag", [COMPOSED, DECOMPOSED], ids=ascii)
def test_tags_are_found_among_classes_which_keep_their_spelling(name, tag):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = labels_to_frame([[tag], []], classes=["tea", name])
    assert frame.columns.tolist() == ["tea", name]
    assert frame.to_numpy().tolist() == [[0, 1], [0, 0]]


def test_letters_and_joiners_that_mean_something_are_kept():
    # Persian and emoji: the joiner inside changes what is read.
    tags = ["\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u062e", "x\u00b2", "x2"]
    with pytest.warns(UserWarning, match="case or width alone"):
        assert labels_to_frame([tags]).shape == (1, 4)


def test_labels_that_differ_in_case_are_two_and_that_is_told():
    with pytest.warns(UserWarning, match="Got 'Dog' and 'dog'. If") as caught:
        frame = labels_to_frame([["Dog"], ["dog", "cat"]])
    assert frame.columns.tolist() == ["Dog", "cat", "dog"]
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chosen = labels_to_frame([["dog"], ["Dog"]], classes=["dog", "Dog"])
        assert chosen.to_numpy().tolist() == [[1, 0], [0, 1]]
        with pytest.raises(ValueError, match=r"Got 'Dog' \(row 1\). Is 'dog' meant\?"):
            labels_to_frame([["dog"], ["Dog"]], classes=["cat", "dog"])


@pytest.mark.parametrize(
    ("classes", "error", "message"),
    [
        ([COMPOSED, "a", DECOMPOSED], ValueError, "classes must be distinct. Got"),
        (["a", "a "], ValueError, "Got 'a' twice"),
        ("abc", TypeError, "a list of names, in their order. Got 'abc'"),
        ({"a", "b"}, TypeError, "a list of names, in their order"),
        (3, TypeError, "Got 3"),
    ],
)
def test_classes_must_be_distinct_names_in_order(classes, error, message):
    with pytest.raises(error, match=message):
        labels_to_frame([["a"]], classes=classes)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([["a"], 3], r"must be a list. Got 3 \(row 1\)"),
        ([["a", ["b"]]], r"must be a text. Got \['b'\] \(row 0, tag 1\)"),
        ([["a"], [1]], "all texts, or all numbers. Got 'a' beside 1"),
        (
            [{"a": 1, "b": 0}],
            r"Got the dict \{'a': 1, 'b': 0\} \(row 0\).* if value\]\.$",
        ),
        (pd.DataFrame({"x": [["a"]]}), r"Got a DataFrame: give .* tags\['x'\]\.$"),
        (pa.table({"x": [["a"]]}), r"Got a Table: give"),
        ({"x": [["a"]]}, r"Got a dict: give .* tags\['x'\]\.$"),
    ],
)
def test_what_is_no_tag_is_named(tags, message):
    with pytest.raises(TypeError, match=message):
        labels_to_frame(tags)


def test_integers_come_back_once_unknown_rows_are_dropped():
    frame = labels_to_frame([*TAGS, None])
    assert (frame.dtypes == "float64").all()
    known = frame.dropna()
    assert (known.dtypes == "float64").all()
    pd.testing.assert_frame_equal(known.astype(int), labels_to_frame(TAGS))


@pytest.mark.parametrize(
    "head",
    [
        OneVsRestClassifier(LogisticRegression()),
        MultiOutputClassifier(LogisticRegression()),
        KNeighborsClassifier(1),
    ],
    ids=lambda head: type(head).__name__,
)
def test_heads_of_scikit_learn_take_the_floats_that_are_left(head):
    known = labels_to_frame([*TAGS, None]).dropna()
    X = labels_to_frame(TAGS).to_numpy() * 3.0
    np.testing.assert_array_equal(head.fit(X, known).predict(X), known)


@pytest.mark.parametrize("dtype", ["Int8", "boolean"])
def test_nullable_tables_are_targets_here(dtype):
    frame = labels_to_frame([*TAGS, None]).astype(dtype)
    X = np.vstack([labels_to_frame(TAGS).to_numpy() * 3.0, [[9.0, 9.0]]])
    floats = labels_to_frame([*TAGS, None])
    head = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=3, random_state=0)
    np.testing.assert_array_equal(
        head.fit(X, frame).predict(X), head.fit(X, floats).predict(X)
    )
    cv = MultiLabelStratifiedKFold(3, random_state=0)
    for split, other in zip(cv.split(X, frame), cv.split(X, floats), strict=True):
        np.testing.assert_array_equal(split[1], other[1])
    score = global_average_precision_score(frame, X)
    assert score == global_average_precision_score(floats, X)
    report = multilabel_report(frame, y_score=X, thresholds=1.5)
    pd.testing.assert_frame_equal(
        report, multilabel_report(floats, y_score=X, thresholds=1.5)
    )


@pytest.mark.parametrize("make", [pa.array, lambda x: pa.chunked_array([x])])
def test_columns_of_pyarrow_are_lists_of_tags(make):
    frame = labels_to_frame(make([["a", "b"], None, []]))
    assert frame.columns.tolist() == ["a", "b"]
    np.testing.assert_array_equal(frame, [[1, 1], [np.nan] * 2, [0, 0]])
