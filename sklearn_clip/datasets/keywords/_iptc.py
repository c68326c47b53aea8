"""Keywords of the records of IPTC, and the resources of Photoshop they stand in."""

from sklearn_clip._shared import clean_name
from sklearn_clip.datasets.keywords._xmp import BrokenBlockError

# The length of a keyword in bytes that the standard allows (IIM 4.2, data set 2:25).
LONGEST = 64
_RECORDS = 0x0404  # number of the resource with the records
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
    at, found = 0, None
    while resources[at : at + 4] in (b"8BIM", b"PHUT", b"AgHg", b"DCSR", b"MeSa"):
        number = int.from_bytes(resources[at + 4 : at + 6])
        at += 6
        at += (resources[at] + 2) // 2 * 2 if at < len(resources) else 1
        size = int.from_bytes(resources[at : at + 4])
        at += 4
        if at + size > len(resources):
            raise BrokenBlockError(f"its resource {number:#06x} is cut off")
        if number == _RECORDS:
            found = (found or b"") + resources[at : at + size]
        at += (size + 1) // 2 * 2
    return found


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
    at, utf_8, found, reason = 0, False, [], None
    while at < len(data) and data[at] == 0x1C:
        key, size = tuple(data[at + 1 : at + 3]), int.from_bytes(data[at + 3 : at + 5])
        at += 5
        if size & 0x8000:  # the length of the length
            width = size & 0x7FFF
            size = int.from_bytes(data[at : at + width])
            at += width
        if at + size > len(data):
            reason = f"its record {':'.join(map(str, key))} is cut off"
            break
        value = data[at : at + size]
        if key == _CHARACTER_SET:
            utf_8 = value == _UTF_8
        elif key == _KEYWORD:
            found.append(value)
        at += size
    texts = [_decode(value, utf_8) for value in found]
    texts = [text.strip("\0 \t\r\n") for text in texts]
    keywords = list(dict.fromkeys(filter(None, texts)))
    return keywords if found else None, reason


def _decode(value, utf_8):
    """Text of a keyword, of which few writers say how it is encoded."""
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
