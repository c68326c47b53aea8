"""Probabilities in bins of equal weight, and how far each is from what holds."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

# Entries put in bins at a time, so that what is made of them stays in the cache.
_BLOCK_SIZE = 1 << 15
# Labels whose scores are read together.
_LABELS = 16


class Bins(NamedTuple):
    """Bins of one label by rising probability; none where nothing is known.

    Attributes
    ----------
    weight : ndarray of shape (n_bins,)
        Weight of the rows in each, above 0.
    size : ndarray of shape (n_bins,)
        How many rows of equal weight tell as much, ``(sum w)^2 / sum w^2``.
    predicted : ndarray of shape (n_bins,)
        Mean probability.
    positive : ndarray of shape (n_bins,)
        Share of positives.
    variance, covariance : ndarray of shape (n_bins,)
        Of the probabilities in a bin, and of them with the outcomes.
    """

    weight: np.ndarray
    size: np.ndarray
    predicted: np.ndarray
    positive: np.ndarray
    variance: np.ndarray
    covariance: np.ndarray


def bin_labels(entries, scores, weights, *, n_bins, pooled=False, spread=False):
    """Sort the known entries of every label into bins.

    Parameters
    ----------
    entries : Entries or StoredEntries
        Checked targets.
    scores : ndarray of shape (n_samples, n_labels)
        Checked probabilities.
    weights : ndarray of shape (n_samples,) or None
        Row weights.
    n_bins : int
        Bins of a label, at most.
    pooled : bool, default=False
        Whether to take the entries of all labels for those of one.
    spread : bool, default=False
        Whether to compute variances and covariances; else they are 0.

    Returns
    -------
    list of Bins
        One per label, or a single one.

    Raises
    ------
    ValueError
        If `n_bins` is no positive integer.
    """
    good = isinstance(n_bins, Integral) and not isinstance(n_bins, bool | np.bool_)
    if not good or n_bins < 1:
        raise ValueError(f"n_bins must be a positive integer. Got {n_bins!r}.")
    if pooled:
        positive, known, _ = entries.dense()
        known = slice(None) if known is None else known.ravel()
        if weights is not None:
            weights = np.repeat(weights, scores.shape[1])[known]
        columns = scores.ravel()[known], positive.ravel()[known], weights
        return [_bin_label(*columns, n_bins, spread)]
    entries = entries.by_label()
    found = []
    # Several labels at a time: a column by itself is read as slowly as all beside it.
    for first in range(0, scores.shape[1], _LABELS):
        labels = np.arange(first, min(first + _LABELS, scores.shape[1]))
        positive, known, _ = entries.columns(labels)
        by_label = np.ascontiguousarray(scores[:, labels].T)
        for place, own in enumerate(by_label):
            rows = slice(None) if known is None else known[:, place]
            weight = None if weights is None else weights[rows]
            columns = own[rows], positive[rows, place], weight
            found.append(_bin_label(*columns, n_bins, spread))
    return found


def _bin_label(scores, positive, weight, n_bins, spread):
    """Sort the known entries of one label into bins."""
    if not len(scores):
        return Bins(*np.zeros((6, 0)))
    find = _find_bins(scores, weight, n_bins)

    def add_up(make):
        """Sum over each bin what is made of its entries, a block of them at a time."""
        found = 0.0
        for first in range(0, len(scores), _BLOCK_SIZE):
            block = slice(first, first + _BLOCK_SIZE)
            bins = find(block)
            values = make(bins, scores[block].astype(np.float64), positive[block])
            if weight is not None:
                values = [weight[block] * value for value in values]
            found += np.array([np.bincount(bins, own, n_bins) for own in values])
        return found

    mass, predicted, share = add_up(lambda bins, p, hit: [np.ones(len(p)), p, hit])
    kept = mass > 0
    safe = np.where(kept, mass, 1.0)
    predicted, share = predicted / safe, share / safe
    square = mass
    if weight is not None:
        square = np.bincount(find(slice(None)), weight**2, n_bins)

    def differences(bins, p, hit):
        # About the means, as differences of large sums would lose all digits.
        apart = p - predicted[bins]
        return apart**2, apart * (hit - share[bins])

    second = add_up(differences) / safe if spread else np.zeros((2, n_bins))
    size = mass**2 / np.where(kept, square, 1.0)
    columns = mass, size, predicted, share, *second
    return Bins(*(column[kept] for column in columns))


def _find_bins(scores, weight, n_bins):
    """Make what gives the bin of each entry of a block.

    Equal probabilities stay together: each group of them goes where the middle of its
    weight lies, so that the order of the rows does not matter.
    """
    if weight is not None:
        distinct, place = np.unique(scores, return_inverse=True)
        mass = np.bincount(place, weights=weight, minlength=len(distinct))
        middle = (mass.cumsum() - mass / 2) / mass.sum()
        bins = np.minimum((middle * n_bins).astype(np.int64), n_bins - 1)
        return lambda block: bins[place[block]]
    rising = np.sort(scores)
    # Bin k begins with the group that holds entry k n / n_bins, if its middle lies
    # beyond that, or with the next one.
    number = np.arange(1, n_bins)
    at = rising[number * len(rising) // n_bins]
    start, end = rising.searchsorted(at), rising.searchsorted(at, side="right")
    middle = (end - (end - start) / 2) / len(rising)
    first = np.where(np.floor(middle * n_bins) >= number, start, end)
    # Lowest probability of each bin but the first, infinite where none is as high; of
    # the type of the scores, as others would be compared one by one.
    edges = np.append(rising, np.array(np.inf, dtype=scores.dtype))[first]
    return lambda block: edges.searchsorted(scores[block], side="right")


def calibration_error(bins, norm, *, debiased):
    """Distance of the bins of one label from the diagonal.

    Parameters
    ----------
    bins : Bins
        The bins.
    norm : {"l1", "l2", "max"}
        How distances of bins are put together.
    debiased : bool
        Whether to take off what chance adds.

    Returns
    -------
    float
        The error; NaN without bins.
    """
    if not len(bins.weight):
        return np.nan
    share = bins.weight / bins.weight.sum()
    distance = np.abs(bins.predicted - bins.positive)
    chance = bins.positive * (1 - bins.positive) / np.maximum(bins.size - 1, 1)
    if norm == "l2":
        return float(np.sqrt(max(0.0, share @ (distance**2 - debiased * chance))))
    if debiased:
        distance = 2 * distance - _folded_mean(distance, np.sqrt(chance))
    return float(max(0.0, distance.max() if norm == "max" else share @ distance))


def _folded_mean(mean, std):
    """Mean of ``|x|`` for a normal x of a mean of at least 0."""
    scaled = mean / np.where(std > 0, std, 1.0)
    # s sqrt(2 / pi) exp(-m^2 / 2 s^2) + m (1 - 2 Phi(-m / s))
    spread = std * np.sqrt(2 / np.pi) * np.exp(-(scaled**2) / 2)
    return np.where(std > 0, spread + mean * (1 - 2 * ndtr(-scaled)), mean)
