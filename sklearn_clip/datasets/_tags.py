"""A folder of images, and a table of their labels and captions."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import IO, Any, Literal

import numpy as np

from sklearn_clip._shared import clean_name, shown
from sklearn_clip.datasets._bunch import Loaded, as_integers, check_choice, make_bunch
from sklearn_clip.datasets._collector import collector_paused
from sklearn_clip.datasets._confidence import check_min_confidence
from sklearn_clip.datasets._frame_table import open_table
from sklearn_clip.datasets._label_cells import (
    make_cell_reader,
    make_column_reader,
    make_confidence_reader,
    make_value_reader,
)
from sklearn_clip.datasets._path_columns import add_ancestors
from sklearn_clip.datasets._tag_rows import (
    find_images,
    merge_rows,
    number_groups,
    read_rows,
    refuse_duplicates,
    settle_unlabelled,
    take_texts,
)
from sklearn_clip.datasets._tag_targets import (
    check_classes,
    check_reader,
    indicate,
    make_speller,
)
from sklearn_clip.datasets._unread_values import (
    check_unread_values,
    refuse_unread_answers,
)


@collector_paused()
def load_csv_tags(
    csv: str | os.PathLike[str] | IO[str] | Any,
    images: str | os.PathLike[str] | None,
    *,
    layout: Literal["cells", "columns", "pairs"] | None = "cells",
    image: str = "image",
    text: str | Iterable[str] | None = None,
    labels: str = "labels",
    value: str | None = None,
    confidence: str | None = None,
    min_confidence: float | None = None,
    group: str | None = None,
    separator: str = " ",
    hierarchy: str | None = None,
    label_names: Mapping[Any, str] | None = None,
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
    """Load a folder of images with a table of their labels and captions.

    The form of most competitions and exports. Errors name the line of the file, as
    an editor counts them, or the row of a table with types, counted from 0; no row is
    dropped or moved unless a parameter says so.

    Parameters
    ----------
    csv : str, path-like, text file, DataFrame or Arrow table
        The table: a CSV file with a header, a Parquet or Feather file (needs pyarrow),
        a folder of Parquet files, or a table of pandas, polars or Arrow. A text file
        (``io.StringIO``) may hold what was mended first.
    images : str, path-like or None
        The folder to which the images of the table are relative. None for texts alone:
        the column `image` is then not read but for the layout ``"pairs"``, where it
        tells which lines are of one row. A file is found by
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
    text : str, list of str or None, default=None
        The column of the captions; of several, what is there is joined by blanks. None
        if there is none.
    labels : str, default="labels"
        The column of the labels, for the layouts ``"cells"`` and ``"pairs"``; those of
        the layout ``"columns"`` are named by `classes`. In a table with types a cell
        may be a list, and its labels hold what they like: an empty list is an empty
        label cell, and None, NaN and NA say that nothing is known of the row.
    value : str or None, default=None
        The column, in the layout ``"pairs"``, that says whether the label of the line
        is present (1) or was looked for in vain (0), such as ``"Confidence"``; empty
        cells and `na_values` are unknown; Prodigy's ``accept``, ``reject`` and
        ``ignore`` are 1, 0 and unknown. A label that no line of an image names is
        then unknown too. Without it each line is a label that is present; a column that
        is called as such values or confidences are and says otherwise is refused, and a
        warning tells of others that are yes and no.
    confidence : str or None, default=None
        The column, in the layout ``"pairs"``, that says how sure a machine was of the
        label of the line, in [0, 1], such as ``"score"``. A label that no line of an
        image names is absent, as it is without the column. Needs `min_confidence`.
    min_confidence : float or None, default=None
        Labels of at least this confidence, in (0, 1], are present, others that the
        machine named are unknown: in the column `confidence`, and where `value` or, in
        the layout ``"columns"``, a label is between 0 and 1. None makes errors of such
        values.
    group : str or None, default=None
        A column that is equal for rows which must not be torn apart in
        cross-validation, such as a product or a patient. None groups rows of one image.
    separator : str, default=" "
        What stands between the labels of a cell. White space around a label is
        dropped. Where all cells are lists that were printed, as ``"['cat', 'dog']"``,
        they are read as lists, and a warning says so. ``"[]"`` has none of the labels,
        whatever `unlabelled` says of empty cells.
    hierarchy : str or None, default=None
        What stands between the parts of labels that are paths, such as ``" - "`` in
        ``"Shoes - Red"``: all that a label stands below are labels too, here
        ``"Shoes"``. In a table with types a path may be a list. In the layout
        ``"columns"`` a label without a column of its own is 1 where one below it is,
        and 0 where all are; it stands before these.
    label_names : dict of {str or int: str} or None, default=None
        The name of each label that the table calls by an id, or of each column. Every
        one that occurs must be there.
    classes : list of str or None, default=None
        The labels and their order; a set is sorted. None takes all that occur, sorted,
        as numbers if all are; in the layout ``"columns"``, where they are named as the
        columns, all columns but those of image, text and group and those without a
        name, which pandas calls ``"Unnamed: 0"``. Labels that look alike are one, as
        in :func:`~sklearn_clip.labels_to_frame`.
    other_labels : {"raise", "ignore"}, default="raise"
        What happens to labels that are not among `classes`: an error that names the
        first, or they are left out, as when only the most frequent are learnt. A row
        that has no others is then one that has none of the labels. What stands above a
        label of the row, in a hierarchy, need not be among them.
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
        out with a warning, or kept unseen. "keep" keeps rows whose cell is empty, too,
        without images those without a text, but for the layout "pairs"; they have None.
    encoding : str, default="utf-8"
        Encoding of a CSV file. A byte order mark is skipped.
    delimiter : str, default=","
        What stands between the cells of a CSV file. A first line such as ``sep=;``, as
        it is written for Excel, is no row and counts before it. Where all cells of the
        header stand in apostrophes, these are the quotation marks.
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
            none, as everywhere with ``images=None``. The DataFrame has the columns
            ``image`` and ``text``.
        target : ndarray of shape (n, n_labels), or DataFrame, or None
            1 where the label is true of the row; int64, or float64 with NaN where it
            is unknown. None without a layout.
        target_names : list of str
            The labels.
        groups : ndarray of shape (n,)
            The cells of the column `group`, else a number for each image, or for each
            text without images.
        lines : ndarray of shape (n,), dtype int64
            The line of the file in which the row begins, or the row of a table with
            types, from 0.
        frame : DataFrame or None
            `data` and `target` side by side, if `as_frame`.

    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a parameter is unknown or names no column, the file is not a table in this
        encoding, a label cell has a value that is none or looks as if another
        separator were meant, the cell of an image is empty (but for "keep") or names
        one twice, its lines contradict each other, a label has no name among
        `label_names`, or is called ``image`` or ``text`` and `as_frame`.
    TypeError
        If `csv` is no table, a list of texts is one text, or `labels` is a list.
    FileNotFoundError
        If the file or an image is not there.
    NotADirectoryError
        If `images` is no folder.
    ImportError
        If `as_frame` and pandas is not installed, or pyarrow for a Parquet file.

    See Also
    --------
    load_coco : Read a data set in the format of COCO.
    load_open_images : Read image-level labels as Open Images has them.
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
    check_choice("duplicates", duplicates, ("raise", "keep"))
    classes = check_reader(
        classes,
        other_labels=other_labels,
        unlabelled=unlabelled,
        missing_files=missing_files,
    )
    if not isinstance(separator, str) or not separator:
        raise ValueError(
            f"separator must be a text. Got {separator!r}. Cells with several signs "
            "become lists first, in a DataFrame."
        )
    if isinstance(na_values, str) or not isinstance(na_values, Iterable):
        raise TypeError(f"na_values must be a list of texts. Got {na_values!r}.")
    check_min_confidence(min_confidence)
    _check_layout(layout, images, text, labels, value, hierarchy)
    _check_confidence(layout, value, confidence, min_confidence)
    spell = make_speller(label_names, hierarchy)
    table = open_table(csv, encoding, delimiter)
    reads_image = images is not None or layout == "pairs"
    columns: dict[str, list[Any]] = {"group": [group]}
    columns["image"] = [image] if reads_image else []
    if isinstance(text, str) or not isinstance(text, Iterable):
        texts: list[Any] = [text]
    else:
        texts = list(text)
    columns["text"] = texts
    places = {
        parameter: [table.find_column(name, parameter) for name in named]
        for parameter, named in columns.items()
        if named and named != [None]
    }
    taken = {place for found in places.values() for place in found}
    if images is None and clean_name(image) in table.header:
        taken.add(table.find_column(image, "image"))
    na_values = frozenset(map(str, na_values))
    chosen = classes is not None
    classes = check_classes(table, taken, layout, classes)
    if layout == "columns":
        read = make_column_reader(table, classes, na_values, min_confidence)
    elif value is not None:
        read = make_value_reader(
            table, labels, value, na_values, spell, min_confidence=min_confidence
        )
    elif confidence is not None:
        read = make_confidence_reader(
            table, labels, confidence, na_values, spell, min_confidence=min_confidence
        )
        taken.add(table.find_column(confidence, "confidence"))
    else:
        read = make_cell_reader(
            table, layout, labels, separator, na_values, spell, hierarchy
        )
    if layout == "pairs" and value is None:
        taken.add(table.find_column(labels, "labels"))
        check_unread_values(table, taken, confidences=confidence is None)
    elif layout == "cells":
        refuse_unread_answers(table, taken)
    may_lack = layout != "pairs" and missing_files == "keep"
    rows = read_rows(table, places, read, may_lack=may_lack)
    if images is None:
        rows = take_texts(table, rows, layout, may_lack=may_lack)
    else:
        rows = find_images(table, rows, images, missing_files)
    if layout == "pairs":
        rows = merge_rows(table, rows)
    elif duplicates == "raise" and images is not None:
        refuse_duplicates(table, rows, separator)
    rows = settle_unlabelled(table, rows, unlabelled)
    if layout is None:
        target, names = None, []
    elif layout == "columns":
        target = np.array([row.labels for row in rows])
        names = _name_columns(classes, spell, table)
        if hierarchy is not None:
            lines = [row.line for row in rows]
            target, names = add_ancestors(
                table, lines, target, names, hierarchy, chosen=chosen
            )
        target = as_integers(target)
    else:
        target, names = indicate(
            table, rows, classes, other_labels, hierarchy=hierarchy
        )
    return make_bunch(
        [row.image for row in rows],
        [row.text for row in rows],
        target,
        names,
        as_frame=as_frame,
        return_X_y=return_X_y,
        caller="load_csv_tags",
        groups=number_groups(rows, group),
        lines=np.array([row.line for row in rows], dtype=np.int64),
    )


def _check_layout(layout, images, text, labels, value, hierarchy):
    """Raise if parameters are given that the layout does not have."""
    if layout == "columns" and not (isinstance(labels, str) and labels == "labels"):
        raise ValueError(
            "labels is for layout='cells' and layout='pairs'. With layout='columns' "
            f"classes=[...] names the columns of labels. Got labels={shown(labels)}."
        )
    if isinstance(labels, Iterable) and not isinstance(labels, str):
        raise TypeError(
            f"labels must name one column. Got {shown(labels)}. Columns of 0 and 1, "
            "one for each label, are named by layout='columns' and classes=[...]; of "
            "columns of words pandas.get_dummies makes such columns."
        )
    if value is not None and layout != "pairs":
        raise ValueError(
            f"value is for layout='pairs'. Got {value!r} with layout={layout!r}."
        )
    if hierarchy is not None and layout is None:
        raise ValueError(
            f"hierarchy is for a layout with labels. Got {hierarchy!r} with "
            "layout=None."
        )
    if images is None and not text:
        raise ValueError(
            "Without images text must name the column of the texts. Got images=None "
            f"and text={text!r}."
        )


def _check_confidence(layout, value, confidence, min_confidence):
    """Raise unless it is clear which numbers make a label."""
    if confidence is not None and (layout != "pairs" or value is not None):
        raise ValueError(
            "confidence is for layout='pairs', in the place of value. Got "
            f"{confidence!r} with layout={layout!r} and value={value!r}."
        )
    if confidence is not None and min_confidence is None:
        raise ValueError(
            f"confidence={confidence!r} needs min_confidence, from which on a label is "
            "present. Got None. 0.5 is a beginning."
        )
    has_numbers = layout == "columns" or value is not None or confidence is not None
    if min_confidence is not None and not has_numbers:
        raise ValueError(
            "min_confidence is for confidence=... or value=... and for "
            f"layout='columns'. Got {min_confidence!r} with layout={layout!r}."
        )


def _name_columns(columns, spell, table):
    """Names of the labels of columns, which must stay distinct."""
    names = [spell(column, table.name) for column in columns]
    looks = [clean_name(name) for name in names]
    twice = next((name for name, count in Counter(looks).items() if count > 1), None)
    if twice is not None:
        raise ValueError(
            "label_names and hierarchy must give each column a name of its own. Got "
            f"{twice!r} twice."
        )
    return names
