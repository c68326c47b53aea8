"""Files that take their place when they are complete."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Of a name of at most 255 bytes, in letters of at most 4.
_SHOWN_LETTERS = 40
# Of a batch: files, their bytes, and how many are synced side by side.
_MOST_FILES, _MOST_BYTES, _SYNCS = 64, 16_000_000, 8
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
    path = _follow(path)
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


def _follow(path: Path) -> Path:
    """Path of the file that is replaced, in a folder that is there."""
    if path.is_symlink():
        # Path.resolve raises RuntimeError for a link to itself, before Python 3.13.
        path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(
            errno.ENOENT, "There is no folder to write to", str(path.parent)
        )
    return path


class WholeFiles:
    """Many files, each of which takes its place when it is complete.

    As by `whole_file`, whoever looks at one sees what was there before or all that is
    new, even after a power cut. They are synced side by side, which file systems do at
    once, and folders once for all: files of a batch take their places together.

    Attributes
    ----------
    failed : dict of {object: OSError or ValueError}
        Why files were not written, by what `add` was told.
    """

    def __init__(self) -> None:
        self.failed: dict[Any, OSError | ValueError] = {}
        self._waiting: list[_Waiting] = []

    def __enter__(self) -> WholeFiles:
        return self

    def add(
        self, path: Path, make: Callable[[], bytes | None], key: Any = None
    ) -> bool:
        """Write a file that is put in place with others.

        Parameters
        ----------
        path : Path
            The file, as `whole_file` takes it.
        make : callable
            What gives its bytes, or None if nothing is to be written. It is called once
            more if somebody changes the file before the new one takes its place.
        key : object, default=None
            What `failed` calls the file.

        Returns
        -------
        bool
            Whether it is written.

        Raises
        ------
        OSError
            If nothing can be written beside it.
        """
        seen = _signature(path)
        content = make()
        if content is None:
            return False
        if path.exists() and not path.is_file():
            with whole_file(path) as file:
                file.write(content)
            return True
        target = _follow(path)
        part, file = _open_part(target, "wb", {})
        try:
            file.write(content)
            file.flush()
        except BaseException:
            with contextlib.suppress(OSError):  # what is left over to write, again
                file.close()
            part.unlink(missing_ok=True)
            raise
        self._waiting.append(_Waiting(path, target, part, file, make, key, seen))
        n_bytes = sum(waiting.file.tell() for waiting in self._waiting)
        if len(self._waiting) >= _MOST_FILES or n_bytes >= _MOST_BYTES:
            self.put()
        return True

    def put(self) -> None:
        """Put in place what waits."""
        waiting = self._waiting
        try:
            with ThreadPoolExecutor(_SYNCS) as pool:
                errors = list(pool.map(_sync, waiting))
            for one, error in zip(waiting, errors, strict=True):
                try:
                    if error is not None:
                        raise error
                    self._put_one(one)
                except (OSError, ValueError) as exc:
                    self.failed[one.key] = exc
            for folder in dict.fromkeys(one.target.parent for one in waiting):
                _sync_folder(folder)
        finally:
            self._discard()

    def _put_one(self, one: _Waiting) -> None:
        if _signature(one.path) == one.seen:
            _put_in_place(one.part, one.target)
            return
        content = one.make()
        if content is not None:
            with whole_file(one.path) as file:
                file.write(content)

    def _discard(self) -> None:
        for one in self._waiting:
            one.file.close()
            one.part.unlink(missing_ok=True)
        self._waiting = []

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self.put()
        else:
            self._discard()


@dataclass
class _Waiting:
    """A file of a batch that is written, and not yet in its place."""

    path: Path
    target: Path
    part: Path
    file: Any
    make: Callable[[], bytes | None]
    key: Any
    seen: Any


def _signature(path):
    """Tell a file from what somebody makes of it; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _sync(waiting):
    """Have a file on disk, and close it; the error if that fails."""
    try:
        with waiting.file as file:
            os.fsync(file.fileno())
    except OSError as exc:
        return exc
    return None


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
