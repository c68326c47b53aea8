"""Pictures in a folder for each label."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from typing import Literal

import numpy as np

from sklearn_clip._shared import (
    as_path,
    clean_name,
    hint_at_name,
    unify_names,
    warn_user,
)
from sklearn_clip.datasets._bunch import Loaded, check_choice
from sklearn_clip.datasets._hierarchy import ancestors
from sklearn_clip.datasets._image_files import is_folder, is_picture
from sklearn_clip.datasets._tag_targets import name_classes, sort_labels
from sklearn_clip.datasets.formats._rows import SPLITS, give_back, mark, walk


def load_folders(
    root: str | os.PathLike[str],
    *,
    hierarchy: bool = False,
    other_labels: Literal["absent", "unknown"] = "absent",
    unlabelled: Literal["keep", "drop", "unknown"] = "unknown",
    classes: Iterable[str] | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Loaded:
    """Load pictures that lie in a folder for each label.

    A picture that lies in two folders is one row of two labels: files are compared by
    what they hold, not by name, so that ``a.jpg`` and ``a.png`` are two rows.

    Parameters
    ----------
    root : str or path-like
        The folder of the folders. What lies deeper has its way there as a label, as
        ``"animal/cat"``. Hidden files and folders are left out.
    hierarchy : bool, default=False
        Whether the folders above are labels too: ``"animal"`` for ``"animal/cat"``.
    other_labels : {"absent", "unknown"}, default="absent"
        What a label is in whose folder a picture does not lie: looked for in vain, 0,
        or unknown, NaN, as where each picture was put into the first that fits.
    unlabelled : {"keep", "drop", "unknown"}, default="unknown"
        What a picture is that lies in `root` itself: a row that has none of the labels,
        a row to leave out, or one that nobody has looked at yet (NaN).
    classes : list of str or None, default=None
        The labels and their order. None takes all folders, sorted. Pictures of others
        are errors; what stands above a folder need not be listed.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether `data` and `target` are pandas DataFrames.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        As of :func:`load_csv_tags`: `data` of shape (n, 2), of which the texts are
        None, `target` of shape (n, n_labels), `target_names`, `groups`, `frame`, and

        copies : list of list of str
            All paths of the picture of each row; the first stands in `data`.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a parameter is unknown, there is no folder of pictures, or a folder is not
        among `classes`.
    NotADirectoryError
        If `root` is no folder.
    ImportError
        If `as_frame` and pandas is not installed.

    See Also
    --------
    load_csv_tags : Read the labels of a table.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_clip.datasets import load_folders
    >>> root = Path(tempfile.mkdtemp())
    >>> for name in ("cat/1.png", "dog/2.png", "dog/same as 1.png"):
    ...     (root / name).parent.mkdir(exist_ok=True)
    ...     _ = (root / name).write_text("2" if "2" in name else "1")
    >>> found = load_folders(root)
    >>> found.target_names
    ['cat', 'dog']
    >>> found.target
    array([[1, 1],
           [0, 1]])
    """
    check_choice("other_labels", other_labels, ("absent", "unknown"))
    check_choice("unlabelled", unlabelled, ("keep", "drop", "unknown"))
    classes = name_classes(classes)
    root = as_path(root, "root")
    if not root.is_dir():
        raise NotADirectoryError(
            f"root must be a folder of folders with pictures. Got '{root}'."
        )
    folders, made, paths = _list_pictures(root, hierarchy)
    names = _check_names(folders, made, paths, classes, root)
    labels_of: dict[str, set[str]] = {}
    for below, found in paths.items():
        made = ancestors(below, "/") if hierarchy else {below}
        looks = map(clean_name, made if below else ())
        # Folders above, which need not be listed, have no column then.
        labels = {names[look] for look in looks if look in names}
        labels_of |= dict.fromkeys(found, labels)
    unknown = set(names.values()) if other_labels == "unknown" else set()
    copies, rows = [], []
    for same in _merge_same(list(labels_of)):
        labels = labels_of[same[0]]
        if len(same) > 1:
            labels = labels.union(*(labels_of[path] for path in same))
        if not labels and unlabelled == "drop":
            continue
        is_unknown = not labels and unlabelled == "unknown"
        rows.append(None if is_unknown else (labels, unknown if labels else set()))
        copies.append(same)
    columns = list(names.values())
    _tell_of_splits(folders.values(), root)
    given: set[str] = set().union(*(row[0] for row in rows if row))
    bare = [name for name in columns if name not in given]
    if bare:
        warn_user(
            f"Labels without a picture have no positive. Got {bare[0]!r}"
            f"{f' and {len(bare) - 1} more' if len(bare) > 1 else ''} ('{root}')."
        )
    return give_back(
        [same[0] for same in copies],
        mark(rows, columns),
        columns,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_folders",
        groups=np.arange(len(copies)),
        copies=copies,
    )


def _tell_of_splits(labels, root):
    """Warn if folders are those of splits, and the labels lie in them."""
    splits = sorted({label.partition("/")[0] for label in labels})
    if len(splits) > 1 and all(split.lower() in SPLITS for split in splits):
        warn_user(
            "root must hold a folder for each label. Got "
            f"{', '.join(map(repr, splits))} in '{root}', which are called as splits "
            f"are: labels are such as {min(labels)!r}. Load each of these folders by "
            "itself."
        )


def _list_pictures(root, hierarchy):
    """Labels of the folders, these and what is above, and the pictures of each."""
    labels, made, paths, others = {}, {}, {}, []
    for below, files in walk(root):
        found = [name for name in files if is_picture(name)]
        others += [os.path.join(below, name) for name in files if not is_picture(name)]
        folder = root / below
        paths[below] = [str(folder / name) for name in found]
        with os.scandir(folder) as entries:
            holds_folders = any(
                is_folder(entry) and not entry.name.startswith(".") for entry in entries
            )
        # An empty folder is a label nobody was given; one of folders is a step.
        if below and (found or not holds_folders):
            labels[clean_name(below)] = below
            for label in sorted(ancestors(below, "/")) if hierarchy else ():
                made.setdefault(clean_name(label), label)
    if others:
        warn_user(
            "Files that are no pictures by their suffix are left out. Got "
            f"{len(others)}: {', '.join(map(repr, others[:3]))}"
            f"{' and so on' if len(others) > 3 else ''} ('{root}')."
        )
    return labels, made | labels, paths


def _check_names(folders, made, paths, classes, root):
    """Name of the column of each label, by what it looks like."""
    if not any(found for below, found in paths.items() if below):
        raise ValueError(
            f"root must hold a folder with pictures for each label. Got '{root}', "
            "which has none."
        )
    # Two folders may look alike, and then are one label.
    written = {below for below in paths if clean_name(below) in folders}
    spelled = unify_names(written.union(made.values()), chosen=classes is not None)
    if classes is None:
        return {name: name for name in sort_labels(spelled.values())}
    names = {clean_name(name): name for name in classes}
    strange = sorted(folders.keys() - names.keys())
    if strange:
        raise ValueError(
            f"Folders must be among classes. Got {strange[0]!r} in '{root}'."
            f"{hint_at_name(strange[0], names)}"
        )
    return names


def _merge_same(paths):
    """Put together the paths of files that hold the same, in order of the first."""
    sizes = {}
    for path in paths:
        try:
            sizes[path] = os.path.getsize(path)
        except OSError as exc:
            raise FileNotFoundError(
                f"A picture must be there. Got the link '{path}', which leads nowhere."
            ) from exc
    count_of = Counter(sizes.values())
    same = {}
    for path, size in sizes.items():
        # An empty file is no picture: two of them have nothing in common.
        alone = size == 0 or count_of[size] == 1
        same.setdefault(path if alone else _digest(path), []).append(path)
    return list(same.values())


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
