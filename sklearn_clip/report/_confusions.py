"""Pairs of labels that are taken for each other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

# Once is chance.
_FEWEST = 2


@dataclass(frozen=True, eq=False)
class Confusions:
    """Labels given wrongly to rows that have a certain other one, worst first.

    Parameters
    ----------
    given, present : ndarray of shape (n_pairs,), dtype=int64
        The label that is given wrongly, and the one the rows have.
    n_rows : ndarray of shape (n_pairs,), dtype=int64
        Rows of which both is true.
    share : ndarray of shape (n_pairs,), dtype=float64
        Of the rows that have the one and not the other.
    share_elsewhere : ndarray of shape (n_pairs,), dtype=float64
        Share of all other rows without the label that are given it.
    n_instead : ndarray of shape (n_pairs,), dtype=int64
        Rows in which the label they have is missed besides: one stands for the other.
    """

    given: NDArray[np.int64]
    present: NDArray[np.int64]
    n_rows: NDArray[np.int64]
    share: NDArray[np.float64]
    share_elsewhere: NDArray[np.float64]
    n_instead: NDArray[np.int64]

    def __len__(self):
        return len(self.given)


def find_confusions(entries, predicted, most):
    """Find labels that are given wrongly more often where a certain other one is.

    Parameters
    ----------
    entries : Entries
        Checked targets.
    predicted : ndarray of shape (n_samples, n_labels), dtype=bool
        Checked predictions.
    most : int
        How many pairs to list.

    Returns
    -------
    Confusions
        Those with the most wrong rows beyond what the label is given elsewhere first.
    """
    absent = ~entries.positive
    if entries.known is not None:
        absent &= entries.known
    has = sparse.csc_matrix(entries.positive, dtype=np.int64)
    wrong = sparse.csr_matrix(predicted & absent, dtype=np.int64)
    missed = sparse.csc_matrix(entries.positive & ~predicted, dtype=np.int64)
    both = (has.T @ wrong).tocoo()
    often = both.data >= _FEWEST
    present, given = both.row[often].astype(np.int64), both.col[often].astype(np.int64)
    n_rows = both.data[often]
    # Rows that have the one label and are known to lack the other.
    n_places = np.zeros(len(n_rows), dtype=np.int64)
    for label in np.unique(present):
        pairs = present == label
        rows = has.indices[has.indptr[label] : has.indptr[label + 1]]
        n_places[pairs] = absent[rows][:, given[pairs]].sum(axis=0)
    all_wrong = np.asarray(wrong.sum(axis=0)).ravel()[given]
    all_places = absent.sum(axis=0)[given]
    elsewhere = all_places - n_places
    rate = np.divide(
        all_wrong - n_rows, elsewhere, out=np.zeros(len(n_rows)), where=elsewhere > 0
    )
    excess = n_rows - n_places * rate
    order = np.argsort(-excess, kind="stable")
    order = order[excess[order] > 0][:most]
    instead = (missed.T @ wrong).tocsr()
    pairs = zip(present[order], given[order], strict=True)
    return Confusions(
        given[order],
        present[order],
        n_rows[order],
        n_rows[order] / n_places[order],
        rate[order],
        np.array([instead[pair] for pair in pairs], dtype=np.int64),
    )
