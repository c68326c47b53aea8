"""Single pictures: found in rows of any form, drawn, and written above and below."""

import os
import textwrap
from collections.abc import Mapping
from numbers import Real

import numpy as np
from PIL import Image
from sklearn.frozen import FrozenEstimator

from sklearn_clip._shared import _safe_indexing, shown
from sklearn_clip._shared import column_names as named_columns
from sklearn_clip.embedding import attempt, decode_image, report_remarks, split_rows
from sklearn_clip.plotting._axes import GREY, families, place_of, short_name
from sklearn_clip.plotting._inputs import check_axes

FONT = 8.5  # points
LINE = FONT * 1.3 / 72  # inches from one line of text to the next
_SIDE = 256  # pixels of a picture that is kept


def check_rows(rows, n_samples):
    """Check positions of rows.

    Parameters
    ----------
    rows : array-like of int
        The positions.
    n_samples : int
        Number of rows.

    Returns
    -------
    ndarray of int
        The positions.

    Raises
    ------
    ValueError
        If there are none, or they are no integers from 0 to n_samples - 1.
    """
    rows = np.asarray(rows)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or not rows.size:
        raise ValueError(
            "rows must hold at least one row, as integer positions. Got an array of "
            f"shape {rows.shape} and dtype {rows.dtype}."
        )
    outside = rows[(rows < 0) | (rows >= n_samples)]
    if outside.size:
        raise ValueError(
            f"rows must hold positions from 0 to {n_samples - 1}. Got {outside[0]}."
        )
    return rows


def find_featurizer(estimator):
    """Find the step of an estimator that reads images.

    Parameters
    ----------
    estimator : estimator instance
        A Pipeline, search or meta-estimator.

    Returns
    -------
    estimator instance or None
        The first one that has the parameters `image`, `text` and `image_root`.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    names = ("image", "text", "image_root")
    parts = estimator.get_params() if hasattr(estimator, "get_params") else {}
    for part in (estimator, *parts.values()):
        if all(hasattr(part, name) for name in names):
            return part
        if isinstance(part, FrozenEstimator):  # has no parameters of what it holds
            found = find_featurizer(part.estimator)
            if found is not None:
                return found
    return None


def read_pictures(X, rows, image, text, image_root, *, numbers=None):
    """Read the pictures of some rows.

    Parameters
    ----------
    X : array-like of length n_samples
        Rows in any form that CLIPFeaturizer takes.
    rows : ndarray of int
        Positions of the rows.
    image, text : str or None
        Names of the columns, or "auto".
    image_root : str, path-like or None
        Folder put before relative paths.
    numbers : ndarray of int or None, default=None
        Positions that the titles give, where `X` is a part of other rows.

    Returns
    -------
    pictures : list of PIL.Image.Image or str
        The first picture of each row, at most `_SIDE` pixels wide and high; what is
        wrong where there is none.
    titles : list of str
        Position, index label and text of each row.

    Raises
    ------
    ValueError
        If the rows are a table that has no such column of images.
    """
    part = _safe_indexing(X, rows)
    image = "image" if image in ("auto", None) else image
    columns = column_names(part)
    if columns is not None and image not in columns:
        raise ValueError(
            f"The rows have no column {image!r} of images. Got the columns {columns}. "
            "Name the column with image=, or give the pictures themselves as images."
        )
    text = _column_of_texts(part, columns, "text" if text == "auto" else text)
    modalities = ("image",) if text is None else ("image", "text")
    cells = split_rows(part, image=image, text=text, modalities=modalities)
    remarks = []
    pictures = [
        _first_picture(row, cell, image_root, remarks)
        for row, cell in enumerate(cells.image)
    ]
    report_remarks(remarks, cells)
    titles = []
    for place, row in enumerate(rows if numbers is None else numbers):
        title = f"row {row}"
        if cells.index is not None and cells.index[place] != row:
            title += f" ({cells.index[place]})"
        if text is not None:
            title = f"{' '.join(cells.text[place])}\n{title}"
        titles.append(title)
    return pictures, titles


def column_names(X):
    """List the columns of rows that have names for them.

    Parameters
    ----------
    X : array-like
        Rows in any form that CLIPFeaturizer takes.

    Returns
    -------
    list or None
        The columns of a DataFrame, the keys of dicts; None for all other rows.
    """
    names = named_columns(X)
    if names is not None:
        return names
    if isinstance(X, np.ndarray) and X.ndim > 1:
        return None
    rows = list(X)
    if not rows or not all(isinstance(row, Mapping) for row in rows):
        return None
    return list(dict.fromkeys(key for row in rows for key in row))


def _column_of_texts(X, columns, text):
    """Name of the column of texts, None if the rows have none."""
    if text is None:
        return None
    if columns is not None:
        return text if text in columns else None
    return text if all(map(_is_pair, X)) else None


def _is_pair(row):
    """Tell (image, text) from an image, and from a list of two images."""
    if isinstance(row, np.ndarray) and row.ndim != 1:
        return False
    if not isinstance(row, np.ndarray | tuple | list) or len(row) != 2:
        return False
    return not isinstance(row, list) or not _is_image(row[1])


def _is_image(item):
    """Tell an image from a text and from what is missing."""
    if isinstance(item, str):
        suffix = os.path.splitext(item)[1].lower()
        return suffix in Image.registered_extensions()
    missing = item is None or isinstance(item, float)
    return not missing and type(item).__name__ != "NAType"


def _first_picture(row, cell, root, remarks):
    """Decode the first picture of a row."""
    if not cell:
        return "(no image)"
    picture, reason, said = attempt(
        lambda image: decode_image(image, root, draft_side=_SIDE), cell[0]
    )
    if reason is not None:
        return f"(cannot be read: {reason})"
    if said:
        remarks.append((row, cell[0], said))
    if max(picture.size) <= _SIDE:
        return picture
    small = picture.copy()  # what was decoded may be the user's own picture
    small.thumbnail((_SIDE, _SIDE))
    return small


def check_image_size(image_size):
    """Check the size of a picture in inches.

    Parameters
    ----------
    image_size : float
        The size.

    Raises
    ------
    ValueError
        If it is no number above 0.
    """
    if not isinstance(image_size, Real) or not 0 < image_size < np.inf:
        raise ValueError(f"image_size must be above 0. Got {shown(image_size)}.")


def picture_grid(pyplot, ax, titles, *, n_lines, gaps, image_size, top):
    """Make a grid for pictures with titles above and lines below.

    Parameters
    ----------
    pyplot : module
        matplotlib.pyplot.
    ax : Axes or None
        Axes in whose place the grid is put; None makes a figure of fitting size.
    titles : list of str or None
        What stands above the pictures.
    n_lines : list of int
        Lines below each picture, row by row.
    gaps : list of float
        Room between the columns of pictures, in inches: one fewer than columns.
    image_size : float
        Width and height of a picture in a new figure, in inches.
    top : float
        Room above all pictures of a new figure, in inches.

    Returns
    -------
    figure : Figure
        The figure.
    grid : GridSpec or SubplotSpec
        Rows of titles, pictures and lines by turns, columns of pictures and gaps: the
        picture of row r and column c is at ``[3 * r + 1, 2 * c]``.
    characters : int
        How many characters a line has room for.
    """
    n_cols, margin = len(gaps) + 1, 0.15
    n_title = max(title.count("\n") + 1 for title in titles or [""])
    above = LINE * n_title + 0.08
    below = [
        LINE * max(n_lines[start : start + n_cols]) + 0.2
        for start in range(0, len(n_lines), n_cols)
    ]
    column = image_size
    if ax is not None:
        check_axes(ax)
        frame = ax.get_window_extent()
        wide, high = frame.width / ax.figure.dpi, frame.height / ax.figure.dpi
        column = max(0.1, (wide - sum(gaps)) / n_cols)
        room = (high - sum(below)) / len(below) - above
        image_size = float(np.clip(room, 0.3, max(0.3, column)))
    heights = [part for size in below for part in (above, image_size, size)]
    widths = [column]
    for gap in gaps:
        widths += [gap, column]
    options = {"height_ratios": heights, "width_ratios": widths}
    options |= {"hspace": 0, "wspace": 0}
    shape = len(heights), len(widths)
    characters = max(4, int(column * 72 / (0.56 * FONT)))
    if ax is not None:
        return ax.figure, place_of(ax).subgridspec(*shape, **options), characters
    wide, high = sum(widths) + 2 * margin, sum(heights) + top
    figure = pyplot.figure(figsize=(wide, high))
    sides = {"left": margin / wide, "right": 1 - margin / wide}
    grid = figure.add_gridspec(*shape, **options, **sides, bottom=0, top=1 - top / high)
    return figure, grid, characters


def draw_picture(ax, image, width):
    """Draw a picture in the middle of square axes, or say why there is none.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.
    image : PIL.Image.Image or str
        The picture, or what to say.
    width : int
        Characters in a line.
    """
    ax.set(xticks=[], yticks=[])
    ax.set_anchor("NW")
    for spine in ax.spines.values():
        spine.set(color="#cccccc", linewidth=0.6)
    if isinstance(image, str):
        ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        words = "\n".join(textwrap.wrap(image, width))
        ax.text(
            0.5,
            0.5,
            words,
            ha="center",
            va="center",
            fontsize=FONT,
            color=GREY,
            family=families(words),
            parse_math=False,
        )
        return
    ax.imshow(image)
    side = max(image.size)
    left, over = (side - image.width) / 2, (side - image.height) / 2
    ax.set(xlim=(-0.5 - left, side - left - 0.5), ylim=(side - over - 0.5, -0.5 - over))


def write_above(ax, title, width):
    """Write the title of a picture.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.
    title : str
        Its lines; each is shortened.
    width : int
        Characters in a line of the names.
    """
    lines = [short_name(line, width + 2) for line in title.split("\n")]
    ax.annotate(
        "\n".join(lines),
        (0, 1),
        xytext=(0, 3),
        xycoords="axes fraction",
        textcoords="offset points",
        va="bottom",
        fontsize=FONT - 0.5,
        family=families(*lines),
        parse_math=False,
    )


def write_below(ax, lines):
    """Write lines below a picture, each in its colour.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.
    lines : list of tuple (text, colour)
        The lines.

    Returns
    -------
    list of matplotlib Text
        The lines.
    """
    return [
        ax.annotate(
            text,
            (0, 0),
            xytext=(0, -3 - 72 * LINE * number),
            xycoords="axes fraction",
            textcoords="offset points",
            va="top",
            fontsize=FONT,
            color=colour,
            family=families(text),
            parse_math=False,
        )
        for number, (text, colour) in enumerate(lines)
    ]
