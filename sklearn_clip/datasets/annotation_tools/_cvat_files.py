"""The files of CVAT: its XML 1.1, and the JSON of Datumaro."""

from dataclasses import dataclass
from typing import Any

from sklearn_clip._shared import clean_name, hint_at_name
from sklearn_clip.datasets.formats._text import begins_json, parse_json
from sklearn_clip.datasets.formats._xml import parse_xml

# What stands below an image and bears a label, beside tags.
_SHAPES = frozenset(
    ["box", "cuboid", "ellipse", "mask", "points", "polygon", "polyline", "skeleton"]
)


@dataclass(slots=True)
class Entry:
    """One image: its name and subset, its tags with their attributes, its place.

    `file` is equal for all entries of one picture, `path` where it is.
    """

    name: str
    subset: str
    tags: dict
    place: str
    path: str
    file: Any


def read_export(path, with_shapes):
    """Read an export.

    Parameters
    ----------
    path : Path
    with_shapes : bool
        Whether the labels of shapes are tags.

    Returns
    -------
    labels : list of str
        Those of the header.
    entries : list of Entry

    Raises
    ------
    ValueError
        If the file is neither, has tracks, or a label that its header has not.
    """
    content = path.read_bytes()
    if begins_json(content):
        labels, found = _read_datumaro(path, content, with_shapes)
    else:
        labels, found = _read_xml(path, content, with_shapes)
    known = {clean_name(label) for label in labels}
    entries = []
    for place, name, subset, tags in found:
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"An image must have a name. Got {name!r} ({place}).")
        named = {}
        for tag, attributes in tags:
            if clean_name(tag) not in known:
                raise ValueError(
                    f"A label must be in the header. Got {tag!r} ({place})."
                    f"{hint_at_name(str(tag), labels)}"
                )
            tag = clean_name(tag)
            named[tag] = {**named.get(tag, {}), **attributes}
        entries.append(Entry(name, subset, named, place, name, (subset, name)))
    return labels, entries


def _read_xml(path, content, with_shapes):
    root = parse_xml(content, path.name)
    meta = next(iter(root.find_all("meta")), None)
    if root.tag != "annotations" or meta is None:
        raise ValueError(
            "An export of CVAT must have annotations with their meta. Got "
            f"{root.tag!r} ({path.name}). load_voc reads files of single pictures."
        )
    # <meta><task>, <project> or <job>; a project has tasks without labels beside.
    labels = [
        label.text_of("name")
        for element in meta.walk()
        if element.tag == "labels"
        for label in element.find_all("label")
    ]
    labels = list(dict.fromkeys(clean_name(label) for label in labels if label))
    images = root.find_all("image")
    tracks = root.find_all("track")
    if tracks:
        raise ValueError(
            "Tags of images must be exported as 'CVAT for images 1.1'. Got a track of "
            f"a video ({path.name}, line {tracks[0].line})."
        )
    found = []
    for image in images:
        tags = []
        for child in image.children:
            if child.tag == "tag" or (with_shapes and child.tag in _SHAPES):
                label = child.attributes.get("label")
                if not label:
                    raise ValueError(
                        f"A {child.tag} must have a label. Got none ({path.name}, line "
                        f"{child.line})."
                    )
                attributes = {
                    one.attributes.get("name", ""): one.text
                    for one in child.find_all("attribute")
                }
                tags.append((label, attributes if child.tag == "tag" else {}))
        given = image.attributes
        place = f"{path.name}, line {image.line}"
        found.append((place, given.get("name"), given.get("subset", ""), tags))
        image.children, image.attributes = [], {}  # most of what is held is in them
    return labels, found


def _read_datumaro(path, content, with_shapes):
    data = parse_json(content, path.name)
    try:
        labels = [clean_name(x["name"]) for x in data["categories"]["label"]["labels"]]
        items = data["items"]
    except (KeyError, TypeError) as exc:
        advice = ""
        if isinstance(data, dict) and isinstance(data.get("images"), list):
            advice = " load_coco reads the format of COCO."
        raise ValueError(
            "A JSON export must be in the Datumaro format, with categories and items. "
            f"Got another ({path.name}).{advice}"
        ) from exc
    found = []
    for number, item in enumerate(items):
        place = f"{path.name}, item {number}"
        try:
            # The path is empty where pictures were not saved; the id has no suffix.
            name = (item.get("image") or {}).get("path") or item["id"]
            kept = [
                one
                for one in item.get("annotations") or ()
                if one.get("label_id") is not None
                and (one["type"] == "label" or with_shapes)
            ]
            numbers = [one["label_id"] for one in kept]
        except (AttributeError, KeyError, TypeError) as exc:
            raise ValueError(
                f"An item must have an id and annotations. Got {item!r:.60} ({place})."
            ) from exc
        for one in numbers:
            if not isinstance(one, int) or not 0 <= one < len(labels):
                raise ValueError(
                    f"label_id must be one of {len(labels)} labels. Got {one!r} "
                    f"({place})."
                )
        tags = [
            (labels[one["label_id"]], one.get("attributes") or {})
            if one["type"] == "label"
            else (labels[one["label_id"]], {})
            for one in kept
        ]
        subset = path.stem if path.parent.name == "annotations" else ""
        found.append((place, name, "" if subset == "default" else subset, tags))
    return labels, found
