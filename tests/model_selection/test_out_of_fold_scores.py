"""Out-of-fold scores, with unknown labels, groups and odd splits."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, RepeatedKFold
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier

from sklearn_clip import MultiLabelLogisticRegression, out_of_fold_scores

X, Y = make_multilabel_classification(n_classes=3, random_state=0)
HEAD = MultiLabelLogisticRegression()


def test_unknown_labels_are_taken_as_they_are():
    targets = np.where(np.arange(len(Y))[:, None] % 5 == 0, np.nan, Y)
    found = out_of_fold_scores(HEAD, X, targets, cv=KFold(3))
    for train, test in KFold(3).split(X):
        fitted = clone(HEAD).fit(X[train], targets[train])
        np.testing.assert_allclose(found[test], fitted.predict_proba(X[test]))


@pytest.mark.parametrize("wrap", [ClassifierChain, MultiOutputClassifier])
def test_other_classifiers_give_one_column_per_label(wrap):
    found = out_of_fold_scores(wrap(LogisticRegression()), X, Y, random_state=0)
    assert found.shape == Y.shape
    assert np.isfinite(found).all()


def test_rows_held_out_twice_get_the_mean():
    cv = RepeatedKFold(n_splits=2, n_repeats=2, random_state=0)
    splits = list(cv.split(X))
    halves = [out_of_fold_scores(HEAD, X, Y, cv=splits[i : i + 2]) for i in (0, 2)]
    np.testing.assert_allclose(
        out_of_fold_scores(HEAD, X, Y, cv=cv), np.mean(halves, axis=0)
    )


def test_rows_never_held_out_are_nan_and_told():
    with pytest.warns(UserWarning, match="never held out"):
        found = out_of_fold_scores(HEAD, X, Y, cv=0.2, random_state=0)
    assert 60 < np.isnan(found).all(axis=1).sum() < 100


def test_an_integer_cv_keeps_groups_whole():
    groups = np.repeat(np.arange(20), 5)
    twins = np.repeat(X[::5], 5, axis=0), np.repeat(Y[::5], 5, axis=0)
    found = out_of_fold_scores(HEAD, *twins, groups=groups, random_state=0)
    np.testing.assert_allclose(found, np.repeat(found[::5], 5, axis=0))


def test_the_method_can_be_chosen():
    values = out_of_fold_scores(HEAD, X, Y, method="decision_function", random_state=0)
    assert values.min() < 0


@pytest.mark.parametrize(
    ("estimator", "more", "error"),
    [
        (HEAD, {"cv": "prefit"}, ValueError),
        (HEAD, {"method": "predict"}, ValueError),
        (FrozenEstimator(HEAD), {}, TypeError),
    ],
)
def test_what_cannot_be_is_refused(estimator, more, error):
    with pytest.raises(error, match="Got"):
        out_of_fold_scores(estimator, X, Y, **more)
