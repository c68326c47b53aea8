"""Files that are written: checked before long work."""

from __future__ import annotations

import os
from pathlib import Path


def check_target(path: Path, option: str, *inputs: Path | None) -> None:
    """Check that a file can be written, before long work.

    Parameters
    ----------
    path : Path
        The file.
    option : str
        The option that names it, for the error.
    *inputs : Path or None
        Files that are read, or written as well, which it must not replace.

    Raises
    ------
    FileNotFoundError
        If its folder is not there.
    PermissionError
        If nothing can be written to its folder, nor to itself.
    ValueError
        If it is a folder, a device, or one of the other files.
    """
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {str(folder)!r} for {option}.")
    if path.exists() and not path.is_file():
        kind = "folder" if path.is_dir() else "device"
        raise ValueError(f"{option} must name a file. Got the {kind} {str(path)!r}.")
    if not (os.access(folder, os.W_OK) or os.access(path, os.W_OK)):
        raise PermissionError(f"Nothing can be written to {str(folder)!r} ({option}).")
    for other in inputs:
        if other is None:
            continue
        # Of files that are to be written, too, none may be the other.
        there = path.exists() and other.exists()
        real = os.path.realpath
        if path.samefile(other) if there else real(path) == real(other):
            raise ValueError(
                f"{option} must be another file than those that are read or written "
                f"beside it. Got {str(path)!r}, which would be lost."
            )


def check_page(path: Path, option: str, *inputs: Path | None) -> None:
    """Check that a page can be written, and will be opened as one.

    Parameters
    ----------
    path, option, *inputs
        As for `check_target`.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        If it is no file of its own, or its name is not that of a page.
    """
    check_target(path, option, *inputs)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ValueError(
            f"{option} must end in .html. Got {str(path)!r}. A browser shows the page, "
            "and prints it as PDF."
        )
