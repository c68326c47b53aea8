"""Keywords put into a JPEG, of which all other segments stay as they are."""

import io

from sklearn_clip.datasets.keywords._blocks import (
    EXIF_HEAD,
    PHOTOSHOP_HEAD,
    XMP_HEAD,
    segments,
)
from sklearn_clip.datasets.keywords._edit import EMPTY, edit_keywords
from sklearn_clip.datasets.keywords._iptc import edit_resources
from sklearn_clip.datasets.keywords._tiff import edit_xp_keywords
from sklearn_clip.datasets.keywords._xmp import SUBJECT, BrokenBlockError, Packet

_APP0, _APP1, _APP2, _APP11, _APP13 = 0xE0, 0xE1, 0xE2, 0xEB, 0xED
_INDEX_HEAD = b"MPF\0"  # of further pictures in the file (CIPA DC-007)
# Bytes of a segment behind its marker, of which two are its length.
_LONGEST = 0xFFFF - 2


def embed_keywords(content, blocks, base, change):
    """Change the keywords of a JPEG.

    XMP is changed, or made; records of IPTC and XPKeywords follow where the file has
    some, or they would contradict it. Pixels and all other segments are copied.

    Parameters
    ----------
    content : bytes
        The file.
    blocks : Blocks
        What was read of it.
    base : list of str
        Keywords to begin with where it has no ``dc:subject``.
    change : Change
        What is to be put in and taken out.

    Returns
    -------
    bytes
        The file with the changes.

    Raises
    ------
    BrokenBlockError
        If the file is no JPEG, a block cannot be read, or has no room.
    """
    if content[:2] != b"\xff\xd8":
        raise BrokenBlockError("it is no JPEG")
    if blocks.problems:
        raise BrokenBlockError(f"its {blocks.problems[0][0]}: {blocks.problems[0][1]}")
    file = io.BytesIO(content)
    file.seek(2)
    parts, start = [], 2  # pairs of a kind of segment and its bytes
    resources, place = b"", 0
    for marker, data in segments(file):
        kind, end = _kind(marker, data), file.tell()
        parts.append((kind, content[start:end], data))
        resources += data.removeprefix(PHOTOSHOP_HEAD) if kind == "iptc" else b""
        if marker == _APP0 or kind == "exif":
            place = len(parts)  # where a new packet goes: behind JFIF and Exif
        start = end
    packets = [data for kind, _, data in parts if kind == "xmp"]
    if len(packets) > 1:
        raise BrokenBlockError("it has two packets of XMP")
    if any(packet.values(SUBJECT) is not None for packet in blocks.packets[1:]):
        raise BrokenBlockError("its keywords stand in a second packet of XMP")
    old = Packet(packets[0].removeprefix(XMP_HEAD) if packets else EMPTY)
    edited = _fit(edit_keywords(old, base, change))
    if not packets:
        parts.insert(place, ("xmp", b"", b""))
    follow = resources
    if blocks.iptc is not None:
        follow = edit_resources(resources, change.names, change.gone)
    written, is_written, is_fixed = [content[:2]], False, False
    for kind, old_raw, data in parts:
        raw = old_raw
        if kind == "signed":
            raise BrokenBlockError("it is signed (C2PA), which a change would void")
        if kind == "xmp":
            raw = _segment(_APP1, XMP_HEAD + edited)
        elif kind == "exif" and blocks.exif is not None:
            exif = data.removeprefix(EXIF_HEAD)
            new = edit_xp_keywords(exif, change.names, change.gone)
            raw = raw if new == exif else _segment(_APP1, EXIF_HEAD + new)
        elif kind == "iptc" and follow != resources:
            raw = b"" if is_written else _split(follow)
            is_written = True
        if is_fixed and len(raw) != len(old_raw):
            raise BrokenBlockError(
                "a block with keywords stands behind the index of further pictures "
                "(MPF), whose places would no longer be right"
            )
        is_fixed = is_fixed or kind == "index"
        written.append(raw)
    return b"".join([*written, content[start:]])


def _kind(marker, data):
    """Name what a segment holds that matters here, "" if nothing."""
    if marker == _APP1 and data.startswith(XMP_HEAD):
        return "xmp"
    if marker == _APP1 and data.startswith(EXIF_HEAD):
        return "exif"
    if marker == _APP13 and data.startswith(PHOTOSHOP_HEAD):
        return "iptc"
    if marker == _APP2 and data.startswith(_INDEX_HEAD):
        return "index"
    if marker == _APP11 and b"c2pa" in data:
        return "signed"
    return ""


def _segment(marker, data):
    if len(data) > _LONGEST:
        raise BrokenBlockError("a segment has no room for more keywords")
    return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2) + data


def _split(resources):
    """Write resources of Photoshop as one segment, or as several."""
    size = _LONGEST - len(PHOTOSHOP_HEAD)
    return b"".join(
        _segment(_APP13, PHOTOSHOP_HEAD + resources[at : at + size])
        for at in range(0, len(resources), size)
    )


def _fit(packet):
    """Take blanks that fill a packet up away, as far as it is too long."""
    excess = len(packet) + len(XMP_HEAD) - _LONGEST
    end = packet.rfind(b"<?xpacket end")
    if excess <= 0 or end < 0:
        return packet
    filled = packet[:end].rstrip(b" \t\r\n")
    return filled + packet[len(filled) : max(end - excess, len(filled))] + packet[end:]
