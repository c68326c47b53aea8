"""PNG, TIFF and EXIF written byte by byte, as no library would write them."""

import struct
import zlib

import numpy as np


def write_png(rows, width, depth, colour, *, transparent=None, palette=None):
    """Write a PNG.

    Parameters
    ----------
    rows : list of bytes
        The samples of each row, packed as PNG packs them.
    width, depth, colour : int
        Pixels in a row, bits of a sample, and colour type.
    transparent, palette : bytes or None
        What ``tRNS`` and ``PLTE`` hold.
    """
    header = struct.pack(">IIBBBBB", width, len(rows), depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header)]
    chunks += [(b"PLTE", palette)] if palette is not None else []
    chunks += [(b"tRNS", transparent)] if transparent is not None else []
    chunks.append((b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))))
    chunks.append((b"IEND", b""))
    written = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        checksum = zlib.crc32(name + data)
        written += struct.pack(">I", len(data)) + name + data
        written += struct.pack(">I", checksum)
    return written


def write_tiff(strips, size, bits, photometric, *, order="<", **tags):
    """Write a TIFF of uncompressed strips.

    Parameters
    ----------
    strips : list of bytes
        The strips; of planes, all of the first one before those of the second.
    size : tuple of (int, int)
        Width and height.
    bits : list of int
        Bits of each sample of a pixel.
    photometric : int or None
        Photometric interpretation; None leaves the tag out.
    order : {"<", ">"}
        Byte order.
    **tags : tuple of (int, tuple)
        More entries: ``t339=(3, (1,))`` is the tag 339 of type 3.
    """
    width, height = size
    planes = len(bits) if tags.get("t284", (3, (1,)))[1] == (2,) else 1
    entries = {
        256: (3, (width,)),
        257: (3, (height,)),
        258: (3, tuple(bits)),
        259: (3, (1,)),
        277: (3, (len(bits),)),
        278: (3, (-(-height * planes // len(strips)),)),
        279: (4, tuple(map(len, strips))),
    }
    if photometric is not None:
        entries[262] = 3, (photometric,)
    entries |= {int(name[1:]): entry for name, entry in tags.items()}
    # Strips come first, so that their places are known; the directory stands behind.
    starts = np.cumsum([8, *map(len, strips)])[:-1]
    entries[273] = 4, tuple(starts.tolist())
    pixels = b"".join(strips)
    pixels += b"\0" * (len(pixels) % 2)
    directory = write_directory(entries, 8 + len(pixels), order)
    head = {"<": b"II", ">": b"MM"}[order]
    return head + struct.pack(f"{order}HI", 42, 8 + len(pixels)) + pixels + directory


def write_directory(entries, start, order="<"):
    """Write a directory of tags, of which each is a type and its values.

    Values are numbers, or bytes that are written as they are.
    """
    letters = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d"}
    behind = start + 2 + 12 * len(entries) + 4
    fields, values = struct.pack(f"{order}H", len(entries)), b""
    for tag, (kind, numbers) in sorted(entries.items()):
        if isinstance(numbers, bytes):
            data, count = numbers, len(numbers) if kind in (1, 2, 7) else 1
        else:
            count = len(numbers)
            data = struct.pack(f"{order}{count}{letters[kind]}", *numbers)
        if len(data) > 4:
            place, values = behind + len(values), values + data
            data = struct.pack(f"{order}I", place)
        fields += struct.pack(f"{order}HHI", tag, kind, count) + data.ljust(4, b"\0")
    return fields + struct.pack(f"{order}I", 0) + values


def write_exif(entries, order="<"):
    """Write the block that stands in a JPEG, PNG, WebP or AVIF."""
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HI", 42, 8)
    return b"Exif\0\0" + head + write_directory(entries, 8, order)
