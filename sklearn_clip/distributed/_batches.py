"""What one actor does: a model that is loaded once, and one table after another."""

import math
import warnings

import numpy as np


class FeaturizeBatch:
    """Append features, and the reasons of failures, to a batch of rows.

    Parameters
    ----------
    featurizer : CLIPFeaturizer
        Embeds rows; its ``on_error`` is "zero" or "nan".
    sources : dict of {"image", "text"} to str
        Columns of the batch that hold the modalities.
    kept : list of str or None
        Columns of the batch to keep; None keeps all.
    description : Description
        Names of the new columns, and what is written into every file.
    threads : int or None
        Threads of torch; None leaves them as they are.
    """

    def __init__(self, featurizer, sources, kept, description, threads):
        import torch

        if threads is not None:
            torch.set_num_threads(threads)
        self._featurizer = featurizer
        self._sources = sources
        self._kept = kept
        self._description = description
        # Loads the model, and raises here if it is another one than the driver's.
        self._width = featurizer.transform([]).shape[1]

    def __call__(self, table):
        """Embed a batch.

        Parameters
        ----------
        table : pyarrow.Table of n rows
            The batch.

        Returns
        -------
        pyarrow.Table of n rows
            The same rows in the same order, with two more columns.
        """
        import pyarrow as pa

        rows = read_rows(table, self._featurizer, self._sources)
        features, reasons = self._embed(rows)
        names = self._description
        column = pa.array([reasons.get(row) for row in range(len(table))], pa.string())
        if self._kept is not None:
            table = table.select(self._kept)
        table = table.append_column(names.features, _tensor_column(features))
        table = table.append_column(names.failure, column)
        return table.replace_schema_metadata(names.to_metadata())

    def _embed(self, rows):
        """Embed rows, whatever is wrong with some of them."""
        try:
            with warnings.catch_warnings():  # the column of reasons says it better
                warnings.filterwarnings("ignore", ".*could not be read", UserWarning)
                features = self._featurizer.transform(rows)
        except (TypeError, ValueError) as exc:
            # An item of no accepted type, or a missing one where none may be missing:
            # the call fails as a whole, so look for the row in one half and the other.
            if len(rows) == 1:
                lost = 0.0 if self._featurizer.on_error == "zero" else np.nan
                return np.full((1, self._width), lost, np.float32), {0: str(exc)}
            middle = len(rows) // 2
            first, reasons = self._embed(rows[:middle])
            second, others = self._embed(rows[middle:])
            reasons |= {middle + row: reason for row, reason in others.items()}
            return np.vstack([first, second]), reasons
        return features, read_reasons([self._featurizer])


def read_rows(table, featurizer, sources):
    """Read rows as dicts under the names that a featurizer knows.

    Parameters
    ----------
    table : pyarrow.Table of n rows
        The batch.
    featurizer : CLIPFeaturizer
        Has the names.
    sources : dict of {"image", "text"} to str
        Columns of the batch that hold the modalities.

    Returns
    -------
    list of dict
        One for each row.
    """
    from ray.data.block import BlockAccessor

    columns = list(dict.fromkeys(sources.values()))
    block = BlockAccessor.for_block(table.select(columns))
    return [
        {
            getattr(featurizer, modality): row[column]
            for modality, column in sources.items()
        }
        for row in block.iter_rows(public_row_format=True)
    ]


def read_reasons(featurizers):
    """Collect why rows of the last call could not be read.

    Parameters
    ----------
    featurizers : iterable of CLIPFeaturizer
        Those that were called with the rows; one that never was has no failures.

    Returns
    -------
    dict of int to str
        Reasons by row.
    """
    reasons = {}
    for featurizer in featurizers:
        for row, _, reason in getattr(featurizer, "failed_rows_", []):
            told = reasons.get(row)
            if told is None or reason not in told:
                reasons[row] = reason if told is None else f"{told}; {reason}"
    return reasons


def _tensor_column(features):
    """Turn an (n, k) array into a column of Arrow's fixed-shape tensors."""
    import pyarrow as pa

    width = features.shape[1]
    flat = pa.array(np.ascontiguousarray(features, np.float32).ravel())
    lists = pa.FixedSizeListArray.from_arrays(flat, width)
    return pa.ExtensionArray.from_storage(
        pa.fixed_shape_tensor(pa.float32(), [width]), lists
    )


class DropDone:
    """Leave out the rows that an earlier run has written.

    Parameters
    ----------
    done : ray.ObjectRef of ndarray
        Sorted keys of the rows that are done, one copy per machine.
    row_id : str
        Column that tells the rows apart.
    """

    def __init__(self, done, row_id):
        self._done = done
        self._row_id = row_id

    def __call__(self, table):
        """Return the rows of a batch that are still to be done.

        Parameters
        ----------
        table : pyarrow.Table
            The batch.

        Returns
        -------
        pyarrow.Table
            Some of its rows, or none.

        Raises
        ------
        ValueError
            If an id is missing, or whole numbers are now texts or the reverse.
        """
        import pyarrow as pa
        import ray

        done = ray.get(self._done)
        keys = row_keys(table[self._row_id])
        if len(keys) and keys.dtype != done.dtype:
            raise ValueError(
                f"The ids in {self._row_id!r} must be of the type of the run before: "
                "whole numbers in both, or in neither. Got "
                f"{table.schema.field(self._row_id).type}. Cast the column, or give "
                "another path."
            )
        places = np.searchsorted(done, keys)
        found = done[np.minimum(places, len(done) - 1)] == keys
        return table.filter(pa.array(~found))


def row_keys(column):
    """Turn row ids into keys of equal size that can be sorted.

    Parameters
    ----------
    column : pyarrow.ChunkedArray or Array
        Ids: integers, or anything that has a distinct str.

    Returns
    -------
    ndarray of dtype int64, or of 16 bytes each
        Whole numbers as they are; of all else, a digest.

    Raises
    ------
    ValueError
        If an id is missing.
    """
    import hashlib

    import pyarrow as pa

    if column.null_count:
        raise ValueError(
            f"Every row must have an id in row_id. Got {column.null_count} without."
        )
    if pa.types.is_dictionary(column.type):  # in a file, its values
        column = column.cast(column.type.value_type)
    if pa.types.is_integer(column.type):
        return column.to_numpy().astype(np.int64)
    digests = [
        hashlib.blake2b(str(value).encode(), digest_size=16).digest()
        for value in column.to_pylist()
    ]
    return np.array(digests, dtype="S16")


def thread_count(num_cpus, num_gpus):
    """Return torch's threads for an actor, None where its GPU does the work.

    Parameters
    ----------
    num_cpus, num_gpus : float
        What Ray reserves for it.

    Returns
    -------
    int or None
        One for each core begun.
    """
    return None if num_gpus else max(math.ceil(num_cpus), 1)
