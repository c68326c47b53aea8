"""Warnings point to the line of the user, however deep they arise."""

import io
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

import sklearn_clip
from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelLogisticRegression,
    MultiLabelStratifiedKFold,
    ThresholdOptimizer,
    ZeroShotClassifier,
)
from sklearn_clip.datasets import load_csv_tags
from sklearn_clip.heads import ConstantSafeClassifier
from sklearn_clip.metrics import map_scorer, masked_f1_score

X, Y = make_multilabel_classification(n_classes=4, random_state=0)


def ask_for_too_much():
    head = MultiOutputClassifier(LogisticRegression(C=0.01))
    noise = np.random.default_rng(0).integers(0, 2, Y.shape)
    ThresholdOptimizer(head, min_precision=1.0, random_state=0).fit(X, noise)


def stop_early():
    make_pipeline(MultiLabelLogisticRegression(max_iter=1)).fit(X, Y)


def know_nothing():
    masked_f1_score(np.full((2, 2), np.nan), np.ones((2, 2)))


def score_labels_without_positives():
    head = MultiLabelLogisticRegression()
    rare = np.hstack([Y, np.zeros((len(Y), 1))])
    folds = MultiLabelStratifiedKFold(2)
    cross_val_score(head, X, rare, cv=folds, scoring=map_scorer)


def give_weights_in_vain():
    member = ConstantSafeClassifier(KNeighborsClassifier())
    member.fit(X, Y[:, 0], sample_weight=np.ones(len(X)))


def show_nothing():
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    ZeroShotClassifier(["cat"], clip).fit().predict_proba([None])


def give_groups_in_vain():
    list(MultiLabelStratifiedKFold(2).split(X, Y, groups=np.arange(len(X))))


def read_another_separator():
    table = "image,labels\na,cat;dog\nb,dog;cat\nc,cat;dog\n"
    load_csv_tags(io.StringIO(table), Path(__file__).parent, missing_files="keep")


@pytest.mark.parametrize(
    "use, category",
    [
        (ask_for_too_much, UserWarning),
        (stop_early, ConvergenceWarning),
        (know_nothing, UndefinedMetricWarning),
        (score_labels_without_positives, UndefinedMetricWarning),
        (give_weights_in_vain, UserWarning),
        (show_nothing, UserWarning),
        (give_groups_in_vain, UserWarning),
        (read_another_separator, UserWarning),
    ],
)
def test_warning_names_the_line_of_the_user(use, category):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        use()
    ours = [w for w in caught if w.category is category]
    assert ours
    assert {w.filename for w in ours} == {__file__}
    assert {w.lineno for w in ours} <= {at[2] for at in use.__code__.co_lines()}


def test_warning_in_a_thread_names_a_function_of_this_package():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        thread = threading.Thread(
            target=masked_f1_score, args=(np.full((2, 2), np.nan), np.ones((2, 2)))
        )
        thread.start()
        thread.join()
    assert [Path(w.filename).name for w in caught] == ["_masked.py"]


def test_code_without_a_name_may_be_warned():
    names = {"score": masked_f1_score, "nan": np.full((2, 2), np.nan)}
    names |= {"__name__": None}  # for which Python drops warnings
    exec("value = score(nan, nan == 1)", names)
    assert np.isnan(names["value"])


def test_no_room_warns_by_another_way():
    folder = Path(sklearn_clip.__file__).parent
    direct = [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*.py"))
        if "warnings.warn(" in path.read_text(encoding="utf-8")
    ]
    assert direct == [str(Path("_shared", "_warnings.py"))]
