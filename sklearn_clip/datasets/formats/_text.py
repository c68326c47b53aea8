"""Texts and descriptions that annotation tools write: decoded, or refused by name."""

import codecs

from sklearn_clip._shared import import_optional

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
    content = path.read_bytes()
    encoding = "utf-16" if content.startswith(_WIDE) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise ValueError(
            f"A text must be in UTF-8. Got the bytes "
            f"{content[exc.start : exc.start + 4]!r} ({path.name}, line {line}). Save "
            "the file as UTF-8."
        ) from exc
    return text.replace("\r\n", "\n").replace("\r", "\n")


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
