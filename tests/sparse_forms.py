"""Sparse targets of every kind, and dense ones of the same values to compare with."""

import warnings

import numpy as np
import pandas as pd
from scipy import sparse


def draw_targets(rng, shape, *, density=0.2, unknown=0.0):
    """Draw 0, 1 and NaN, with an empty row, an empty column and a full one."""
    Y = (rng.random(shape) < density).astype(float)
    Y[1] = 0.0
    Y[:, 1] = 0.0
    Y[:, 2] = 1.0
    Y[rng.random(shape) < unknown] = np.nan
    return Y


def _coo(Y, dtype):
    """Make a COO array out of order that stores zeros too."""
    rng = np.random.default_rng(0)
    stored = np.isnan(Y) | (Y != 0) | (rng.random(Y.shape) < 0.1)
    rows, columns = (part[::-1] for part in np.nonzero(stored))
    data = Y[rows, columns].astype(dtype)
    return sparse.coo_array((data, (rows, columns)), shape=Y.shape)


def _duplicated(Y, dtype):
    """Make a COO array of which some entries are sums of two: 1 + 0, or 0 + 0."""
    matrix = _coo(Y, dtype)
    rows, columns = matrix.coords
    again = slice(None, None, 3)
    return sparse.coo_array(
        (
            np.append(matrix.data, np.zeros(len(rows[again]), dtype=dtype)),
            (np.append(rows, rows[again]), np.append(columns, columns[again])),
        ),
        shape=Y.shape,
    )


def _unsorted(Y, dtype):
    """Make a CSR array whose columns are in falling order."""
    matrix = _coo(Y, dtype).tocsr()
    for start, end in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        matrix.indices[start:end] = matrix.indices[start:end][::-1].copy()
        matrix.data[start:end] = matrix.data[start:end][::-1].copy()
    matrix.has_sorted_indices = False
    matrix.has_canonical_format = False
    return matrix


def _frame(Y, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # pandas 2.2, of its own zero
        frame = pd.DataFrame.sparse.from_spmatrix(_coo(Y, dtype).tocsc())
    return frame.set_axis([f"label {i}" for i in range(Y.shape[1])], axis=1)


FORMS = {
    "csr_array": lambda Y, dtype: _coo(Y, dtype).tocsr(),
    "csc_array": lambda Y, dtype: _coo(Y, dtype).tocsc(),
    "coo_array": _coo,
    "duplicates": _duplicated,
    "unsorted": _unsorted,
    "csr_matrix": lambda Y, dtype: sparse.csr_matrix(_coo(Y, dtype)),
    "csc_matrix": lambda Y, dtype: sparse.csc_matrix(_coo(Y, dtype)),
    "coo_matrix": lambda Y, dtype: sparse.coo_matrix(_coo(Y, dtype)),
    "lil_array": lambda Y, dtype: _coo(Y, dtype).tolil(),
    "sparse frame": _frame,
}
