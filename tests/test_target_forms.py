"""Targets of every form mean the same to everything that takes targets."""

import re

import matplotlib
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from sklearn.model_selection import GridSearchCV, cross_val_score
from target_forms import FORMS, indexes_tables

from sklearn_clip import (
    CLIPAdapterClassifier,
    CLIPFeaturizer,
    CLIPFineTuner,
    LabelSetClassifier,
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
    MultiLabelNet,
    MultiLabelStratifiedGroupKFold,
    MultiLabelStratifiedKFold,
    RegionClassifier,
    RejectOptionClassifier,
    ThresholdOptimizer,
    TipAdapterClassifier,
    ZeroShotClassifier,
)
from sklearn_clip._shared import read_entries
from sklearn_clip.metrics import (
    average_precision_per_label,
    expected_calibration_error,
    gap_scorer,
    global_average_precision_score,
    map_scorer,
    masked_f1_macro_scorer,
    masked_f1_score,
    masked_jaccard_score,
    masked_log_loss,
    masked_subset_accuracy_score,
    multilabel_report,
)
from sklearn_clip.model_selection import multilabel_train_test_split
from sklearn_clip.plotting import (
    LabelCooccurrenceDisplay,
    LabelScoreDisplay,
    MultiLabelPrecisionRecallDisplay,
    ThresholdCurveDisplay,
)

matplotlib.use("agg")
PROMPTS = np.eye(4, 6)
HEADS = [
    MultiLabelLogisticRegression(),
    MultiLabelLogisticRegressionCV(2, cv=3, random_state=0),
    MultiLabelNet("linear", max_epochs=1, device="cpu", random_state=0),
    TipAdapterClassifier(PROMPTS),
    CLIPAdapterClassifier(PROMPTS, n_epochs=1, device="cpu", random_state=0),
    ThresholdOptimizer(MultiLabelLogisticRegression(), cv=3, random_state=0),
    RejectOptionClassifier(
        MultiLabelLogisticRegression(),
        min_precision=0.5,
        min_npv=0.5,
        confidence=0.6,
        random_state=0,
    ),
    LabelSetClassifier(MultiLabelLogisticRegression(), coverage=0.5, random_state=0),
    MultiLabelCalibrator(MultiLabelLogisticRegression(), cv=3, random_state=0),
    RegionClassifier(
        MultiLabelLogisticRegression(), layout=(2, 2), cv=3, random_state=0
    ),
]
METRICS = [
    masked_f1_score,
    masked_jaccard_score,
    masked_subset_accuracy_score,
    global_average_precision_score,
    average_precision_per_label,
    expected_calibration_error,
    masked_log_loss,
]
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
# Of these an empty cell is not NaN by itself, or what is stored is not all there is.
HARD = ["pandas two categories", "masked", "records", "polars mixed", "csc with zeros"]
each_hard_form = pytest.mark.parametrize("name", HARD)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 6)).astype(np.float32)
    Y = (X[:, :4] + rng.normal(size=(60, 4)) / 2 > 0.3).astype(float)
    Y[rng.random(Y.shape) < 0.2] = np.nan
    return X, Y


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("hole", [False, True])
@each_form
def test_form_is_read_as_its_cells(form, hole, data):
    Y = data[1] if hole else np.nan_to_num(data[1])
    entries = read_entries(form(Y))
    np.testing.assert_array_equal(entries.positive, Y == 1)
    known = np.isfinite(Y) if entries.known is None else entries.known
    np.testing.assert_array_equal(known, np.isfinite(Y))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("make", [lambda Y: Y, pd.DataFrame])
def test_many_empty_cells_of_objects_bring_no_warning(make):
    """Python compares a float in another way once a line has met many of them."""
    Y = np.array([[0.0, 1.0, float("nan")]] * 100, dtype=object)
    for _ in range(3):
        entries = read_entries(make(Y))
    np.testing.assert_array_equal(entries.positive.sum(axis=0), [0, 100, 0])
    np.testing.assert_array_equal(entries.known.sum(axis=0), [100, 100, 0])


@each_form
def test_form_changes_no_fit_and_no_score(form, data):
    X, Y = data
    head = MultiLabelLogisticRegression()
    expected = head.fit(X, Y).coef_, head.score(X, Y)
    found = head.fit(X, form(Y)).coef_, head.score(X, form(Y))
    np.testing.assert_array_equal(found[0], expected[0])
    assert found[1] == expected[1]


@each_form
def test_form_changes_no_split(form, data):
    X, Y = data
    pairs = np.arange(len(X)) // 2
    for splitter, groups in (
        (MultiLabelStratifiedKFold, None),
        (MultiLabelStratifiedGroupKFold, pairs),
    ):
        folds = splitter(3, random_state=0)
        both = [
            [test.tolist() for _, test in folds.split(X, y, groups)]
            for y in (Y, form(Y))
        ]
        assert both[0] == both[1]
    rows = np.arange(len(X))
    parts = [
        multilabel_train_test_split(rows, y=y, random_state=0) for y in (Y, form(Y))
    ]
    np.testing.assert_array_equal(parts[0][1], parts[1][1])
    held = read_entries(parts[1][3])
    np.testing.assert_array_equal(held.positive, Y[parts[0][1]] == 1)


@each_form
def test_form_changes_no_metric(form, data):
    X, Y = data
    head = MultiLabelLogisticRegression().fit(X, Y)
    predicted, scores = head.predict(X), head.predict_proba(X)
    for metric in METRICS:
        given = predicted if "masked" in metric.__name__ else scores
        np.testing.assert_array_equal(metric(form(Y), given), metric(Y, given))
    reports = [
        multilabel_report(y, predicted, scores, label_names=list("abcd"))
        for y in (Y, form(Y))
    ]
    pd.testing.assert_frame_equal(*reports)


@pytest.mark.filterwarnings("ignore:Label")
@each_form
def test_form_goes_through_the_searches_of_scikit_learn(form, data):
    X, Y = data
    cv = MultiLabelStratifiedKFold(3, random_state=0)
    for scorer in (masked_f1_macro_scorer, map_scorer, gap_scorer):
        found = [
            GridSearchCV(HEADS[0], {"C": [0.1, 1]}, cv=cv, scoring=scorer)
            .fit(X, y)
            .cv_results_["mean_test_score"]
            for y in (Y, form(Y))
        ]
        np.testing.assert_array_equal(*found)


@each_hard_form
@pytest.mark.parametrize("head", HEADS, ids=lambda head: type(head).__name__)
def test_hard_form_changes_no_head(name, head, data):
    X, Y = data
    expected = head.fit(X, Y).predict_proba(X)
    found = head.fit(X, FORMS[name](Y))
    np.testing.assert_array_equal(found.predict_proba(X), expected)
    assert found.score(X, FORMS[name](Y)) == found.score(X, Y)
    for cut in ("thresholds_", "yes_thresholds_", "no_thresholds_"):
        if hasattr(head, cut):
            expected = getattr(head.fit(X, Y), cut)
            found = getattr(head.fit(X, FORMS[name](Y)), cut)
            np.testing.assert_array_equal(found, expected)


@each_hard_form
def test_hard_form_changes_no_display(name, data):
    X, Y = data
    scores = MultiLabelLogisticRegression().fit(X, Y).predict_proba(X)
    form = FORMS[name](Y)
    for y in (Y, form):
        ThresholdCurveDisplay.from_predictions(y, scores, label_names=list("abcd"))
        MultiLabelPrecisionRecallDisplay.from_predictions(y, scores)
    pairs = [
        LabelCooccurrenceDisplay.from_labels(y, label_names=list("abcd"))
        for y in (Y, form)
    ]
    np.testing.assert_array_equal(pairs[0].matrix, pairs[1].matrix)
    bars = [
        LabelScoreDisplay.from_predictions(y, scores > 0.5, label_names=list("abcd"))
        for y in (Y, form)
    ]
    np.testing.assert_array_equal(bars[0].scores, bars[1].scores)
    matplotlib.pyplot.close("all")


@each_hard_form
def test_hard_form_is_taken_with_labels_in_words(name):
    words = [f"l{i}" for i in range(3)]
    rows = ["a red ball", "two dogs", "a house", "a dog", "blue", "a ball"] * 4
    Y = np.tile(np.eye(3), (8, 1))
    Y[::5, 1] = np.nan
    clip = CLIPFeaturizer("clipart-tiny", image=None)
    found = [
        ZeroShotClassifier(words, clip, calibrate=True).fit(rows, y).predict_proba(rows)
        for y in (Y, FORMS[name](Y))
    ]
    np.testing.assert_array_equal(*found)
    tuner = CLIPFineTuner(words, "clipart-tiny", image=None, text="text", fusion="text")
    _, targets = tuner._read(rows, FORMS[name](Y), words, "X")
    np.testing.assert_array_equal(targets, Y.astype(np.float32))


TAKERS = {
    "head": lambda y: MultiLabelLogisticRegression().fit(np.eye(3), y),
    "net": lambda y: MultiLabelNet("linear", max_epochs=1).fit(np.eye(3), y),
    "thresholds": lambda y: ThresholdOptimizer(HEADS[0], cv=2).fit(np.eye(3), y),
    "calibrated": lambda y: MultiLabelCalibrator(HEADS[0], cv=2).fit(np.eye(3), y),
    "splits": lambda y: next(MultiLabelStratifiedKFold(2).split(np.eye(3), y)),
    "metric": lambda y: masked_f1_score(y, np.eye(3)[:, :2]),
    "report": lambda y: multilabel_report(y, np.eye(3)[:, :2]),
    "display": LabelCooccurrenceDisplay.from_labels,
    "words": lambda y: ZeroShotClassifier(["a", "b"]).fit(["x"] * 3, y),
}
each_taker = pytest.mark.parametrize("take", TAKERS.values(), ids=TAKERS)

WORDS = {
    "array": (np.array([["0", "1"], ["1", "0"], ["1", "1"]]), "'0'", "== '1'"),
    "list": ([["no", "yes"]] * 3, "'no'", "== 'yes'"),
    "beside numbers": ([["no", 1], [1, 0], ["yes", 1]], "'no'", r"\{'no': 0, 'yes'"),
    "pandas": (
        pd.DataFrame([["TRUE", "FALSE"]] * 3, columns=["a", "b"]),
        "'TRUE' .*'a'",
        "== 'TRUE'",
    ),
    "pandas, some empty": (
        pd.DataFrame([["TRUE", None]] * 3, columns=["a", "b"]),
        "'TRUE'",
        r"\.map\(lambda cell: \{'TRUE': 1\}",
    ),
    "categories": (
        pd.DataFrame([["Yes", "No"]] * 3, columns=["a", "b"]).astype("category"),
        "'Yes'",
        "== 'Yes'",
    ),
    "polars": (
        pl.DataFrame({"a": ["1", "0", None], "b": ["1"] * 3}).cast(pl.Categorical),
        "'1'",
        "== '1'",
    ),
    "empty words": (
        np.array([["nan", "1"], ["0", "1"], ["", "1"]]),
        "'nan'",
        r"\.map\(lambda cell: \{'': None, '0': 0, '1': 1, 'nan': None\}",
    ),
    "polars, empty words": (
        pl.DataFrame({"a": ["yes", "", "no"], "b": ["yes"] * 3}),
        "'yes'",
        r"y\w*.to_pandas\(\)\.map",
    ),
    "crosses": (
        pd.DataFrame({"a": ["x", None, ""], "b": ["x"] * 3}),
        "'x'",
        r"Pass y\w* == 'x' if an empty cell is 0\.$",
    ),
    "words in a table": (
        pd.DataFrame({"a": ["dog", "cat", ""], "b": ["red"] * 3}),
        "'dog'",
        r"column 0, label 'a'\)\.$",
    ),
    "tags in a column": (
        pd.DataFrame({"t": ["dog;red", "cat", ""], "b": [1, 0, 1]}),
        "'dog;red'",
        r"labels_to_frame\(y\w*\['t'\].str.split\(';'\)\)\.$",
    ),
    "bytes": ([[b"1", b"0"]] * 3, "b'1'", r"column 0\)\.$"),
    "tags": ([["dog", "cat"]] * 3, "'dog'", "labels_to_frame"),
    "at length": ([["dog" * 999, "cat"]] * 3, "'dog", "labels_to_frame"),
}


@each_taker
@pytest.mark.parametrize("y, value, fix", WORDS.values(), ids=WORDS)
def test_words_are_refused_with_what_makes_numbers_of_them(take, y, value, fix):
    with pytest.raises(ValueError, match=f"only 0 and 1 .*Got {value}.*{fix}") as info:
        take(y)
    assert len(str(info.value)) < 300


@pytest.mark.parametrize("name", ["array", "list", "pandas", "categories", "polars"])
def test_conversion_in_the_message_works(name):
    self_, y = re.compile(r"Pass (.*)\.$"), WORDS[name][0]
    with pytest.raises(ValueError) as info:
        read_entries(y)
    made = read_entries(eval(self_.search(str(info.value))[1], {"y": y, "numpy": np}))
    assert made.positive.any()
    assert (made.known is not None) == (name == "polars")


@pytest.mark.parametrize(
    "name",
    ["beside numbers", "pandas, some empty", "empty words", "polars, empty words"],
)
def test_map_in_the_message_keeps_what_is_empty(name):
    y = WORDS[name][0]
    with pytest.raises(ValueError) as info:
        read_entries(y)
    code = re.search(r"Pass (.*)\.$", str(info.value))[1]
    made = read_entries(eval(code, {"y": y, "pandas": pd}))
    assert (made.known is not None) == (name != "beside numbers")
    assert made.positive.any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.zeros(3, 2, device="meta"),
        lambda: torch.masked.masked_tensor(torch.ones(3, 2), torch.eye(3)[:, :2] > 0),
    ],
    ids=["meta", "masked"],
)
@pytest.mark.filterwarnings("ignore:The PyTorch API of MaskedTensors")
def test_tensor_without_plain_values_is_refused_with_what_to_pass(make):
    with pytest.raises(TypeError, match="y must be .*Got a .*Tensor.* NaN where"):
        next(MultiLabelStratifiedKFold(2).split(np.eye(3), make()))


TIMES = pd.DataFrame({"a": pd.to_datetime([0, 1, None]), "b": [0, 1, 1]})
OTHERS = {
    "dates": (TIMES, "datetime64.*'a'"),
    "dates of a zone": (TIMES.assign(a=TIMES["a"].dt.tz_localize("UTC")), "datetime64"),
    "durations": (TIMES.assign(a=pd.to_timedelta([0, 1, None])), "timedelta64"),
    "array of durations": (np.ones((3, 2), dtype="m8[s]"), "timedelta64"),
    "a duration": (np.full((3, 2), np.timedelta64(1, "s"), dtype=object), "timedelta"),
    "polars dates": (pl.from_pandas(TIMES), "datetime64.*'a'"),
    "periods": (TIMES.assign(a=TIMES["a"].dt.to_period("D")), "Period"),
    "arrays": ([[np.arange(9999), 1]] * 3, "Got"),
}


@each_taker
@pytest.mark.parametrize("y, message", OTHERS.values(), ids=OTHERS)
def test_cells_of_other_kinds_are_refused_shortly(take, y, message):
    with pytest.raises(ValueError, match=message) as info:
        take(y)
    assert len(str(info.value)) < 300


OBJECTS = {
    "lazy": (lambda: pl.DataFrame({"a": [0, 1, 1]}).lazy(), r"give y\w*.collect\(\)"),
    "dict": (lambda: {"a": [0, 1, 1]}, r"give pandas.DataFrame\(y"),
    "dicts": (lambda: [{"a": 1}, {"b": 1}, {}], r"give pandas.DataFrame\(y.*fillna"),
    "series of dicts": (lambda: pd.Series([{"a": 1}] * 3), r"give pandas.DataFrame"),
    "iterator": (lambda: iter([[0, 1]] * 3), r"give list\(y"),
    "batch": (
        lambda: pa.table({"a": [0, 1, 1]}).to_batches()[0],
        r"give y\w*.to_pandas\(\)",
    ),
}
if not indexes_tables():
    OBJECTS["table"] = (lambda: pa.table({"a": [0, 1, 1]}), r"y\w*.to_pandas\(\)")


@pytest.mark.filterwarnings("error")
@each_taker
@pytest.mark.parametrize("make, fix", OBJECTS.values(), ids=OBJECTS)
def test_object_without_rows_is_refused_with_what_to_pass(take, make, fix):
    with pytest.raises(TypeError, match=fix) as info:
        take(make())
    assert len(str(info.value)) < 300


@pytest.mark.parametrize("make", [np.array, pd.DataFrame, torch.tensor])
@pytest.mark.parametrize("taker", ["head", "net", "thresholds", "splits", "words"])
def test_transposed_targets_are_told(taker, make):
    with pytest.raises(ValueError, match=r"samples: \[3, 2\].*pass y\.T"):
        TAKERS[taker](make(np.array([[0, 1, 0], [1, 0, 1]])))


@pytest.mark.parametrize("head", HEADS, ids=lambda head: type(head).__name__)
def test_transposed_targets_are_told_by_every_head(head, data):
    X, Y = data
    with pytest.raises(ValueError, match=r"[Pp]ass y\.T"):
        head.fit(X, np.nan_to_num(Y).T)


def test_names_of_any_table_are_learnt(data):
    X, Y = data
    for name in ("records", "pandas", "polars", *(["pyarrow"] * indexes_tables())):
        head = MultiLabelLogisticRegression().fit(X, FORMS[name](Y))
        assert head.label_names_.tolist() == ["l0", "l1", "l2", "l3"]
        with pytest.raises(ValueError, match="in their order"):
            head.score(X, FORMS["pandas"](Y)[["l1", "l0", "l2", "l3"]])
    two_levels = FORMS["pandas two levels"](Y)
    head.fit(X, two_levels)
    assert head.label_names_.tolist() == two_levels.columns.tolist()


def test_label_with_the_name_of_a_method_is_a_label(data):
    X, Y = data
    y = pd.DataFrame(Y, columns=["detach", "collect", "dtype", "columns"])
    expected = HEADS[0].fit(X, Y).coef_
    np.testing.assert_array_equal(HEADS[0].fit(X, y).coef_, expected)
    assert HEADS[0].label_names_.tolist() == list(y.columns)


def test_one_label_of_any_form_is_one_label(data):
    X, Y = data
    y = (Y[:, 0] == 1).astype(int)
    forms = [
        pd.Series(y, dtype="Int64"),
        pd.Series(y.astype(bool), dtype="boolean"),
        pd.Series(y).astype("category"),
        pd.Series(y, dtype=pd.ArrowDtype(pa.int8())),
        pl.Series(y),
        torch.tensor(y),
        np.ma.array(y),
        np.where(y, "yes", "no"),
    ]
    expected = HEADS[0].fit(X, y).decision_function(X)
    for form in forms:
        head = MultiLabelLogisticRegression().fit(X, form)
        np.testing.assert_array_equal(head.decision_function(X), expected)
        assert head.score(X, form) == pytest.approx(HEADS[0].score(X, y))
        cross_val_score(head, X, form, cv=MultiLabelStratifiedKFold(3), n_jobs=None)
