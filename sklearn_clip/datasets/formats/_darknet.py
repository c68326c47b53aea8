"""The description of a data set as Darknet has it, and as annotation tools write it."""

from sklearn_clip.datasets.formats._text import read_text

# Darknet is run beside a folder of this name, which exports hold the content of.
DATA = "data/"


def read_data(path):
    """Read a file of lines such as ``train = data/train.txt``.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict
        The entries, as a YAML file has them, of which `names` is a list; `nc` is their
        number as it stands there.

    Raises
    ------
    ValueError
        If a line is none of those, a key stands twice, there is no file of names, or it
        holds another number of them than `classes` says.
    FileNotFoundError
        If the file of names is not there.
    """
    entries = {}
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        key, sign, value = (part.strip() for part in line.partition("="))
        if not key or not sign or key in entries:
            raise ValueError(
                "A line must be a key, '=' and a value, and no key twice. Got "
                f"{line!r:.60} ({path.name}, line {number})."
            )
        entries[key] = value
    if not entries.get("names"):
        raise ValueError(
            f"'names' must name the file of the classes ({path.name}). Got none."
        )
    file = find_beside(path.parent, entries["names"])
    if file is None:
        raise FileNotFoundError(
            f"'names' must name the file of the classes ({path.name}). Got "
            f"'{entries['names']}', which is not in '{path.parent}'."
        )
    names = [name.strip() for name in read_text(file).rstrip().split("\n")]
    if not all(names):
        raise ValueError(
            "A line must be the name of a class. Got an empty one "
            f"({file.name}, line {names.index('') + 1})."
        )
    description = entries | {"names": names}
    if "classes" in entries:
        description["nc"] = entries["classes"]
    return description


def find_beside(folder, name):
    """Path of a file that is named as Darknet sees it; None if there is none."""
    for part in (name, name.removeprefix(DATA)):
        if (folder / part).exists():
            return folder / part
    return None
