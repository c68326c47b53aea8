"""What every cut of a label would find and miss, in few numbers.

The page recounts as its reader moves a cut. Between two neighbouring scores all cuts do
the same, so that a label needs one cut for each distinct score, and how many rows with
and without the label lie between a cut and the next.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Cuts of all labels together, and of one: what a page holds without growing heavy.
_ALL_CUTS, _MOST, _FEWEST = 80_000, 1_000, 64
_ALL_LEVELS = 65_535


class CutCurve(NamedTuple):
    """The cuts of one label that a page offers.

    Attributes
    ----------
    cuts : ndarray of shape (n_cuts,), dtype=float64
        Ascending, in few digits. The first takes every row.
    scores : ndarray of shape (n_cuts,), dtype=float64
        The lowest score that each cut takes; the cut itself may lie far below it.
    positive, negative : ndarray of shape (n_cuts,), dtype=int64
        Known rows with and without the label from a cut to below the next.
    start : int
        Position of the cut that takes the rows that the one in force takes; n_cuts if
        that takes none.
    """

    cuts: NDArray[np.float64]
    scores: NDArray[np.float64]
    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    start: int

    def places(self, scores):
        """Tell how many cuts take each score, less one.

        Parameters
        ----------
        scores : ndarray of shape (n,)
            Scores.

        Returns
        -------
        ndarray of shape (n,), dtype=int64
            Position of the last cut that takes it: the cut at place i takes a score if
            this is at least i.
        """
        return np.searchsorted(self.cuts, scores, side="right") - 1

    @property
    def parts(self):
        """Levels from the score of a cut, which is the first, to that of the next."""
        return _ALL_LEVELS // len(self.cuts)

    def levels(self, scores):
        """Tell scores in 16 bits: the last cut that takes each, and how far above it.

        Parameters
        ----------
        scores : ndarray of shape (n,)
            Scores.

        Returns
        -------
        ndarray of shape (n,), dtype=int64
            The place of the cut times `parts`, and above that 0 for the score at the
            cut, or else in which of the `parts` - 1 steps to the next cut it lies.
        """
        places = self.places(scores)
        # Halves, as the difference may be past the largest number.
        half, at = scores / 2, self.scores[places] / 2
        following = self.scores[np.minimum(places + 1, len(self.cuts) - 1)] / 2
        share = np.zeros(len(scores))
        np.divide(half - at, following - at, out=share, where=following > at)
        steps = np.ceil(share * (self.parts - 1)).clip(0, self.parts - 1)
        return places * self.parts + steps.astype(np.int64)


def cut_curves(entries, scores, thresholds, *, probabilities):
    """Find the cuts of every label, and what lies between them.

    Parameters
    ----------
    entries : Entries
        Checked targets.
    scores : ndarray of shape (n_samples, n_labels)
        Checked scores.
    thresholds : ndarray of shape (n_labels,)
        The cuts in force; infinite ones take no row.
    probabilities : bool
        Whether no cut may be below 0.

    Returns
    -------
    list of CutCurve
        One for each label. Where the labels are too many for all cuts of each, those at
        its positives stay, and others in even steps.
    """
    n_labels = scores.shape[1]
    most = int(np.clip(_ALL_CUTS // n_labels, _FEWEST, _MOST))
    return [
        _curve(
            scores[:, label].astype(np.float64),
            entries.positive[:, label],
            None if entries.known is None else entries.known[:, label],
            thresholds[label],
            most,
            probabilities,
        )
        for label in range(n_labels)
    ]


def _curve(scores, positive, known, threshold, most, probabilities):
    """Cuts of one label."""
    distinct = np.unique(scores)
    start = np.searchsorted(distinct, threshold)  # the first score that is taken
    kept = _kept_places(distinct, scores[positive], start, most)
    # Any number above the score below a cut and not above its own does what it does.
    lowest = -np.finfo(np.float64).tiny if probabilities else distinct[0] - 1.0
    below = np.concatenate([[lowest], distinct[:-1]])
    cuts = _few_digits(below[kept], distinct[kept])
    place = np.searchsorted(distinct[kept], scores, side="right") - 1
    absent = ~positive if known is None else known & ~positive
    return CutCurve(
        cuts,
        distinct[kept],
        np.bincount(place[positive], minlength=len(cuts)),
        np.bincount(place[absent], minlength=len(cuts)),
        int(np.searchsorted(kept, start)),
    )


def _kept_places(distinct, of_positives, start, most):
    """Choose the scores at which cuts are offered, as positions among the distinct."""
    if len(distinct) <= most:
        return np.arange(len(distinct))
    # The best cut for precision, recall or F1 is at a positive.
    at_positives = np.searchsorted(distinct, np.unique(of_positives))
    if len(at_positives) > most // 2:
        steps = np.linspace(0, len(at_positives) - 1, most // 2).round().astype(int)
        at_positives = at_positives[steps]
    steps = np.linspace(0, len(distinct) - 1, most - len(at_positives) - 1)
    places = [at_positives, steps.round().astype(int)]
    if start < len(distinct):
        places.append(np.array([start]))
    return np.unique(np.concatenate(places))


def _few_digits(below, at):
    """Write numbers of few digits in the half-open intervals (below, at]."""
    chosen = at.copy()
    middle = below + (at - below) / 2
    open_ = np.ones(len(at), dtype=bool)
    for digits in range(1, 16):
        with np.errstate(over="ignore"):  # what is past all numbers is not taken
            rounded = np.round(middle, digits)
        good = open_ & (rounded > below) & (rounded <= at)
        chosen[good] = rounded[good]
        open_ &= ~good
        if not open_.any():
            break
    return chosen
