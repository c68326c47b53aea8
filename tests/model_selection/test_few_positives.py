"""One warning for labels that have fewer positives than there are folds."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_clip import (
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
    MultiLabelStratifiedGroupKFold,
    MultiLabelStratifiedKFold,
    ThresholdOptimizer,
)
from sklearn_clip.metrics import masked_f1_macro_scorer

LABELS = ["often", "rare", "never", "rarer"]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    Y = np.zeros((60, 4), dtype=int)
    Y[::2, 0] = 1
    Y[[3, 20, 41], 1] = 1
    Y[[50], 3] = 1
    X = rng.normal(size=(60, 5)) + Y @ rng.normal(size=(4, 5))
    return X, pd.DataFrame(Y, columns=LABELS)


def told(work):
    """Messages of the warnings about few positives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
    return [str(w.message) for w in caught if "folds:" in str(w.message)]


def test_splitter_names_the_labels(data):
    _, Y = data
    folds = MultiLabelStratifiedKFold(5, random_state=0)
    message = (
        r"2 label\(s\) have fewer positives than the 5 folds: 'rare' \(3\), "
        r"'rarer' \(1\)\. .*fewer folds"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        list(folds.split(Y, Y))
    assert {w.filename for w in caught} == {__file__}
    with pytest.warns(UserWarning, match=r"column 1 \(3\), column 3 \(1\)"):
        list(folds.split(Y, Y.to_numpy()))
    two = MultiLabelStratifiedKFold(2, random_state=0)
    assert told(lambda: list(two.split(Y, Y[["often", "rare", "never"]]))) == []


def test_unknown_labels_are_no_positives():
    Y = np.full((20, 2), np.nan)
    Y[:12, 0], Y[:12, 1] = 1, 0
    Y[3, 1] = 1
    folds = MultiLabelStratifiedKFold(3, random_state=0)
    (message,) = told(lambda: list(folds.split(Y, Y)))
    assert "1 label(s)" in message and "column 1 (1)" in message


def test_groups_with_a_positive_are_counted(data):
    _, Y = data
    folds = MultiLabelStratifiedGroupKFold(5, random_state=0)
    groups = np.arange(60) // 6
    (message,) = told(lambda: list(folds.split(Y, Y, groups)))
    assert "fewer groups with a positive than the 5 folds: 'rare' (3)" in message


def test_many_labels_are_counted_and_a_few_named():
    Y = np.eye(40, 30, dtype=int)
    folds = MultiLabelStratifiedKFold(2, random_state=0)
    (message,) = told(lambda: list(folds.split(Y, Y)))
    assert message.startswith("30 label(s)") and "column 4 (1), ...." in message
    assert len(message) < 400


LOGISTIC = MultiLabelLogisticRegression()
THRESHOLDS = ThresholdOptimizer(LOGISTIC, cv=5, random_state=0)
OWN_C = MultiLabelLogisticRegressionCV(2, cv=5, random_state=0)
FOLDS = MultiLabelStratifiedKFold(5, random_state=0)
SEARCH = {"scoring": masked_f1_macro_scorer, "cv": FOLDS}
FITS = {
    "thresholds": THRESHOLDS,
    "own C": OWN_C,
    "thresholds of a pipeline": ThresholdOptimizer(
        make_pipeline(StandardScaler(), OWN_C), cv=FOLDS
    ),
    "thresholds of an own C": ThresholdOptimizer(OWN_C, cv=5, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), THRESHOLDS),
    "thresholds in two processes": ThresholdOptimizer(
        OWN_C, cv=5, n_jobs=2, random_state=0
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_fit_tells_once_and_by_name(fit, data):
    (message,) = told(lambda: fit.fit(*data))
    assert "'rare' (3), 'rarer' (1)" in message


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_search_tells_by_its_splitter_and_at_the_refit(n_jobs, data):
    search = GridSearchCV(
        THRESHOLDS, {"estimator__C": [0.1, 1]}, n_jobs=n_jobs, **SEARCH
    )
    found = told(lambda: search.fit(*data))
    # Twice the same words on one line, which Python shows once.
    assert len(found) == 2 and len(set(found)) == 1
    plain = GridSearchCV(LOGISTIC, {"C": [0.1, 1]}, n_jobs=n_jobs, **SEARCH)
    assert len(told(lambda: plain.fit(*data))) == 1
    assert len(told(lambda: cross_val_score(THRESHOLDS, *data, **SEARCH))) == 1


def test_classifiers_of_one_label_are_not_told(data):
    X, Y = data
    wrapped = OneVsRestClassifier(CalibratedClassifierCV(LOGISTIC, cv=2))
    assert told(lambda: wrapped.fit(X, Y[["often"]])) == []


def test_quickstart_is_not_warned():
    from sklearn_clip.datasets import load_clipart

    for split in ("train", "test"):
        Y = load_clipart(split=split, as_frame=True).target
        assert told(lambda Y=Y: list(FOLDS.split(Y, Y))) == []
