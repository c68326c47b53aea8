"""A DataFrame, a table of Arrow, a Parquet or Feather file: tables with types."""

import os
import re
from datetime import datetime, time
from numbers import Integral, Real
from pathlib import PurePath

import numpy as np

from sklearn_clip._shared import as_path, clean_name, import_optional, is_missing
from sklearn_clip.datasets._csv_table import CSVTable
from sklearn_clip.datasets._table import Table

# What Parquet and Feather (version 2, which is Arrow's own form, and 1) begin with.
_PARQUET, _FEATHER = b"PAR1", (b"ARROW1", b"FEA1")
# How pandas calls an index without a name when it writes it as a column.
_NAMELESS_INDEX = re.compile(r"__index_level_\d+__")
_LISTS = list | tuple | set | frozenset
_NO_VALUES = dict | bytes | bytearray
# Kinds of numbers that a column has many equal ones of.
_NUMBERS = int | float
# Rows of a column that are looked at together.
_PIECE = 1000


def open_table(source, encoding, delimiter, parameter="csv"):
    """Read a table of any kind.

    Parameters
    ----------
    source : str, path-like, text file, DataFrame or table of Arrow
        A CSV, Parquet or Feather file, told by what it begins with; a folder of
        Parquet files; or a table that is read already.
    encoding, delimiter : str
        Of a CSV file.
    parameter : str, default="csv"
        As of :class:`CSVTable`.

    Returns
    -------
    Table

    Raises
    ------
    TypeError, FileNotFoundError, ValueError
        As :class:`CSVTable` and :class:`FrameTable` do.
    ImportError
        If a Parquet or Feather file needs pyarrow, which is not installed.
    """
    if isinstance(source, str | os.PathLike):
        path = as_path(source, parameter)
        found = _read_arrow(path)
        if found is not None:
            return FrameTable(found, path.name)
        return CSVTable(source, encoding, delimiter, parameter)
    if hasattr(source, "collect") and hasattr(source, "collect_schema"):
        raise TypeError(
            f"{parameter} must be a table that is read. Got {type(source).__name__}: "
            "give frame.collect()."
        )
    if hasattr(source, "columns") and hasattr(source, "__len__"):
        return FrameTable(source, f"the {type(source).__name__}")
    return CSVTable(source, encoding, delimiter, parameter)


def _read_arrow(path):
    """Table of a Parquet or Feather file, None if it is neither."""
    is_parquet = path.is_dir() and any(path.glob("*.parquet"))
    is_feather = False
    if not path.is_dir():
        with path.open("rb") as file:
            start = file.read(6)
        is_parquet = start.startswith(_PARQUET)
        is_feather = start.startswith(_FEATHER)
    if not is_parquet and not is_feather:
        return None
    kind = "Parquet" if is_parquet else "Feather"
    purpose = f"A {kind} file"
    arrow = import_optional("pyarrow", extra="parquet", purpose=purpose)
    module = import_optional(
        f"pyarrow.{kind.lower()}", extra="parquet", purpose=purpose
    )
    try:
        return module.read_table(path)
    except (arrow.ArrowException, OSError) as exc:
        raise ValueError(
            f"A {kind} file must be whole. Got one that cannot be read "
            f"('{path.name}'): {exc}"
        ) from exc


class FrameTable(Table):
    """The cells of a table with types, as a CSV file would hold them.

    Numbers become texts, whole ones without a point: pandas makes 1.0 of 1 where
    another cell of the column is missing. So do dates, those without a time as days.
    What is missing stays None, a list stays one.
    A column is read when it is asked for: beside labels there may be vectors and boxes.

    Parameters
    ----------
    frame : DataFrame of pandas or polars, or table of Arrow
        The table.
    name : str
        What errors call it. They count rows from 0.

    Raises
    ------
    ValueError
        If it has no rows or columns, or two columns whose names look alike. A row
        raises it for a cell that is neither a value nor a list of values.
    """

    unit = "row"

    def __init__(self, frame, name):
        self.name = name
        self._columns = [
            (name, column)
            for name, column in _columns(frame)
            if not _NAMELESS_INDEX.fullmatch(name)
        ]
        if not self._columns:
            raise ValueError(f"The table must have columns. Got none ({name}).")
        self.header = [clean_name(name) for name, _ in self._columns]
        self._check_header(name)
        self._cells = {}
        index = getattr(getattr(frame, "index", None), "names", ())
        self._index = [clean_name(level) for level in index if level is not None]
        self.rows = [(i, _Row(self, i)) for i in range(len(frame))]
        if not self.rows:
            raise ValueError(f"The table must have rows. Got a header ({name}).")

    def read_column(self, place):
        """Cells of a column, in all rows."""
        if place not in self._cells:
            name, column = self._columns[place]
            known = {}  # one text for all cells of a number, of which there are many
            cells = self._cells[place] = []
            for number, value in enumerate(_as_python(column)):
                key = (type(value), value) if isinstance(value, _NUMBERS) else None
                if key is None or key not in known:
                    known[key] = self._read(value, number, name)
                cells.append(known[key])
        return self._cells[place]

    def holds_values(self, place):
        """Whether the cells of a column are values, to judge by the first."""
        column = self._columns[place][1]
        for start in range(0, len(column), _PIECE):  # not all of it at once
            part = slice(start, start + _PIECE)
            part = column.iloc[part] if hasattr(column, "iloc") else column[part]
            for value in _as_python(part):
                if not is_missing(value):
                    return not isinstance(_as_python(value), _LISTS | _NO_VALUES)
        return True

    def hint_at_columns(self, name):
        if name in self._index:
            return f" {name!r} is the index: give frame.reset_index()."
        return ""

    def _read(self, value, number, column):
        """Text, None or tuple of a cell."""
        value = _as_python(value)
        if isinstance(value, set | frozenset):
            value = sorted(value, key=str)
        if not isinstance(value, _LISTS):
            return self._read_scalar(value, number, column)
        parts = tuple(self._read(part, number, column) for part in value)
        if None in parts or "" in parts:
            raise ValueError(
                "A list of labels must not hold a missing one. Got one in the column "
                f"{column!r} ({self.place(number)}). Leave it out, or give None for a "
                "row about which nothing is known."
            )
        return parts

    def _read_scalar(self, value, number, column):
        if is_missing(value):
            return None
        if isinstance(value, Real) and not isinstance(value, bool | Integral):
            is_whole = np.isfinite(value) and value == np.trunc(value)
            return str(int(value)) if is_whole else repr(value)
        if isinstance(value, _NO_VALUES):
            is_file = not isinstance(value, dict) or "bytes" in value
            way = " Write pictures to files, and name these." if is_file else ""
            raise ValueError(
                "A cell must hold a value or a list of values. Got "
                f"{type(value).__name__} in the column {column!r} "
                f"({self.place(number)}).{way}"
            )
        if isinstance(value, datetime):  # without a blank, at which labels are parted
            is_day = value.time() == time.min
            return value.date().isoformat() if is_day else value.isoformat()
        if isinstance(value, PurePath):
            return str(value)
        return str(value).strip()


class _Row:
    """A row, whose cells are read with their column when one is asked for."""

    __slots__ = ("_number", "_table")

    def __init__(self, table, number):
        self._table, self._number = table, number

    def __getitem__(self, place):
        return self._table.read_column(place)[self._number]


def _columns(frame):
    """Names of the columns, and the columns."""
    if hasattr(frame, "iloc"):  # pandas, whose columns may share a name
        for i, name in enumerate(frame.columns):
            yield str(name), frame.iloc[:, i]
    elif hasattr(frame, "column_names"):  # Arrow
        yield from zip(map(str, frame.column_names), frame.columns, strict=True)
    else:  # polars
        for name in frame.columns:
            yield str(name), frame[name]


def _as_python(value):
    """Put lists and values of Python in the place of those of other libraries."""
    for method in ("as_py", "tolist", "to_list", "to_pylist"):
        if hasattr(value, method) and not isinstance(value, str):
            return getattr(value, method)()
    return value
