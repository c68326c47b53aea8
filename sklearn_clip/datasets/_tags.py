"""A folder of images, and a CSV file of their labels and captions."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Literal

import numpy as np

from sklearn_clip._shared import clean_name, hint_at_name, unify_names
from sklearn_clip.datasets._bunch import Loaded, as_integers, check_choice, make_bunch
from sklearn_clip.datasets._csv_table import CSVTable
from sklearn_clip.datasets._image_files import ImageFolder
from sklearn_clip.datasets._label_cells import make_cell_reader, make_column_reader
from sklearn_clip.datasets._missing_files import MISSING_FILES, report_missing


@dataclass
class _Row:
    """One row of the data set; `labels` is None if nothing is known about them.

    `image` is the name in the table, later the path, and `file` what is equal for all
    paths of one file.
    """

    line: int
    image: str
    text: str | None
    group: str | None
    labels: object
    is_empty: bool
    file: str | None = None


def load_csv_tags(
    csv: str | os.PathLike[str] | IO[str],
    images: str | os.PathLike[str],
    *,
    layout: Literal["cells", "columns", "pairs"] | None = "cells",
    image: str = "image",
    text: str | None = None,
    labels: str = "labels",
    group: str | None = None,
    separator: str = " ",
    classes: Iterable[str] | None = None,
    other_labels: Literal["raise", "ignore"] = "raise",
    na_values: Iterable[str] = (),
    unlabelled: Literal["keep", "drop", "unknown"] = "keep",
    duplicates: Literal["raise", "keep"] = "raise",
    missing_files: Literal["raise", "drop", "keep"] = "raise",
    encoding: str = "utf-8",
    delimiter: str = ",",
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Loaded:
    """Load a folder of images with a CSV file of their labels and captions.

    The form of most competitions and exports. Errors name the line of the file, as
    an editor counts them; no row is dropped or moved unless a parameter says so.

    Parameters
    ----------
    csv : str, path-like or text file
        The table, with a header. A text file (``io.StringIO``) may hold what was
        mended first.
    images : str or path-like
        The folder to which the images of the table are relative. A file is found by
        the name it has, else as other systems write it: with backslashes, with percent
        signs for letters, with accents as signs of their own (NFD) or not (NFC), below
        a folder whose name `images` ends in, or as a ``file://`` address.
    layout : {"cells", "columns", "pairs"} or None, default="cells"
        Where the labels stand: all labels of an image in one cell (``"cat dog"``);
        one column of 0 and 1 for each label; one line for each image and label; or
        nowhere, as in a table of rows to be labelled.
    image : str, default="image"
        The column of the images: file names, or ids, which are file names without
        their suffix.
    text : str or None, default=None
        The column of the captions; None if there is none.
    labels : str, default="labels"
        The column of the labels, for the layouts ``"cells"`` and ``"pairs"``.
    group : str or None, default=None
        A column that is equal for rows which must not be torn apart in
        cross-validation, such as a product or a patient. None groups rows of one image.
    separator : str, default=" "
        What stands between the labels of a cell. White space around a label is
        dropped.
    classes : list of str or None, default=None
        The labels and their order. None takes all that occur, sorted; in the layout
        ``"columns"``, all columns but those of image, text and group. Labels that look
        alike are one, as in :func:`~sklearn_clip.labels_to_frame`.
    other_labels : {"raise", "ignore"}, default="raise"
        What happens to labels that are not among `classes`: an error that names the
        first, or they are left out, as when only the most frequent are learnt. A row
        that has no others is then one that has none of the labels.
    na_values : list of str, default=()
        Label cells that mean "unknown", such as ``"-1"``. In the layout ``"columns"``
        empty cells, nan, NA, null and None are among them anyway; in the others such
        a word is a label unless it is named here, and what an empty cell means is
        said by `unlabelled`.
    unlabelled : {"keep", "drop", "unknown"}, default="keep"
        What an image with an empty label cell is: a row that has none of the labels,
        a row to leave out, or one about which nothing is known (NaN). In the layout
        ``"columns"`` an empty cell is always unknown, and only ``"drop"`` differs: it
        leaves out rows of which no label is known.
    duplicates : {"raise", "keep"}, default="raise"
        Whether an image may stand in several lines, of which each becomes a row, as
        with several captions. In the layout ``"pairs"`` they are one row anyway.
    missing_files : {"raise", "drop", "keep"}, default="raise"
        What happens to rows whose image is not there: one error that names them, left
        out with a warning, or kept unseen.
    encoding : str, default="utf-8"
        Encoding of the file. A byte order mark is skipped.
    delimiter : str, default=","
        What stands between cells.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Whether `data` and `target` are pandas DataFrames.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (n, 2), dtype object, or DataFrame
            Path of the picture and caption, None (NaN in a DataFrame) where there is
            none. The DataFrame has the columns ``image`` and ``text``.
        target : ndarray of shape (n, n_labels), or DataFrame, or None
            1 where the label is true of the row; int64, or float64 with NaN where it
            is unknown. None without a layout.
        target_names : list of str
            The labels.
        groups : ndarray of shape (n,)
            The cells of the column `group`, else a number for each image.
        lines : ndarray of shape (n,), dtype int64
            The line of the file in which the row begins.
        frame : DataFrame or None
            `data` and `target` side by side, if `as_frame`.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a parameter is unknown or names no column, the file is not a table in this
        encoding, a label cell has a value that is none or looks as if another
        separator were meant, an image is named twice, or a label is called ``image``
        or ``text`` and `as_frame`.
    FileNotFoundError
        If the file or an image is not there.
    NotADirectoryError
        If `images` is no folder.
    ImportError
        If `as_frame` and pandas is not installed.

    See Also
    --------
    load_coco : Read a data set in the format of COCO.
    sklearn_clip.labels_to_frame : Make the table of 0 and 1 from lists of tags.

    Examples
    --------
    >>> import io, tempfile
    >>> from pathlib import Path
    >>> from sklearn_clip.datasets import load_csv_tags
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("0.jpg", "1.jpg"):
    ...     (folder / name).touch()
    >>> table = '''ImageID,Labels,Caption
    ... 0,dog ball,"A dog, and a ball"
    ... 1,dog,
    ... '''
    >>> found = load_csv_tags(
    ...     io.StringIO(table), folder, image="ImageID", labels="Labels", text="Caption"
    ... )
    >>> found.target_names
    ['ball', 'dog']
    >>> found.target
    array([[1, 1],
           [0, 1]])
    >>> found.data[:, 1]
    array(['A dog, and a ball', None], dtype=object)
    """
    check_choice("layout", layout, ("cells", "columns", "pairs", None))
    check_choice("other_labels", other_labels, ("raise", "ignore"))
    check_choice("unlabelled", unlabelled, ("keep", "drop", "unknown"))
    check_choice("duplicates", duplicates, ("raise", "keep"))
    check_choice("missing_files", missing_files, MISSING_FILES)
    if not isinstance(separator, str) or not separator:
        raise ValueError(f"separator must be a text. Got {separator!r}.")
    for name, value in (("classes", classes), ("na_values", na_values)):
        if isinstance(value, str):
            raise TypeError(f"{name} must be a list of texts. Got {value!r}.")
    table = CSVTable(csv, encoding, delimiter)
    places = {
        parameter: table.find_column(column, parameter)
        for parameter, column in (("image", image), ("text", text), ("group", group))
        if column is not None
    }
    na_values = frozenset(map(str, na_values))
    classes = _check_classes(table, places, layout, classes)
    if layout == "columns":
        read = make_column_reader(table, classes, na_values)
    else:
        read = make_cell_reader(table, layout, labels, separator, na_values)
    rows = _read_rows(table, places, read)
    rows = _find_images(table, rows, images, missing_files)
    if layout == "pairs":
        rows = _merge(table, rows)
    elif duplicates == "raise":
        _refuse_duplicates(table, rows)
    rows = _settle_unlabelled(table, rows, unlabelled)
    target, names = _indicate(table, rows, layout, classes, other_labels)
    return make_bunch(
        [row.image for row in rows],
        [row.text for row in rows],
        target,
        names,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_csv_tags",
        groups=_number_groups(rows, group),
        lines=np.array([row.line for row in rows], dtype=np.int64),
    )


def _check_classes(table, places, layout, classes):
    """Names of the labels as texts, or None if the cells say them."""
    if classes is None and layout == "columns":
        taken = {table.header[place] for place in places.values()}
        classes = [name for name in table.header if name and name not in taken]
        if not classes:
            raise ValueError(
                "The layout 'columns' must have a column for each label. Got none "
                f"beside {', '.join(map(repr, sorted(taken)))} ({table.name})."
            )
        unify_names(classes)  # tells of those that differ in case
    if classes is None:
        return None
    classes = [str(name) for name in classes]
    if not classes:
        raise ValueError("classes must name a label. Got an empty list.")
    looks = [clean_name(name) for name in classes]
    if len(set(looks)) < len(looks):
        twice = next(name for name in looks if looks.count(name) > 1)
        raise ValueError(f"classes must be distinct. Got {twice!r} twice.")
    return classes


def _read_rows(table, places, read):
    """Read every line of the table as a row, its image as it is named there."""
    rows = []
    for line, cells in table.rows:
        found = {name: cells[place] or None for name, place in places.items()}
        for name in ("image", "group"):
            if name in found and found[name] is None:
                raise ValueError(
                    f"Every row must have its {name}. Got an empty cell in the column "
                    f"{table.header[places[name]]!r} ({table.place(line)})."
                )
        labels, is_empty = read(line, cells)
        text, group = found.get("text"), clean_name(found.get("group"))
        rows.append(_Row(line, found["image"], text, group, labels, is_empty))
    return rows


def _find_images(table, rows, images, missing_files):
    """Put the path of its file in the place of the image of each row."""
    folder = ImageFolder(images, "images")
    paths, missing, kept = {}, {}, []
    for row in rows:
        name = row.image
        if name not in paths:
            try:
                paths[name] = folder.find(name)
            except ValueError as exc:
                raise ValueError(f"{exc} ({table.place(row.line)}).") from exc
            if paths[name] is None:
                missing[name] = f"{name!r} (line {row.line})"
                if missing_files == "keep":
                    paths[name] = str(folder.root / name)
        row.image = paths[name]
        if row.image is not None:
            row.file = folder.identify(row.image)
            kept.append(row)
    if missing_files != "keep":
        n_images = len({row.file for row in kept}) + len(missing)
        report_missing(missing, n_images, [folder], missing_files)
    return kept


def _refuse_duplicates(table, rows):
    """Raise if an image stands in two lines."""
    line_of = {}
    for row in rows:
        first = line_of.setdefault(row.file, row.line)
        if first != row.line:
            raise ValueError(
                f"An image must stand in one line. Got '{row.image}' in line {first} "
                f"and again ({table.place(row.line)}). layout='pairs' reads a label a "
                "line, duplicates='keep' makes every line a row."
            )


def _merge(table, rows):
    """Make one row of the lines of each image."""
    merged = {}
    for row in rows:
        first = merged.setdefault(row.file, row)
        if first is row:
            continue
        for name in ("text", "group"):
            old, new = getattr(first, name), getattr(row, name)
            if None not in (old, new) and clean_name(old) != clean_name(new):
                raise ValueError(
                    f"The lines of an image must have the same {name}. Got {old!r:.60} "
                    f"(line {first.line}) and {new!r:.60} ({table.place(row.line)})."
                )
            setattr(first, name, new if old is None else old)
        if row.labels is not None:
            first.labels = row.labels | (first.labels or frozenset())
        first.is_empty = not first.labels
    return list(merged.values())


def _settle_unlabelled(table, rows, unlabelled):
    """Drop rows without labels, or make them unknown."""
    if unlabelled == "drop":
        rows = [row for row in rows if not row.is_empty]
        if not rows:
            raise ValueError(f"The table must have labels. Got none ({table.name}).")
    for row in rows if unlabelled == "unknown" else ():
        if row.is_empty and isinstance(row.labels, frozenset):
            row.labels = None
    return rows


def _indicate(table, rows, layout, classes, other_labels):
    """Targets of 0, 1 and NaN, and the names of their columns."""
    if layout is None:
        return None, []
    if layout == "columns":
        return as_integers(np.array([row.labels for row in rows])), classes
    found = {tag for row in rows for tag in row.labels or ()}
    spelled = unify_names(found, chosen=classes is not None)
    names = sorted(set(spelled.values())) if classes is None else classes
    if not names:
        raise ValueError(f"The table must have labels. Got none ({table.name}).")
    column = {clean_name(name): i for i, name in enumerate(names)}
    place = {tag: column[name] for tag, name in spelled.items() if name in column}
    if other_labels == "ignore" and found and not place:
        raise ValueError(
            f"The table must have labels among classes. Got none, but such as "
            f"{min(found)!r} ({table.name}).{hint_at_name(min(found), names)}"
        )
    target = np.zeros((len(rows), len(names)))
    for i, row in enumerate(rows):
        if row.labels is None:
            target[i] = np.nan
            continue
        strange = row.labels - place.keys()
        if strange and other_labels == "raise":
            raise ValueError(
                f"Labels must be among classes. Got {min(strange)!r} "
                f"({table.place(row.line)}).{hint_at_name(min(strange), names)} "
                "other_labels='ignore' leaves out those that are not."
            )
        target[i, [place[tag] for tag in row.labels - strange]] = 1
    return as_integers(target), names


def _number_groups(rows, group):
    """Group of each row: that of its column, else a number for its image."""
    if group is not None:
        return np.array([row.group for row in rows])
    numbers = {}
    return np.array([numbers.setdefault(row.file, len(numbers)) for row in rows])
