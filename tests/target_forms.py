"""Targets as every kind of object that holds them: 0, 1 and cells nobody knows."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import torch
from scipy import sparse

from sklearn_clip._shared import _safe_indexing

NAN = float("nan")


def _cells(column, empty):
    return [empty if value != value else int(value) for value in column]


def _frame(make):
    """Make a frame of pandas out of one column at a time."""
    return lambda Y: pd.DataFrame({f"l{i}": make(c, i) for i, c in enumerate(Y.T)})


def _polars(make):
    return lambda Y: pl.DataFrame(
        [pl.Series(f"l{i}", make(c, i)) for i, c in enumerate(Y.T)]
    )


def _arrow(dtype):
    return _frame(
        lambda c, i: pd.array(_cells(c, None), dtype=pd.ArrowDtype(dtype)),
    )


def _dictionary(c, i):
    array = pa.array(_cells(c, None)).dictionary_encode()
    return pd.Series(array, dtype=pd.ArrowDtype(array.type))


def _mixed(c, i):
    kinds = [
        lambda: pd.array(_cells(c, None), dtype="Int8"),
        lambda: pd.array(_cells(c, None), dtype="boolean"),
        lambda: pd.Categorical(_cells(c, None)),
        lambda: np.array(_cells(c, None), dtype=object),
        lambda: pd.arrays.SparseArray(c),
        lambda: pd.array(_cells(c, None), dtype="Float32"),
    ]
    return kinds[i % len(kinds)]()


def _records(Y):
    records = np.empty(len(Y), dtype=[(f"l{i}", "f4") for i in range(Y.shape[1])])
    for i, column in enumerate(Y.T):
        records[f"l{i}"] = column
    return records


def _stored(Y):
    """Sparse matrix that also stores some of its zeros."""
    matrix = sparse.coo_array(np.ones(Y.shape)).tocsr()
    matrix.data[:] = Y.ravel()
    return matrix


def _rows_of_masked(Y):
    return [np.ma.masked_invalid(row) for row in Y]


def _table(Y):
    return pa.table({f"l{i}": _cells(c, None) for i, c in enumerate(Y.T)})


def indexes_tables():
    """Tell whether this scikit-learn takes rows of pyarrow's tables."""
    try:
        return isinstance(_safe_indexing(pa.table({"a": [0]}), [0]), pa.Table)
    except TypeError:
        return False


# Form to a function of a float array of 0, 1 and NaN.
FORMS = {
    "list": np.ndarray.tolist,
    "list of None": lambda Y: [_cells(row, None) for row in Y],
    "list of rows": list,
    "array of objects": lambda Y: np.where(np.isnan(Y), None, Y).astype(object),
    "float16": lambda Y: Y.astype("f2"),
    "masked": lambda Y: (
        np.ma.masked_invalid(Y).filled(7).view(np.ma.MaskedArray)
        if not np.isnan(Y).any()
        else np.ma.array(np.nan_to_num(Y, nan=7).astype(int), mask=np.isnan(Y))
    ),
    "list of masked": _rows_of_masked,
    "records": _records,
    "tensor": lambda Y: torch.tensor(Y, requires_grad=True),
    "tensor of bfloat16": lambda Y: torch.tensor(Y, dtype=torch.bfloat16),
    "csr": sparse.csr_matrix,
    "csc with zeros": lambda Y: _stored(Y).tocsc(),
    "pandas": _frame(lambda c, i: c),
    "pandas objects": _frame(lambda c, i: np.array(_cells(c, pd.NA), dtype=object)),
    "pandas two categories": _frame(
        lambda c, i: pd.Categorical(
            _cells(c, None), categories=[0, 1] if i % 2 else [1, 0, 5]
        )
    ),
    "pandas own categories": _frame(lambda c, i: pd.Categorical(_cells(c, None))),
    "pandas bool categories": _frame(
        lambda c, i: pd.Categorical([None if v != v else bool(v) for v in c])
    ),
    "pandas Int64": _frame(lambda c, i: pd.array(_cells(c, None), dtype="Int64")),
    "pandas UInt8": _frame(lambda c, i: pd.array(_cells(c, None), dtype="UInt8")),
    "pandas boolean": _frame(lambda c, i: pd.array(_cells(c, None), dtype="boolean")),
    "pandas Float64": _frame(lambda c, i: pd.array(_cells(c, None), dtype="Float64")),
    "pandas sparse": _frame(
        lambda c, i: pd.arrays.SparseArray(c, fill_value=0 if i % 2 else NAN)
    ),
    "pandas mixed": _frame(_mixed),
    "pandas arrow int": _arrow(pa.int16()),
    "pandas arrow bool": _arrow(pa.bool_()),
    "pandas arrow decimal": _arrow(pa.decimal128(5)),
    "pandas arrow dictionary": _frame(_dictionary),
    "pandas two levels": lambda Y: pd.DataFrame(
        Y, columns=pd.MultiIndex.from_tuples([("l", i) for i in range(Y.shape[1])])
    ),
    "series of lists": lambda Y: pd.Series(Y.tolist()),
    "polars": _polars(lambda c, i: _cells(c, None)),
    "polars boolean": _polars(lambda c, i: [None if v != v else bool(v) for v in c]),
    "polars mixed": _polars(
        lambda c, i: [(None if v != v else (bool(v) if i % 2 else int(v))) for v in c]
    ),
    "polars decimal": lambda Y: _polars(lambda c, i: _cells(c, None))(Y).cast(
        pl.Decimal(5, 0)
    ),
}
if indexes_tables():
    FORMS["pyarrow"] = _table
    FORMS["pyarrow boolean"] = lambda Y: pa.table(
        {f"l{i}": pa.array(_cells(c, None)).cast("bool") for i, c in enumerate(Y.T)}
    )
