"""Pictures, captions and labels of a data set in the format of COCO."""

import filecmp
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sklearn_clip.datasets._bunch import check_choice, make_bunch
from sklearn_clip.datasets._coco_files import PREFIX, read_captions, read_objects
from sklearn_clip.datasets._image_files import ImageFolder
from sklearn_clip.datasets._missing_files import MISSING_FILES, report_missing


@dataclass
class _Row:
    """One row of the data set; `file` is the name in its file, later the path."""

    split: str
    image: int | str
    file: str
    text: str | None
    labels: set


def load_coco(
    root,
    *,
    split=None,
    captions="first",
    unlabelled="keep",
    missing_files="raise",
    images=None,
    return_X_y=False,
    as_frame=False,
):
    """Load COCO, or a data set in its format, from a folder on disk.

    Nothing is fetched. The folder is what the archives of COCO unpack to::

        annotations/instances_train2017.json    categories, images, objects
        annotations/captions_train2017.json     five captions an image
        train2017/000000000009.jpg              or images/train2017/...

    A row is an image with a caption. A label is true if an object of its category,
    of any size and single or in a crowd, is in the image.

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
    missing_files : {"raise", "drop", "keep"}, default="raise"
        What happens to rows whose file is not there: one error that names them, left
        out with a warning, or kept unseen.
    images : str, path-like or None, default=None
        The folder to which the file names of all splits are relative. None takes the
        first that holds any of ``root/<split>``, ``root/images/<split>``,
        ``root/images`` and ``root``.
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
        target : ndarray of shape (n, n_labels), dtype int64, or DataFrame
            1 where the label is true of the row.
        target_names : list of str
            All categories of the file, ordered by their ids (which have gaps): 80 in
            COCO. Those of one name are one, if no more than one of them has objects.
        split : ndarray of shape (n,), dtype str
            The split of each row.
        groups : ndarray of shape (n,)
            The id of the image: equal for the rows of one image, which must not be
            torn apart in cross-validation. A number counted over all splits where
            they use an id for different images, as annotation tools do.
        frame : DataFrame or None
            `data` and `target` side by side, if `as_frame`.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a parameter is unknown, a file is not in the format, two splits share
        images or have different categories, captions are about other images, no image
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
    check_choice("missing_files", missing_files, MISSING_FILES)
    root = Path(root).expanduser()
    names, rows = None, []
    for part in _find_splits(root, split):
        categories, found = _read_split(root, part, captions, unlabelled)
        if names not in (None, categories):
            raise ValueError(
                f"Splits must have the same categories. Got {names} and {categories} "
                f"({part}). Load one split at a time."
            )
        names = categories
        rows += _find_images(root, part, images, found, missing_files)
    if not rows:
        kind = "images with objects" if unlabelled == "drop" else "images"
        raise ValueError(f"The splits of '{root}' must have {kind}. Got none.")
    target = np.zeros((len(rows), len(names)), dtype=np.int64)
    for i, row in enumerate(rows):
        target[i, sorted(row.labels)] = 1
    return make_bunch(
        [row.file for row in rows],
        [row.text for row in rows],
        target,
        names,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_coco",
        split=np.array([row.split for row in rows]),
        groups=_number_groups(rows),
    )


def _find_splits(root, split):
    """Names of the splits to read, all with a file of objects."""
    folder = root / "annotations"
    there = sorted(
        path.stem.removeprefix(PREFIX) for path in folder.glob(f"{PREFIX}*.json")
    )
    if not there:
        raise FileNotFoundError(
            f"root must hold annotations/{PREFIX}<split>.json. Got '{root}'."
        )
    wanted = there if split is None else [split] if isinstance(split, str) else split
    unknown = [name for name in wanted if name not in there]
    if unknown or not wanted:
        raise ValueError(
            f"split must name files annotations/{PREFIX}<split>.json of '{root}', "
            f"which has {', '.join(map(repr, there))}. Got {split!r}."
        )
    return list(dict.fromkeys(wanted))


def _read_split(root, split, captions, unlabelled):
    """Names of the categories, and rows that know the names of their files."""
    folder = root / "annotations"
    names, files, labels = read_objects(folder / f"{PREFIX}{split}.json")
    texts = {}
    if captions is not None:
        texts = read_captions(folder / f"captions_{split}.json", files)
    rows = [
        _Row(split, image, file, text, labels[image])
        for image, file in files.items()
        if labels[image] or unlabelled == "keep"
        for text in _texts(texts.get(image, []), captions)
    ]
    return names, rows


def _texts(found, captions):
    """Texts of the rows of one image; a row without one has None."""
    if captions == "joined":
        found = [" ".join(found)] if found else []
    elif captions == "first":
        found = found[:1]
    return found or [None]


def _find_images(root, split, images, rows, missing_files):
    """Put the path of its picture in the place of the file name of each row."""
    places = [images]
    if images is None:
        places = [root / split, root / "images" / split, root / "images", root]
    required = images is not None and missing_files != "keep"
    what = f"The pictures of {split!r} (images=...)"
    folders = [ImageFolder(place, what, required=required) for place in places]
    for folder in folders:
        paths = _find_files(folder, rows)
        # Names may hold the folder: `images/train/1.jpg`, or `train/1.jpg` in `images`.
        if any(path is not None for path in paths.values()):
            folders = [folder]
            break
    if missing_files == "keep":
        unseen = folders[0].root
        paths = {name: path or str(unseen / name) for name, path in paths.items()}
    missing = {name: repr(name) for name, path in paths.items() if path is None}
    report_missing(missing, len(paths), folders, missing_files)
    rows = [row for row in rows if paths[row.file] is not None]
    for row in rows:
        row.file = paths[row.file]
    return rows


def _find_files(folder, rows):
    """Path of each file name in a folder, None if it is not there."""
    paths = {}
    for row in rows:
        if row.file in paths:
            continue
        try:
            paths[row.file] = folder.find(row.file)
        except ValueError as exc:
            raise ValueError(f"{exc} (image {row.image} of {row.split!r}).") from exc
    return paths


def _number_groups(rows):
    """Group of each row: the id of its image, or a number where ids are not unique."""
    files = {}
    for row in rows:
        there = files.setdefault(row.image, {})
        if row.split in there:
            continue
        for split, file in there.items():
            if _is_same(file, row.file):
                raise ValueError(
                    f"Splits must not share images. Got the id {row.image} in "
                    f"{split!r} and {row.split!r}. Name the splits with split=..."
                )
        there[row.split] = row.file
    if all(len(there) == 1 for there in files.values()):
        return np.array([row.image for row in rows])
    # Annotation tools count the images of each file from 1.
    numbers = {}
    keys = [(row.split, row.image) for row in rows]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys])


def _is_same(first, second):
    """Whether two files hold the same picture, judged by name where one is unseen."""
    first, second = Path(first), Path(second)
    if first.is_file() and second.is_file():
        return filecmp.cmp(first, second, shallow=False)
    return first.name == second.name
