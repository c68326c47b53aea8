"""What a fit learns from scores: thresholds, how sure they are, and what they reach."""

from typing import NamedTuple

import numpy as np

from sklearn_clip.thresholds._search import label_curves
from sklearn_clip.thresholds._shrinkage import choose_count, split_rows
from sklearn_clip.thresholds._threshold_curves import ScoredRows


class FittedThresholds(NamedTuple):
    """What is learned; the attributes of the same names, and an underscore, hold it.

    Attributes
    ----------
    thresholds, threshold_std : ndarray of shape (n_labels,)
        Cuts, and their standard deviation over folds.
    shrinkage : float
        Positives that the cut for all labels weighs as much as.
    best_score : float
        The objective at the cuts, on the rows they were chosen on.
    top_k : int or None
        Labels kept in a row, under that strategy.
    curves : list of dict or None
        The metric of every label at all of its cuts, if wanted.
    """

    thresholds: np.ndarray
    threshold_std: np.ndarray
    shrinkage: float
    best_score: float
    top_k: int | None = None
    curves: list | None = None


def scored_rows(scores, Y, sample_weight, *, probability=True):
    """Put scores beside targets of 0, 1 and NaN.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_labels)
        Scores.
    Y : ndarray of shape (n_rows, n_labels)
        Targets.
    sample_weight : ndarray of shape (n_rows,) or None
        Row weights.
    probability : bool, default=True
        Whether scores lie in [0, 1].

    Returns
    -------
    ScoredRows
        Both.
    """
    known = None if Y.dtype.kind == "i" else ~np.isnan(Y)
    if known is not None and known.all():
        known = None
    return ScoredRows(scores, Y == 1, known, sample_weight, probability)


def fit_thresholds(tuner, folds, Y, sample_weight, *, shrinkage, store_curves):
    """Choose the cuts on the pooled scores of all folds.

    Parameters
    ----------
    tuner : CutPlan
        How cuts are chosen and applied.
    folds : list of FoldScores
        Scores of rows that the classifier had not seen.
    Y : ndarray of shape (n_samples, n_labels)
        Targets of all rows.
    sample_weight : ndarray of shape (n_samples,) or None
        Their weights.
    shrinkage : "auto", float or None
        The parameter of the optimizer.
    store_curves : bool
        Whether to keep the curves.

    Returns
    -------
    LearnedCuts
        The cuts, and what is known about them.
    """
    every = np.concatenate([fold.rows for fold in folds])
    rows = scored_rows(
        np.concatenate([fold.scores for fold in folds]),
        Y[every],
        None if sample_weight is None else sample_weight[every],
        probability=folds[0].method == "predict_proba",
    )
    count = _choose_shrinkage(shrinkage, tuner, folds, rows, Y[every])
    top_k, applied = None, tuner
    if tuner.strategy == "top_k":
        top_k, thresholds = tuner.search_top_k(rows)
        applied = tuner._replace(limit=top_k)
    else:
        thresholds = tuner.search_shrunk(rows, count)
    return FittedThresholds(
        thresholds,
        _spread(tuner, folds, rows, count),
        count,
        applied.score(rows, applied.predict(rows.scores, thresholds)),
        top_k,
        label_curves(rows, tuner.objective) if store_curves else None,
    )


def _choose_shrinkage(shrinkage, tuner, folds, rows, Y):
    """Say how many positives the global threshold weighs as much as."""
    if not tuner.shrinks or not rows.targets.any() or shrinkage is None:
        return 0.0
    if shrinkage != "auto":
        return float(shrinkage)
    return choose_count(tuner, rows, split_rows([fold.rows for fold in folds], Y))


def _spread(tuner, folds, rows, count):
    """Compute the standard deviation of the cuts found on each fold alone."""
    if len(folds) == 1:
        return np.full(rows.scores.shape[1], np.nan)
    ends = np.cumsum([len(fold.rows) for fold in folds])
    parts = [
        rows.take(slice(end - len(fold.rows), end))
        for fold, end in zip(folds, ends, strict=True)
    ]
    thresholds = [tuner.search_shrunk(part, count) for part in parts]
    counted = [part.targets.any(axis=0) for part in parts]
    return spread_of_thresholds(np.array(thresholds), np.array(counted))


def spread_of_thresholds(thresholds, counted):
    """Compute the standard deviation of each label's cuts over folds.

    Parameters
    ----------
    thresholds : ndarray of shape (n_folds, n_labels)
        Cuts found on each fold alone.
    counted : ndarray of shape (n_folds, n_labels), dtype=bool
        False where a fold says nothing about the label; infinite cuts are left out
        as well.

    Returns
    -------
    std : ndarray of shape (n_labels,)
        NaN where fewer than two folds count.
    """
    counted = counted & np.isfinite(thresholds)
    number = counted.sum(axis=0)
    known = np.where(counted, thresholds, 0.0)
    safe = np.maximum(number, 1)
    mean = known.sum(axis=0) / safe
    square = np.where(counted, (thresholds - mean) ** 2, 0.0).sum(axis=0) / safe
    return np.where(number > 1, np.sqrt(square), np.nan)
