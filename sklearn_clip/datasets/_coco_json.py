"""A JSON file in the format of COCO: read, and checked entry by entry."""

from sklearn_clip.datasets.formats._text import parse_json, refuse_repeated

# All that is read. Outlines are most of a file; they are dropped as soon as parsed.
_KEPT = frozenset(
    (
        "annotations",
        "caption",
        "categories",
        "category_id",
        "coco_url",
        "file_name",
        "id",
        "image_id",
        "images",
        "name",
        "neg_category_ids",
        "not_exhaustive_category_ids",
        "pos_category_ids",
        "score",
        "supercategory",
    )
)
_IDS = ("id", "image_id", "category_id")
# What is not blank, and the rule that says so.
_WORDS = {"file_name": "name a file", "name": "name a label"}


def read_json(path, needed):
    """Read a file in the format of COCO.

    Parameters
    ----------
    path : Path
        The file.
    needed : dict of {str: tuple of str}
        The lists it must have, and the keys that their entries must have.

    Returns
    -------
    dict
        Its lists, of entries with the keys that are used. An image that has the address
        `coco_url` in the place of a `file_name`, as in LVIS, is named by the last
        folder and the file of the address.

    Raises
    ------
    ValueError
        If the file is not JSON, lacks a list or a key or has one twice, or has a value
        of a wrong type.
    """

    def keep(pairs):
        return refuse_repeated([pair for pair in pairs if pair[0] in _KEPT])

    content = parse_json(path.read_bytes(), path, keep)
    for name, keys in needed.items():
        entries = content.get(name) if isinstance(content, dict) else None
        if not isinstance(entries, list):
            raise ValueError(
                f"'{path}' must be in the format of COCO. Got no list {name!r}."
                + _guess_kind(content)
            )
        where = f"{name!r} in '{path}'"
        for number, entry in enumerate(entries):
            if name == "images":
                _name_by_address(entry)
            _check_entry(entry, keys, entries[0], where, number)
    return content


def _guess_kind(content):
    """Say what a file is that is not one of objects."""
    if isinstance(content, list):
        return " A list of entries is what detectors give as results: it has no images."
    if not isinstance(content, dict):
        return ""
    entries = content.get("annotations")
    if isinstance(entries, list) and entries and "caption" in entries[0]:
        return " It holds captions, which belong into captions_<split>.json."
    return ""


def _name_by_address(entry):
    """Name an image by its address, in which the folder and the file stand last."""
    if not isinstance(entry, dict) or "file_name" in entry:
        return
    address = entry.get("coco_url")
    if isinstance(address, str):
        entry["file_name"] = "/".join(address.split("/")[-2:])


def _check_entry(entry, keys, first, where, number):
    """Raise if an entry lacks a key, or has a value of the wrong type."""
    for key in keys:
        if not isinstance(entry, dict) or key not in entry:
            raise ValueError(
                f"Entries of {where} must have {key!r}. Got {entry!r:.80} (entry "
                f"{number})."
            )
        value = entry[key]
        kind = str if key not in _IDS else str | int | float
        if not isinstance(value, kind) or value != value:  # NaN is no number
            rule = f"be {'a number or ' if key in _IDS else ''}a text"
        elif key == "id" and isinstance(value, str) != isinstance(first[key], str):
            rule = "all be numbers, or all texts"  # ids are sorted
        elif key in _WORDS and not value.strip():
            rule = _WORDS[key]
        else:
            continue
        owner = "" if key == "id" or "id" not in entry else f" Its id: {entry['id']!r}."
        raise ValueError(
            f"{key!r} of {where} must {rule}. Got {value!r:.80} (entry {number})."
            f"{owner}"
        )
