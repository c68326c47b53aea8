"""Tables: what stands between their cells, and which column is which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sklearn_clip._shared import shown_first

IMAGE_COLUMNS: tuple[str, ...] = ("image", "images", "file", "filename", "file_name")
IMAGE_COLUMNS += ("filepath", "path", "image_path", "img", "photo", "picture")
IMAGE_COLUMNS += ("id", "image_id")
LABEL_COLUMNS = ("labels", "tags", "keywords", "label", "tag", "categories", "classes")
_SEPARATORS = (";", "|", ",")
_OTHER_FORMATS = {
    b"PK\x03\x04": "an Excel or zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
}


@dataclass
class Table:
    """A table and its columns.

    Attributes
    ----------
    path : Path
        The file.
    columns : list of str
        Names of the columns.
    first : dict of str to list of str
        First cells of each column of a CSV file.
    delimiter : str
        What stands between the cells of a CSV file.
    """

    path: Path
    columns: list[str]
    first: dict[str, list[str]]
    delimiter: str = ","


def open_table(path: Path) -> Table:
    """Read the names of the columns of a table, and what its first cells look like.

    Parameters
    ----------
    path : Path
        A CSV, Parquet or Feather file.

    Returns
    -------
    Table
        Its columns.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ValueError
        If it has no columns.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {str(path)!r}.")
    if not path.is_file():  # a pipe cannot be read twice
        raise ValueError(f"{str(path)!r} must be a file. Got something else.")
    with open(path, "rb") as file:
        head = file.read(4)
    if head in _OTHER_FORMATS:
        raise ValueError(
            f"{str(path)!r} must be a CSV or Parquet file. Got {_OTHER_FORMATS[head]}: "
            "save it as 'CSV UTF-8'."
        )
    if head in (b"PAR1", b"ARRO"):
        from pyarrow import feather, parquet

        schema = (
            parquet.read_schema(path)
            if head == b"PAR1"
            else feather.read_table(path, memory_map=True).schema
        )
        return Table(path, list(schema.names), {})
    import csv

    try:
        with open(path, encoding="utf-8-sig", newline="") as lines:
            header = next((line for line in lines if line.strip()), "")
            delimiter = _guess_delimiter(header)
            lines.seek(0)
            reader = csv.reader(lines, delimiter=delimiter)
            # Blank lines are none, as for whoever reads the table.
            records = (row for row in reader if any(row))
            cells = [row for row, _ in zip(records, range(1_001), strict=False)]
    except csv.Error as exc:
        raise ValueError(
            f"{str(path)!r} must be a CSV file. Got {exc} in line {reader.line_num}. A "
            "quotation mark that is never closed makes one cell of all that follows."
        ) from exc
    except UnicodeDecodeError as exc:
        raise ValueError(
            f"{str(path)!r} must be a CSV file in UTF-8. Got {exc.reason} at byte "
            f"{exc.start}. Save it as 'CSV UTF-8'."
        ) from exc
    if not cells or not any(cells[0]):
        raise ValueError(f"{str(path)!r} must be a table with a header. It has none.")
    columns = cells[0]
    first = {
        name: [row[place] for row in cells[1:] if len(row) == len(columns)]
        for place, name in enumerate(columns)
    }
    return Table(path, columns, first, delimiter)


def _guess_delimiter(header: str) -> str:
    """Take what parts a usual name from others, else the first that is there."""
    found = [mark for mark in (",", ";", "\t", "|") if mark in header]
    usual = (*IMAGE_COLUMNS, *LABEL_COLUMNS)
    for mark in found:
        names = (name.strip(' "\r\n').lower() for name in header.split(mark))
        if any(name in usual for name in names):
            return mark
    return next(iter(found), ",")


def find_column(
    table: Table,
    given: str | None,
    usual: Sequence[str],
    option: str,
    *,
    required: bool,
) -> str | None:
    """Find a column by the name that was given, or by a usual one.

    Parameters
    ----------
    table : Table
        The table.
    given : str or None
        What the user named.
    usual : sequence of str
        Names to look for, in this order.
    option : str
        The option that names it, for the error.
    required : bool
        Whether it must be there.

    Returns
    -------
    str or None
        Its name as the table spells it.

    Raises
    ------
    ValueError
        If it is not there.
    """
    if given is not None:
        if given in table.columns:
            return given
    else:
        by_look = {name.strip().lower(): name for name in reversed(table.columns)}
        found = next((by_look[name] for name in usual if name in by_look), None)
        if found is not None or not required:
            return found
    said = f"no column {given!r}" if given is not None else "none of the usual columns"
    raise ValueError(
        f"{str(table.path)!r} has {said}: name it with {option}. Its columns are "
        f"{shown_first(table.columns, 12)}."
    )


def name_columns(table: Table, given: str) -> list[str]:
    """Read names of columns with commas between them.

    Parameters
    ----------
    table : Table
        The table.
    given : str
        The names.

    Returns
    -------
    list of str
        The names, without blanks around them.

    Raises
    ------
    ValueError
        If the table lacks one.
    """
    if given in table.columns:
        return [given]
    names = [name.strip() for name in given.split(",") if name.strip()]
    for name in names:
        find_column(table, name, (), "--labels", required=True)
    return names


def guess_separator(cells: Sequence[str]) -> str:
    """Take the separator that stands in cells, a blank where none does.

    Parameters
    ----------
    cells : sequence of str
        Label cells.

    Returns
    -------
    str
        The separator.
    """
    for separator in _SEPARATORS:
        if any(separator in cell for cell in cells):
            return separator
    return " "


def say_separator(separator: str, cells: Sequence[str]) -> str:
    """Say at what cells are split, and whether words are parted that may be one label.

    Parameters
    ----------
    separator : str
        The separator.
    cells : sequence of str
        Label cells.

    Returns
    -------
    str
        A part of a sentence.
    """
    if separator != " ":
        return f"split at {separator!r}"
    torn = next((cell.strip() for cell in cells if " " in cell.strip()), None)
    if torn is None:
        return "split at blanks"
    return f"split at blanks (if {torn!r} is one label: --separator ';')"
