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
    shown,
)


class Targets(NamedTuple):
    """Checked targets.

    Attributes
    ----------
    positive : ndarray of shape (n_samples, n_labels), dtype=bool
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


def check_targets(y):
    """Check targets of any accepted form.

    Parameters
    ----------
    y : {array-like, sparse matrix, DataFrame} of shape (n_samples,) or \
            (n_samples, n_labels)
        1-D: any two classes. 2-D: 0 and 1 or False and True, and NaN, None or NA
        where it is unknown.

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
    values = None if sparse.issparse(y) else as_targets(y)
    if values is not None and values.ndim == 1:
        return _check_one_dimensional(values)
    if values is not None and values.ndim != 2:
        raise ValueError(
            "y must have 1 dimension (two classes) or 2, (n_samples, n_labels). "
            f"Got an array of shape {values.shape}."
        )
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


class LabelData:
    """Targets and weights of the columns that a solver works on.

    A column is one label in one fold: number ``fold * n_labels + label``. Rows outside
    a fold's training part have the weight 0 there, so all folds share one X and one
    solve.

    Parameters
    ----------
    targets : Targets
        The labels.
    row_weight : ndarray of shape (n_samples,) or None
        Sample weights.
    class_weight : None, "balanced", dict or list of dict
        As the estimators take it.
    masks : ndarray of shape (n_folds, n_samples), dtype=bool, or None
        Training rows of every fold; None is one fold of all rows.

    Attributes
    ----------
    sums : ndarray of shape (2, n_columns)
        Weighted number of zeros and of ones, class weights included.
    n_entries : ndarray of shape (2, n_columns)
        Number of zeros and ones that carry a weight.
    """

    def __init__(self, targets, row_weight=None, class_weight=None, masks=None):
        self.targets, self.row_weight, self.masks = targets, row_weight, masks
        n_samples = len(targets.positive)
        rows = np.ones((1, n_samples)) if masks is None else masks.astype(np.float64)
        weights = rows if row_weight is None else rows * row_weight
        self.n_entries = self._count((weights > 0).astype(np.float64))
        sums = self._count(weights)
        classes = np.array([0, 1]) if targets.classes is None else targets.classes
        n_labels = targets.positive.shape[1]
        self.class_weight = class_weights(class_weight, classes, sums, n_labels)
        self.sums = sums * self.class_weight
        self.n_entries = np.where(self.class_weight > 0, self.n_entries, 0)

    def _count(self, weights):
        """Weight of the zeros and ones of every column."""
        positive = weights @ self.targets.positive
        known = self.targets.known
        all_known = weights.sum(axis=1, keepdims=True)
        total = all_known + 0 * positive if known is None else weights @ known
        return np.stack([(total - positive).ravel(), positive.ravel()])

    @property
    def constant(self):
        """Columns whose weighted entries do not hold both a 0 and a 1."""
        return (self.n_entries == 0).any(axis=0) | (self.sums <= 0).any(axis=0)

    def prior_logit(self, *, smoothing=0.0):
        """Logit of the weighted frequency of 1, each class counted `smoothing` more."""
        with np.errstate(divide="ignore", invalid="ignore"):  # constant labels
            return np.log((self.sums[1] + smoothing) / (self.sums[0] + smoothing))

    def block(self, columns):
        """Write out some columns for the solver.

        Parameters
        ----------
        columns : ndarray of int
            Which ones.

        Returns
        -------
        Y : ndarray of shape (n_samples, n_columns)
            Targets of 0 and 1.
        S : ndarray of shape (n_samples, n_columns) or (n_samples, 1), or None
            Weights with a mean of 1 over the entries that have one; None if all are 1.
        scale : ndarray of shape (n_columns,)
            What they were divided by.
        """
        n_labels = self.targets.positive.shape[1]
        labels, folds = columns % n_labels, columns // n_labels
        Y = self.targets.positive[:, labels]
        counts = np.maximum(self.n_entries[:, columns].sum(axis=0), 1)
        scale = self.sums[:, columns].sum(axis=0) / counts
        scale[scale <= 0] = 1
        ratio = self.class_weight[:, columns] / scale
        S = None
        if self.masks is not None:
            S = self.masks.T[:, folds].astype(np.float64)
        if self.row_weight is not None:
            column = self.row_weight[:, None]
            S = column if S is None else S * column
        if self.targets.known is not None:
            known = self.targets.known[:, labels]
            S = known.astype(np.float64) if S is None else S * known
        if not (ratio == 1).all():
            factor = np.where(Y, ratio[1], ratio[0])
            S = factor if S is None else S * factor
        return Y, S, scale


def class_weights(class_weight, classes, sums, n_labels):
    """Weight of either class in every column.

    Parameters
    ----------
    class_weight : None, "balanced", dict or list of n_labels dicts
        ``"balanced"`` gives both classes of a label the same total weight.
    classes : ndarray of shape (2,)
        Keys of the dicts. A class that is not in its dict has the weight 1.
    sums : ndarray of shape (2, n_columns)
        Weighted number of zeros and of ones.
    n_labels : int
        Number of labels, of which `n_columns` is a multiple.

    Returns
    -------
    weights : ndarray of shape (2, n_columns)
        The weights.

    Raises
    ------
    ValueError
        If there is another number of dicts than labels, a key is no class, or a
        weight is negative or infinite.
    """
    if class_weight is None:
        return np.ones_like(sums)
    if isinstance(class_weight, str):  # "balanced"
        total = sums.sum(axis=0)
        return np.divide(total, 2 * sums, out=np.ones_like(sums), where=sums > 0)
    dicts = [class_weight] * n_labels
    if isinstance(class_weight, list):
        if len(class_weight) != n_labels:
            raise ValueError(
                f"class_weight must hold one dict for each of the {n_labels} labels. "
                f"Got {len(class_weight)}."
            )
        dicts = class_weight
    known = classes.tolist()
    for label, weights in enumerate(dicts):
        unknown = [key for key in weights if key not in known]
        if unknown:
            raise ValueError(
                f"class_weight must have only the classes {known} as keys. "
                f"Got {unknown[0]!r} (label {label})."
            )
        bad = [w for w in weights.values() if not 0 <= w < np.inf]
        if bad:
            raise ValueError(
                "class_weight must hold finite, non-negative weights. "
                f"Got {bad[0]} (label {label})."
            )
    pairs = [[weights.get(key, 1) for key in known] for weights in dicts]
    return np.tile(np.array(pairs, dtype=float).T, sums.shape[1] // n_labels)
