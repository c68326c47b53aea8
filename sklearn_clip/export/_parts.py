"""A fitted tagger taken apart: where rows come from, the steps, and the head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._featurizer import CLIPFeaturizer
from sklearn_clip.calibration import MultiLabelCalibrator
from sklearn_clip.export._row_source import RowSource, read_featurizer, read_tuner
from sklearn_clip.export._tagger import OnnxTagger
from sklearn_clip.export.heads._answers import SCORES_ALONE
from sklearn_clip.finetune import CLIPFineTuner
from sklearn_clip.heads import PrecomputedScores
from sklearn_clip.thresholds import (
    LabelSetClassifier,
    RejectOptionClassifier,
    ThresholdOptimizer,
)
from sklearn_clip.zero_shot import ZeroShotClassifier

_FORMS = (
    "a fitted Pipeline of a CLIPFeaturizer and a classifier, a ThresholdOptimizer, "
    "MultiLabelCalibrator or search of one, a ZeroShotClassifier or a CLIPFineTuner"
)
# What judges the scores of `estimator_`. Those whose answers may be open are refused
# where the head is written.
_JUDGES = (
    LabelSetClassifier,
    MultiLabelCalibrator,
    RejectOptionClassifier,
    ThresholdOptimizer,
)


@dataclass(frozen=True)
class Parts:
    """A fitted tagger, taken apart.

    Parameters
    ----------
    source : RowSource
        What makes features of rows.
    steps : list of tuple (str, estimator)
        What changes them.
    head : estimator instance
        The classifier of the features. One whose labels are words
        (`ZeroShotClassifier`, `CLIPFineTuner`) is itself here, and its features are the
        unit rows that it compares with the labels.
    twin : estimator instance
        The tagger with its model in torch's fp32, as it is in the file.
    where : str
        What the head is called in errors.
    """

    source: RowSource
    steps: list[tuple[str, Any]]
    head: Any
    twin: Any
    where: str = "The classifier"


def take_apart(tagger: Any, *, within: bool = False) -> Parts:
    """Take a fitted tagger apart.

    Parameters
    ----------
    tagger : estimator instance
        Pipeline, ThresholdOptimizer, MultiLabelCalibrator, search or classifier of
        words.
    within : bool, default=False
        Whether another estimator chooses the labels by its scores.

    Returns
    -------
    Parts
        They.

    Raises
    ------
    TypeError
        If it is something else, or its rows are not made by a CLIPFeaturizer.
    ValueError
        If it is not fitted, or has a parameter that no file can hold.
    """
    if isinstance(tagger, FrozenEstimator):
        return take_apart(tagger.estimator, within=within)
    if isinstance(tagger, Pipeline):
        return _take_pipeline_apart(tagger, within)
    if type(tagger) in _JUDGES:
        check_is_fitted(tagger)
        inner = take_apart(tagger.estimator_, within=True)
        head, twin = _shallow_copy(tagger), _shallow_copy(tagger)
        head.estimator_, twin.estimator_ = inner.head, inner.twin
        return Parts(inner.source, inner.steps, head, twin, inner.where)
    if _is_search(tagger):
        return take_apart(_best_of(tagger), within=within)
    if type(tagger) is ZeroShotClassifier:
        check_is_fitted(tagger)
        if not within:
            _refuse_without_labels(tagger)
        twin = _shallow_copy(tagger)
        clip, twin.featurizer_ = _read_clip(tagger.featurizer_, "featurizer")
        return Parts(read_featurizer(clip), [], tagger, twin)
    if type(tagger) is CLIPFineTuner:
        check_is_fitted(tagger)
        twin = _shallow_copy(tagger).set_params(device="cpu", precision="fp32")
        return Parts(read_tuner(tagger), [], tagger, twin)
    if isinstance(tagger, CLIPFeaturizer):
        raise TypeError(
            "to_onnx writes what gives labels. Got a CLIPFeaturizer alone: put a "
            "classifier behind it, in a Pipeline, or give a ZeroShotClassifier."
        )
    if isinstance(tagger, OnnxTagger):
        raise TypeError(
            "to_onnx writes taggers that were fitted here. Got an OnnxTagger, which is "
            "a file already: export the tagger that it was made from."
        )
    if isinstance(tagger, PrecomputedScores):
        raise TypeError(SCORES_ALONE)
    raise TypeError(f"tagger must be {_FORMS}. Got {type(tagger).__name__}.")


def _refuse_without_labels(classifier):
    """Refuse what has scores and no rule by which they become labels."""
    cuts = classifier._cuts()
    if np.isnan(cuts).any():
        raise ValueError(
            "A ZeroShotClassifier with scoring='cosine' must be given a threshold, for "
            "a file to give labels. Got 'auto'. Fit it with a number, top_k or "
            "calibrate=True, or put a ThresholdOptimizer around it."
        )
    classifier._check_top_k(cuts)


def _shallow_copy(estimator):
    """Copy an estimator, not what it has learnt; `copy.copy` would pack a model."""
    new = type(estimator).__new__(type(estimator))
    vars(new).update(vars(estimator))
    return new


def _is_search(estimator):
    return hasattr(estimator, "best_estimator_") or hasattr(estimator, "error_score")


def _best_of(search):
    if not hasattr(search, "best_estimator_"):
        check_is_fitted(search)  # says so, if it is not
        raise ValueError(
            f"A {type(search).__name__} must have refitted its best estimator. Got "
            f"refit={search.refit!r}: fit one with refit=True, or give a Pipeline."
        )
    return search.best_estimator_


def _take_pipeline_apart(pipeline, within):
    check_is_fitted(pipeline)
    steps = list(_flat(pipeline))
    if not steps:
        raise TypeError(f"tagger must be {_FORMS}. Got a Pipeline without steps.")
    (name, first), *rest = steps
    if not rest:  # of one step that takes rows
        return take_apart(first, within=within)
    clip, exact = _read_clip(first, f"step {name!r}")
    *middle, (last, head) = rest
    for step, estimator in middle:
        if isinstance(estimator, CLIPFeaturizer):
            raise TypeError(
                "A Pipeline must have one CLIPFeaturizer, as its first step. Got "
                f"another one, the step {step!r}."
            )
    if _is_search(head):
        head = _best_of(head)
    twin = Pipeline([("twin", exact), *rest])
    return Parts(read_featurizer(clip), middle, head, twin, f"The step {last!r}")


def _flat(pipeline, prefix=""):
    """Yield the steps of a pipeline, and of those in it, that do something."""
    for name, step in pipeline.steps:
        if step is None or isinstance(step, str):  # "passthrough"
            continue
        inner = step.estimator if isinstance(step, FrozenEstimator) else step
        if isinstance(inner, Pipeline):
            yield from _flat(inner, f"{prefix}{name}__")
        else:
            yield f"{prefix}{name}", step


def _read_clip(step, where):
    """Get the featurizer and a twin of it in torch's fp32."""
    clip = step.estimator if isinstance(step, FrozenEstimator) else step
    if type(clip) is CLIPFeaturizer:
        twin = clone(clip).set_params(
            engine="torch", precision="fp32", device="cpu", verbose=0
        )
        return clip, twin
    hint = ""
    if hasattr(clip, "transformers_") or isinstance(clip, FeatureUnion):
        hint = " A file holds one featurizer, and no other columns beside it."
    raise TypeError(
        f"The rows of a tagger must be made by a CLIPFeaturizer, for to_onnx to know "
        f"what it does with them. Got {type(clip).__name__} ({where}).{hint} Fit a "
        "Pipeline that begins with a CLIPFeaturizer."
    )
