"""scikit-learn's own out-of-fold predictions, and stacking, of our classifiers."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_clip import (
    CLIPFeaturizer,
    MultiLabelCalibrator,
    MultiLabelLogisticRegression,
    MultiLabelNet,
    RegionClassifier,
    ThresholdOptimizer,
    TipAdapterClassifier,
    ZeroShotClassifier,
)
from sklearn_clip.heads import MultiLabelLogisticRegressionCV

X, Y = make_multilabel_classification(n_classes=4, random_state=0)
PROMPTS = np.random.default_rng(0).normal(size=(4, X.shape[1]))
LOGISTIC = MultiLabelLogisticRegression()
ESTIMATORS = {
    "logistic": lambda n: LOGISTIC,
    "path": lambda n: MultiLabelLogisticRegressionCV(Cs=2, cv=2),
    "net": lambda n: MultiLabelNet(max_epochs=2, device="cpu", random_state=0),
    "prompts": lambda n: TipAdapterClassifier(PROMPTS[:n]),
    "thresholds": lambda n: ThresholdOptimizer(LOGISTIC, cv=2, random_state=0),
    "calibrated": lambda n: MultiLabelCalibrator(LOGISTIC, cv=2, random_state=0),
    "regions": lambda n: RegionClassifier(
        LOGISTIC, layout=(4, 3), cv=2, random_state=0
    ),
    "thresholds of another": lambda n: ThresholdOptimizer(
        MultiOutputClassifier(LogisticRegression()), cv=2, random_state=0
    ),
}


@pytest.mark.parametrize("n_labels", [1, 2, 4])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_cross_val_predict_gives_what_each_fold_does(name, n_labels):
    estimator, targets = ESTIMATORS[name](n_labels), Y[:, :n_labels]
    folds = KFold(2)
    for method in ("predict_proba", "decision_function", "predict"):
        if not hasattr(estimator, method):
            continue
        found = cross_val_predict(estimator, X, targets, cv=folds, method=method)
        expected = np.empty((len(X), n_labels))
        for train, test in folds.split(X):
            fitted = clone(estimator).fit(X[train], targets[train])
            expected[test] = getattr(fitted, method)(X[test])
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_zero_shot_labels_are_cross_validated_too(make_pictures):
    pictures = make_pictures(8)
    targets = np.tile([[0, 1], [1, 0]], (4, 1))
    clip = CLIPFeaturizer("clipart-tiny", text=None)
    model = ZeroShotClassifier(["red", "blue"], clip, calibrate=True)
    found = cross_val_predict(
        model, pictures, targets, cv=KFold(2), method="predict_proba"
    )
    assert found.shape == (8, 2)


@pytest.mark.parametrize("n_labels", [2, 4])
def test_heads_are_stacked(n_labels):
    targets = Y[:, :n_labels]
    stack = StackingClassifier(
        [("one", LOGISTIC), ("other", MultiLabelLogisticRegression(C=0.1))],
        final_estimator=MultiLabelLogisticRegression(),
        stack_method="decision_function",
        cv=3,
    ).fit(X, targets)
    assert stack.transform(X).shape == (len(X), 2 * n_labels)
    assert (stack.predict(X) == targets).mean() > 0.75


@pytest.mark.parametrize("n_labels", [2, 4])
@pytest.mark.parametrize(
    "final",
    [RandomForestClassifier(20, random_state=0), MultiLabelLogisticRegression()],
)
def test_scores_of_a_stack_are_those_of_the_ones(n_labels, final):
    targets = Y[:, :n_labels]
    stack = StackingClassifier(
        [("one", LOGISTIC), ("other", MultiLabelLogisticRegression(C=0.1))],
        final_estimator=final,
        stack_method="decision_function",
        cv=3,
    )
    search = GridSearchCV(make_pipeline(StandardScaler(), stack), {}, cv=2)
    for model in (stack, FrozenEstimator(search.fit(X, targets))):
        tuned = ThresholdOptimizer(model, cv=2, random_state=0).fit(X, targets)
        scores = tuned.predict_proba(X)
        assert scores[targets == 1].mean() > scores[targets == 0].mean() + 0.2


@pytest.mark.parametrize(
    "final", [RandomForestClassifier(5), MultiLabelLogisticRegression()]
)
def test_label_that_every_row_of_a_stack_has_is_there(final):
    targets = Y.copy()
    targets[:, 1], targets[:, 2] = 1, 0
    stack = StackingClassifier([("one", LOGISTIC)], final, stack_method="predict", cv=3)
    tuned = ThresholdOptimizer(FrozenEstimator(stack.fit(X, targets)))
    scores = tuned.fit(X, targets).predict_proba(X)
    assert (scores[:, 1] == 1).all() and (scores[:, 2] == 0).all()


def test_numbers_that_cross_val_predict_gives_unknown_labels_are_told():
    known = Y.astype(float)
    known[::7, 1] = np.nan
    with pytest.raises(ValueError, match="numbered the unknown labels of a column"):
        cross_val_predict(LOGISTIC, X, known, cv=KFold(2), method="predict_proba")


@pytest.mark.parametrize("cv", [None, 5, 4])
def test_more_folds_than_rows_are_told_of_as_cv(cv):
    X, Y = np.eye(3), np.array([[0, 1], [1, 0], [1, 1]])
    meta = ThresholdOptimizer(MultiLabelLogisticRegression(), cv=cv)
    with pytest.raises(
        ValueError, match="cv must be at most .* folds,? and n_samples=3"
    ):
        meta.fit(X, Y)


@pytest.mark.parametrize("options", [{}, {"min_recall": 0.5, "confidence": 0.9}])
def test_share_that_leaves_no_row_to_fit_on_is_told_of_as_cv(options):
    X, Y = np.eye(3), np.array([[0, 1], [1, 0], [1, 1]])
    head = MultiLabelLogisticRegression()
    meta = ThresholdOptimizer(head, cv=0.9, refit=False, **options)
    with pytest.raises(ValueError, match="cv must leave rows to fit on .* Got 0.9"):
        meta.fit(X, Y)
