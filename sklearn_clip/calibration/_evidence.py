"""Scores beside what is known of them, as all maps are fitted: whole or in nodes."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import logit

from sklearn_clip._shared import read_entries

# Scores of a label are gathered in as many nodes where maps are compared.
N_NODES = 128
# Added to both sides of a probability before its logit is taken.
SMOOTHINGS = (1e-7, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
# What an infinite decision value is taken for: a slope makes no overflow of it.
_ENDLESS = 1e150


class Evidence(NamedTuple):
    """Logits of scores, and how much speaks for and against each label at them.

    Attributes
    ----------
    logits : ndarray of shape (n, n_labels), dtype=float64
        Of the scores of the rows, or of nodes that stand for them.
    positive, negative : ndarray of shape (n, n_labels), dtype=float64
        Weight of the rows that are known to have the label, and not to have it. Both
        are 0 where it is unknown.
    """

    logits: np.ndarray
    positive: np.ndarray
    negative: np.ndarray

    def columns(self, labels):
        """Keep some of the labels."""
        return Evidence(*(part[:, labels] for part in self))

    def rows(self, rows):
        """Keep some of the rows."""
        return Evidence(*(part[rows] for part in self))

    def support(self):
        """Weight of the known positives and negatives of every label."""
        return self.positive.sum(axis=0), self.negative.sum(axis=0)


def gather_evidence(logits, targets, sample_weight=None):
    """Put logits beside targets.

    Parameters
    ----------
    logits : ndarray of shape (n, n_labels)
        Finite logits.
    targets : {ndarray, csr_array} of shape (n, n_labels)
        0, 1 and NaN.
    sample_weight : ndarray of shape (n,) or None, default=None
        Row weights.

    Returns
    -------
    Evidence
        Both, of every row.
    """
    weight = 1.0 if sample_weight is None else sample_weight[:, None]
    if sparse.issparse(targets):
        yes, known, _ = read_entries(targets)
        no = ~yes if known is None else known & ~yes
    else:
        yes, no = targets == 1.0, targets == 0.0
    return Evidence(np.asarray(logits, dtype=np.float64), weight * yes, weight * no)


def gather_nodes(evidence, parts, n_nodes=N_NODES):
    """Gather the evidence of several parts of the rows in nodes that they share.

    Nodes are evenly spaced between the lowest and the highest logit of a label. A row
    between two nodes is divided among them in such a way that its mean stays where it
    is: what a smooth map says of it changes by the square of the spacing only.

    Parameters
    ----------
    evidence : Evidence
        Of all rows.
    parts : list of ndarray or slice
        Rows of each part.
    n_nodes : int, default=N_NODES
        Nodes of a label. Where there are no more rows than that, each is one.

    Returns
    -------
    list of Evidence
        Of each part, with the same logits.
    """
    logits = evidence.logits
    n_rows, n_labels = logits.shape
    if n_rows <= n_nodes:
        found = []
        for rows in parts:
            counts = np.bincount(np.arange(n_rows)[rows], minlength=n_rows)[:, None]
            sides = counts * evidence.positive, counts * evidence.negative
            found.append(Evidence(logits, *sides))
        return found
    low = logits.min(axis=0)
    step = (logits.max(axis=0) - low) / (n_nodes - 1)
    nodes = low + step * np.arange(n_nodes)[:, None]
    places = (logits - low) / np.where(step > 0, step, 1.0)
    left = np.clip(places.astype(np.int64), 0, n_nodes - 2)
    share = places - left
    cells = left + np.arange(n_labels) * n_nodes
    found = []
    for rows in parts:
        sides = []
        for weight in (evidence.positive[rows], evidence.negative[rows]):
            total = np.zeros(n_nodes * n_labels)
            for shift, part in ((0, 1 - share[rows]), (1, share[rows])):
                total += np.bincount(
                    (cells[rows] + shift).ravel(),
                    weights=(weight * part).ravel(),
                    minlength=len(total),
                )
            sides.append(total.reshape(n_labels, n_nodes).T)
        found.append(Evidence(nodes, *sides))
    return found


def to_logits(scores, smoothing):
    """Turn scores into logits.

    Parameters
    ----------
    scores : ndarray of shape (n, n_labels)
        Probabilities, or decision values if `smoothing` is None.
    smoothing : float or None
        The logit is that of ``(p + smoothing) / (1 + 2 smoothing)``.

    Returns
    -------
    ndarray of shape (n, n_labels), dtype=float64
        Finite logits.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if smoothing is None:
        return np.clip(scores, -_ENDLESS, _ENDLESS)
    return logit((np.clip(scores, 0.0, 1.0) + smoothing) / (1 + 2 * smoothing))
