"""Open Clip Art as Debian packages it, curated into rows with labels and groups."""

from __future__ import annotations

import functools
import hashlib
import os
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np

from sklearn_clip._shared import as_path, import_optional
from sklearn_clip.datasets import _captions, _groups, _parts
from sklearn_clip.datasets._bunch import check_choice

if TYPE_CHECKING:
    import pandas

_MAX_PIXELS = 40_000_000
_STARS_KEPT = 4
_SAME_CAPTION = 12
# Near-duplicates: root mean square difference of 8 x 8 pixels in grey levels, and
# of the drawing itself as a share of its ink.
_NEAR_WHOLE = 5.0
_ALIKE = 0.35
_NEAR = 0.22
_NEAR_STRETCHED = 0.12
# Drawings of less ink (hairlines) are white squares once they are made small.
_FAINT = 14.0

Part: TypeAlias = Literal["task", "pretraining"]


@overload
def load_openclipart(
    root: str | os.PathLike[str] = ...,
    *,
    part: Part | None = ...,
    as_frame: Literal[False] = ...,
) -> list[dict[str, Any]]: ...
@overload
def load_openclipart(
    root: str | os.PathLike[str] = ...,
    *,
    part: Part | None = ...,
    as_frame: Literal[True],
) -> pandas.DataFrame: ...
@overload
def load_openclipart(
    root: str | os.PathLike[str] = ..., *, part: Part | None = ..., as_frame: bool
) -> list[dict[str, Any]] | pandas.DataFrame: ...
def load_openclipart(
    root: str | os.PathLike[str] = "/usr/share/openclipart",
    *,
    part: Part | None = None,
    as_frame: bool = False,
) -> list[dict[str, Any]] | pandas.DataFrame:
    """Load the curated Open Clip Art library from the Debian packages.

    The packages ``openclipart-png`` and ``openclipart-svg`` hold some 8,000 public
    domain drawings with titles and keywords. They are curated here: pictures that
    are links or copies of one another become one row, desktop icon themes are left
    out, of a generated series of stars four are kept, and of any caption at most
    twelve. Nothing is fetched; the packages must be installed. Reading takes about
    a minute, once per process.

    Parameters
    ----------
    root : str or path-like, default="/usr/share/openclipart"
        The folder with ``png`` and ``svg``.
    part : {"task", "pretraining"} or None, default=None
        ``"task"`` are the rows that :func:`load_clipart` ships; ``"pretraining"`` all
        others, of which none shares a group with a task row: a model trained on
        them has not seen the task. None means both.
    as_frame : bool, default=False
        Whether to return a pandas DataFrame.

    Returns
    -------
    list of dict, or DataFrame
        One row per picture, sorted by path, with

        - ``image``: str, absolute path of the PNG (transparent);
        - ``text``: str, the caption, never empty;
        - ``keywords``: tuple of str, every cleaned keyword of the row's metadata;
        - ``folders``: tuple of str, every folder that holds the picture;
        - ``labels``: tuple of str, the kept labels that are true of the row (empty
          for some pretraining rows);
        - ``group``: int, equal for variants, near-duplicates and series;
        - ``part``: ``"task"`` or ``"pretraining"``;
        - ``split``: ``"train"`` or ``"test"`` in the task, otherwise empty.

    Raises
    ------
    ValueError
        If `part` is unknown.
    FileNotFoundError
        If the packages are not installed under `root`.

    Notes
    -----
    Groups are given to parts and splits whole, in an order drawn from a hash of
    their first path: the outcome depends on the files and on nothing else.

    Examples
    --------
    >>> from sklearn_clip.datasets import load_openclipart
    >>> load_openclipart(part="all")
    Traceback (most recent call last):
    ...
    ValueError: part must be 'task', 'pretraining' or None. Got 'all'.
    """
    check_choice("part", part, ("task", "pretraining", None))
    root = as_path(root, "root")
    if not (root / "png").is_dir() or not (root / "svg").is_dir():
        raise FileNotFoundError(
            f"root must hold the folders 'png' and 'svg' of Open Clip Art. Got "
            f"'{root}'. On Debian: apt-get install openclipart-png openclipart-svg"
        )
    rows = [dict(row) for row in _curate(root) if part in (None, row["part"])]
    if not as_frame:
        return rows
    pandas = import_optional(
        "pandas", extra="pandas", purpose="load_openclipart(as_frame=True)"
    )
    return pandas.DataFrame(rows)


@functools.cache
def _curate(root):
    """Read, merge, group and assign every row; cached, so never to be modified."""
    rows = _merge_copies(_scan(root))
    _write_captions(rows)
    rows = _thin_out(rows)
    for row, group in zip(rows, _group(rows), strict=True):
        row["group"] = group
        row["labels"] = _captions.labels(row["keywords"], row["folders"])
    _parts.assign(rows)
    public = [
        "image",
        "text",
        "keywords",
        "folders",
        "labels",
        "group",
        "part",
        "split",
    ]
    return [{name: row[name] for name in public} for row in rows]


def _scan(root):
    """Read the metadata and the pixels of every drawing outside the icon themes."""
    rows = []
    stars = 0
    for svg in sorted((root / "svg").rglob("*.svg")):
        path = svg.relative_to(root / "svg").with_suffix("").as_posix()
        png = root / "png" / f"{path}.png"
        if "-theme" in path or not png.is_file():
            continue
        if path.startswith("shapes/stars/"):
            stars += 1
            if stars > _STARS_KEPT:
                continue
        text = svg.read_text("utf-8", "replace")
        picture = None if _captions.has_linked_image(text) else _open(png)
        if picture is None:
            continue
        whole, ink, stretched, digest = _groups.signatures(picture)
        if np.sqrt((ink**2).mean()) < _FAINT:
            continue
        row = _captions.read_metadata(text)
        row.update(path=path, png=png, digest=digest)
        row.update(whole=whole, ink=ink, stretched=stretched)
        rows.append(row)
    return rows


def _open(png):
    """Decode a PNG to RGBA; None if it is oversized or shows nothing."""
    from PIL import Image

    from sklearn_clip.embedding import listen, open_image

    # PIL warns of large pictures and refuses larger ones by their header.
    with listen():
        try:
            with open_image(png) as opened:
                if opened.width * opened.height > _MAX_PIXELS:
                    return None
                picture = opened.convert("RGBA")
        except Image.DecompressionBombError:
            return None
    return picture if picture.getextrema()[3][1] else None


def _merge_copies(rows):
    """Keep one row for pictures that are equal, with the keywords of all copies."""
    copies = defaultdict(list)
    for row in rows:
        copies[row["digest"]].append(row)
    merged = []
    for same in copies.values():
        # A copy in "unsorted" knows less than the one that found its folder.
        first, *others = sorted(
            same, key=lambda r: ("unsorted" in r["path"], r["path"])
        )
        keywords = [word for row in (first, *others) for word in row["keywords"]]
        folders = [row["path"].rpartition("/")[0] for row in (first, *others)]
        first["keywords"] = tuple(dict.fromkeys(keywords))
        first["folders"] = tuple(dict.fromkeys(folders))
        merged.append(first)
    return sorted(merged, key=lambda row: row["path"])


def _write_captions(rows):
    """Give every row its caption and its absolute picture path."""
    # A title on several drawings whose file names share none of its words, or a
    # description repeated under other titles, says nothing of the drawing.
    foreign = Counter()
    described = Counter()
    for row in rows:
        name = _captions.clean_file_name(row["path"].rpartition("/")[2])
        title = row["title"]
        if not set(_captions.words_of(title)) & set(_captions.words_of(name)):
            foreign[title] += 1
        if row["description"] != title:
            described[row["description"]] += 1
    titles = {title for title, count in foreign.items() if count >= 3}
    descriptions = {text for text, count in described.items() if count >= 3}
    for row in rows:
        row["text"] = _captions.caption(row["path"], row, titles, descriptions)
        row["image"] = str(row["png"])


def _thin_out(rows):
    """Leave out rows without a caption and repeats of one caption beyond twelve."""
    seen = Counter()
    kept = []
    # In the order of a hash, so that what is kept is not the first folder only.
    for row in sorted(rows, key=lambda r: hashlib.sha256(r["path"].encode()).digest()):
        stem = _captions.stem(row["text"])
        seen[stem] += 1
        if stem and seen[stem] <= _SAME_CAPTION:
            kept.append(row)
    return sorted(kept, key=lambda row: row["path"])


def _group(rows):
    """Give one number to equal stems, near-duplicates and series."""
    sets = _groups.UnionFind(len(rows))
    sets.union_by([_captions.stem(row["text"]) for row in rows])
    sets.union_by([_groups.series_key(row["path"]) for row in rows])
    whole = np.stack([row["whole"] for row in rows])
    ink = np.stack([row["ink"] for row in rows])
    # 8 x 8 pixels of nearly empty pictures are near for any content, so that the
    # pairs found there must also be alike in what is drawn.
    alike = set(_groups.near_pairs(ink, _ALIKE, relative=True))
    near = alike.intersection(_groups.near_pairs(whole, _NEAR_WHOLE))
    near.update(_groups.near_pairs(ink, _NEAR, relative=True))
    stretched = np.stack([row["stretched"] for row in rows])
    near.update(_groups.near_pairs(stretched, _NEAR_STRETCHED, relative=True))
    for i, j in sorted(near):
        sets.union(i, j)
    return [sets.find(i) for i in range(len(rows))]
