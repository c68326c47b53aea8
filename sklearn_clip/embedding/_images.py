"""One image, in any accepted form, to one RGB picture and to one content digest."""

import hashlib
import io
import os
import re
import threading
import unicodedata
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from sklearn_clip._shared import path_readings
from sklearn_clip.embedding._pixels import ORIENTATION, to_rgb

_URL = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+://|data:)")
_DIGEST_BYTES = 16
# Digest of each path, with what its file looked like; so many that it stays small.
_file_digests = {}
_MOST_DIGESTS = 10**6
_file_digests_lock = threading.Lock()
# Pillow reads an opened picture at first use, which two threads must not do at once.
_picture_locks = [threading.Lock() for _ in range(64)]


def image_digest(source, root=None):
    """Hash what an image contains, so that equal pictures share one embedding.

    The digest of a file is that of its bytes, never of its name. A file whose size and
    modification time have not changed since this process last read it is not read
    again.

    Parameters
    ----------
    source : str, os.PathLike, bytes, PIL.Image.Image or ndarray
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
        If a file cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        return _file_digest(resolve_path(source, root))
    if isinstance(source, bytes | bytearray | memoryview):
        return _digest(b"file", bytes(source))
    if isinstance(source, Image.Image):
        with _lock_of(source):
            return _picture_digest(source)
    if isinstance(source, np.ndarray):
        _check_array(source)
        return _digest(b"array", repr(source.shape).encode(), source.tobytes())
    raise ValueError(_not_an_image(source))


def decode_image(source, root=None, *, draft_side=None):
    """Decode an image to RGB as a person would see it on a white page.

    EXIF orientation is applied, transparent pixels are composed over white, 16-bit
    greys are scaled to 8 bits. Of an animated file the first frame is taken, of an
    animated PIL image the frame it stands at.

    Parameters
    ----------
    source : str, os.PathLike, bytes, PIL.Image.Image or ndarray
        A path, an encoded file, a PIL image, or a uint8 array of shape (h, w),
        (h, w, 3) or (h, w, 4).
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
        If the source is a URL, no kind of image, or has pixels without a known range.
    OSError
        If the file cannot be read or is no image Pillow knows.
    """
    if isinstance(source, str | os.PathLike):
        path = resolve_path(source, root)
        if path.is_dir():
            raise IsADirectoryError("it is a folder, not an image file")
        with Image.open(path) as picture:
            return to_rgb(_draft(picture, draft_side), draft_side)
    if isinstance(source, bytes | bytearray | memoryview):
        with Image.open(io.BytesIO(source)) as picture:
            return to_rgb(_draft(picture, draft_side), draft_side)
    if isinstance(source, Image.Image):
        with _lock_of(source):
            return to_rgb(source, draft_side)
    if isinstance(source, np.ndarray):
        _check_array(source)
        return to_rgb(Image.fromarray(source), draft_side)
    raise ValueError(_not_an_image(source))


def describe_image(source):
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
        return repr(os.fspath(source))
    if isinstance(source, bytes | bytearray | memoryview):
        return f"<{len(source)} bytes>"
    if isinstance(source, np.ndarray):
        return f"<array of shape {source.shape}, {source.dtype}>"
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
        return "the file does not exist" + _hint_at_spelling(exc.filename)
    if isinstance(exc, IsADirectoryError):
        return "it is a folder, not an image file"
    if isinstance(exc, PermissionError):
        return "no permission to read the file"
    if isinstance(exc, Image.UnidentifiedImageError):
        return "it is not an image of a known format" + _hint_at_plugin(exc)
    if isinstance(exc, Image.DecompressionBombError):
        return f"{exc} (PIL.Image.MAX_IMAGE_PIXELS sets the limit)"
    return str(exc) or type(exc).__name__


def _hint_at_spelling(path):
    """Name the file that is there as another system spells the path."""
    if not isinstance(path, str | os.PathLike):
        return ""
    readings = path_readings(os.fspath(path))
    for text in readings:
        for form in ("NFC", "NFD"):
            other = unicodedata.normalize(form, text)
            if other != readings[0] and os.path.isfile(other):
                return f" (there is {other!a}, in another spelling)"
    return ""


def _hint_at_plugin(exc):
    """Say what reads the pictures of telephones, if that is what it is by its name."""
    named = str(exc).lower().rstrip("')\"")  # it ends in the path
    if not named.endswith((".heic", ".heif")):
        return ""
    return " (Pillow reads HEIC after pillow_heif.register_heif_opener())"


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
        If the source is a URL.
    """
    name = os.fspath(source)
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    if _URL.match(name):
        raise ValueError(
            "it is a URL, and sklearn-clip fetches nothing on its own: download the "
            "file and give its path or its bytes"
        )
    return Path(name) if root is None else Path(root) / name


def _file_digest(path):
    stat = path.stat()
    if path.is_dir():
        raise IsADirectoryError(str(path))
    # The time of the last change of status cannot be set back as that of the content
    # can, by a copy that keeps times.
    times = (stat.st_mtime_ns, stat.st_ctime_ns)
    name, identity = os.path.abspath(path), (stat.st_size, *times, stat.st_ino)
    with _file_digests_lock:
        seen, digest = _file_digests.get(name, (None, None))
    if seen != identity:
        digest = _digest(b"file", path.read_bytes())
        with _file_digests_lock:
            if len(_file_digests) >= _MOST_DIGESTS:
                _file_digests.clear()
            _file_digests[name] = identity, digest
    return digest


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
    pixels = picture.tobytes()  # reads the file, and so all that `info` will hold
    palette = picture.getpalette("RGBA") if picture.mode in ("P", "PA") else None
    frame = (
        picture.mode,
        picture.size,
        palette,
        picture.info.get("transparency"),
        picture.getexif().get(ORIENTATION),
    )
    return _digest(b"pil", repr(frame).encode(), pixels)


def _digest(*parts):
    hasher = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def _check_array(array):
    if array.dtype != np.uint8:
        raise ValueError(
            f"an image array must be uint8 with values from 0 to 255, got {array.dtype}"
        )
    channels_ok = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not channels_ok or 0 in array.shape:
        raise ValueError(
            "an image array must have shape (h, w), (h, w, 3) or (h, w, 4), got "
            f"{array.shape}"
        )


def _not_an_image(source):
    return (
        "an image must be a path, encoded bytes, a PIL.Image or a uint8 array, got "
        f"{type(source).__name__}"
    )


def _draft(picture, side):
    """Tell the decoder of a JPEG how small it may become; others are left alone."""
    if side is not None and isinstance(picture, JpegImageFile):
        picture.draft(None, (side, side))
    return picture
