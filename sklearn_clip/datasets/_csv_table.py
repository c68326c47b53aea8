"""A CSV file as rows of cells that know the line they stand in."""

import codecs
import csv
import io
import os
import re

from sklearn_clip._shared import as_path, clean_name
from sklearn_clip.datasets._table import Table

# What a file begins with that says its encoding, whatever is thought of it.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What files begin with that are compressed: gzip, xz, Zstandard, bzip2.
COMPRESSED = (
    *(b"\x1f\x8b", b"\xfd7zX", b"\x28\xb5\x2f\xfd"),
    *(f"BZh{level}".encode() for level in range(1, 10)),
)
# And workbooks (xlsx and ods; xls).
_BINARY = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", *COMPRESSED)
_JSON = (".json", ".jsonl", ".ndjson")
_DELIMITERS = ";\t|,"
# A first line that says to Excel what stands between cells, and is no row.
# A program that read it as a cell writes it in quotation marks, and empty ones behind.
_MARKED = re.compile(
    r"([\"']?)sep=([^\w\s\"']|\t)\1(\2|[^\S\r\n])*(?=[\r\n]|\Z)", re.IGNORECASE
)
_IN_APOSTROPHES = re.compile("'[^']+'")
# The mark of UTF-8 in a file that was opened as Latin-1 or cp1252.
_MISREAD_MARK = codecs.BOM_UTF8.decode("cp1252")


def marked_delimiter(text):
    """Read what stands between cells by a first line such as ``sep=;``.

    Parameters
    ----------
    text : str
        A CSV file, or its first line, without a byte order mark.

    Returns
    -------
    delimiter : str or None
        None if there is no such line.
    rest : str
        The text without the mark; the end of its line stays.
    """
    found = _MARKED.match(text)
    return (None, text) if found is None else (found[2], text[found.end() :])


def find_quote(header, delimiter):
    """Tell which sign cells are quoted by.

    Parameters
    ----------
    header : str
        The line of the header.
    delimiter : str

    Returns
    -------
    str
        An apostrophe if all cells of the header stand in such, as some databases
        write them, else a quotation mark.
    """
    cells = [cell.strip() for cell in header.split(delimiter)]
    return "'" if all(map(_IN_APOSTROPHES.fullmatch, cells)) else '"'


class CSVTable(Table):
    """The cells of a CSV file by column, and the lines they stand in.

    Parameters
    ----------
    source : str, path-like or text file
        The file.
    encoding : str
        Its encoding, unless it begins with a byte order mark, which is skipped.
    delimiter : str
        What stands between cells, unless a first line such as ``sep=;`` says it.
    parameter : str, default="csv"
        The parameter that named it, for errors. Beside another than this one there are
        none of the encoding and the delimiter, which errors could name.

    Attributes
    ----------
    name : str
        What errors call the file.
    header : list of str
        Names of the columns, as they are compared.
    rows : list of tuple (int, list of str)
        The line in which a row begins, counted from 1 as an editor does, and its
        cells, as many as the header has, without white space around them.

    Raises
    ------
    TypeError
        If `source` is neither a path nor a file opened as text.
    FileNotFoundError
        If the file is not there.
    ValueError
        If the file is no text, cannot be decoded, is empty, breaks the rules of
        quoting, has two columns whose names look alike, a row of another length than
        the header, or a cell that is longer than :func:`csv.field_size_limit`.
    """

    def __init__(self, source, encoding, delimiter, parameter="csv"):
        self._is_fixed = parameter != "csv"
        self.name, text = _read_text(source, encoding, parameter)
        text = text.removeprefix("\ufeff")
        # The end of that line stays, for those below to have their numbers.
        marked, text = marked_delimiter(text)
        delimiter = delimiter if marked is None else marked
        records = self._split_text(text, delimiter)
        # Empty rows above the header, as a sheet has them, are no header.
        filled = (place for place, (_, cells) in enumerate(records) if any(cells))
        records = records[next(filled, 0) :]
        if not records:
            raise ValueError(
                f"The table must have a header. Got nothing ({self.name})."
            )
        line, header = records[0]
        self.header = [clean_name(column) for column in header]
        self._as_written = header
        self._check_header(self.place(line))
        self.rows = records[1:]
        if not self.rows:
            raise ValueError(f"The table must have rows. Got a header ({self.name}).")
        for line, cells in self.rows:
            if len(cells) != len(self.header):
                quote = (
                    f" A cell that holds {delimiter!r} must stand in quotation marks."
                )
                raise ValueError(
                    f"A row must have {len(self.header)} cells, as the header. Got "
                    f"{len(cells)} ({self.place(line)})."
                    + (self._hint_at_delimiter() or quote)
                )

    def hint_at_columns(self, name):
        return self._hint_at_delimiter()

    def _hint_at_delimiter(self):
        """Ask whether another sign parts the header, which is one cell otherwise."""
        if len(self.header) != 1:
            return ""
        # As it is written: a cleaned name has no tabs.
        return self._ask_for_delimiter(self._as_written[0])

    def _ask_for_delimiter(self, header):
        """Ask whether the sign is meant that stands in a header which is one cell."""
        sign = next((sign for sign in _DELIMITERS if sign in header), None)
        if sign is None:
            return ""
        if self._is_fixed:
            return f" Between its cells stands {sign!r}: save it with commas."
        return f" Is delimiter={sign!r} meant?"

    def _split_text(self, text, delimiter):
        header = next((line for line in io.StringIO(text) if line.strip()), "")
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=delimiter,
            quotechar=find_quote(header, delimiter),
            strict=True,
        )
        records, line = [], 1
        try:
            for cells in reader:
                # A blank line, not one of empty cells: that is a row.
                if len(cells) > 1 or any(cell.strip() for cell in cells):
                    records.append((line, [cell.strip() for cell in cells]))
                line = reader.line_num + 1
        except csv.Error as exc:
            if "field limit" in str(exc):
                raise ValueError(
                    f"A cell must have at most {csv.field_size_limit()} characters. "
                    f"Got a longer one ({self.place(line)}). A quotation mark that is "
                    "never closed makes one cell of all that follows; "
                    "csv.field_size_limit(n) allows longer cells."
                ) from exc
            way = "" if delimiter in header else self._ask_for_delimiter(header)
            mend = "Mend the text and give it as io.StringIO(text)."
            raise ValueError(
                "Quotation marks inside a quoted cell must be doubled. Got a row that "
                f"breaks off: {exc} ({self.place(line)})."
                + (way or f" {'Mend the file.' if self._is_fixed else mend}")
            ) from exc
        return records


def _read_text(source, encoding, parameter):
    """Name and text of a file."""
    if hasattr(source, "read"):
        text = source.read()
        if not isinstance(text, str):
            raise TypeError(
                f"{parameter} must be a path or a file opened as text. Got "
                f"{type(text).__name__} from {type(source).__name__}.read()."
            )
        name = getattr(source, "name", "the CSV text")
        if text.startswith(_MISREAD_MARK):
            raise ValueError(
                "A text file must be opened in its encoding. Got the mark of UTF-8 as "
                f"{_MISREAD_MARK!r} ({name}). Open it with encoding='utf-8-sig', or "
                "give its path."
            )
        return name, text
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            f"{parameter} must be a path, a file opened as text, a DataFrame of pandas "
            f"or polars, or a table of Arrow. Got {type(source).__name__}."
        )
    path = as_path(source, parameter)
    if path.is_dir():
        raise IsADirectoryError(
            f"{parameter} must be a file, or a folder of Parquet files. Got the folder "
            f"'{path}', which has none."
        )
    content = path.read_bytes()
    if content.startswith(_BINARY):
        raise ValueError(
            f"The table must be a text. Got a workbook or an archive ({path.name}): "
            "save the sheet as CSV, or unpack the file."
        )
    is_json = path.suffix.lower() in _JSON
    if is_json and content[:99].lstrip().startswith((b"{", b"[")):
        lines = "(path, lines=True)" if b"\n{" in content.strip() else ""
        raise ValueError(
            f"The table must have columns. Got JSON ({path.name}): read it, as with "
            f"pandas.read_json{lines}, and give the DataFrame."
        )
    marked = (name for mark, name in _MARKS.items() if content.startswith(mark))
    encoding = next(marked, encoding)
    try:
        text = content.decode(encoding)
    except LookupError as exc:
        raise ValueError(
            f"encoding must be one that Python knows. Got {encoding!r}."
        ) from exc
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        way = "Name the encoding, for example encoding='cp1252'."
        raise ValueError(
            f"The table must be encoded in {encoding!r}. Got the bytes "
            f"{content[exc.start : exc.start + 4]!r} ({path.name}, line {line}). "
            + (way if parameter == "csv" else "Save the file as UTF-8.")
        ) from exc
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        way = "Is encoding='utf-16-le' meant, or 'utf-16-be'?"
        raise ValueError(
            f"The table must be a text. Got a null character ({path.name}, line "
            f"{line}). {way if parameter == 'csv' else 'Save the file as UTF-8.'}"
        )
    return path.name, text
