"""The wrapped classifier: fitted on pictures or their parts, and scoring the parts."""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from sklearn_clip._shared import (
    pool_regions,
    positive_scores,
    row_blocks,
)

# Probabilities are held off 0 and 1 by so much before they become log-odds.
_EDGE = 1e-7
# How well decision values must agree with the probabilities to be taken for their
# log-odds, and the rows that it is tried on.
_ALIKE = 1e-3
N_TRIED = 100


class PartScores(NamedTuple):
    """Log-odds of rows, of which both have the shape (n, n_labels).

    Attributes
    ----------
    whole : ndarray
        Of the pictures as wholes.
    pooled : ndarray
        Of their regions, pooled; minus infinity for a row without a picture.
    """

    whole: np.ndarray
    pooled: np.ndarray


def find_method(fitted, rows, n_labels):
    """Choose what log-odds are made of.

    Decision values are kept where they are the log-odds of the probabilities, as these
    round to 1, or where there are no probabilities; what else is called a decision
    value may have any scale.

    Parameters
    ----------
    fitted : estimator instance
        The classifier.
    rows : ndarray of shape (n, n_inner)
        Some rows.
    n_labels : int
        Number of labels.

    Returns
    -------
    {"predict_proba", "decision_function"}
        The method.
    """
    scores, method = positive_scores(fitted, rows, n_labels)
    if method == "predict_proba" and hasattr(fitted, "decision_function"):
        other = "decision_function"
        try:
            values, _ = positive_scores(fitted, rows, n_labels, method=other)
        except (TypeError, ValueError, AttributeError):
            return method  # of another shape, or of some labels alone
        if np.abs(expit(values) - scores).max() < _ALIKE:
            return other
    return method


def score_whole(fitted, rows, n_labels, method):
    """Give the log-odds of rows that the classifier takes.

    Parameters
    ----------
    fitted : estimator instance
        The classifier.
    rows : ndarray of shape (n, n_inner)
        Rows.
    n_labels : int
        Number of labels.
    method : {"predict_proba", "decision_function"}
        What they are made of.

    Returns
    -------
    ndarray of shape (n, n_labels), dtype=float64
        Log-odds.
    """
    scores, _ = positive_scores(fitted, rows, n_labels, method=method)
    if method == "decision_function":
        return scores
    return logit(np.clip(scores, _EDGE, 1 - _EDGE))


def score_regions(fitted, layout, X, n_labels, method):
    """Give the log-odds of the regions of rows, as an array (n, n_regions, n_labels).

    See `score_whole`; `layout` is that of the rows.
    """
    rows = layout.regions(X).reshape(-1, layout.n_inner)
    scores = score_whole(fitted, rows, n_labels, method)
    return scores.reshape(len(X), layout.n_regions, n_labels)


def score_parts(fitted, layout, X, n_labels, method, pooling):
    """Score pictures and pool the scores of their regions, in blocks of rows.

    Parameters
    ----------
    fitted : estimator instance
        The classifier.
    layout : RowLayout
        How rows are made up.
    X : ndarray of shape (n, n_features)
        Rows.
    n_labels : int
        Number of labels.
    method : {"predict_proba", "decision_function"}
        What log-odds are made of.
    pooling : {"max", "softmax", "mean_top_k"}
        See `pool_regions`.

    Returns
    -------
    PartScores
        Both scores of all rows.
    """
    whole = score_whole(fitted, layout.whole(X), n_labels, method)
    pooled = np.empty_like(whole)
    for block in blocks(layout, len(X), n_labels):
        scores = score_regions(fitted, layout, X[block], n_labels, method)
        pooled[block] = pool_regions(scores, pooling, layout.seen(X[block]))
    return PartScores(whole, pooled)


def blocks(layout, n_rows, n_labels):
    """Cut rows into slices whose regions, and their scores, are held at once."""
    return row_blocks(n_rows, layout.n_regions * max(layout.n_inner, n_labels))
