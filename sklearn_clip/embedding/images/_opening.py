"""The one way to open a picture: which files are read at all, and at what cost."""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageFile

from sklearn_clip.embedding.images import _formats
from sklearn_clip.embedding.images._header_repair import open_picture

_URL = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+://|data:)")
# A file up to this size is read to its end sooner than its format is found out.
_SMALL = 2**16
# Above it even a file that begins as a picture must have a header, before it is read.
_LARGE = 2**22
# Reads that find a header, at the most; some of Pillow's readers look for the next mark
# byte by byte, for hours in a file of many gigabytes of zeros.
_MOST_READS = 2**16
_LONGEST_LINE = 2**12
# Python 3.14 reads 128 KiB where a reader asks for a few bytes, at each of its seeks.
_BUFFER = 2**13
_LONGEST_PATH = 1024  # bytes that may be a path
_LONGEST_NAME = 255  # bytes of a file's name, on nearly every system
_PREFIX = 16
_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class _BoundedHeader:
    """A file in which the search for a header ends, found or not."""

    reads_left = None  # any number

    def read(self, size=-1):
        if self.reads_left is not None:
            self._count()
        return super().read(size)

    def readline(self, size=-1):
        if self.reads_left is not None:
            self._count()
            if size is None or size < 0:
                size = _LONGEST_LINE
        return super().readline(size)

    def _count(self):
        self.reads_left -= 1
        if self.reads_left < 0:
            raise OSError("its header has no end")


class _File(_BoundedHeader, io.BufferedReader):
    """A file on a disk."""


class _Bytes(_BoundedHeader, io.BytesIO):
    """A file in memory."""


@contextlib.contextmanager
def open_image(
    source: str | os.PathLike[str] | bytes, root: str | os.PathLike[str] | None = None
) -> Iterator[ImageFile.ImageFile]:
    """Open a picture in one of the formats that are read, and no other file.

    Parameters
    ----------
    source : str, os.PathLike or bytes
        A path or an encoded file.
    root : str, os.PathLike or None, default=None
        Folder put before a relative path.

    Yields
    ------
    PIL.ImageFile.ImageFile
        The picture, of which the header was read.

    Raises
    ------
    ValueError
        If the source is a URL.
    PIL.UnidentifiedImageError
        If it is no picture of a format that is read; the message says what it is.
    OSError
        If the file cannot be read or is no regular one.
    """
    with _open_source(source, root) as file, _identify(file) as picture:
        yield picture


@contextlib.contextmanager
def open_encoded(source, root=None):
    """Open the bytes of an encoded picture, once it is clear that they are one.

    Parameters
    ----------
    source, root
        As of `open_image`.

    Yields
    ------
    file object
        The bytes. Small files, and those that begin as JPEG, PNG, GIF, WebP or AVIF
        do, may still turn out to be no picture.

    Raises
    ------
    ValueError, OSError
        As `open_image` does.
    """
    with _open_source(source, root) as file:
        size = file.seek(0, os.SEEK_END)
        head = _read_head(file)  # last, as it stays in the file's buffer
        if _formats.name_other(head) is None:
            doubtful = size > _SMALL and not _formats.begins_clearly(head)
        else:  # nobody reads it, unless a plug-in does
            doubtful = not _formats.readers(head, plugins_only=True)[0]
        if doubtful or size > _LARGE:
            with _identify(file):
                pass
        file.seek(0)
        yield file


def check_opened(picture):
    """Refuse to decode a picture that the user has opened in a format we do not read.

    Parameters
    ----------
    picture : PIL.Image.Image
        The picture. One that is decoded is a picture, wherever it came from.

    Raises
    ------
    ValueError
        If it would be decoded now, by a reader that is not among ours.
    """
    if not isinstance(picture, ImageFile.ImageFile) or _formats.is_read(picture):
        return
    if picture.tile or isinstance(picture, ImageFile.StubImageFile):
        raise ValueError(
            f"it is a PIL image that was opened from a file of {picture.format}, which "
            "sklearn-clip does not decode: call its load() first, or convert it to PNG"
        )


def resolve_path(source, root):
    """Put `root` before a relative path, and refuse a URL.

    Parameters
    ----------
    source : str or os.PathLike
        The path as given.
    root : str, os.PathLike or None
        Folder of relative paths; None for the working directory.

    Returns
    -------
    pathlib.Path
        The path to open.

    Raises
    ------
    ValueError
        If the source is a URL or an encoded picture.
    """
    name = os.fspath(source)
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    if len(name) > _LONGEST_NAME and _formats.is_base64(os.fsencode(name[:_PREFIX])):
        raise ValueError("it is base64 text, not a path: give base64.b64decode of it")
    if _URL.match(name):
        raise ValueError(
            "it is a URL, and sklearn-clip fetches nothing on its own: download the "
            "file and give its path or its bytes"
        )
    return Path(name) if root is None else Path(os.path.expanduser(root)) / name


def _open_source(source, root):
    if isinstance(source, str | os.PathLike):
        return _open_regular(resolve_path(source, root))
    return _Bytes(bytes(source))


@contextlib.contextmanager
def _open_regular(path):
    """Open a file, never a pipe, which may block, or a device, which may not end."""
    _check_regular(os.stat(path))
    with open(path, "rb", buffering=0, opener=_open_at_once) as raw:
        _check_regular(os.fstat(raw.fileno()))  # it may be another one by now
        with _File(raw, _BUFFER) as file:
            yield file


def _open_at_once(path, flags):
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _check_regular(status):
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError("it is a folder, not an image file")
    if kind != stat.S_IFREG:
        what = _KINDS.get(kind, "something else")
        raise OSError(f"it is {what}, not a regular file: give the bytes or a copy")


def _read_head(file):
    file.seek(0)
    return file.read(_formats.HEAD)


def _identify(file):
    """Open a file as a picture, or say what it is."""
    head = _read_head(file)
    other = _formats.name_other(head)
    # Of what is no picture to Pillow it may be one to a plug-in.
    picture, unsupported = _try_readers(file, head, plugins_only=other is not None)
    if picture is not None:
        other = _formats.name_raw(picture)
        if other is None:
            return picture
        picture, unsupported = _try_readers(file, head, plugins_only=True)
        if picture is not None:
            return picture
    reason = other or _name_path(head) or "; ".join(unsupported)
    reason = reason or _formats.name_unread(head)
    message = "it is not an image of a known format"
    raise Image.UnidentifiedImageError(f"{message} ({reason})" if reason else message)


def _try_readers(file, head, *, plugins_only):
    """Open a file with the first reader that takes it; None if none does."""
    formats, unsupported = _formats.readers(head, plugins_only=plugins_only)
    if not formats:
        return None, unsupported
    file.reads_left = _MOST_READS
    try:
        return open_picture(file, formats), unsupported
    except Image.UnidentifiedImageError:
        return None, unsupported
    except ValueError:  # Pillow lets it pass if the size in a TIFF is no number
        if not _formats.begins_as_tiff(head):
            raise
        return None, unsupported
    finally:
        file.reads_left = None


def _name_path(head):
    """Say that bytes are the name of a file, if they are likely to be one."""
    if not 0 < len(head) < _LONGEST_PATH:
        return None
    name = os.fsdecode(head)
    suffix = os.path.splitext(name)[1].lower()
    separators = [s for s in (os.sep, os.altsep) if s]
    likely = suffix in Image.registered_extensions() or (
        any(s in name for s in separators) and " " not in name
    )
    if not name.isprintable() or not (likely or os.path.isfile(name)):
        return None
    return f"it looks like the path {name!r}: of one in bytes give os.fsdecode(path)"
