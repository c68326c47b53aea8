"""Pictures, captions and labels of a data set in the format of COCO."""

import json
from pathlib import Path

import numpy as np

from sklearn_clip.datasets._bunch import check_choice, make_bunch
from sklearn_clip.datasets._image_files import (
    MISSING_FILES,
    ImageFolder,
    report_missing,
)

# All that is read. Outlines are most of a file; they are dropped as soon as parsed.
_KEPT = (
    "annotations",
    "caption",
    "categories",
    "category_id",
    "file_name",
    "id",
    "image_id",
    "images",
    "name",
)
_PREFIX = "instances_"


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
        The folder of the pictures, for all splits. None means ``root/<split>``, else
        ``root/images/<split>``.
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
            COCO.
        split : ndarray of shape (n,), dtype str
            The split of each row.
        groups : ndarray of shape (n,)
            The id of the image: equal for the rows of one image, which must not be
            torn apart in cross-validation.
        frame : DataFrame or None
            `data` and `target` side by side, if `as_frame`.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a parameter is unknown, a file is not in the format, or two splits share
        images or have different categories.
    FileNotFoundError
        If a file of annotations or a picture is not there.
    NotADirectoryError
        If a folder is not there.
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
    names, rows, parts = None, [], {}
    for part in _find_splits(root, split):
        categories, found = _read_split(root, part, captions, unlabelled)
        if names not in (None, categories):
            raise ValueError(
                f"Splits must have the same categories. Got {names} and {categories} "
                f"({part}). Load one split at a time."
            )
        names = categories
        for image in dict.fromkeys(row[0] for row in found):
            if image in parts:
                raise ValueError(
                    f"Splits must not share images. Got the id {image} in "
                    f"{parts[image]!r} and {part!r}. Name the splits with split=..."
                )
            parts[image] = part
        rows += _find_images(root, part, images, found, missing_files)
    target = np.zeros((len(rows), len(names)), dtype=np.int64)
    for i, (_, _, _, labels) in enumerate(rows):
        target[i, sorted(labels)] = 1
    return make_bunch(
        [path for _, path, _, _ in rows],
        [text for _, _, text, _ in rows],
        target,
        names,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_coco",
        split=np.array([parts[image] for image, _, _, _ in rows]),
        groups=np.array([image for image, _, _, _ in rows]),
    )


def _find_splits(root, split):
    """Names of the splits to read, all with a file of objects."""
    folder = root / "annotations"
    there = sorted(
        path.stem.removeprefix(_PREFIX) for path in folder.glob(f"{_PREFIX}*.json")
    )
    if not there:
        raise FileNotFoundError(
            f"root must hold annotations/{_PREFIX}<split>.json. Got '{root}'."
        )
    wanted = there if split is None else [split] if isinstance(split, str) else split
    unknown = [name for name in wanted if name not in there]
    if unknown or not wanted:
        raise ValueError(
            f"split must name files annotations/{_PREFIX}<split>.json of '{root}', "
            f"which has {', '.join(map(repr, there))}. Got {split!r}."
        )
    return list(dict.fromkeys(wanted))


def _read_split(root, split, captions, unlabelled):
    """Categories in order of their ids, and rows (image id, file, text, labels)."""
    path = root / "annotations" / f"{_PREFIX}{split}.json"
    content = _read_json(path, ("images", "annotations", "categories"))
    named = sorted((c["id"], c["name"]) for c in content["categories"])
    names = [name for _, name in named]
    if len(set(names)) < len(names) or len(dict(named)) < len(names):
        raise ValueError(
            f"The categories of '{path}' must have distinct ids and names. Got {named}."
        )
    column = {category: i for i, (category, _) in enumerate(named)}
    labels = {image["id"]: set() for image in content["images"]}
    if len(labels) < len(content["images"]):
        raise ValueError(f"The images of '{path}' must have distinct ids.")
    for entry in content["annotations"]:
        image, category = entry["image_id"], entry["category_id"]
        if image not in labels or category not in column:
            what = "image_id" if image not in labels else "category_id"
            raise ValueError(
                f"Annotations of '{path}' must refer to its images and categories. Got "
                f"{what} {entry[what]!r} (annotation {entry.get('id')})."
            )
        labels[image].add(column[category])
    texts = {} if captions is None else _read_captions(root, split)
    rows = [
        (image["id"], image["file_name"], text, labels[image["id"]])
        for image in content["images"]
        if labels[image["id"]] or unlabelled == "keep"
        for text in _texts(texts.get(image["id"], []), captions)
    ]
    return names, rows


def _read_captions(root, split):
    """Captions by image id, in the order of their own ids."""
    path = root / "annotations" / f"captions_{split}.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"Captions must be in '{path}'. Got no such file. captions=None does "
            "without."
        )
    found = {}
    entries = _read_json(path, ("annotations",))["annotations"]
    for entry in sorted(entries, key=lambda entry: entry["id"]):
        text = " ".join(entry["caption"].split())
        if text:
            found.setdefault(entry["image_id"], []).append(text)
    return found


def _texts(found, captions):
    """Texts of the rows of one image; a row without one has None."""
    if captions == "joined":
        found = [" ".join(found)] if found else []
    elif captions == "first":
        found = found[:1]
    return found or [None]


def _find_images(root, split, images, rows, missing_files):
    """Put the path of its picture in the place of the file name of each row."""
    places = [root / split, root / "images" / split]
    if images is not None:
        places = [Path(images)]
    place = next((place for place in places if place.is_dir()), places[0])
    if missing_files == "keep":
        return [(i, str(place / name), text, labels) for i, name, text, labels in rows]
    folder = ImageFolder(place, f"The pictures of {split!r} (images=...)")
    paths = {name: folder.find(name) for _, name, _, _ in rows}
    missing = [f"'{name}'" for name, path in paths.items() if path is None]
    report_missing(missing, len(paths), place, missing_files)
    return [
        (image, paths[name], text, labels)
        for image, name, text, labels in rows
        if paths[name] is not None
    ]


def _read_json(path, lists):
    """Read a file of annotations, of which `lists` are needed."""

    def keep(entry):
        return {key: entry[key] for key in _KEPT if key in entry}

    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file, object_hook=keep)
    except ValueError as exc:  # not JSON, not UTF-8
        raise ValueError(f"'{path}' must be a JSON file. Got: {exc}.") from exc
    needed = {
        "images": ("id", "file_name"),
        "categories": ("id", "name"),
        "annotations": ("image_id", "category_id"),
    }
    if "images" not in lists:
        needed["annotations"] = ("id", "image_id", "caption")
    for name in lists:
        entries = content.get(name) if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise ValueError(
                f"'{path}' must be in the format of COCO. Got no list {name!r}."
            )
        for number, entry in enumerate(entries):
            absent = [key for key in needed[name] if key not in entry]
            if absent:
                raise ValueError(
                    f"Entries of {name!r} in '{path}' must have {absent[0]!r}. Got "
                    f"{entry!r:.80} (entry {number})."
                )
    return content
