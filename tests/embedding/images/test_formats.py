"""Files are told by content: what is read, and what reads or converts the others."""

import io
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageFile, TiffImagePlugin

from sklearn_clip.embedding import decode_image
from sklearn_clip.embedding.images._decoding import image_digest, why_unreadable

RED = Image.new("RGB", (32, 24), (200, 30, 60))


def encoded(form, picture=RED, **options):
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "form",
    [
        "AVIF",
        "BMP",
        "DDS",
        "DIB",
        "GIF",
        "ICNS",
        "ICO",
        "JPEG",
        "JPEG2000",
        "MPO",
        "PCX",
        "PNG",
        "PPM",
        "QOI",
        "SGI",
        "TGA",
        "TIFF",
        "WEBP",
    ],
)
def test_pictures_of_every_common_format_are_read(form, tmp_path):
    Image.init()
    if form not in Image.SAVE:
        pytest.skip(f"this Pillow does not write {form}")
    data = encoded(form)
    (tmp_path / "under.another_name").write_bytes(data)
    for source in (data, tmp_path / "under.another_name"):
        pixel = decode_image(source).resize((1, 1)).getpixel((0, 0))
        assert np.abs(np.subtract(pixel, (200, 30, 60))).max() < 12
    assert image_digest(data) == image_digest(tmp_path / "under.another_name")


@pytest.mark.parametrize("form", ["XBM", "MSP", "PPM"])
def test_pictures_of_one_bit_are_read(form):
    bits = Image.new("1", (16, 8), 1)
    Image.init()
    if form not in Image.SAVE:
        pytest.skip(f"this Pillow does not write {form}")
    assert decode_image(encoded(form, bits)).size == (16, 8)


def iso(brand):
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0" + brand + b"isom" + bytes(64)


def zipped(name):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "<document/>")
    return file.getvalue()


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"
XML = b"<?xml version='1.0'?>\n<!-- drawn by hand -->\n"
OTHERS = {
    "eps": (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        "PostScript.*convert",
    ),
    "bare postscript": (b"%!\nshowpage\n", "PostScript"),
    "printer postscript": (b"\x04%!PS-Adobe-3.0\n", "PostScript"),
    "dos eps": (b"\xc5\xd0\xd3\xc6" + bytes(40), "PostScript"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF: convert its pages"),
    "late pdf": (b"\r\n\r\n%PDF-1.4\n", "PDF: convert its pages"),
    "wmf": (b"\xd7\xcd\xc6\x9a" + bytes(60), "metafile"),
    "emf": (b"\x01\0\0\0\x6c\0\0\0" + bytes(32) + b" EMF", "metafile"),
    "svg": (SVG, "SVG: .*cairosvg"),
    "svg with a prolog": (XML + SVG, "SVG: .*cairosvg"),
    "svg with a mark": (b"\xef\xbb\xbf\n" + SVG, "SVG: .*cairosvg"),
    "svg of two bytes": (SVG.decode().encode("utf-16"), "SVG: .*cairosvg"),
    "html": (b"<!DOCTYPE html><title>404</title>", "web page"),
    "heic": (iso(b"heic"), "pillow-heif"),
    "heic sequence": (iso(b"hevc"), "pillow-heif"),
    "heif": (iso(b"mif1"), "pillow-heif"),
    "jpeg xl": (b"\xff\x0a" + bytes(30), "pillow-jxl-plugin"),
    "jpeg xl in boxes": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(9), "pillow-jxl-plugin"),
    "jpeg xr": (b"II\xbc\x01" + bytes(30), "JPEG XR"),
    "canon": (b"II*\0\x10\0\0\0CR\x02\0" + bytes(40), "rawpy"),
    "newer canon": (iso(b"crx "), "rawpy"),
    "fuji": (b"FUJIFILMCCD-RAW 0201" + bytes(40), "rawpy"),
    "olympus": (b"IIRO\x08\0\0\0" + bytes(40), "rawpy"),
    "panasonic": (b"IIU\0\x18\0\0\0" + bytes(40), "rawpy"),
    "mp4": (iso(b"isom"), "video"),
    "telephone film": (iso(b"qt  "), "video"),
    "old quicktime": (b"\0\0\0\x08wide\0\0\0\0mdat", "video"),
    "matroska": (b"\x1a\x45\xdf\xa3" + bytes(30), "video"),
    "avi": (b"RIFF\0\0\0\0AVI LIST", "video"),
    "mpeg": (b"\0\0\x01\xba\x44" + bytes(30), "video"),
    "mpeg stream": (b"\0\0\x01\xb3\x14" + bytes(30), "video"),
    "broadcast": (3 * (b"G" + bytes(187)), "video"),
    "sound": (b"ID3\x04" + bytes(30), "sound"),
    "docx": (zipped("word/document.xml"), "ZIP archive or a document"),
    "gzip": (b"\x1f\x8b\x08" + bytes(20), "unpack"),
    "tar": (b"a.png".ljust(257, b"\0") + b"ustar\0" + bytes(249), "unpack"),
    "old office": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(40), "Office"),
    "fits": (b"SIMPLE  =                    T".ljust(2880), "FITS"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(40), "HDF5"),
    "grib": (b"GRIB\0\0\0\x01" + bytes(40), "GRIB"),
    "bufr": (b"BUFR\0\0\0\x04" + bytes(40), "BUFR"),
    "numpy": (saved(np.zeros(3)), "numpy.load"),
    "dicom": (bytes(128) + b"DICM" + bytes(40), "pydicom"),
    "gimp": (b"gimp xcf v011\0" + bytes(40), "GIMP"),
    "lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "git lfs pull",
    ),
    "im": (b"Image type: RGB image\r\nImage size (x*y): 2*2\r\n", "IM, an old format"),
    "base64": (b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ", "b64decode"),
    "empty": (b"", "it is empty"),
    "zeros": (bytes(500), "nothing but zeros"),
    "half a png": (b"\x89PNG\r\n\x1a\n" + bytes(30), "begins as PNG does"),
    "odd tiff": (b"II*\0\x08\0\0\0" + bytes(30), "tifffile"),
    # Two entries: a width that is a text, and a height of 5.
    "tiff without a size": (
        b"II*\0\x08\0\0\0\2\0"
        b"\0\1\2\0\2\0\0\0005\0\0\0\1\1\3\0\1\0\0\0\5\0\0\0" + bytes(30),
        "tifffile",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_picture_is_named_by_its_content(name, tmp_path):
    data, named = OTHERS[name]
    (tmp_path / "holiday.jpg").write_bytes(data)
    for source in (data, tmp_path / "holiday.jpg"):
        with pytest.raises(OSError, match="known format .*" + named):
            decode_image(source)


@pytest.mark.parametrize("name", ["eps", "pdf", "svg", "heic", "mp4", "canon", "fits"])
def test_what_is_no_picture_is_refused_before_it_is_hashed(name):
    data, named = OTHERS[name]
    with pytest.raises(OSError, match=named):
        image_digest(data)


@pytest.mark.parametrize("start", [b"<", b"P5\n#free\n8 4\n255\n", b"/", b"wide"])
def test_pictures_that_begin_like_something_else_are_read(start):
    if start.startswith(b"P5"):
        data = start + bytes(32)
    else:
        # A TGA begins with the length of its remark, here the letter's code.
        data = bytearray(encoded("TGA"))
        data[0] = start[0]
        data[18:18] = bytes(start[0])
    assert why_unreadable(bytes(data)) is None


@pytest.mark.parametrize("kind", ["dng", "preview first"])
def test_preview_in_a_raw_file_is_not_taken_for_the_picture(kind):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    if kind == "dng":
        tags[0xC612] = b"\x01\x04\0\0"
        tags.tagtype[0xC612] = 1
    else:
        tags[0x00FE], tags[0x014A] = 1, 8
    file = io.BytesIO()
    RED.save(file, "TIFF", tiffinfo=tags)
    assert "rawpy" in why_unreadable(file.getvalue())
    with pytest.raises(OSError, match="rawpy"):
        image_digest(file.getvalue() + bytes(2**16))


def test_bytes_that_are_a_path_are_told_so(tmp_path, monkeypatch):
    RED.save(tmp_path / "plain", "PNG")
    monkeypatch.chdir(tmp_path)
    for path in (b"photos/a", b"a.jpg", b"B.PNG", b"with a space.webp", b"plain"):
        assert "give os.fsdecode(path)" in why_unreadable(path)
        assert repr(path.decode()) in why_unreadable(path)
    for words in (b"just some words", b"either/or this", b"a.jpg\n\0\0", b"no.suffix"):
        assert "fsdecode" not in why_unreadable(words)


class PlainFile(ImageFile.ImageFile):
    """A plug-in's reader: a picture of one colour, in a film's or drawing's clothes."""

    format = "PLAIN"

    def _open(self):
        self._mode, self._size = "RGB", (8, 6)
        self.tile = []

    def load(self):
        self.im = Image.new("RGB", (8, 6), "lime").im
        return super().load()


@pytest.fixture
def register():
    """Register a reader with Pillow for one test."""
    Image.init()
    before, names = dict(Image.OPEN), list(Image.ID)
    yield Image.register_open
    Image.OPEN.clear()
    Image.OPEN.update(before)
    Image.ID[:] = names


@pytest.mark.parametrize("name", ["heic", "jpeg xl", "svg", "eps", "fuji"])
def test_plugin_that_is_registered_reads_its_files(name, register, tmp_path):
    data, named = OTHERS[name]
    (tmp_path / "a.jpg").write_bytes(data)
    sources = data, tmp_path / "a.jpg"
    assert all(named.split(".*")[0] in why_unreadable(source) for source in sources)
    register("PLAIN", PlainFile, lambda prefix: prefix.startswith(data[:4]))
    for source in sources:
        assert decode_image(source).getpixel((0, 0)) == (0, 255, 0)
        assert len(image_digest(source)) == 16
    # Others' files are what they were.
    assert why_unreadable(encoded("PNG")) is None
    assert "PDF" in why_unreadable(b"%PDF-1.7\n")


def test_files_are_not_opened_to_be_hashed_where_their_beginning_says_enough(
    register, monkeypatch
):
    def fail(file, name):
        raise AssertionError("not to be opened")

    register("PLAIN", fail, lambda prefix: prefix[4:12] == b"ftypheic")
    monkeypatch.setattr(Image, "open", fail)
    pictures = [OTHERS["heic"][0] + bytes(2**17)]
    noise = np.random.default_rng(0).integers(0, 256, (250, 250, 3), dtype=np.uint8)
    for form in ("PNG", "JPEG", "WEBP", "AVIF"):
        if form in Image.SAVE:
            pictures.append(encoded(form, Image.fromarray(noise), quality=100))
    assert all(len(data) > 2**16 for data in pictures[:2])
    assert {len(image_digest(data)) for data in pictures} == {16}


def test_plugin_may_take_the_place_of_a_reader_of_pillow(register):
    register("EPS", PlainFile, lambda prefix: prefix.startswith(b"%!"))
    assert decode_image(OTHERS["eps"][0]).size == (8, 6)
    register("PNG", PlainFile, lambda prefix: prefix.startswith(b"\x89PNG"))
    assert decode_image(encoded("PNG")).size == (8, 6)


def test_plugin_for_raw_files_is_asked_before_their_preview_is_shown(register):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x00FE], tags[0x014A] = 1, 8
    file = io.BytesIO()
    RED.save(file, "TIFF", tiffinfo=tags)
    register("PLAIN", PlainFile, lambda prefix: prefix.startswith(b"II*\0"))
    assert decode_image(file.getvalue()).size == (8, 6)


def test_format_that_pillow_was_built_without_is_named(register):
    def refuse(prefix):
        return prefix.startswith(b"what") and "needs a library that is not there"

    register("PLAIN", PlainFile, refuse)
    assert "needs a library that is not there" in why_unreadable(b"what is it")


def test_bytes_of_any_length_are_asked_about():
    data = encoded("PNG")
    for length in range(48):
        assert why_unreadable(data[:length]) is not None
    assert why_unreadable(struct.pack("<I", 40)) is not None  # begins as DIB does
