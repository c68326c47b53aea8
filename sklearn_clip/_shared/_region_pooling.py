"""Scores of the parts of a picture, made one score of the picture."""

import numpy as np
from scipy.special import logsumexp

POOLINGS = ("max", "softmax", "mean_top_k")
# Of the smooth maximum, in log-odds: 1 would be the log of the mean odds, 0 the
# maximum. Nearer to the maximum single things suffer, nearer to the mean small ones do,
# see `benchmarks/STUDIES.md`.
TEMPERATURE = 0.7
# Regions of the mean of the best: what one tile of a coarse grid shows, one of the fine
# grid or a neighbour that overlaps it mostly shows too.
TOP_K = 2
# Decision values can be infinite; their differences must not be.
_LARGEST = 1e30


def pool_regions(scores, pooling, seen=None):
    """Pool the scores of regions.

    Parameters
    ----------
    scores : ndarray of shape (n, n_regions, n_labels)
        Log-odds, none of them NaN where `seen`.
    pooling : {"max", "softmax", "mean_top_k"}
        The highest score s of a label; the smooth maximum
        ``T * log(mean(exp(s / T)))`` with T the `TEMPERATURE`; or the mean of the
        `TOP_K` highest.
    seen : ndarray of shape (n, n_regions), dtype bool, or None, default=None
        Regions that count; None for all of them.

    Returns
    -------
    ndarray of shape (n, n_labels)
        The pooled scores; minus infinity where no region counts.
    """
    scores = np.clip(scores, -_LARGEST, _LARGEST)
    n_regions = scores.shape[1]
    if seen is None or seen.all():
        counts = n_regions
    else:
        scores = np.where(seen[:, :, None], scores, -np.inf)
        counts = seen.sum(axis=1)[:, None]
    if pooling == "max":
        return scores.max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        if pooling == "mean_top_k":
            kept = min(TOP_K, n_regions)
            best = np.partition(scores, n_regions - kept, axis=1)[:, -kept:]
            total = np.where(best == -np.inf, 0, best).sum(axis=1)
            pooled = total / np.minimum(counts, kept)
        else:
            total = logsumexp(scores / TEMPERATURE, axis=1)
            pooled = TEMPERATURE * (total - np.log(counts))
    return np.where(np.equal(counts, 0), -np.inf, pooled).astype(scores.dtype)


def add_regions(whole, pooled, weight):
    r"""Add the odds of the regions to those of the whole picture.

    With the odds :math:`e^g` of a picture and :math:`e^p` of its regions it is
    :math:`\log\frac{e^g + w e^p}{1 + w}`, the log of their weighted mean: never beyond
    either, so that probabilities stay what they are where both agree.

    Parameters
    ----------
    whole, pooled : ndarray of shape (n, n_labels)
        Log-odds; `pooled` is minus infinity where there are no regions, which leaves
        the picture its own score.
    weight : float or ndarray of shape (n, 1)
        Weight of the regions, at least 0.

    Returns
    -------
    ndarray of shape (n, n_labels)
        Log-odds.
    """
    whole = np.clip(whole, -_LARGEST, _LARGEST)
    # A weight of 0 has the log of minus infinity; NaN stays NaN.
    with np.errstate(divide="ignore", invalid="ignore"):
        both = np.logaddexp(whole, pooled + np.log(weight)) - np.log1p(weight)
    return np.where(np.isneginf(pooled), whole, both).astype(whole.dtype)
