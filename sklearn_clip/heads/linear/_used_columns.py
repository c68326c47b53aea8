"""The columns of sparse features in which anything is stored."""

import numpy as np
from scipy import sparse

from sklearn_clip._shared import row_blocks

# Share of the columns in use above which nothing is worth leaving out.
_MOST = 0.9


class UsedColumns:
    """Leaves the empty columns of sparse features out of a fit.

    Hashed words use few of their million columns. The gradient of an empty one is that
    of the penalty alone, so that its coefficient is 0, and a solver that does not know
    it holds vectors that are a fraction as long.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_samples, n_features)
        Features. All columns of an array are used.
    """

    def __init__(self, X):
        self.n_features = X.shape[1]
        self._index = None
        if not sparse.issparse(X):
            return
        used = np.zeros(self.n_features, dtype=bool)
        for block in row_blocks(X.nnz, 1):
            used[X.indices[block]] = True
        if used.sum() <= _MOST * self.n_features:
            used[0] |= not used.any()  # a solver wants a column
            self._index = np.flatnonzero(used)

    def narrow(self, X):
        """Leave the empty columns of X out; what it stores is shared."""
        if self._index is None:
            return X
        place = np.zeros(self.n_features, dtype=X.indices.dtype)
        place[self._index] = np.arange(len(self._index))
        indices = np.empty(X.nnz, dtype=X.indices.dtype)
        for block in row_blocks(X.nnz, 1):
            indices[block] = place[X.indices[block]]
        shape = X.shape[0], len(self._index)
        return type(X)((X.data[: X.nnz], indices, X.indptr), shape=shape)

    def narrow_start(self, start):
        """Leave their coefficients out of a Solution, or of None."""
        if start is None or self._index is None:
            return start
        return start._replace(coef=start.coef[self._index])

    def narrow_coef(self, coef):
        """Leave their coefficients, of shape (n_labels, n_features), out."""
        if self._index is None:
            return coef
        # Each column's of all labels together: as a product with sparse rows wants it.
        return np.ascontiguousarray(coef[:, self._index].T).T

    def widen(self, coef, dtype):
        """Give every column its coefficients.

        Parameters
        ----------
        coef : ndarray of shape (n_labels, n_used)
            Of the columns in use.
        dtype : dtype
            Of the coefficients.

        Returns
        -------
        ndarray of shape (n_labels, n_features)
            0 where a column is empty.
        """
        if self._index is None:
            return np.ascontiguousarray(coef, dtype=dtype)
        wide = np.zeros((len(coef), self.n_features), dtype=dtype)
        wide[:, self._index] = coef
        return wide
