"""Estimators in words for others: how they were made, and not where anything lies."""

import inspect
import os
from pathlib import PureWindowsPath

_FOLDER = "local-dir:"
# Parameters that say where things are kept.
_PLACES = ("cache", "checkpoint_dir", "image_root", "memory")


def public_repr(estimator):
    """Write an estimator as `repr` does, for files that are given away.

    Folders of this machine are left out: parameters that name places are not written,
    and of the path of a model no more than its last part.

    Parameters
    ----------
    estimator : estimator instance
        It is not changed.

    Returns
    -------
    str
        One or several lines.
    """
    return repr(_without_places(estimator))


def last_part(path):
    """Leave the folders of a path out.

    Parameters
    ----------
    path : str, path-like or None
        Name of a model, path of its weights, or any text.

    Returns
    -------
    str or None
        What is no absolute path, nor one below the home folder, as it is.
    """
    if path is None:
        return None
    text = os.fspath(path)
    kind = _FOLDER if text.startswith(_FOLDER) else ""
    found = PureWindowsPath(text.removeprefix(kind))  # takes slashes of both kinds
    if kind or found.root or found.parts[:1] == ("~",):
        return kind + found.name
    return text


class _Told:
    """What is written as it is."""

    def __init__(self, text):
        self._text = text

    def __repr__(self):
        return self._text


def _without_places(value):
    """Copy an estimator with parameters that name no places."""
    if isinstance(value, str | os.PathLike):
        return last_part(value)
    if isinstance(value, dict):
        return {key: _without_places(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(_without_places, value))
    if isinstance(value, type) or not hasattr(value, "get_params"):
        told = getattr(value, "_public_repr", None)
        return value if told is None else _Told(told)
    new = type(value).__new__(type(value))
    vars(new).update(vars(value))
    known = inspect.signature(type(value)).parameters
    for name, inner in value.get_params(deep=False).items():
        if name in _PLACES and name in known:
            vars(new)[name] = known[name].default
        elif name != "classes":  # labels, of which some look like paths
            vars(new)[name] = _without_places(inner)
    return new
