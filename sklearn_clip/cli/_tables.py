"""Tables: what stands between their cells, and which column is which."""

from __future__ import annotations

import itertools
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sklearn_clip._shared import clean_name, hint_at_name, shown_first
from sklearn_clip.datasets._csv_table import (
    COMPRESSED,
    find_quote,
    marked_delimiter,
)

IMAGE_COLUMNS: tuple[str, ...] = ("image", "images", "file", "filename", "file_name")
IMAGE_COLUMNS += ("filepath", "path", "image_path", "img", "photo", "picture")
IMAGE_COLUMNS += ("id", "image_id")
LABEL_COLUMNS = ("labels", "tags", "keywords", "label", "tag", "categories", "classes")
_SEPARATORS = (";", "|", ",")
_SAVE = "save it as 'CSV UTF-8'"
_OTHER_FORMATS = {
    (b"PK\x03\x04",): f"an Excel or zip file: {_SAVE}",
    (b"\xd0\xcf\x11\xe0",): f"an old Excel file: {_SAVE}",
    COMPRESSED: "a compressed file: unpack it",
    (
        b'{"',
        b"{\n",
        b"[{",
        b"[\n",
    ): "JSON: make a table of it, as pandas.read_json does",
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
    delimiter : str or None
        What stands between the cells of a CSV file; None of another one.
    """

    path: Path
    columns: list[str]
    delimiter: str | None = None


def open_table(path: Path) -> Table:
    """Read the names of the columns of a table.

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
        start = file.read(1_024)
    head = start[:4]
    kinds = (kind for marks, kind in _OTHER_FORMATS.items() if head.startswith(marks))
    other = next(kinds, None)
    if other is not None:
        raise ValueError(f"{str(path)!r} must be a CSV or Parquet file. Got {other}.")
    if head in (b"PAR1", b"ARRO"):
        from pyarrow import feather, parquet

        schema = (
            parquet.read_schema(path)
            if head == b"PAR1"
            else feather.read_table(path, memory_map=True).schema
        )
        return Table(path, list(schema.names))
    if b"\0" in start and not start.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise ValueError(
            f"{str(path)!r} must be a CSV or Parquet file. Got a file that is no text."
        )
    with _saying_where(path):
        with open(path, encoding="utf-8-sig", newline="") as lines:
            delimiter = _guess_delimiter(next((x for x in lines if x.strip()), ""))
        # What is wrong further down is said before long work, too.
        rows = list(itertools.islice(_read_csv(path, delimiter), 1_001))
    if not rows:
        raise ValueError(f"{str(path)!r} must be a table with a header. It has none.")
    return Table(path, rows[0], delimiter)


def read_texts(table: Table, column: str) -> list[str]:
    """Read what stands in the cells of a column, in all rows.

    Parameters
    ----------
    table : Table
        The table.
    column : str
        Name of the column.

    Returns
    -------
    list of str
        Every text once, in the order of the rows; cells that hold lists have none.

    Raises
    ------
    ValueError
        If a row cannot be read.
    """
    if table.delimiter is None:
        import pandas

        binary = {b"PAR1": pandas.read_parquet, b"ARRO": pandas.read_feather}
        with open(table.path, "rb") as file:
            read = binary[file.read(4)]
        cells = read(table.path, columns=[column])[column]
        return list(dict.fromkeys(cell for cell in cells if isinstance(cell, str)))
    place, width = table.columns.index(column), len(table.columns)
    with _saying_where(table.path):
        rows = itertools.islice(_read_csv(table.path, table.delimiter), 1, None)
        return list(dict.fromkeys(row[place] for row in rows if len(row) == width))


def _read_csv(path: Path, delimiter: str) -> Iterator[list[str]]:
    """Read the rows of a CSV file; blank lines are none."""
    import csv

    with open(path, encoding="utf-8-sig", newline="") as lines:
        # Blank lines are kept for the numbers of those below.
        head = [marked_delimiter(next(lines, ""))[1]]
        while not head[-1].strip() and (line := next(lines, "")):
            head.append(line)
        reader = csv.reader(
            itertools.chain(head, lines),
            delimiter=delimiter,
            quotechar=find_quote(head[-1], delimiter),
        )
        try:
            yield from (row for row in reader if any(map(str.strip, row)))
        except csv.Error as exc:
            exc.args = (f"{exc} in line {reader.line_num}",)
            raise


@contextmanager
def _saying_where(path: Path) -> Iterator[None]:
    """Say which file cannot be read, and why."""
    import csv

    try:
        yield
    except csv.Error as exc:
        raise ValueError(
            f"{str(path)!r} must be a CSV file. Got {exc}. A "
            "quotation mark that is never closed makes one cell of all that follows."
        ) from exc
    except UnicodeDecodeError as exc:
        raise ValueError(
            f"{str(path)!r} must be a CSV file in UTF-8. Got {exc.reason} at byte "
            f"{exc.start}. Save it as 'CSV UTF-8'."
        ) from exc


def _guess_delimiter(header: str) -> str:
    """Take what the line says or what parts a usual name, else the first there is."""
    marked, _ = marked_delimiter(header)
    if marked is not None:
        return marked
    found = [mark for mark in (",", ";", "\t", "|") if mark in header]
    usual = (*IMAGE_COLUMNS, *LABEL_COLUMNS)
    for mark in found:
        names = (name.strip(" '\"\r\n").lower() for name in header.split(mark))
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
        by_look = {clean_name(name): name for name in reversed(table.columns)}
        if clean_name(given) in by_look:
            return by_look[clean_name(given)]
    else:
        by_look = {name.strip().lower(): name for name in reversed(table.columns)}
        found = next((by_look[name] for name in usual if name in by_look), None)
        if found is not None or not required:
            return found
    said = f"no column {given!r}"
    if given is None:
        said = f"none of the columns {', '.join(usual)}"
    raise ValueError(
        f"{str(table.path)!r} has {said}: name it with {option}. Its columns are "
        f"{shown_first(table.columns, 12)}.{hint_at_name(given, table.columns)}"
    )


def name_columns(table: Table, given: str) -> list[str]:
    """Read names of columns with commas between them, as a line of a CSV file.

    Parameters
    ----------
    table : Table
        The table.
    given : str
        The names.

    Returns
    -------
    list of str
        The names, as they are compared.

    Raises
    ------
    ValueError
        If the table lacks one.
    """
    import csv

    if given in table.columns:
        return [clean_name(given)]
    names = next(csv.reader([given], skipinitialspace=True))
    try:
        found = [
            find_column(table, name, (), "--labels", required=True)
            for name in names
            if name.strip()
        ]
    except ValueError as exc:
        commas = next((name for name in table.columns if "," in name), None)
        if commas is None:
            raise
        way = f"""--labels '"{commas.strip()}"'"""
        raise ValueError(
            f"{exc} A name with a comma stands in quotation marks: {way}."
        ) from exc
    return [clean_name(name) for name in found]


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


def say_separator(separator: str, cells: Sequence[str], guessed: bool) -> str:
    """Say at what cells are split, and whether labels may be torn or left together.

    Parameters
    ----------
    separator : str
        The separator.
    cells : sequence of str
        Label cells.
    guessed : bool
        Whether nobody has named it. Where fewer than half of the cells hold it, it may
        be part of a label, such as "rock &amp; roll", and another one be meant.

    Returns
    -------
    str
        A part of a sentence.
    """
    if separator != " ":
        said = f"split at {separator!r}"
        whole = [cell for cell in cells if separator not in cell]
        n_split = len(cells) - len(whole)
        if not guessed or 2 * n_split >= len(cells):
            return said
        said += f", which {n_split:,} of {len(cells):,} different cells hold"
        for other in (*_SEPARATORS, " "):
            left = [cell.strip() for cell in whole if other in cell.strip()]
            if len(left) > n_split:
                return (
                    f"{said} (if {left[0]!r} is several labels: --separator {other!r})"
                )
        split = next(cell.strip() for cell in cells if separator in cell)
        return f"{said} (if {split!r} is one label: --layout pairs)"
    torn = next((cell.strip() for cell in cells if " " in cell.strip()), None)
    if torn is None:
        return "split at blanks"
    return f"split at blanks (if {torn!r} is one label: --separator ';')"
