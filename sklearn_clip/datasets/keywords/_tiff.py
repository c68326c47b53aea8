"""The first directory of a TIFF file, which is also what Exif is made of."""

import struct

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
    size = struct.calcsize(order + entry_form)
    table = _read(file, min(count, 1 << 16) * size)
    found = {}
    for entry in struct.iter_unpack(order + entry_form, table):
        number, kind, length, value = entry
        if number not in _WANTED or kind not in _WIDTHS:
            continue
        length *= _WIDTHS[kind]
        if length > width:
            file.seek(struct.unpack(word, value)[0])
            value = _read(file, length)
        value = value[:length]
        # Some write the records of IPTC as numbers of four bytes, and turn these round.
        if number == IPTC and kind == _LONG and value[:1] != b"\x1c":
            value = b"".join(value[i : i + 4][::-1] for i in range(0, len(value), 4))
        found[number] = value
    return found


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
