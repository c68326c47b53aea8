"""The keywords of a folder of photographs, as photo managers keep them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np

from sklearn_clip._shared import (
    as_path,
    clean_name,
    hint_at_name,
    tell_of_left_out,
    unify_names,
    warn_user,
)
from sklearn_clip.datasets._bunch import (
    Loaded,
    as_integers,
    check_choice,
    make_bunch,
    zero_targets,
)
from sklearn_clip.datasets._hierarchy import check_hierarchy, made_labels, spell_label
from sklearn_clip.datasets._tag_targets import check_reader, sort_labels
from sklearn_clip.datasets.formats._rows import walk
from sklearn_clip.datasets.keywords._iptc import may_be_cut
from sklearn_clip.datasets.keywords._sidecars import PhotoFolder
from sklearn_clip.datasets.keywords._sources import (
    SOURCES,
    Photo,
    place_keywords,
    read_photo,
)

_SHOWN = 3


def load_photo_keywords(
    folder: str | os.PathLike[str],
    *,
    sources: Iterable[str] = SOURCES,
    combine: Literal["first", "union"] = "first",
    hierarchy: str | None = None,
    classes: Iterable[str] | None = None,
    other_labels: Literal["raise", "ignore"] = "raise",
    unlabelled: Literal["keep", "drop", "unknown"] = "unknown",
    missing_files: Literal["raise", "drop", "keep"] = "raise",
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Loaded:
    """Load a folder of photographs with the keywords that are kept in and beside them.

    What digiKam, Lightroom, darktable, Windows, exiftool and others write. Every
    picture of the folder and of those below is a row, sorted by its path; hidden files
    and folders are left out, links are followed unless they lead back, and pictures are
    told by their suffix; a warning tells of sidecars of other files, as of camera raw.

    Parameters
    ----------
    folder : str or path-like
        The folder.
    sources : sequence of {"sidecar", "xmp", "iptc", "exif"}
        Where keywords are looked for, in the order in which they count: files of XMP
        beside the picture, ``photo.jpg.xmp`` before ``photo.xmp``; XMP in the file;
        records of IPTC, whose keywords most writers cut off after 64 bytes; and
        XPKeywords of Exif, which Windows writes.
    combine : {"first", "union"}, default="first"
        Whether the first source that says something about keywords decides, or all of
        them together. A warning tells of pictures for which they disagree.
    hierarchy : str or None, default=None
        None takes keywords as they are. A separator such as ``"|"`` takes their places
        in a hierarchy too, and makes labels of all that stands above: ``"animal"`` and
        ``"animal|cat"``. Places come from ``lr:hierarchicalSubject``,
        ``digiKam:TagsList`` and ``MicrosoftPhoto:LastKeywordXMP``, whatever parts them
        there, for what these do not place from the other fields of the notes, and from
        keywords in which the separator stands; of a keyword that several sources
        place, the first of them counts. They only place keywords that a picture has: a
        path whose end is none of these is left out.
    classes : list of str or None, default=None
        The labels and their order; None takes all that occur, sorted, as numbers if all
        are. Labels that look alike are one, as in
        :func:`~sklearn_clip.labels_to_frame`.
    other_labels : {"raise", "ignore"}, default="raise"
        What happens to labels that are not among `classes`: an error that names the
        first, or they are left out. What stands above a label of the picture need not
        be among them.
    unlabelled : {"keep", "drop", "unknown"}, default="unknown"
        What a picture is about whose keywords no block says anything: a row that has
        none of the labels, a row to leave out, or one about which nothing is known
        (NaN). Where a block says that there are none, as an empty ``rdf:Bag`` does,
        the picture has none of the labels in any case.
    missing_files : {"raise", "drop", "keep"}, default="raise"
        What happens to a sidecar whose picture is not there: an error that names it,
        no row and a warning, or a row that names the picture.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether `data` and `target` are pandas DataFrames.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (n, 2), dtype object, or DataFrame
            Path of the picture and None, for there is no text. The DataFrame has the
            columns ``image`` and ``text``.
        target : ndarray of shape (n, n_labels), or DataFrame
            1 where the picture has the keyword; int64, or float64 with NaN where
            nothing is known.
        target_names : list of str
            The labels.
        groups : ndarray of shape (n,)
            A number for each picture.
        keywords : list of (list of str or None)
            The keywords of each row as they are written, in their order; None where
            nothing is said.
        sources : ndarray of shape (n,)
            Which source decided, "" where none did, "union" where several did.
        disagreements : list of tuple (int, str, list of str)
            Row, source and what it says of keywords, where another source decided and
            said something else.
        problems : list of tuple (int, str, str)
            Row, block ("xmp", "iptc", "exif", "file" or the name of a sidecar) and
            reason of what could not be read. The row is there all the same, with what
            the other blocks say.
        frame : DataFrame or None
            `data` and `target` side by side, if `as_frame`.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a parameter is unknown, there is no picture or no keyword at all, a keyword
        is not among `classes`, or a label is called ``image`` or ``text`` and
        `as_frame`.
    TypeError
        If `sources` or `classes` is a text, or `hierarchy` is none.
    FileNotFoundError
        If the picture of a sidecar is not there.
    NotADirectoryError
        If `folder` is no folder.
    ImportError
        If `as_frame` and pandas is not installed.

    See Also
    --------
    write_photo_keywords : Write what a tagger says where this reads it.
    load_csv_tags : Read the labels of a folder of pictures from a table.

    Notes
    -----
    Keywords are those of ``dc:subject``, by its namespace, as Bag, Seq, Alt, text or
    attribute, in any of the nodes of a packet; where a packet has none of these, the
    last parts of its paths. Where it has no paths, either, keywords are what ACDSee
    (``acdsee:categories`` that are assigned, ``acdsee:keywords``), Media Pro
    (``CatalogSets``), the Metadata Working Group (``mwg-kw:Keywords`` that are applied)
    and IDimager (``ics:TagStructure``) have; if these are empty, nothing is said.
    ``pdf:Keywords`` is one text of which nothing says how it is parted, and listed
    among the `problems` where there is no other. A comma is a part of a keyword, and a
    number is a text.
    Blocks are read in JPEG (also XMP and IPTC that go over several segments), PNG (also
    the texts that ImageMagick makes of them), TIFF, WebP, GIF and JPEG 2000, by their
    first bytes and not by the suffix, and in other files where Pillow gives them, as of
    AVIF. A packet with a DOCTYPE is not read.

    References
    ----------
    ISO 16684-1:2019, Graphic technology, Extensible metadata platform (XMP).

    IPTC-NAA Information Interchange Model, version 4.2, data set 2:25.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklearn_clip.datasets import load_photo_keywords, write_photo_keywords
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("1.jpg", "2.jpg", "3.jpg"):
    ...     Image.new("RGB", (8, 8)).save(folder / name)
    >>> tags = [["dog", "ball"], [], None]  # of the last one nothing is known
    >>> written = write_photo_keywords(folder, ["1.jpg", "2.jpg", "3.jpg"], tags)
    >>> found = load_photo_keywords(folder)
    >>> found.target_names
    ['ball', 'dog']
    >>> found.target
    array([[ 1.,  1.],
           [ 0.,  0.],
           [nan, nan]])
    """
    check_choice("combine", combine, ("first", "union"))
    classes = check_reader(
        classes,
        other_labels=other_labels,
        unlabelled=unlabelled,
        missing_files=missing_files,
    )
    sources = _check_sources(sources)
    check_hierarchy(hierarchy)
    root = as_path(folder, "folder")
    if not root.is_dir():
        raise NotADirectoryError(
            f"folder must be a folder with pictures. Got '{folder}', which is none."
        )
    photos = _read_photos(root, sources, combine, missing_files)
    if not photos:
        raise ValueError(f"folder must hold pictures. Got none in '{root}'.")
    _tell_problems(photos, root)
    _tell_disagreements(photos, root, combine)
    _tell_cuts(photos, root)
    if unlabelled == "drop":
        photos = [photo for photo in photos if photo.keywords is not None]
        if not photos:
            raise ValueError(
                f"folder must hold pictures with keywords. Got none in '{root}'."
            )
    labels = [
        None if photo.keywords is None else _labels(photo, hierarchy)
        for photo in photos
    ]
    if unlabelled == "keep":
        labels = [[] if found is None else found for found in labels]
    target, names = _indicate(photos, labels, root, classes, other_labels, hierarchy)
    return make_bunch(
        [photo.path for photo in photos],
        [None] * len(photos),
        target,
        names,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_photo_keywords",
        groups=np.arange(len(photos)),
        keywords=[photo.keywords for photo in photos],
        sources=np.array([photo.source for photo in photos]),
        disagreements=[
            (row, *other) for row, photo in enumerate(photos) for other in photo.others
        ],
        problems=[
            (row, *problem)
            for row, photo in enumerate(photos)
            for problem in photo.problems
        ],
    )


def _check_sources(sources):
    """Names of the sources, each once."""
    if isinstance(sources, str) or not isinstance(sources, Iterable):
        raise TypeError(f"sources must be a list of names. Got {sources!r}.")
    sources = tuple(dict.fromkeys(sources))
    for source in sources:
        check_choice("A source", source, SOURCES)
    if not sources:
        raise ValueError("sources must name a source. Got an empty list.")
    return sources


def _read_photos(root, sources, combine, missing_files):
    """Read all pictures of a folder and of those below, sorted by path."""
    photos, orphans, unread = [], {}, {}
    for below, _ in walk(root):
        place = os.path.join(root, *below.split("/"))
        folder = PhotoFolder(place)
        for name in folder.pictures:
            path = os.path.join(place, name)
            photos.append(read_photo(path, folder.find(name), sources, combine))
        if "sidecar" not in sources:
            continue
        for sidecar, name in folder.unread.items():
            unread[os.path.relpath(os.path.join(place, sidecar), root)] = name
        for name, sidecar in folder.orphans.items():
            orphans[os.path.join(place, name)] = sidecar
            if missing_files == "keep":
                found = folder.find(name)
                path = os.path.join(place, name)
                photos.append(read_photo(path, found, ("sidecar",), combine))
    _tell_orphans(orphans, root, missing_files)
    _tell_unread(unread, root)
    return sorted(photos, key=lambda photo: Path(photo.path).parts)


def _tell_orphans(orphans, root, missing_files):
    """Raise or warn about sidecars without a picture."""
    if not orphans or missing_files == "keep":
        return
    names = [
        os.path.relpath(os.path.join(os.path.dirname(path), sidecar), root)
        for path, sidecar in sorted(orphans.items())
    ]
    shown = _show(names)
    if missing_files == "raise":
        raise FileNotFoundError(
            f"'{root}' must hold the picture of every sidecar. Got none for {shown}. "
            "missing_files='drop' leaves them out, 'keep' makes rows of them."
        )
    warn_user(
        f"{len(names)} sidecars in '{root}' have no picture and are left out: {shown}."
    )


def _tell_unread(unread, root):
    """Warn of sidecars of files that are no rows, as of camera raw."""
    if unread:
        sidecar, name = min(unread.items())
        warn_user(
            f"{len(unread)} sidecars in '{root}' belong to files that are no pictures "
            f"by their suffix, and are left out: {sidecar!r} of {name!r}"
            f"{', ...' if len(unread) > 1 else ''}."
        )


def _show(names):
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more


def _name(photo, root):
    return os.path.relpath(photo.path, root)


def _tell_problems(photos, root):
    broken = [photo for photo in photos if photo.problems]
    if broken:
        first = broken[0]
        block, reason = first.problems[0]
        warn_user(
            f"Blocks of {len(broken)} of {len(photos)} pictures in '{root}' could not "
            f"be read: {_name(first, root)!r} ({block}: {reason})"
            f"{', ...' if len(broken) > 1 else ''}. Their rows have what other blocks "
            "say; `problems` of what is returned lists all."
        )


def _tell_disagreements(photos, root, combine):
    apart = [photo for photo in photos if photo.others]
    if not apart:
        return
    first = apart[0]
    source, keywords = first.others[0]
    what = "the first of `sources` that says something decides"
    if combine == "union":
        what = "all that they say is taken together"
    warn_user(
        f"The sources disagree for {len(apart)} of {len(photos)} pictures in '{root}', "
        f"and {what}. Got {source!r} with {_show(keywords) or 'no keywords'} for "
        f"{_name(first, root)!r}, which has {_show(first.keywords) or 'none'} by "
        f"{first.source!r}. `disagreements` of what is returned lists all."
    )


def _tell_cuts(photos, root):
    found = [
        (photo, name)
        for photo in photos
        if photo.source == "iptc"
        for name in photo.keywords
        if may_be_cut(name)
    ]
    if found:
        photo, name = found[0]
        warn_user(
            f"{len(found)} keywords of IPTC in '{root}' are as long as one that was "
            f"cut off after 64 bytes, and may have been. Got {name!r} "
            f"({_name(photo, root)!r})."
        )


def _labels(photo: Photo, hierarchy):
    if hierarchy is None:
        return photo.keywords
    return place_keywords(photo.keywords, photo.paths, hierarchy)


def _indicate(photos, labels, root, classes, other_labels, hierarchy):
    """Targets of 0, 1 and NaN, and the names of their columns."""
    found = dict.fromkeys(name for row in labels for name in row or ())
    spelled = unify_names(found, chosen=classes is not None)
    names = sort_labels(spelled.values()) if classes is None else classes
    if not names:
        raise ValueError(
            f"folder must hold pictures with keywords. Got none in {len(photos)} "
            f"pictures in '{root}'. classes=[...] names the labels that there may be."
        )
    looks = [clean_name(spell_label(name, hierarchy)) for name in names]
    column = {look: place for place, look in enumerate(looks)}
    if other_labels == "ignore" and found and not column.keys() & spelled.values():
        raise ValueError(
            "folder must hold pictures with keywords among classes. Got none, but such "
            f"as {min(found)!r} in '{root}'.{hint_at_name(min(found), names)}"
        )
    if other_labels == "ignore":
        tell_of_left_out(set(spelled.values()) - column.keys(), looks)
    known = all(tags is not None for tags in labels)
    target = zero_targets(len(photos), len(names), known=known)
    for row, (photo, tags) in enumerate(zip(photos, labels, strict=True)):
        if tags is None:
            target[row] = np.nan
        made = set() if hierarchy is None else made_labels(tags or (), hierarchy)
        for tag in tags or ():
            place = column.get(spelled[tag])
            if place is not None:
                target[row, place] = 1
            elif other_labels == "raise" and tag not in made:
                raise ValueError(
                    f"Keywords must be among classes. Got {tag!r} "
                    f"({_name(photo, root)!r}).{hint_at_name(tag, names)} "
                    "other_labels='ignore' leaves out those that are not."
                )
    return as_integers(target), names
