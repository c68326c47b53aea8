"""Pictures and labels in the form of YOLO."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from sklearn_clip._shared import as_path, warn_user
from sklearn_clip.datasets._bunch import Loaded, check_choice
from sklearn_clip.datasets._confidence import BoxConfidences, check_min_confidence
from sklearn_clip.datasets._image_files import ImageFolder
from sklearn_clip.datasets._missing_files import MISSING_FILES, report_missing
from sklearn_clip.datasets.formats._darknet import DATA
from sklearn_clip.datasets.formats._rows import find_pictures, give_back, mark
from sklearn_clip.datasets.formats._yolo_files import (
    Texts,
    is_darknet,
    read_classes,
    read_description,
    read_list,
    split_places,
)


def load_yolo(
    data: str | os.PathLike[str],
    *,
    split: str | Sequence[str] | None = None,
    unlabelled: Literal["keep", "drop", "unknown"] = "keep",
    missing_labels: Literal["unknown", "absent", "drop"] = "unknown",
    missing_files: Literal["raise", "drop", "keep"] = "raise",
    min_confidence: float | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Loaded:
    """Load labels in the form of YOLO: a text of numbers beside each picture.

    A label is present where a line of the text begins with its number and absent where
    none does. Boxes are not read, only checked; of their confidences `min_confidence`
    says what they count for.

    Parameters
    ----------
    data : str or path-like
        The YAML file that names the classes and the folders or lists of pictures, such
        as ``data.yaml``. Paths in it are relative to its ``path``, and that to the
        file. Needs PyYAML. Or the file of Darknet, ``obj.data``, as annotation tools
        write it: its paths are relative to its folder, which they may call ``data``.
    split : str, list of str or None, default=None
        Which of the entries ``train``, ``val`` (also ``valid`` and ``validation``) and
        ``test`` to load, in any case. None loads all of these. Lists that the file
        names otherwise, as of the subsets of an annotation tool, are loaded by name.
    unlabelled : {"keep", "drop", "unknown"}, default="keep"
        What a picture is whose text is empty. The form cannot tell: a row that was
        looked at and has none of the labels, a row to leave out, or one about which
        nothing is known (NaN), as where pictures were tagged without boxes.
    missing_labels : {"unknown", "absent", "drop"}, default="unknown"
        What a picture is that has no text: nothing is known (NaN), none of the labels
        is there, as trainers of YOLO take it, or a row to leave out.
    missing_files : {"raise", "drop", "keep"}, default="raise"
        What happens to texts and lines of lists whose picture is not there, as in
        :func:`load_csv_tags`.
    min_confidence : float or None, default=None
        Boxes of a detector have a confidence as their sixth number. From this one, in
        [0, 1], on they are labels; a label with weaker boxes alone is unknown (NaN).
        None takes all boxes, and a warning tells of such numbers.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether `data` and `target` are pandas DataFrames.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        As of :func:`load_csv_tags`: `data` of shape (n, 2), of which the texts are
        None, `target` of shape (n, n_labels), `target_names` in the order of the file,
        `groups`, `frame`, and

        split : ndarray of shape (n,)
            The split of each row.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a parameter is unknown, the file names no classes, one twice or another
        number of them than it says, a line of a text does not begin with the number of
        one, a confidence that is to be compared is not in [0, 1], or a picture is in
        two splits.
    IsADirectoryError
        If `data` is a folder.
    FileNotFoundError
        If a file, a folder or a picture is not there.
    ImportError
        If PyYAML is not installed, or pandas and `as_frame`.

    See Also
    --------
    load_coco : Read a data set in the format of COCO.
    load_voc : Read labels as Pascal VOC has them.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_clip.datasets import load_yolo
    >>> root = Path(tempfile.mkdtemp())
    >>> for folder in ("images", "labels"):
    ...     (root / folder).mkdir()
    >>> for name, text in (("0", "1 .5 .5 .2 .2"), ("1", "")):
    ...     (root / "images" / f"{name}.jpg").touch()
    ...     _ = (root / "labels" / f"{name}.txt").write_text(text)
    >>> _ = (root / "data.yaml").write_text("{train: images, names: [cat, dog]}")
    >>> found = load_yolo(root / "data.yaml")
    >>> found.target_names
    ['cat', 'dog']
    >>> found.target
    array([[0, 1],
           [0, 0]])
    """
    check_choice("unlabelled", unlabelled, ("keep", "drop", "unknown"))
    check_choice("missing_labels", missing_labels, ("unknown", "absent", "drop"))
    check_choice("missing_files", missing_files, MISSING_FILES)
    check_min_confidence(min_confidence, of_boxes=True)
    path = as_path(data, "data")
    description, names = read_description(path)
    found: dict[str, Any] = {}
    split_of: dict[str, str] = {}
    file_of: dict[str, str] = {}
    real_folders: dict[str, str] = {}
    texts = Texts()
    confidences = BoxConfidences(min_confidence)
    pictures_of: dict[Any, list[str]] = {}
    for name, places in split_places(path, description, split).items():
        pictures, text_of = _list_pictures(
            places, missing_files, texts, is_darknet(path)
        )
        for picture in pictures:
            real = _follow(picture, real_folders)
            first = file_of.setdefault(real, picture)
            if split_of.get(first, name) != name:
                raise ValueError(
                    f"Splits must not share images. Got '{picture}' in "
                    f"{split_of[first]!r} and {name!r} ({path.name}). Name the splits "
                    "with split=..."
                )
            split_of[first] = name
            if first not in found:
                text = text_of.get(first) or texts.find(first)
                found[first] = read_classes(text, names, confidences)
                if text is not None:
                    pictures_of.setdefault(text, []).append(first)
    _tell_of_shared(pictures_of)
    confidences.tell()
    if found and all(labels is None for labels in found.values()):
        picture = next(iter(found))
        warn_user(
            f"Pictures should have texts of labels. Got none for {len(found)} pictures "
            f"of '{path}', such as '{picture}'. Texts lie in a folder 'labels' where "
            "pictures are in one called 'images', or beside them."
        )
    nothing: Any = frozenset(), frozenset()
    unread: dict[Any, str] = {None: missing_labels, nothing: unlabelled}
    rows: list[Any] = []
    kept = []
    for picture, labels in found.items():
        action = unread.get(labels, "keep")
        if action != "drop":
            kept.append(picture)
            rows.append(None if action == "unknown" else labels or nothing)
    columns = list(names.values())
    if not rows:
        raise ValueError(f"The data set must have labels. Got none ('{path}').")
    return give_back(
        kept,
        mark(rows, columns),
        columns,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_yolo",
        split=np.array([split_of[picture] for picture in kept]),
    )


def _tell_of_shared(pictures_of):
    """Warn of texts that several pictures have, as a.jpg and a.png."""
    shared = [(text, of) for text, of in pictures_of.items() if len(of) > 1]
    if shared:
        text, pictures = shared[0]
        more = f", and {len(shared) - 1} more such texts" if len(shared) > 1 else ""
        warn_user(
            f"A text should belong to one picture. Got '{pictures[0]}' and "
            f"'{pictures[1]}' for '{text}'{more}: each of them gets its labels. Where "
            "they are not the same picture, give them other names, and texts of their "
            "own."
        )


def _list_pictures(places, missing_files, texts, of_darknet):
    """Paths of the pictures of folders and lists, and of the texts of missing ones."""
    pictures, text_of = [], {}
    for place in places:
        folder = ImageFolder(place if place.is_dir() else place.parent, "path")
        missing, found = {}, []
        if place.is_dir():
            found = find_pictures(place)
            alone = texts.find_alone(place, found)
            text_of |= {str(folder.root / stem): text for stem, text in alone}
            named = [(stem, text.name) for stem, text in alone]
        else:
            named = read_list(place)
        for name, where in named:
            try:
                picture = folder.find(name)
                if picture is None and of_darknet:
                    name = name.removeprefix(DATA)
                    picture = folder.find(name)
            except ValueError as exc:
                raise ValueError(f"{exc} ({where}).") from exc
            if picture is None:
                missing[name] = f"{name!r} ({where})"
                if missing_files == "keep":
                    picture = str(folder.root / name)
            found += [] if picture is None else [picture]
        if missing_files != "keep":
            n_images = len(found) + len(missing)
            report_missing(missing, n_images, [folder], missing_files, parameter=None)
        pictures += found
    return pictures, text_of


def _follow(picture, real_folders):
    """Path of a picture without links; `real_folders` has those of its folders."""
    folder, name = os.path.split(picture)
    if folder not in real_folders:
        real_folders[folder] = os.path.realpath(folder)
    path = os.path.join(real_folders[folder], name)
    return os.path.realpath(path) if os.path.islink(path) else path
