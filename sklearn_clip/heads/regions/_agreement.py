"""How alike the regions of a picture are, which tells one thing from several."""

from typing import NamedTuple

import numpy as np

from sklearn_clip._shared import row_blocks

# Standard deviations that count: with each of them that the regions are less alike than
# usual their weight grows by a factor of e.
_FARTHEST = 4.0
# Spreads below are rounding: all pictures are as uniform.
_LEAST_SPREAD = 1e-5


class Agreement(NamedTuple):
    """What is usual of the rows of `fit`.

    The agreement of the regions of a picture is the length of the mean of their unit
    vectors: 1 where all are the same, and about ``1 / sqrt(n_regions)`` where they
    have nothing in common. Its square is the mean of the cosines of all pairs.

    Attributes
    ----------
    mean, spread : float
        Mean and standard deviation of the agreement.
    """

    mean: float
    spread: float

    def factors(self, layout, X):
        """Tell how much more than usual the regions of each row are to count.

        Parameters
        ----------
        layout : RowLayout
            How rows are made up.
        X : ndarray of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n, 1)
            Factors of the weight, 1 for rows like those of `fit`.
        """
        if self.spread < _LEAST_SPREAD:
            return np.ones((len(X), 1))
        away = (self.mean - measure_agreement(layout, X)) / self.spread
        # NaN: there is no picture, or it cannot be read.
        away = np.clip(np.nan_to_num(away), -_FARTHEST, _FARTHEST)
        return np.exp(away)[:, None]


def usual_agreement(layout, X, sample_weight=None):
    """Measure what is usual of some rows; rows without a picture are passed over.

    Parameters
    ----------
    layout : RowLayout
        How rows are made up.
    X : ndarray of shape (n, n_features)
        Rows.
    sample_weight : ndarray of shape (n,) or None, default=None
        Row weights.

    Returns
    -------
    Agreement
        What is usual; 1 without a spread where no row with a picture weighs anything.
    """
    found = measure_agreement(layout, X)
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    counted = np.isfinite(found) & (weight > 0)
    found, weight = found[counted], weight[counted]
    if not len(found):
        return Agreement(1.0, 0.0)
    mean = np.average(found, weights=weight)
    spread = np.sqrt(np.average((found - mean) ** 2, weights=weight))
    return Agreement(float(mean), float(spread))


def measure_agreement(layout, X):
    """Measure how alike the regions of each row are.

    Parameters
    ----------
    layout : RowLayout
        How rows are made up.
    X : ndarray of shape (n, n_features)
        Rows.

    Returns
    -------
    ndarray of shape (n,)
        Agreement in [0, 1]; NaN for a row without a picture.
    """
    width, end = layout.embedding_dim, layout.embedding_dim * (1 + layout.n_regions)
    found = np.empty(len(X))
    for rows in row_blocks(*X.shape):
        regions = X[rows, width:end].reshape(-1, layout.n_regions, width)
        lengths = np.sqrt(np.einsum("nrw,nrw->nr", regions, regions))
        shares = np.where(lengths > 0, 1 / np.where(lengths > 0, lengths, 1), 0)
        total = np.einsum("nrw,nr->nw", regions, shares, dtype=np.float64)
        seen = (lengths > 0).sum(axis=1)
        mean = np.linalg.norm(total, axis=1) / np.maximum(seen, 1)
        found[rows] = np.where((seen > 0) & np.isfinite(mean), mean, np.nan)
    return found
