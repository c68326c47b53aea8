"""The table of classifiers that can be written, and who writes which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import linear_model
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from sklearn_clip.calibration import MultiLabelCalibrator
from sklearn_clip.export.heads import (
    _calibration,
    _few_shot,
    _linear,
    _members,
    _networks,
    _others,
    _trees,
    _words,
    _wrappers,
)
from sklearn_clip.export.heads._answers import SCORES_ALONE, Answer, Refusal
from sklearn_clip.export.heads._classes import check_width, find_writer
from sklearn_clip.export.heads._graph_arrays import GraphArray
from sklearn_clip.export.heads._neighbors import write_neighbors
from sklearn_clip.export.heads._transformers import write_step
from sklearn_clip.finetune import CLIPFineTuner
from sklearn_clip.heads import (
    CLIPAdapterClassifier,
    ConstantSafeClassifier,
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
    MultiLabelNet,
    PrecomputedScores,
    TipAdapterClassifier,
)
from sklearn_clip.thresholds import (
    LabelSetClassifier,
    RejectOptionClassifier,
    ThresholdOptimizer,
)
from sklearn_clip.zero_shot import ZeroShotClassifier


def _write_pipeline(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a Pipeline of transformers and a classifier."""
    for _, step in estimator.steps[:-1]:
        rows = write_step(step, rows)
    return write(estimator.steps[-1][1], rows)


_decisions = _linear.linear_writer(_linear.read_decisions)
_logistic = _linear.linear_writer(_linear.read_logistic)
_sgd = _linear.linear_writer(_linear.read_sgd)

_Writer = Callable[[Any, GraphArray, Any], Answer]
CLASSIFIERS: dict[type, _Writer] = {
    # The base of all searches, which has no public name.
    GridSearchCV.__bases__[0]: _wrappers.write_search,
    CLIPFineTuner: _words.write_tuner,
    CLIPAdapterClassifier: _few_shot.write_clip_adapter,
    CalibratedClassifierCV: _calibration.write_calibrated,
    ClassifierChain: _members.write_chain,
    ConstantSafeClassifier: _members.write_constant_safe,
    DecisionTreeClassifier: _trees.write_tree,
    DummyClassifier: _others.write_dummy,
    ExtraTreeClassifier: _trees.write_tree,
    ExtraTreesClassifier: _trees.write_forest,
    FixedThresholdClassifier: _wrappers.write_fixed_threshold,
    FrozenEstimator: _wrappers.write_frozen,
    GaussianNB: _others.write_gaussian_bayes,
    GradientBoostingClassifier: _trees.write_gradient_boosting,
    HistGradientBoostingClassifier: _trees.write_histogram_boosting,
    KNeighborsClassifier: write_neighbors,
    LinearDiscriminantAnalysis: _logistic,
    LabelSetClassifier: _wrappers.refuse_open_answers,
    LinearSVC: _decisions,
    MLPClassifier: _others.write_perceptron,
    MultiLabelCalibrator: _calibration.write_calibrator,
    MultiLabelLogisticRegression: _logistic,
    MultiLabelLogisticRegressionCV: _logistic,
    MultiLabelNet: _networks.write_net,
    MultiOutputClassifier: _members.write_multi_output,
    NuSVC: _others.write_support_vectors,
    OneVsRestClassifier: _members.write_one_vs_rest,
    Pipeline: _write_pipeline,
    RandomForestClassifier: _trees.write_forest,
    RejectOptionClassifier: _wrappers.refuse_open_answers,
    SVC: _others.write_support_vectors,
    ThresholdOptimizer: _wrappers.write_thresholds,
    TipAdapterClassifier: _few_shot.write_tip_adapter,
    TunedThresholdClassifierCV: _wrappers.write_tuned_threshold,
    ZeroShotClassifier: _words.write_zero_shot,
    linear_model.LogisticRegression: _logistic,
    linear_model.LogisticRegressionCV: _logistic,
    linear_model.Perceptron: _decisions,
    linear_model.RidgeClassifier: _decisions,
    linear_model.RidgeClassifierCV: _decisions,
    linear_model.SGDClassifier: _sgd,
}
# scikit-learn takes it out in 1.10.
if hasattr(linear_model, "PassiveAggressiveClassifier"):
    CLASSIFIERS[linear_model.PassiveAggressiveClassifier] = _decisions


def write_classifier(estimator: Any, rows: GraphArray) -> Answer:
    """Write a fitted classifier by its class.

    Parameters
    ----------
    estimator : estimator instance
        A classifier of one label or of many.
    rows : GraphArray
        What it takes.

    Returns
    -------
    Answer
        What its methods give.

    Raises
    ------
    Refusal
        If it cannot be written.
    """
    writer = find_writer(CLASSIFIERS, estimator)
    if isinstance(estimator, PrecomputedScores):
        raise Refusal(SCORES_ALONE)
    if writer is None:
        raise Refusal(
            f"{type(estimator).__name__} has no form in ONNX here. Fit a "
            "MultiLabelLogisticRegression instead, or another classifier that the "
            "guide to exporting lists."
        )
    check_width(estimator, rows)
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, np.ndarray) and classes.shape == (1,):
        return _others.write_one_class(estimator, rows, write_classifier)
    return writer(estimator, rows, write_classifier)
