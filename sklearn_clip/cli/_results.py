"""Files of labels: CSV, JSON or JSON lines, written row by row, there when complete."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sklearn_clip._shared import whole_file
from sklearn_clip.cli._files import check_target

_SUFFIXES = (".csv", ".json", ".jsonl")
_COLUMNS = ("image", "labels", "scores", "error")
_SEPARATORS = (";", "|", " / ")


@dataclass
class Result:
    """What is said of one row.

    Attributes
    ----------
    name : str
        What stands for it.
    labels : list of (str, float) or None
        Its labels and their scores; None where nothing can be said of it.
    scores : list of float or None
        The scores of all labels, where they are wanted.
    error : str or None
        Why nothing can be said.
    """

    name: str
    labels: list[tuple[str, float]] | None
    scores: list[float] | None
    error: str | None


class ResultFile:
    """A file of results that is there when all rows are written.

    Parameters
    ----------
    out : str
        Its name; "-" writes CSV to stdout.
    label_names : sequence of str
        Names of all labels.
    probabilities : bool
        Whether the scores of all labels are written.
    """

    def __init__(
        self, out: str, label_names: Sequence[str], probabilities: bool
    ) -> None:
        self._path = None if out == "-" else Path(out)
        self._names = list(label_names)
        self._all = probabilities
        self._kind = check_out(out)
        self._separator = ";"
        twice = [name for name in self._names if name in _COLUMNS]
        if self._kind == ".csv" and probabilities and twice:
            raise ValueError(
                f"A label named {twice[0]!r} would be a second column of that name in "
                "a CSV file. Write --out labels.json."
            )
        if self._kind == ".csv":
            self._separator = self._choose_separator()
        self._first = True

    def _choose_separator(self) -> str:
        for separator in _SEPARATORS:
            if not any(separator in name for name in self._names):
                return separator
        raise ValueError(
            "The names of the labels hold every separator of a CSV cell. Write "
            "--out labels.json."
        )

    def __enter__(self) -> Self:
        self._file: Any
        if self._path is None:
            self._file = sys.stdout
        else:
            # Names of files that are no text are written with \udcff, as JSON has it.
            self._whole = whole_file(
                self._path,
                "w",
                encoding="utf-8",
                newline="",
                errors="backslashreplace",
            )
            self._file = self._whole.__enter__()
        if self._kind == ".csv":
            self._table = csv.writer(_Lines(self._file))
            self._table.writerow([*_COLUMNS, *(self._names if self._all else [])])
        elif self._kind == ".json":
            self._file.write("[")
        return self

    def write(self, result: Result) -> None:
        """Write a row.

        Parameters
        ----------
        result : Result
            The row.
        """
        if self._kind == ".csv":
            labels = result.labels or []
            cells = [
                result.name,
                self._separator.join(name for name, _ in labels),
                self._separator.join(f"{score:.4g}" for _, score in labels),
                result.error or "",
            ]
            if self._all:
                scores = result.scores
                cells += (
                    [""] * len(self._names)
                    if scores is None
                    else [f"{score:.6g}" for score in scores]
                )
            self._table.writerow(cells)
            return
        line = json.dumps(self._as_dict(result), ensure_ascii=False)
        if self._kind == ".json":
            line = ("\n" if self._first else ",\n") + line
        else:
            line += "\n"
        self._file.write(line)
        self._first = False

    def _as_dict(self, result: Result) -> dict[str, Any]:
        found: dict[str, Any] = {"image": result.name, "labels": None}
        if result.labels is not None:
            found["labels"] = [
                {"label": name, "score": _short(score)} for name, score in result.labels
            ]
        if self._all and result.scores is not None:
            scores = map(_short, result.scores)
            found["scores"] = dict(zip(self._names, scores, strict=True))
        if result.error is not None:
            found["error"] = result.error
        return found

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._path is None:
            if kind is None:
                self._file.flush()
            return
        if kind is None and self._kind == ".json":
            self._file.write("\n]\n")
        self._whole.__exit__(kind, error, trace)


class _Lines:
    """A file whose rows end with a line feed alone, and yet quote carriage returns.

    The csv.writer of some versions of Python quotes of them only what stands in its own
    line ends.

    Parameters
    ----------
    file : file object
        Where they are written.
    """

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, row: str) -> None:
        """Write a row that ends with CRLF.

        Parameters
        ----------
        row : str
            The row.
        """
        self._file.write(row.removesuffix("\r\n") + "\n")


def check_out(out: str, *inputs: Path | None) -> str:
    """Check the name of a file of results, before long work.

    Parameters
    ----------
    out : str
        Its name, or "-".
    *inputs : Path or None
        Files that are read, which it must not replace.

    Returns
    -------
    {".csv", ".json", ".jsonl"}
        What is written.

    Raises
    ------
    ValueError
        If its suffix is unknown, or it is a file that is read.
    OSError
        If its folder is not there, it is a folder, or it cannot be written.
    """
    if out == "-":
        return ".csv"
    path = Path(out)
    if path.suffix not in _SUFFIXES:
        raise ValueError(
            f"--out must end in .csv, .json or .jsonl, or be -. Got {out!r}."
        )
    check_target(path, "--out", *inputs)
    return path.suffix


def _short(score: float) -> float:
    return float(f"{score:.6g}")
