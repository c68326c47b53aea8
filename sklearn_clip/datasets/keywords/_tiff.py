"""The first directory of a TIFF file, which is also what Exif is made of."""

import io
import struct

from sklearn_clip._shared import clean_name
from sklearn_clip.datasets.keywords._xmp import BrokenBlockError

XMP, IPTC, PHOTOSHOP, XP_KEYWORDS = 700, 33723, 34377, 40094
_WANTED = frozenset((XMP, IPTC, PHOTOSHOP, XP_KEYWORDS))
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 13: 4}
_LONG = 4
# Version, its bytes of an offset, and the formats of a count of entries and an entry.
_CLASSIC, _BIG = (42, 4, "H", "HHI4s"), (43, 8, "Q", "HHQ8s")


def read_directory(file):
    """Read the entries of the first directory that may hold keywords.

    Parameters
    ----------
    file : binary file
        Of a classic TIFF or a BigTIFF, from its beginning.

    Returns
    -------
    dict of {int: bytes}
        Values by the number of the entry, as they stand in the file; those of IPTC
        in the order of bytes.

    Raises
    ------
    BrokenBlockError
        If the directory or a value stands behind the end.
    """
    found = {}
    for number, kind, at, length, _ in _entries(file):
        file.seek(at)
        value = _read(file, length)
        # Some write the records of IPTC as numbers of four bytes, and turn these round.
        if number == IPTC and kind == _LONG and value[:1] != b"\x1c":
            value = b"".join(value[i : i + 4][::-1] for i in range(0, len(value), 4))
        found[number] = value
    return found


def _entries(file):
    """Yield number, type, place and length of values, and place of their entries."""
    head = file.read(4)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    version = struct.unpack(f"{order}H", head[2:4])[0] if order and head[3:] else None
    form = next((form for form in (_CLASSIC, _BIG) if form[0] == version), None)
    if form is None:
        raise BrokenBlockError("it does not begin as TIFF does")
    _, width, count_form, entry_form = form
    word = order + ("I" if width == 4 else "Q")
    if width == 8:
        file.read(4)  # the width of an offset, and zeros
    (at,) = _unpack(file, word)
    file.seek(at)
    (count,) = _unpack(file, order + count_form)
    at = file.tell()
    size = struct.calcsize(order + entry_form)
    table = _read(file, min(count, 1 << 16) * size)
    for entry in struct.iter_unpack(order + entry_form, table):
        number, kind, length, value = entry
        if number in _WANTED and kind in _WIDTHS:
            length *= _WIDTHS[kind]
            place = (
                at + size - width if length <= width else struct.unpack(word, value)[0]
            )
            yield number, kind, place, length, at
        at += size


def edit_xp_keywords(exif, add, gone):
    """Change XPKeywords in Exif.

    Parameters
    ----------
    exif : bytes
        A classic TIFF, which has the entry.
    add : list of str
        Keywords to put in.
    gone : set of str
        Keywords to take out, cleaned.

    Returns
    -------
    bytes
        The same with a new value behind all others, so that none of them moves.

    Raises
    ------
    BrokenBlockError
        If it cannot be read, or a keyword has a semicolon.
    """
    found = [entry for entry in _entries(io.BytesIO(exif)) if entry[0] == XP_KEYWORDS]
    _, _, at, length, entry = found[0]
    old = read_xp_keywords(exif[at : at + length])
    looks = {clean_name(name) for name in old}
    new = [name for name in add if clean_name(name) not in looks]
    if not new and not looks & gone:
        return exif
    bad = next((name for name in new if ";" in name), None)
    if bad is not None:
        raise BrokenBlockError(f"its XPKeywords have no room for the ';' of {bad!r}")
    kept = [name for name in old if clean_name(name) not in gone]
    value = (";".join([*kept, *new]) + "\0").encode("utf-16-le")
    order = {b"II": "<", b"MM": ">"}[exif[:2]]
    exif += b"\0" * (len(exif) % 2)
    place, more = value.ljust(4, b"\0"), b""
    if len(value) > 4:
        place, more = struct.pack(f"{order}I", len(exif)), value
    head = struct.pack(f"{order}HHI", XP_KEYWORDS, 1, len(value))
    return exif[:entry] + head + place + exif[entry + 12 :] + more


def read_xp_keywords(value):
    """Read the keywords that Windows writes, in UTF-16 with semicolons between them."""
    text = value[: len(value) // 2 * 2].decode("utf-16-le", errors="replace")
    text = text.partition("\0")[0]
    parts = (part.strip() for part in text.split(";"))
    return list(dict.fromkeys(filter(None, parts)))


def _unpack(file, form):
    return struct.unpack(form, _read(file, struct.calcsize(form)))


def _read(file, size):
    data = file.read(size)
    if len(data) < size:
        raise BrokenBlockError("it is cut off")
    return data
