"""Thresholds per label from counts at the positives, without reading row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.thresholds._bounded_search import find_pooled_threshold
from sklearn_clip.thresholds._counted_rows import CountedRows
from sklearn_clip.thresholds._objective import Objective, metric_fraction
from sklearn_clip.thresholds._pooled_ratio import maximise_ratio
from sklearn_clip.thresholds._threshold_curves import first_nearest, place_between


class CountedCurves(NamedTuple):
    """What can be a best threshold of some labels, one label after the other.

    The first of each label predicts nothing; the others go down to one distinct score
    of its positives after the other.

    Attributes
    ----------
    labels : ndarray of shape (n_labels,)
        Numbers of the labels, all of which have a positive.
    owner : ndarray of shape (n_thresholds,)
        Position in `labels` of each threshold's label, ascending.
    tp, fp : ndarray of shape (n_thresholds,)
        True and false positives.
    upper, lower : ndarray of shape (n_thresholds,)
        The lowest score predicted and the highest that is not; -inf where there is
        none. Of the threshold that predicts nothing `upper` means nothing.
    """

    labels: np.ndarray
    owner: np.ndarray
    tp: np.ndarray
    fp: np.ndarray
    upper: np.ndarray
    lower: np.ndarray

    @property
    def starts(self):
        """Where the thresholds of each label begin."""
        return np.searchsorted(self.owner, np.arange(len(self.labels)))

    def place(self, rows, at):
        """Thresholds at some of them."""
        label = self.labels[self.owner[at]]
        top, bottom = rows.extremes
        return place_between(
            self.upper[at],
            self.lower[at],
            first=self.tp[at] == 0,
            end=np.isneginf(self.lower[at]),
            top=top[label],
            bottom=bottom[label],
            probability=rows.probability,
        )

    def nearest(self, rows, values, tolerance=0.0):
        """Of each label's best thresholds the one nearest to the usual one."""
        best = np.maximum.reduceat(values, self.starts)
        at = np.flatnonzero(values >= best[self.owner] - tolerance)
        thresholds = self.place(rows, at)
        return at[first_nearest(self.owner[at], thresholds, rows.default)]

    def highest(self, values):
        """First of each label's best thresholds."""
        best = np.maximum.reduceat(values, self.starts)
        at = np.flatnonzero(values == best[self.owner])
        return at[np.flatnonzero(np.diff(self.owner[at], prepend=-1))]


def trace_counts(rows: CountedRows) -> Iterator[CountedCurves]:
    """Yield what can be the best threshold of every label that has a positive.

    Parameters
    ----------
    rows : CountedRows
        What the thresholds are chosen on.

    Yields
    ------
    curves : CountedCurves
        Of a few labels at a time.
    """
    top, _ = rows.extremes
    for cuts in rows.parts.cuts():
        hits = cuts.hits[rows.chosen].sum(axis=0)
        some = hits > 0  # other scores are those of positives in other parts
        if not some.any():
            continue
        hits, label = hits[some], cuts.label[some]
        new = np.diff(label, prepend=-1) > 0
        starts, owner = np.flatnonzero(new), np.cumsum(new) - 1
        labels = label[starts]
        tp = np.cumsum(hits)
        tp -= (tp - hits)[starts][owner]
        fp = cuts.above[:, some][rows.chosen].sum(axis=0) - tp
        lower = cuts.below[:, some][rows.chosen].max(axis=0)
        # Before the first of each label: none of its rows, above its top score.
        yield CountedCurves(
            labels,
            np.insert(owner, starts, np.arange(len(labels))),
            np.insert(tp.astype(np.float64), starts, 0.0),
            np.insert(fp.astype(np.float64), starts, 0.0),
            np.insert(cuts.score[some].astype(np.float64), starts, np.inf),
            np.insert(lower.astype(np.float64), starts, top[labels]),
        )


def search_counted(rows: CountedRows, objective: Objective) -> NDArray[np.float64]:
    """Find exact thresholds per label for a named metric and a mean over labels.

    Parameters
    ----------
    rows : CountedRows
        What they are chosen on.
    objective : Objective
        What is maximised; its average is none over rows.

    Returns
    -------
    thresholds : ndarray of shape (n_labels,)
        The best ones; those of labels without a positive as
        :func:`search_thresholds` gives them.
    """
    positives, negatives = rows.support()
    known = positives > 0
    thresholds = np.empty(len(known))
    if objective.average == "micro" and known.any():
        thresholds[known] = _search_pooled(rows, objective, positives, negatives)
    elif known.any():
        for curves in trace_counts(rows):
            sizes = [size[curves.labels][curves.owner] for size in rows.support()]
            values = objective.values(curves.tp, curves.fp, *sizes)
            at = curves.nearest(rows, values)
            thresholds[curves.labels] = curves.place(rows, at)
    if not known.all():
        near = rows.default
        if known.any():
            near = find_pooled_threshold(rows, objective, np.flatnonzero(known))
        top, bottom = (edge[~known] for edge in rows.extremes)
        thresholds[~known] = thresholds_above(
            top, bottom, near, default=rows.default, probability=rows.probability
        )
    return thresholds


def _search_pooled(rows, objective, positives, negatives):
    """Thresholds of labels that have a positive, best for the counts of all labels."""
    blocks = list(trace_counts(rows))
    ends = np.cumsum([0, *(len(curves.labels) for curves in blocks)])
    owners = [each.owner + end for each, end in zip(blocks, ends[:-1], strict=True)]
    rest = map(np.concatenate, zip(*(each[2:] for each in blocks), strict=True))
    curves = CountedCurves(
        np.concatenate([each.labels for each in blocks]), np.concatenate(owners), *rest
    )
    own = positives[curves.labels], negatives[curves.labels]
    # Labels without a positive still count as negatives where classes are balanced.
    how = {
        "beta": objective.beta,
        "totals": (positives.sum(), negatives.sum()),
    }
    above, below = metric_fraction(
        objective.metric,
        curves.tp,
        curves.fp,
        *(size[curves.owner] for size in own),
        **how,
    )
    # The denominator is greatest where all rows are predicted.
    _, most = metric_fraction(objective.metric, *own, *own, **how)
    rounding = 1e-12 * np.max(most)
    picked = maximise_ratio(
        above,
        below,
        highest=curves.highest,
        nearest=lambda gain: curves.nearest(rows, gain, rounding),
        take=np.take,
    )
    return curves.place(rows, picked)


def thresholds_above(
    top: NDArray[np.float64],
    bottom: NDArray[np.float64],
    global_threshold: float,
    *,
    default: float,
    probability: bool,
) -> NDArray[np.float64]:
    """Give labels that have no positive the global threshold, above all they have seen.

    Every row known is a negative. If none reaches the global threshold it stands, else
    it moves above the label's highest score, where it costs no false positive.

    Parameters
    ----------
    top, bottom : ndarray of shape (n_labels,)
        Highest and lowest known score of each label; -inf and inf without any.
    global_threshold : float
        The global threshold.
    default : float
        The usual threshold, that of a label of which nothing is known.
    probability : bool
        Whether scores lie in [0, 1].

    Returns
    -------
    thresholds : ndarray of shape (n_labels,)
        One for each.
    """
    unknown = top < bottom
    highest = np.where(unknown, default, top)
    every = np.ones(len(top), dtype=bool)
    never = place_between(
        highest,
        highest,
        first=every,
        end=~every,
        top=highest,
        bottom=np.where(unknown, default, bottom),
        probability=probability,
    )
    return np.where(top < global_threshold, global_threshold, never)
