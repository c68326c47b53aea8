"""Tags given in CVAT, from its XML or the JSON of Datumaro."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Literal

import numpy as np

from sklearn_clip._shared import as_path, unify_names
from sklearn_clip.datasets._bunch import Loaded, check_choice
from sklearn_clip.datasets._collector import collector_paused
from sklearn_clip.datasets._image_files import ImageFolder
from sklearn_clip.datasets._missing_files import report_missing
from sklearn_clip.datasets._tag_targets import check_reader, choose_columns
from sklearn_clip.datasets.annotation_tools._cvat_files import read_export
from sklearn_clip.datasets.formats._rows import give_back, mark


@collector_paused()
def load_cvat(
    export: str | os.PathLike[str],
    images: str | os.PathLike[str] | None,
    *,
    shapes: Literal["ignore", "include"] = "ignore",
    classes: Iterable[str] | None = None,
    other_labels: Literal["raise", "ignore"] = "raise",
    unlabelled: Literal["keep", "drop", "unknown"] = "keep",
    duplicates: Literal["raise", "merge"] = "raise",
    missing_files: Literal["raise", "drop", "keep"] = "raise",
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Loaded:
    """Load the tags of images from an export of CVAT.

    A label is present where the image bears its tag, and absent from an image with
    other tags. CVAT does not say whether anybody looked at an image without a tag:
    `unlabelled` does.

    Parameters
    ----------
    export : str or path-like
        ``annotations.xml`` of "CVAT for images 1.1", of a task, a project or a job; or
        a JSON file of the Datumaro format. Of the COCO format :func:`load_coco` reads
        the tags.
    images : str, path-like or None
        The folder of the pictures. None leaves their names as they stand in the export.
    shapes : {"ignore", "include"}, default="ignore"
        Whether the label of a box, polygon, mask or other shape is one of its image.
    classes : list of str or None, default=None
        The labels and their order. None takes all of the header, used or not.
    other_labels : {"raise", "ignore"}, default="raise"
        What happens to labels that are not among `classes`. An image that bears none
        but such has been looked at.
    unlabelled : {"keep", "drop", "unknown"}, default="keep"
        What an image without a tag is: one that has none of the labels, one to leave
        out, or one about which nothing is known (NaN).
    duplicates : {"raise", "merge"}, default="raise"
        What happens to a picture that stands there twice, as in two tasks of a
        project: an error, or one row with the tags of both.
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
            Names of the images, with their folders.
        split : ndarray of shape (n,)
            The subset of each image, empty where it is in none.
        attributes : list of dict
            Of each row, attributes of its tags by label: texts by name.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a parameter is unknown, the file is no export, a label is not in its header
        or not among `classes`, or a picture stands there twice.
    FileNotFoundError
        If the export or a picture is not there.
    NotADirectoryError
        If `images` is no folder.
    ImportError
        If `as_frame` and pandas is not installed.

    See Also
    --------
    load_coco : Read the COCO format, in which tags are a file of their own.
    write_cvat_tags : Write tags that CVAT reads.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_clip.datasets import load_cvat
    >>> path = Path(tempfile.mkdtemp()) / "annotations.xml"
    >>> _ = path.write_text('''<annotations><version>1.1</version>
    ... <meta><task><labels><label><name>cat</name></label></labels></task></meta>
    ... <image id="0" name="a.jpg"><tag label="cat"/></image>
    ... <image id="1" name="b.jpg"/></annotations>''')
    >>> found = load_cvat(path, None, unlabelled="unknown")
    >>> found.target
    array([[ 1.],
           [nan]])
    """
    check_choice("shapes", shapes, ("ignore", "include"))
    check_choice("duplicates", duplicates, ("raise", "merge"))
    chosen = check_reader(
        classes,
        other_labels=other_labels,
        unlabelled=unlabelled,
        missing_files=missing_files,
    )
    path = as_path(export, "export")
    labels, entries = read_export(path, shapes == "include")
    spelled = unify_names(labels, chosen=chosen is not None)
    named = list(dict.fromkeys(spelled[label] for label in labels))
    names = named if chosen is None else chosen
    if not names:
        raise ValueError(f"The export must have labels. Got none ({path.name}).")
    found = {tag: entry.place for entry in reversed(entries) for tag in entry.tags}
    columns = choose_columns(found, names, other_labels, path.name)
    if images is not None:
        entries = _find_images(entries, images, missing_files)
    entries = _merge(entries, duplicates)
    if unlabelled == "drop":
        entries = [entry for entry in entries if entry.tags]
    if not entries:
        raise ValueError(f"The export must have images. Got none ({path.name}).")
    rows: list[Any] = []
    attributes = []
    unknown: frozenset[str] = frozenset()
    for entry in entries:
        known = {
            names[columns[tag]]: texts
            for tag, texts in entry.tags.items()
            if tag in columns
        }
        silent = not entry.tags and unlabelled == "unknown"
        rows.append(None if silent else (set(known), unknown))
        attributes.append({tag: texts for tag, texts in known.items() if texts})
    return give_back(
        [entry.path for entry in entries],
        mark(rows, names),
        names,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_cvat",
        ids=np.array([entry.name for entry in entries], dtype=object),
        split=np.array([entry.subset for entry in entries], dtype=object),
        attributes=attributes,
    )


def _find_images(entries, images, missing_files):
    """Put the path of its file in the place of the name of each image."""
    folder = ImageFolder(images, "images", required=missing_files != "keep")
    missing, kept = {}, []
    for entry in entries:
        path = None
        # Exports with pictures put those of a subset into a folder of its name.
        inside = [f"{entry.subset}/{entry.name}"] if entry.subset else []
        for name in (*inside, entry.name):
            try:
                path = path or folder.find(name)
            except ValueError as exc:
                raise ValueError(f"{exc} ({entry.place}).") from exc
        if path is None:
            missing[entry.name] = f"{entry.name!r} ({entry.place})"
            if missing_files != "keep":
                continue
            path = str(folder.root / entry.name)
        entry.path, entry.file = path, folder.identify(path)
        kept.append(entry)
    if missing_files != "keep":
        report_missing(missing, len(kept) + len(missing), [folder], missing_files)
    return kept


def _merge(entries, duplicates):
    """Make one entry of those of one picture, or refuse them."""
    merged: dict[Any, Any] = {}
    for entry in entries:
        first = merged.setdefault(entry.file, entry)
        if first is entry:
            continue
        if duplicates == "raise":
            raise ValueError(
                f"A picture must stand in an export once. Got {first.name!r} "
                f"({first.place}) and {entry.name!r} ({entry.place}). "
                "duplicates='merge' makes one row."
            )
        for tag, known in entry.tags.items():
            first.tags[tag] = {**known, **first.tags.get(tag, {})}
    return list(merged.values())
