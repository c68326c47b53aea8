"""Targets of the heads: what y may be, and the weights of its entries."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from sklearn_clip._shared import (
    TEXTS_HINT,
    as_targets,
    column_names,
    label_array,
    read_entries,
    read_stored,
    shown,
    stored_form,
)


class Targets(NamedTuple):
    """Checked targets.

    Attributes
    ----------
    positive : {ndarray, CSC array} of shape (n_samples, n_labels), dtype=bool
        Where a label is known to be 1.
    known : ndarray of shape (n_samples, n_labels), dtype=bool, or None
        False where it is unknown; None where all are known.
    classes : ndarray of shape (2,) or None
        The two classes of a 1-D y; None for a 2-D y.
    names : ndarray of shape (n_labels,), dtype=object, or None
        Column names of a DataFrame.
    """

    positive: np.ndarray
    known: np.ndarray | None
    classes: np.ndarray | None
    names: np.ndarray | None


def check_targets(y, *, keep_sparse=False):
    """Check targets of any accepted form.

    Parameters
    ----------
    y : {array-like, sparse matrix, DataFrame} of shape (n_samples,) or \
            (n_samples, n_labels)
        1-D: any two classes. 2-D: 0 and 1 or False and True, and NaN, None or NA
        where it is unknown.
    keep_sparse : bool, default=False
        Whether a sparse y of known labels is to stay sparse.

    Returns
    -------
    Targets
        The targets; a 1-D y is one label, whose 1 is the second class.

    Raises
    ------
    ValueError
        If y is None or empty, has another number of dimensions, holds other values,
        or is 1-D with other than two classes.
    """
    names = label_array(column_names(y))
    y = stored_form(y)
    values = None if sparse.issparse(y) else as_targets(y)
    if values is not None and values.ndim == 1:
        return _check_one_dimensional(values)
    if values is not None and values.ndim != 2:
        raise ValueError(
            "y must have 1 dimension (two classes) or 2, (n_samples, n_labels). "
            f"Got an array of shape {values.shape}."
        )
    if keep_sparse and values is None:
        ones, gaps = read_stored(y)
        if not len(gaps[0]):
            filled = np.ones(len(ones[0]), dtype=bool), ones
            positive = sparse.csc_array(filled, shape=y.shape)
            return Targets(positive, None, None, names)
    entries = read_entries(y, values=values)
    return Targets(entries.positive, entries.known, None, names)


def _check_one_dimensional(y):
    """Targets of a plain binary classifier."""
    y = column_or_1d(y)
    check_array(y, ensure_2d=False, dtype=None, input_name="y")
    check_classification_targets(y)
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) > 2:
        of_texts = any(isinstance(value, str) for value in classes)
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"{type_of_target(y)}. A 1-D y must hold two classes. Got {len(classes)}. "
            "For one probability per class pass an indicator matrix, as "
            "sklearn.preprocessing.LabelBinarizer makes it, or wrap this in "
            f"OneVsRestClassifier.{' For several labels a row: ' * of_texts}"
            f"{TEXTS_HINT * of_texts}"
        )
    if len(classes) < 2:
        raise ValueError(
            "A 1-D y must hold two classes. Got one class only "
            f"({shown(classes[0])}). A 2-D y of 0 and 1 may have constant columns."
        )
    return Targets(codes.reshape(-1, 1) == 1, None, classes, None)
