"""Make the photographs with keywords that the tests read, and try what we write.

Run by hand, where these are at hand (they are no dependencies, not even of the tests)::

    npm install exiftool-vendored.pl@13.59.3    # exiftool 13.59; needs perl
    pip install pyexiv2==2.16.0                 # exiv2 0.28.8
    apt-get download exiv2 exempi               # Debian 12: 0.27.6, 2.6.3

    python tools/photo_keywords.py make --exiftool .../bin/exiftool
    python tools/photo_keywords.py check --exiftool .../bin/exiftool

`make` writes into tests/datasets/data/keywords, one folder per tool; `check` writes
keywords with `write_photo_keywords` into a temporary folder and prints what the tools
read there, and what we read of what they changed.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import pyexiv2
from PIL import Image

from sklearn_clip.datasets import load_photo_keywords, write_photo_keywords

DATA = Path(__file__).parents[1] / "tests" / "datasets" / "data" / "keywords"
LONG = "the quick brown fox jumps over the lazy dog and then over another one"
FORMATS = ("jpg", "png", "tif", "webp")
# Of exiftool alone: exiv2 writes no GIF.
MORE_FORMATS = ("gif", "jp2")
ALL = (
    "-XMP-dc:Subject=cat",
    "-XMP-dc:Subject=dog, red",
    "-XMP-dc:Subject=2024",
    "-XMP-lr:HierarchicalSubject=animal|cat",
    "-XMP-digiKam:TagsList=animal/cat",
    "-XMP-microsoft:LastKeywordXMP=animal/cat",
)


class Tools:
    """The commands, as they are called."""

    def __init__(self, options):
        self._options = options

    def exiftool(self, *arguments):
        """Call exiftool."""
        command = ["perl", self._options.exiftool, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def write(self, path, *arguments):
        """Let exiftool write; it fills nothing up, so that files stay small."""
        quiet = ("-q", "-overwrite_original", "-api", "Compact=NoPadding")
        done = self.exiftool(*quiet, *arguments, path)
        if done.stderr:
            print(f"{path.name}: {done.stderr.strip()}")

    def exiv2(self, *arguments):
        """Call exiv2."""
        command = [self._options.exiv2, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True)

    def exempi(self, *arguments):
        """Call exempi."""
        command = [self._options.exempi, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def picture(path):
    """Make a small picture, of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (200, 30, 30)).save(path)
    return path


def make(tools):
    """Write the files that the tests read."""
    folder = DATA / "exiftool"
    for suffix in (*FORMATS, *MORE_FORMATS):
        tools.write(picture(folder / f"all.{suffix}"), *ALL)
        if suffix == "gif":  # which has no place for IPTC and Exif
            continue
        block = ("-XPKeywords=cat;dog, red",)
        if suffix != "webp":  # which has no place for IPTC
            block += ("-IPTC:Keywords=cat", "-IPTC:Keywords=dog, red")
        tools.write(picture(folder / f"iptc_exif.{suffix}"), *block)
    tools.write(picture(folder / "apart.jpg"), "-Subject=cat", "-IPTC:Keywords=dog")
    latin = ("-IPTC:Keywords=Käse", f"-IPTC:Keywords={LONG}")
    tools.write(picture(folder / "cut.jpg"), *latin)
    tools.write(picture(folder / "whole.jpg"), "-m", *latin)
    utf_8 = ("-IPTC:CodedCharacterSet=UTF8", f"-IPTC:Keywords=x{'ä' * 40}")
    tools.write(picture(folder / "cut_utf8.jpg"), *utf_8)
    picture(folder / "plain.jpg")
    for name in ("beside.jpg", "under.jpg"):
        picture(folder / name)
    for name in ("beside.xmp", "under.jpg.xmp"):
        sidecar = folder / name
        sidecar.unlink(missing_ok=True)
        tools.write(sidecar, *ALL, "-XMP-dc:Title=a title", "-XMP-xmp:Rating=4")

    folder = DATA / "pyexiv2"
    for suffix in FORMATS:
        change_with_pyexiv2(
            picture(folder / f"all.{suffix}"),
            xmp={
                "Xmp.dc.subject": ["cat", "dog, red", "2024"],
                "Xmp.lr.hierarchicalSubject": ["animal|cat"],
                "Xmp.digiKam.TagsList": ["animal/cat"],
                "Xmp.MicrosoftPhoto.LastKeywordXMP": ["animal/cat"],
            },
        )
    change_with_pyexiv2(picture(folder / "one.jpg"), xmp={"Xmp.dc.subject": "cat"})
    change_with_pyexiv2(picture(folder / "empty.jpg"), xmp={"Xmp.dc.subject": []})
    change_with_pyexiv2(
        picture(folder / "long.jpg"), iptc={"Iptc.Application2.Keywords": [LONG]}
    )
    change_with_pyexiv2(
        picture(folder / "xp.tif"), exif={"Exif.Image.XPKeywords": "cat;dog, red"}
    )

    folder = DATA / "exiv2"
    for kind in ("Seq", "Alt", "Text"):
        path = picture(folder / f"{kind.lower()}.jpg")
        values = ("cat",) if kind == "Text" else ("cat", "dog, red")
        sets = (f"-Mset Xmp.dc.subject Xmp{kind} {value}" for value in values)
        tools.exiv2(*sets, path)
    path = picture(folder / "extracted.jpg")
    tools.exiv2("-Mset Xmp.dc.subject XmpBag cat", path)
    tools.exiv2("-f", "-eX", path)

    # Adobe's own library, which Exempi is made of, writes a packet anew.
    folder = DATA / "exempi"
    picture(folder / "adobe.jpg")
    text = tools.exempi("-x", "-p", DATA / "exiftool" / "all.jpg").stdout
    packet = text[text.index("<?xpacket") :]  # behind a line about the file
    (folder / "adobe.xmp").write_text(packet, encoding="utf-8")


def change_with_pyexiv2(path, *, xmp=None, iptc=None, exif=None):
    """Write metadata with pyexiv2."""
    with pyexiv2.Image(str(path)) as image:
        if xmp is not None:
            image.modify_xmp(xmp)
        if iptc is not None:
            image.modify_iptc(iptc)
        if exif is not None:
            image.modify_exif(exif)


def read_with(tools, path):
    """Read ``dc:subject`` of a sidecar with each tool."""
    done = tools.exiftool("-j", "-sep", "\n", "-XMP-dc:Subject", path)
    subject = json.loads(done.stdout)[0].get("Subject") if done.stdout else None
    found = {"exiftool": None if subject is None else str(subject).split("\n")}
    with pyexiv2.Image(str(path)) as image:
        found["pyexiv2"] = image.read_xmp().get("Xmp.dc.subject")
    lines = tools.exiv2("-PXkv", path).stdout.splitlines()
    values = [line.split(None, 1) for line in lines if "dc.subject" in line]
    found["exiv2"] = values and (values[0] + [""])[1]
    found["exempi"] = tools.exempi("-X", "-x", path).stdout.count("<rdf:li>")
    return found


def check(tools):
    """Write sidecars, and read them with the tools; let the tools write, and read."""
    tags = ["cat", "dog, red", "2024", "Käse", "a & b <c>", LONG]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in ("new.jpg", "one.jpg", "none.jpg", "full.jpg"):
            picture(folder / name)
        tools.write(
            folder / "full.jpg.xmp", *ALL, "-XMP-dc:Title=a title", "-XMP-xmp:Rating=4"
        )
        before = tools.exiftool("-j", "-G1", folder / "full.jpg.xmp").stdout
        written = write_photo_keywords(
            folder,
            ["new.jpg", "one.jpg", "none.jpg", "full.jpg"],
            [tags, ["cat"], [], ["bird"]],
        )
        for path in written:
            print(path.name, read_with(tools, path))
        before, after = (
            json.loads(text)[0]
            for text in (
                before,
                tools.exiftool("-j", "-G1", folder / "full.jpg.xmp").stdout,
            )
        )
        print("changed in full.jpg.xmp:")
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key) and "System" not in key:
                print(f"  {key}: {before.get(key)} -> {after.get(key)}")
        valid = tools.exiftool("-validate", "-warning", "-a", *written).stdout
        print(valid.strip())
        # Changed by the tools, and read by us.
        tools.write(folder / "new.jpg.xmp", "-XMP-dc:Subject+=tree")
        change_with_pyexiv2(
            folder / "one.jpg.xmp", xmp={"Xmp.dc.subject": ["cat", "tree"]}
        )
        tools.write(folder / "full.jpg.xmp", "-XMP-dc:Subject-=cat")
        found = load_photo_keywords(folder)
        for row, keywords in enumerate(found.keywords):
            print(Path(found.data[row, 0]).name, keywords, found.sources[row])


def check_embedding(tools):
    """Put a keyword into each JPEG that the tools wrote, and let them read it."""
    with tempfile.TemporaryDirectory() as place:
        for source in sorted(DATA.glob("*/*.jpg")):
            path = Path(place, f"{source.parent.name}_{source.name}")
            path.write_bytes(source.read_bytes())
            before = validate(tools, path)
            write_photo_keywords(place, [path.name], [["bird"]], embed=True)
            told = validate(tools, path) - before
            tags = ("-XMP-dc:Subject", "-IPTC:Keywords", "-XPKeywords")
            done = tools.exiftool("-j", *tags, path)
            found = json.loads(done.stdout)[0]
            found.pop("SourceFile")
            with pyexiv2.Image(str(path)) as image:
                subject = image.read_xmp()["Xmp.dc.subject"]
            same = Image.open(path).tobytes() == Image.open(source).tobytes()
            print(
                path.name, found, subject, "same pixels:", same, "new warnings:", told
            )


def validate(tools, path):
    """Ask exiftool what is wrong with a file."""
    done = tools.exiftool("-validate", "-a", "-s3", "-Warning", "-Error", path)
    return set(done.stdout.splitlines())


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("what", choices=("make", "check"))
    for tool in ("exiftool", "exiv2", "exempi"):
        parser.add_argument(f"--{tool}", default=tool)
    options = parser.parse_args()
    tools = Tools(options)
    if options.what == "make":
        make(tools)
    else:
        check(tools)
        check_embedding(tools)


if __name__ == "__main__":
    main()
