"""The files of annotations of COCO: read, checked entry by entry, and joined."""

import json

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
_IDS = ("id", "image_id", "category_id")
PREFIX = "instances_"


def read_objects(path):
    """Read a file of objects.

    Parameters
    ----------
    path : Path

    Returns
    -------
    names : list of str
        The categories, ordered by their ids. Those of one name are one.
    files : dict of {int or str: str}
        File name by id of the image, in the order of the file.
    labels : dict of {int or str: set of int}
        Positions in `names` of the objects, by id of the image.

    Raises
    ------
    ValueError
        If the file is not in the format.
    """
    needed = {
        "images": ("id", "file_name"),
        "categories": ("id", "name"),
        "annotations": ("image_id", "category_id"),
    }
    content = _read_json(path, needed)
    files = {image["id"]: image["file_name"] for image in content["images"]}
    if len(files) < len(content["images"]):
        raise ValueError(f"The images of '{path}' must have distinct ids.")
    categories = sorted((c["id"], c["name"]) for c in content["categories"])
    used = {entry["category_id"] for entry in content["annotations"]}
    # Exports list a group of categories as one more, which no object has.
    used_names = [name for category, name in categories if category in used]
    n_ids = len(dict(categories))
    if n_ids < len(categories) or len(set(used_names)) < len(used_names):
        raise ValueError(
            f"The categories of '{path}' must have distinct ids and names. Got "
            f"{categories}."
        )
    names = list(dict.fromkeys(name for _, name in categories))
    column = {category: names.index(name) for category, name in categories}
    labels = {image: set() for image in files}
    for number, entry in enumerate(content["annotations"]):
        image, category = entry["image_id"], entry["category_id"]
        if image not in labels or category not in column:
            what = "image_id" if image not in labels else "category_id"
            raise ValueError(
                f"Annotations of '{path}' must refer to its images and categories. Got "
                f"{what} {entry[what]!r} (annotation {entry.get('id', number)})."
            )
        labels[image].add(column[category])
    return names, files, labels


def read_captions(path, images):
    """Read a file of captions.

    Parameters
    ----------
    path : Path
    images : container of int or str
        The ids that there are.

    Returns
    -------
    dict of {int or str: list of str}
        Captions by id of the image, in the order of their own ids. White space is
        joined, and empty captions are none.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ValueError
        If the file is not in the format, or is about other images.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"Captions must be in '{path}'. Got no such file. captions=None does "
            "without."
        )
    needed = {"annotations": ("id", "image_id", "caption")}
    entries = _read_json(path, needed)["annotations"]
    for number, entry in enumerate(entries):
        if entry["image_id"] not in images:
            raise ValueError(
                f"Captions in '{path}' must refer to images of the file of objects. "
                f"Got image_id {entry['image_id']!r} (entry {number}). captions=None "
                "does without."
            )
    found = {}
    for entry in sorted(entries, key=lambda entry: entry["id"]):
        text = " ".join(entry["caption"].split())
        if text:
            found.setdefault(entry["image_id"], []).append(text)
    return found


def _read_json(path, needed):
    """Read a file, of which `needed` says the lists and the keys of their entries."""

    def keep(entry):
        return {key: entry[key] for key in _KEPT if key in entry}

    try:
        with open(path, encoding="utf-8-sig") as file:
            content = json.load(file, object_hook=keep)
    except ValueError as exc:  # not JSON, not UTF-8
        raise ValueError(f"'{path}' must be a JSON file. Got: {exc}.") from exc
    for name, keys in needed.items():
        entries = content.get(name) if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise ValueError(
                f"'{path}' must be in the format of COCO. Got no list {name!r}."
            )
        for number, entry in enumerate(entries):
            _check_entry(entry, keys, entries[0], f"{name!r} in '{path}'", number)
    return content


def _check_entry(entry, keys, first, where, number):
    """Raise if an entry lacks a key, or has a value of the wrong type."""
    for key in keys:
        if not isinstance(entry, dict) or key not in entry:
            raise ValueError(
                f"Entries of {where} must have {key!r}. Got {entry!r:.80} (entry "
                f"{number})."
            )
        value = entry[key]
        if isinstance(value, str if key not in _IDS else str | int | float):
            # Ids are sorted.
            if key != "id" or isinstance(value, str) == isinstance(first[key], str):
                continue
            rule = "all be numbers, or all texts"
        else:
            rule = f"be {'a number or ' if key in _IDS else ''}a text"
        raise ValueError(
            f"{key!r} of {where} must {rule}. Got {value!r:.80} (entry {number})."
        )
