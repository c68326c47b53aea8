"""The command ``check``: pictures that are broken, missing, or there twice."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from sklearn_clip._shared import counted
from sklearn_clip.cli._embedding import BLOCK
from sklearn_clip.cli._rows import Rows, read_rows
from sklearn_clip.cli._run import SOME_ROWS_FAILED
from sklearn_clip.cli._talk import Talk

_ESCAPES = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})


def run(*, rows: Path, images: Path | None, image: str | None, quiet: bool) -> int:
    """Check pictures, and write a line for each that is not well.

    Parameters are the options of the command.

    Returns
    -------
    int
        The code it ends with: 1 if a picture is broken or missing.
    """
    from sklearn_clip.embedding import find_unreadable

    talk = Talk(quiet)
    found = read_rows(rows, images, image, None)
    talk.say_if(found.note)
    blocks = [
        range(start, min(start + BLOCK, len(found)))
        for start in range(0, len(found), BLOCK)
    ]
    n_bad = n_empty = 0
    reasons: dict[str, str | None] = {}  # of each picture, however many rows name it
    for block in talk.follow(blocks, len(found), "Checking"):
        paths = found.images[block.start : block.stop]
        new = [path for path in dict.fromkeys(paths) if path and path not in reasons]
        reasons |= dict.fromkeys(new)
        bad = find_unreadable([[path] for path in new])
        reasons |= {path: reason for _, path, reason in bad}
        for row, path in zip(block, paths, strict=True):
            n_empty += not path
            reason = reasons[path] if path else None
            if path and reason is not None:
                kind = "broken" if os.path.exists(path) else "missing"
                _print_line(kind, found.names[row], reason)
                n_bad += 1
    n_copies = 0
    for first, *copies in _copies(found):
        for name in copies:
            _print_line("copy", name, f"the same file as {first}")
            n_copies += 1
    again = "1 copy" if n_copies == 1 else f"{n_copies:,} copies"
    talk.say(
        f"{counted(len(found), 'row')}: {n_bad:,} cannot be read, {again}, "
        f"{n_empty:,} without a picture."
    )
    return SOME_ROWS_FAILED if n_bad else 0


def _print_line(*cells: str) -> None:
    """Print cells with tabs between them, and those that are in names escaped."""
    print("\t".join(cell.translate(_ESCAPES) for cell in cells))


def _copies(rows: Rows) -> list[list[str]]:
    """Names of the files that have the same bytes; only those of one size are read."""
    sizes = defaultdict(list)
    for path, name in dict(zip(rows.images, rows.names, strict=True)).items():
        if path and os.path.isfile(path):
            sizes[os.path.getsize(path)].append((path, name))
    found = []
    for files in sizes.values():
        same = defaultdict(list)
        for path, name in files if len(files) > 1 else []:
            with suppress(OSError), open(path, "rb") as file:  # broken: told before
                same[hashlib.file_digest(file, "sha256").digest()].append(name)
        found += [names for names in same.values() if len(names) > 1]
    return found
