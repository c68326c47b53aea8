"""The rows of a heatmap: which are drawn, their pictures, and what their labels are."""

import numpy as np

from sklearn_clip._shared import _num_samples, _safe_indexing, warn_of_row_order
from sklearn_clip.plotting._inputs import learnt, read_names, read_targets
from sklearn_clip.plotting._pictures import check_rows, read_pictures


def take_rows(X, y, rows, max_rows):
    """Take the rows that are drawn, if they are not too many.

    Parameters
    ----------
    X, y : array-like of length n_samples
        Rows and their targets; None for no targets.
    rows : array-like of int or None
        Positions, None for all.
    max_rows : int or None
        How many at most.

    Returns
    -------
    X, y : array-like
        The chosen rows.
    rows : ndarray of int
        Their positions.

    Raises
    ------
    ValueError
        If X and y differ in length, or there are no rows, or too many.
    """
    n_samples = _num_samples(X)
    if y is not None and _num_samples(y) != n_samples:
        raise ValueError(
            f"X and y must have the same number of rows. Got {n_samples} and "
            f"{_num_samples(y)}."
        )
    warn_of_row_order(X, y)
    rows = np.arange(n_samples) if rows is None else check_rows(rows, n_samples)
    if not len(rows):
        raise ValueError("X must have at least one row. Got none.")
    if max_rows is not None and len(rows) > max_rows:
        raise ValueError(
            f"At most {max_rows} rows are drawn, each once for every label. Got "
            f"{len(rows)}: choose some of them with rows=, for example rows=[0, 1], or "
            "raise max_rows."
        )
    y = None if y is None else _safe_indexing(y, rows)
    return _safe_indexing(X, rows), y, rows


def count_known(estimator, y, label_names):
    """Count the labels where it is known before anything is predicted.

    Parameters
    ----------
    estimator : estimator instance
        The tagger.
    y : array-like of shape (n, n_labels) or None
        Targets.
    label_names : sequence or None
        Names that were given.

    Returns
    -------
    int or None
        Their number.
    """
    names = learnt(estimator, "label_names_")
    known = [len(found) for found in (names, label_names) if found is not None]
    return next(iter([*known, *np.shape(y)[1:2]]), None)


def read_labels(estimator, y, predicted, label_names):
    """Check targets, if there are any, and find the names of the labels.

    Parameters
    ----------
    estimator : estimator instance
        The tagger.
    y : array-like of shape (n, n_labels) or None
        Targets.
    predicted : array-like of shape (n, n_labels)
        Predictions.
    label_names : sequence or None
        Names that were given.

    Returns
    -------
    entries : Entries or None
        The checked targets.
    names : ndarray of shape (n_labels,), dtype=object
        The names.

    Raises
    ------
    ValueError
        If targets or names do not fit.
    """
    if y is not None:
        return read_targets(y, label_names, tables=[predicted], estimator=estimator)
    n_labels = np.shape(predicted)[1]
    return None, read_names(estimator, label_names, n_labels, tables=[predicted])


def read_all(featurizer, given, cells, rows):
    """Read the pictures of all rows, and say of which row there is none.

    Parameters
    ----------
    featurizer : CLIPFeaturizer
        Says where pictures are.
    given : array-like of length n
        Rows, as the featurizer takes them.
    cells : Cells
        Their items.
    rows : ndarray of int
        The positions that an error and a title give.

    Returns
    -------
    pictures : list of PIL.Image.Image
        The first picture of each row.
    titles : list of str
        What stands above each.

    Raises
    ------
    ValueError
        If a row has no picture, or one that cannot be read.
    """
    for row, cell in zip(rows, cells.image, strict=True):
        if not cell:
            raise ValueError(
                f"Every row must have an image, to draw on. Got none in row {row}: "
                "choose others with rows=."
            )
    pictures, titles = read_pictures(
        given,
        np.arange(len(rows)),
        featurizer.image,
        featurizer.text,
        featurizer.image_root,
        numbers=rows,
    )
    for row, picture in zip(rows, pictures, strict=True):
        if isinstance(picture, str):
            raise ValueError(
                "Every row must have an image, to draw on. Got one in row "
                f"{row} that {picture.strip('()')}: choose others with rows=."
            )
    return pictures, titles


def label_kinds(entries, predicted):
    """Say what every label of every row is.

    Parameters
    ----------
    entries : Entries or None
        Checked targets, None where nothing is known.
    predicted : ndarray of shape (n, n_labels), dtype=bool
        Predictions.

    Returns
    -------
    ndarray of shape (n, n_labels), dtype=object
        "found", "missed", "false" or "predicted"; empty for what is neither true nor
        predicted.
    """
    kinds = np.full(predicted.shape, "", dtype=object)
    if entries is None:
        kinds[predicted] = "predicted"
        return kinds
    known = np.ones_like(predicted) if entries.known is None else entries.known
    kinds[predicted & ~entries.positive] = "false"
    kinds[predicted & ~known] = "predicted"
    kinds[predicted & entries.positive] = "found"
    kinds[~predicted & entries.positive] = "missed"
    return kinds


def most_telling(scores, known):
    """Choose labels that are true or predicted, else the best one.

    Parameters
    ----------
    scores : ndarray of shape (n_labels,)
        Scores of a row.
    known : ndarray of shape (n_labels,), dtype=bool
        Which labels are true or predicted.

    Returns
    -------
    ndarray of int
        Their positions, by falling scores.
    """
    order = np.argsort(-scores, kind="stable")
    return order[known[order]] if known.any() else order[:1]
