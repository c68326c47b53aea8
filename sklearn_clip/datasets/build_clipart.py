"""Build the archive that :func:`~sklearn_clip.datasets.load_clipart` reads.

``python -m sklearn_clip.datasets.build_clipart`` writes ``data/clipart.zip`` anew from
the Debian packages ``openclipart-png`` and ``openclipart-svg``. The same packages and
the same Pillow give the same bytes: rows are sorted, time stamps are fixed.
"""

import argparse
import csv
import io
import zipfile
from pathlib import Path

from sklearn_clip._shared import whole_file
from sklearn_clip.datasets._archive import add_file
from sklearn_clip.datasets._openclipart import load_openclipart

ARCHIVE = Path(__file__).parent / "data" / "clipart.zip"
TABLE = "clipart.csv"
COLUMNS = ("file", "text", "labels", "split", "group", "source")
_LONGEST_SIDE = 128
_QUALITY = 80


def encode(path):
    """Crop a picture to what is visible, make it small, and encode it.

    Parameters
    ----------
    path : str or path-like
        A picture with transparency.

    Returns
    -------
    bytes
        WebP with alpha, at most 128 pixels on the longer side: the smaller of a
        lossless file (flat colours) and one of quality 80 (gradients).
    """
    from PIL import Image

    from sklearn_clip.embedding import open_image

    with open_image(path) as opened:
        picture = opened.convert("RGBA")
    picture = picture.crop(picture.getchannel("A").getbbox())
    scale = _LONGEST_SIDE / max(picture.size)
    if scale < 1:
        size = tuple(max(1, round(side * scale)) for side in picture.size)
        # Premultiplied, so that colours under transparent pixels do not bleed in.
        small = picture.convert("RGBa").resize(size, Image.Resampling.LANCZOS)
        picture = small.convert("RGBA")
    files = []
    for options in ({"lossless": True}, {"quality": _QUALITY}):
        file = io.BytesIO()
        picture.save(file, "WEBP", method=6, **options)
        files.append(file.getvalue())
    return min(files, key=len)


def table(rows, root):
    """Arrange the task rows as the lines of the table.

    Parameters
    ----------
    rows : list of dict
        Of ``load_openclipart(part="task")``.
    root : str or path-like
        The library's root, of which ``source`` is a path below ``png``.

    Returns
    -------
    list of dict
        With the keys `COLUMNS`, all str.
    """
    numbers = {}
    lines = []
    for number, row in enumerate(rows):
        group = numbers.setdefault(row["group"], len(numbers))
        source = Path(row["image"]).relative_to(Path(root) / "png")
        values = (
            f"images/{number:04d}.webp",
            row["text"],
            "|".join(row["labels"]),
            row["split"],
            str(group),
            source.as_posix(),
        )
        lines.append(dict(zip(COLUMNS, values, strict=True)))
    return lines


def write_archive(output, rows, root):
    """Write table and pictures as a zip file whose bytes depend on them only.

    Parameters
    ----------
    output : str or path-like
    rows : list of dict
        Of ``load_openclipart(part="task")``.
    root : str or path-like
        The library's root.
    """
    lines = table(rows, root)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    # Encoding takes minutes, in which the archive before stays in place.
    with whole_file(output) as file, zipfile.ZipFile(file, "w") as archive:
        add_file(archive, TABLE, text.getvalue().encode(), zipfile.ZIP_DEFLATED)
        for line, row in zip(lines, rows, strict=True):
            add_file(archive, line["file"], encode(row["image"]), zipfile.ZIP_STORED)


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default="/usr/share/openclipart")
    parser.add_argument("--output", type=Path, default=ARCHIVE)
    options = parser.parse_args(arguments)
    rows = load_openclipart(options.root, part="task")
    write_archive(options.output, rows, options.root)
    size = options.output.stat().st_size
    print(f"{options.output}: {len(rows)} pictures, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
