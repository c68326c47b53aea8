"""Files that take their place when they are complete."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Of a name of at most 255 bytes, in letters of at most 4.
_SHOWN_LETTERS = 40
# A folder takes no new file.
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)
# A file in a folder that does is mounted alone, or another's in a folder like /tmp.
_FIXED = (errno.EBUSY, errno.EPERM)


@contextlib.contextmanager
def whole_file(
    path: str | os.PathLike[str], mode: str = "wb", **options: Any
) -> Iterator[Any]:
    """Open a file that takes its place when it is complete.

    Until then it has a hidden name beside its place. Whoever looks, even after a power
    cut, sees what was there before or all that is new.

    Parameters
    ----------
    path : str or os.PathLike
        The file, in a folder that is there. Of a link, what it leads to is replaced. A
        file that is there keeps its permissions, and stays as it was if an error
        arises. What is no file, such as a terminal or a pipe, is written to as it is.
        A file that may be written, but not replaced (its folder is read only, or it is
        mounted alone), is overwritten once all is there.
    mode : {"w", "wb"}, default="wb"
        As of `open`.
    **options : dict
        As of `open`.

    Yields
    ------
    file object
        To write to.

    Raises
    ------
    FileNotFoundError
        If the folder is not there.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        with open(path, mode, **options) as file:
            yield file
        return
    if path.is_symlink():
        # Path.resolve raises RuntimeError for a link to itself, before Python 3.13.
        path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "There is no folder to write to", str(path.parent)
        )
    part, file = _open_part(path, mode, options)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _put_in_place(part, path)
    finally:
        part.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _open_part(path, mode, options):
    """Open a new file beside another; elsewhere if the folder allows none."""
    part = path.with_name(f"{_beginning(path)}{secrets.token_hex(8)}")
    try:
        return part, open(part, mode.replace("w", "x"), **options)
    except OSError as exc:
        if exc.errno not in _READ_ONLY or not os.access(path, os.W_OK):
            raise
    handle, name = tempfile.mkstemp()
    return Path(name), open(handle, mode, **options)


def _put_in_place(part, path):
    """Replace a file by its new content, or overwrite one that cannot be replaced."""
    if part.parent == path.parent:
        if path.exists():
            part.chmod(path.stat().st_mode & 0o777)
        try:
            os.replace(part, path)
            return
        except OSError as exc:
            if exc.errno not in _FIXED or not os.access(path, os.W_OK):
                raise
    with open(part, "rb") as source, open(path, "wb") as target:
        shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())


def remove_unfinished(path: str | os.PathLike[str]) -> None:
    """Remove what processes that were killed have left of a file.

    Parameters
    ----------
    path : str or os.PathLike
        As `whole_file` takes it. No process may be writing it.
    """
    path = Path(path)
    # The token's length tells it from the parts of a longer name.
    for part in path.parent.glob(f"{glob.escape(_beginning(path))}{'[0-9a-f]' * 16}"):
        part.unlink(missing_ok=True)


def _beginning(path):
    """Beginning of the hidden names of a file's parts."""
    return f".{path.name[:_SHOWN_LETTERS]}-"


def _sync_folder(folder):
    """Have the new name on disk too, where folders can be opened and synced."""
    with contextlib.suppress(OSError):  # not on Windows, nor on each network disk
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
