"""Build the archive that :func:`~sklearn_clip.datasets.load_photos` reads.

``python -m sklearn_clip.datasets.build_photos FOLDER`` writes ``data/photos.zip`` anew
from the packages that were downloaded to the folder; with ``--list`` it says how they
are downloaded, with ``--agreement`` how far the two labellings agree. The same packages
and the same Pillow give the same bytes.
"""

import argparse
import bz2
import csv
import io
import zipfile
from pathlib import Path

import numpy as np

from sklearn_clip._shared import whole_file
from sklearn_clip.datasets._archive import add_file
from sklearn_clip.datasets._package_files import (
    fetch_command,
    find_package,
    read_files,
)
from sklearn_clip.datasets._photo_labels import agreement, read_labelling, settle
from sklearn_clip.datasets._photos import _ARCHIVE as ARCHIVE
from sklearn_clip.datasets._photos import _TABLE as TABLE

TABLES = ARCHIVE.parent / "photos"
_LONGEST_SIDE = 320
_QUALITY = 78
# scipy holds its picture as bare RGB pixels of this height and width.
_RAW_SHAPE = (768, 1024, 3)


def read_sources(path=TABLES / "sources.csv"):
    """Read where the photographs come from.

    Parameters
    ----------
    path : str or path-like
        CSV with the columns of the archive's table that are no labels.

    Returns
    -------
    list of dict
        One a photograph, in the order of the archive.
    """
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_labels(folder=TABLES):
    """Read both labellings and what was settled.

    Parameters
    ----------
    folder : str or path-like
        It holds ``first.csv``, ``second.csv`` and ``settled.csv``.

    Returns
    -------
    files, names : list of str
        Of the pictures and the labels.
    values : ndarray of shape (n, n_labels), dtype float64
        1, 0 or NaN.
    """
    first = read_labelling(Path(folder) / "first.csv")
    second = read_labelling(Path(folder) / "second.csv")
    return *first[:2], settle(first, second, Path(folder) / "settled.csv")


def encode(content, name):
    """Make a photograph small and encode it, without anything but its pixels.

    Parameters
    ----------
    content : bytes
        A picture file of a package.
    name : str
        Its name, of which the ending says if it is bare pixels (``.dat``).

    Returns
    -------
    bytes
        WebP of quality 78, at most 320 pixels on the longer side, turned as its camera
        was held, transparency over white.
    """
    from PIL import Image

    from sklearn_clip.embedding import decode_image

    if name.endswith(".dat"):
        pixels = np.frombuffer(bz2.decompress(content), np.uint8)
        content = pixels.reshape(_RAW_SHAPE)
    picture = decode_image(content)
    scale = _LONGEST_SIDE / max(picture.size)
    if scale < 1:
        size = tuple(max(1, round(side * scale)) for side in picture.size)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    # A new picture: what the file said beside the pixels (place, camera, owner's
    # profile) stays behind.
    bare = Image.new("RGB", picture.size)
    bare.paste(picture)
    file = io.BytesIO()
    bare.save(file, "WEBP", quality=_QUALITY, method=6)
    return file.getvalue()


def write_archive(output, sources, labels, packages):
    """Write table and pictures as a zip file whose bytes depend on them only.

    Parameters
    ----------
    output : str or path-like
    sources : list of dict
        Of `read_sources`.
    labels : tuple
        Of `read_labels`.
    packages : str or path-like
        Folder of the downloaded packages.

    Raises
    ------
    FileNotFoundError
        If a package is missing.
    ValueError
        If sources and labels are not of the same pictures in the same order.
    """
    files, names, values = labels
    if files != [source["file"] for source in sources]:
        raise ValueError("Sources and labels must be of the same pictures, in order.")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*sources[0], *names])
    for source, row in zip(sources, values, strict=True):
        cells = ["" if np.isnan(value) else f"{value:.0f}" for value in row]
        writer.writerow([*source.values(), *cells])
    pictures = {}
    for package, version in _packages(sources):
        mine = [
            source
            for source in sources
            if (source["package"], source["version"]) == (package, version)
        ]
        path = find_package(packages, package, version)
        files = read_files(path, [source["original"] for source in mine])
        for source in mine:
            original = source["original"]
            pictures[source["file"]] = encode(files[original], original)
    with whole_file(output) as file, zipfile.ZipFile(file, "w") as archive:
        add_file(archive, TABLE, text.getvalue().encode(), zipfile.ZIP_DEFLATED)
        for source in sources:
            picture = pictures[source["file"]]
            add_file(archive, source["file"], picture, zipfile.ZIP_STORED)


def _packages(sources):
    """Pairs of package and version, each once, in the order of the sources."""
    return list(dict.fromkeys((row["package"], row["version"]) for row in sources))


def agreement_table(folder=TABLES):
    """Say how far the two labellings agree.

    Parameters
    ----------
    folder : str or path-like
        As for `read_labels`.

    Returns
    -------
    str
        One line a label: its positives and unknown cells in the end, the cells in which
        the two differ, their raw agreement and Cohen's kappa.
    """
    _, names, first = read_labelling(Path(folder) / "first.csv")
    _, _, second = read_labelling(Path(folder) / "second.csv")
    settled = read_labels(folder)[2]
    lines = [f"{'label':16} positive unknown differ agreement kappa"]

    def line(name, one, other, value):
        raw, kappa = (part[0] for part in agreement(one, other))
        differ = round((1 - raw) * len(one))
        lines.append(
            f"{name:16} {(value == 1).sum():8} {np.isnan(value).sum():7} {differ:6} "
            f"{raw:9.3f} {kappa:5.2f}"
        )

    for j, name in enumerate(names):
        line(name, first[:, [j]], second[:, [j]], settled[:, j])
    line("all", first.reshape(-1, 1), second.reshape(-1, 1), settled)
    return "\n".join(lines)


def main(arguments=None):
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="?", default=".", help="folder of packages")
    parser.add_argument("--output", type=Path, default=ARCHIVE)
    parser.add_argument("--list", action="store_true", help="say how to get them")
    parser.add_argument("--agreement", action="store_true", help="of the labels")
    options = parser.parse_args(arguments)
    sources = read_sources()
    if options.list:
        for package in _packages(sources):
            print(fetch_command(*package))
    elif options.agreement:
        print(agreement_table())
    else:
        write_archive(options.output, sources, read_labels(), options.packages)
        size = options.output.stat().st_size
        print(f"{options.output}: {len(sources)} photographs, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
