"""How high the scores of a label lie over rows without labels, and where they should.

Every function takes a `Levels`, which holds the log-odds of all rows as one histogram
per label: its size does not grow with the rows.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from sklearn_clip._shared import row_blocks

# Log-odds are counted in bins of this range and width, shared between the two nearest
# centres: a mean probability is then right to a 1/800 of itself.
_LOW, _HIGH, _STEP = -40.0, 30.0, 0.1
_CENTRES = np.arange(_LOW, _HIGH + _STEP / 2, _STEP)
# Rows like those of all labels together that stand beside a label's own.
_POOLED_ROWS = 10.0
# Rows of the labels' common frequency beside a label's own, as a share of these: they
# correct zero-shot, which parts rare labels from frequent ones too widely, not chance.
_COMMON_SHARE = 0.05
# Of the ratio of spreads: 0 leaves the scale of each label, 1 makes all equal. Half of
# the way was best on the training rows of the clip art, and near it everywhere.
_SPREAD_SHARE = 0.5
_SMALLEST = 1e-4
_EM_STEPS = 50
_HALVINGS = 40
_FARTHEST = 60.0


class Levels(NamedTuple):
    """Log-odds of rows without labels.

    Attributes
    ----------
    counts : ndarray of shape (n_labels, n_bins)
        Rows at every level.
    n_rows : float
        Number of rows.
    """

    counts: np.ndarray
    n_rows: float

    def shrunk(self):
        """Add a few rows in which every label scores as all labels together do.

        Returns
        -------
        Levels
            Of few rows, levels that differ little from label to label.
        """
        everything = self.counts.sum(axis=0) / (len(self.counts) * self.n_rows)
        return Levels(
            self.counts + _POOLED_ROWS * everything, self.n_rows + _POOLED_ROWS
        )

    def spread(self):
        """Compute the standard deviation of every label, (n_labels,)."""
        mean = self.counts @ _CENTRES / self.n_rows
        square = self.counts @ _CENTRES**2 / self.n_rows
        return np.sqrt(np.maximum(square - mean**2, _STEP**2))

    def mean_probability(self, slope=1.0, offset=0.0):
        """Average the probabilities of a slope and an offset per label.

        Parameters
        ----------
        slope, offset : float or ndarray of shape (n_labels,)
            The log-odds become ``slope * score + offset``.

        Returns
        -------
        ndarray of shape (n_labels,)
            Means over the rows.
        """
        return _average(self.counts, self.n_rows, slope, offset)


def _average(counts, n_rows, slope, offset):
    """Mean of the probabilities that each row of `counts` stands for."""
    n_labels = len(counts)
    slope = np.broadcast_to(np.asarray(slope, np.float64), n_labels)
    offset = np.broadcast_to(np.asarray(offset, np.float64), n_labels)
    means = np.empty(n_labels)
    for some in row_blocks(n_labels, counts.shape[1]):
        stretched = slope[some, None] * _CENTRES + offset[some, None]
        means[some] = (counts[some] * expit(stretched)).sum(axis=1) / n_rows
    return means


def measure_levels(scorer, features):
    """Count the log-odds of rows, label by label.

    Parameters
    ----------
    scorer : Scorer
        Gives log-odds.
    features : ndarray of shape (n, d) or (n, n_parts * d), dtype float32
        Unit rows that all show something.

    Returns
    -------
    Levels
        The histograms.
    """
    n_labels, n_bins = len(scorer.labels), len(_CENTRES)
    counts = np.zeros(n_labels * n_bins)
    first = np.arange(n_labels) * n_bins
    for _, scores in scorer.blocks(features):
        place = (np.clip(scores, _LOW, _HIGH - _STEP / 2) - _LOW) / _STEP
        below = place.astype(np.int64)
        share = (place - below).ravel()
        below = (below + first).ravel()
        counts += np.bincount(below, 1 - share, counts.size)
        counts += np.bincount(below + 1, share, counts.size)
    return Levels(counts.reshape(n_labels, n_bins), len(features))


def estimate_prior(levels):
    """Estimate how often every label occurs, from what zero-shot says of the rows.

    Parameters
    ----------
    levels : Levels
        Log-odds of the rows.

    Returns
    -------
    ndarray of shape (n_labels,)
        Frequencies, in (0, 1).

    Notes
    -----
    Expectation maximisation of a label's frequency q, where the probabilities given
    were made for the frequency m, their mean: a row has the label with the log-odds
    ``score + logit(q) - logit(m)``, and the new q is the mean of these probabilities.
    Beside the rows stand some more of the labels' common frequency, the geometric mean.
    Without them q would stay at m: rows without labels cannot tell that a label which
    zero-shot sees rarely is a frequent one.
    """
    stated = np.clip(levels.mean_probability(), _SMALLEST, 1 - _SMALLEST)
    prior = stated
    for _ in range(_EM_STEPS):
        expected = levels.mean_probability(offset=logit(prior) - logit(stated))
        common = np.exp(np.log(prior).mean())
        found = (expected + _COMMON_SHARE * common) / (1 + _COMMON_SHARE)
        prior = np.clip(found, _SMALLEST, 1 - _SMALLEST)
    return prior


def even_slopes(levels):
    """Find the factor that brings the spread of a label's scores nearer to the others'.

    Parameters
    ----------
    levels : Levels
        Log-odds of the rows.

    Returns
    -------
    ndarray of shape (n_labels,)
        Slopes.
    """
    spread = levels.spread()
    return (spread.mean() / spread) ** _SPREAD_SHARE


def common_slope(levels, goal):
    """Find the one factor that brings the spread of all scores back to another.

    Parameters
    ----------
    levels, goal : Levels
        Log-odds of the same rows, and those of which the spread is wanted.

    Returns
    -------
    float
        The ratio of the spreads, root mean square over the labels.
    """
    ratio = (goal.spread() ** 2).mean() / (levels.spread() ** 2).mean()
    return float(np.sqrt(ratio))


def common_offset(levels, mean, slope):
    """Find the one offset with which the mean of all probabilities is another.

    Parameters
    ----------
    levels : Levels
        Log-odds of the rows.
    mean : float
        Mean probability over rows and labels, in (0, 1).
    slope : float
        Factor of the scores.

    Returns
    -------
    float
        The offset.
    """
    n_labels = len(levels.counts)
    together = levels.counts.sum(axis=0, keepdims=True)
    return float(_solve(together, n_labels * levels.n_rows, slope, np.array([mean]))[0])


def match_prior(levels, prior, slope):
    """Find the offset with which the mean probability of a label is its prior.

    Parameters
    ----------
    levels : Levels
        Log-odds of the rows.
    prior : ndarray of shape (n_labels,)
        Frequencies, in (0, 1).
    slope : ndarray of shape (n_labels,)
        Factors of the scores.

    Returns
    -------
    ndarray of shape (n_labels,)
        Offsets.
    """
    return _solve(levels.counts, levels.n_rows, slope, prior)


def _solve(counts, n_rows, slope, goal):
    """Offsets with which the mean probabilities of `counts` are the goal."""
    low = np.full(len(goal), -_FARTHEST)
    high = -low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        too_low = _average(counts, n_rows, slope, middle) < goal
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    return (low + high) / 2
