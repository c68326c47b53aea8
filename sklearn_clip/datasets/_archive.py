"""Shipped archives: written byte for byte, unpacked into the cache once and whole."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
import zipfile
from pathlib import Path, PurePosixPath

from sklearn_clip._shared import as_path, cache_home

_STALE_SECONDS = 3600


def get_data_home(data_home: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder into which the data sets are unpacked.

    Parameters
    ----------
    data_home : str, path-like or None, default=None
        The folder. None means the environment variable ``SKLEARN_CLIP_DATA``, else
        ``sklearn_clip`` in ``XDG_CACHE_HOME``, else ``~/.cache/sklearn_clip``.

    Returns
    -------
    pathlib.Path
        An existing folder.

    Raises
    ------
    TypeError
        If `data_home` is no path.
    """
    if isinstance(data_home, str | None) and not data_home:
        home = cache_home("SKLEARN_CLIP_DATA")
    else:
        home = as_path(data_home, "data_home").absolute()
    home.mkdir(parents=True, exist_ok=True)
    return home


def unpack(archive, home):
    """Unpack a zip file into a folder named by its content.

    The files are written to a temporary folder beside the final one, which is then
    renamed: other processes see all files or none, and may do the same at once.

    Parameters
    ----------
    archive : str or path-like
        The zip file.
    home : pathlib.Path
        The folder that holds the unpacked folders.

    Returns
    -------
    pathlib.Path
        ``home / "<name>-<hash>"``, complete.

    Raises
    ------
    OSError
        If the archive is damaged, or names a file outside the folder.
    """
    archive = Path(archive)
    content = hashlib.sha256(archive.read_bytes()).hexdigest()[:16]
    target = home / f"{archive.stem}-{content}"
    try:
        with zipfile.ZipFile(archive) as opened:
            sizes = {entry.filename: entry.file_size for entry in opened.infolist()}
            _check_names(sizes, archive)
            if not _is_complete(target, sizes):
                _replace(opened, home, target, sizes)
    except zipfile.BadZipFile as exc:
        raise OSError(
            f"The archive '{archive}' must be a whole zip file. Got: {exc}. "
            f"Install sklearn-clip again."
        ) from exc
    return target


def add_file(archive, name, content, compression):
    """Add a file to an archive so that its bytes depend on name and content only.

    Parameters
    ----------
    archive : zipfile.ZipFile
        Opened for writing.
    name : str
    content : bytes
    compression : int
        ``zipfile.ZIP_STORED`` or ``zipfile.ZIP_DEFLATED``.
    """
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.compress_type = compression
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


def _check_names(names, archive):
    for name in names:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
            raise OSError(
                f"The archive '{archive}' must name files inside itself only. "
                f"Got {name!r}."
            )


def _is_complete(target, sizes):
    """Whether every file is there in its full size (a user may have deleted some)."""
    try:
        return all(os.stat(target / name).st_size == n for name, n in sizes.items())
    except OSError:
        return False


def _replace(opened, home, target, sizes):
    """Unpack beside `target` and rename into place."""
    _sweep(home, target.name)
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=home))
    try:
        fresh = temporary / "fresh"
        opened.extractall(fresh)
        while not _is_complete(target, sizes):
            try:
                os.rename(fresh, target)
            except OSError:
                # Another process came first, or the folder there is damaged.
                if not target.is_dir():
                    raise
                if not _is_complete(target, sizes):
                    _set_aside(target, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _set_aside(target, temporary):
    """Move a damaged folder out of the way; another process may do so first."""
    try:
        os.rename(target, tempfile.mkdtemp(prefix="damaged-", dir=temporary))
    except FileNotFoundError:
        return


def _sweep(home, name):
    """Remove what processes that were killed while unpacking have left."""
    for left in home.glob(f".{name}-*"):
        try:
            old = time.time() - left.stat().st_mtime > _STALE_SECONDS
        except OSError:
            continue
        if old:
            shutil.rmtree(left, ignore_errors=True)
