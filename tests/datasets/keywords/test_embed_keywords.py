"""Keywords put into JPEGs, of which nothing else changes."""

import hashlib
import io
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from sklearn_clip.datasets import load_photo_keywords, write_photo_keywords
from sklearn_clip.datasets.keywords._blocks import read_blocks, segments
from sklearn_clip.datasets.keywords._iptc import find_records

DATA = Path(__file__).parents[1] / "data" / "keywords"
CHANGING = (b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0", b"Exif\0\0")


def parts(path):
    """Segments of a JPEG that hold no keywords, and all behind them."""
    content = path.read_bytes()
    file = io.BytesIO(content)
    file.seek(2)
    found = [(marker, data) for marker, data in segments(file)]
    rest = content[file.tell() - 2 :]
    return [part for part in found if not part[1].startswith(CHANGING)], rest


def embed(folder, tags, name="a.jpg", **parameters):
    return write_photo_keywords(folder, [name], [tags], embed=True, **parameters)


@pytest.fixture
def take(tmp_path):
    def copy(name):
        shutil.copy(DATA / name, tmp_path / "a.jpg")
        return tmp_path / "a.jpg"

    return copy


@pytest.mark.parametrize(
    "name", sorted(p.relative_to(DATA).as_posix() for p in DATA.glob("*/*.jpg"))
)
def test_keyword_in_a_file_of_any_tool_is_read(take, name):
    path = take(name)
    before = parts(path)
    said = read_blocks(path)
    assert embed(path.parent, ["bird"]) == [path]
    assert parts(path) == before
    with Image.open(path) as picture:
        picture.load()
    now = read_blocks(path)
    assert now.problems == []
    there = said.packets[0].keywords if said.packets else None
    there = said.iptc if there is None else there
    there = said.exif if there is None else there
    assert now.packets[0].keywords == [*(there or []), "bird"]
    assert now.iptc == (None if said.iptc is None else [*said.iptc, "bird"])
    assert now.exif == (None if said.exif is None else [*said.exif, "bird"])
    assert embed(path.parent, ["bird"]) == []


def test_all_blocks_follow_what_is_taken_out(take):
    path = take("exiftool/iptc_exif.jpg")
    names = ["dog, red", "Käse"]
    write_photo_keywords(
        path.parent, ["a.jpg"], [[0, 1]], label_names=names, mode="replace", embed=True
    )
    blocks = read_blocks(path)
    assert blocks.packets[0].keywords == ["cat", "Käse"]
    assert blocks.iptc == ["cat", "Käse"]
    assert blocks.exif == ["cat", "Käse"]
    assert load_photo_keywords(path.parent).disagreements == []


def test_taking_all_out_and_in_again_comes_back(take):
    path = take("exiftool/iptc_exif.jpg")
    names = ["cat", "dog, red"]
    parameters = {"label_names": names, "mode": "replace", "embed": True}
    write_photo_keywords(path.parent, ["a.jpg"], [[0, 0]], **parameters)
    blocks = read_blocks(path)
    assert (blocks.packets[0].keywords, blocks.iptc, blocks.exif) == ([], None, [])
    write_photo_keywords(path.parent, ["a.jpg"], [[1, 1]], **parameters)
    assert read_blocks(path).packets[0].keywords == names
    assert read_blocks(path).exif == names


def jpeg(path, *added):
    """A JPEG with segments of a marker and bytes."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    raw = b"".join(
        b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data
        for marker, data in added
    )
    content = buffer.getvalue()
    path.write_bytes(content[:20] + raw + content[20:])  # behind JFIF
    return path


def resource(number, value):
    head = b"8BIM" + struct.pack(">H", number) + b"\0\0"
    return head + struct.pack(">I", len(value)) + value + b"\0" * (len(value) % 2)


def photoshop(*resources):
    return 0xED, b"Photoshop 3.0\0" + b"".join(resources)


def record(value):
    return b"\x1c\x02\x19" + struct.pack(">H", len(value)) + value


@pytest.mark.parametrize("is_own", [True, False])
def test_digest_follows_the_records_if_it_was_theirs(tmp_path, is_own):
    records = record(b"cat") + b"\x1c\x02\x05\0\x05title"
    digest = hashlib.md5(records if is_own else b"other").digest()
    data = resource(0x0404, records), resource(0x03ED, b"123"), resource(0x0425, digest)
    path = jpeg(tmp_path / "a.jpg", photoshop(*data))
    embed(tmp_path, ["dog"])
    content = path.read_bytes()
    start = content.index(b"Photoshop 3.0\0") + 14
    size = struct.unpack(">H", content[start - 16 : start - 14])[0]
    block = content[start : start - 16 + size]
    new = find_records(block)
    assert new == record(b"cat") + record(b"dog") + b"\x1c\x02\x05\0\x05title"
    expected = hashlib.md5(new).digest() if is_own else digest
    assert block.endswith(resource(0x03ED, b"123") + resource(0x0425, expected))


def test_iptc_without_room_is_refused(take):
    path = take("exiftool/iptc_exif.jpg")
    before = path.read_bytes()
    long = "ä" * 33
    with (
        pytest.raises(ValueError, match=rf"\(row 0\): its records of IPTC .* '{long}'"),
        pytest.warns(UserWarning, match="more than 64 bytes"),
    ):
        embed(path.parent, [long])
    with pytest.raises(ValueError, match="no room for the ';' of 'a;b'"):
        embed(path.parent, ["a;b"])
    assert path.read_bytes() == before


def test_iptc_in_an_unknown_encoding_is_refused(take):
    path = take("exiftool/cut.jpg")  # in Latin, which is not said
    with pytest.raises(ValueError, match="not declared to be UTF-8"):
        embed(path.parent, ["Öl"])
    embed(path.parent, ["oil"])
    assert read_blocks(path).iptc[-1] == "oil"


def test_long_keyword_that_iptc_has_cut_off_is_there_already(take):
    path = take("exiftool/cut.jpg")
    [short] = [name for name in read_blocks(path).iptc if len(name) > 60]
    with pytest.warns(UserWarning, match="more than 64 bytes"):
        embed(path.parent, [short + "r one"])
    assert len(read_blocks(path).iptc) == 2


def test_padding_makes_room_and_a_full_segment_is_refused(tmp_path):
    packet = (
        '<?xpacket begin=""?><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>{}<?xpacket end="w"?>'
    )
    head = b"http://ns.adobe.com/xap/1.0/\0"
    room = 65533 - len(head) - len(packet.format(""))
    path = jpeg(tmp_path / "a.jpg", (0xE1, head + packet.format(" " * room).encode()))
    embed(tmp_path, ["cat"])
    assert read_blocks(path).packets[0].keywords == ["cat"]
    full = packet.format(f"<!--{'x' * (room - 7)}-->")
    path = jpeg(tmp_path / "a.jpg", (0xE1, head + full.encode()))
    with pytest.raises(ValueError, match="no room for more keywords"):
        embed(tmp_path, ["cat"])


def test_keywords_in_a_second_packet_are_refused(tmp_path):
    packet = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:note="http://ns.adobe.com/xmp/note/"><rdf:Description {}/></rdf:RDF>'
    )
    second = packet.format('dc:subject="cat"').encode()
    digest = hashlib.md5(second).hexdigest().upper()
    first = packet.format(f'note:HasExtendedXMP="{digest}"').encode()
    more = b"http://ns.adobe.com/xmp/extension/\0" + digest.encode()
    jpeg(
        tmp_path / "a.jpg",
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + first),
        (0xE1, more + struct.pack(">II", len(second), 0) + second),
    )
    with pytest.raises(ValueError, match="stand in a second packet"):
        embed(tmp_path, ["dog"])
    assert embed(tmp_path, ["cat"]) == []


def test_what_is_no_jpeg_or_broken_is_refused(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(
        ValueError, match=r"'.*a.png' \(row 0\): it is no JPEG. embed=False"
    ):
        embed(tmp_path, ["cat"], "a.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", xmp=b"<broken")
    with pytest.raises(ValueError, match="its xmp: it is not well-formed"):
        embed(tmp_path, ["cat"])


def test_places_of_further_pictures_stay_right(tmp_path):
    index = 0xE2, b"MPF\0" + b"places counted from here"
    iptc = photoshop(resource(0x0404, record(b"cat")))
    jpeg(tmp_path / "a.jpg", iptc, index)
    embed(tmp_path, ["dog"])
    assert read_blocks(tmp_path / "a.jpg").iptc == ["cat", "dog"]
    jpeg(tmp_path / "a.jpg", index, iptc)
    with pytest.raises(ValueError, match="behind the index of further pictures"):
        embed(tmp_path, ["dog"])


def test_signed_picture_is_refused(tmp_path):
    jpeg(tmp_path / "a.jpg", (0xEB, b"JP\0\1\0\0\0\1 jumb c2pa"))
    with pytest.raises(ValueError, match="it is signed"):
        embed(tmp_path, ["dog"])


def test_sidecar_with_keywords_is_in_the_way(take):
    path = take("exiftool/all.jpg")
    shutil.copy(DATA / "exiftool" / "beside.xmp", path.with_suffix(".xmp"))
    with pytest.raises(ValueError, match="must not have keywords in a sidecar"):
        embed(path.parent, ["bird"])
    with pytest.raises(ValueError, match="sidecar must be None if embed=True"):
        embed(path.parent, ["bird"], sidecar="{name}.xmp")


def test_paths_of_labels_are_embedded(take):
    path = take("exiftool/plain.jpg")
    embed(path.parent, ["animal", "animal|cat"], hierarchy="|")
    found = load_photo_keywords(path.parent, hierarchy="|")
    assert found.target_names == ["animal", "animal|cat"]
    assert found.keywords == [["cat"]]


def test_exiftool_finds_nothing_wrong(take):
    exiftool = shutil.which("exiftool")
    if exiftool is None:
        pytest.skip("exiftool is not there")
    path = take("exiftool/iptc_exif.jpg")
    embed(path.parent, ["bird"])
    command = [exiftool, "-validate", "-a", "-s3", "-Warning", "-Error", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "XMP" not in done.stdout
    assert "IPTC" not in done.stdout
    command = [
        exiftool,
        "-a",
        "-b",
        "-sep",
        "\n",
        "-IPTC:Keywords",
        "-XPKeywords",
        str(path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "bird" in done.stdout
    assert "cat;dog, red;bird" in done.stdout


def test_exiv2_reads_what_is_embedded(take):
    pyexiv2 = pytest.importorskip("pyexiv2")
    path = take("exiftool/iptc_exif.jpg")
    embed(path.parent, ["bird"])
    with pyexiv2.Image(str(path)) as image:
        names = ["cat", "dog, red", "bird"]
        assert image.read_xmp()["Xmp.dc.subject"] == names
        assert image.read_iptc()["Iptc.Application2.Keywords"] == names
        text = image.read_exif()["Exif.Image.XPKeywords"]
        assert text.rstrip("\0") == "cat;dog, red;bird"
