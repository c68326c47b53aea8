"""Heads that start from label prompts."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_clip.export.heads._answers import Answer
from sklearn_clip.export.heads._graph_arrays import GraphArray, concatenate


def unit_rows(rows: GraphArray) -> GraphArray:
    """Scale rows to length 1; rows of zeros stay."""
    lengths = rows.reduce("ReduceL2")
    return rows / lengths.where(lengths > 0.0, 1.0)


def write_tip_adapter(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a TipAdapterClassifier: prompts, and a memory of labelled rows."""
    rows = unit_rows(rows)
    scores = _stand_out(estimator, rows, estimator._prompts)
    if estimator.alpha_:
        memory, positive = estimator._memory
        alike = ((1.0 - rows @ memory.T) * -float(estimator.beta_)).apply("Exp")
        shares = float(estimator.alpha_) * positive / np.maximum(estimator._counts, 1)
        scores = scores + alike @ shares
    return _calibrated(estimator, _with_probe(estimator, rows, scores))


def write_clip_adapter(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a CLIPAdapterClassifier: prompts over adapted rows."""
    rows, alpha = unit_rows(rows), float(estimator.alpha_)
    plain = rows
    if alpha:
        hidden = (rows @ estimator.down_.T).apply("Relu")
        adapted = (hidden @ estimator.up_.T).apply("Relu")
        rows = unit_rows(rows * (1.0 - alpha) + adapted * alpha)
    scores = _stand_out(estimator, rows, estimator.label_vectors_)
    return _calibrated(estimator, _with_probe(estimator, plain, scores))


def _with_probe(estimator, rows, scores):
    """Weigh the scores by the prompts, and add those of the probe."""
    if estimator.probe_coef_ is None:
        return scores
    probed = rows @ estimator.probe_coef_.T + estimator.probe_intercept_
    return scores * float(estimator.prompt_weight_) + probed


def _stand_out(estimator, rows, vectors):
    """Cosines of rows with label vectors, less those with the background."""
    cosines = rows @ vectors.T
    words = estimator._background
    if words is None:
        return cosines
    alike = (rows @ words.embeddings.T) * float(words.logit_scale)
    everything = alike.logsumexp()
    # Of a label that is among the words, its own are no alternatives.
    own = {label: set(found) for label, found in words.own.items() if len(found)}
    common = [
        alike.columns(
            [word for word in range(alike.width) if word not in own[label]]
        ).logsumexp()
        if label in own
        else everything
        for label in range(len(vectors))
    ]
    return cosines - concatenate(common) / float(words.logit_scale)


def _calibrated(estimator, scores):
    slope, intercept = np.float64(estimator.slope_), np.asarray(estimator.intercept_)
    probabilities = (scores * np.array([slope]) + intercept).sigmoid()
    cuts = np.full(scores.width, 0.5)
    return Answer(probabilities, scores, probabilities > 0.5, cuts)
