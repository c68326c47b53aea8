"""Blocks of GIF and JPEG 2000 in which keywords stand, which Pillow does not give."""

import os

from sklearn_clip.datasets.keywords._xmp import BrokenBlockError

JP2_HEAD = b"\0\0\0\x0cjP  \r\n\x87\n"
GIF_HEADS = (b"GIF87a", b"GIF89a")
# What boxes of JPEG 2000 hold, by the names with which these begin (XMP specification,
# part 3, section 1.1.4; those of IPTC and Exif are as exiftool writes them).
_BOXES = {
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "xmp",
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"): "iptc",
    b"JpgTiffExif->JP2": "exif",
}
_PIXELS = (b"jp2c", b"ftbl")  # or where they stand
_XMP_HEAD = b"\x0bXMP DataXMP"
# Behind a packet in a GIF: one byte, 255 to 0 and the end. From each byte of a packet,
# read as the length of a block, they lead to the end.
_TRAILER = 258


def read_boxes(file):
    """Go through the boxes of a JPEG 2000 file.

    Parameters
    ----------
    file : binary file
        From its beginning.

    Yields
    ------
    source : {"xmp", "iptc", "exif"}
        What a box holds.
    data : bytes
        The packet, the records or the Exif in it.

    Raises
    ------
    BrokenBlockError
        If a box goes on behind the end of the file, or none holds pixels.
    """
    end = file.seek(0, os.SEEK_END)
    start, is_whole = 0, False
    while start < end:
        file.seek(start)
        head = file.read(8)
        size, kind = int.from_bytes(head[:4]), head[4:]
        if size == 1:
            size = int.from_bytes(file.read(8))
        size = size or end - start  # the last box may say no length
        if size < 8 or start + size > end:
            raise BrokenBlockError("one of its boxes is cut off")
        if kind == b"uuid":
            source = _BOXES.get(file.read(16))
            if source is not None:
                yield source, file.read(start + size - file.tell())
        is_whole = is_whole or kind in _PIXELS
        start += size
    if not is_whole:
        raise BrokenBlockError("it ends before its pixels")


def read_gif(file):
    """Go through the packets of XMP of a GIF.

    Parameters
    ----------
    file : binary file
        From its beginning.

    Yields
    ------
    bytes
        A packet.

    Raises
    ------
    BrokenBlockError
        If the file ends before its end is marked.
    """
    file.seek(10)
    _skip_colours(file, 2)
    while (mark := file.read(1)) != b";":
        if mark == b",":
            file.seek(8, os.SEEK_CUR)
            _skip_colours(file, 0)
            file.seek(1, os.SEEK_CUR)  # the width of its first codes
        elif mark == b"!":
            label, start = file.read(1), file.tell()
            if label == b"\xff" and file.read(len(_XMP_HEAD)) == _XMP_HEAD:
                start = file.tell()
                size = _skip_blocks(file) - start
                file.seek(start)
                yield file.read(size)[:-_TRAILER]
                continue
            file.seek(start)
        else:
            raise BrokenBlockError("it ends before its end is marked")
        _skip_blocks(file)


def _skip_colours(file, more):
    """Skip a table of colours, if flags say that there is one."""
    flags = file.read(1)
    if not flags:
        raise BrokenBlockError("it is cut off")
    size = 3 << (flags[0] & 7) + 1 if flags[0] & 0x80 else 0
    file.seek(more + size, os.SEEK_CUR)


def _skip_blocks(file):
    """Skip blocks of up to 255 bytes and their end; return the place behind it."""
    while length := file.read(1):
        if length == b"\0":
            return file.tell()
        file.seek(length[0], os.SEEK_CUR)
    raise BrokenBlockError("it is cut off")
