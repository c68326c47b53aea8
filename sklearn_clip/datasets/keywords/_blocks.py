"""The blocks of a picture file in which keywords stand, found without decoding it.

Pillow decodes no more than it must either, and reads AVIF and what else it opens here.
For JPEG, PNG, TIFF and WebP it does not do (13.0): of the XMP of a JPEG that goes over
several segments it takes the first packet alone; its `getxmp` drops the namespaces, and
makes a list of ``dc:subject`` and ``pur:subject``; it opens no JPEG that is cut off
before its frame, where the keywords are whole; and a packet in a PNG behind the pixels,
or records of IPTC there, are not to be had without decoding these, or at all. Of
GIF and JPEG 2000 it gives none of it.
"""

import hashlib
import io
import os
import zlib
from dataclasses import dataclass, field

from sklearn_clip.datasets.keywords._boxes import (
    GIF_HEADS,
    JP2_HEAD,
    read_boxes,
    read_gif,
)
from sklearn_clip.datasets.keywords._iptc import find_records, read_records
from sklearn_clip.datasets.keywords._tiff import (
    IPTC,
    PHOTOSHOP,
    XMP,
    XP_KEYWORDS,
    read_directory,
    read_xp_keywords,
)
from sklearn_clip.datasets.keywords._xmp import BrokenBlockError, Packet

XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_HEAD = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP_HEAD = b"Photoshop 3.0\0"
EXIF_HEAD = b"Exif\0\0"
_PNG_HEAD, _XMP_WORD = b"\x89PNG\r\n\x1a\n", b"XML:com.adobe.xmp"
# What texts of a PNG hold, by their words: those of ImageMagick, and of old ones APP1,
# which is Exif or a packet, too.
_PROFILES = {
    b"Raw profile type iptc": "iptc",
    b"Raw profile type 8bim": "iptc",
    b"Raw profile type xmp": "xmp",
    b"Raw profile type exif": "exif",
    b"Raw profile type APP1": "xmp",
}
# Markers of a JPEG that have no length after them, and those behind which pixels come.
_BARE, _PIXELS = (0x01, *range(0xD0, 0xD9)), (0xD9, 0xDA)
# Bytes of one block, packed or not; metadata of more is none.
_MOST = 1 << 26


@dataclass
class Blocks:
    """What a picture file holds beside its pixels.

    Attributes
    ----------
    packets : list of Packet
        Of XMP.
    iptc, exif : list of str or None
        Keywords of the records of IPTC and of XPKeywords; None where there are none.
    problems : list of tuple (str, str)
        Which block could not be read, "xmp", "iptc", "exif" or "file", and why.
    """

    packets: list = field(default_factory=list)
    iptc: list | None = None
    exif: list | None = None
    problems: list = field(default_factory=list)

    def add_xmp(self, data, more=()):
        """Add a packet, and what a JPEG holds of a second one, by its digest."""
        try:
            packet = Packet(data)
        except BrokenBlockError as exc:
            self.problems.append(("xmp", str(exc)))
            return
        self.packets.append(packet)
        if packet.extension is None:
            return
        try:
            self.packets.append(Packet(_join(more, packet.extension)))
        except BrokenBlockError as exc:
            self.problems.append(("xmp", f"of its second packet, {exc}"))

    def add_photoshop(self, data):
        """Add the resources of Photoshop."""
        try:
            self.add_iptc(find_records(data))
        except BrokenBlockError as exc:
            self.problems.append(("iptc", str(exc)))

    def add_iptc(self, data):
        """Add records of IPTC; the first that name keywords count."""
        keywords, reason = read_records(data or b"")
        if self.iptc is None:
            self.iptc = keywords
        if reason is not None:
            self.problems.append(("iptc", reason))

    def add_exif(self, data):
        """Add Exif."""
        try:
            found = read_directory(io.BytesIO(data.removeprefix(EXIF_HEAD)))
        except BrokenBlockError as exc:
            self.problems.append(("exif", str(exc)))
            return
        if self.exif is None and XP_KEYWORDS in found:
            self.exif = read_xp_keywords(found[XP_KEYWORDS])


def read_blocks(path):
    """Read the blocks of a picture file in which keywords stand.

    Parameters
    ----------
    path : str or path-like
        A JPEG, PNG, TIFF, WebP, GIF, JPEG 2000 or anything that Pillow opens, whatever
        its suffix.

    Returns
    -------
    Blocks
        All that could be read; it never raises.
    """
    blocks = Blocks()
    try:
        with open(path, "rb") as file:
            head = file.read(12)
            reader = _read_other
            if head[:2] == b"\xff\xd8":
                reader = _read_jpeg
            elif head[:8] == _PNG_HEAD:
                reader = _read_png
            elif head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
                reader = _read_tiff
            elif head[:4] == b"RIFF" and head[8:] == b"WEBP":
                reader = _read_webp
            elif head[:6] in GIF_HEADS:
                reader = _read_gif
            elif head == JP2_HEAD:
                reader = _read_jp2
            file.seek(0)
            reader(file, blocks)
    except BrokenBlockError as exc:
        blocks.problems.append(("file", str(exc)))
    except OSError as exc:
        reason = f"it cannot be read: {exc.strerror or exc}"
        blocks.problems.append(("file", reason))
    return blocks


def _read_jpeg(file, blocks):
    """Go through the segments before the pixels."""
    packets, more, resources = [], [], []
    file.seek(2)
    try:
        for marker, data in segments(file):
            if marker == 0xE1 and data.startswith(XMP_HEAD):
                packets.append(data.removeprefix(XMP_HEAD))
            elif marker == 0xE1 and data.startswith(_MORE_HEAD):
                more.append(data.removeprefix(_MORE_HEAD))
            elif marker == 0xE1 and data.startswith(EXIF_HEAD):
                blocks.add_exif(data)
            elif marker == 0xED and data.startswith(PHOTOSHOP_HEAD):
                # One block of more than a segment goes on in the next.
                resources.append(data.removeprefix(PHOTOSHOP_HEAD))
    finally:
        for packet in packets:
            blocks.add_xmp(packet, more)
        if resources:
            blocks.add_photoshop(b"".join(resources))


def segments(file):
    """Go through the segments of a JPEG before its pixels.

    Parameters
    ----------
    file : binary file
        Behind its first two bytes.

    Yields
    ------
    marker : int
        Its second byte.
    data : bytes
        What stands behind its length; the file stands at its end.

    Raises
    ------
    BrokenBlockError
        If the file ends before the pixels begin.
    """
    while True:
        mark = file.read(2)
        if len(mark) < 2 or mark[0] != 0xFF:
            raise BrokenBlockError("its segments end before the pixels begin")
        marker = mark[1]
        if marker == 0xFF:  # a byte that fills up
            file.seek(-1, os.SEEK_CUR)
            continue
        if marker in _PIXELS:
            return
        if marker in _BARE:
            continue
        size = int.from_bytes(file.read(2)) - 2
        data = file.read(max(size, 0))
        if size < 0 or len(data) < size:
            raise BrokenBlockError(f"its segment {marker:#04x} is cut off")
        yield marker, data


def _join(parts, digest):
    """Put the second packet of a JPEG together.

    A part has the digest (MD5, 32 letters), the length of the whole and its own place
    in it, four bytes each, before its bytes.
    """
    found, length = {}, 0
    for part in parts:
        if part[:32].decode("latin-1").upper() == digest:
            length = int.from_bytes(part[32:36])
            found[int.from_bytes(part[36:40])] = part[40:]
    whole = bytearray()
    for place in sorted(found):
        if place == len(whole):
            whole += found[place]
    if not length or len(whole) != length:
        raise BrokenBlockError("a part is missing")
    if hashlib.md5(whole, usedforsecurity=False).hexdigest().upper() != digest:
        raise BrokenBlockError("the digest is that of other bytes")
    return bytes(whole)


def _read_png(file, blocks):
    """Go through the chunks, also those behind the pixels."""
    profiles = []
    try:
        _read_chunks(file, blocks, profiles)
    finally:
        # Programs that change the packet leave a copy of the old one in a profile.
        for profile in profiles:
            _read_profile(*profile, blocks)


def _read_chunks(file, blocks, profiles):
    """Read the chunks of a PNG, and put profiles that are texts together."""
    file.seek(len(_PNG_HEAD))
    while True:
        head = file.read(8)
        if len(head) < 8:
            raise BrokenBlockError("it ends before the chunk IEND")
        size, kind = int.from_bytes(head[:4]), head[4:]
        if kind == b"IEND":
            return
        if kind not in (b"iTXt", b"tEXt", b"zTXt", b"eXIf") or size > _MOST:
            file.seek(size + 4, os.SEEK_CUR)
            continue
        data, check = file.read(size), file.read(4)
        if len(data) < size:
            raise BrokenBlockError(f"its chunk {kind.decode()} is cut off")
        word, _, rest = data.partition(b"\0")
        source = _PROFILES.get(word)
        if kind == b"eXIf":
            source = "exif"
        elif kind == b"iTXt":
            source = "xmp" if word == _XMP_WORD else None
        if source is None:
            continue
        if zlib.crc32(kind + data).to_bytes(4) != check:
            reason = f"the checksum of its chunk {kind.decode()} is another"
            blocks.problems.append((source, reason))
        elif kind == b"eXIf":
            blocks.add_exif(data)
        elif kind == b"iTXt":
            _read_packet(rest, blocks)
        else:
            profiles.append((source, kind, rest))


def _read_packet(rest, blocks):
    """Read what stands behind the word of a packet."""
    # Whether and how it is packed, then a language and a translated keyword.
    packed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    try:
        blocks.add_xmp(_unpack(text) if packed else text)
    except BrokenBlockError as exc:
        blocks.problems.append(("xmp", str(exc)))


def _read_profile(source, kind, rest, blocks):
    """Read a text of ImageMagick: lines of a name, a length, and bytes as digits."""
    try:
        text = _unpack(rest[1:]) if kind == b"zTXt" else rest
        _, _, digits = text.strip().split(b"\n", 2)
        data = bytes.fromhex(digits.decode("latin-1"))
    except ValueError as exc:
        blocks.problems.append((source, f"it cannot be unpacked: {exc}"))
        return
    if source == "iptc":
        data = data.removeprefix(PHOTOSHOP_HEAD)
        add = blocks.add_photoshop if data.startswith(b"8BIM") else blocks.add_iptc
        add(data)
    elif source == "exif" or data.startswith(EXIF_HEAD):
        blocks.add_exif(data)
    elif not blocks.packets:
        blocks.add_xmp(data.removeprefix(XMP_HEAD))


def _unpack(data):
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(data, _MOST)
    except zlib.error as exc:
        raise BrokenBlockError(f"it cannot be unpacked: {exc}") from exc
    if not unpacker.eof:
        raise BrokenBlockError("it cannot be unpacked: it is cut off or too long")
    return found


def _read_tiff(file, blocks):
    found = read_directory(file)
    if XMP in found:
        blocks.add_xmp(found[XMP])
    if IPTC in found:
        blocks.add_iptc(found[IPTC])
    if PHOTOSHOP in found:
        blocks.add_photoshop(found[PHOTOSHOP])
    if XP_KEYWORDS in found:
        blocks.exif = read_xp_keywords(found[XP_KEYWORDS])


def _read_webp(file, blocks):
    """Go through the chunks, whose lengths are filled up to even ones."""
    file.seek(4)
    end = 8 + int.from_bytes(file.read(4), "little")
    if file.seek(0, os.SEEK_END) < end:
        blocks.problems.append(("file", "it is cut off"))
    file.seek(12)
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        if head[:4] not in (b"XMP ", b"EXIF") or size > _MOST:
            file.seek(size + size % 2, os.SEEK_CUR)
            continue
        data = file.read(size + size % 2)[:size]
        if len(data) < size:
            raise BrokenBlockError(f"its chunk {head[:4].decode().strip()} is cut off")
        if head[:4] == b"EXIF":
            blocks.add_exif(data)
        else:
            blocks.add_xmp(data)


def _read_gif(file, blocks):
    for packet in read_gif(file):
        blocks.add_xmp(packet)


def _read_jp2(file, blocks):
    add = {"xmp": blocks.add_xmp, "iptc": blocks.add_iptc, "exif": blocks.add_exif}
    for source, data in read_boxes(file):
        add[source](data)


def _read_other(file, blocks):
    """Read what Pillow finds in other formats, such as AVIF."""
    from sklearn_clip.embedding import open_image

    file.seek(0)
    try:
        with open_image(file.read()) as picture:
            info = picture.info
    except Exception as exc:  # decoders raise what they like on a broken file
        raise BrokenBlockError(f"Pillow cannot open it ({type(exc).__name__})") from exc
    if info.get("xmp"):
        blocks.add_xmp(info["xmp"])
    if info.get("exif"):
        blocks.add_exif(info["exif"])
