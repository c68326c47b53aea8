"""Names and paths that stand for columns and rows by their place come in an order."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from sklearn_clip import MultiLabelLogisticRegression, predict_labels, top_labels
from sklearn_clip.datasets import (
    write_cvat_tags,
    write_label_studio,
    write_photo_keywords,
)
from sklearn_clip.metrics import multilabel_report
from sklearn_clip.model_selection import MultiLabelStratifiedGroupKFold
from sklearn_clip.plotting import (
    LabelCooccurrenceDisplay,
    LabelScoreDisplay,
    MultiLabelPrecisionRecallDisplay,
)
from sklearn_clip.report import TaggerReport
from sklearn_clip.review import annotator_quality, suggest_queries

Y = np.eye(3).repeat(4, axis=0).astype(int)
SCORES = np.where(Y, 0.9, 0.1)
HEAD = MultiLabelLogisticRegression().fit(SCORES, Y)
PATHS = [f"{row}.jpg" for row in range(len(Y))]

# How each takes names of the three labels.
NAMED = {
    "predict_labels": lambda names, _: predict_labels(HEAD, SCORES, names),
    "top_labels": lambda names, _: top_labels(HEAD, SCORES, label_names=names),
    "multilabel_report": lambda names, _: multilabel_report(Y, Y, label_names=names),
    "display": lambda names, _: LabelScoreDisplay.from_predictions(
        Y, Y, label_names=names
    ),
    "cooccurrence": lambda names, _: LabelCooccurrenceDisplay.from_labels(
        Y, label_names=names
    ),
    "queries": lambda names, _: suggest_queries(SCORES, None, 2, label_names=names),
    "quality": lambda names, _: annotator_quality([Y, Y], label_names=names),
    "page": lambda names, _: TaggerReport(SCORES, None, Y, label_names=names),
    "cvat": lambda names, folder: write_cvat_tags(
        folder / "tags.xml", PATHS, SCORES, label_names=names
    ),
    "label studio": lambda names, folder: write_label_studio(
        folder / "tasks.json", PATHS, SCORES, label_names=names
    ),
    "keywords": lambda names, folder: write_photo_keywords(
        folder, PATHS, SCORES, label_names=names, threshold=0.5
    ),
}
WITHOUT_ORDER = [{"a", "b", "c"}, frozenset("abc"), "abc", b"abc", 3]


@pytest.mark.parametrize("names", WITHOUT_ORDER, ids=lambda names: type(names).__name__)
@pytest.mark.parametrize("use", NAMED.values(), ids=NAMED)
def test_label_names_without_an_order_are_refused(use, names, tmp_path):
    with pytest.raises(
        TypeError, match="label_names must be a list of names, in their order. Got"
    ):
        use(names, tmp_path)


@pytest.mark.parametrize("make", [tuple, np.array, dict.fromkeys, iter])
def test_label_names_in_any_order_of_their_own_are_taken(make):
    names = ["late", "early", "middle"]
    assert predict_labels(HEAD, SCORES[::4], make(names)) == [[name] for name in names]
    assert [
        row[0][0] for row in top_labels(HEAD, SCORES[::4], label_names=make(names))
    ] == names


def test_names_of_annotators_without_an_order_are_refused():
    with pytest.raises(TypeError, match="annotators must be a list of names"):
        annotator_quality([Y, Y], annotators={"ann", "bo"})


@pytest.mark.parametrize("paths", [set(PATHS), 3, None])
def test_images_without_an_order_are_refused(paths, tmp_path):
    for use in (
        lambda: write_cvat_tags(tmp_path / "t.xml", paths, SCORES, label_names="abc"),
        lambda: write_label_studio(
            tmp_path / "t.json", paths, SCORES, label_names="abc"
        ),
        lambda: write_photo_keywords(tmp_path, paths, SCORES, label_names="abc"),
    ):
        with pytest.raises(
            TypeError, match="images must be a list of paths, in their order. Got"
        ):
            use()


@pytest.mark.parametrize("groups", [set(range(12)), 3, iter(range(12))])
def test_groups_without_an_order_are_refused(groups):
    splitter = MultiLabelStratifiedGroupKFold(2)
    with pytest.raises(ValueError, match=r"groups must have shape \(12,\).*Got \(\)"):
        next(splitter.split(SCORES, Y, groups))


OWN_NAMES = {
    "multilabel_report": lambda Y, names, _: multilabel_report(Y, Y, label_names=names),
    "display": lambda Y, names, _: LabelScoreDisplay.from_predictions(
        Y, Y, label_names=names
    ),
    "display of scores": lambda P, names, _: (
        MultiLabelPrecisionRecallDisplay.from_predictions(Y, P, label_names=names)
    ),
    "display of a head": lambda Y, names, _: LabelScoreDisplay.from_estimator(
        clone(HEAD).fit(SCORES, Y), SCORES, Y.to_numpy(), label_names=names
    ),
    "predict_labels": lambda Y, names, _: predict_labels(
        clone(HEAD).fit(SCORES, Y), SCORES, names
    ),
    "top_labels": lambda Y, names, _: top_labels(
        clone(HEAD).fit(SCORES, Y), SCORES, label_names=names
    ),
    "queries": lambda P, names, _: suggest_queries(P, None, 2, label_names=names),
    "queries of a head": lambda Y, names, _: suggest_queries(
        clone(HEAD).fit(SCORES, Y), SCORES, 2, label_names=names
    ),
    "page": lambda P, names, _: TaggerReport(P, None, Y, label_names=names),
    "cvat": lambda P, names, folder: write_cvat_tags(
        folder / "tags.xml", PATHS, P, label_names=names
    ),
    "label studio": lambda P, names, folder: write_label_studio(
        folder / "tasks.json", PATHS, P, label_names=names
    ),
}


@pytest.mark.parametrize("use", OWN_NAMES.values(), ids=OWN_NAMES)
def test_columns_are_not_called_as_others_are(use, tmp_path):
    table = pd.DataFrame(Y, columns=["dog", "cat", "cow"])
    with pytest.raises(
        ValueError, match=r"label_names must name.* Got 'cat' for 'dog' \(column 0\)"
    ):
        use(table, ["cat", "dog", "cow"], tmp_path)
    use(table, ["Hund", "Katze", "Kuh"], tmp_path)  # other names are as good as any


def test_numbers_of_columns_are_no_names():
    report = multilabel_report(pd.DataFrame(Y), Y, label_names=[2, 1, 0])
    assert report.index[:3].tolist() == [2, 1, 0]
