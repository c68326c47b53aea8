"""Labels as the rows show them: a Gaussian classifier without labelled rows."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

# All chosen on the training rows of the clip art (benchmarks/study_adaptation.py):
# rows at the mean of all that stand beside those of a label; the share of the round
# covariance in the common one; and the weight of the log-odds beside the prompts'.
_ROWS_AT_MEAN = 20.0
_ROUND_SHARE = 0.5
_WEIGHT = 0.25
_REFITS = 2


class VisualLabels(NamedTuple):
    """Log-odds of labels that are linear in a vector.

    Attributes
    ----------
    weights : ndarray of shape (n_labels, d), dtype float32
        Factors.
    intercept : ndarray of shape (n_labels,), dtype float32
        What is added.
    """

    weights: np.ndarray
    intercept: np.ndarray


def fit_visual_labels(scorer, features):
    """Fit one Gaussian per label to the rows that the prompts are confident of.

    Parameters
    ----------
    scorer : Scorer
        Prompts, without calibration.
    features : ndarray of shape (n, d) or (n, n_parts * d), dtype float32
        Unit rows that all show something; pictures and their regions count as vectors.

    Returns
    -------
    VisualLabels
        What is to be added to the log-odds of the prompts.

    Notes
    -----
    Every vector belongs to a label by its probability p. With the mean m of all
    vectors, the common covariance S, shrunk towards a round one, and the p-weighted
    mean of a label, drawn towards m as by some more vectors that lie there,
    ``m + d``, two Gaussians of covariance S give the log-odds
    ``d S^-1 (x - m - d / 2)``, which is linear in x: no vector has to be kept. A part
    of that is added to the scores of the prompts, the probabilities are computed again,
    and the label means with them, once.
    """
    width = scorer.labels.shape[1]
    n_parts = features.shape[1] // width
    vectors = features.reshape(-1, width)
    if n_parts > 1:
        vectors = vectors[vectors.any(axis=1)]
    mean = vectors.mean(axis=0, dtype=np.float64)
    covariance = _covariance(vectors, mean)
    size = np.trace(covariance) / width
    n_labels = len(scorer.labels)
    found = VisualLabels(
        np.zeros((n_labels, width), np.float32), np.zeros(n_labels, np.float32)
    )
    if size == 0:  # all rows alike: they tell nothing of any label
        return found
    covariance *= 1 - _ROUND_SHARE
    covariance[np.diag_indices(width)] += _ROUND_SHARE * size
    pull = _ROWS_AT_MEAN * n_parts  # the regions of a picture are no rows of their own
    for _ in range(_REFITS):
        sums, mass, squares = _weigh(scorer.with_visual(found), vectors)
        # Vectors of weight p are as good as (sum p)^2 / sum p^2 whole ones.
        effective = mass**2 / np.maximum(squares, 1e-12)
        means = sums / np.maximum(mass, 1e-12)[:, None]
        shift = (means - mean) * (effective / (effective + pull))[:, None]
        weights = np.linalg.solve(covariance, shift.T).T
        intercept = -weights @ mean - 0.5 * (shift * weights).sum(axis=1)
        found = VisualLabels(
            np.ascontiguousarray(_WEIGHT * weights, dtype=np.float32),
            (_WEIGHT * intercept).astype(np.float32),
        )
    return found


def _covariance(vectors, mean):
    """Covariance of all vectors, of one block after the other."""
    total = np.zeros((vectors.shape[1],) * 2)
    for start in range(0, len(vectors), 8192):
        centred = vectors[start : start + 8192] - mean
        total += centred.T @ centred
    return total / len(vectors)


def _weigh(scorer, vectors):
    """Sum up vectors by their probabilities, and these, and their squares."""
    n_labels, width = scorer.labels.shape
    sums = np.zeros((n_labels, width))
    mass, squares = np.zeros(n_labels), np.zeros(n_labels)
    for rows, scores in scorer.blocks(vectors):
        expit(scores, out=scores)
        sums += scores.T @ vectors[rows]
        mass += scores.sum(axis=0, dtype=np.float64)
        squares += np.einsum("nl,nl->l", scores, scores, dtype=np.float64)
    return sums, mass, squares
