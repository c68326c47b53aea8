"""Maps without parameters, that only rise: isotonic regression and Venn-Abers."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression

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
    is all there is to keep. Of knots in a row that lack positives, or have nothing
    else, one point alone can become the corner of what follows, so that they are gone
    through together.

    The row added without the label is the same problem seen from the other end.

    References
    ----------
    .. [1] V. Vovk, I. Petej, V. Fedorova, "Large-scale probabilistic predictors with
       and without guarantees of validity", NeurIPS 2015. :arxiv:`1511.00213`
    """
    columns = zip(evidence.scores.T, evidence.yes.T, evidence.no.T, strict=True)
    return [_fit_one(*group_scores(*own, evidence.weight)) for own in columns]


def _fit_one(knots, hits, total):
    """Fit the Venn-Abers map of a label, of what `group_scores` gives."""
    # Seen from the other end: scores fall, positives and negatives change places.
    lower = 1 - _values_if_positive((total - hits)[::-1], total[::-1])[::-1]
    return Steps(knots, lower, _values_if_positive(hits, total))


def _values_if_positive(hits, total):
    """Isotonic value at every knot if one positive is added there."""
    x, y = (np.append(0.0, part.cumsum()) for part in (total, hits))
    starts, flat = _stretches(hits, total)
    ends = np.append(starts[1:], len(hits))
    # Points of a stretch without positives lie at one height, and beside a line that
    # rises the last is the lowest; others rise one for one, and the first is.
    tried = np.where(flat, ends, starts + 1)
    corners = _corners(hits, total)
    slopes, places = _follow(x, y, corners, tried)
    stretch = np.arange(len(starts)).repeat(ends - starts)
    values = slopes[stretch]
    later = np.ones(len(hits), dtype=bool)
    later[starts] = False
    up = later & ~flat[stretch]
    values[up] = slopes[1:][stretch[up]]
    # On the left of a knot at one height with others the one before is the corner, if
    # that makes the line steeper.
    (level,) = np.nonzero(later & flat[stretch])
    first, last = places[stretch[level]], places[1:][stretch[level]]
    lines = _slopes_from(
        x[level] - 1, y[level] - 1, x[corners], y[corners], first, last
    )
    values[level] = np.maximum(values[level], lines)
    return values


def _stretches(hits, total):
    """Where stretches of knots begin, and whether all but their first lack positives.

    Of others all but the first have nothing but positives. Any knot may be the first.
    """
    kinds = np.where(hits == 0, -1, np.where(hits == total, -2, np.arange(len(hits))))
    starts = np.flatnonzero(np.append(True, kinds[1:] != kinds[:-1])[: len(hits)])
    long = np.diff(np.append(starts, len(hits))) > 1
    starts = starts[~np.append(False, long[1:] & ~long[:-1])[: len(starts)]]
    return starts, kinds[np.append(starts[1:], len(hits))[: len(starts)] - 1] == -1


def _follow(x, y, corners, tried):
    """Slope and place among the corners at the begin of each stretch, and at the end.

    A point of each is tried: moved, it goes over to the left.
    """
    corner_x, corner_y = x[corners].tolist(), y[corners].tolist()
    n_points, left_x, left_y, place = len(x) - 1, -1.0, -1.0, 0
    slopes, places = [], []
    points = zip(
        tried.tolist(), (x[tried] - 1).tolist(), (y[tried] - 1).tolist(), strict=True
    )
    for point, new_x, new_y in points:
        run, rise = corner_x[place] - left_x, corner_y[place] - left_y
        slopes.append(rise / run)
        places.append(place)
        if point == n_points or not (new_y - left_y) * run < (new_x - left_x) * rise:
            continue
        left_x, left_y = new_x, new_y
        # Corners on the right that have come to lie above the line are passed by, and
        # so is the one that has gone over itself: no slope is above 1.
        while place + 1 < len(corners) and (
            (corner_y[place] - left_y) * (corner_x[place + 1] - left_x)
            >= (corner_y[place + 1] - left_y) * (corner_x[place] - left_x)
        ):
            place += 1
    slopes.append((corner_y[place] - left_y) / (corner_x[place] - left_x))
    places.append(place)
    return np.array(slopes), np.array(places)


def _slopes_from(left_x, left_y, corner_x, corner_y, first, last):
    """Least slope from points to corners, each of which are between two places."""
    at = first.copy()
    (moving,) = np.nonzero(at < last)
    while len(moving):
        near, far = at[moving], at[moving] + 1
        from_x, from_y = left_x[moving], left_y[moving]
        steeper = (corner_y[near] - from_y) * (corner_x[far] - from_x)
        moving = moving[steeper >= (corner_y[far] - from_y) * (corner_x[near] - from_x)]
        at[moving] += 1
        moving = moving[at[moving] < last[moving]]
    return (corner_y[at] - left_y) / (corner_x[at] - left_x)


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
