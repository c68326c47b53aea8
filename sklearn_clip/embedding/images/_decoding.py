"""One image, in any accepted form, to one RGB picture and to one content digest."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
import time
import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from sklearn_clip._shared import path_readings
from sklearn_clip.embedding.images._arrays import is_array, name_dtype, pixels_of
from sklearn_clip.embedding.images._bit_depth import check_decoder, stated_range
from sklearn_clip.embedding.images._opening import (
    check_opened,
    open_encoded,
    open_image,
    resolve_path,
)
from sklearn_clip.embedding.images._orientation import load_pixels, read_orientation
from sklearn_clip.embedding.images._pixels import frame_extent, to_rgb

if TYPE_CHECKING:
    import torch

ImageLike: TypeAlias = (
    "str | os.PathLike[str] | bytes | Image.Image | NDArray[Any] | torch.Tensor"
)

_DIGEST_BYTES = 16
_LONGEST_NAME = 200  # characters of a path in an error
_CHUNK = 2**16  # bytes of a file that are in memory while it is hashed
# Digest of each path, with what its file looked like; so many that it stays small.
_file_digests: dict[str, tuple[tuple[int, ...], bytes]] = {}
# Nanoseconds from one step of a file system's clock to the next, at the most: FAT's.
_CLOCK_STEP = 2 * 10**9
_MOST_DIGESTS = 10**6
_file_digests_lock = threading.Lock()
# Pillow reads an opened picture at first use, which two threads must not do at once.
_picture_locks = [threading.Lock() for _ in range(64)]


def image_digest(
    source: ImageLike, root: str | os.PathLike[str] | None = None
) -> bytes:
    """Hash what an image contains, so that equal pictures share one embedding.

    The digest of a file is that of its bytes, never of its name. A file whose size and
    times have not changed since this process last read it is not read again, unless it
    was so new then that a later change may not show in them.

    Parameters
    ----------
    source : str, os.PathLike, bytes, PIL.Image.Image, ndarray or torch.Tensor
        The image.
    root : str, os.PathLike or None, default=None
        Folder put before a relative path.

    Returns
    -------
    bytes
        Digest of 16 bytes.

    Raises
    ------
    ValueError
        If the source is a URL or no kind of image.
    OSError
        If a file cannot be read, is no regular file or is clearly no picture, or if
        there is not enough memory for it.
    """
    with _memory_of_one():
        if isinstance(source, str | os.PathLike):
            return _file_digest(resolve_path(source, root))
        if isinstance(source, bytes | bytearray | memoryview):
            return _encoded_digest(bytes(source))
        if isinstance(source, Image.Image):
            with _lock_of(source):
                check_opened(source)
                return _picture_digest(source)
        if is_array(source):
            pixels = pixels_of(source)
            return _digest(b"array", repr(pixels.shape).encode(), pixels.tobytes())
    raise ValueError(_not_an_image(source))


def decode_image(
    source: ImageLike,
    root: str | os.PathLike[str] | None = None,
    *,
    draft_side: int | None = None,
) -> Image.Image:
    """Decode an image to RGB as a person would see it on a white page.

    The orientation of EXIF is applied, whatever else stands there. Transparent pixels
    are composed over white. Pixels of more than 8 bits are scaled by what the file or
    the type states to be black and white. Of an animated file the first frame is taken,
    of an animated PIL image the frame it stands at.

    Parameters
    ----------
    source : str, os.PathLike, bytes, PIL.Image.Image, ndarray or torch.Tensor
        A path, an encoded file, a PIL image, or an array of uint8 or uint16 of shape
        (h, w), or with 1, 3 or 4 channels last or first.
    root : str, os.PathLike or None, default=None
        Folder put before a relative path.
    draft_side : int or None, default=None
        A JPEG may be decoded at a half, a quarter or an eighth of its size, and a very
        large picture be reduced, as long as neither side becomes shorter than this.

    Returns
    -------
    PIL.Image.Image
        Picture of mode ``"RGB"``; `source` itself if it is one already.

    Raises
    ------
    ValueError
        If the source is a URL, no kind of image, has pixels without a known range, or
        is of a kind that Pillow is known to decode wrongly.
    OSError
        If the file cannot be read, is no regular file or no picture of a format that
        is read, or if there is not enough memory for it.
    """
    with _memory_of_one():
        if isinstance(source, str | os.PathLike | bytes | bytearray | memoryview):
            with open_image(source, root) as picture:
                return to_rgb(_draft(picture, draft_side), draft_side)
        if isinstance(source, Image.Image):
            with _lock_of(source):
                check_opened(source)
                return to_rgb(source, draft_side)
        if is_array(source):
            pixels = np.ascontiguousarray(pixels_of(source))
            return to_rgb(Image.fromarray(pixels), draft_side)
    raise ValueError(_not_an_image(source))


@contextlib.contextmanager
def _memory_of_one():
    """Make a picture that does not fit into memory one that cannot be read."""
    try:
        yield
    except MemoryError as exc:
        raise OSError("it needs more memory than there is") from exc


def describe_image(source: Any) -> str:
    """Name an image in an error message: its path, or what it is.

    Parameters
    ----------
    source : object
        The image as the user gave it.

    Returns
    -------
    str
        A short description.
    """
    if isinstance(source, str | os.PathLike):
        name = repr(os.fspath(source))
        if len(name) <= _LONGEST_NAME:
            return name
        half = _LONGEST_NAME // 2 - 4
        return f"{name[:half]}...{name[-half:]}"
    if isinstance(source, bytes | bytearray | memoryview):
        return f"<{len(source)} bytes>"
    if is_array(source):
        kind = "array" if isinstance(source, np.ndarray) else type(source).__name__
        return f"<{kind} of shape {tuple(source.shape)}, {name_dtype(source)}>"
    return f"<{type(source).__name__}>"


def explain_failure(exc):
    """Say in a few words why an image could not be decoded.

    Parameters
    ----------
    exc : Exception
        What `decode_image` or `image_digest` raised.

    Returns
    -------
    str
        The reason.
    """
    if isinstance(exc, FileNotFoundError):
        return "the file does not exist" + _hint_at_place(exc.filename)
    if isinstance(exc, IsADirectoryError):
        return "it is a folder, not an image file"
    if isinstance(exc, PermissionError):
        return "no permission to read the file"
    if isinstance(exc, NotADirectoryError):
        return "a part of the path is a file, not a folder"
    if isinstance(exc, Image.DecompressionBombError):
        return f"{exc} (PIL.Image.MAX_IMAGE_PIXELS sets the limit)"
    if isinstance(exc, OSError) and exc.errno == errno.ENAMETOOLONG:
        length = len(os.fspath(exc.filename or ""))
        return f"the path is too long: it has {length} characters"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror  # whose path and number are said already, or no help
    if str(exc) == "could not create decoder object":  # Pillow's word for it
        return "the WebP file is truncated or damaged"
    return str(exc) or type(exc).__name__


def _hint_at_place(path):
    """Name the file that is there as another system spells it, or a missing folder."""
    if not isinstance(path, str | os.PathLike):
        return ""
    readings = path_readings(os.fspath(path))
    for text in readings:
        bare = text.strip().strip("'\"")
        for other in (
            unicodedata.normalize("NFC", text),
            unicodedata.normalize("NFD", text),
            os.path.expanduser(bare),
        ):
            if other != readings[0] and os.path.isfile(other):
                return f" (there is {other!a}, in another spelling)"
    folder = os.path.dirname(readings[0])
    if folder and not os.path.isdir(folder):
        return f", nor does its folder {describe_image(folder)}"
    return ""


def why_unreadable(source, root=None):
    """Try to decode an image.

    Parameters
    ----------
    source : object
        The image.
    root : str, os.PathLike or None, default=None
        Folder put before a relative path.

    Returns
    -------
    str or None
        Why it cannot be decoded, None if it can.
    """
    try:
        decode_image(source, root)
    except MemoryError:
        raise
    except Exception as exc:  # Pillow's readers raise nearly anything on mutated files
        return explain_failure(exc)
    return None


def look_up_digest(source, root=None):
    """Return the digest of a file that this process has read before.

    Parameters
    ----------
    source : object
        The image.
    root : str, os.PathLike or None, default=None
        Folder put before a relative path.

    Returns
    -------
    digest : bytes or None
        None where it is to be read: it is new, or was changed, or is no file at all.
    seen : tuple, or None
        What `note_digest` knows the file by; None where it is no file.
    """
    if not isinstance(source, str | os.PathLike):
        return None, None
    try:
        name, identity = _identify(resolve_path(source, root))
    except (OSError, ValueError):  # told by those who read it
        return None, None
    with _file_digests_lock:
        seen, digest = _file_digests.get(name, (None, None))
    return digest if seen == identity else None, (name, identity)


def note_digest(name, identity, digest):
    """Note the digest of a file, that it need not be read again.

    Parameters
    ----------
    name, identity : str and tuple
        From `look_up_digest`, before it was read.
    digest : bytes
        Its digest.
    """
    with _file_digests_lock:
        if len(_file_digests) >= _MOST_DIGESTS:
            _file_digests.clear()
        _file_digests[name] = identity, digest


def _identify(path):
    """Name a file, and what tells whether it is still the same."""
    stat = path.stat()
    # The time of the last change of status cannot be set back as that of the content
    # can, by a copy that keeps times.
    times = (stat.st_mtime_ns, stat.st_ctime_ns)
    identity = (stat.st_size, *times, stat.st_ino, ImageFile.LOAD_TRUNCATED_IMAGES)
    now = time.time_ns()
    if any(abs(now - moment) <= _CLOCK_STEP for moment in times):
        # Written to once more in this step of the clock, it would look the same: what
        # is read now holds for this moment alone.
        identity = (*identity, now)
    return os.path.abspath(path), identity


def _file_digest(path):
    name, identity = _identify(path)
    with _file_digests_lock:
        seen, digest = _file_digests.get(name, (None, None))
    if seen != identity:
        digest = _encoded_digest(path)
        note_digest(name, identity, digest)
    return digest


def _encoded_digest(source):
    # Of a file that breaks off Pillow makes a picture only if it is told to: one that
    # was made so is not to hide later that the file is broken.
    kind = b"file, perhaps truncated" if ImageFile.LOAD_TRUNCATED_IMAGES else b"file"
    hasher = hashlib.blake2b(kind, digest_size=_DIGEST_BYTES)
    with open_encoded(source) as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return hasher.digest()


def _renew_locks():
    """Give a forked child locks that nobody holds: their holders are not there."""
    global _file_digests_lock, _picture_locks
    _file_digests_lock = threading.Lock()
    _picture_locks = [threading.Lock() for _ in _picture_locks]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


def _lock_of(picture):
    return _picture_locks[(id(picture) >> 6) % len(_picture_locks)]


def _picture_digest(picture):
    check_decoder(picture)
    grey = stated_range(picture)
    load_pixels(picture)  # reads the file, and so all that `info` will hold
    pixels = picture.tobytes()
    palette = picture.getpalette("RGBA") if picture.mode in ("P", "PA") else None
    frame = (
        picture.mode,
        picture.size,
        palette,
        picture.info.get("transparency"),
        read_orientation(picture),
        grey,
        frame_extent(picture),
    )
    return _digest(b"pil", repr(frame).encode(), pixels)


def _digest(*parts):
    hasher = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def _not_an_image(source):
    hint = ""
    if hasattr(source, "read"):
        hint = ": give its content, x.read()"
    elif isinstance(source, Mapping) and source.get("bytes") is not None:
        hint = ": give x['bytes']"  # what the data sets of Hugging Face hold
    return (
        "an image must be a path, encoded bytes, a PIL.Image or an array of uint8 or "
        f"uint16, got {type(source).__name__}{hint}"
    )


def _draft(picture, side):
    """Tell the decoder of a JPEG how small it may become; others are left alone."""
    if side is not None and isinstance(picture, JpegImageFile):
        picture.draft(None, (side, side))
    return picture
