"""Blocks of picture files, whole and broken."""

import hashlib
import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from sklearn_clip.datasets.keywords._blocks import read_blocks

DATA = Path(__file__).parents[1] / "data" / "keywords"
PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:note="http://ns.adobe.com/xmp/note/" {}/></rdf:RDF></x:xmpmeta>'
)


def xmp(attributes):
    return PACKET.format(attributes).encode()


def record(number, value):
    return b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(value)) + value


def resource(number, value, name=b""):
    head = b"8BIM" + struct.pack(">H", number) + bytes([len(name)]) + name
    head += b"\0" * (len(name) % 2 == 0)
    return head + struct.pack(">I", len(value)) + value + b"\0" * (len(value) % 2)


def jpeg(path, *segments):
    """A JPEG with segments of a marker and bytes."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    added = b"".join(
        b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data
        for marker, data in segments
    )
    path.write_bytes(b"\xff\xd8" + added + buffer.getvalue()[2:])
    return path


def keywords(blocks):
    return [packet.keywords for packet in blocks.packets]


def xmp_segment(data):
    return 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + data


def more_segments(data, digest, size):
    head = b"http://ns.adobe.com/xmp/extension/\0" + digest.encode()
    return [
        (0xE1, head + struct.pack(">II", len(data), at) + data[at : at + size])
        for at in range(0, len(data), size)
    ]


def test_second_packet_of_a_jpeg_is_put_together(tmp_path):
    second = xmp('dc:subject="dog"')
    digest = hashlib.md5(second).hexdigest().upper()
    first = xmp(f'dc:title="t" note:HasExtendedXMP="{digest}"')
    parts = more_segments(second, digest, 100)
    others = more_segments(xmp('dc:subject="no"'), "0" * 32, 100)
    # In any order, beside parts of a packet that nobody names.
    path = jpeg(tmp_path / "a.jpg", xmp_segment(first), *others, *parts[::-1])
    blocks = read_blocks(path)
    assert keywords(blocks) == [None, ["dog"]]
    assert blocks.problems == []


@pytest.mark.parametrize("missing", [0, 1, -1])
def test_missing_part_of_the_second_packet_is_told(tmp_path, missing):
    second = xmp('dc:subject="dog"')
    digest = hashlib.md5(second).hexdigest().upper()
    parts = more_segments(second, digest, 100)
    del parts[missing]
    first = xmp(f'dc:subject="cat" note:HasExtendedXMP="{digest}"')
    blocks = read_blocks(jpeg(tmp_path / "a.jpg", xmp_segment(first), *parts))
    assert keywords(blocks) == [["cat"]]
    assert blocks.problems == [("xmp", "of its second packet, a part is missing")]


def test_second_packet_of_other_bytes_is_told(tmp_path):
    second, digest = xmp('dc:subject="dog"'), "A" * 32
    first = xmp(f'dc:subject="cat" note:HasExtendedXMP="{digest}"')
    parts = more_segments(second, digest, 1000)
    blocks = read_blocks(jpeg(tmp_path / "a.jpg", xmp_segment(first), *parts))
    assert keywords(blocks) == [["cat"]]
    assert "digest" in blocks.problems[0][1]


def test_resources_of_photoshop_go_over_several_segments(tmp_path):
    records = record(25, b"cat") + record(5, b"title") + record(25, b"dog, red")
    data = resource(0x03ED, b"123", b"name") + resource(0x0404, records)
    head = b"Photoshop 3.0\0"
    halves = (0xED, head + data[:30]), (0xED, head + data[30:])
    blocks = read_blocks(jpeg(tmp_path / "a.jpg", *halves))
    assert blocks.iptc == ["cat", "dog, red"]
    assert blocks.problems == []


def iptc_of(tmp_path, records):
    data = b"Photoshop 3.0\0" + resource(0x0404, records)
    return read_blocks(jpeg(tmp_path / "a.jpg", (0xED, data)))


@pytest.mark.parametrize(
    "value, text",
    [
        ("Käse".encode(), "Käse"),
        ("Käse".encode("cp1252"), "Käse"),
        (b"\x80uro", "€uro"),
        (("a" * 63 + "ä").encode()[:64], "a" * 63),
        (b"cat\0 ", "cat"),
    ],
)
def test_keywords_of_iptc_are_decoded(tmp_path, value, text):
    assert iptc_of(tmp_path, record(25, value)).iptc == [text]


def test_declared_character_set_of_iptc_counts(tmp_path):
    declared = b"\x1c\x01\x5a\0\x03\x1b%G"
    assert iptc_of(tmp_path, declared + record(25, b"K\xc3\xa4se")).iptc == ["Käse"]


def test_long_record_of_iptc_is_read(tmp_path):
    long = b"\x1c\x02\x19\x80\x04" + struct.pack(">I", 70) + b"x" * 70
    assert iptc_of(tmp_path, long + record(25, b"cat")).iptc == ["x" * 70, "cat"]


def test_empty_keyword_of_iptc_says_that_there_are_none(tmp_path):
    assert iptc_of(tmp_path, record(25, b"")).iptc == []
    assert iptc_of(tmp_path, record(5, b"title")).iptc is None


def test_record_that_is_cut_off_keeps_those_before(tmp_path):
    blocks = iptc_of(tmp_path, record(25, b"cat") + b"\x1c\x02\x19\x00\xffdog")
    assert blocks.iptc == ["cat"]
    assert blocks.problems == [("iptc", "its record 2:25 is cut off")]


def test_records_of_iptc_in_numbers_of_a_tiff_are_turned_round(tmp_path):
    records = record(25, b"cat") + record(25, b"dogs")
    records += b"\0" * (-len(records) % 4)
    turned = b"".join(records[i : i + 4][::-1] for i in range(0, len(records), 4))
    for number, data in enumerate((records, turned)):
        entry = struct.pack("<HHII", 33723, 4, len(data) // 4, 26)
        path = tmp_path / f"{number}.tif"
        path.write_bytes(b"II*\0\x08\0\0\0\x01\0" + entry + b"\0" * 4 + data)
        assert read_blocks(path).iptc == ["cat", "dogs"]


def test_big_tiff_is_read(tmp_path):
    data = xmp('dc:subject="cat"')
    for name, order, mark in (("a", "<", b"II+\0"), ("b", ">", b"MM\0+")):
        head = mark + struct.pack(f"{order}HHQ", 8, 0, 16)
        entry = struct.pack(f"{order}QHHQQ", 1, 700, 1, len(data), 52)
        (tmp_path / name).write_bytes(head + entry + b"\0" * 8 + data)
        assert keywords(read_blocks(tmp_path / name)) == [["cat"]]


def chunk(kind, data, check=None):
    check = zlib.crc32(kind + data) if check is None else check
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def png(path, *chunks, behind=True):
    """A PNG with chunks behind the pixels, or before them."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    data = buffer.getvalue()
    at = data.index(b"IEND" if behind else b"IDAT") - 4
    path.write_bytes(data[:at] + b"".join(chunks) + data[at:])
    return path


@pytest.mark.parametrize("behind", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_chunk_of_a_png_is_read(tmp_path, packed, behind):
    text = xmp('dc:subject="cat"')
    head = b"XML:com.adobe.xmp\0" + bytes([packed, 0]) + b"en\0word\0"
    data = head + (zlib.compress(text) if packed else text)
    path = png(tmp_path / "a.png", chunk(b"iTXt", data), behind=behind)
    assert keywords(read_blocks(path)) == [["cat"]]


def profile(kind, name, data):
    """A text of a PNG as ImageMagick writes it."""
    text = f"\n{name}\n{len(data):8}\n{data.hex()}\n".encode()
    head = f"Raw profile type {name}\0".encode()
    if kind == b"zTXt":
        return chunk(kind, head + b"\0" + zlib.compress(text))
    return chunk(kind, head + text)


@pytest.mark.parametrize("kind", [b"zTXt", b"tEXt"])
@pytest.mark.parametrize("name", ["xmp", "APP1"])
def test_packet_of_a_png_that_imagemagick_wrote_is_read(tmp_path, kind, name):
    data = xmp('dc:subject="cat"')
    data = xmp_segment(data)[1] if name == "APP1" else data
    blocks = read_blocks(png(tmp_path / "a.png", profile(kind, name, data)))
    assert keywords(blocks) == [["cat"]]
    # A program that changes keywords writes a packet and leaves the profile.
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp('dc:subject="dog"')
    parts = profile(kind, name, data), chunk(b"iTXt", text)
    blocks = read_blocks(png(tmp_path / "b.png", *parts))
    assert keywords(blocks) == [["dog"]]


def test_resources_and_exif_of_a_png_that_imagemagick_wrote_are_read(tmp_path):
    resources = resource(0x0404, record(25, b"cat"))
    entry = struct.pack("<HHII", 40094, 1, 8, 26) + b"\0" * 4
    exif = (
        b"Exif\0\0II*\0"
        + struct.pack("<IH", 8, 1)
        + entry
        + "dog\0".encode("utf-16-le")
    )
    for name in ("exif", "APP1"):
        parts = profile(b"zTXt", "8bim", resources), profile(b"zTXt", name, exif)
        blocks = read_blocks(png(tmp_path / "a.png", *parts))
        assert (blocks.iptc, blocks.exif) == (["cat"], ["dog"])
        assert blocks.problems == []


def test_broken_chunk_of_a_png_is_told(tmp_path):
    data = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp('dc:subject="cat"')
    blocks = read_blocks(png(tmp_path / "a.png", chunk(b"iTXt", data, check=1)))
    assert blocks.problems == [("xmp", "the checksum of its chunk iTXt is another")]
    data = b"XML:com.adobe.xmp\0\1\0\0\0" + b"nothing that was packed"
    blocks = read_blocks(png(tmp_path / "b.png", chunk(b"iTXt", data)))
    assert "cannot be unpacked" in blocks.problems[0][1]
    data = b"Raw profile type iptc\0\nIPTC profile\n  8\nno digits"
    blocks = read_blocks(png(tmp_path / "c.png", chunk(b"tEXt", data)))
    assert blocks.problems[0][0] == "iptc"
    data = b"Raw profile type xmp\0\0" + b"nothing that was packed"
    blocks = read_blocks(png(tmp_path / "d.png", chunk(b"zTXt", data)))
    assert blocks.problems[0][0] == "xmp"


def test_packet_of_a_moving_gif_is_read_behind_its_pictures(tmp_path):
    frames = [Image.new("RGB", (300, 200), colour) for colour in ("red", "blue")]
    frames[0].save(
        tmp_path / "a.gif", save_all=True, append_images=frames[1:], comment="hello"
    )
    whole = (tmp_path / "a.gif").read_bytes()
    assert whole.endswith(b";")
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    block = b"!\xff\x0bXMP DataXMP" + xmp('dc:subject="cat"') + trailer
    (tmp_path / "a.gif").write_bytes(whole[:-1] + block + b";")
    blocks = read_blocks(tmp_path / "a.gif")
    assert keywords(blocks) == [["cat"]]
    assert blocks.problems == []


@pytest.mark.skipif(
    ".avif" not in Image.registered_extensions(), reason="this Pillow has no AVIF"
)
def test_xmp_of_avif_is_read_by_pillow(tmp_path):
    picture = Image.new("RGB", (8, 8))
    picture.save(tmp_path / "a.avif", xmp=xmp('dc:subject="cat"'))
    assert keywords(read_blocks(tmp_path / "a.avif")) == [["cat"]]


@pytest.mark.parametrize(
    "name",
    [
        *("all.gif", "all.jp2", "all.jpg", "all.png", "all.tif", "all.webp"),
        *("iptc_exif.jp2", "iptc_exif.jpg", "iptc_exif.png", "iptc_exif.tif"),
        "iptc_exif.webp",
    ],
)
def test_file_that_is_cut_off_anywhere_is_read_as_far_as_it_goes(tmp_path, name):
    whole = (DATA / "exiftool" / name).read_bytes()
    path = tmp_path / "a"
    complete = {"cat", "dog, red", "2024"}
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        blocks = read_blocks(path)  # never raises
        found = [*keywords(blocks), blocks.iptc, blocks.exif]
        for names in found:
            assert names is None or set(names) <= complete
        if all(names is None for names in found):
            assert blocks.problems


@pytest.mark.parametrize(
    "name",
    [
        *("all.gif", "iptc_exif.jp2", "iptc_exif.jpg", "iptc_exif.png"),
        *("iptc_exif.tif", "iptc_exif.webp"),
    ],
)
def test_file_of_which_a_byte_is_wrong_never_raises(tmp_path, name):
    whole = (DATA / "exiftool" / name).read_bytes()
    path = tmp_path / "a"
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 0xFF
        path.write_bytes(data)
        read_blocks(path)


def test_file_that_is_not_there_is_told(tmp_path):
    assert read_blocks(tmp_path / "no.jpg").problems[0][0] == "file"
    assert read_blocks(tmp_path).problems[0][0] == "file"
