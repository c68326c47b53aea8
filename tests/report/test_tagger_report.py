"""What a report holds: figures, cuts, rows and pictures, for taggers of all kinds."""

import ast
import base64
import copy
import json
import os
import re
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sklearn_clip import (
    CLIPFeaturizer,
    LabelSetClassifier,
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    PrecomputedScores,
    RejectOptionClassifier,
    ThresholdOptimizer,
    ZeroShotClassifier,
)
from sklearn_clip.datasets import load_clipart
from sklearn_clip.metrics import (
    bootstrap_interval,
    global_average_precision_score,
    macro_average_precision_score,
    masked_f1_score,
    multilabel_report,
)
from sklearn_clip.report import TaggerReport
from sklearn_clip.report._pictures import choose_rows


def data_of(report):
    """What the script of the page is given."""
    page = report.to_html()
    (text,) = re.findall(
        r'<script type="application/json" id="data">(.*?)</script>', page
    )
    return json.loads(text)


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 6))
    signal = X @ rng.normal(size=(6, 3)) / 2 - 0.7
    return X, (signal + 0.5 * rng.normal(size=signal.shape) > 0).astype(int)


@pytest.fixture(scope="module")
def clipart_tagger():
    train = load_clipart(as_frame=True, split="train")
    pipe = make_pipeline(CLIPFeaturizer("clipart-tiny"), MultiLabelLogisticRegression())
    tagger = ThresholdOptimizer(pipe, cv=0.5, random_state=0)
    return tagger.fit(train.data[:200], train.target[:200])


@pytest.fixture(scope="module")
def clipart_rows():
    test = load_clipart(as_frame=True, split="test")
    return test.data[:40], test.target[:40]


TAGGERS = {
    "thresholds": ThresholdOptimizer(MultiLabelLogisticRegression(), random_state=0),
    "logistic": MultiLabelLogisticRegression(),
    "one by one": OneVsRestClassifier(LogisticRegression()),
    "decision values": OneVsRestClassifier(LinearSVC()),
    "forest": RandomForestClassifier(10, random_state=0),
    "search": GridSearchCV(
        make_pipeline(MultiLabelLogisticRegression()),
        {"multilabellogisticregression__C": [1]},
    ),
    "sets": LabelSetClassifier(MultiLabelLogisticRegression(), random_state=0),
    "rows": ThresholdOptimizer(
        MultiLabelLogisticRegression(), average="samples", random_state=0
    ),
}


@pytest.mark.parametrize("name", TAGGERS)
def test_figures_are_those_of_the_metrics(name, problem):
    X, Y = problem
    tagger = TAGGERS[name].fit(X[:200], Y[:200])
    report = TaggerReport(tagger, X[200:], Y[200:])
    predicted = np.asarray(tagger.predict(X[200:])) == 1  # NaN is left to a person
    table = multilabel_report(Y[200:], predicted, report.scores)
    figures = report.label_figures
    for ours, column in (
        (figures.support, "support"),
        (figures.average_precision, "ap"),
        (figures.precision, "precision"),
        (figures.recall, "recall"),
        (figures.f1, "f1"),
    ):
        np.testing.assert_allclose(ours, table[column][:3])
    values = {figure.name: figure for figure in report.figures}
    assert values["mAP"].value == macro_average_precision_score(Y[200:], report.scores)
    assert values["GAP"].value == global_average_precision_score(Y[200:], report.scores)
    for average in ("macro", "micro"):
        f1 = masked_f1_score(Y[200:], predicted, average=average)
        assert values[f"{average} F1"].value == pytest.approx(f1)
        interval = bootstrap_interval(
            masked_f1_score, Y[200:], predicted, average=average, random_state=0
        )
        assert values[f"{average} F1"].low == pytest.approx(interval.low)
        assert values[f"{average} F1"].high == pytest.approx(interval.high)
    page = report.to_html()
    assert ("This tagger does not go by one cut" in page) == (name == "rows")
    assert (report.reliability is None) == (name == "decision values")


def test_forest_that_says_no_at_the_cut_itself_begins_where_it_decides(problem):
    X, Y = problem
    # Ten trees give 0.5 to many rows, and scikit-learn takes the class that is first.
    forest = TAGGERS["forest"].fit(X[:200], Y[:200])
    report = TaggerReport(forest, X[200:], Y[200:])
    assert (report.scores == 0.5).any()
    data = data_of(report)
    predicted = forest.predict(X[200:])
    levels = [np.frombuffer(base64.b64decode(row), "<u2") for row in data["levels"]]
    for label, values in enumerate(data["labels"]):
        places = np.array([row[label] // values["parts"] for row in levels])
        assert ((places >= values["start"]) == predicted[:, label]).all()
        assert values["now"] == pytest.approx(0.5) and values["now"] > 0.5


def test_report_of_clip_art_shows_its_pictures_and_titles(clipart_tagger, clipart_rows):
    X, Y = clipart_rows
    report = TaggerReport(
        clipart_tagger, X, Y, title="Drawings", description="Forty of them"
    )
    assert list(report.label_names) == list(Y.columns)
    np.testing.assert_array_equal(report.thresholds, clipart_tagger.thresholds_)
    np.testing.assert_allclose(report.scores, clipart_tagger.predict_proba(X))
    rows = data_of(report)["rows"]
    assert [row["row"] for row in rows] == list(range(40))
    assert [row["text"] for row in rows] == list(X["text"])
    assert all(row["picture"].startswith("data:image/webp;base64,") for row in rows)
    page = report.to_html()
    for said in ("Drawings", "Forty of them", "clipart-tiny", "40 rows, 43 labels"):
        assert said in page
    assert clipart_tagger.estimator_[0].model_fingerprint_ in page
    # The bundled model has weights of its own, whatever the parameter says.
    assert "datacomp" not in page
    assert len(report.issues) and report.issues.nearest.max() < 40


def test_page_does_not_say_where_things_are(clipart_tagger, clipart_rows, tmp_path):
    tagger = copy.deepcopy(clipart_tagger)
    tagger.set_params(
        estimator__clipfeaturizer__cache=tmp_path / "cache",
        estimator__clipfeaturizer__image_root=str(tmp_path),
    )
    page = TaggerReport(tagger, *clipart_rows, n_issues=0, max_images=2).to_html()
    assert "CLIPFeaturizer(model_name=" in page.replace("&#39;", "'")
    assert str(tmp_path) not in page


def test_broken_picture_is_told_in_its_place(clipart_tagger, clipart_rows, tmp_path):
    X, Y = clipart_rows
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    X = X.copy()
    scores = clipart_tagger.predict_proba(X)
    X.iloc[3, X.columns.get_loc("image")] = str(broken)
    rows = data_of(TaggerReport(scores, X, Y))["rows"]
    assert rows[3]["picture"] is None and "cannot be read" in rows[3]["reason"]
    assert sum(row["picture"] is not None for row in rows) == 39


def test_rows_of_texts_are_shown_as_texts(clipart_rows):
    X, Y = clipart_rows
    texts = X["text"].tolist()
    featurizer = CLIPFeaturizer("clipart-tiny", image=None)
    tagger = ZeroShotClassifier(list(Y.columns), featurizer=featurizer).fit()
    data = data_of(TaggerReport(tagger, texts, Y))
    assert not any(row["picture"] for row in data["rows"])
    assert [row["text"] for row in data["rows"]] == texts


def test_images_beside_features_are_shown(rows):
    data = rows(30)
    X = pd.DataFrame({"text": [f"a {number}" for number in range(30)]})
    shown = data_of(TaggerReport(data.P, X, data.Y, images=data.pictures))["rows"]
    assert [row["text"] for row in shown] == list(X["text"])
    assert all(row["picture"] for row in shown)


def test_rows_go_by_their_names(rows):
    data = rows(5)
    X = pd.DataFrame({"text": list("abcde")}, index=["p1", "p2", "p3", "p4", "p5"])
    shown = data_of(TaggerReport(data.P, X, data.Y))["rows"]
    assert shown[2]["name"] == "row 2 (p3)" and shown[2]["text"] == "c"


def test_scores_alone_are_enough(rows):
    data = rows()
    frame = pd.DataFrame(data.Y, columns=list("abcd"))
    report = TaggerReport(
        data.P, None, frame, thresholds={"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    )
    assert report.thresholds.tolist() == [0.1, 0.2, 0.3, 0.4]
    assert "scores that were there already" in report.to_html()
    assert repr(report).startswith("TaggerReport: 120 rows, 4 labels, mAP 0.")
    same = TaggerReport(
        ThresholdOptimizer(PrecomputedScores(), random_state=0).fit(data.P, frame),
        data.P,
        frame,
        thresholds=report.thresholds,
    )
    assert same.figures == report.figures


def test_labels_of_one_text_are_told_apart(rows):
    data = rows()
    names = [1, "1", "b", np.int64(2)]
    report = TaggerReport(data.P, None, data.Y, label_names=names)
    labels = data_of(report)["labels"]
    assert [label["name"] for label in labels] == ["1", "'1'", "b", "2"]
    assert [label["key"] for label in labels] == ["1", "'1'", "'b'", "2"]
    assert "&#39;1&#39;" in report.to_html()  # in the table


@pytest.mark.parametrize("make", [sparse.csr_matrix, pd.DataFrame, np.ndarray.tolist])
def test_targets_may_have_any_form(rows, make):
    data = rows()
    report = TaggerReport(data.P, None, make(data.Y.astype(int)))
    assert report.figures == TaggerReport(data.P, None, data.Y).figures


def test_unknown_cells_count_nowhere(rows):
    data = rows(unknown=0.3)
    report = TaggerReport(data.P, None, data.Y)
    known = ~np.isnan(data.Y)
    assert report.label_figures.known.tolist() == known.sum(axis=0).tolist()
    truth = data_of(report)["truth"]
    assert [mark == "?" for mark in truth[7]] == (~known[7]).tolist()
    assert report.reliability.size.sum() == known.sum()
    assert f"{(~known).sum():,} of 480 cells are unknown" in report.to_html()


def test_probabilities_are_compared_with_what_is_true(rows):
    data = rows(2000)
    found = TaggerReport(data.P, None, data.Y, n_issues=0).reliability
    bins = np.floor(data.P * 10)
    for place in range(10):
        cells = bins == place
        assert found.size[place] == cells.sum()
        assert found.predicted[place] == pytest.approx(data.P[cells].mean())
        assert found.share[place] == pytest.approx(data.Y[cells].mean())
        assert found.low[place] < found.share[place] <= found.high[place]


def test_500_noisy_pictures_and_400_labels_stay_under_5_mb(rows):
    data = rows(700, 400)
    rng = np.random.default_rng(0)
    noise = [
        Image.fromarray(rng.integers(0, 256, (200, 300, 3), dtype=np.uint8))
        for _ in range(20)
    ]
    images = [noise[row % 20] for row in range(700)]
    report = TaggerReport(data.P, None, data.Y, images=images, confidence_level=None)
    page = report.to_html().encode()
    assert page.count(b"data:image/webp") == 500
    assert len(page) < 5_000_000


def test_transparent_picture_stays_transparent(rows):
    data = rows(3)
    glass = Image.new("RGBA", (300, 20), (255, 0, 0, 0))
    grey = Image.new("I;16", (20, 300), 30_000)
    bits = Image.new("1", (1, 1))
    images = [glass, grey, bits]
    shown = data_of(TaggerReport(data.P, None, data.Y, images=images))["rows"]
    assert all(row["picture"] for row in shown)


def test_every_label_has_rows_of_every_kind(rows):
    data = rows(3000, 10)
    predicted = data.P >= 0.3
    report = TaggerReport(
        data.P, None, data.Y, thresholds=0.3, max_images=80, n_issues=0
    )
    chosen = [row["row"] for row in data_of(report)["rows"]]
    assert len(chosen) == len(set(chosen)) == 80 and chosen == sorted(chosen)
    for label in range(10):
        truth, said = data.Y[chosen, label] == 1, predicted[chosen, label]
        for kind in (truth & said, truth & ~said, ~truth & said):
            assert kind.any()
        # The clearest error is among them.
        wrong = np.where(~(data.Y[:, label] == 1), data.P[:, label], -1)
        assert np.argmax(wrong) in chosen


@pytest.mark.parametrize("most", [0, 1, 7])
def test_few_rows_may_be_shown(rows, most):
    data = rows(50)
    report = TaggerReport(data.P, None, data.Y, max_images=most)
    assert len(data_of(report)["rows"]) == most


def test_rest_of_the_rows_is_spread_evenly(rows):
    data = rows(1000, 1)
    report = TaggerReport(data.P, None, data.Y, n_issues=0, max_images=600)
    chosen = choose_rows(
        report._entries, data.P, data.P >= 2, np.array([2.0]), 600, first=[5, 5, 9]
    )
    assert len(chosen) == len(set(chosen)) == 600 and {5, 9} <= set(chosen)


def test_suspicious_cells_come_with_their_pictures(rows):
    data = rows(900)
    data.P[7, 2], data.Y[7, 2] = 0.99999, 0
    report = TaggerReport(data.P, None, data.Y, max_images=30, n_issues=5)
    assert 7 in report.issues.rows
    shown = {row["row"] for row in data_of(report)["rows"]}
    assert set(report.issues.rows.tolist()) <= shown
    assert "seems to be missing" in report.to_html()
    none = TaggerReport(data.P, None, data.Y, n_issues=0)
    assert none.issues is None and "Left out" in none.to_html()


def test_groups_are_drawn_together(rows):
    data = rows(100)
    twice = np.repeat(np.arange(100), 2)
    both = [values[twice] for values in (data.P, data.Y)]
    alone = TaggerReport(data.P, None, data.Y).figures[0]
    grouped = TaggerReport(both[0], None, both[1], groups=twice).figures[0]
    blind = TaggerReport(both[0], None, both[1]).figures[0]
    width = alone.high - alone.low
    assert grouped.high - grouped.low == pytest.approx(width, rel=0.15)
    assert blind.high - blind.low < 0.85 * width


def test_one_row_has_no_interval(rows):
    data = rows(1)
    report = TaggerReport(data.P, None, data.Y)
    assert np.isnan(report.figures[0].low) and report.confidence_level is None


def test_one_group_has_no_interval():
    rng = np.random.default_rng(0)
    scores = rng.random((30, 2))
    Y = (rng.random(scores.shape) < scores).astype(int)
    given = {"thresholds": 0.5, "label_names": ["a", "b"], "groups": ["one"] * 30}
    report = TaggerReport(scores, None, Y, **given)
    assert report.confidence_level is None and "<html" in report.to_html()


def test_file_is_written_as_it_is(rows, tmp_path):
    data = rows(20)
    report = TaggerReport(data.P, None, data.Y, title="名前 🐱")
    report.write_html(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_bytes() == report.to_html().encode()
    assert report.to_html() == report.to_html()


def test_names_that_are_no_text_are_written(rows, tmp_path):
    """As of folders whose names are in another encoding."""
    data = rows(20, 2)
    names = ["caf\udce9", "b"]
    report = TaggerReport(data.P, None, data.Y, label_names=names, title="\udcff")
    report.write_html(tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text("utf-8")
    assert r"<h1>\udcff</h1>" in page
    first, _ = data_of(report)["labels"]
    assert first["name"] == names[0] and ast.literal_eval(first["key"]) == names[0]


def test_page_of_before_stays_where_the_disk_is_full(rows, tmp_path, monkeypatch):
    data = rows(20)
    report = TaggerReport(data.P, None, data.Y)
    (tmp_path / "r.html").write_text("old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        report.write_html(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"Y": [[1, 2]] * 3}, r"Y must"),
        ({"Y": [[0, 1]] * 4}, r"The scores must have the shape of Y, \(4, 2\)"),
        ({"tagger": [[0.1, np.nan]] * 3}, "The scores must hold a number"),
        ({"tagger": [[5.0, 0.0]] * 3}, "thresholds must be given where the scores"),
        ({"X": [[0.0]] * 2}, "X must have one row for each row of Y. Got 2 and 3"),
        ({"images": ["a.png"]}, "images must have one row for each row of Y. Got 1"),
        ({"vectors": [[0.0]]}, "vectors must have one row for each row of Y. Got 1"),
        ({"max_images": -1}, "max_images must be an integer of at least 0. Got -1"),
        ({"n_issues": 1.5}, "n_issues must be an integer of at least 0. Got 1.5"),
        ({"confidence_level": 95}, "confidence_level must be a number between 0 and 1"),
        ({"label_names": ["a"]}, "label_names must have one name for each of the 2"),
        ({"label_names": ["a", "a"]}, "Labels must have distinct names. Got 'a' twice"),
        ({"thresholds": [0.1] * 3}, "thresholds must be a number or one for each"),
        ({"tagger": MultiLabelLogisticRegression(), "X": None}, "X must hold the rows"),
    ],
)
def test_what_is_wrong_is_named(change, match):
    given = {"tagger": [[0.1, 0.9]] * 3, "X": None, "Y": [[0, 1], [1, 0], [1, 1]]}
    given |= change
    with pytest.raises(ValueError, match=match):
        TaggerReport(given.pop("tagger"), given.pop("X"), given.pop("Y"), **given)


def test_missing_template_library_is_named(monkeypatch, rows):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    data = rows(5)
    with pytest.raises(ImportError, match=r'pip install "sklearn-clip\[report\]"'):
        TaggerReport(data.P, None, data.Y)


def test_person_who_is_asked_is_told(problem):
    X, Y = problem
    tagger = RejectOptionClassifier(
        MultiLabelLogisticRegression(),
        min_precision=0.9,
        min_npv=0.9,
        random_state=0,
    ).fit(X[:300], Y[:300])
    report = TaggerReport(tagger, X[300:], Y[300:])
    np.testing.assert_array_equal(report.thresholds, tagger.yes_thresholds_)
    asked = np.isnan(tagger.predict(X[300:])).mean()
    assert asked > 0.02
    assert (
        f"A person is asked about {100 * asked:.1f} % of the cells" in report.to_html()
    )


@pytest.mark.parametrize("far", [np.inf, -np.inf, 1e200])
def test_infinite_score_stands_beyond_all_others(far):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(40, 2))
    Y = (scores + rng.normal(size=scores.shape) > 0).astype(int)
    usual = TaggerReport(scores, None, Y, thresholds=0.2, label_names=["a", "b"])
    scores[5, 1] = far
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = TaggerReport(scores, None, Y, thresholds=0.2, label_names=["a", "b"])
        data_of(report)
    others = np.delete(report.scores.ravel(), 11)
    np.testing.assert_array_equal(others, np.delete(usual.scores.ravel(), 11))
    near = report.scores[5, 1]
    assert near > others.max() if far > 0 else near < others.min()


def test_rows_in_another_order_are_told(problem):
    X, Y = pd.DataFrame(problem[0][:80]), pd.DataFrame(problem[1][:80])
    Y.columns = list("abc")
    head = MultiLabelLogisticRegression().fit(X, Y)
    scores = pd.DataFrame(head.predict_proba(X), columns=Y.columns)
    turned = X.iloc[::-1], Y.iloc[::-1]
    for tagger, rows in ((head, turned[0]), (scores[::-1], None), (scores, turned[0])):
        with pytest.warns(UserWarning, match="have the same index in another order"):
            TaggerReport(tagger, rows, Y, n_issues=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TaggerReport(head, *turned, n_issues=0)
        TaggerReport(head, turned[0].to_numpy(), Y, n_issues=0)


def test_cuts_are_those_of_what_decides_and_not_of_what_it_wraps(problem):
    X, Y = problem
    tuned = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=0.5, random_state=0)
    tuned.fit(X[:200], Y[:200]).set_thresholds(0.125)
    calibrator = MultiLabelCalibrator(tuned, cv="prefit").fit(X[200:], Y[200:])
    rejecting = RejectOptionClassifier(
        tuned, min_precision=0.5, min_npv=0.5, cv="prefit"
    )
    rejecting.fit(X[200:], Y[200:])
    for tagger, cuts in ((calibrator, 0.5), (rejecting, rejecting.yes_thresholds_)):
        report = TaggerReport(tagger, X, Y, n_issues=0)
        np.testing.assert_array_equal(report.thresholds, np.broadcast_to(cuts, 3))
