"""The report against scikit-learn's, and how it prints."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    average_precision_score,
    classification_report,
)

from sklearn_clip.metrics import (
    average_precision_per_label,
    bootstrap_interval,
    global_average_precision_score,
    macro_average_precision_score,
    masked_f1_score,
    multilabel_report,
)

AVERAGES = ["macro avg", "micro avg", "weighted avg", "samples avg"]


def problem(n_labels=5, unknown=0.0, n_samples=80):
    rng = np.random.default_rng(0)
    y_score = rng.random((n_samples, n_labels))
    y_true = (rng.random(y_score.shape) < y_score).astype(float)
    y_true[rng.random(y_true.shape) < unknown] = np.nan
    return y_true, y_score


def test_report_equals_scikit_learns():
    y_true, y_score = problem()
    y_pred = (y_score >= 0.5).astype(int)
    names = list("abcde")
    report = multilabel_report(y_true, y_score=y_score, label_names=names)
    assert list(report.columns) == [
        "support",
        "threshold",
        "precision",
        "recall",
        "f1",
        "ap",
    ]
    theirs = classification_report(
        y_true.astype(int),
        y_pred,
        target_names=names,
        output_dict=True,
        zero_division=0,
    )
    theirs = pd.DataFrame(theirs).T.rename(columns={"f1-score": "f1"})
    for column in ("support", "precision", "recall", "f1"):
        expected = theirs.loc[report.index, column]
        np.testing.assert_allclose(report[column], expected, atol=1e-12)
    for average in ("macro", "micro", "weighted"):
        expected = average_precision_score(y_true, y_score, average=average)
        assert report.loc[f"{average} avg", "ap"] == pytest.approx(expected)
    assert report["support"].dtype.kind == "i"


def test_unknown_labels_are_left_out_of_every_figure():
    y_true, y_score = problem(unknown=0.4)
    y_true[:, 2] = np.nan
    report = multilabel_report(y_true, y_score=y_score, thresholds=0.6)
    assert list(report.index) == [0, 1, 2, 3, 4, *AVERAGES]
    np.testing.assert_array_equal(
        report["known"].iloc[:5], (~np.isnan(y_true)).sum(axis=0)
    )
    y_pred = y_score >= 0.6
    per_label = masked_f1_score(y_true, y_pred, average=None)
    np.testing.assert_array_equal(report["f1"].iloc[:5], per_label)
    assert report.loc[2, ["precision", "recall", "f1", "ap"]].isna().all()
    for average in ("macro", "micro", "weighted", "samples"):
        expected = masked_f1_score(y_true, y_pred, average=average)
        assert report.loc[f"{average} avg", "f1"] == expected
    np.testing.assert_array_equal(
        report["ap"].iloc[:5], average_precision_per_label(y_true, y_score)
    )
    gap = global_average_precision_score(y_true, y_score)
    assert report.loc["micro avg", "ap"] == gap


def test_predictions_alone_have_neither_threshold_nor_ap():
    y_true, y_score = problem()
    report = multilabel_report(y_true, y_score >= 0.5)
    assert list(report.columns) == ["support", "precision", "recall", "f1"]
    shown = multilabel_report(y_true, y_score >= 0.5, thresholds=[0.5] * 5)
    assert "threshold" in shown


def test_thresholds_cut_the_scores_and_infinity_is_never():
    y_true, y_score = problem()
    thresholds = [0.2, 0.4, 0.6, 0.8, np.inf]
    report = multilabel_report(
        y_true, y_score=y_score.astype("f4"), thresholds=thresholds
    )
    expected = masked_f1_score(y_true, y_score >= thresholds, average=None)
    np.testing.assert_allclose(report["f1"].iloc[:5], expected)
    assert report.loc[4, "recall"] == 0
    np.testing.assert_array_equal(report["threshold"].iloc[:5], thresholds)


def test_names_come_from_the_columns():
    y_true, y_score = problem()
    frame = pd.DataFrame(y_true, columns=list("vwxyz"))
    assert list(multilabel_report(frame, y_score=y_score).index[:5]) == list("vwxyz")
    frame = pd.DataFrame(y_score, columns=list("vwxyz"))
    assert list(multilabel_report(y_true, y_score=frame).index[:5]) == list("vwxyz")


@pytest.mark.parametrize("column", ["support", "threshold", "f1", "ap", "recall"])
@pytest.mark.parametrize("ascending", [True, False])
def test_labels_are_sorted_with_undefined_ones_last(column, ascending):
    y_true, y_score = problem()
    y_true[:, 0] = 0  # no positive: no AP
    report = multilabel_report(
        y_true,
        y_score=y_score,
        thresholds=[0.5, 0.4, 0.7, 0.2, 0.3],
        sort_by=column,
        ascending=ascending,
    )
    values = report[column].iloc[:5].to_numpy()
    defined = values[~np.isnan(values)]
    expected = np.sort(defined) if ascending else -np.sort(-defined)
    np.testing.assert_array_equal(values[: len(defined)], expected)
    assert list(report.index[5:]) == AVERAGES


def test_labels_are_sorted_by_name():
    y_true, y_score = problem(3)
    options = {"y_score": y_score, "label_names": ["b", "a", "c"], "sort_by": "label"}
    assert list(multilabel_report(y_true, **options).index[:3]) == ["c", "b", "a"]
    report = multilabel_report(y_true, **options, ascending=True)
    assert list(report.index[:3]) == ["a", "b", "c"]


def test_43_labels_print_whole_in_text_and_frame():
    y_true, y_score = problem(43, unknown=0.1)
    names = [f"some longer name {number}" for number in range(43)]
    options = {"y_score": y_score, "label_names": names}
    text = multilabel_report(y_true, **options, output="text")
    lines = text.splitlines()
    assert len(lines) == 1 + 43 + 1 + 4
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)
    assert lines[0].split() == list(multilabel_report(y_true, **options).columns)
    with pd.option_context("display.width", 100, "display.max_columns", 20):
        printed = repr(multilabel_report(y_true, **options))
    assert "..." not in printed
    assert all(name in printed for name in names)


def test_text_needs_no_pandas_and_the_frame_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    y_true, y_score = problem(2)
    assert "macro avg" in multilabel_report(y_true, y_score=y_score, output="text")
    match = r'multilabel_report needs pandas.*pip install "sklearn-clip\[pandas\]"'
    with pytest.raises(ImportError, match=match):
        multilabel_report(y_true, y_score=y_score)


def test_digits_round_the_text():
    y_true, y_score = problem(2)
    text = multilabel_report(y_true, y_score=y_score, output="text", digits=1)
    assert " 0.5 " in text.splitlines()[1]


def test_targets_without_a_positive_have_no_ap():
    report = multilabel_report(np.zeros((3, 2)), y_score=np.full((3, 2), 0.1))
    assert report["ap"].isna().all()
    assert (report["f1"] == 0).all()


@pytest.mark.parametrize(
    "options, match",
    [
        ({"y_score": None}, "y_pred or y_score must be given. Got None for both"),
        ({"thresholds": [0.5]}, r"one for each of the 2 labels. Got shape \(1,\)"),
        ({"thresholds": [0.5, np.nan]}, r"must not be NaN. Got NaN \(label 1\)"),
        ({"label_names": ["a"]}, "one name for each of the 2 labels. Got 1"),
        ({"sort_by": "F1"}, "sort_by must be None or one of 'label'.*Got 'F1'"),
        ({"sort_by": "known"}, "sort_by must be a column of this report.*Got 'known'"),
        ({"output": "dict"}, "output must be 'frame' or 'text'. Got 'dict'"),
        ({"intervals": 95}, "confidence_level must be between 0 and 1. Got 95"),
        ({"sort_by": "ap_low"}, "sort_by must be a column of this report"),
        ({"digits": -1}, "digits must be an integer of at least 0. Got -1"),
        ({"y_score": [[2.0, -1], [0, 0]]}, "For decision values pass thresholds=0"),
    ],
)
def test_bad_options_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        multilabel_report([[0, 1], [1, 1]], **{"y_score": [[0.5] * 2] * 2, **options})


def test_thresholds_go_by_name():
    Y = pd.DataFrame({"cat": [1, 0, 1], "dog": [0, 1, 1]})
    P = np.array([[0.9, 0.8], [0.7, 0.6], [0.3, 0.5]])
    expected = multilabel_report(Y, y_score=P, thresholds=[0.2, 0.7])
    for thresholds in ({"dog": 0.7, "cat": 0.2}, pd.Series({"dog": 0.7, "cat": 0.2})):
        found = multilabel_report(Y, y_score=P, thresholds=thresholds)
        pd.testing.assert_frame_equal(found, expected)
    with pytest.raises(ValueError, match=r"a number for every label.*\['cat'\]"):
        multilabel_report(Y, y_score=P, thresholds={"dog": 0.7})


@pytest.mark.parametrize("average", ["macro", "micro", "weighted", "samples"])
@pytest.mark.parametrize("given", ["thresholds", "predictions"])
def test_f1_of_other_thresholds_stands_beside_that_of_one_half(given, average):
    y_true, y_score = problem(unknown=0.2)
    weight = np.arange(1.0, 81.0)
    thresholds = np.array([0.2, 0.4, 0.6, 0.8, 0.5])
    y_pred = y_score >= thresholds
    how = {"thresholds": thresholds} if given == "thresholds" else {"y_pred": y_pred}
    report = multilabel_report(y_true, y_score=y_score, sample_weight=weight, **how)
    columns = list(report.columns)
    assert columns[columns.index("f1") :] == ["f1", "f1_at_0.5", "ap"]
    for column, predicted in (("f1", y_pred), ("f1_at_0.5", y_score >= 0.5)):
        scored = {"sample_weight": weight}
        expected = masked_f1_score(y_true, predicted, average=average, **scored)
        assert report.loc[f"{average} avg", column] == pytest.approx(expected)
        per_label = masked_f1_score(y_true, predicted, average=None, **scored)
        np.testing.assert_allclose(report[column].iloc[:5], per_label)


def test_a_label_can_be_sorted_by_its_f1_at_one_half():
    y_true, y_score = problem()
    how = {"thresholds": 0.3, "sort_by": "f1_at_0.5"}
    found = multilabel_report(y_true, y_score=y_score, **how)["f1_at_0.5"].iloc[:5]
    assert (np.diff(found) <= 0).all()
    text = multilabel_report(y_true, y_score=y_score, **how, output="text")
    assert text.split()[:6][-2:] == ["f1", "f1_at_0.5"]


def test_f1_at_one_half_is_left_out_where_it_says_nothing_new():
    y_true, y_score = problem()
    for how in (
        {"y_score": y_score},
        {"y_score": y_score, "thresholds": [0.5] * 5},
        {"y_score": 4 * y_score - 2, "thresholds": 0.0},  # decision values
        {"y_pred": y_score >= 0.3},
        {"y_pred": y_score >= 0.3, "thresholds": 0.3},
    ):
        assert "f1_at_0.5" not in multilabel_report(y_true, **how)
    with pytest.raises(ValueError, match=r"column of this report.*Got 'f1_at_0.5'"):
        multilabel_report(y_true, y_score=y_score, sort_by="f1_at_0.5")


def test_scores_of_rows_that_weigh_nothing_do_not_hide_the_f1_at_a_half():
    y_true, y_score = np.array([[0, 1], [1, 0]]), np.array([[0.2, 0.9], [7.0, 0.1]])
    report = multilabel_report(
        y_true, y_score=y_score, thresholds=0.3, sample_weight=[1, 0]
    )
    assert report.loc[1, "f1_at_0.5"] == 1
    assert "f1_at_0.5" not in multilabel_report(y_true, y_score=y_score, thresholds=0.3)


def test_intervals_are_those_of_the_figures():
    rng = np.random.default_rng(3)
    Y = (rng.random((150, 3)) < 0.4).astype(float)
    Y[:9, 1] = np.nan
    P = np.clip(np.nan_to_num(Y) / 3 + rng.random(Y.shape), 0, 1)
    report = multilabel_report(Y, y_score=P, intervals=0.9, random_state=0)
    columns = list(report.columns)
    assert columns[columns.index("f1") :][:3] == ["f1", "f1_low", "f1_high"]
    assert columns[-3:] == ["ap", "ap_low", "ap_high"]
    for name in ("f1", "ap"):
        known = report.dropna(subset=[f"{name}_low"])
        assert (known[f"{name}_low"] < known[name]).all()
        assert (known[name] < known[f"{name}_high"]).all()
    # Neither weighted nor over samples is there an interval of the AP.
    assert report["ap_low"].isna().sum() == 2
    assert report["f1_low"].notna().all()
    own = bootstrap_interval(
        macro_average_precision_score,
        Y,
        P,
        confidence_level=0.9,
        random_state=np.random.RandomState(0).randint(1 << 31),
    )
    assert report.loc["macro avg", "ap_low"] == own.low
    text = multilabel_report(Y, y_score=P, intervals=0.9, output="text")
    assert "ap_low" in text.splitlines()[0]


def test_intervals_follow_groups_and_weights():
    rng = np.random.default_rng(3)
    Y = (rng.random((100, 2)) < 0.4).astype(float)
    P = np.clip(Y / 3 + rng.random(Y.shape), 0, 1)
    copies = np.tile(Y, (4, 1)), np.tile(P, (4, 1))
    groups = np.tile(np.arange(100), 4)

    def width(*tables, **options):
        report = multilabel_report(
            tables[0], y_score=tables[1], intervals=0.95, random_state=0, **options
        )
        return report.loc["macro avg", "ap_high"] - report.loc["macro avg", "ap_low"]

    assert width(*copies) < 0.7 * width(Y, P)
    assert width(*copies, groups=groups) == pytest.approx(width(Y, P), rel=0.1)
    light = np.where(np.arange(100) < 50, 1.0, 1e-6)
    assert width(Y, P, sample_weight=light) > 1.1 * width(Y, P)


def test_labels_are_sorted_by_the_ends_of_their_intervals():
    rng = np.random.default_rng(3)
    Y = (rng.random((80, 4)) < 0.4).astype(float)
    P = np.clip(Y * [0, 0.2, 0.5, 1] + rng.random(Y.shape), 0, 1)
    options = {"intervals": 0.9, "random_state": 0, "sort_by": "ap_low"}
    report = multilabel_report(Y, y_score=P, **options)
    lows = report["ap_low"].to_numpy()[:4]
    assert (np.diff(lows) <= 0).all()
