"""Scores that lie far out, which are not to set the scale of all the others."""

import numpy as np

# From here on a decision value stands for an infinite one.
_ENDLESS = 1e100
# Scores that tell where most are.
_ENOUGH = 2**19


def pull_in(scores, *sides):
    """Bring decision values that lie far beyond the others nearer, in their order.

    Parameters
    ----------
    scores : ndarray of shape (n, n_labels)
        Decision values; infinite ones may be the largest floats.
    *sides : ndarray of shape (n, n_labels), dtype=bool
        Groups of them, each of which is usual, however few it has: the positives and
        the negatives.

    Returns
    -------
    ndarray of shape (n, n_labels)
        None is beyond the usual ones by more than twice the range that these have. It
        goes from the lowest to the highest finite score of every group, but for one in
        a hundred at either end (one at least, of three or more).
    """
    every = max(1, scores.size // _ENOUGH)
    some = scores[::every]
    groups = [some[side[::every] & (np.abs(some) < _ENDLESS)] for side in sides]
    ends = np.array([_inner_ends(group) for group in groups if group.size])
    low, high = (ends[:, 0].min(), ends[:, 1].max()) if len(ends) else (0.0, 0.0)
    room = 2 * (high - low) or max(1.0, abs(high))
    return np.clip(scores, low - room, high + room)


def bring_near(scores, others=()):
    """Put infinite scores, which no axis has a place for, just beyond all others.

    Parameters
    ----------
    scores : ndarray of shape (n, n_labels)
        Scores.
    others : array-like of float, default=()
        What they are to stay beyond as well, such as thresholds.

    Returns
    -------
    ndarray of shape (n, n_labels)
        The scores themselves, if all are finite.
    """
    if float(np.abs(scores).max(initial=0.0)) < _ENDLESS:
        return scores
    scores = scores.astype(np.float64)
    there = np.append(scores, others)
    there = there[np.abs(there) < _ENDLESS]
    low, high = (there.min(), there.max()) if there.size else (0.0, 0.0)
    room = (high - low) / 10 or 1.0
    return np.clip(scores, low - room, high + room)


def _inner_ends(scores):
    """Lowest and highest score but for the outermost."""
    beyond = max(scores.size // 100, min(1, (scores.size - 1) // 2))
    ends = [beyond, scores.size - 1 - beyond]
    return np.partition(scores, ends)[ends]
