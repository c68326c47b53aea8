"""Scores and thresholds to labels, and the rules after them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def rank_labels(scores: NDArray[Any]) -> NDArray[np.int32]:
    """Rank of every label in its row, 0 for the highest score.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_labels)
        Scores; of equal ones the first column ranks first.

    Returns
    -------
    ranks : ndarray of shape (n_rows, n_labels), dtype=int32
        A permutation of 0 to n_labels - 1 in each row.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty(scores.shape, dtype=np.int32)
    np.put_along_axis(ranks, order, np.arange(scores.shape[1], dtype=np.int32), axis=1)
    return ranks


def decode(
    scores: NDArray[Any],
    thresholds: NDArray[Any],
    *,
    at_least_one: bool = False,
    limit: int | None = None,
) -> NDArray[np.bool_]:
    """Predict labels from scores.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_labels)
        Scores.
    thresholds : ndarray of shape (n_labels,)
        A label is predicted where ``score >= threshold``; infinite means never.
    at_least_one : bool, default=False
        Give a row whose scores reach no threshold the label of highest score, among
        those with a finite threshold.
    limit : int or None, default=None
        Keep no more labels than this in a row, those of the highest scores.

    Returns
    -------
    predictions : ndarray of shape (n_rows, n_labels), dtype=bool
        The labels.
    """
    predicted = scores >= thresholds
    if limit is not None:
        full = np.flatnonzero(predicted.sum(axis=1) > limit)
        # Ranked among the labels that passed: others may have higher scores.
        passed = np.where(predicted[full], scores[full], -np.inf)
        predicted[full] &= rank_labels(passed) < limit
    allowed = thresholds < np.inf
    if at_least_one and allowed.any():
        # After the limit, which is at least 1 and so never empties a row.
        empty = np.flatnonzero(~predicted.any(axis=1))
        best = np.where(allowed, scores[empty], -np.inf).argmax(axis=1)
        predicted[empty, best] = True
    return predicted
