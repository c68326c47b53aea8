"""Keywords of labels, written where photo managers read them: in sidecars."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from sklearn_clip._shared import WholeFiles, in_given_order, warn_user
from sklearn_clip.datasets._bunch import check_choice
from sklearn_clip.datasets._hierarchy import check_hierarchy
from sklearn_clip.datasets._image_files import ImageFolder
from sklearn_clip.datasets._missing_files import report_missing
from sklearn_clip.datasets.keywords._iptc import LONGEST
from sklearn_clip.datasets.keywords._labels import read_labels
from sklearn_clip.datasets.keywords._plans import EmbeddingPlan, SidecarPlan
from sklearn_clip.datasets.keywords._sidecars import PhotoFolder


def write_photo_keywords(
    path: str | os.PathLike[str],
    images: Iterable[str | os.PathLike[str]],
    labels: Any,
    *,
    label_names: Sequence[str] | None = None,
    threshold: Any = None,
    mode: Literal["add", "replace"] = "add",
    hierarchy: str | None = None,
    sidecar: Literal["{name}.xmp", "{stem}.xmp"] | None = None,
    embed: bool = False,
    missing_files: Literal["raise", "drop"] = "raise",
) -> list[Path]:
    """Write labels as keywords into files of XMP beside photographs.

    digiKam, darktable, Lightroom, exiftool and others read such sidecars. Pictures
    themselves are not touched, unless `embed` says so. Keywords and properties that are
    there stay, byte for byte; a file that says already what is to be written is left as
    it is.

    Parameters
    ----------
    path : str or path-like
        The folder to which `images` are relative.
    images : list of str or path-like
        Pictures, as :func:`load_photo_keywords` finds them or by their names.
    labels : {array-like, DataFrame, list of (list of str or None)}
        Of each picture 0 and 1, and NaN where a label is unknown; or scores, with
        `threshold`; or the labels that it has, None where nothing is known.
    label_names : list of str or None, default=None
        Names of the columns; None takes those of a DataFrame. With lists of labels,
        the vocabulary of the tagger, which ``mode="replace"`` needs.
    threshold : float, array-like of shape (n_labels,), dict, Series or None, \
            default=None
        Scores from which a label becomes a keyword, infinity for never: a number for
        all labels, one for each, or those by name. None refuses scores.
    mode : {"add", "replace"}, default="add"
        Whether keywords are only put in, or those labels of the vocabulary that are 0
        are taken out too. What is unknown, and a keyword that is no label, stays in
        either.
    hierarchy : str or None, default=None
        None writes labels as they are. A separator says that labels are paths, as
        :func:`load_photo_keywords` makes them: the end of ``"animal|cat"`` becomes a
        keyword, and its place an item of ``lr:hierarchicalSubject``; ``"animal"`` is
        said by that.
    sidecar : {"{name}.xmp", "{stem}.xmp"} or None, default=None
        Name of the file: ``photo.jpg.xmp`` as digiKam and darktable name it, or
        ``photo.xmp`` as Adobe's programs do. None takes the sidecar that the picture
        has, else ``"{name}.xmp"``.
    embed : bool, default=False
        Whether keywords are put into the pictures, which must be JPEGs, and not beside
        them. XMP is changed or made; keywords of IPTC and XPKeywords follow where the
        file has some; pixels and all else are copied byte for byte.
    missing_files : {"raise", "drop"}, default="raise"
        What happens to pictures that are not there: an error that names them, or they
        are left out with a warning.

    Returns
    -------
    list of Path
        The files that were written, in the order of the pictures.

    Raises
    ------
    ValueError
        If a parameter is unknown, `labels` do not fit `images` or are neither 0, 1
        nor unknown, a label cannot stand in XML, two pictures are one or have one
        sidecar, as ``photo.jpg`` and ``photo.nef`` have under ``"{stem}.xmp"``, or a
        sidecar that is there cannot be read; with `embed`, if a picture is no JPEG,
        has a block that cannot be read or no room for a keyword (64 bytes in IPTC, no
        semicolon in XPKeywords), keywords in a sidecar, or is signed (C2PA). Nothing
        is written then.
    TypeError
        If a label is no text, or `images` or `label_names` have no order.
    FileNotFoundError
        If a picture is not there.
    NotADirectoryError
        If `path` is no folder.

    Warns
    -----
    UserWarning
        If a label has more than 64 bytes: this is all that IPTC has room for, so that
        programs which copy keywords there cut it off. If a picture has blocks that
        cannot be read, with keywords perhaps that a new sidecar does not have.

    See Also
    --------
    load_photo_keywords : Read keywords from there.

    Notes
    -----
    Keywords are the Bag ``dc:subject``, also a single one. Where a sidecar has another
    form of it (Seq, Alt, text, attribute), it is made a Bag when something changes.
    Lists of whole paths (``lr:hierarchicalSubject``, ``digiKam:TagsList``,
    ``MicrosoftPhoto:LastKeywordXMP``) are kept in step where the sidecar has them. What
    else :func:`load_photo_keywords` reads, such as categories of ACDSee, stays as it
    is; ``dc:subject`` counts before it.

    Keywords cannot say that a label is unknown: a picture that has some is read as one
    that has no others. Keep the table where that matters.

    A new ``dc:subject`` begins with the keywords that the picture has so far, in its
    file or in another sidecar: programs read the sidecar alone, or before the file.
    An empty Bag says that a picture has none of the labels; it is written where all
    labels of a row are known and no keyword is left.

    A file is written beside its place and moved there when it is complete and on the
    disk, so that there is the old one or the new one at any moment, even after a power
    cut. Some dozens take their places together: where writing ends before its time,
    those are as they were, and calling again goes on. Where a file cannot be written,
    the others of its dozens are, and the error is raised.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklearn_clip.datasets import write_photo_keywords
    >>> folder = Path(tempfile.mkdtemp())
    >>> Image.new("RGB", (8, 8)).save(folder / "1.jpg")
    >>> written = write_photo_keywords(
    ...     folder, ["1.jpg"], [[0.9, 0.2]], label_names=["dog", "cat"], threshold=0.5)
    >>> written[0].name
    '1.jpg.xmp'
    >>> "<rdf:li>dog</rdf:li>" in written[0].read_text(encoding="utf-8")
    True
    """
    check_choice("mode", mode, ("add", "replace"))
    check_choice("missing_files", missing_files, ("raise", "drop"))
    check_choice("sidecar", sidecar, ("{name}.xmp", "{stem}.xmp", None))
    check_hierarchy(hierarchy)
    names = [os.fspath(image) for image in _check_images(images)]
    wanted = read_labels(
        labels,
        len(names),
        label_names=label_names,
        threshold=threshold,
        removing=mode == "replace",
    )
    _tell_long(wanted)
    rows = _find_images(ImageFolder(path, "path"), names, wanted, missing_files)
    if embed and sidecar is not None:
        raise ValueError(f"sidecar must be None if embed=True. Got {sidecar!r}.")
    changing = _plan_rows(rows, {}, mode, hierarchy, sidecar, embed)
    with WholeFiles() as files:
        # One of which there is nothing to write has been written by somebody else.
        written = [
            plan.target
            for number, plan in enumerate(changing)
            if files.add(plan.target, plan.edit, number)
        ]
    for error in files.failed.values():
        raise error
    return written


def write_each(
    images: Sequence[str], labels: Any, *, label_names: Sequence[str], first: int = 0
) -> dict[int, str]:
    """Write labels as keywords, each picture for itself.

    Parameters
    ----------
    images : list of str
        Pictures.
    labels : ndarray of shape (n_images, n_labels)
        Of each picture 0 and 1.
    label_names : list of str
        Names of the columns.
    first : int, default=0
        Number of the first row, for warnings.

    Returns
    -------
    dict of int to str
        Position of every picture without new keywords, and why. The others are as if
        :func:`write_photo_keywords` had been called for each.
    """
    try:
        wanted = read_labels(
            labels, len(images), label_names=label_names, threshold=None, removing=False
        )
    except ValueError as exc:
        return dict.fromkeys(range(len(images)), str(exc))
    _tell_long(wanted)
    # A folder is listed once, not for each of its pictures.
    listed: dict[Path, ImageFolder] = {}
    folders: dict[Path, PhotoFolder] = {}
    failed: dict[int, str] = {}
    with WholeFiles() as files:
        for place, (image, known) in enumerate(zip(images, wanted, strict=True)):
            path = Path(image).absolute()
            try:
                if path.parent not in listed:
                    listed[path.parent] = ImageFolder(path.parent, "path")
                folder = listed[path.parent]
                [(found, _, _)] = _find_images(folder, [path.name], [known], "raise")
                row = found, first + place, known
                for plan in _plan_rows([row], folders, "add", None, None, embed=False):
                    files.add(plan.target, plan.edit, place)
            except (ValueError, OSError) as exc:
                failed[place] = str(exc)
    return failed | {place: str(exc) for place, exc in files.failed.items()}


def _plan_rows(rows, folders, mode, hierarchy, sidecar, embed):
    """Plan what is to be changed; `folders` holds those that are listed by now."""
    plans: list[SidecarPlan | EmbeddingPlan] = []
    for image, row, known in rows:
        if image.parent not in folders:
            folders[image.parent] = PhotoFolder(image.parent)
        task = image, row, known, folders[image.parent], mode, hierarchy
        plans.append(
            EmbeddingPlan(*task) if embed else SidecarPlan(*task, pattern=sidecar)
        )
    if not embed:
        _refuse_clashes(plans, sidecar)
    # All is tried before the first file is written.
    changing = [plan for plan in plans if plan.edit() is not None]
    _tell_problems([plan for plan in changing if plan.problems])
    return changing


def _check_images(images):
    images = in_given_order(images, "images", "paths")
    for row, image in enumerate(images):
        if not isinstance(image, str | os.PathLike):
            raise TypeError(
                f"An image must be a path. Got {image!r:.60} (row {row}). Of the data "
                "of a loader give the first column, data[:, 0]."
            )
    return images


def _tell_long(wanted):
    long = {
        name: None
        for row in wanted
        for name in row.present
        if len(name.encode()) > LONGEST
    }
    if long:
        name = next(iter(long))
        warn_user(
            f"{len(long)} labels have more than {LONGEST} bytes, which is all that "
            "IPTC has room for: programs that copy keywords there cut them off. Got "
            f"{name!r} ({len(name.encode())} bytes)."
        )


def _tell_problems(broken):
    if broken:
        block, reason = broken[0].problems[0]
        warn_user(
            f"Blocks of {len(broken)} pictures could not be read, and new sidecars "
            f"begin without the keywords there: '{broken[0].image}' (row "
            f"{broken[0].row}, {block}: {reason})."
        )


def _find_images(folder, names, wanted, missing_files):
    """Files of the pictures, each once."""
    rows, missing, seen = [], {}, {}
    for row, name in enumerate(names):
        try:
            found = folder.find(name)
        except ValueError as exc:
            raise ValueError(f"{exc} (row {row}).") from exc
        if found is None:
            missing[name] = f"{name!r} (row {row})"
            continue
        file = folder.identify(found)
        if file in seen:
            raise ValueError(
                f"A picture must be in one row. Got {name!r} in row {seen[file]} and "
                f"in row {row}."
            )
        seen[file] = row
        rows.append((Path(found), row, wanted[row]))
    options = {"parameter": "path", "can_keep": False}
    report_missing(missing, len(names), [folder], missing_files, **options)
    return rows


def _refuse_clashes(plans, pattern):
    """Raise if two pictures, or a picture and another file, have one sidecar."""
    owner = {}
    for plan in plans:
        image, target = plan.image, plan.target
        others = plan.folder.others_of(image.name)
        if pattern == "{stem}.xmp" and others:
            raise ValueError(
                f"A sidecar must belong to one file. Got '{target}' for "
                f"{image.name!r} (row {plan.row}), which {others[0]!r} would share. "
                "sidecar='{name}.xmp' names them apart."
            )
        first = owner.setdefault(target, plan)
        if first is not plan:
            raise ValueError(
                f"A sidecar must belong to one file. Got '{target}' for rows "
                f"{first.row} and {plan.row}. sidecar='{{name}}.xmp' names them apart."
            )
