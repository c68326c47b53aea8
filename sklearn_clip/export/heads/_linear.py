"""Linear classifiers: a matrix product, and a link to probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_clip.export.heads._answers import Answer
from sklearn_clip.export.heads._graph_arrays import GraphArray


def linear_answer(
    rows: GraphArray, coef: np.ndarray, intercept: Any, *, link: Any = None
) -> Answer:
    """Answer of linear decision values, cut at 0.

    Parameters
    ----------
    rows : GraphArray
        The rows.
    coef : ndarray of shape (n_labels, n_features)
        Coefficients.
    intercept : ndarray of shape (n_labels,) or float
        Intercepts.
    link : callable or None, default=None
        From decision values to probabilities, 0.5 at 0; None for no probabilities.

    Returns
    -------
    Answer
        A label is predicted where its decision value is above 0.
    """
    coef = np.atleast_2d(coef)
    decisions = rows @ coef.T + np.broadcast_to(intercept, len(coef))
    cut = 0.0 if link is None else 0.5
    return Answer(
        None if link is None else link(decisions),
        decisions,
        decisions > 0.0,
        np.full(len(coef), cut),
    )


def write_multi_label_logistic(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write our logistic regressions of all labels."""
    return linear_answer(
        rows, estimator.coef_, estimator.intercept_, link=GraphArray.sigmoid
    )
