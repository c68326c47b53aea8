"""The picture files that a table names: found by name or by id, missing ones told."""

import os
import re
from pathlib import Path

from sklearn_clip._shared import warn_user

_SUFFIXES = (".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_URL = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]+://")
_SHOWN = 3
MISSING_FILES = ("raise", "drop", "keep")


class ImageFolder:
    """A folder of pictures, in which files are found by name, with suffix or without.

    Every folder is listed once: asking for a hundred thousand files one by one takes
    long on a network drive.

    Parameters
    ----------
    root : str or path-like
        The folder.
    parameter : str
        The parameter that named it, for the error.
    required : bool, default=True
        Whether the folder must be there. Nothing is found in one that is not.

    Raises
    ------
    NotADirectoryError
        If `root` is no folder and is required.
    """

    def __init__(self, root, parameter, *, required=True):
        self.root = Path(root).expanduser()
        self._listings = {}
        if required and not self.root.is_dir():
            raise NotADirectoryError(
                f"{parameter} must be a folder with pictures. Got '{root}', which is "
                "no folder."
            )

    def find(self, name):
        """Find the file of a picture.

        Parameters
        ----------
        name : str
            Path below the folder (or absolute), possibly without its suffix.

        Returns
        -------
        str or None
            Path of the file; None if there is none.

        Raises
        ------
        ValueError
            If `name` is a URL, or without a suffix and several files bear it.
        """
        if _URL.match(name):
            raise ValueError(
                "An image must be the name of a file; fetch the pictures first, "
                f"nothing is fetched. Got {name!r}"
            )
        path = self.root / name
        if path.parent not in self._listings:
            self._listings[path.parent] = _list_folder(path.parent)
        names, by_stem = self._listings[path.parent]
        if path.name in names:
            return str(path)
        alike = by_stem.get(path.name, [])
        if len(alike) > 1:
            raise ValueError(
                f"An image without a suffix must be one file. Got {name!r}, which may "
                f"be {' or '.join(sorted(alike))}"
            )
        if alike:
            return str(path.with_name(alike[0]))
        # On some file systems names differ in case from what is listed.
        return str(path) if names and path.is_file() else None


def _list_folder(folder):
    """Names of the files of a folder, and pictures among them by stem."""
    try:
        with os.scandir(folder) as entries:
            names = {entry.name for entry in entries if not entry.is_dir()}
    except (FileNotFoundError, NotADirectoryError):
        names = set()
    by_stem = {}
    for name in names:
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in _SUFFIXES:
            by_stem.setdefault(stem, []).append(name)
    return names, by_stem


def report_missing(missing, n_images, where, action):
    """Raise or warn about files that are not there.

    Parameters
    ----------
    missing : list of str
        What each missing file is and where it was named.
    n_images : int
        How many were looked for.
    where : str
        Where they were looked for, in quotation marks.
    action : {"raise", "drop"}
        What is done about them.

    Raises
    ------
    FileNotFoundError
        If any is missing, unless they are dropped and others are left.
    """
    if not missing:
        return
    shown = ", ".join(missing[:_SHOWN])
    shown += f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    if len(missing) == n_images:
        raise FileNotFoundError(
            f"{where} must hold the images. Got none of {n_images}: {shown}. Give "
            "the folder to which the names are relative as images=..."
        )
    if action == "raise":
        raise FileNotFoundError(
            f"{where} must hold every image. Got none for {shown} "
            f"({len(missing)} of {n_images} images). missing_files='drop' leaves their "
            "rows out, 'keep' leaves them in for CLIPFeaturizer(on_error=...)."
        )
    verb = "was" if len(missing) == 1 else "were"
    warn_user(
        f"{len(missing)} of {n_images} images {verb} not found in {where}; rows "
        f"without are left out: {shown}.",
    )
