"""Classifiers whose labels are words: rows against one vector per label."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.special import logit

from sklearn_clip.export.heads._answers import Answer, Refusal
from sklearn_clip.export.heads._cuts import decode
from sklearn_clip.export.heads._few_shot import unit_rows
from sklearn_clip.export.heads._graph_arrays import GraphArray

# Log-odds, and cosine, of a row that shows nothing; as of `ZeroShotClassifier`.
_NOTHING = np.float32(-87.0)
_NO_COSINE = np.float32(-1.0)
# Stands for minus infinity in a sum of exponentials, from which no infinity comes back.
_NEVER = np.float32(-1e9)
# Where an activation is looked at, and how near to a sigmoid it has to come.
_LOGITS = (-6.0, -2.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0)
_TOLERANCE = 1e-6


def write_zero_shot(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a ZeroShotClassifier."""
    rows = unit_rows(rows)
    visible = rows.apply("Abs").reduce("ReduceMax") > 0.0
    if estimator._bank is not None:
        rows = _move(rows, estimator._bank)
    scorer = estimator._scorer()
    scores = rows @ scorer.labels.T
    if scorer.scoring != "cosine":
        scores = scores * float(scorer.scale)
    if scorer.scoring == "contrast":
        scores = _contrast(rows, scores, scorer)
    elif scorer.scoring == "sigmoid":
        scores = scores + float(scorer.bias)
    if scorer.visual is not None:
        scores = scores + rows @ scorer.visual.weights.T + scorer.visual.intercept
    if scorer.scoring == "softmax":
        scores = scores - _rivals(scores)
    if scorer.slope is not None:
        scores = scores * scorer.slope + scorer.intercept
    has_logits = estimator._has_logits()
    scores = scores.where(visible, _NOTHING if has_logits else _NO_COSINE)
    # Without a threshold there are no labels: a ThresholdOptimizer around it has some.
    cuts = np.array(estimator._cuts(), dtype=np.float64)
    cuts[np.isnan(cuts)] = np.inf
    inner = cuts
    if has_logits:
        log_odds = logit(np.clip(cuts, 0, 1))
        inner = np.where(np.isinf(cuts), cuts, log_odds)
    labels = decode(
        scores, inner, at_least_one=estimator.at_least_one, limit=estimator.top_k
    )
    probabilities = scores.sigmoid() if has_logits else None
    return Answer(probabilities, scores, labels & visible, cuts)


def _move(rows, bank):
    """Move rows towards the captions that are nearest to them."""
    captions = bank.vectors.astype(np.float32)
    centred = captions - bank.mean
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    centred /= np.where(lengths == 0, 1, lengths)
    logits = (unit_rows(rows - bank.row_mean) @ centred.T) * float(bank.scale)
    weights = (logits - logits.logsumexp()).apply("Exp")
    near = unit_rows(weights @ captions + (bank.row_mean - bank.mean))
    return unit_rows(rows * (1.0 - bank.way) + near * bank.way)


def _contrast(rows, scores, scorer):
    """Log-odds of each label alone against all of the background."""
    logits = (rows @ scorer.background.T) * float(scorer.scale)
    whole = logits.logsumexp()
    scores = scores - whole
    if not scorer.own:
        return scores
    # Of a label that is among the words, its own are no alternatives: each such label
    # gets the difference of the two sums, put in its column by a matrix of 0 and 1.
    parts = []
    for words in scorer.own.values():
        penalty = np.zeros(logits.width, dtype=np.float32)
        penalty[list(words)] = _NEVER
        parts.append(whole - (logits + penalty).logsumexp())
    for label, part in zip(scorer.own, parts, strict=True):
        column = np.zeros((1, scores.width), dtype=np.float32)
        column[0, label] = 1
        scores = scores + part @ column
    return scores


def _rivals(logits):
    """Log of the sum of exp over the other labels of the row, for every label."""
    highest = logits.reduce("ReduceMax")
    masses = (logits - highest).apply("Exp")
    is_top = logits.argmax().equals(np.arange(logits.width))
    # The largest mass may be nearly the whole sum: its rest is summed by itself.
    others = masses.where(~is_top, 0.0)
    rest = masses.reduce("ReduceSum") - masses
    rest = rest.where(~is_top, others.reduce("ReduceSum"))
    smallest = float(np.finfo(np.float32).tiny)
    return highest + rest.maximum(smallest).apply("Log")


def write_tuner(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a CLIPFineTuner."""
    rows = unit_rows(rows)
    visible = rows.apply("Abs").reduce("ReduceMax") > 0.0
    labels = estimator.label_embeddings_
    scores = (rows @ labels.T) / float(estimator.temperature_) + float(estimator.bias_)
    slope, intercept = _read_activation(estimator, len(labels))
    probabilities = (scores * slope + intercept).sigmoid()
    probabilities = probabilities.where(visible, 0.0)
    return Answer(
        probabilities,
        scores.where(visible, -np.inf),
        probabilities > 0.5,
        np.full(len(labels), 0.5),
    )


def _read_activation(estimator, n_labels):
    """Slope and intercept of the sigmoid that a loss makes probabilities by."""
    points = np.array(_LOGITS)
    grid = torch.from_numpy(np.repeat(points[:, None], n_labels, axis=1))
    with torch.no_grad():
        found = np.asarray(estimator._activate(grid), dtype=np.float64)
    odds = logit(np.clip(found, 1e-300, 1 - 1e-16))
    at = dict(zip(_LOGITS, odds, strict=True))
    intercept, slope = at[0.0], at[1.0] - at[0.0]
    expected = 1 / (1 + np.exp(-(points[:, None] * slope + intercept)))
    if not np.abs(found - expected).max() <= _TOLERANCE:
        raise Refusal(
            f"the activation of its loss, {type(estimator.loss_).__name__}, is no "
            "sigmoid of a multiple of the logit. Train with another loss."
        )
    return slope.astype(np.float32), intercept.astype(np.float32)
