"""What writers take: pictures, and their labels as names, marks or scores."""

import os
import re
from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse

from sklearn_clip._shared import (
    as_array,
    as_path,
    clean_name,
    column_names,
    in_given_order,
    in_label_order,
    is_missing,
    refuse_other_order,
    refuse_unindexable,
    row_blocks,
    shown,
    stored_form,
    whole_file,
)
from sklearn_clip.datasets._image_files import is_address
from sklearn_clip.datasets._tag_targets import sort_labels
from sklearn_clip.datasets.formats._xml import IMPOSSIBLE

# Bytes of a file's name that are no UTF-8, as Python keeps them.
_BYTES = re.compile("[\ud800-\udfff]")


def read_rows(images):
    """Pictures and texts of the rows.

    Parameters
    ----------
    images : array-like of shape (n,) or (n, 2), or DataFrame
        Paths, or what a loader gives as `data`.

    Returns
    -------
    list of tuple (str or None, str or None)
    """
    is_table = hasattr(images, "to_numpy")
    values = (
        images.to_numpy() if is_table else in_given_order(images, "images", "paths")
    )
    rows = []
    for number, row in enumerate(values):
        pair = (row, None) if isinstance(row, str | os.PathLike) else tuple(row)
        pair = (*pair, None) if len(pair) == 1 else pair
        pair = tuple(None if is_missing(cell) else os.fspath(cell) for cell in pair)
        if len(pair) != 2 or pair == (None, None):
            raise ValueError(
                "images must have a path, or a path and a text, in each row. Got "
                f"{row!r:.60} (row {number})."
            )
        bad = next((cell for cell in pair if cell and _BYTES.search(cell)), None)
        if bad is not None:
            raise ValueError(
                "A path or a text must be one that UTF-8 can hold. Got "
                f"{bad!a:.60} (row {number}): rename the file."
            )
        rows.append(pair)
    return rows


def make_relative(root):
    """Make the function that writes a path relative to a folder.

    Parameters
    ----------
    root : str, path-like or None
        The folder. None leaves paths as they are.

    Returns
    -------
    callable
        Of a path; returns it with slashes. An address is given back.
    """
    folder = None if root is None else as_path(root, "root")
    known = {}  # of the folders of the paths, which are few

    def relate(path):
        if is_address(path):
            return path
        if folder is not None:
            head, tail = os.path.split(path)
            if tail in ("", os.curdir, os.pardir):
                return os.path.relpath(path, folder).replace(os.sep, "/")
            if head not in known:
                found = os.path.relpath(head or os.curdir, folder)
                known[head] = "" if found == os.curdir else found
            path = os.path.join(known[head], tail)
        return path.replace(os.sep, "/")

    return relate


def read_labels(labels, n_rows, label_names):
    """Scores of the labels, and their names.

    Parameters
    ----------
    labels : array-like or DataFrame of shape (n, n_labels), or list of lists of str
        1, 0 or a score in [0, 1], and NaN where a label is unknown; or the names of the
        labels of each row, None where all are unknown.
    n_rows : int
    label_names : list of str or None

    Returns
    -------
    scores : ndarray of shape (n, n_labels)
    names : list of str

    Raises
    ------
    TypeError
        If `labels` are no table or list, or `label_names` have no order.
    ValueError
        If there are not as many rows as labels, names are missing or repeated, or a
        value is outside [0, 1].
    """
    columns = column_names(labels)
    if label_names is None:
        label_names = columns
    else:
        label_names = in_given_order(label_names, "label_names")
        refuse_other_order(label_names, columns)
    labels = _as_rows(labels)
    if len(labels) != n_rows:
        raise ValueError(
            f"labels must have a row for each image. Got {len(labels)} for {n_rows}."
        )
    if isinstance(labels, list) and _are_tags(labels):
        scores, names = _mark_tags(labels, label_names)
    else:
        values = as_array(labels, "labels")
        try:
            scores = np.asarray(values, dtype=float)
        except (TypeError, ValueError) as exc:
            raise ValueError(
                f"labels must be numbers or lists of texts: {exc}."
            ) from exc
        if scores.ndim != 2:
            raise ValueError(
                f"labels must have two dimensions. Got the shape {scores.shape}."
            )
        if label_names is None:
            raise ValueError("label_names must name the columns of labels. Got None.")
        names = [str(name) for name in label_names]
        if len(names) != scores.shape[1]:
            raise ValueError(
                "label_names must name every column of labels. Got "
                f"{len(names)} for {scores.shape[1]}."
            )
    looks = {clean_name(name) for name in names}
    if "" in looks:
        raise ValueError(f"label_names must not be blank. Got {names!r:.80}.")
    if len(looks) < len(names):
        raise ValueError(f"label_names must be distinct. Got {names!r:.80}.")
    bad = next((name for name in names if IMPOSSIBLE.search(name)), None)
    if bad is not None:
        raise ValueError(
            f"A label must be a text that XML can hold. Got {bad!a:.60} with the sign "
            f"{IMPOSSIBLE.search(bad)[0]!a}."
        )
    for rows in row_blocks(*scores.shape):
        some = scores[rows]
        bad = np.argwhere(~(np.isnan(some) | ((some >= 0) & (some <= 1))))
        if not len(bad):
            continue
        row, column = rows.start + bad[0][0], bad[0][1]
        raise ValueError(
            "labels must be in [0, 1], or NaN where unknown. Got "
            f"{scores[row, column]} (row {row}, {names[column]!r}). Scores of a "
            "decision function are made probabilities by a calibrator."
        )
    return scores, names


def _as_rows(labels):
    """List the rows of what may be lists of names; leave a table as it is."""
    rule = "labels must be a table, or a list of the labels of each image."
    refuse_unindexable(labels, "labels", rule)
    labels = stored_form(labels)
    if sparse.issparse(labels):
        return labels.astype(np.float64).toarray()
    if column_names(labels) is not None or len(getattr(labels, "shape", [1])) > 1:
        return labels
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
        raise TypeError(f"{rule} Got {shown(labels)}.")
    for way in ("to_pylist", "to_list"):  # whose cells are plain lists
        if hasattr(labels, way):
            return getattr(labels, way)()
    return list(labels)


def _are_tags(labels):
    """Whether rows are lists of names, and not of numbers."""
    return any(
        isinstance(row, set | frozenset)
        or (
            isinstance(row, Sequence | np.ndarray)
            and not isinstance(row, str | bytes)
            and (len(row) == 0 or isinstance(row[0], str))
        )
        for row in labels
    )


def _mark_tags(labels, label_names):
    rows = [None if is_missing(row) else list(row) for row in labels]
    for number, row in enumerate(rows):
        for tag in row or ():
            if not isinstance(tag, str) or not tag.strip():
                raise ValueError(
                    f"A label must be a text. Got {tag!r:.60} (row {number})."
                )
    names = label_names
    if names is None:
        names = sort_labels(clean_name(tag) for row in rows for tag in row or ())
    names = [str(name) for name in names]
    column = {clean_name(name): i for i, name in enumerate(names)}
    scores = np.zeros((len(rows), len(names)))
    for number, row in enumerate(rows):
        if row is None:
            scores[number] = np.nan
        for tag in row or ():
            if clean_name(tag) not in column:
                raise ValueError(
                    f"Labels must be among label_names. Got {tag!r} (row {number})."
                )
            scores[number, column[clean_name(tag)]] = 1
    return scores, names


def choose_labels(scores, threshold, names):
    """Which labels are present: those whose score is at least the threshold."""
    cuts = in_label_order(threshold, names, "threshold", as_texts=True)
    cut = np.asarray(cuts, dtype=float)
    if cut.ndim > 1 or (cut.ndim == 1 and len(cut) != scores.shape[1]):
        raise ValueError(
            f"threshold must be a number, or one for each of {scores.shape[1]} labels. "
            f"Got the shape {cut.shape}."
        )
    wrong = cut[~((cut > 0) & ((cut <= 1) | np.isposinf(cut)))]
    if wrong.size:
        raise ValueError(
            "threshold must be in (0, 1], or infinity for a label that is never "
            f"present. Got {wrong[0]:g}."
        )
    return scores >= cut  # False where unknown


def refuse_partly_unknown(scores, names, what):
    """Raise if some labels of a row are known and others not."""
    for rows in row_blocks(*scores.shape):
        unknown = np.isnan(scores[rows])
        partly = np.flatnonzero(unknown.any(axis=1) & ~unknown.all(axis=1))
        if not len(partly):
            continue
        row = rows.start + partly[0]
        name = names[int(np.flatnonzero(unknown[partly[0]])[0])]
        raise ValueError(
            f"{what} cannot say that one label of an image is unknown: it would be "
            f"absent. Got NaN for {name!r} (row {row}). Fill the NaN, or make the "
            "whole row NaN, which leaves the image out."
        )


def write_whole(path, text, overwrite):
    """Write a text file that takes its place when it is complete."""
    path = as_path(path, "path")
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"path must be new. Got '{path}', which is there: pass overwrite=True to "
            "replace it."
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder of path must be there. Got '{path}': make '{path.parent}' "
            "first."
        )
    with whole_file(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
