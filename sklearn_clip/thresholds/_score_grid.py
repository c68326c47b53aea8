"""Counts at some scores of positives, kept from one search to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# As many scores at most.
_MOST_SCORES = 8192


class ScoreGrid:
    """Falling scores of positives of any label, evenly spread among them.

    Parameters
    ----------
    parts : SortedParts
        The sorted rows.

    Attributes
    ----------
    scores : ndarray of shape (n_scores,)
        The scores.
    """

    def __init__(self, parts: Any):
        self.parts = parts
        order = np.argsort(-parts.hit_score, kind="stable")
        self.hit_score = parts.hit_score[order]
        self.hit_label = parts.hit_label[order]
        self.hit_part = parts.hit_part[order]
        at = np.arange(len(order))
        if len(order) > _MOST_SCORES:
            at = np.linspace(0, len(order) - 1, _MOST_SCORES).astype(np.intp)
        self.scores = np.unique(self.hit_score[at])[::-1]
        self._above: dict[int, NDArray[np.int32]] = {}

    def missing(self, at: NDArray[np.intp]) -> NDArray[np.intp]:
        """Which of some of the scores nothing was counted at yet."""
        inner = at[(at >= 0) & (at < len(self.scores))]
        return np.array(
            [each for each in inner if int(each) not in self._above], dtype=np.intp
        )

    def above(
        self, at: NDArray[np.intp], chosen: NDArray[np.intp]
    ) -> NDArray[np.int32]:
        """Count the known rows that reach some of the scores.

        Parameters
        ----------
        at : ndarray of shape (n_edges,)
            Positions in `scores`.
        chosen : ndarray of int
            The parts to count in.

        Returns
        -------
        above : ndarray of shape (n_edges, n_chosen, n_labels)
            The counts.
        """
        missing = self.missing(at)
        if len(missing):
            every = np.arange(len(self.parts.sizes))
            found = self.parts.count_above(self.scores[missing], every)
            for each, counts in zip(missing, found.transpose(1, 0, 2), strict=True):
                self._above[int(each)] = np.ascontiguousarray(counts)
        above = np.empty((len(at), len(chosen), self.parts.n_labels), dtype=np.int32)
        for each, counts in zip(at, above, strict=True):
            counts[:] = self._above[int(each)][chosen]
        return above
