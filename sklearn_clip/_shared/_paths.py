"""Paths that a user gives."""

import os
from pathlib import Path
from typing import Any

from sklearn_clip._shared._cells import shown


def as_path(path: Any, what: str) -> Path:
    """Check a path, and put the home folder in place of a tilde.

    Parameters
    ----------
    path : str or os.PathLike
        What was given. A name that begins with a tilde and is no user's stays.
    what : str
        Name of the parameter.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    TypeError
        If it is neither a str nor an `os.PathLike` of one.
    """
    if not isinstance(path, str | os.PathLike) or isinstance(os.fspath(path), bytes):
        raise TypeError(
            f"{what} must be a str or a path. Got {shown(path)} of type "
            f"{type(path).__name__}."
        )
    return Path(os.path.expanduser(path))
