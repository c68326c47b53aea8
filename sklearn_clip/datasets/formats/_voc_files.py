"""The files of Pascal VOC: objects of a picture, lists of pictures."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from sklearn_clip.datasets.formats._rows import walk
from sklearn_clip.datasets.formats._text import read_text
from sklearn_clip.datasets.formats._xml import read_xml

_VALUES = {"1": 1, "0": 0, "-1": -1}


@dataclass
class Objects:
    """What the file of a picture says: 1 and 0 by label, and where that stands.

    `name` is that of the file below the folder of them, `picture` the one that it gives
    the picture, None if it gives none, and `line_of` has the line of each label.
    """

    name: str
    picture: str | None
    marks: dict = field(default_factory=dict)
    line_of: dict = field(default_factory=dict)


def read_objects(root, ids):
    """Read the labels of the objects of each picture.

    Files of folders below are read too; the name of their picture is the way there.

    Parameters
    ----------
    root : Path
    ids : list of str or None
        Names of the pictures; None takes all that have a file.

    Returns
    -------
    dict of {str: Objects or None}
        Of each picture 1 for each label, 0 if all objects of it are difficult; None if
        the picture has no file.

    Raises
    ------
    ValueError
        If a file is none of objects, or a picture has two.
    FileNotFoundError
        If there is no file at all.
    """
    folder = root / "Annotations"
    folder = folder if folder.is_dir() else root
    files = {}
    for below, names in walk(folder):
        for name in names:
            stem, suffix = os.path.splitext(f"{below}/{name}" if below else name)
            if suffix.lower() != ".xml":
                continue
            if stem in files:
                raise ValueError(
                    "A picture must have one XML file. Got "
                    f"{files[stem] + ' and ' + stem + suffix!r} in '{folder}'."
                )
            files[stem] = stem + suffix
    if not files:
        raise FileNotFoundError(f"'{folder}' must hold XML files. Got none.")
    wanted = files if ids is None else ids
    return {
        id_: _read_file(folder, files[id_]) if id_ in files else None for id_ in wanted
    }


def _read_file(folder, name):
    path = Path(folder, name)
    root = read_xml(path)
    if root.tag != "annotation":
        raise ValueError(
            "A file of objects must begin with <annotation>. Got "
            f"<{root.tag}> ({path.name}, line {root.line})."
        )
    found = Objects(name, root.text_of("filename") or None)
    for element in root.find_all("object"):
        if (element.text_of("deleted") or "").lower() in ("1", "true"):
            continue
        name, difficult = element.text_of("name"), element.text_of("difficult") or "0"
        where = f"({path.name}, line {element.line})"
        if not name:
            raise ValueError(f"An object must have a name. Got none {where}.")
        others = [other.text.strip() for other in element.find_all("name")[1:]]
        if others:
            raise ValueError(
                f"An object must have one name. Got {name!r} and {others[0]!r} {where}."
            )
        if difficult.lower() not in ("0", "1", "true", "false", "unspecified"):
            raise ValueError(
                f"<difficult> must be 0 or 1. Got {difficult!r} of {name!r} {where}."
            )
        value = int(difficult.lower() not in ("1", "true"))
        found.marks[name] = max(value, found.marks.get(name, 0))
        found.line_of.setdefault(name, element.line)
    return found


def read_ids(root, split):
    """Read the names of the pictures of a split.

    Parameters
    ----------
    root : Path
    split : str

    Returns
    -------
    list of str

    Raises
    ------
    FileNotFoundError
        If there is no such list.
    ValueError
        If a line is not one name, or one stands twice.
    """
    path = root / "ImageSets" / "Main" / f"{split}.txt"
    if not path.is_file():
        there = ", ".join(repr(file.stem) for file in sorted(path.parent.glob("*.txt")))
        raise FileNotFoundError(
            f"split must name a list in '{path.parent}', which has "
            f"{there or 'none'}. Got {split!r}."
        )
    ids = {}
    for number, line in _lines(path):
        if line in ids:
            raise ValueError(
                f"A picture must stand in a list once. Got {line!r} in line "
                f"{ids[line]} and again ({path.name}, line {number})."
            )
        if line.rsplit(maxsplit=1)[-1] in _VALUES and len(line.split()) > 1:
            raise ValueError(
                "A list of a split must hold names alone. Got "
                f"{line!r} ({path.name}, line {number}): is it the list of a class?"
            )
        ids[line] = number
    if not ids:
        raise ValueError(f"A list of a split must hold names. Got none ({path.name}).")
    return list(ids)


def read_lists(root, split, ids):
    """Read the lists of the classes of a split.

    Parameters
    ----------
    root : Path
    split : str
    ids : list of str

    Returns
    -------
    found : dict of {str: dict of {str: int} or None}
        1, 0 and -1 of each picture by label; None for a picture that is in no list.
    names : set of str
        The labels.

    Raises
    ------
    FileNotFoundError
        If there is no list.
    ValueError
        If a line is not a name and 1, 0 or -1, or names a picture twice or one that is
        not of the split.
    """
    folder = root / "ImageSets" / "Main"
    ending = f"_{split}.txt"
    files = sorted(folder.glob(f"*{ending}"))
    if not files:
        raise FileNotFoundError(f"'{folder}' must hold <class>{ending}. Got none.")
    found = {id_: {} for id_ in ids}
    for path in files:
        label = path.name.removesuffix(ending)
        for number, line in _lines(path):
            id_, _, value = (part.strip() for part in line.rpartition(" "))
            where = f"({path.name}, line {number})"
            if not id_ or value not in _VALUES:
                raise ValueError(
                    "A line must be the name of a picture and 1, 0 (difficult) or -1 "
                    f"(absent). Got {line!r} {where}."
                )
            if id_ not in found:
                raise ValueError(
                    f"A picture must stand in {split}.txt. Got {id_!r} {where}."
                )
            if label in found[id_]:
                raise ValueError(
                    f"A picture must stand in a list once. Got {id_!r} again {where}."
                )
            found[id_][label] = _VALUES[value]
    names = {path.name.removesuffix(ending) for path in files}
    return {id_: marks or None for id_, marks in found.items()}, names


def _lines(path):
    """Numbers and texts of the lines that are not blank."""
    text = read_text(path)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.strip().replace("\t", " ")
