"""What a fit learns from scores: thresholds, how sure they are, and what they reach."""

from typing import NamedTuple

import numpy as np

from sklearn_clip.model_selection._out_of_fold import split_rows, take_rows
from sklearn_clip.thresholds._cross_fitting import cross_fit
from sklearn_clip.thresholds._scored_rows import ScoredRows, scored_rows
from sklearn_clip.thresholds._search import label_curves
from sklearn_clip.thresholds._shrinkage import candidate_counts


class FittedThresholds(NamedTuple):
    """What is learned; the attributes of the same names, and an underscore, hold it.

    Attributes
    ----------
    thresholds, threshold_std : ndarray of shape (n_labels,)
        The thresholds, and their standard deviation over folds.
    shrinkage : float
        Positives that the global threshold weighs as much as.
    best_score : float
        The objective at the thresholds, on the rows they were chosen on.
    cv_score : float
        The same on rows they were not chosen on, see :class:`CrossFit`.
    top_k : int or None
        Labels kept in a row, under that strategy.
    curves : list of dict or None
        The metric of every label at all of its thresholds, if wanted.
    score_map : ndarray of shape (n_labels, 3) or None
        What makes probabilities of scores, if they are decided from.
    worth : ndarray of shape (n_labels, 2) or None
        What labels are worth, if every row gets as many, see :func:`find_worth`.
    """

    thresholds: np.ndarray
    threshold_std: np.ndarray
    shrinkage: float
    best_score: float
    cv_score: float
    top_k: int | None = None
    curves: list | None = None
    score_map: np.ndarray | None = None
    worth: np.ndarray | None = None


def fit_thresholds(tuner, folds, Y, sample_weight, *, shrinkage, store_curves):
    """Choose the thresholds on the pooled scores of all folds.

    Parameters
    ----------
    tuner : ThresholdTuner
        How thresholds are chosen and applied.
    folds : list of FoldScores
        Scores of rows that the classifier had not seen.
    Y : {ndarray, csr_array} of shape (n_samples, n_labels)
        Targets of all rows.
    sample_weight : ndarray of shape (n_samples,) or None
        Their weights.
    shrinkage : "auto", float or None
        The parameter of the optimizer.
    store_curves : bool
        Whether to keep the curves.

    Returns
    -------
    fitted : FittedThresholds
        The thresholds, and what is known about them.
    crossed : CrossFit
        What such thresholds come to on rows they were not chosen on.
    """
    # Scores of all folds are pooled: one search on all rows, as the scores of each come
    # from a classifier of nearly the size of the refitted one. A mean of thresholds of
    # folds would lose most labels with fewer positives than folds.
    every = np.concatenate([fold.rows for fold in folds])
    Y = take_rows(Y, every)
    rows = scored_rows(
        _pool([fold.scores for fold in folds]),
        Y,
        None if sample_weight is None else sample_weight[every],
        probability=folds[0].method == "predict_proba",
    )
    counts = (0.0,)
    if tuner.shrinks:
        counts = candidate_counts(shrinkage, rows.support()[0])
    parts = split_rows([fold.rows for fold in folds], Y)
    shares = _shares(folds)
    scored = rows
    rows = tuner.presort(
        rows,
        shrinks=any(counts),
        subsets=[*(side for part in parts for side in part), *shares],
    )
    if isinstance(rows, ScoredRows):
        scored = rows
    crossed = cross_fit(tuner, rows, parts, counts)
    count = crossed.choose_count()
    applied, thresholds = tuner.fit_shrunk(rows, count)
    fitted = FittedThresholds(
        thresholds,
        _spread(tuner, rows, shares, count),
        count,
        tuner.objective.score(applied.tally_at(rows, [thresholds])[0]),
        crossed.score(),
        applied.limit if tuner.strategy == "top_k" else None,
        label_curves(scored, tuner.objective) if store_curves else None,
        applied.score_map,
        applied.worth,
    )
    return fitted, crossed


def _pool(scores):
    """Stack scores of folds; those of a single one are not copied."""
    return scores[0] if len(scores) == 1 else np.concatenate(scores)


def _shares(folds):
    """Rows of each fold among those of all, if there are several."""
    ends = np.cumsum([0, *(len(fold.rows) for fold in folds)])
    return list(map(slice, ends[:-1], ends[1:])) if len(folds) > 1 else []


def _spread(tuner, rows, shares, count):
    """Compute the standard deviation of the thresholds found on each fold alone."""
    if not shares:
        return np.full(rows.shape[1], np.nan)
    found = []
    for share in shares:
        part = rows.take(share)
        found.append((tuner.fit_shrunk(part, count)[1], part.support()[0] > 0))
    return spread_of_thresholds(*map(np.array, zip(*found, strict=True)))


def spread_of_thresholds(thresholds, counted):
    """Compute the standard deviation of each label's thresholds over folds.

    Parameters
    ----------
    thresholds : ndarray of shape (n_folds, n_labels)
        Those found on each fold alone.
    counted : ndarray of shape (n_folds, n_labels), dtype=bool
        False where a fold says nothing about the label; infinite ones are left out
        as well.

    Returns
    -------
    std : ndarray of shape (n_labels,)
        NaN where fewer than two folds count.
    """
    # The folds are all there are, no sample of more: the population's
    # standard deviation, sqrt(mean((t - mean t)^2)), of the folds that count.
    counted = counted & np.isfinite(thresholds)
    number = counted.sum(axis=0)
    known = np.where(counted, thresholds, 0.0)
    safe = np.maximum(number, 1)
    mean = known.sum(axis=0) / safe
    square = np.where(counted, (thresholds - mean) ** 2, 0.0).sum(axis=0) / safe
    return np.where(number > 1, np.sqrt(square), np.nan)
