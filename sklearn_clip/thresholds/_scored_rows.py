"""Scores of rows that the classifier has not seen, beside their targets."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from sklearn_clip._shared import read_entries

# Labels, or rows, are searched in blocks of about this many scores, to bound the
# memory.
BLOCK_SIZE = 2**20


class ScoredRows(NamedTuple):
    """Scores of rows that the classifier has not seen, and what is known of them.

    Attributes
    ----------
    scores : ndarray of shape (n_rows, n_labels), dtype=float64
        Finite scores.
    targets : ndarray of shape (n_rows, n_labels), dtype=bool or float
        True where the row is known to have the label; or the probability that it has,
        0 where unknown.
    known : ndarray of shape (n_rows, n_labels), dtype=bool, or None
        False where the target is unknown; None where all are known.
    sample_weight : ndarray of shape (n_rows,) or None
        Non-negative row weights.
    probability : bool
        Whether scores lie in [0, 1].
    order : ndarray of shape (n_labels, n_rows), dtype=int32, or None
        Row numbers of each label by falling score, the unknown ones last; None where
        they have not been sorted yet.
    pooled_order : ndarray of shape (n_labels * n_rows,), dtype=int, or None
        All entries by falling score; entry ``label * n_rows + row``.
    """

    scores: np.ndarray
    targets: np.ndarray
    known: np.ndarray | None = None
    sample_weight: np.ndarray | None = None
    probability: bool = True
    order: np.ndarray | None = None
    pooled_order: np.ndarray | None = None

    @property
    def shape(self):
        """Number of rows and of labels."""
        return self.scores.shape

    @property
    def seen(self):
        """Which labels any row has, of whatever weight."""
        return self.targets.any(axis=0)

    @property
    def default(self):
        """The usual threshold: of equally good ones the nearest to it is taken."""
        return 0.5 if self.probability else 0.0

    @property
    def weight(self):
        """Weights of the entries, of a shape that broadcasts, or None if all are 1."""
        if self.known is None:
            row = self.sample_weight
            return None if row is None else row[:, None]
        if self.sample_weight is None:
            return self.known.astype(np.float64)
        return self.known * self.sample_weight[:, None]

    def presort(self, *, pooled: bool) -> "ScoredRows":
        """Sort the scores once for all parts of the rows.

        What :meth:`take` keeps of a sorted sequence is sorted, so that searches on many
        parts of the same rows cost one sort and a filter each.

        Parameters
        ----------
        pooled : bool
            Whether to sort the scores of all labels together as well, as the search
            for a global threshold needs. Not done where targets are unknown: there the
            scores of unknown entries move (:meth:`without_unknown`).

        Returns
        -------
        ScoredRows
            With `order`, and `pooled_order` if wanted.
        """
        scores = self.scores
        if self.known is not None:
            # Last, whatever rows are taken: they move to the lowest known score there.
            scores = np.where(self.known, scores, -np.inf)
        n_rows, n_labels = scores.shape
        order = np.empty((n_labels, n_rows), dtype=np.int32)
        width = max(1, BLOCK_SIZE // n_rows)
        for first in range(0, n_labels, width):
            block = slice(first, first + width)
            falling = np.ascontiguousarray(-scores[:, block].T)
            order[block] = np.argsort(falling, axis=1)
        pooled_order = None
        if pooled and self.known is None:
            small = scores.size <= np.iinfo(np.int32).max
            pooled_order = np.argsort(-scores.T.reshape(-1))
            pooled_order = pooled_order.astype(np.int32 if small else np.int64)
        return self._replace(order=order, pooled_order=pooled_order)

    def unsorted(self):
        """Forget the order of the scores: rows that are judged are not searched."""
        return self._replace(order=None, pooled_order=None)

    def take(self, rows):
        """Keep some of the rows, none of them twice."""
        order, pooled_order = self.order, self.pooled_order
        if order is not None:
            # Every label loses the same rows, so that what is left stays rectangular.
            n_rows, n_labels = self.scores.shape
            kept = np.arange(n_rows, dtype=np.int32)[rows]
            place = np.full(n_rows, -1, dtype=np.int32)
            place[kept] = np.arange(len(kept), dtype=np.int32)
            order = np.take(place, order)
            order = order[order >= 0].reshape(n_labels, len(kept))
            if pooled_order is not None:
                label = pooled_order // n_rows
                row = np.take(place, pooled_order - label * n_rows)
                pooled_order = (label * len(kept) + row)[row >= 0]
        return self._replace(
            order=order,
            pooled_order=pooled_order,
            scores=self.scores[rows],
            targets=self.targets[rows],
            known=None if self.known is None else self.known[rows],
            sample_weight=None
            if self.sample_weight is None
            else self.sample_weight[rows],
        )

    def columns(self, labels):
        """Keep some of the labels, given as a mask."""
        if labels.all():
            return self
        pooled_order = self.pooled_order
        if pooled_order is not None:
            label, row = np.divmod(pooled_order, len(self.scores))
            place = np.cumsum(labels, dtype=pooled_order.dtype) - 1
            pooled_order = (place[label] * len(self.scores) + row)[labels[label]]
        return self._replace(
            order=None if self.order is None else self.order[labels],
            pooled_order=pooled_order,
            scores=self.scores[:, labels],
            targets=self.targets[:, labels],
            known=None if self.known is None else self.known[:, labels],
        )

    def support(self):
        """Weighted number of known entries with and without each label."""
        weight = self.sample_weight
        weight = np.ones(len(self.scores)) if weight is None else weight
        negatives = absent(self.targets, self.known)
        return weight @ self.targets, weight @ negatives

    def without_unknown(self):
        """Move scores of unknown entries onto the lowest known one of the label.

        They have no weight, so that they then neither count nor make a threshold of
        their own. A label of which nothing is known takes the lowest score of all
        others.
        """
        if self.known is None:
            return self
        lowest = np.where(self.known, self.scores, np.inf).min(axis=0)
        lowest = np.where(np.isinf(lowest), lowest.min(), lowest)
        return self._replace(scores=np.where(self.known, self.scores, lowest))


def absent(targets, known=None):
    """Where labels are known to be absent, or the probability that they are."""
    negatives = ~targets if targets.dtype == bool else 1.0 - targets
    return negatives if known is None else known * negatives


def scored_rows(scores, Y, sample_weight, *, probability=True):
    """Put scores beside targets of 0, 1 and NaN.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_labels)
        Scores.
    Y : {ndarray, csr_array} of shape (n_rows, n_labels)
        Targets. Of sparse ones a table of bool is made, as searches go by label.
    sample_weight : ndarray of shape (n_rows,) or None
        Row weights.
    probability : bool, default=True
        Whether scores lie in [0, 1].

    Returns
    -------
    ScoredRows
        Both.
    """
    if sparse.issparse(Y):
        positive, known, _ = read_entries(Y)
    else:
        positive = Y == 1
        known = None if Y.dtype.kind == "i" else ~np.isnan(Y)
        if known is not None and known.all():
            known = None
    return ScoredRows(scores, positive, known, sample_weight, probability)
