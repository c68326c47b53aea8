"""Features as one array that is mapped, not loaded, and what came with them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import Literal

import numpy as np
from sklearn.utils import Bunch

from sklearn_clip.distributed._output import Description, list_files, open_folder

_BATCH_ROWS = 8192


def read_features(
    path: str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    memory_map: str | os.PathLike[str] | None = None,
    duplicates: Literal["raise", "first"] = "raise",
) -> Bunch:
    """Read what `embed_dataset` has written, ready for any head.

    Parameters
    ----------
    path : str or os.PathLike
        Folder or URI of the Parquet files.
    columns : list of str or None, default=None
        Columns to read beside the features, the ids and the reasons of failures; None
        reads all.
    memory_map : str, os.PathLike or None, default=None
        File (``.npy``) that is to hold the features; it is overwritten, and
        ``np.load(memory_map, mmap_mode="r")`` opens it another time. None makes a
        temporary file that goes when the array does.
    duplicates : {"raise", "first"}, default="raise"
        What rows mean that share an id: an error, or that one of them is enough.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With the attributes

        features : memmap of shape (n, k), dtype float32
            One row each, in ascending order of the ids; read-only.
        ids : ndarray of shape (n,)
            The column `row_id` of `embed_dataset`; positions if there was none.
        failed : ndarray of shape (n,), dtype bool
            Rows of which an image, or all, could not be embedded. Their features may
            be NaN.
        frame : DataFrame of n rows
            The ids, the columns that came along, and the reasons of failures.
        fingerprint : str
            The model's ``model_fingerprint_``.

    Raises
    ------
    FileNotFoundError
        If the folder has no Parquet files.
    NotADirectoryError
        If `path` is one file.
    ValueError
        If `embed_dataset` did not write them, if they are of several models, if one
        is half-written, or if rows share an id.

    See Also
    --------
    embed_dataset : Writes them.

    Examples
    --------
    ::

        table = read_features("s3://shop/features", columns=["category"])
        X = table.features[~table.failed]
    """
    if duplicates not in ("raise", "first"):
        raise ValueError(f"duplicates must be 'raise' or 'first'. Got {duplicates!r}.")
    filesystem, folder = open_folder(path, "read_features")
    files = list_files(filesystem, folder)
    if not files:
        raise FileNotFoundError(f"path must be a folder with Parquet files. Got {path}")
    description, table = _read_columns(files, filesystem, columns)
    names = description
    if names.row_id is None:
        ids = order = np.arange(len(table))
    else:
        ids, order = _order(table[names.row_id], names.row_id, duplicates)
    features = _map_features(
        files, filesystem, names.features, len(table), order, memory_map
    )
    failure = table[names.failure].take(order)
    return Bunch(
        features=features,
        ids=ids,
        failed=~np.asarray(failure.is_null()),
        frame=table.take(order).to_pandas(),
        fingerprint=names.fingerprint,
    )


def _open(file, filesystem):
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(file, filesystem=filesystem)
    except pa.ArrowInvalid as exc:
        raise ValueError(
            f"{file!r} is no whole Parquet file ({exc}). If a run was interrupted, let "
            "embed_dataset finish it first."
        ) from exc


def _read_columns(files, filesystem, columns):
    """Read everything but the features, and what the files say of themselves."""
    import pyarrow as pa

    first, tables = None, []
    for file in files:
        with _open(file, filesystem) as opened:
            names = Description.from_schema(opened.schema_arrow)
            if (
                names is None
                or names.content != "features"
                or names != (first or names)
            ):
                what = "nothing" if names is None else "something else"
                raise ValueError(
                    "All files must be of one embed_dataset, with one model and one "
                    f"set of parameters. {file!r} says {what} of itself."
                )
            first = names
            wanted = [c for c in opened.schema_arrow.names if c != names.features]
            if columns is not None:
                _check_there(columns, wanted, file)
                ids = [] if names.row_id is None else [names.row_id]
                wanted = list(dict.fromkeys([*ids, *columns, names.failure]))
            tables.append(opened.read(columns=wanted).replace_schema_metadata(None))
    return first, pa.concat_tables(tables, promote_options="permissive")


def _check_there(columns, there, file):
    for name in columns:
        if name not in there:
            raise ValueError(
                f"columns must be among {there} (of {file!r}). Got {name!r}."
            )


def _order(column, row_id, duplicates):
    """Ids in ascending order, and the rows in which they are found."""
    import pyarrow.compute as pc

    order = pc.sort_indices(column).to_numpy()
    ids = column.take(order).to_numpy()
    repeated = np.zeros(len(ids), dtype=bool)
    repeated[1:] = ids[1:] == ids[:-1]
    if repeated.any():
        if duplicates == "raise":
            example = column[order[repeated][0]].as_py()
            raise ValueError(
                f"The ids in {row_id!r} must be unique. Got {repeated.sum()} rows too "
                f"many (first: {example!r}). Read one of each with duplicates='first', "
                "or embed again with a column of unique ids."
            )
        ids, order = ids[~repeated], order[~repeated]
    return ids, order


def _map_features(files, filesystem, name, n_read, order, memory_map):
    """Copy the features into a file in the order given, a batch at a time."""
    place = np.full(n_read, -1)
    place[order] = np.arange(len(order))
    temporary = memory_map is None
    if temporary:
        handle, memory_map = tempfile.mkstemp(prefix="sklearn-clip-", suffix=".npy")
        os.close(handle)
    mapped, start = None, 0
    for file in files:
        with _open(file, filesystem) as opened:
            if mapped is None:
                width = _width(opened.schema_arrow.field(name).type)
                mapped = np.lib.format.open_memmap(
                    memory_map, "w+", np.float32, (len(order), width)
                )
            for batch in opened.iter_batches(_BATCH_ROWS, columns=[name]):
                rows = _to_rows(batch.column(0))
                to = place[start : start + len(rows)]
                mapped[to[to >= 0]] = rows[to >= 0]
                start += len(rows)
    mapped.flush()
    del mapped
    features = np.load(memory_map, mmap_mode="r")
    if temporary and os.name != "nt":  # the file lives as long as it is mapped
        os.unlink(memory_map)
    return features


def _width(kind):
    """Length of the tensors of a column, which may have no rows."""
    return getattr(kind, "storage_type", kind).list_size


def _to_rows(column):
    """Turn a column of fixed-size tensors into an (n, k) array."""
    lists = getattr(column, "storage", column)
    return lists.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)
