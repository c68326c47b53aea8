"""Scores beside what is known of them, as all maps are fitted: whole or in nodes."""

from __future__ import annotations

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
# Entries of which logits and weights are written out at a time, 24 bytes each.
_BLOCK_SIZE = 1 << 20


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

    @property
    def shape(self):
        """Number of rows (nodes) and of labels."""
        return self.logits.shape

    def support(self):
        """Weight of the known positives and negatives of every label."""
        return self.positive.sum(axis=0), self.negative.sum(axis=0)


class ScoredEvidence(NamedTuple):
    """What `Evidence` is of rows, at a byte or two a cell beside the scores.

    Attributes
    ----------
    scores : ndarray of shape (n, n_labels), dtype=float32 or float64
        Scores of the rows.
    yes, no : ndarray of shape (n, n_labels), dtype=bool
        Where a row is known to have the label, and not to have it.
    weight : ndarray of shape (n,) or None, default=None
        Row weights.
    smoothing : float or None, default=None
        How scores become logits; see `to_logits`.
    """

    scores: np.ndarray
    yes: np.ndarray
    no: np.ndarray
    weight: np.ndarray | None = None
    smoothing: float | None = None

    @property
    def shape(self):
        """Number of rows and of labels."""
        return self.scores.shape

    @property
    def known(self):
        """Where something is known, of a row that weighs something."""
        known = self.yes | self.no
        if self.weight is not None:
            known &= (self.weight > 0)[:, None]
        return known

    def columns(self, labels):
        """Write out what is known of some of the labels."""
        logits = to_logits(self.scores[:, labels], self.smoothing)
        return Evidence(logits, *self.sides((slice(None), labels)))

    def sides(self, place):
        """Write out the weights for and against some labels of some rows.

        Parameters
        ----------
        place : tuple of slice (rows, labels)
            Where.

        Returns
        -------
        list of two ndarray of shape (n_rows, n_labels), dtype=float64
            The weights.
        """
        if self.weight is None:
            return [side[place].astype(np.float64) for side in (self.yes, self.no)]
        weight = self.weight[place[0], None]
        return [weight * side[place] for side in (self.yes, self.no)]

    def rows(self, rows):
        """Keep some of the rows."""
        return self._replace(
            scores=self.scores[rows],
            yes=self.yes[rows],
            no=self.no[rows],
            weight=None if self.weight is None else self.weight[rows],
        )

    def support(self):
        """Weight of the known positives and negatives of every label."""
        sums = np.empty((2, self.shape[1]))
        for block in label_blocks(self.shape):
            sides = self.sides((slice(None), block))
            for total, side in zip(sums, sides, strict=True):
                side.sum(axis=0, out=total[block])
        return sums[0], sums[1]


def label_blocks(shape, block_size=_BLOCK_SIZE):
    """Cut labels into blocks of a bounded number of entries.

    Parameters
    ----------
    shape : tuple of int
        Number of rows and of labels.
    block_size : int, default=2**20
        Entries of a block, about.

    Yields
    ------
    slice
        Consecutive labels.
    """
    width = max(1, block_size // max(1, shape[0]))
    for first in range(0, shape[1], width):
        yield slice(first, min(first + width, shape[1]))


def gather_evidence(scores, targets, sample_weight=None, *, smoothing=None):
    """Put scores beside targets.

    Parameters
    ----------
    scores : ndarray of shape (n, n_labels)
        Scores.
    targets : {ndarray, csr_array} of shape (n, n_labels)
        0, 1 and NaN.
    sample_weight : ndarray of shape (n,) or None, default=None
        Row weights.
    smoothing : float or None, default=None
        As of `to_logits`.

    Returns
    -------
    ScoredEvidence
        Both, of every row.
    """
    if sparse.issparse(targets):
        yes, known, _ = read_entries(targets)
        no = ~yes if known is None else known & ~yes
    else:
        yes, no = targets == 1.0, targets == 0.0
    return ScoredEvidence(scores, yes, no, sample_weight, smoothing)


def gather_nodes(evidence, parts, n_nodes=N_NODES):
    """Gather the evidence of several parts of the rows in nodes that they share.

    Nodes are evenly spaced between the lowest and the highest logit of a label. A row
    between two nodes is divided among them in such a way that its mean stays where it
    is: what a smooth map says of it changes by the square of the spacing only.

    Parameters
    ----------
    evidence : Evidence or ScoredEvidence
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
    n_rows, n_labels = evidence.shape
    if n_rows <= n_nodes:
        logits, *sides = evidence.columns(slice(None))
        counts = [
            np.bincount(np.arange(n_rows)[rows], minlength=n_rows) for rows in parts
        ]
        return [
            Evidence(logits, *(count[:, None] * side for side in sides))
            for count in counts
        ]
    nodes = np.empty((n_nodes, n_labels))
    sums = np.empty((len(parts), 2, n_labels, n_nodes))
    for block in label_blocks(evidence.shape):
        nodes[:, block] = _gather_labels(
            evidence.columns(block), parts, sums[:, :, block]
        )
    return [Evidence(nodes, *(side.T for side in pair)) for pair in sums]


def _gather_labels(evidence, parts, sums):
    """Find the nodes of some labels, and sum up what lies at them in each part."""
    logits = evidence.logits
    n_labels, n_nodes = sums.shape[-2:]
    low = logits.min(axis=0)
    step = (logits.max(axis=0) - low) / (n_nodes - 1)
    places = (logits - low) / np.where(step > 0, step, 1.0)
    left = np.clip(places.astype(np.int64), 0, n_nodes - 2)
    share = places - left
    cells = left + np.arange(n_labels) * n_nodes
    for rows, found in zip(parts, sums, strict=True):
        sides = evidence.positive[rows], evidence.negative[rows]
        for weight, total in zip(sides, found, strict=True):
            total[:] = 0
            for shift, part in ((0, 1 - share[rows]), (1, share[rows])):
                total += np.bincount(
                    (cells[rows] + shift).ravel(),
                    weights=(weight * part).ravel(),
                    minlength=total.size,
                ).reshape(total.shape)
    return low + step * np.arange(n_nodes)[:, None]


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
