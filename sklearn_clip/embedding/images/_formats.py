"""Which files are pictures: the formats that are read, and what the others are."""

import re
import struct

from PIL import Image, ImageFile

# Bytes that `name_other` looks at, and those that a reader of Pillow is asked about.
HEAD = 4096
_PREFIX = 16
_SHORTEST_TEXT = 6  # letters; fewer bytes may look like some by chance
# The formats that Pillow decodes to pixels by itself. Not among them: PostScript, which
# is handed to another program (EPS); what only such a program or a plug-in could draw
# (WMF, BUFR, GRIB, HDF5, MPEG); measurements whose range is not known (FITS, MCIDAS,
# SPIDER); IPTC, which opens whatever lies inside it; IM, which Pillow gives up; IMT,
# which any text may be.
_READ = (
    "AVIF BLP BMP CUR DCX DDS DIB FLI FTEX GBR GIF ICNS ICO JPEG JPEG2000 MPO MSP "
    "PCD PCX PIXAR PNG PPM PSD QOI SGI SUN TGA TIFF WEBP XBM XPM XVTHUMB"
)
_FORMATS = frozenset(_READ.split())
# Formats whose first bytes nothing else has.
_CLEAR = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")

_HEIC = (
    "Pillow reads HEIC after pillow_heif.register_heif_opener(), of the package "
    "pillow-heif"
)
_AVIF = (
    "AVIF: Pillow reads it from version 11.3 on, or with the package pillow-avif-plugin"
)
_JXL = "JPEG XL: Pillow reads it after import pillow_jxl, the package pillow-jxl-plugin"
_RAW = "a camera's raw file: develop it, with the package rawpy for instance"
_FILM = "a video or sound: save a frame of it as JPEG or PNG, with ffmpeg for instance"
_POSTSCRIPT = "PostScript, a program: convert it to PNG, with Ghostscript for instance"
_METAFILE = "a Windows metafile: convert it to PNG, with Inkscape for instance"
_PDF = "PDF: convert its pages to PNG, with pdftoppm for instance"
_SVG = "SVG: convert it to PNG, with Inkscape or the package cairosvg for instance"
_WEB = "a web page, perhaps an error in place of a download"
_BASE64 = "base64 text: give base64.b64decode of it"
_ARCHIVE = "an archive or a compressed file: unpack it first"
_DATA = "an array of measurements: read it, scale it and give a uint8 array"
_OFFICE = "an Office document: take the pictures out"
_EXPORT = "save it as PNG in the program that made it"

# What begins so, from the byte given on. No picture of `_FORMATS` does.
_OTHERS = (
    (0, b"%!", _POSTSCRIPT),
    (0, b"\x04%!", _POSTSCRIPT),
    (0, b"\xc5\xd0\xd3\xc6", _POSTSCRIPT),
    (0, b"%PDF-", _PDF),
    (0, b"\xd7\xcd\xc6\x9a", _METAFILE),
    (0, b"\x01\0\x09\0\0\x03", _METAFILE),
    (0, b"\x01\0\0\0\x6c\0\0\0", _METAFILE),
    (0, b"\xff\x0a", _JXL),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", _JXL),
    (0, b"II\xbc", "JPEG XR: convert it to PNG, or read it with imagecodecs"),
    (8, b"CR\x02\0", _RAW),
    (6, b"HEAPCCDR", _RAW),
    (0, b"FUJIFILMCCD-RAW", _RAW),
    (0, b"IIRO", _RAW),
    (0, b"IIRS", _RAW),
    (0, b"MMOR", _RAW),
    (0, b"IIU\0", _RAW),
    (0, b"FOVb", _RAW),
    (0, b"\0MRM", _RAW),
    (0, b"\x1a\x45\xdf\xa3", _FILM),
    (0, b"\0\0\x01\xba", _FILM),
    (0, b"\0\0\x01\xb3", _FILM),
    (0, b"FLV\x01", _FILM),
    (0, b"OggS", _FILM),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _FILM),
    (0, b"ID3", _FILM),
    (0, b"fLaC", _FILM),
    (8, b"AVI ", _FILM),
    (8, b"WAVE", _FILM),
    (0, b"PK\x03\x04", "a ZIP archive or a document in one: take the pictures out"),
    (0, b"\x1f\x8b", _ARCHIVE),
    (0, b"BZh", _ARCHIVE),
    (0, b"\xfd7zXZ\0", _ARCHIVE),
    (0, b"7z\xbc\xaf\x27\x1c", _ARCHIVE),
    (0, b"Rar!\x1a\x07", _ARCHIVE),
    (0, b"\x28\xb5\x2f\xfd", _ARCHIVE),
    (257, b"ustar", _ARCHIVE),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OFFICE),
    (0, b"SIMPLE  =", "FITS, " + _DATA),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5, " + _DATA),
    (0, b"CDF\x01", "NetCDF, " + _DATA),
    (0, b"GRIB", "GRIB, " + _DATA),
    (0, b"BUFR", "BUFR, " + _DATA),
    (0, b"\x93NUMPY", "an array that NumPy saved: give what numpy.load returns"),
    (128, b"DICM", "DICOM: read it with the package pydicom and give a uint8 array"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR: map its tones to 8 bits and save it as PNG"),
    (0, b"#?RADIANCE", "Radiance HDR: map its tones to 8 bits and save it as PNG"),
    (0, b"#?RGBE", "Radiance HDR: map its tones to 8 bits and save it as PNG"),
    (0, b"Image type: ", "IM, an old format: save it as PNG"),
    (0, b"gimp xcf", "a file of GIMP: " + _EXPORT),
    (0, b"8BPS\0\x02", "a large file of Photoshop (PSB): " + _EXPORT),
    (0, b"AT&TFORM", "DjVu: convert its pages to PNG, with ddjvu for instance"),
    (0, b"version https://git-lfs", "a pointer of Git LFS: fetch it with git lfs pull"),
    (0, b"/9j/", _BASE64),
    (0, b"iVBORw0KGgo", _BASE64),
    (0, b"R0lGOD", _BASE64),
    (0, b"UklGR", _BASE64),
    (0, b"data:image/", _BASE64),
)
# Brands of ISO files (ftyp). Pillow's reader of AVIF looks into mif1 and msf1 itself.
_BRANDS: dict[bytes, str | None] = dict.fromkeys(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), _HEIC
)
_BRANDS |= {b"mif1": None, b"msf1": None, b"avif": None, b"avis": None}
_BRANDS |= {b"crx ": _RAW, b"jxl ": _JXL}
_MARKUP = re.compile(rb"<[!?a-z]")
# Boxes with which films of QuickTime begin that have no ftyp.
_BOXES = (b"moov", b"mdat", b"wide", b"pnot", b"free", b"skip")
# Tags of a TIFF: which version of DNG it is, and what marks a preview of a larger one.
_DNG_VERSION = 0xC612
_REDUCED, _SUB_IMAGES = 0x00FE, 0x014A


def begins_clearly(head):
    """Whether a file is JPEG, PNG, GIF, WebP or AVIF, whole or damaged, no other.

    Parameters
    ----------
    head : bytes
        Its first bytes.

    Returns
    -------
    bool
        Whether it is.
    """
    webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    avif = head[4:12] in (b"ftypavif", b"ftypavis")
    return webp or avif or head.startswith(_CLEAR)


def readers(head, *, plugins_only=False):
    """List the formats, of those that are read, that a file may have.

    They are those of `_FORMATS` and all that plug-ins have registered with Pillow.

    Parameters
    ----------
    head : bytes
        First bytes of the file.
    plugins_only : bool, default=False
        Leave out what Pillow reads by itself.

    Returns
    -------
    formats : list of str
        Names for ``Image.open``; formats without a mark of their own come last.
    unsupported : list of str
        What Pillow says of formats that it was built without.
    """
    Image.init()
    prefix = head[:_PREFIX]
    marked, unmarked, unsupported = [], [], []
    for name in list(Image.ID):
        opener, accepts = Image.OPEN[name]
        read = name in _FORMATS and not plugins_only
        if not (read or _is_plugin(opener)):
            continue
        accepted = _accepts(accepts, prefix)
        if isinstance(accepted, str):
            unsupported.append(accepted)
        elif accepted:
            (unmarked if accepts is None else marked).append(name)
    return marked + unmarked, unsupported


def _accepts(accepts, prefix):
    """Ask a reader whether it may know a file, as ``Image.open`` does."""
    try:
        return accepts is None or accepts(prefix)
    except (SyntaxError, IndexError, TypeError, struct.error):
        return False  # fewer bytes than it looks at


def is_read(picture):
    """Whether the format of a picture that Pillow opened is among those that are read.

    Parameters
    ----------
    picture : PIL.ImageFile.ImageFile
        The picture, decoded yet or not.

    Returns
    -------
    bool
        Whether it is.
    """
    if isinstance(picture, ImageFile.StubImageFile) and not _is_plugin(type(picture)):
        return False
    return picture.format in _FORMATS or _is_plugin(type(picture))


def _is_plugin(opener):
    """Whether a class or function that opens files is none of Pillow's own."""
    return (getattr(opener, "__module__", None) or "").partition(".")[0] != "PIL"


def name_other(head):
    """Say what a file is that is no picture of a format that Pillow reads by itself.

    Parameters
    ----------
    head : bytes
        Its first `HEAD` bytes.

    Returns
    -------
    str or None
        What it is and what reads or converts it; None if it may be a picture.
    """
    if begins_clearly(head):
        return None
    for start, mark, what in _OTHERS:
        if head.startswith(mark, start):
            return what
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], _FILM)
    if head[4:8] in _BOXES and head[0] < 32:  # the first byte of a box's length
        return _FILM
    if head[:1] + head[188:189] + head[376:377] == b"GGG":  # packets of a broadcast
        return _FILM
    return _name_markup(head)


def is_base64(head):
    """Whether a text begins as a picture in base64 does.

    Parameters
    ----------
    head : bytes
        Its first bytes.

    Returns
    -------
    bool
        Whether it does.
    """
    return name_other(head) == _BASE64


def _name_markup(head):
    """Tell drawings and pages by their text, which may begin with remarks."""
    text = head.removeprefix(b"\xef\xbb\xbf")
    if text[:2] in (b"\xff\xfe", b"\xfe\xff"):  # UTF-16
        text = text[2:].replace(b"\0", b"")
    text = text.lstrip().lower()
    if not _MARKUP.match(text):
        return None
    if b"<svg" in text or b"<!doctype svg" in text:
        return _SVG
    if text.startswith((b"<!doctype html", b"<html")) or b"<html" in text:
        return _WEB
    return "a text in XML or HTML, maybe SVG: convert a drawing to PNG"


def begins_as_tiff(head):
    """Tell whether a file begins as TIFF, or its form for large files, does.

    Parameters
    ----------
    head : bytes
        Its first bytes, 4 at the least.

    Returns
    -------
    bool
        The answer.
    """
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def name_unread(head):
    """Say what a file may be that no reader took.

    Parameters
    ----------
    head : bytes
        Its first `HEAD` bytes.

    Returns
    -------
    str or None
        What it may be; None if nothing is known.
    """
    if not head:
        return "it is empty"
    if head[4:8] == b"ftyp":
        if head[8:12] in (b"mif1", b"msf1"):
            return _HEIC
        if ".avif" not in Image.registered_extensions():
            return _AVIF
    if b"%PDF-" in head:
        return _PDF
    if begins_as_tiff(head):
        return (
            "TIFF of a kind that Pillow does not read, damaged, or a camera's raw file:"
            " the packages tifffile and rawpy read more of them"
        )
    if not any(head):
        return "it begins with nothing but zeros"
    marked, _ = readers(head)
    marked = [name for name in marked if Image.OPEN[name][1] is not None]
    if marked:
        return f"it begins as {marked[0]} does, but is damaged or of a rare kind"
    return _name_text(head)


def _name_text(head):
    """Show how a text begins, which may be the message of an error."""
    try:
        text = head.decode()
    except UnicodeDecodeError as exc:
        if exc.start < len(head) - 3:  # no letter that the end of the head cuts
            return None
        text = head[: exc.start].decode()
    text = " ".join(text.split())
    if len(text) < _SHORTEST_TEXT or not text.isprintable():
        return None
    return f"a text that begins {text[:40]!r}"


def name_raw(picture):
    """Say that an opened picture is but the preview in a camera's raw file.

    Parameters
    ----------
    picture : PIL.ImageFile.ImageFile
        The picture.

    Returns
    -------
    str or None
        What reads the file; None if it is none.
    """
    if picture.format != "TIFF":
        return None
    tags = picture.tag_v2
    raw = _DNG_VERSION in tags or (
        # The first image is the whole one in other files, and has no larger ones.
        _SUB_IMAGES in tags and _REDUCED in tags and tags[_REDUCED] == 1
    )
    return _RAW if raw else None
