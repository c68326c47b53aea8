"""What is found at a point, and the Hessian weights of its columns."""

from typing import Any, NamedTuple

import numpy as np


class Evaluation(NamedTuple):
    """The loss of some columns at a point, and what Newton's method needs there.

    With the residuals ``r = s (p - y)`` and the weights ``D = s p (1 - p)``.

    Attributes
    ----------
    loss : ndarray of shape (n_columns,)
        The loss, without the penalty.
    slope : ndarray of shape (n_features, n_columns), float64
        ``X.T r``.
    weighted : ndarray of shape (n_features, n_columns), float64
        ``X.T D 1``, where it was asked for.
    residual, curvature : ndarray of shape (n_columns,)
        Sums over rows of r and of D.
    largest : ndarray of shape (n_columns,)
        Largest ``|p - y|`` of a row that has a weight, where it was asked for.
    D : HessianWeights
        The weights, in the precision of X.
    """

    loss: np.ndarray
    slope: np.ndarray
    weighted: np.ndarray
    residual: np.ndarray
    curvature: np.ndarray
    largest: np.ndarray
    D: Any


class HessianWeights(NamedTuple):
    """Hessian weights of some columns, of which no copy is made where columns leave.

    Attributes
    ----------
    table : device array of shape (n_samples, n_held)
        The weights of all columns that were evaluated together.
    index : ndarray of shape (n_columns,), dtype=int, or None
        Which of them; None for all.
    """

    table: Any
    index: Any = None

    def rows(self, rows):
        """Take the weights of some rows, of NumPy."""
        part = self.table[rows]
        # Four times faster than part[:, index].
        return part if self.index is None else part.take(self.index, axis=1)

    def select(self, index):
        """Keep some columns."""
        kept = index if self.index is None else self.index[index]
        return HessianWeights(self.table, kept)
