"""Sorted scores of every label: rows above a threshold are counted, not read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.thresholds._objective import Objective, recall_weight
from sklearn_clip.thresholds._score_grid import ScoreGrid
from sklearn_clip.thresholds._scored_rows import BLOCK_SIZE, ScoredRows

# Rows that fall into more parts than these are sorted anew where they are searched.
_MOST_PARTS = 32
# Counts at the positives of all labels are kept from one search to the next up to this
# many, about 400 MB.
_MOST_KEPT = 2**25


def counts_suffice(rows: ScoredRows, objective: Objective) -> bool:
    """Tell whether the best thresholds can be found from counts at the positives.

    With the same true positives every named metric falls with each false one, so that
    its best threshold takes the lowest of the scores it takes from a positive: between
    the scores of two positives there is nothing to look for. Rows that have weights
    (which may be 0), expected targets and other metrics promise no such thing, and the
    members of a row are no column to sort.

    Parameters
    ----------
    rows : ScoredRows
        What thresholds are chosen on.
    objective : Objective
        What is maximised.

    Returns
    -------
    bool
        Whether :class:`CountedRows` may stand in for the rows.
    """
    plain = rows.sample_weight is None and rows.targets.dtype == bool
    if not plain or callable(objective.metric) or objective.average == "samples":
        return False
    # One false positive has to show in the floats: of F-beta in b^2 P + tp + fp, of
    # balanced accuracy in counts multiplied by each other.
    fbeta = objective.metric == "fbeta"
    squared = recall_weight(objective.beta) if fbeta else 1.0
    return len(rows.scores) < 2**26 and squared * len(rows.scores) < 2**48


class PositiveCuts(NamedTuple):
    """Thresholds at the positives of some labels, each label's by falling score.

    Attributes
    ----------
    label : ndarray of shape (n_cuts,)
        Label of each; there is one of every distinct score of its positives.
    score : ndarray of shape (n_cuts,)
        The score of these positives.
    hits, above : ndarray of shape (n_parts, n_cuts)
        Of each part of the rows, its positives of this very score, and its known rows
        of this score or a higher one.
    below : ndarray of shape (n_parts, n_cuts)
        The highest lower score of a known row; -inf if there is none.
    """

    label: np.ndarray
    score: np.ndarray
    hits: np.ndarray
    above: np.ndarray
    below: np.ndarray


class SortedParts:
    """The scores of every label, those of each part of the rows sorted.

    What is counted in parts is counted in any union of them by addition, so that one
    sort serves the searches on all rows and on all but one part.

    Parameters
    ----------
    rows : ScoredRows
        Scores and boolean targets.
    part : ndarray of shape (n_rows,), dtype=int
        The part of each row.

    Attributes
    ----------
    values : list of ndarray of shape (n_labels, n_members)
        Of each part the rising scores of every label; those of unknown targets are
        -inf. In float32 if that holds them all.
    known : ndarray of shape (n_parts, n_labels)
        Number of known rows.
    positives : ndarray of shape (n_parts, n_labels)
        Number of positives.
    hit_score, hit_label, hit_part : ndarray of shape (n_positives,)
        Every positive, by label and falling score.
    """

    def __init__(self, rows: ScoredRows, part: NDArray[np.intp]):
        n_labels = rows.scores.shape[1]
        self.sizes = np.bincount(part)
        members = [np.flatnonzero(part == each) for each in range(len(self.sizes))]
        kind = np.float32 if _fits_float32(rows.scores) else np.float64
        self.values = [np.empty((n_labels, len(each)), dtype=kind) for each in members]
        self.known = np.empty((len(members), n_labels), dtype=np.intp)
        found = []
        for block in _blocks(rows.scores.shape):
            scores = np.ascontiguousarray(rows.scores[:, block].T.astype(kind))
            if rows.known is not None:
                scores[~rows.known[:, block].T] = -np.inf
            for own, each, known in zip(self.values, members, self.known, strict=True):
                np.take(scores, each, axis=1, out=own[block])
                own[block].sort(axis=1)
                known[block] = len(each)
                if rows.known is not None:
                    known[block] -= np.isneginf(own[block]).sum(axis=1)
            label, row = np.nonzero(np.ascontiguousarray(rows.targets[:, block].T))
            score = scores[label, row]
            order = np.lexsort((-score, label))
            found.append(
                (
                    score[order],
                    (block.start + label[order]).astype(np.int32),
                    part[row[order]].astype(np.int8),
                )
            )
        self.hit_score, self.hit_label, self.hit_part = map(
            np.concatenate, zip(*found, strict=True)
        )
        flat = self.hit_part.astype(np.intp) * n_labels + self.hit_label
        self.positives = np.bincount(flat, minlength=self.known.size)
        self.positives = self.positives.reshape(self.known.shape)
        self._kept: dict[int, PositiveCuts] = {}

    @property
    def n_labels(self):
        """Number of labels."""
        return self.known.shape[1]

    @cached_property
    def grid(self):
        """Counts at some scores for the searches of one threshold for all labels."""
        return ScoreGrid(self)

    def count_above(
        self, scores: NDArray[Any], chosen: NDArray[np.intp]
    ) -> NDArray[np.int32]:
        """Count the known rows of some parts, of each label, that reach some scores.

        Parameters
        ----------
        scores : ndarray of shape (n_scores,) or (n_scores, n_labels)
            The scores, for all labels alike or for each; not -inf.
        chosen : ndarray of shape (n_chosen,)
            The parts.

        Returns
        -------
        above : ndarray of shape (n_chosen, n_scores, n_labels), dtype=int32
            The counts.
        """
        # score >= t is score >= t', the next float of the same kind that t allows.
        kind = self.values[0].dtype
        with np.errstate(over="ignore"):
            wanted = scores.astype(kind)
        upper = np.nextafter(wanted, kind.type(np.inf))
        wanted = np.where(wanted < scores, upper, wanted).T
        wanted = np.broadcast_to(wanted, (self.n_labels, len(scores)))
        above = np.empty((len(chosen), *wanted.shape), dtype=np.int32)
        for each, found in zip(chosen, above, strict=True):
            values = self.values[each]
            for column, own, place in zip(values, wanted, found, strict=True):
                place[:] = column.searchsorted(own)
            np.subtract(values.shape[1], found, out=found)
        return np.ascontiguousarray(above.transpose(0, 2, 1))

    def cuts(self) -> Iterator[PositiveCuts]:
        """Yield the thresholds at positives of a few labels at a time."""
        n_rows, n_parts = self.sizes.sum(), len(self.sizes)
        keep = len(self.hit_score) * n_parts <= _MOST_KEPT
        for block in _blocks((n_rows, self.n_labels)):
            cuts = self._kept.get(block.start)
            if cuts is None:
                cuts = self._cut(block)
            if keep:
                self._kept[block.start] = cuts
            yield cuts

    def _cut(self, block):
        """Thresholds at the positives of a block of labels."""
        mine = slice(*np.searchsorted(self.hit_label, [block.start, block.stop]))
        label, score = self.hit_label[mine], self.hit_score[mine]
        new = np.ones(len(label), dtype=bool)
        new[1:] = (label[1:] != label[:-1]) | (score[1:] != score[:-1])
        at = np.cumsum(new) - 1
        label, score = label[new], score[new]
        shape = len(self.values), len(label)
        flat = self.hit_part[mine].astype(np.intp) * len(label) + at
        hits = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)
        above = np.empty(shape, dtype=np.int32)
        below = np.empty(shape, dtype=score.dtype)
        starts = np.flatnonzero(np.diff(label, prepend=-1))
        ends = np.append(starts[1:], len(label))
        spans = list(zip(label[starts], map(slice, starts, ends), strict=True))
        for values, found, lower in zip(self.values, above, below, strict=True):
            for name, span in spans:
                found[span] = values[name].searchsorted(score[span])
            lower[:] = values[label, np.maximum(found - 1, 0)]
            lower[found == 0] = -np.inf
            np.subtract(values.shape[1], found, out=found)
        return PositiveCuts(label, score, hits.astype(np.int32), above, below)


def count_rows(
    rows: ScoredRows | CountedRows, objective: Objective
) -> ScoredRows | CountedRows:
    """Sort rows to be counted, where counts suffice and they are not sorted already.

    Parameters
    ----------
    rows : ScoredRows or CountedRows
        What thresholds are chosen on.
    objective : Objective
        What is maximised.

    Returns
    -------
    ScoredRows or CountedRows
        The sorted rows; those given where counts do not suffice.
    """
    if isinstance(rows, CountedRows) or not counts_suffice(rows, objective):
        return rows
    return CountedRows.of(rows)


class CountedRows:
    """Some parts of sorted rows; it stands in for :class:`ScoredRows` in a search.

    Parameters
    ----------
    parts : SortedParts
        All of the sorted rows.
    part : ndarray of shape (n_rows,)
        The part of each of them.
    chosen : ndarray of int
        The parts that are meant.
    probability : bool
        Whether scores lie in [0, 1].
    """

    def __init__(self, parts, part, chosen, probability):
        self.parts, self.part, self.chosen = parts, part, chosen
        self.probability = probability

    @classmethod
    def of(cls, rows: ScoredRows, subsets: list[Any] | None = None):
        """Sort rows, so that some subsets of them can be taken.

        Parameters
        ----------
        rows : ScoredRows
            Scores and boolean targets.
        subsets : list of row numbers or slice, or None, default=None
            What :meth:`take` will be asked for.

        Returns
        -------
        CountedRows or ScoredRows
            All of the rows; as they were given if the subsets cut them into too many
            parts.
        """
        part = np.zeros(len(rows.scores), dtype=np.intp)
        for subset in subsets or ():
            # Rows that are in the same subsets are one part.
            part *= 2
            part[subset] += 1
            taken = np.bincount(part) > 0
            part = (np.cumsum(taken) - 1)[part]
            if np.count_nonzero(taken) > _MOST_PARTS:
                return rows
        parts = SortedParts(rows, part)
        return cls(parts, part, np.arange(len(parts.sizes)), rows.probability)

    @property
    def default(self):
        """The usual threshold: of equally good ones the nearest to it is taken."""
        return 0.5 if self.probability else 0.0

    @property
    def shape(self):
        """Number of rows and of labels."""
        return int(self.parts.sizes[self.chosen].sum()), self.parts.n_labels

    @property
    def seen(self):
        """Which labels any row has."""
        return self.parts.positives[self.chosen].any(axis=0)

    def take(self, rows):
        """Keep one of the subsets that the rows were sorted for."""
        chosen = np.flatnonzero(np.bincount(self.part[rows]))
        return CountedRows(self.parts, self.part, chosen, self.probability)

    def unsorted(self):
        """Itself: what is sorted is counted."""
        return self

    @cached_property
    def _sizes(self):
        positives = self.parts.positives[self.chosen].sum(axis=0)
        return positives, self.parts.known[self.chosen].sum(axis=0) - positives

    def support(self):
        """Give the number of known rows with and without each label."""
        positives, negatives = self._sizes
        return positives.astype(np.float64), negatives.astype(np.float64)

    @cached_property
    def extremes(self):
        """Highest and lowest known score of every label; -inf and inf without any."""
        top = np.full(self.parts.n_labels, -np.inf)
        bottom = np.full(self.parts.n_labels, np.inf)
        labels = np.arange(self.parts.n_labels)
        for each in self.chosen:
            values, known = self.parts.values[each], self.parts.known[each]
            first = np.minimum(values.shape[1] - known, values.shape[1] - 1)
            top = np.maximum(top, values[:, -1])
            bottom = np.where(known, np.minimum(bottom, values[labels, first]), bottom)
        return top, bottom

    def tally(self, thresholds):
        """Count what the metric needs, at several thresholds of every label.

        Parameters
        ----------
        thresholds : ndarray of shape (n_choices, n_labels)
            The thresholds; none is -inf.

        Returns
        -------
        tallies : ndarray of shape (n_choices, 4, n_labels)
            As :meth:`Objective.tally` gives them of what is predicted.
        """
        parts = self.parts
        mine = np.isin(parts.hit_part, self.chosen)
        label, score = parts.hit_label[mine], parts.hit_score[mine]
        tp = [
            np.bincount(label[score >= own[label]], minlength=parts.n_labels)
            for own in thresholds
        ]
        above = parts.count_above(thresholds, self.chosen).sum(axis=0)
        positives, negatives = self.support()
        tallies = np.empty((len(thresholds), 4, parts.n_labels))
        tallies[:, 0] = tp
        tallies[:, 1] = above - tallies[:, 0]
        tallies[:, 2], tallies[:, 3] = positives, negatives
        return tallies


def _blocks(shape):
    """Yield slices of labels with about `BLOCK_SIZE` scores."""
    width = max(1, BLOCK_SIZE // max(1, shape[0]))
    for start in range(0, shape[1], width):
        yield slice(start, min(start + width, shape[1]))


def _fits_float32(scores):
    """Whether scores are those of float32, as they are from most classifiers."""
    step = max(1, BLOCK_SIZE // scores.shape[1])
    with np.errstate(over="ignore"):
        return all(
            np.array_equal(block.astype(np.float32), block)
            for block in (
                scores[start : start + step] for start in range(0, len(scores), step)
            )
        )
