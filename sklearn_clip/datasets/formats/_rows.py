"""What readers of folders share: pictures on the disk, rows without texts."""

import os

import numpy as np

from sklearn_clip.datasets._bunch import as_integers, make_bunch, zero_targets
from sklearn_clip.datasets._image_files import is_picture

# What trainers and annotation tools call splits, in any case.
SPLITS = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}


def walk(folder):
    """Find the files below a folder, those of hidden folders and names left out.

    Links are followed, but for those that lead back to a folder above.

    Parameters
    ----------
    folder : str or path-like

    Yields
    ------
    below : str
        Folder of the files, relative to `folder`, with slashes; empty for itself.
    names : list of str
        Names of the files, sorted.
    """
    for path, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        folders[:] = sorted(
            name
            for name in folders
            if not _is_hidden(name) and not _leads_back(os.path.join(path, name))
        )
        below = os.path.relpath(path, folder).replace(os.sep, "/")
        shown = sorted(name for name in names if not _is_hidden(name))
        yield "" if below == "." else below, shown


def _raise(error):
    """Let no folder be left out because it cannot be listed."""
    raise error


def _leads_back(path):
    """Whether a folder is a link to one that it lies in."""
    if not os.path.islink(path):
        return False
    goal = os.path.realpath(path)
    above = os.path.realpath(os.path.dirname(path))
    return os.path.commonpath([goal, above]) == goal


def _is_hidden(name):
    # __MACOSX holds a shadow ._a.jpg of every a.jpg of an archive.
    return name.startswith(".") or name == "__MACOSX"


def find_pictures(folder):
    """Paths of all pictures below a folder, sorted within each."""
    return [
        os.path.join(folder, *below.split("/"), name)
        for below, names in walk(folder)
        for name in names
        if is_picture(name)
    ]


def mark(rows, names):
    """Targets of rows that say which labels are present and which nobody knows.

    Parameters
    ----------
    rows : list of (set of str, set of str) or None
        Labels that are present, and those that are unknown; all others are absent. None
        where nothing is known.
    names : list of str
        The labels in the order of the columns.

    Returns
    -------
    ndarray of shape (n, n_labels)
        1, 0 and NaN.
    """
    column = {name: i for i, name in enumerate(names)}
    known = all(row is not None and not row[1] for row in rows)
    target = zero_targets(len(rows), len(names), known=known)
    for values, row in zip(target, rows, strict=True):
        if row is None:
            values[:] = np.nan
            continue
        present, unknown = row
        if len(unknown) == len(names):
            values[:] = np.nan
        elif unknown:
            values[[column[name] for name in unknown]] = np.nan
        values[[column[name] for name in present]] = 1
    return target


def give_back(paths, target, names, *, groups=None, **options):
    """Arrange pictures without texts as every loader returns them.

    Parameters
    ----------
    paths : list of str
    target : ndarray of shape (n, n_labels)
        1, 0 and NaN.
    names : list of str
    groups : ndarray of shape (n,) or None, default=None
        None counts the rows.
    **options : object
        Further ones of :func:`make_bunch`.

    Returns
    -------
    Bunch, or tuple of (data, target)
    """
    return make_bunch(
        paths,
        [None] * len(paths),
        as_integers(target),
        names,
        groups=np.arange(len(paths)) if groups is None else groups,
        **options,
    )
