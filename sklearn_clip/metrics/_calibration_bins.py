"""Probabilities in bins of equal weight, and how far each is from what holds."""

from numbers import Integral
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr


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


def bin_labels(entries, scores, weights, *, n_bins, pooled=False):
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
    weights = np.ones(len(scores)) if weights is None else weights
    if pooled:
        positive, known, _ = entries.dense()
        known = slice(None) if known is None else known.ravel()
        weights = np.repeat(weights, scores.shape[1])
        columns = scores.ravel()[known], positive.ravel()[known], weights[known]
        return [_bin_label(*columns, n_bins)]
    entries = entries.by_label()
    found = []
    for label in range(scores.shape[1]):
        positive, known, _ = entries.columns([label])
        rows = slice(None) if known is None else known[:, 0]
        columns = scores[rows, label], positive[rows, 0], weights[rows]
        found.append(_bin_label(*columns, n_bins))
    return found


def _bin_label(scores, positive, weight, n_bins):
    """Sort the known entries of one label into bins."""
    if not len(scores):
        return Bins(*np.zeros((6, 0)))
    distinct, place = np.unique(scores, return_inverse=True)
    # Equal probabilities stay together: each group goes where the middle of its weight
    # lies, so that the order of the rows does not matter.
    mass = np.bincount(place, weights=weight, minlength=len(distinct))
    middle = (mass.cumsum() - mass / 2) / mass.sum()
    bins = np.minimum((middle * n_bins).astype(np.int64), n_bins - 1)[place]

    def total(values):
        return np.bincount(bins, weights=weight * values, minlength=n_bins)

    scores = scores.astype(np.float64)
    mass = total(1.0)
    kept = mass > 0
    safe = np.where(kept, mass, 1.0)
    predicted, share = total(scores) / safe, total(positive) / safe
    # About the means, as differences of large sums would lose all digits.
    apart = scores - predicted[bins]
    columns = (
        mass,
        mass**2 / np.where(kept, total(weight), 1.0),
        predicted,
        share,
        total(apart**2) / safe,
        total(apart * (positive - share[bins])) / safe,
    )
    return Bins(*(column[kept] for column in columns))


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
