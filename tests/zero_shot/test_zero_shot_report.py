"""The report on templates, and what clip art says of zero-shot."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, log_loss

from sklearn_clip import ZeroShotClassifier
from sklearn_clip.zero_shot import TEMPLATES

NAMES = ["cat", "dog", "sea", "food"]


def test_report_ranks_templates_of_every_label(clip, pictures, targets):
    templates = ["{}", "a {}", "no {} at all"]
    model = ZeroShotClassifier(NAMES, clip, templates=templates).fit()
    Y = targets.copy()
    Y[:, 3] = 0
    report = model.prompt_report(pictures, Y)
    assert report["label"].drop_duplicates().tolist() == ["macro avg", *NAMES]
    assert len(report) == 5 * 4
    for template in templates:
        alone = ZeroShotClassifier(NAMES, clip, templates=template).fit()
        scores = alone.decision_function(pictures)
        rows = report[report["template"] == template].set_index("label")
        expected = [average_precision_score(Y[:, j], scores[:, j]) for j in range(3)]
        found = rows["average_precision"]
        np.testing.assert_allclose(found[NAMES[:3]], expected, atol=1e-6)
        assert found["macro avg"] == pytest.approx(np.mean(expected))
        assert np.isnan(found["food"])
    together = report[report["template"] == "(all)"].set_index("label")
    scores = model.decision_function(pictures)
    assert together.loc["cat", "average_precision"] == pytest.approx(
        average_precision_score(Y[:, 0], scores[:, 0])
    )
    for _, rows in report.groupby("label"):
        assert rows["rank"].tolist() == [1, 2, 3, 4]
        values = rows["average_precision"].dropna()
        assert values.is_monotonic_decreasing


def test_report_takes_other_templates_and_unknown_labels(clip, pictures, targets):
    model = ZeroShotClassifier(NAMES, clip, calibrate=True).fit(pictures, targets)
    Y = targets.astype(float)
    Y[0] = np.nan
    text = model.prompt_report(pictures, Y, templates="drawing", output="text")
    lines = text.splitlines()
    assert lines[0].split() == ["label", "rank", "ap", "template"]
    assert len(lines) == 1 + 5 * (len(TEMPLATES["drawing"]) + 1)
    part = model.prompt_report(pictures[1:], targets[1:], templates="drawing")
    first = part["average_precision"][0]
    assert lines[1].split()[:4] == ["macro", "avg", "1", f"{first:.3f}"]
    with pytest.raises(ValueError, match="output must be 'frame' or 'text'"):
        model.prompt_report(pictures, Y, output="table")


def test_scores_of_clip_art_reach_their_floor(clipart):
    clip, X, Y = clipart
    model = ZeroShotClassifier(list(Y.columns), clip).fit(X, Y)
    scores = model.decision_function(X)
    assert average_precision_score(Y, scores, average="macro") > 0.29
    assert f1_score(Y, model.predict(X), average="macro", zero_division=0) > 0.28
    # Better than to know how frequent every label is, without having seen one.
    frequency = np.broadcast_to(Y.mean(axis=0), Y.shape)
    known = log_loss(Y.to_numpy().ravel(), frequency.ravel())
    found = log_loss(Y.to_numpy().ravel(), model.predict_proba(X).ravel())
    assert found < 0.85 * known


def test_one_row_a_label_improves_probabilities_and_keeps_the_order(clipart):
    clip, X, Y = clipart
    pool, test = np.arange(250), np.arange(250, 500)
    positives = (np.flatnonzero(Y.iloc[pool][name]) for name in Y)
    shots = sorted({int(rows[0]) for rows in positives if len(rows)})
    assert len(shots) <= Y.shape[1]
    plain = ZeroShotClassifier(list(Y.columns), clip).fit()
    taught = ZeroShotClassifier(list(Y.columns), clip, calibrate=True)
    taught.fit(X.iloc[shots], Y.iloc[shots])
    held_out = Y.iloc[test].to_numpy()

    def loss(model):
        return log_loss(held_out.ravel(), model.predict_proba(X.iloc[test]).ravel())

    def f1(model):
        predicted = model.predict(X.iloc[test])
        return f1_score(held_out, predicted, average="macro", zero_division=0)

    assert loss(taught) < loss(plain) - 0.001
    assert f1(taught) > f1(plain) - 0.01
    before = plain.decision_function(X.iloc[test])
    after = taught.decision_function(X.iloc[test])
    for label in range(Y.shape[1]):
        order = np.argsort(before[:, label])
        assert (np.diff(after[order, label]) >= -1e-4).all()
