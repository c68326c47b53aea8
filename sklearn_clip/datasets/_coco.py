"""Pictures, captions and labels of a data set in the format of COCO or LVIS."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sklearn_clip._shared import as_path, in_given_order, warn_user
from sklearn_clip.datasets._bunch import (
    Loaded,
    as_integers,
    check_choice,
    make_bunch,
    zero_targets,
)
from sklearn_clip.datasets._coco_files import (
    PREFIX,
    TAGS_PREFIX,
    read_captions,
    read_split,
)
from sklearn_clip.datasets._collector import collector_paused
from sklearn_clip.datasets._confidence import BoxConfidences, check_min_confidence
from sklearn_clip.datasets._image_files import ImageFolder
from sklearn_clip.datasets._missing_files import MISSING_FILES, report_missing

# Of a file in the format of COCO one of these stands near its beginning.
_KEYS = (b'"images"', b'"annotations"', b'"categories"', b'"licenses"')
_START = 2000
# Folders, and files in each, that are looked at for a hint.
_MOST = 20


@dataclass
class _Image:
    """What is known of an image; `absent` is None if all else is that is not unsure.

    `path` is the name in the file, later that on the disk, and `file` what is equal for
    all paths of one file.
    """

    split: str
    id: int | str
    path: str
    texts: list
    present: set
    absent: set | None
    unsure: set
    file: str | None = None


@collector_paused()
def load_coco(
    root: str | os.PathLike[str],
    *,
    split: str | Sequence[str] | None = None,
    captions: Literal["first", "joined", "each"] | None = "first",
    unlabelled: Literal["keep", "drop"] = "keep",
    duplicates: Literal["raise", "merge"] = "raise",
    missing_files: Literal["raise", "drop", "keep"] = "raise",
    min_confidence: float | None = None,
    images: str | os.PathLike[str] | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Loaded:
    """Load COCO, or a data set in its format, from a folder on disk.

    Nothing is fetched. The folder is what the archives of COCO unpack to::

        annotations/instances_train2017.json    categories, images, objects
        annotations/captions_train2017.json     five captions an image
        train2017/000000000009.jpg              or images/train2017/...
        annotations/labels_train2017.json       tags of images, from CVAT or Datumaro

    A row is an image with a caption. A label is true if an object of its category,
    of any size and single or in a crowd, is in the image, or if the image has its tag.
    Annotation tools write tags to a file of their own, which may stand alone.

    A file is one of LVIS's kind if any image has the key `neg_category_ids` or
    `not_exhaustive_category_ids`: its images were looked at for some of the categories
    alone. Then a label is 1 where there is an object (whether all are marked or not), 0
    where the category is among the `neg_category_ids` of the image, and NaN elsewhere.
    A name of a file that is wanting is taken from `coco_url`. LVIS has no captions, and
    other file names: put ``lvis_v1_val.json`` to the annotations as
    ``instances_lvis_v1_val.json``, and pass ``captions=None``.

    Parameters
    ----------
    root : str or path-like
        The folder.
    split : str, list of str or None, default=None
        The part after ``instances_``: ``"train2017"``, ``"val2017"``. None means all
        that are there.
    captions : {"first", "joined", "each"} or None, default="first"
        The text of a row: the first caption of the image (that with the lowest id),
        all of them joined to one, or one row for each. None reads no captions.
    unlabelled : {"keep", "drop"}, default="keep"
        Whether images without any object stay, as rows without a label. In COCO some
        1 % of the images have none; published figures differ in whether they count.
    duplicates : {"raise", "merge"}, default="raise"
        What happens to a file that two images of a split name: an error that names
        them, or they become one image, with the labels and captions of both.
    missing_files : {"raise", "drop", "keep"}, default="raise"
        What happens to rows whose file is not there: one error that names them, left
        out with a warning, or kept unseen.
    min_confidence : float or None, default=None
        Objects of a detector have a `score`. From this one, in [0, 1], on they are
        labels; a label with weaker objects alone is unknown (NaN). None takes all, and
        a warning tells of such scores.
    images : str, path-like or None, default=None
        The folder to which the file names of all splits are relative. None takes the
        first that holds any of ``root/<split>``, ``root/images/<split>``,
        ``root/images`` and ``root``. Files are found in the spelling of other systems
        too, as by :func:`load_csv_tags`.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether `data` and `target` are pandas DataFrames.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (n, 2), dtype object, or DataFrame
            Path of the picture and caption, None where there is none. The DataFrame
            has the columns ``image`` and ``text``.
        target : ndarray of shape (n, n_labels), or DataFrame
            1 where the label is true of the row; int64, or float64 with NaN where
            nobody has looked.
        target_names : list of str
            All categories of the file, ordered by their ids (which have gaps): 80 in
            COCO. Those of one name are one, if no more than one of them has objects.
            A warning tells of one that is in no image and stands above others, as the
            name of the project that Roboflow lists.
        split : ndarray of shape (n,), dtype str
            The split of each row.
        groups : ndarray of shape (n,)
            The id of the image: equal for the rows of one image, which must not be
            torn apart in cross-validation. A number counted over all splits where
            they use an id for different images, as annotation tools do, or NumPy has
            no numbers for them.
        frame : DataFrame or None
            `data` and `target` side by side, if `as_frame`.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a parameter is unknown, a file is not in the format or contradicts itself,
        two images are one file, two splits share images or have different categories,
        captions are about other images, no image
        is left, or a category is called ``image`` or ``text`` and `as_frame`.
    FileNotFoundError
        If a file of annotations or a picture is not there.
    NotADirectoryError
        If `images` is no folder, unless `missing_files` is ``"keep"``.
    ImportError
        If `as_frame` and pandas is not installed.

    See Also
    --------
    load_csv_tags : Read a folder of images and a CSV of labels.

    References
    ----------
    Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014,
    arXiv:1405.0312. https://cocodataset.org/#format-data

    Gupta et al., "LVIS: A Dataset for Large Vocabulary Instance Segmentation", CVPR
    2019, arXiv:1908.03195, section 2.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from sklearn_clip.datasets import load_coco
    >>> coco = Path(tempfile.mkdtemp())
    >>> for name in ("annotations", "val"):
    ...     (coco / name).mkdir()
    >>> (coco / "val" / "1.jpg").touch()
    >>> instances = {
    ...     "images": [{"id": 1, "file_name": "1.jpg"}],
    ...     "annotations": [{"id": 7, "image_id": 1, "category_id": 3}],
    ...     "categories": [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}],
    ... }
    >>> written = (coco / "annotations" / "instances_val.json").write_text(
    ...     json.dumps(instances))
    >>> found = load_coco(coco, captions=None)
    >>> found.target_names, found.target
    (['person', 'car'], array([[0, 1]]))
    """
    check_choice("captions", captions, ("first", "joined", "each", None))
    check_choice("unlabelled", unlabelled, ("keep", "drop"))
    check_choice("duplicates", duplicates, ("raise", "merge"))
    check_choice("missing_files", missing_files, MISSING_FILES)
    root = as_path(root, "root")
    check_min_confidence(min_confidence, of_boxes=True)
    confidences = BoxConfidences(min_confidence)
    names: Any = None
    found: list[_Image] = []
    used: set[int] = set()
    kinds: set[str] = set()
    for part in _find_splits(root, split):
        categories, entries, above = _read_split(
            root, part, captions, unlabelled, confidences
        )
        if names not in (None, categories):
            raise ValueError(
                f"Splits must have the same categories. Got {names} and {categories} "
                f"({part}). Load one split at a time."
            )
        names = categories
        kinds |= above
        used.update(*(image.present | image.unsure for image in entries))
        entries = _find_images(root, part, images, entries, missing_files)
        found += _merge(entries, duplicates, names)
    if not found:
        kind = "images with objects" if unlabelled == "drop" else "images"
        raise ValueError(f"The splits of '{root}' must have {kind}. Got none.")
    _tell_of_group_rows(names, used, kinds)
    confidences.tell()
    groups = _number_groups(found)
    rows = [
        (number, text)
        for number, image in enumerate(found)
        for text in _texts(image.texts, captions)
    ]
    numbers = [number for number, _ in rows]
    target = _indicate(found, len(names))
    if len(rows) > len(found):  # else it is a copy of what may be large
        target = target[numbers]
    return make_bunch(
        [found[number].path for number in numbers],
        [text for _, text in rows],
        target,
        names,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_coco",
        split=np.array([found[number].split for number in numbers]),
        groups=groups[numbers],
    )


def _indicate(images, n_labels):
    """Targets of the images, of 0, 1 and NaN."""
    known = all(image.absent is None and not image.unsure for image in images)
    target = zero_targets(len(images), n_labels, known=known)
    for row, image in zip(target, images, strict=True):
        if image.absent is not None:
            row[:] = np.nan
            row[sorted(image.absent)] = 0
        elif image.unsure:
            row[sorted(image.unsure)] = np.nan
        row[sorted(image.present)] = 1
    return as_integers(target)


def _find_splits(root, split):
    """Names of the splits to read, all with a file of objects or tags."""
    folder = root / "annotations"
    there = sorted(
        {
            path.stem.removeprefix(prefix)
            for prefix in (PREFIX, TAGS_PREFIX)
            for path in folder.glob(f"{prefix}*.json")
        }
    )
    if not there:
        kind = "the file " if root.is_file() else ""
        raise FileNotFoundError(
            f"root must hold annotations/{PREFIX}<split>.json. Got {kind}'{root}'."
            f"{_hint_at_file(root)}"
        )
    if split is None:
        wanted = there
    else:
        wanted = [split] if isinstance(split, str) else in_given_order(split, "split")
    unknown = [name for name in wanted if name not in there]
    if unknown or not wanted:
        raise ValueError(
            f"split must name files annotations/{PREFIX}<split>.json of '{root}', "
            f"which has {', '.join(map(repr, there))}. Got {split!r}."
        )
    return list(dict.fromkeys(wanted))


def _hint_at_file(root):
    """Say where a file that tools name otherwise should be, if there is one."""
    if root.is_file():
        return " Give the folder that holds 'annotations'."
    folders = sorted(path for path in root.glob("*") if path.is_dir())
    places = [root, root / "annotations", *folders[:_MOST]]
    files = (sorted(place.glob("*.json"))[:_MOST] for place in places)
    for path in chain.from_iterable(files):
        with path.open("rb") as file:
            start = file.read(_START)
        if start.lstrip().startswith(b"{") and any(key in start for key in _KEYS):
            # "train/_annotations.coco.json" is that of a folder of pictures.
            named = path.parent.name if path.name[0] == "_" else path.stem
            return (
                f" There is '{path.relative_to(root)}': copy it to "
                f"'annotations/{PREFIX}{named}.json'."
            )
    return ""


def _read_split(root, split, captions, unlabelled, confidences):
    """Names of the categories, and images that know the names of their files."""
    folder = root / "annotations"
    objects = read_split(folder, split, confidences)
    texts = {}
    if captions is not None:
        texts = read_captions(folder / f"captions_{split}.json", objects.files)
    images = [
        _Image(
            split,
            image,
            name,
            texts.get(image, []),
            objects.present[image],
            None if objects.absent is None else objects.absent[image],
            objects.unsure[image],
        )
        for image, name in objects.files.items()
        if objects.present[image] or objects.unsure[image] or unlabelled == "keep"
    ]
    return objects.names, images, objects.above


def _tell_of_group_rows(names, used, above):
    """Warn of a category that others are kinds of, and that no image has."""
    bare = [name for i, name in enumerate(names) if i not in used and name in above]
    if bare and used:
        warn_user(
            f"A category should be in an image. Got {', '.join(map(repr, bare[:3]))}, "
            "which is in none and stands as the supercategory of others, as Roboflow "
            "lists the project: its column is 0 in every row. Take it out of the file, "
            "or out of target and target_names, unless it is a label."
        )


def _texts(found, captions):
    """Texts of the rows of one image; a row without one has None."""
    if captions == "joined":
        found = [" ".join(found)] if found else []
    elif captions == "first":
        found = found[:1]
    return found or [None]


def _find_images(root, split, images, entries, missing_files):
    """Put the path of its file in the place of the file name of each image."""
    places = [images]
    if images is None:
        places = [root / split, root / "images" / split, root / "images", root]
    required = images is not None and missing_files != "keep"
    what = f"The pictures of {split!r} (images=...)"
    folders = [ImageFolder(place, what, required=required) for place in places]
    for folder in folders:
        paths = _find_files(folder, entries)
        # Names may hold the folder: `images/train/1.jpg`, or `train/1.jpg` in `images`.
        if any(path is not None for path in paths.values()):
            folders = [folder]
            break
    if missing_files == "keep":
        unseen = folders[0].root
        paths = {name: path or str(unseen / name) for name, path in paths.items()}
    missing = {name: repr(name) for name, path in paths.items() if path is None}
    report_missing(missing, len(paths), folders, missing_files)
    entries = [image for image in entries if paths[image.path] is not None]
    for image in entries:
        image.path = paths[image.path]
        image.file = folders[0].identify(image.path)
    return entries


def _find_files(folder, images):
    """Path of each file name in a folder, None if it is not there."""
    paths = {}
    for image in images:
        if image.path in paths:
            continue
        try:
            paths[image.path] = folder.find(image.path)
        except ValueError as exc:
            raise ValueError(f"{exc} (image {image.id} of {image.split!r}).") from exc
    return paths


def _merge(images, duplicates, names):
    """Make one image of those of one file, or refuse them."""
    merged = {}
    for image in images:
        first = merged.setdefault(image.file, image)
        if first is image:
            continue
        if duplicates == "raise":
            raise ValueError(
                "A file must be one image, or its rows contradict each other and are "
                f"torn apart. Got the ids {first.id!r} and {image.id!r} for "
                f"'{image.path}' ({image.split!r}). duplicates='merge' makes one image."
            )
        first.texts = list(dict.fromkeys([*first.texts, *image.texts]))
        first.present = first.present | image.present
        first.unsure = first.unsure | image.unsure
        if first.absent is None:
            continue
        first.absent = first.absent | image.absent
        both = first.present & first.absent
        if both:
            raise ValueError(
                "The entries of a file must agree. Got "
                f"{names[min(both)]!r} with an object, and among those surely absent, "
                f"for the ids {first.id!r} and {image.id!r} ({image.split!r})."
            )
    return list(merged.values())


def _number_groups(images):
    """Group of each image: its id, or a number where ids are not unique or too big."""
    known, holder = {}, {}
    for image in images:
        there = known.setdefault(image.id, [])
        for other in (*there, holder.setdefault(image.file, image)):
            if other.split != image.split and _is_same(other, image):
                whose = f"id {image.id}" if other.id == image.id else f"'{image.path}'"
                raise ValueError(
                    f"Splits must not share images. Got the {whose} in "
                    f"{other.split!r} and {image.split!r}. Name the splits with "
                    "split=..."
                )
        there.append(image)
    kinds = {isinstance(image.id, str) for image in images}
    if len(kinds) == 1 and all(len(there) == 1 for there in known.values()):
        groups = np.array([image.id for image in images])
        # NumPy makes floats of whole numbers of which one is beyond 64 bits.
        if groups.dtype != object and groups.tolist() == [x.id for x in images]:
            return groups
    # Annotation tools count the images of each file from 1; 1 is not '1'.
    return np.arange(len(images))


def _is_same(first, second):
    """Whether two images show the same, judged by name where one is unseen."""
    paths = Path(first.path), Path(second.path)
    if first.file == second.file:
        return True
    if all(path.is_file() for path in paths):
        return filecmp.cmp(*paths, shallow=False)
    return paths[0].name == paths[1].name
