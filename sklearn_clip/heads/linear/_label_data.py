"""Targets and weights of the columns that a solver works on, block by block."""

import numpy as np
from scipy import sparse

from sklearn_clip._shared import row_blocks

# Share of ones up to which their places are kept instead of a table.
_FEW_ONES = 0.03


class LabelSums:
    """How often each of the columns that a solver works on is 0 and 1, and its weights.

    Parameters
    ----------
    n_entries, sums : ndarray of shape (2, n_columns)
        Number of the zeros and the ones that carry a weight, and those of their rows.
    class_weight : None, "balanced", dict or list of dict
        As the estimators take it.
    classes : ndarray of shape (2,)
        What they call a zero and a one.
    n_labels : int
        Number of labels, of which `n_columns` is a multiple.
    even_rows : bool
        Whether all rows have the weight 1.

    Attributes
    ----------
    sums : ndarray of shape (2, n_columns)
        Weighted number of zeros and of ones, class weights included.
    n_entries : ndarray of shape (2, n_columns)
        Number of zeros and ones that carry a weight.
    """

    def __init__(self, n_entries, sums, class_weight, classes, n_labels, even_rows):
        self.class_weight = class_weights(class_weight, classes, sums, n_labels)
        self.sums = sums * self.class_weight
        self.n_entries = np.where(self.class_weight > 0, n_entries, 0)
        self._even_rows = even_rows

    @property
    def constant(self):
        """Columns whose weighted entries do not hold both a 0 and a 1."""
        return (self.n_entries == 0).any(axis=0) | (self.sums <= 0).any(axis=0)

    def prior_logit(self, *, smoothing=0.0):
        """Logit of the weighted frequency of 1, each class counted `smoothing` more."""
        with np.errstate(divide="ignore", invalid="ignore"):  # constant labels
            return np.log((self.sums[1] + smoothing) / (self.sums[0] + smoothing))

    def weigh(self, columns):
        """Scale the weights of some columns to a mean of 1 over entries that have one.

        Parameters
        ----------
        columns : ndarray of int
            Which ones.

        Returns
        -------
        ratio : ndarray of shape (2, n_columns) or None
            Weights of their zeros and ones; None if they and those of the rows are 1.
        scale : ndarray of shape (n_columns,)
            What the weights were divided by.
        """
        counts = np.maximum(self.n_entries[:, columns].sum(axis=0), 1)
        scale = self.sums[:, columns].sum(axis=0) / counts
        scale[scale <= 0] = 1
        ratio = self.class_weight[:, columns] / scale
        return (None if self._even_rows and (ratio == 1).all() else ratio), scale


class LabelData(LabelSums):
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
    """

    def __init__(self, targets, row_weight=None, class_weight=None, masks=None):
        self.targets, self.row_weight, self.masks = targets, row_weight, masks
        n_samples, n_labels = targets.positive.shape
        self._positive = _in_its_best_form(targets.positive)
        rows = np.ones((1, n_samples)) if masks is None else masks.astype(np.float64)
        weights = rows if row_weight is None else rows * row_weight
        n_entries = self._count((weights > 0).astype(np.float64))
        sums = n_entries if row_weight is None else self._count(weights)
        classes = np.array([0, 1]) if targets.classes is None else targets.classes
        even_rows = row_weight is None
        super().__init__(n_entries, sums, class_weight, classes, n_labels, even_rows)

    def _count(self, weights):
        """Weight of the zeros and ones of every column."""
        positive = _products_by_rows(weights, self._positive)
        known = self.targets.known
        all_known = weights.sum(axis=1, keepdims=True)
        total = all_known + 0 * positive
        if known is not None:
            total = _products_by_rows(weights, known)
        return np.stack([(total - positive).ravel(), positive.ravel()])

    def block(self, columns):
        """Take some columns for the solver.

        Parameters
        ----------
        columns : ndarray of int
            Which ones.

        Returns
        -------
        TargetBlock
            Their targets and weights.
        scale : ndarray of shape (n_columns,)
            What the weights were divided by, for a mean of 1 over the entries that
            have one.
        """
        ratio, scale = self.weigh(columns)
        return self.take(columns, ratio), scale

    def take(self, columns, ratio):
        """Take some columns, with given weights of their zeros and ones."""
        n_labels = self.targets.positive.shape[1]
        labels, folds = columns % n_labels, columns // n_labels
        Y = self._positive[:, labels]
        Y = Y.tocsr() if sparse.issparse(Y) else Y
        counted = None if self.masks is None else self.masks.T[:, folds]
        if self.targets.known is not None:
            known = self.targets.known[:, labels]
            counted = known if counted is None else counted & known
        return TargetBlock(Y, counted, self.row_weight, ratio)


class TargetBlock:
    """Targets and weights of the columns that are solved together.

    Parameters
    ----------
    Y : {ndarray, CSR array} of shape (n_samples, n_columns), dtype=bool
        Where a label is 1.
    counted : ndarray of shape (n_samples, n_columns), dtype=bool, or None
        Entries that have a weight at all; None if all have one.
    row_weight : ndarray of shape (n_samples,) or None
        Weights of the rows.
    ratio : ndarray of shape (2, n_columns) or None
        Weights of the zeros and ones of each column; None if they and those of the
        rows are 1.
    """

    def __init__(self, Y, counted, row_weight, ratio):
        self._Y, self._counted = Y, counted
        self._row_weight, self._ratio = row_weight, ratio
        self.n_columns = Y.shape[1]
        self.unweighted = counted is None and ratio is None

    def select(self, index):
        """Keep some columns."""
        counted = None if self._counted is None else self._counted[:, index]
        ratio = None if self._ratio is None else self._ratio[:, index]
        return TargetBlock(self._Y[:, index], counted, self._row_weight, ratio)

    def rows(self, rows, dtype):
        """Write out some rows.

        Parameters
        ----------
        rows : slice
            Which ones.
        dtype : dtype
            Of the weights.

        Returns
        -------
        Ones
            Where a label is 1.
        S : ndarray of shape (n_rows, n_columns), or None
            Weights; None if all are 1.
        """
        ones = Ones(self._Y[rows])
        if self.unweighted:
            return ones, None
        if self._ratio is None:
            return ones, self._counted[rows].astype(dtype)
        S = np.empty(ones.shape, dtype=dtype)
        S[:] = self._ratio[0]
        ones.put(self._ratio[1], S)
        if self._row_weight is not None:
            S *= self._row_weight[rows, None]
        if self._counted is not None:
            S *= self._counted[rows]
        return ones, S


class Ones:
    """Where the labels of some rows are 1: a table, or their places where few are.

    Parameters
    ----------
    Y : {ndarray, CSR array} of shape (n_rows, n_columns), dtype=bool
        The entries.
    """

    def __init__(self, Y):
        self.shape = Y.shape
        self._table, self._places = Y, None
        if sparse.issparse(Y):
            self._places = np.repeat(np.arange(len(Y.indptr) - 1), np.diff(Y.indptr))
            self._places = self._places, Y.indices

    def subtract_from(self, P, Z):
        """Subtract the entries of Z where there are ones."""
        if self._places is None:
            P -= Z * self._table
        else:
            P[self._places] -= Z[self._places]

    def take_errors(self, large, small, low):
        """Write p - y over the larger of p and 1 - p, given the smaller.

        Where p comes near y that is no difference, which would be rounding errors of 1.

        Parameters
        ----------
        large, small : ndarray of shape (n_rows, n_columns)
            The larger one, which is overwritten, and the smaller one.
        low : ndarray of shape (n_rows, n_columns), dtype=bool
            Where p is the smaller one.
        """
        if self._places is None:
            np.copyto(large, small, where=low != self._table)
            np.negative(large, out=large, where=self._table)
        else:
            at = self._places
            error = np.where(low[at], large[at], small[at])
            np.copyto(large, small, where=low)
            large[at] = -error

    def put(self, values, S):
        """Write a value of each column where there are ones."""
        if self._places is None:
            np.copyto(S, values, where=self._table)
        else:
            S[self._places] = values[self._places[1]]

    def turn_others(self, Z):
        """Change signs where there are zeros."""
        if self._places is None:
            np.negative(Z, out=Z, where=~self._table)
        else:
            Z *= -1
            Z[self._places] *= -1

    def weighted(self, S, dtype):
        """Make a table, or a CSR array, of the weights of the ones, and 0 elsewhere."""
        if self._places is None:
            return self._table.astype(dtype) if S is None else self._table * S
        values = np.ones(len(self._places[0]), dtype=dtype)
        if S is not None:
            values = S[self._places]
        return sparse.csr_array(
            (values, self._table.indices, self._table.indptr), shape=self.shape
        )

    def dense(self):
        """Make a table of dtype bool."""
        return self._table if self._places is None else self._table.toarray()


def _in_its_best_form(positive):
    """Make a CSC array of few ones, whose columns are quickly had, and else a table."""
    few = _FEW_ONES * np.prod(positive.shape, dtype=np.float64)
    if sparse.issparse(positive):
        return positive if positive.nnz <= few else positive.toarray()
    return sparse.csc_array(positive) if np.count_nonzero(positive) <= few else positive


def _products_by_rows(weights, table):
    """Compute ``weights @ table``, of few rows with many, without a float table."""
    if sparse.issparse(table):
        return np.asarray(weights @ table)
    if (weights == 1).all():
        counts = np.count_nonzero(table, axis=0).astype(np.float64)
        return np.broadcast_to(counts, (len(weights), table.shape[1])).copy()
    return sum(weights[:, rows] @ table[rows] for rows in row_blocks(*table.shape))


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
