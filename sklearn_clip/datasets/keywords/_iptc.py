"""Keywords of the records of IPTC, and the resources of Photoshop they stand in."""

import hashlib

from sklearn_clip._shared import clean_name
from sklearn_clip.datasets.keywords._xmp import BrokenBlockError

# The length of a keyword in bytes that the standard allows (IIM 4.2, data set 2:25).
LONGEST = 64
# Numbers of the resources with the records, and with their digest (MD5), by which a
# program tells that another one has changed the records alone.
_RECORDS, _DIGEST = 0x0404, 0x0425
_CHARACTER_SET, _KEYWORD = (1, 90), (2, 25)
_UTF_8 = b"\x1b%G"  # the sign of ISO 2022 for it


def find_records(resources):
    """Take the records of IPTC out of the resources of Photoshop.

    Each has ``8BIM``, a number of two bytes, a name with its length before it, and a
    value with its length in four bytes before it; name and value have even lengths.

    Parameters
    ----------
    resources : bytes
        One behind the other.

    Returns
    -------
    bytes or None
        The records, None if there are none.

    Raises
    ------
    BrokenBlockError
        If a resource ends behind the block.
    """
    found = None
    for number, _, value in _resources(resources):
        if number == _RECORDS:
            found = (found or b"") + value
    return found


def _resources(data):
    """Numbers, heads up to their lengths, and values of resources of Photoshop."""
    at = 0
    while data[at : at + 4] in (b"8BIM", b"PHUT", b"AgHg", b"DCSR", b"MeSa"):
        start, number = at, int.from_bytes(data[at + 4 : at + 6])
        at += 6
        at += (data[at] + 2) // 2 * 2 if at < len(data) else 1
        head = data[start:at]
        size = int.from_bytes(data[at : at + 4])
        at += 4
        if at + size > len(data):
            raise BrokenBlockError(f"its resource {number:#06x} is cut off")
        yield number, head, data[at : at + size]
        at += (size + 1) // 2 * 2


def read_records(data):
    """Read the keywords of records of IPTC.

    Parameters
    ----------
    data : bytes
        The records, each a mark 0x1C, two numbers, a length of two bytes and a value.

    Returns
    -------
    keywords : list of str or None
        None if there are no records of keywords.
    reason : str or None
        What was wrong with the rest.
    """
    utf_8, found, reason = False, [], None
    try:
        for key, _, value in _split_records(data):
            if key == _CHARACTER_SET:
                utf_8 = value == _UTF_8
            elif key == _KEYWORD:
                found.append(value)
    except BrokenBlockError as exc:
        reason = str(exc)
    texts = (_decode(value, utf_8) for value in found)
    keywords = list(dict.fromkeys(filter(None, texts)))
    return keywords if found else None, reason


def _split_records(data):
    """Keys, bytes and values of records of IPTC."""
    at = 0
    while at < len(data) and data[at] == 0x1C:
        start, key = at, tuple(data[at + 1 : at + 3])
        size = int.from_bytes(data[at + 3 : at + 5])
        at += 5
        if size & 0x8000:  # the length of the length
            width = size & 0x7FFF
            size = int.from_bytes(data[at : at + width])
            at += width
        if at + size > len(data):
            raise BrokenBlockError(f"its record {':'.join(map(str, key))} is cut off")
        yield key, data[start : at + size], data[at : at + size]
        at += size


def edit_resources(resources, add, gone):
    """Change the keywords of the records of IPTC in the resources of Photoshop.

    Parameters
    ----------
    resources : bytes
        Resources, with records that have keywords.
    add : list of str
        Keywords to put in.
    gone : set of str
        Keywords to take out, cleaned.

    Returns
    -------
    bytes
        The resources, of which no other byte has changed, but the digest of the
        records if it was theirs.

    Raises
    ------
    BrokenBlockError
        If they cannot be read, or have no room for a keyword.
    """
    old = find_records(resources)
    new = _edit_records(old, add, gone)
    if new == old:
        return resources
    parts, is_written, end = [], False, 0
    for number, head, value in _resources(resources):
        end += len(head) + 4 + (len(value) + 1) // 2 * 2
        if number == _RECORDS:
            value, is_written = (b"" if is_written else new), True
        elif number == _DIGEST and value == _digest(old):
            value = _digest(new)
        parts += [head, len(value).to_bytes(4), value, b"\0" * (len(value) % 2)]
    return b"".join(parts) + resources[end:]


def _digest(records):
    return hashlib.md5(records, usedforsecurity=False).digest()


def _edit_records(data, add, gone):
    """Change keywords in records of IPTC; new ones stand behind the last."""
    records = list(_split_records(data))
    rest = data[sum(len(raw) for _, raw, _ in records) :]
    declared = [value for key, _, value in records if key == _CHARACTER_SET]
    utf_8 = _UTF_8 in declared
    texts = [
        _decode(value, utf_8) if key == _KEYWORD else None for key, _, value in records
    ]
    there = list(filter(None, texts))
    new = [name for name in add if not any(is_cut_of(text, name) for text in there)]
    too_long = next((name for name in new if len(name.encode()) > LONGEST), None)
    if too_long is not None:
        raise BrokenBlockError(
            f"its records of IPTC have room for {LONGEST} bytes, and not for "
            f"{too_long!r}"
        )
    if not utf_8 and not all(map(str.isascii, new)):
        if declared or not data.isascii():
            raise BrokenBlockError("its records of IPTC are not declared to be UTF-8")
        mark = b"\x1c\x01\x5a" + len(_UTF_8).to_bytes(2) + _UTF_8
        records.insert(0, (_CHARACTER_SET, mark, _UTF_8))
        texts.insert(0, None)
    last = max(i for i, (key, _, _) in enumerate(records) if key == _KEYWORD)
    parts = []
    for i, (_, raw, _) in enumerate(records):
        text = texts[i]
        if text is None or not any(is_cut_of(text, name) for name in gone):
            parts.append(raw)
        if i == last:
            parts += [
                b"\x1c\x02\x19" + len(value).to_bytes(2) + value
                for value in map(str.encode, new)
            ]
    return b"".join(parts) + rest


def _decode(value, utf_8):
    """Text of a keyword, of which few writers say how it is encoded."""
    return _decode_bytes(value, utf_8).strip("\0 \t\r\n")


def _decode_bytes(value, utf_8):
    if len(value) >= LONGEST - 3 and not utf_8:
        # A cut may have gone through a letter.
        utf_8 = _is_utf_8(value) or any(_is_utf_8(value[:-n]) for n in (1, 2, 3))
    if utf_8 or _is_utf_8(value):
        return value.decode(errors="ignore" if len(value) >= LONGEST - 3 else "replace")
    return value.decode("cp1252", errors="replace")


def _is_utf_8(value):
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def may_be_cut(keyword):
    """Whether a keyword is as long as one that a writer has cut off."""
    return LONGEST - 3 <= len(keyword.encode()) <= LONGEST


def is_cut_of(short, keyword):
    """Whether a keyword of IPTC is another one, perhaps cut off.

    exiftool puts a full stop in the place of half a letter.
    """
    if may_be_cut(short) and len(keyword.encode()) > LONGEST:
        return keyword.startswith(short) or keyword.startswith(short[:-1])
    return clean_name(short) == clean_name(keyword)
