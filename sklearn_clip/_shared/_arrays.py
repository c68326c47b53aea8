"""Targets, predictions and scores of every kind of object as one array.

A library makes an array of its table as it likes, and an empty cell may become a
number by that (of pandas' categories of two kinds, the least integer). So here tables
are read column by column, and in the array an empty cell is NaN, None or NA always.
"""

from collections.abc import Mapping, Set

import numpy as np

from sklearn_clip._shared._cells import as_binary, shown

_SEQUENCES = (list, tuple, np.ndarray)
_WHOLE = {"b": np.bool_, "i": np.int64, "u": np.uint64, "f": np.float64}


def column_names(table):
    """Names of the columns of a table.

    Parameters
    ----------
    table : object
        Anything.

    Returns
    -------
    list or None
        Names of the columns of a DataFrame or a pyarrow Table, or of the fields of a
        record array; None for what has none.
    """
    if _library(table) == "pyarrow":  # whose `columns` are the columns themselves
        names = getattr(table, "column_names", None)
    elif isinstance(table, np.ndarray):
        names = table.dtype.names
    elif _library(table) == "polars" and hasattr(table, "collect"):
        names = None
    else:
        names = getattr(table, "columns", None)
    return None if names is None else list(names)


def refuse_unindexable(table, what, rule):
    """Refuse an object whose rows scikit-learn cannot index, and say what to pass.

    Parameters
    ----------
    table : object
        Rows or targets.
    what : str
        Name of the parameter.
    rule : str
        What it must be.

    Raises
    ------
    TypeError
        If it is lazy, unordered, can be gone through but once, or a table by column
        that scikit-learn cannot take rows of.
    """
    library, fix = _library(table), None
    if library == "polars" and hasattr(table, "collect"):
        fix = f"{what}.collect()"
    elif library == "dask" and hasattr(table, "compute"):
        fix = f"{what}.compute()"
    elif library == "pyarrow" and hasattr(table, "slice"):
        way = "to_pandas" if hasattr(table, "schema") else "to_pylist"
        fix = None if _takes_rows_of(table) else f"{what}.{way}()"
    elif library == "xarray" and isinstance(table, Mapping):
        fix = f"{what}.to_dataframe()"
    elif isinstance(table, Mapping):
        fix = f"pandas.DataFrame({what})"
    elif library == "datasets" and hasattr(table, "column_names"):
        fix = f"list({what})" if what == "X" else f"{what}.to_pandas()"
    elif hasattr(table, "__next__") or isinstance(table, Set):
        raise TypeError(
            f"{rule} Got a {type(table).__name__}, whose rows have no positions: give "
            f"list({what})."
        )
    if fix is not None:
        raise TypeError(f"{rule} Got a {type(table).__name__}: give {fix}.")


def stored_form(table):
    """Take the sparse matrix out of a DataFrame whose columns are all sparse.

    Parameters
    ----------
    table : object
        A table of any kind.

    Returns
    -------
    object
        A `scipy.sparse.coo_matrix` of a pandas DataFrame of sparse columns in which 0
        is what is not stored; `table` itself otherwise.
    """
    if not hasattr(table, "sparse") or not hasattr(table, "dtypes"):
        return table
    dtypes = set(table.dtypes)
    zeros = [getattr(dtype, "fill_value", None) for dtype in dtypes]
    if not dtypes or not all(value is not None and value == 0 for value in zeros):
        return table
    return table.sparse.to_coo()


def as_array(values, what="y"):
    """Turn targets, predictions or scores of any kind into an array.

    Parameters
    ----------
    values : object
        A table, an array, a tensor, a sequence.
    what : str, default="y"
        Its name, for the error.

    Returns
    -------
    ndarray
        Not checked, but that empty and masked cells are NaN, None or NA. What is no
        table may have any number of dimensions; rows of different lengths become a
        1-D array of objects.

    Raises
    ------
    TypeError
        If it is no table whose rows can be indexed.
    ValueError
        If it holds dates or durations.
    """
    if type(values) is not np.ndarray:
        array = _of_object(values, what)
    elif values.dtype.names is not None:
        array = _of_records(values, what)
    else:
        array = values
    _refuse_times(array, what)
    if array.ndim == 1 and array.dtype == object and len(array):
        return _of_rows(array, what)
    return array


def _refuse_times(array, what, place=""):
    if array.dtype.kind in "mM":
        raise ValueError(
            f"{what} must hold 0 and 1, classes or numbers. Got {array.dtype}, dates "
            f"or durations{place}."
        )


def _library(value):
    return type(value).__module__.partition(".")[0]


def _takes_rows_of(table):
    """Whether scikit-learn can cut rows out of a table of pyarrow, and it stays one."""
    from sklearn_clip._shared._sklearn import _safe_indexing

    if not len(table):
        return True
    try:
        return type(_safe_indexing(table.slice(0, 1), [0])) is type(table)
    except (IndexError, TypeError, NotImplementedError):  # pyarrow's own, of views
        return False


def _of_object(values, what):
    """Array of what is no plain array."""
    refuse_unindexable(
        values, what, f"{what} must be an array or a table whose rows can be indexed."
    )
    if hasattr(values, "iloc") and hasattr(values, "columns"):
        return _of_frame(values, what)
    if _library(values) == "polars" and hasattr(values, "get_columns"):
        return _of_polars(values, what)
    if _library(values) == "pyarrow" and hasattr(values, "schema"):
        return _stack(values.columns, values.column_names, what)
    if hasattr(values, "isna") or hasattr(values, "is_null"):
        return _column(values)
    if hasattr(values, "detach"):
        return _of_tensor(values, what)
    if isinstance(values, np.ndarray) and values.dtype.names is not None:
        return _of_records(values, what)
    return _column(values) if np.ma.isMaskedArray(values) else _of_sequence(values)


def _of_frame(frame, what):
    """Array of a DataFrame of pandas, or of another library with its methods."""
    dtypes = set(frame.dtypes)
    kinds = {dtype.kind for dtype in dtypes if isinstance(dtype, np.dtype)}
    plain = all(isinstance(dtype, np.dtype) for dtype in dtypes)
    if plain and dtypes and (kinds <= set("iuf") or kinds == {"b"}):
        return np.asarray(frame)
    columns = [frame.iloc[:, number] for number in range(frame.shape[1])]
    return _stack(columns, column_names(frame), what, n_rows=len(frame))


def _of_polars(frame, what):
    if frame.width and all(dtype.is_numeric() for dtype in frame.dtypes):
        return frame.to_numpy()
    return _stack(frame.get_columns(), frame.columns, what, n_rows=frame.height)


def _of_records(records, what):
    """Array of a record array, whose fields are its columns."""
    names = list(records.dtype.names)
    return _stack([records[name] for name in names], names, what)


def without_tensor(values, what):
    """Make an array of a tensor of torch, and leave everything else as it is.

    NumPy itself takes no tensor of 16-bit floats that a model in bfloat16 gives, none
    on a GPU, and none that a gradient is wanted of.

    Parameters
    ----------
    values : object
        Rows, or vectors.
    what : str
        Name of the parameter.

    Returns
    -------
    object
        `values`, or an ndarray of the same numbers; in float32 if they had 16 bits.

    Raises
    ------
    TypeError
        If it is a tensor that no array can hold.
    """
    return _of_tensor(values, what) if hasattr(values, "detach") else values


def _of_tensor(tensor, what):
    try:
        tensor = tensor.detach().to_dense().cpu()
        if tensor.is_floating_point() and tensor.element_size() < 4:
            tensor = tensor.float()  # NumPy has no bfloat16
        return tensor.numpy()
    except (RuntimeError, TypeError) as exc:  # masked, nested, without values
        raise TypeError(
            f"{what} must be a plain tensor that NumPy can hold. Got a "
            f"{type(tensor).__name__} on {str(tensor.device)!r}: give a dense one in "
            "main memory, with NaN where a value is unknown."
        ) from exc


def _of_sequence(values):
    if isinstance(values, list | tuple) and any(map(np.ma.isMaskedArray, values)):
        return _column(np.ma.stack(values))
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths, or shapes
        array = np.empty(len(values), dtype=object)
        for number, row in enumerate(values):
            array[number] = row  # all at once NumPy would try to take them apart
        return array
    if array.dtype.kind in "SU" and not isinstance(values, np.ndarray):
        return np.asarray(values, dtype=object)  # numbers beside texts stay numbers
    return array


def _of_rows(cells, what):
    """Array of objects, of which each may be a row."""
    if isinstance(cells[0], Mapping):
        raise TypeError(
            f"{what} must be a table. Got a list of {type(cells[0]).__name__}: give "
            f"pandas.DataFrame({what}), where a label that a row lacks is unknown, or "
            f"pandas.DataFrame({what}).fillna(0)."
        )
    lengths = {
        len(cell) if isinstance(cell, _SEQUENCES) and getattr(cell, "ndim", 1) else 0
        for cell in cells
    }
    if len(lengths) > 1 or lengths == {0}:
        return cells
    return _of_sequence(cells.tolist())


def _stack(columns, names, what, *, n_rows=0):
    """Array of columns side by side."""
    arrays = [_numbers(_column(column)) for column in columns]
    if not arrays:
        return np.empty((n_rows, 0))
    for array, name in zip(arrays, names, strict=True):
        _refuse_times(array, what, f" (column {shown(name)})")
        if array.ndim != 1:
            raise ValueError(
                f"{what} must hold one number a cell. Got {array.shape[1:]} of them "
                f"(column {shown(name)})."
            )
    dtype = np.result_type(*arrays)
    # By column, as the columns are written, and as pandas keeps them.
    table = np.empty((len(arrays[0]), len(arrays)), dtype, order="F")
    for number, array in enumerate(arrays):
        table[:, number] = array
    return table


def _column(column):
    """Array of one column, whose empty cells are NaN, None or NA."""
    if np.ma.isMaskedArray(column):
        mask = np.ma.getmaskarray(column)
        if not mask.any():
            return column.data
        filled = column.data.astype(float if column.dtype.kind in "biuf" else object)
        filled[mask] = np.nan if filled.dtype.kind == "f" else None
        return filled
    if hasattr(column, "is_null"):  # of polars or pyarrow
        return _column_of_bits(column)
    dtype = getattr(column, "dtype", None)
    kind = getattr(dtype, "kind", "O")
    if not hasattr(column, "isna") or isinstance(dtype, np.dtype):
        return np.asarray(column)
    if kind in "mM":
        return np.zeros(len(column), f"{kind}8[ns]")  # refused, whatever its values
    if kind not in "biuf":
        return np.asarray(column)
    # A nullable or sparse column of pandas: one kind of number, and perhaps gaps.
    if not column.isna().any():
        return np.asarray(column, dtype=_WHOLE[kind])
    if hasattr(dtype, "fill_value"):  # sparse
        return np.asarray(column, dtype=np.float64)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _column_of_bits(column):
    """Array of a column of polars or pyarrow; these keep gaps beside the values."""
    n_gaps = column.null_count
    n_gaps = n_gaps() if callable(n_gaps) else n_gaps
    boolean = str(getattr(column, "dtype", getattr(column, "type", ""))).lower()
    if not n_gaps or boolean not in ("boolean", "bool"):
        return np.asarray(column)
    numbers = np.asarray(column.fill_null(False)).astype(np.float32)
    numbers[np.asarray(column.is_null())] = np.nan
    return numbers


def _numbers(array):
    """Numbers of a column of objects, if all its cells are 0, 1 or empty."""
    if array.dtype != object or array.ndim != 1:
        return array
    numbers = as_binary(array)
    return array if np.isinf(numbers).any() else numbers
