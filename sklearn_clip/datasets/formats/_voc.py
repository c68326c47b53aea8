"""Pictures and labels in the form of Pascal VOC."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from sklearn_clip._shared import as_path, clean_name, hint_at_name, unify_names
from sklearn_clip.datasets._bunch import Loaded, check_choice
from sklearn_clip.datasets._image_files import ImageFolder
from sklearn_clip.datasets._missing_files import report_missing
from sklearn_clip.datasets._tag_targets import (
    check_reader,
    choose_columns,
    sort_labels,
)
from sklearn_clip.datasets.formats._rows import give_back, mark
from sklearn_clip.datasets.formats._voc_files import read_ids, read_lists, read_objects


def load_voc(
    root: str | os.PathLike[str],
    *,
    labels: Literal["objects", "lists"] = "objects",
    split: str | None = None,
    images: str | os.PathLike[str] | None = None,
    difficult: Literal["unknown", "present"] = "unknown",
    classes: Iterable[str] | None = None,
    other_labels: Literal["raise", "ignore"] = "raise",
    unlabelled: Literal["keep", "drop", "unknown"] = "keep",
    missing_files: Literal["raise", "drop", "keep"] = "raise",
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Loaded:
    """Load labels in the form of Pascal VOC: a file of objects for each picture.

    A label is present where an object bears it and absent from a picture whose objects
    are others. Of a picture that a split names and that has no file, nothing is known.
    XML of LabelMe is read too, but for objects that are marked as deleted.

    Parameters
    ----------
    root : str or path-like
        The folder that holds ``Annotations``, ``JPEGImages`` and ``ImageSets/Main``. A
        folder of pictures with the XML files beside them will do. Files may lie in
        folders below. A picture has the name of its file, or else the ``filename``
        that stands there.
    labels : {"objects", "lists"}, default="objects"
        Where the labels stand: in the XML files, or in the lists of the pictures of a
        class, ``ImageSets/Main/<class>_<split>.txt``. In these 1 is present, -1 is
        absent, and 0 is not absent, but `difficult`.
    split : str or None, default=None
        The list ``ImageSets/Main/<split>.txt`` of the pictures to load. None loads all
        that have an XML file; ``labels="lists"`` needs one.
    images : str, path-like or None, default=None
        The folder of the pictures. None takes ``JPEGImages``, or where the XML files
        are if there is no such folder.
    difficult : {"unknown", "present"}, default="unknown"
        What a label is of which all objects in a picture are marked as difficult.
    classes : list of str or None, default=None
        The labels and their order. None takes all that occur, sorted. Of lists only
        those of `classes` are read, and must be there.
    other_labels : {"raise", "ignore"}, default="raise"
        What happens to labels in XML files that are not among `classes`. A picture that
        has none but such has been looked at.
    unlabelled : {"keep", "drop", "unknown"}, default="keep"
        What a picture is whose XML file has no object: a row that has none of the
        labels, a row to leave out, or one about which nothing is known (NaN).
    missing_files : {"raise", "drop", "keep"}, default="raise"
        What happens to rows whose picture is not there, as in :func:`load_csv_tags`.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether `data` and `target` are pandas DataFrames.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        As of :func:`load_csv_tags`: `data` of shape (n, 2), of which the texts are
        None, `target` of shape (n, n_labels), `target_names`, `groups`, `frame`, and

        ids : ndarray of shape (n,)
            Names of the pictures in the lists.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a parameter is unknown, a file is no XML or has a DOCTYPE, an object has no
        name, a line of a list is none, or a label is not among `classes`.
    FileNotFoundError
        If a list or a picture is not there.
    NotADirectoryError
        If `root` or `images` is no folder.
    ImportError
        If `as_frame` and pandas is not installed.

    See Also
    --------
    load_coco : Read a data set in the format of COCO.
    load_yolo : Read labels as YOLO has them.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_clip.datasets import load_voc
    >>> root = Path(tempfile.mkdtemp())
    >>> for name, objects in (("0", "<object><name>cat</name></object>"), ("1", "")):
    ...     (root / f"{name}.jpg").touch()
    ...     _ = (root / f"{name}.xml").write_text(f"<annotation>{objects}</annotation>")
    >>> found = load_voc(root)
    >>> found.target_names
    ['cat']
    >>> found.target
    array([[1],
           [0]])
    """
    check_choice("labels", labels, ("objects", "lists"))
    check_choice("difficult", difficult, ("unknown", "present"))
    classes = check_reader(
        classes,
        other_labels=other_labels,
        unlabelled=unlabelled,
        missing_files=missing_files,
    )
    root = as_path(root, "root")
    if not root.is_dir():
        raise NotADirectoryError(f"root must be a folder. Got '{root}'.")
    ids = None if split is None else read_ids(root, split)
    files: dict[str, Any] = {}
    if labels == "lists":
        if ids is None:
            raise ValueError("labels='lists' needs the name of a list as split=...")
        found, names = read_lists(root, split, ids)
    else:
        files = read_objects(root, ids)
        found = {
            id_: None if file is None else file.marks for id_, file in files.items()
        }
        names = {tag for marks in found.values() for tag in marks or ()}
    spelled = unify_names(names, chosen=classes is not None)
    columns = sort_labels(spelled.values()) if classes is None else classes
    if not columns:
        raise ValueError(f"The annotations must have labels. Got none ('{root}').")
    column = {clean_name(name): name for name in columns}
    strange = {tag for tag in names if spelled[tag] not in column}
    if labels == "lists":  # each is a file of its own, which may be left unread
        _check_lists(columns, set(spelled.values()), root, split)
        for marks in found.values():
            for tag in strange & set(marks or ()):
                del marks[tag]
    else:
        places = {
            tag: f"{file.name}, line {file.line_of[tag]}"
            for file in reversed(files.values())
            if file is not None
            for tag in file.marks
        }
        choose_columns(places, columns, other_labels, root)
    paths = _find_images(root, images, list(found), files, missing_files)
    rows: list[Any] = []
    kept = []
    for id_, marks in found.items():
        if id_ not in paths or (marks == {} and unlabelled == "drop"):
            continue
        kept.append(id_)
        if marks is None or (marks == {} and unlabelled == "unknown"):
            rows.append(None)
            continue
        named: dict[str, int] = {}  # of several spellings the surest counts
        for tag, value in marks.items():
            if tag in strange:
                continue
            name = column[spelled[tag]]
            named[name] = max(value, named.get(name, -1))
        present = {tag for tag, value in named.items() if value == 1}
        hard = {tag for tag, value in named.items() if value == 0}
        unknown: set[str] = set()
        if labels == "lists":
            unknown = {name for name in columns if name not in named}
        if difficult == "present":
            present |= hard
        rows.append((present, unknown | hard))
    return give_back(
        [paths[id_] for id_ in kept],
        mark(rows, columns),
        columns,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_voc",
        ids=np.array(kept, dtype=object),
    )


def _check_lists(columns, there, root, split):
    """Raise if a class has no list."""
    for name in columns:
        if clean_name(name) not in there:
            raise ValueError(
                f"Each of classes must have a list in '{root / 'ImageSets' / 'Main'}'. "
                f"Got {name!r}, which has no {name + '_' + split + '.txt'!r}."
                f"{hint_at_name(name, there)}"
            )


def _find_images(root, images, ids, files, missing_files):
    """Path of the picture of each name."""
    folder = root / "JPEGImages"
    if images is not None:
        folder = images
    elif not folder.is_dir():
        beside = root / "Annotations"
        folder = beside if beside.is_dir() else root
    folder = ImageFolder(folder, "images", required=missing_files != "keep")
    paths, missing = {}, {}
    owner: dict[str, str] = {}
    for id_ in ids:
        names = _list_names(id_, files.get(id_))
        found = _find_image(folder, names, id_, files.get(id_))
        if found is not None and owner.setdefault(found, id_) != id_:
            raise ValueError(
                f"A picture must have one file of labels. Got {owner[found]!r} and "
                f"{id_!r} for '{found}'."
            )
        if found is None:
            where = f" ({files[id_].name})" if files.get(id_) else ""
            is_other = os.path.splitext(names[-1])[0] != id_
            given = f" or {names[-1]!r}" if is_other else ""
            missing[names[-1]] = f"'{folder.root / id_}'{given}{where}"
        if found is not None or missing_files == "keep":
            paths[id_] = found or str(folder.root / id_)
    if missing_files != "keep":
        report_missing(missing, len(ids), [folder], missing_files)
    return paths


def _list_names(id_, file):
    """Names that a picture may have: that of its file, and what stands there."""
    if file is None or not file.picture:
        return [id_]
    given = posixpath.join(posixpath.dirname(id_), file.picture)
    return list(dict.fromkeys([id_, given]))


def _find_image(folder, names, id_, file):
    """Path of the picture of a name, or that its file gives it; None without."""
    problem = None
    for name in names:
        try:
            found = folder.find(name)
        except ValueError as exc:  # such as two pictures that differ in their suffix
            problem = problem or exc
            continue
        if found is not None:
            return found
    if problem is not None:
        where = repr(id_) if file is None else file.name
        raise ValueError(f"{problem} ({where}).") from problem
    return None
