"""Out-of-fold scores along a path of C, for all labels and folds together."""

from typing import NamedTuple

import numpy as np

from sklearn_clip.heads.linear._logistic import fit_columns
from sklearn_clip.heads.linear._newton import Solution

# A label leaves the path once its score has fallen by so many standard errors (over
# folds), or at two successive C: the largest C cost most and are seldom the best.
_ERRORS = 2
_FALLS = 2


class Path(NamedTuple):
    """Result of `follow_path`.

    Attributes
    ----------
    scores : ndarray of shape (n_folds, n_Cs, n_scores)
        Held-out scores; NaN where there is none.
    coef : ndarray of shape (n_Cs, n_features, n_labels), float32
        Coefficients, averaged over folds. Those of a label that has left the path
        stay what they were.
    intercept : ndarray of shape (n_Cs, n_labels)
        Intercepts, likewise.
    """

    scores: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray


def follow_path(products, data, Cs, score, *, jointly, prune, **settings):
    """Fit all folds for one C after the other, from strong to weak penalty.

    Parameters
    ----------
    products : NumpyProducts or TorchProducts
        Products with X.
    data : LabelData
        Targets and weights, with the training rows of every fold as masks.
    Cs : ndarray of shape (n_Cs,)
        Inverse strengths of the penalty, ascending.
    score : callable
        ``score(labels, coef, intercept)`` for coef of shape (n_folds, n_features,
        len(labels)); it returns (n_folds, len(labels)) scores, or (n_folds, 1) of all
        labels together.
    jointly : bool
        Whether all labels are to get the same C.
    prune : bool
        Whether labels leave the path when their score falls.
    **settings : dict
        Of `fit_columns`.

    Returns
    -------
    Path
        Scores and averaged coefficients.
    """
    n_folds, n_labels = len(data.masks), data.targets.positive.shape[1]
    coefs = np.zeros((len(Cs), products.n_features, n_labels), np.float32)
    intercepts = np.zeros((len(Cs), n_labels))
    scores = None
    labels, before, start = np.arange(n_labels), None, None
    # From strong to weak penalty: the condition of S grows with C, and so the start
    # counts for more, the larger C is. A column is one label in one fold.
    for k, C in enumerate(Cs):
        columns = (np.arange(n_folds)[:, None] * n_labels + labels).ravel()
        C = np.full(len(columns), C)
        found = fit_columns(products, data, columns, C, start, **settings)
        coef = found.coef.reshape(-1, n_folds, len(labels)).swapaxes(0, 1)
        intercept = found.intercept.reshape(n_folds, len(labels))
        # Also for all larger C: where a label that leaves here keeps its coefficients.
        coefs[k:, :, labels] = coef.mean(axis=0)
        intercepts[k:, labels] = intercept.mean(axis=0)
        new = score(labels, coef, intercept)
        if scores is None:
            scores = np.full((n_folds, len(Cs), new.shape[1]), np.nan)
        scores[:, k, labels if new.shape[1] == len(labels) else [0]] = new
        keep = np.ones(len(labels), dtype=bool)
        if prune and k > 0:
            keep = _still_rising(scores[:, : k + 1, labels], jointly)
            if not keep.any():
                break
        start, before = _select(_extrapolate(before, found), keep), _select(found, keep)
        labels = labels[keep]
    return Path(scores, coefs, intercepts)


def _extrapolate(before, found):
    """Start of the next C: the coefficients go on as they did since the last one.

    A grid of C is usually geometric, and in log C the minimum moves smoothly: this
    saves a seventh of the products.
    """
    if before is None:
        return found
    # To first order in log C: w(k + 1) = w(k) + (w(k) - w(k - 1)).
    return found._replace(
        coef=2 * found.coef - before.coef,
        intercept=2 * found.intercept - before.intercept,
    )


def _select(solution, keep):
    """Take the labels to keep, in all folds."""
    kept = np.tile(keep, len(solution.intercept) // len(keep))
    return Solution(*(part[..., kept] for part in solution))


def _still_rising(scores, jointly):
    """Tell which labels to keep on the path, by their (n_folds, n_Cs, n) scores."""
    n_labels = scores.shape[2]
    if jointly:
        scores = mean_scores(np.moveaxis(scores, 2, 0))[..., None]
    # Two falls in a row are taken to be beyond the maximum. The noise of one fall is
    # that of the difference of two C on the same fold, which varies less than either.
    mean = mean_scores(scores)
    falls = (np.diff(mean[-_FALLS - 1 :], axis=0) < 0).sum(axis=0)
    step = scores[:, -1] - scores[:, -2]
    step = np.where(np.isnan(step), 0, step)  # a fold that says nothing
    error = step.std(axis=0, ddof=min(1, len(step) - 1)) / np.sqrt(len(step))
    steep = step.mean(axis=0) < -_ERRORS * error
    keep = ~((falls == _FALLS) | (steep & (len(step) > 1)))
    return np.broadcast_to(keep, (n_labels,))


def mean_scores(scores):
    """Mean over the folds that have a score; NaN where none has."""
    known = ~np.isnan(scores)
    total = np.where(known, scores, 0).sum(axis=0)
    count = known.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def choose(scores, *, jointly, own):
    """Choose a C for every label.

    Parameters
    ----------
    scores : ndarray of shape (n_folds, n_Cs, n_scores)
        Held-out scores, higher is better.
    jointly : bool
        Whether all labels get the same C.
    own : ndarray of shape (n_labels,), dtype=bool
        Labels with data enough for a C of their own; the others get the joint one.

    Returns
    -------
    best : ndarray of shape (n_labels,), dtype=int
        Position in the grid. Of equal scores the smaller C is taken.

    Raises
    ------
    ValueError
        If no fold of any C has a score.
    """
    mean = mean_scores(scores)
    if np.isnan(mean).all():
        raise ValueError(
            "scoring must give a number for at least one fold. Got only NaN. Are there "
            "ones and zeros of a label among the held-out rows of any split?"
        )
    # A label that has left the path counts with its last score: what it would have
    # had is lower.
    held = mean.copy()
    for k in range(1, len(held)):
        held[k] = np.where(np.isnan(held[k]), held[k - 1], held[k])
    # mean_scores takes the mean over its first axis: over labels here.
    joint = int(np.nanargmax(mean_scores(held.T)))
    best = np.full(len(own), joint)
    if not jointly:
        own = own & ~np.isnan(mean).all(axis=0)
        best[own] = np.nanargmax(mean[:, own], axis=0)
    return best
