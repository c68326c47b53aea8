"""The files of YOLO: a description, lists of pictures, texts of numbers."""

import os
from collections import Counter
from pathlib import Path

from sklearn_clip._shared import (
    clean_name,
    in_given_order,
    path_readings,
    unify_names,
    warn_user,
)
from sklearn_clip.datasets._image_files import is_folder, list_ends
from sklearn_clip.datasets.formats._darknet import find_beside, read_data
from sklearn_clip.datasets.formats._rows import SPLITS, walk
from sklearn_clip.datasets.formats._text import read_text, read_yaml

# Lists of the classes, as annotation tools write them beside pictures and labels.
_CLASSES = ("classes.txt", "obj.names")
# Numbers of a box with its confidence. Outlines have an odd number, poses more.
_GUESS = 6


def read_description(path):
    """Read the description of a data set, in YAML or in lines of Darknet.

    Parameters
    ----------
    path : Path

    Returns
    -------
    description : dict
    names : dict of {int: str}
        Label of each number.

    Raises
    ------
    ValueError
        If it is neither, or names no classes, one twice, or more or less than it says.
    IsADirectoryError
        If it is a folder.
    ImportError
        If PyYAML is needed and not installed.
    """
    if path.is_dir():
        there = sorted(
            file.name for file in path.iterdir() if file.suffix in (".yaml", ".data")
        )
        raise IsADirectoryError(
            f"data must be a file such as 'data.yaml'. Got the folder '{path}', which "
            f"holds {', '.join(map(repr, there)) or 'none'}."
            + ("" if there else _hint_at_classes(path))
        )
    of_darknet = is_darknet(path)
    description = read_data(path) if of_darknet else read_yaml(path, "load_yolo")
    if not isinstance(description, dict):
        raise ValueError(
            f"data must be a YAML file with the key 'names'. Got {path.name!r}, which "
            "has no keys."
            + (_hint_at_classes(path.parent) if path.name in _CLASSES else "")
        )
    names = description.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not names:
        raise ValueError(
            f"'names' must be a list of the classes or a map of their numbers "
            f"({path.name}). Got {names!r:.60}."
        )
    # JSON has texts as keys alone.
    numbered = {_as_number(number): name for number, name in names.items()}
    names = numbered if len(numbered) == len(names) else names
    for number, name in names.items():
        if type(number) is not int or number < 0 or isinstance(name, list | dict):
            raise ValueError(
                "'names' must map whole numbers to names. Got "
                f"{number!r}: {name!r:.60} ({path.name})."
            )
        if isinstance(name, bool) or name is None:
            raise ValueError(
                f"A name must be a text. YAML makes {name!r} of the name of class "
                f"{number} ({path.name}): put it in quotation marks."
            )
    names = {number: clean_name(str(names[number])) for number in sorted(names)}
    looks = list(names.values())
    count_of = Counter(looks)
    twice = next((look for look in looks if count_of[look] > 1 or not look), None)
    if twice is not None:
        raise ValueError(f"Names must be distinct. Got {twice!r} twice ({path.name}).")
    unify_names(looks)  # tells of those that differ in case
    count = description.get("nc")
    if count is not None and str(count) != str(len(names)):
        raise ValueError(
            f"There must be as many names as the file says. Got {len(names)} for "
            f"{count} ({path.name})."
        )
    return description, names


def _hint_at_classes(folder):
    """Say what makes a description of a list of the classes; empty without one."""
    names = [name for name in _CLASSES if (folder / name).is_file()]
    if not names:
        return ""
    return (
        f" There is {names[0]!r}: write a data.yaml beside it, with the folder of the "
        "pictures as 'train:' and the lines of that file as the list 'names:'."
    )


def is_darknet(path):
    """Whether a description is one of Darknet, by its suffix."""
    return path.suffix.lower() == ".data"


def _as_number(key):
    is_number = isinstance(key, str) and key.isascii() and key.isdigit()
    return int(key) if is_number and len(key) < 10 else key


def split_places(path, description, split):
    """Folders and lists of each split.

    Parameters
    ----------
    path : Path
        The YAML file.
    description : dict
    split : str, list of str or None

    Returns
    -------
    dict of {str: list of Path}

    Raises
    ------
    ValueError
        If a split is not there.
    FileNotFoundError
        If a folder or a list is not there.
    """
    named, others = _list_splits(description)
    there = [*named, *others]
    if split is None:
        wanted = [*named]
    else:
        wanted = [split] if isinstance(split, str) else in_given_order(split, "split")
    wanted = [
        name if name in others else SPLITS.get(str(name).lower(), name)
        for name in wanted
    ]
    if not wanted or any(name not in there for name in wanted):
        raise ValueError(
            f"split must be among those of {path.name!r}, which has "
            f"{', '.join(map(repr, there)) or 'none'}. Got {split!r}."
        )
    if split is None and others:
        warn_user(
            f"{path.name!r} names more lists of pictures, which are not read: "
            f"{', '.join(map(repr, others))}. split={there!r} reads all."
        )
    folders = path_readings(str(description.get("path") or ""))
    roots = [path.parent / folder for folder in folders]
    # A path of another machine: the file itself mostly lies at the top.
    roots = [*(root for root in roots if root.is_dir()), path.parent]
    places = {}
    for name in dict.fromkeys(wanted):
        entries = (named | others)[name]
        places[name] = [_find_place(roots, entry, path) for entry in entries]
        missing = next((i for i, at in enumerate(places[name]) if at is None), None)
        if missing is not None:
            rest = [other for other in wanted if other != name]
            way = _hint_at_end(roots, str(entries[missing]))
            way += f" split={rest!r} loads without it." if rest else ""
            raise FileNotFoundError(
                f"{name!r} must name a folder or a list of pictures ({path.name}). Got "
                f"'{entries[missing]}', which is not in '{roots[0]}'.{way}"
            )
    return places


def _hint_at_end(roots, entry):
    """Tell the end of a path of another machine that is there; empty if none is."""
    for end in list_ends(entry):
        if any(root.joinpath(*end).exists() for root in roots):
            return f" The end {'/'.join(end)!r} is: leave out what stands before it."
    return ""


def _list_splits(description):
    """Entries of each split, in the order of splits, and lists by other keys."""
    named = {split: [] for split in SPLITS.values()}
    others = {}
    for key, entry in description.items():
        entries = entry if isinstance(entry, list) else [entry] if entry else []
        split = SPLITS.get(str(key).lower())
        if split is not None:
            named[split] += entries
        elif key != "names" and entries and all(map(_is_list, entries)):
            others[str(key)] = entries
    return {split: entries for split, entries in named.items() if entries}, others


def _is_list(entry):
    """Whether an entry is called as a list of pictures is."""
    return isinstance(entry, str) and entry.lower().endswith(".txt")


def _find_place(roots, entry, path):
    """Path of a folder or a list; None if there is none."""
    for root in roots:
        for reading in path_readings(str(entry)):
            # "../train/images" of some exports is meant as "train/images".
            for part in (reading, reading.removeprefix("../")):
                if (root / part).exists():
                    return root / part
        if is_darknet(path) and (found := find_beside(root, str(entry))):
            return found
    return None


def read_list(path):
    """Names of the pictures of a list, and where they stand."""
    text = read_text(path)
    return [
        (line.strip(), f"{path.name}, line {number}")
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]


class Texts:
    """Finds the texts of pictures, and those that have no picture."""

    def __init__(self):
        # By folder: where texts of its pictures may be, names of its files, and its
        # texts by their stems, as names are compared.
        self._places, self._files, self._stems = {}, {}, {}

    def find(self, picture):
        """Find the text of a picture: in ``labels`` where that is in ``images``.

        Darknet has it beside the picture, as is read where it is not in ``labels``.

        Parameters
        ----------
        picture : str

        Returns
        -------
        Path or None
        """
        folder, name = os.path.split(picture)
        if folder not in self._places:
            beside = Path(folder)
            self._places[folder] = [*_swaps(beside, "images", "labels"), beside]
        stem = os.path.splitext(name)[0]
        places = self._places[folder]
        exact = next((at for at in places if f"{stem}.txt" in self._names(at)), None)
        if exact is not None:
            return exact / f"{stem}.txt"
        # The same letters in other bytes, or a suffix in capitals.
        found = [self._list(place).get(clean_name(stem)) for place in places]
        # On some file systems names differ in case from what is listed.
        found += [at / f"{stem}.txt" for at in places if (at / f"{stem}.txt").is_file()]
        return next(filter(None, found), None)

    def _names(self, folder):
        if folder not in self._files:
            self._files[folder] = set()
            if folder.is_dir():
                with os.scandir(folder) as entries:
                    names = {entry.name for entry in entries if not is_folder(entry)}
                self._files[folder] = names
        return self._files[folder]

    def _list(self, folder):
        if folder not in self._stems:
            there = sorted(folder.iterdir()) if folder.is_dir() else ()
            texts = [path for path in there if path.suffix.lower() == ".txt"]
            self._stems[folder] = {clean_name(path.stem): path for path in texts}
        return self._stems[folder]

    def find_alone(self, folder, pictures):
        """Find the texts in the folder of labels that belong to no picture.

        Parameters
        ----------
        folder : Path
            The folder of the pictures.
        pictures : list of str
            Paths of those that are there.

        Returns
        -------
        list of tuple (str, Path)
            Where the picture would be, below the folder and without a suffix, and the
            text.
        """
        labels = next(_swaps(folder, "images", "labels"), None)
        if labels is None:  # beside the pictures a text may be anything
            return []
        known = {clean_name(os.path.splitext(picture)[0]) for picture in pictures}
        return [
            (stem, labels / below / name)
            for below, names in (walk(labels) if labels.is_dir() else ())
            for name in names
            if name.lower().endswith(".txt") and name != "classes.txt"
            for stem in [os.path.join(below, os.path.splitext(name)[0])]
            if clean_name(os.path.join(folder, stem)) not in known
        ]


def _swaps(path, old, new):
    """Yield paths with another name in the place of a folder's, the last one first."""
    parts = list(path.parts)
    for i in range(len(parts) - 1, -1, -1):
        if parts[i] == old:
            yield Path(*parts[:i], new, *parts[i + 1 :])


def read_classes(path, names, confidences):
    """Read the labels of a text.

    Parameters
    ----------
    path : Path or None
    names : dict of {int: str}
    confidences : BoxConfidences

    Returns
    -------
    tuple of two frozensets of str, or None
        The labels that are present, and those of which all boxes are too unsure. None
        if there is no text.

    Raises
    ------
    ValueError
        If a line is none of numbers, of which the first is that of a class, or has a
        confidence that cannot be compared.
    """
    if path is None:
        return None
    found, unsure = set(), set()
    text = read_text(path)
    for number, line in enumerate(text.split("\n"), start=1):
        cells = line.split()
        if not cells:
            continue
        try:
            values = [float(cell) for cell in cells]
        except ValueError as exc:
            raise ValueError(
                "A line must be the number of a class and those of a box. Got "
                f"{line.strip()!r:.60} ({path.name}, line {number})."
            ) from exc
        if values[0] not in names:
            raise ValueError(
                f"A line must begin with the number of a class, of which there are "
                f"{min(names)} to {max(names)}. Got {cells[0]!r} ({path.name}, line "
                f"{number})."
            )
        is_label = len(values) != _GUESS or confidences.is_label(
            values[-1], f"{path.name}, line {number}"
        )
        (found if is_label else unsure).add(names[int(values[0])])
    return frozenset(found), frozenset(unsure - found)
