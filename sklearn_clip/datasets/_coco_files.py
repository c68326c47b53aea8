"""The files of annotations of COCO and LVIS: what they say of each image."""

from dataclasses import dataclass

from sklearn_clip._shared import clean_name, unify_names, warn_user
from sklearn_clip.datasets._coco_json import read_json

PREFIX = "instances_"
# Tags of images, which CVAT and Datumaro write beside the file of objects.
TAGS_PREFIX = "labels_"
# Lists of categories that images of LVIS have beside their objects. An image is looked
# at for some categories alone: those that are surely absent, those of which it has
# objects, and among these those of which not every object is marked.
_ABSENT, _IN_PART = "neg_category_ids", "not_exhaustive_category_ids"
# Categories that were seen, without an object that is marked.
_PRESENT = "pos_category_ids"


@dataclass
class Objects:
    """What a file of objects says.

    Attributes
    ----------
    names : list of str
        The categories, ordered by their ids. Those of one name are one.
    files : dict of {int or str: str}
        File name by id of the image, in the order of the file.
    present : dict of {int or str: set of int}
        Positions in `names` of what is in an image, by its id.
    absent : dict of {int or str: set of int}, or None
        Positions of what is surely not in it, where other categories are unknown; None
        if each image was looked at for all categories.
    above : set of str
        Those of the names that are the supercategory of another category.
    unsure : dict of {int or str: set of int}
        Positions of what has objects in an image, but of too low a confidence.
    """

    names: list
    files: dict
    present: dict
    absent: dict | None
    above: set
    unsure: dict


def read_split(folder, split, confidences):
    """Read the objects of a split, and the tags of its images.

    Parameters
    ----------
    folder : Path
        The folder of the annotations.
    split : str
        The split, which has a file of either or of both.
    confidences : BoxConfidences

    Returns
    -------
    Objects

    Raises
    ------
    ValueError
        As :func:`read_objects` does, or if a tag is surely absent by the other file.
    """
    paths = [folder / f"{prefix}{split}.json" for prefix in (PREFIX, TAGS_PREFIX)]
    objects, *tags = [
        read_objects(path, confidences) for path in paths if path.is_file()
    ]
    for more in tags:
        _add_tags(objects, more, paths)
    found = (*objects.present.values(), *objects.unsure.values())
    if objects.names and objects.files and not any(found):
        warn_user(
            f"Images should have some of their {len(objects.names)} categories. Got "
            f"none in {len(objects.files)} images ('{paths[0]}'). Tags of images stand "
            f"in '{paths[1].name}'."
        )
    return objects


def _add_tags(objects, tags, paths):
    """Add tags to what is known of the images, matched by name."""
    place = {name: i for i, name in enumerate(objects.names)}
    for name in tags.names:
        if name not in place:
            place[name] = len(objects.names)
            objects.names.append(name)
    objects.above |= tags.above
    id_of = {name: image for image, name in objects.files.items()}
    for image, name in tags.files.items():
        found = {place[tags.names[i]] for i in tags.present[image]}
        if name not in id_of:
            if image in objects.files:
                raise ValueError(
                    f"The images of '{paths[1]}' must be those of '{paths[0].name}'. "
                    f"Got the id {image!r} for {name!r} and {objects.files[image]!r}."
                )
            objects.files[image], id_of[name] = name, image
            objects.present[image], objects.unsure[image] = set(), set()
            if objects.absent is not None:
                objects.absent[image] = set()
        own = id_of[name]
        objects.present[own] |= found
        objects.unsure[own] |= {place[tags.names[i]] for i in tags.unsure[image]}
        both = found & (set() if objects.absent is None else objects.absent[own])
        if both:
            raise ValueError(
                "A tag must not be surely absent. Got "
                f"{objects.names[min(both)]!r} for {name!r} ('{paths[1]}')."
            )


def read_objects(path, confidences):
    """Read a file of objects.

    Parameters
    ----------
    path : Path
        The file.
    confidences : BoxConfidences

    Returns
    -------
    Objects
        Its categories, images, and what is in them.

    Raises
    ------
    ValueError
        If the file is not in the format, or contradicts itself.
    """
    needed = {
        "images": ("id", "file_name"),
        "categories": ("id", "name"),
        "annotations": ("image_id", "category_id"),
    }
    content = read_json(path, needed)
    files = _read_files(content["images"], path)
    annotations = content["annotations"]
    column, names = _read_categories(content["categories"], annotations, path)
    _tell_of_repeated_ids(annotations, path)
    present, unsure = ({image: set() for image in files} for _ in range(2))
    for number, entry in enumerate(annotations):
        for key, known in (("image_id", present), ("category_id", column)):
            if entry[key] not in known:
                raise ValueError(
                    f"Annotations of '{path}' must refer to its images and categories. "
                    f"Got {key} {entry[key]!r} (annotation {entry.get('id', number)})."
                    + _hint_at_type(entry[key], known)
                )
        score, at = entry.get("score"), present
        if isinstance(score, int | float):
            place = f"annotation {entry.get('id', number)} of '{path}'"
            at = present if confidences.is_label(score, place) else unsure
        at[entry["image_id"]].add(column[entry["category_id"]])
    for image in content["images"]:
        present[image["id"]] |= _read_list(image, _PRESENT, column, path)
    absent = _read_absent(content["images"], present, column, names, path)
    above = {
        clean_name(entry["supercategory"])
        for entry in content["categories"]
        if isinstance(entry.get("supercategory"), str)
        and clean_name(entry["supercategory"]) != clean_name(entry["name"])
    }
    return Objects(
        names,
        files,
        present,
        absent,
        {name for name in names if clean_name(name) in above},
        unsure,
    )


def _read_files(images, path):
    """File name by id."""
    first = {}
    for number, image in enumerate(images):
        before = first.setdefault(image["id"], number)
        if before != number:
            raise ValueError(
                f"The images of '{path}' must have distinct ids. Got {image['id']!r} "
                f"for {images[before]['file_name']!r} and {image['file_name']!r} "
                f"(entries {before} and {number})."
            )
    return {image["id"]: image["file_name"] for image in images}


def _read_categories(categories, annotations, path):
    """Position of each id among the names, and the names in order of their ids."""
    if not categories:
        raise ValueError(f"The categories of '{path}' must have labels. Got none.")
    spelled = unify_names(entry["name"] for entry in categories)
    ordered = sorted((entry["id"], spelled[entry["name"]]) for entry in categories)
    rule = f"The categories of '{path}' must have distinct ids and names. Got"
    for (one, first), (other, second) in zip(ordered, ordered[1:], strict=False):
        if one == other:
            raise ValueError(f"{rule} the id {one!r} for {first!r} and {second!r}.")
    # Exports list a group of categories as one more, which no object has.
    used = {entry["category_id"] for entry in annotations}
    id_of = {}
    for category, name in ordered:
        if category in used and id_of.setdefault(name, category) != category:
            raise ValueError(
                f"{rule} {name!r} for the ids {id_of[name]!r} and {category!r}, which "
                "both have objects."
            )
    names = list(dict.fromkeys(name for _, name in ordered))
    place = {name: position for position, name in enumerate(names)}
    return {category: place[name] for category, name in ordered}, names


def _tell_of_repeated_ids(annotations, path):
    """Warn of ids that stand for several annotations, which changes no label."""
    first = {}
    for number, entry in enumerate(annotations):
        key = entry.get("id")
        if isinstance(key, int | str) and first.setdefault(key, number) != number:
            warn_user(
                f"Annotations of '{path}' should have distinct ids. Got {key!r} for "
                f"the entries {first[key]} and {number}; all of them are read. Of two "
                "files put together, one may refer to the images of the other."
            )
            return


def _read_absent(images, present, column, names, path):
    """Categories surely absent by image, None if all that have no object are."""
    if not any(key in image for image in images for key in (_ABSENT, _IN_PART)):
        return None
    absent = {}
    for image in images:
        found = _read_list(image, _ABSENT, column, path)
        # What is marked in part is in the image. Without any mark it stays unknown.
        in_part = _read_list(image, _IN_PART, column, path)
        both = found & (present[image["id"]] | in_part)
        if both:
            raise ValueError(
                f"A category of {_ABSENT!r} must not be in the image. Got "
                f"{names[min(both)]!r}, which has objects or stands in another list "
                f"(image {image['id']!r} of '{path}')."
            )
        absent[image["id"]] = found
    return absent


def _read_list(image, key, column, path):
    """Positions of the categories that a list of an image names."""
    found = image.get(key) or []
    if not isinstance(found, list):
        raise ValueError(
            f"{key!r} must be a list of ids of categories. Got {found!r:.80} (image "
            f"{image['id']!r} of '{path}')."
        )
    for category in found:
        if not isinstance(category, int | float | str) or category not in column:
            raise ValueError(
                f"{key!r} must hold ids of categories. Got {category!r:.80} (image "
                f"{image['id']!r} of '{path}').{_hint_at_type(category, column)}"
            )
    return {column[category] for category in found}


def _hint_at_type(value, known):
    """Tell an id that is there as a number from one that is there as a text."""
    other = next((key for key in known if str(key) == str(value)), None)
    if other is None:
        return ""
    return f" There is {other!r}: a number is not a text."


def read_captions(path, images):
    """Read a file of captions.

    Parameters
    ----------
    path : Path
        The file.
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
    entries = read_json(path, needed)["annotations"]
    for number, entry in enumerate(entries):
        if entry["image_id"] not in images:
            raise ValueError(
                f"Captions in '{path}' must refer to images of the file of objects. "
                f"Got image_id {entry['image_id']!r} (entry {number})."
                f"{_hint_at_type(entry['image_id'], images)} captions=None does "
                "without."
            )
    found = {}
    for entry in sorted(entries, key=lambda entry: entry["id"]):
        text = " ".join(entry["caption"].split())
        if text:
            found.setdefault(entry["image_id"], []).append(text)
    return found
