"""The set of labels of a row whose expected metric is highest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.thresholds._objective import Objective, recall_weight
from sklearn_clip.thresholds._scored_rows import BLOCK_SIZE

# Chance of a set larger than those that are counted.
_TAIL = 1e-12
# Sets whose expected metric differs by less are equally good: the smaller is taken.
_TIE = 1e-12


def best_sets(
    probabilities: NDArray[np.float64],
    objective: Objective,
    *,
    at_least_one: bool = False,
    limit: int | None = None,
) -> NDArray[np.bool_]:
    """Choose the label set of every row whose expected metric is highest.

    Parameters
    ----------
    probabilities : ndarray of shape (n_rows, n_labels)
        P(label = 1), the labels of a row being independent given the row.
    objective : Objective
        A named metric of the counts of one row.
    at_least_one : bool, default=False
        Leave out the empty set.
    limit : int or None, default=None
        Leave out sets of more labels than this.

    Returns
    -------
    sets : ndarray of shape (n_rows, n_labels), dtype=bool
        The best sets, the smaller ones of equally good ones.

    Notes
    -----
    All named metrics rise if a predicted label is exchanged for a likelier one, so
    that the best set of k labels are the k likeliest [1]_, and only k is sought. The
    number of labels that a row has is a sum of independent coin flips: its distribution
    (Poisson's binomial) comes from a recursion over labels, and that without one label
    by undoing one step. For a row, of L labels and sizes up to S that may occur, this
    takes O(L S) operations [2]_.

    References
    ----------
    .. [1] D. D. Lewis, "Evaluating and optimizing autonomous text classification
       systems", SIGIR 1995. :doi:`10.1145/215206.215366`
    .. [2] N. Ye, K. M. A. Chai, W. S. Lee, H. L. Chieu, "Optimizing F-measures: a tale
       of two approaches", ICML 2012. :arxiv:`1206.4625`
    """
    n_rows, n_labels = probabilities.shape
    sets = np.zeros((n_rows, n_labels), dtype=bool)
    limit = n_labels if limit is None else min(limit, n_labels)
    means = probabilities.sum(axis=1)
    # Rows of about as many labels stand together, so that all of a block need as many
    # sizes.
    by_mean = np.argsort(means, kind="stable")
    start = 0
    while start < n_rows:
        width = max(1, BLOCK_SIZE // (8 * (n_labels + 1)))
        some = by_mean[start : start + width]
        start += width
        order = np.argsort(-probabilities[some], axis=1, kind="stable")
        falling = np.take_along_axis(probabilities[some], order, axis=1)
        n_sizes = _largest_size(means[some[-1]], n_labels)
        # Rows last: every step below is one pass over memory.
        best = _best_size(np.ascontiguousarray(falling.T), objective, limit, n_sizes)
        if at_least_one:
            best = np.maximum(best, 1)
        chosen = np.zeros(falling.shape, dtype=bool)
        np.put_along_axis(chosen, order, np.arange(n_labels) < best[:, None], axis=1)
        sets[some] = chosen
    return sets


def _largest_size(mean, n_labels):
    """Smallest size that is exceeded with no more than a negligible chance."""
    # Chernoff: P(s >= x) <= exp(x - mean) (mean / x)^x for x > mean.
    sizes = np.arange(1, n_labels + 1)
    exponent = sizes - mean + sizes * np.log(max(mean, 1e-300) / sizes)
    enough = np.flatnonzero((sizes > mean) & (exponent < np.log(_TAIL)))
    return int(sizes[enough[0]]) if len(enough) else n_labels


def _best_size(falling, objective, limit, n_sizes):
    """Find how many of the likeliest labels to predict, of every row.

    `falling` holds the probabilities of every row, highest first, of shape
    (n_labels, n_rows).
    """
    metric, beta = objective.metric, objective.beta
    if metric == "accuracy":
        # Every entry for itself.
        return np.minimum((falling > 0.5).sum(axis=0), limit)
    if metric == "jaccard":
        return _best_jaccard(falling, limit, n_sizes)
    sizes = _size_distribution(falling, n_sizes)
    if metric == "balanced_accuracy":
        return _best_balanced(falling, sizes, limit)
    squared = recall_weight(beta) if metric == "fbeta" else 1.0
    return _best_f(falling, sizes, limit, squared)


def _size_distribution(falling, n_sizes):
    """P(s labels) of every row, of shape (n_sizes + 1, n_rows)."""
    sizes = np.zeros((n_sizes + 1, falling.shape[1]))
    sizes[0] = 1.0
    for p in falling:
        _add(sizes, p)
    return sizes


def _add(sizes, p):
    """Put one more label of probability `p` into the distribution of sizes."""
    # P'(s) = (1 - p) P(s) + p P(s - 1).
    moved = sizes[:-1] * p
    sizes *= 1 - p
    sizes[1:] += moved


def _joint(sizes, p):
    """P(the label, s labels), for s from 0 on, of a label of probability `p`."""
    # P(s) = (1 - p) R(s) + p R(s - 1), with R the distribution without the label. It
    # is undone from below where p <= 1/2 and from above elsewhere, so that errors
    # shrink by p / (1 - p) <= 1, or its inverse, at each step.
    without = np.zeros_like(sizes)
    low = p <= 0.5
    rising, q = np.where(low, p, 0.0), np.where(low, 1 - p, 1.0)
    without[0] = sizes[0] / q
    for s in range(1, len(sizes)):
        without[s] = (sizes[s] - rising * without[s - 1]) / q
    high = np.flatnonzero(~low)
    if len(high):
        p_high, kept = p[high], sizes[:, high]
        above = np.zeros_like(kept)
        for s in range(len(kept) - 1, 0, -1):
            above[s - 1] = (kept[s] - (1 - p_high) * above[s]) / p_high
        without[:, high] = above
    joint = np.zeros_like(sizes)
    np.multiply(without[:-1], p, out=joint[1:])
    return joint


def _best_f(falling, sizes, limit, squared):
    """Best size for F-beta, `squared` being its beta^2."""
    n_rows = falling.shape[1]
    mean = falling.sum(axis=0)
    size = np.arange(len(sizes))[:, None]
    best, best_size = np.zeros(n_rows), np.zeros(n_rows, dtype=np.intp)
    hits = np.zeros_like(sizes)
    for k in range(1, limit + 1):
        # F = (1 + b^2) tp / (k + b^2 s) is concave in tp <= s, so that no set of k has
        # more than (1 + b^2) m / (k + b^2 m) with m the expected number of labels.
        if np.all((1 + squared) * mean / (k + squared * mean) <= best + _TIE):
            break
        # E[tp; s] of the k likeliest, from that of one fewer.
        hits += _joint(sizes, falling[k - 1])
        value = ((1 + squared) / (k + squared * size) * hits).sum(axis=0)
        better = value > best + _TIE
        best_size[better] = k
        best = np.where(better, value, best)
    return best_size


def _best_jaccard(falling, limit, n_sizes):
    """Best size for the Jaccard index."""
    # J = tp / (k + t), where t, the labels missed, is independent of tp: so that
    # E J = E tp E 1/(k + t), with the distribution of t built from the last label on.
    n_labels, n_rows = falling.shape
    hits = np.cumsum(falling, axis=0)
    missed = np.zeros((n_sizes + 1, n_rows))
    missed[0] = 1.0
    best, best_size = np.zeros(n_rows), np.zeros(n_rows, dtype=np.intp)
    number = np.arange(n_sizes + 1)[:, None]
    for k in range(n_labels, 0, -1):
        if k <= limit:
            value = hits[k - 1] * (missed / (k + number)).sum(axis=0)
            better = (value >= best - _TIE) & (value > _TIE)
            best_size[better] = k
            best = np.maximum(best, value)
        _add(missed, falling[k - 1])
    return best_size


def _best_balanced(falling, sizes, limit):
    """Best size for balanced accuracy."""
    n_labels, n_rows = falling.shape
    right, wrong = balance_weights(n_labels, len(sizes) - 1)
    cost = wrong @ sizes
    best_size = np.zeros(n_rows, dtype=np.intp)
    for k in range(1, limit + 1):
        # Labels count one by one, and the likelier ones for more: the first that does
        # not gain is the end.
        gain = (right + wrong) @ _joint(sizes, falling[k - 1]) - cost
        better = (gain > _TIE) & (best_size == k - 1)
        if not better.any():
            break
        best_size[better] = k
    return best_size


def balance_weights(n_labels: int, n_sizes: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weights of true positives and true negatives in a row's balanced accuracy.

    Parameters
    ----------
    n_labels, n_sizes : int
        Number of labels, and the largest number of them that a row has.

    Returns
    -------
    right, wrong : ndarray of shape (n_sizes + 1,)
        What a hit adds and a false positive takes, in a row that has s = 0, 1, ...
        labels: ``1 / (2 s)`` and ``1 / (2 (n_labels - s))``, and twice that where
        there is one class only.
    """
    size = np.arange(n_sizes + 1)
    with np.errstate(divide="ignore"):
        right = np.where(size > 0, 1 / np.maximum(size, 1), 0.0)
        rest = n_labels - size
        wrong = np.where(rest > 0, 1 / np.maximum(rest, 1), 0.0)
    both = np.where((size > 0) & (rest > 0), 0.5, 1.0)
    return right * both, wrong * both


def best_learnt_sets(
    joint: NDArray[np.float64],
    sizes: NDArray[np.intp],
    objective: Objective,
    *,
    at_least_one: bool = False,
    limit: int | None = None,
) -> NDArray[np.bool_]:
    """Choose the best sets from what is known of labels and set sizes together.

    Parameters
    ----------
    joint : ndarray of shape (n_rows, n_labels, n_sizes)
        P(the row has the label and as many labels as the size).
    sizes : ndarray of shape (n_sizes,)
        The sizes, each at least 1.
    objective : Objective
        A named metric of the counts of one row but the Jaccard index.
    at_least_one, limit
        As of :func:`best_sets`.

    Returns
    -------
    sets : ndarray of shape (n_rows, n_labels), dtype=bool
        The best sets, exactly so whatever the labels depend on [1]_.

    References
    ----------
    .. [1] K. Dembczynski, W. Waegeman, W. Cheng, E. Huellermeier, "An exact algorithm
       for F-measure maximization", NIPS 2011.
    """
    n_rows, n_labels, _ = joint.shape
    limit = n_labels if limit is None else min(limit, n_labels)
    metric = objective.metric
    if metric not in ("f1", "fbeta"):
        if metric == "accuracy":
            gain = joint.sum(axis=2) - 0.5
        else:
            right, wrong = balance_weights(n_labels, int(sizes.max(initial=0)))
            # P(s) = sum_i P(i, s) / s, as every row of s labels is counted s times.
            chance = joint.sum(axis=1) / sizes
            cost = chance @ wrong[sizes]
            cost += wrong[0] * np.maximum(1 - chance.sum(axis=1), 0)
            gain = joint @ (right + wrong)[sizes] - cost[:, None]
        number = (gain > _TIE).sum(axis=1)
        return _highest(gain, np.clip(number, int(at_least_one), limit))
    squared = recall_weight(objective.beta) if metric == "fbeta" else 1.0
    best = np.full(n_rows, -np.inf if at_least_one else 0.0)
    sets = np.zeros((n_rows, n_labels), dtype=bool)
    total = joint.sum(axis=(1, 2))
    for k in range(1, limit + 1):
        # F = (1 + b^2) sum_{i in set} y_i / (k + b^2 s): for a given k a sum over the
        # labels of the set, so that the k largest terms are best.
        if np.all((1 + squared) * total / k <= best + _TIE):
            break
        gain = joint @ ((1 + squared) / (k + squared * sizes))
        value = np.sort(gain, axis=1)[:, n_labels - k :].sum(axis=1)
        better = value > best + _TIE
        best = np.where(better, value, best)
        sets[better] = _highest(gain[better], np.full(better.sum(), k))
    return sets


def _highest(gain, number):
    """Mark the `number` highest gains of every row."""
    order = np.argsort(-gain, axis=1, kind="stable")
    chosen = np.zeros(gain.shape, dtype=bool)
    within = np.arange(gain.shape[1]) < number[:, None]
    np.put_along_axis(chosen, order, within, axis=1)
    return chosen
