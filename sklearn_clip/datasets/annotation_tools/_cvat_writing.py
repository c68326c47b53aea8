"""Tags as CVAT imports them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from sklearn_clip.datasets.annotation_tools._suggestions import (
    choose_labels,
    make_relative,
    read_labels,
    read_rows,
    refuse_partly_unknown,
    write_whole,
)
from sklearn_clip.datasets.formats._xml import IMPOSSIBLE


def write_cvat_tags(
    path: str | os.PathLike[str],
    images: Any,
    labels: Any,
    *,
    label_names: Sequence[str] | None = None,
    threshold: Any = 0.5,
    root: str | os.PathLike[str] | None = None,
    task: str = "sklearn-clip",
    overwrite: bool = False,
) -> None:
    """Write tags in the XML that CVAT imports as "CVAT 1.1".

    CVAT matches images and labels by name: the task must have both. Every label is
    listed, an image without any is an empty element, and one of which nothing is known
    is left out.

    Parameters
    ----------
    path : str or path-like
        The XML file to write.
    images : array-like of shape (n,) or (n, 2)
        Paths of the pictures, or paths and texts as loaders give them.
    labels : array-like of shape (n, n_labels), or list of lists of str
        Scores in [0, 1], or 1 and 0; NaN where unknown. Or the labels of each row, None
        where unknown.
    label_names : list of str or None, default=None
        The columns of `labels`; None takes those of a DataFrame, or of the lists.
    threshold : float, array-like of shape (n_labels,), dict or Series, default=0.5
        The score from which on an image gets the tag, in (0, 1], or infinity for
        never: a number for all labels, one for each, or those by name.
    root : str, path-like or None, default=None
        The folder to which paths are made relative. None leaves them.
    task : str, default="sklearn-clip"
        The name of the task in the header.
    overwrite : bool, default=False
        Whether a file that is there is replaced.

    Raises
    ------
    TypeError
        If `labels` are no table or list, or `images` or `label_names` have no order.
    ValueError
        If lengths differ, a score is outside [0, 1], a row has no picture or is unknown
        in part, two rows have one picture, or a name cannot be written.
    FileExistsError
        If the file is there.
    FileNotFoundError
        If its folder is not there.

    See Also
    --------
    load_cvat : Read tags from CVAT.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_clip.datasets import load_cvat, write_cvat_tags
    >>> path = Path(tempfile.mkdtemp()) / "tags.xml"
    >>> write_cvat_tags(path, ["a.jpg", "b.jpg"], [["cat", "dog"], []])
    >>> load_cvat(path, None).target
    array([[1, 1],
           [0, 0]])
    """
    rows = read_rows(images)
    scores, names = read_labels(labels, len(rows), label_names)
    chosen = choose_labels(scores, threshold, names)
    refuse_partly_unknown(scores, names, "CVAT")
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>"]
    lines += ["  <version>1.1</version>", "  <meta>", "    <task>"]
    lines += [f"      <name>{_text(task)}</name>", "      <labels>"]
    for name in names:
        lines.append(
            f"        <label><name>{_text(name)}</name><type>tag</type>"
            "<attributes></attributes></label>"
        )
    lines += ["      </labels>", "    </task>", "  </meta>"]
    relate = make_relative(root)
    spelled = map(_attribute, names)
    tags = [f'    <tag label={name} source="auto"></tag>' for name in spelled]
    first: dict[str, int] = {}
    for number, ((image, _), values) in enumerate(zip(rows, scores, strict=True)):
        if image is None:
            raise ValueError(
                f"Every row must have its picture. Got none (row {number})."
            )
        image = relate(image)
        if first.setdefault(image, number) != number:
            raise ValueError(
                f"A picture must be in one row. Got {image!r} in the rows "
                f"{first[image]} and {number}."
            )
        if len(names) and np.isnan(values).all():
            continue
        place = f" (row {number})"
        lines.append(f'  <image id="{number}" name={_attribute(image, place)}>')
        lines += [tags[i] for i in np.flatnonzero(chosen[number])]
        lines.append("  </image>")
    write_whole(path, "\n".join([*lines, "</annotations>"]) + "\n", overwrite)


def _text(text):
    return escape(_check(text))


def _attribute(text, place=""):
    # A reader makes blanks of line ends and tabs in attributes unless they are numbers.
    return quoteattr(_check(text, place), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _check(text, place=""):
    """Raise for a sign that XML 1.0 cannot hold."""
    if IMPOSSIBLE.search(text):
        raise ValueError(f"XML must not hold control characters. Got {text!a}{place}.")
    return text
