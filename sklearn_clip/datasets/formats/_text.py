"""Texts and descriptions that annotation tools write: decoded, or refused by name."""

import codecs
import json
import reprlib

from sklearn_clip._shared import import_optional
from sklearn_clip.datasets._csv_table import COMPRESSED

# What files begin with that hold others, or one that is compressed.
PACKED = (b"PK\x03\x04", *COMPRESSED)
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path):
    """Read a text in UTF-8, or in UTF-16 where its mark says so.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        Its ends of line are those of Python.

    Raises
    ------
    ValueError
        If the file is no such text.
    """
    text = decode(path.read_bytes(), path.name)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decode(content, name):
    """Decode the bytes of a text as :func:`read_text` does, line ends left as they are.

    Parameters
    ----------
    content : bytes
    name : str
        What errors call the file.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If it is no such text.
    """
    if content.startswith(PACKED):
        raise ValueError(f"A text must be unpacked. Got an archive ({name}).")
    encoding = "utf-16" if content.startswith(_WIDE) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise ValueError(
            f"A text must be in UTF-8. Got the bytes "
            f"{content[exc.start : exc.start + 4]!r} ({name}, line {line}). Save "
            "the file as UTF-8."
        ) from exc


def begins_json(content):
    """Whether the bytes of a file begin as a list or an object of JSON does."""
    encoding = "utf-16" if content.startswith(_WIDE) else "utf-8-sig"
    start = content[:1000].decode(encoding, errors="replace").lstrip()
    return start.startswith(("[", "{"))


def refuse_repeated(pairs):
    """Make an object of JSON, of which a key given twice would count by its last value.

    Parameters
    ----------
    pairs : list of tuple (str, object)

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If a key stands twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        key = next(key for key in keys if keys.count(key) > 1)
        values = [reprlib.repr(value) for name, value in pairs if name == key]
        raise ValueError(
            f"{key!r} twice in one object, with {values[0]} and {values[1]}"
        )
    return found


def parse_json(content, name, pairs_hook=refuse_repeated):
    """Read JSON in an encoding of :func:`read_text`.

    Parameters
    ----------
    content : bytes
    name : str or Path
        What errors call the file.
    pairs_hook : callable, default=refuse_repeated
        As `object_pairs_hook` of `json.loads`.

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If it is no JSON, an object a line, or gives a key twice in one object.
    """
    text = decode(content, name)
    del content  # the only one, often: what is parsed takes its place
    try:
        return json.loads(text, object_pairs_hook=pairs_hook)
    except RecursionError as exc:
        raise ValueError(
            f"'{name}' must be a JSON file. Got lists or objects in one another, too "
            "deep to be read."
        ) from exc
    except ValueError as exc:
        way = ""
        more = isinstance(exc, json.JSONDecodeError) and exc.msg == "Extra data"
        if more and text.startswith(("{", "["), exc.pos):
            way = (
                " It has an object on each line (JSON lines): put commas between them "
                "and square brackets around all."
            )
        raise ValueError(f"'{name}' must be a JSON file. Got: {exc}.{way}") from exc


def read_yaml(path, purpose):
    """Read a YAML file of plain values.

    Parameters
    ----------
    path : Path
    purpose : str
        What needs PyYAML.

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If it is no YAML, nested without end, or gives a key twice, of which PyYAML
        takes the last without a word.
    ImportError
        If PyYAML is not installed.
    """
    yaml = import_optional("yaml", extra="yaml", purpose=purpose)

    class Loader(yaml.SafeLoader):
        """Tags of Python are refused by the safe loader, keys given twice here."""

        def construct_mapping(self, node, deep=False):
            seen = set()
            for key, _ in node.value:
                if (key.tag, key.value) in seen and isinstance(key, yaml.ScalarNode):
                    raise yaml.constructor.ConstructorError(
                        problem=f"the key {key.value!r} twice",
                        problem_mark=key.start_mark,
                    )
                if isinstance(key, yaml.ScalarNode):
                    seen.add((key.tag, key.value))
            return super().construct_mapping(node, deep)

    text = read_text(path)
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        if mark is not None:
            line = mark.line + 1
        else:  # a sign that YAML does not allow
            line = text.count("\n", 0, getattr(exc, "position", 0)) + 1
        problem = getattr(exc, "problem", None) or getattr(exc, "reason", exc)
        raise ValueError(
            f"data must be a YAML file. Got {problem} ({path.name}, line {line})."
        ) from exc
    except RecursionError as exc:
        raise ValueError(
            f"data must be a YAML file. Got lists in lists without end ({path.name})."
        ) from exc
