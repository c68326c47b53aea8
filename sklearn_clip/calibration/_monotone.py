"""Maps without parameters, that only rise: isotonic regression and Venn-Abers."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

from sklearn_clip.calibration._evidence import label_blocks

# Scores that Venn-Abers goes through side by side, in some 150 bytes each: of fewer
# labels, each step over their knots would be mostly overhead.
_BLOCK_SIZE = 1 << 21
MONOTONE = ("isotonic", "venn-abers")


class Steps(NamedTuple):
    """A rising map of one label.

    Attributes
    ----------
    knots : ndarray of shape (n_knots,)
        Scores in ascending order, none twice; none where nothing of the label is known.
    lower, upper : ndarray of shape (n_knots,)
        Isotonic: the values at the knots, straight lines between them; the same array.
        Venn-Abers: of a score, `lower` at the last knot that is no higher, and `upper`
        at the first that is no lower, are the probabilities if the row lacks the label
        and if it has it.
    """

    knots: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def group_scores(scores, yes, no, weight=None):
    """Distinct scores of one label, and the weight for and against it at each.

    Parameters
    ----------
    scores : ndarray of shape (n,)
        Scores.
    yes, no : ndarray of shape (n,), dtype=bool
        Rows that have the label, and that have it not.
    weight : ndarray of shape (n,) or None, default=None
        Row weights; rows of none are left out.

    Returns
    -------
    distinct, hits, total : ndarray of shape (n_distinct,)
        The scores in ascending order, the weight of the positives, of both.
    """
    counted = yes | no
    if weight is not None:
        counted &= weight > 0
        weight = weight[counted]
    distinct, place = np.unique(scores[counted], return_inverse=True)
    hits = yes[counted]
    size = len(distinct)
    return (
        distinct,
        np.bincount(place, hits if weight is None else weight * hits, size),
        np.bincount(place, weight, size).astype(np.float64, copy=False),
    )


def group_runs(scores, yes, no):
    """Gather scores in runs, from one that a positive has to the next.

    Isotonic regression gives equal values side by side one level. Of the many rows
    without a label those between two positives are one run, and only the few positives
    and the runs between them have to be gone through.

    Parameters
    ----------
    scores, yes, no
        As of `group_scores`.

    Returns
    -------
    first, last : ndarray of shape (n_runs,)
        Lowest and highest score of each run, in ascending order.
    hits, total : ndarray of shape (n_runs,), dtype=float64
        Positives, and all rows.
    """
    counted = yes | no
    every = np.sort(scores if counted.all() else scores[counted])
    ones, hits = np.unique(scores[yes], return_counts=True)
    # Runs in turn: below the first positive, its score, from there to the next, ...
    ends = np.zeros(2 * len(ones) + 2, dtype=np.int64)
    ends[1:-1:2] = np.searchsorted(every, ones)
    ends[2:-1:2] = np.searchsorted(every, ones, side="right")
    ends[-1] = len(every)
    total = np.diff(ends)
    found = np.zeros(len(total))
    found[1::2] = hits
    some = total > 0
    first, last = every[ends[:-1][some]], every[ends[1:][some] - 1]
    return first, last, found[some], total[some].astype(np.float64)


def fit_isotonic(scores, yes, no, weight=None):
    """Fit the isotonic map of one label.

    Parameters
    ----------
    scores, yes, no, weight
        As of `group_scores`.

    Returns
    -------
    Steps
        First and last score of every level. No value lies beyond what n rows can tell
        by the rule of succession, 1 / (n + 2) and its opposite: no row is ever said to
        be certain.
    """
    if weight is None:
        first, last, hits, total = group_runs(scores, yes, no)
    else:
        first, hits, total = group_scores(scores, yes, no, weight)
        last = first
    if not len(first):
        return Steps(first, first, first)
    values = isotonic_regression(hits / total, weights=total).x
    edge = 1 / (total.sum() + 2)
    values = np.clip(values, edge, 1 - edge).repeat(2)
    knots = np.column_stack([first, last]).ravel()
    once = np.ones(len(knots), dtype=bool)
    once[1::2] = first < last
    knots, values = knots[once], values[once]
    # Within a level the line is flat: its ends are enough.
    flat = np.zeros(len(values), dtype=bool)
    flat[1:-1] = (values[1:-1] == values[:-2]) & (values[1:-1] == values[2:])
    return Steps(knots[~flat], values[~flat], values[~flat])


def fit_venn_abers(evidence):
    """Fit the Venn-Abers maps of all labels.

    Parameters
    ----------
    evidence : ScoredEvidence
        Scores, and what is known of the rows.

    Returns
    -------
    list of n_labels Steps
        The maps.

    Notes
    -----
    A map has to say what isotonic regression gives a new row if the row is added with
    the label, and if it is added without, wherever its score lies. Of a score between
    two knots the first is that of a score at the upper knot, the second that of one at
    the lower: the row would be of one level with it [1]_. With the sums of weights and
    positives as coordinates (W, S), levels are the slopes of the greatest convex
    minorant. A row added with the label at knot i moves all earlier points by (-1, -1)
    against the later ones. As i grows, a point that moves to the left either lies above
    the line that leads to the next corner, and will never be one, or is the only corner
    on the left that still matters: one point and a place among the corners on the right
    is all there is to keep, for all labels side by side.

    The row added without the label is the same problem seen from the other end.

    References
    ----------
    .. [1] V. Vovk, I. Petej, V. Fedorova, "Large-scale probabilistic predictors with
       and without guarantees of validity", NeurIPS 2015. :arxiv:`1511.00213`
    """
    steps = []
    for block in label_blocks(evidence.shape, _BLOCK_SIZE):
        sides = evidence.yes[:, block].T, evidence.no[:, block].T
        columns = zip(evidence.scores[:, block].T, *sides, strict=True)
        steps += _fit_several([group_scores(*own, evidence.weight) for own in columns])
    return steps


def _fit_several(grouped):
    """Fit the Venn-Abers maps of labels, of what `group_scores` gives of each."""
    sizes = np.array([len(distinct) for distinct, _, _ in grouped])
    shape = len(grouped), max(1, sizes.max())
    hits, total = np.zeros(shape), np.zeros(shape)
    for label, (_, some, every) in enumerate(grouped):
        hits[label, : len(some)], total[label, : len(every)] = some, every
    upper = _values_if_positive(hits, total, sizes)
    # Seen from the other end: scores fall, positives and negatives change places.
    hits[:], total[:] = 0, 0
    for label, (_, some, every) in enumerate(grouped):
        hits[label, : len(some)] = (every - some)[::-1]
        total[label, : len(every)] = every[::-1]
    lower = _values_if_positive(hits, total, sizes)
    # Copies: a view would keep what stands beside it.
    return [
        Steps(
            knots,
            1 - lower[label, : len(knots)][::-1],
            upper[label, : len(knots)].copy(),
        )
        for label, (knots, _, _) in enumerate(grouped)
    ]


def _values_if_positive(hits, total, sizes):
    """Isotonic value at every knot if one positive is added there, for all labels."""
    n_labels, n_knots = hits.shape
    lanes = np.arange(n_labels)
    # Points (W, S) of the cumulative sums, from (0, 0).
    x = np.concatenate([np.zeros((n_labels, 1)), total.cumsum(axis=1)], axis=1)
    y = np.concatenate([np.zeros((n_labels, 1)), hits.cumsum(axis=1)], axis=1)
    corners = np.full((n_labels, n_knots + 2), -1)
    for label in range(n_labels):
        found = _corners(hits[label, : sizes[label]], total[label, : sizes[label]])
        corners[label, : len(found)] = found
    # The corner on the left, at first (0, 0) moved by the added row.
    left_x, left_y = np.full(n_labels, -1.0), np.full(n_labels, -1.0)
    place = np.zeros(n_labels, dtype=np.int64)
    values = np.ones((n_labels, n_knots))
    for knot in range(n_knots):
        at = corners[lanes, place]
        run, rise = x[lanes, at] - left_x, y[lanes, at] - left_y
        values[:, knot] = rise / run
        # The point of this knot, moved, goes over to the left.
        new_x, new_y = x[:, knot + 1] - 1, y[:, knot + 1] - 1
        below = (new_y - left_y) * run < (new_x - left_x) * rise
        below &= knot + 1 < sizes
        left_x, left_y = np.where(below, new_x, left_x), np.where(below, new_y, left_y)
        # Corners on the right that have come to lie above the line are passed by, and
        # so is the one that has gone over itself.
        moving = below
        while moving.any():
            at, following = corners[lanes, place], corners[lanes, place + 1]
            near = (y[lanes, at] - left_y) * (x[lanes, following] - left_x)
            far = (y[lanes, following] - left_y) * (x[lanes, at] - left_x)
            moving = moving & (following >= 0) & ((at <= knot + 1) | (near >= far))
            place = place + moving
    return values


def _corners(hits, total):
    """Corners of the minorant on the right of a positive added at the left end."""
    if not len(hits):
        return [0]
    levels = isotonic_regression(
        np.concatenate([[1.0], hits / total]),
        weights=np.concatenate([[1.0], total]),
    ).x
    ends = np.flatnonzero(np.diff(levels) != 0)
    # Entry k of the levels ends at point k; the last point is always a corner. Point 0
    # is a corner only where the added row is a level by itself, which it cannot be:
    # nothing lies above 1.
    return [end for end in ends if end > 0] + [len(hits)]


def apply_steps(steps, scores, method):
    """Apply the map of one label.

    Parameters
    ----------
    steps : Steps
        The map, with knots.
    scores : ndarray of shape (n,)
        Scores.
    method : {"isotonic", "venn-abers"}
        How to read it.

    Returns
    -------
    ndarray of shape (n,)
        Probabilities in (0, 1).
    """
    knots, lower, upper = steps
    if method == "isotonic":
        return np.interp(scores, knots, lower)
    low = np.searchsorted(knots, scores, side="right") - 1
    high = np.searchsorted(knots, scores, side="left")
    # Below all knots nothing keeps a row without the label from 0, above all of them
    # none with it from 1.
    zero = np.where(low >= 0, lower[np.maximum(low, 0)], 0.0)
    one = np.where(high < len(knots), upper[np.minimum(high, len(knots) - 1)], 1.0)
    # The one number of least regret in log loss between the two [1]_ of fit_venn_abers.
    return one / (1 - zero + one)
