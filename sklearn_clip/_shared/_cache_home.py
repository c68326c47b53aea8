"""The user's folder for what can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_home(variable: str, name: str = "") -> Path:
    """Find a folder of this package in the user's cache; it need not exist.

    Parameters
    ----------
    variable : str
        Environment variable that names the folder, where it is set.
    name : str, default=""
        The folder beneath ``sklearn_clip`` in ``XDG_CACHE_HOME``, or in ``~/.cache``,
        where it is not.

    Returns
    -------
    pathlib.Path
        Its absolute path.
    """
    own = os.environ.get(variable)
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = Path(own) if own else Path(cache) / "sklearn_clip" / name
    return home.expanduser().absolute()
