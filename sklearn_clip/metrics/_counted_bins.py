"""Calibration error in bins, as a function of how often each row occurs."""

from __future__ import annotations

import numpy as np

from sklearn_clip.metrics._calibration_bins import Bins, calibration_error
from sklearn_clip.metrics._counts import mean_of_defined

# Entries of resamples that are held at a time: 256 K of them are 2 MB an array.
_MOST_HELD = 1 << 18


class _RankedEntries:
    """Entries by rising probability, of which any resample can be put in bins.

    Parameters
    ----------
    scores : ndarray of shape (n_entries,)
        Probabilities; there is at least one.
    positive : ndarray of shape (n_entries,), dtype=bool
        Outcomes.
    unit : ndarray of shape (n_entries,), dtype=int64
        The unit of each: those of one unit occur together.
    weights : ndarray of shape (n_entries,) or None
        What each entry weighs.
    """

    def __init__(self, scores, positive, unit, weights):
        order = np.argsort(scores, kind="stable")
        self._scores = scores[order].astype(np.float64)
        self._positive, self._unit = positive[order], unit[order]
        self._weights = None if weights is None else weights[order]
        new = self._scores[1:] != self._scores[:-1]
        # Equal probabilities are one group, from one of these to the next.
        self._starts = np.flatnonzero(np.concatenate([[True], new, [True]]))

    def bins(self, times, n_bins):
        """Put resamples in bins of equal weight.

        Parameters
        ----------
        times : ndarray of shape (n_resamples, n_units), dtype=float64
            How often each unit occurs.
        n_bins : int
            Bins, at most.

        Yields
        ------
        Bins
            Of each resample, without what nobody needs; none where nothing occurs.
        """
        step = max(1, _MOST_HELD // len(self._unit))
        for first in range(0, len(times), step):
            weight = np.take(times[first : first + step], self._unit, axis=1)
            if self._weights is not None:
                weight *= self._weights
            yield from self._bin(weight, n_bins)

    def _bin(self, weight, n_bins):
        """Do what `_bin_label` does, of one resample a row."""
        n_entries = weight.shape[1]
        places = self._places(weight, n_bins)
        ends = np.append(places[:, 1:], np.full((len(places), 1), n_entries), axis=1)
        filled = places < ends
        # All rows lie in one stretch of memory, each bin from one of these to the next.
        first = (np.arange(len(weight))[:, None] * n_entries + places)[filled]

        def total(values):
            sums = np.zeros(places.shape)
            sums[filled] = np.add.reduceat(values.ravel(), first)
            return sums

        mass, square = total(weight), total(weight * weight)
        found = (
            mass,
            square,
            total(weight * self._scores),
            total(weight * self._positive),
        )
        for own_mass, own_square, predicted, positive in zip(*found, strict=True):
            kept = own_mass > 0
            own = own_mass[kept]
            yield Bins(
                own,
                own**2 / own_square[kept],
                predicted[kept] / own,
                positive[kept] / own,
                *np.zeros((2, len(own))),
            )

    def _places(self, weight, n_bins):
        """Where each bin begins: a group goes where the middle of its weight lies."""
        above = weight.cumsum(axis=1)
        total, number = above[:, -1:], np.arange(n_bins)
        # Bin k begins with the group that takes the sum to k n_bins-ths of the total,
        # if its middle lies beyond that, or with the next one.
        wanted = total * number / n_bins
        pairs = zip(above, wanted, strict=True)
        entry = np.array([own.searchsorted(sums) for own, sums in pairs])
        entry = np.minimum(entry, weight.shape[1] - 1)
        group = np.searchsorted(self._starts, entry, side="right") - 1
        start, end = self._starts[group], self._starts[group + 1]
        sums = np.take_along_axis(above, end - 1, axis=1)
        before = np.take_along_axis(above, np.maximum(start - 1, 0), axis=1)
        middle = sums - (sums - np.where(start > 0, before, 0.0)) / 2
        beyond = middle / np.where(total > 0, total, 1.0) * n_bins >= number
        return np.where(beyond, start, end)


class BinnedError:
    """Expected calibration error: of each label, their mean, or of all pooled.

    Parameters
    ----------
    rows : Rows
        The rows.
    scores : ndarray of shape (n_samples, n_labels)
        Checked probabilities.
    arguments : dict
        Arguments of the metric.
    """

    def __init__(self, rows, scores, arguments):
        self._arguments = arguments
        positive, known = rows.entries.positive, rows.entries.known
        known = np.ones_like(positive) if known is None else known
        if arguments["average"] == "micro":
            # The entries of all labels are those of one.
            columns = [(scores[known], positive[known], np.nonzero(known)[0])]
        else:
            columns = (
                (scores[own, label], positive[own, label], np.flatnonzero(own))
                for label, own in enumerate(known.T)
            )
        self._labels = [
            _RankedEntries(
                own,
                hit,
                rows.unit[row],
                None if rows.weights is None else rows.weights[row],
            )
            if len(own)
            else None
            for own, hit, row in columns
        ]

    def __call__(self, counts):
        """Compute the metric of each resample."""
        times = np.ascontiguousarray(counts.T, dtype=np.float64)
        shape = len(self._labels), len(times)
        errors, positives = np.full(shape, np.nan), np.zeros(shape)
        norm, debiased = self._arguments["norm"], self._arguments["debiased"]
        for label, entries in enumerate(self._labels):
            if entries is None:
                continue
            for at, bins in enumerate(entries.bins(times, self._arguments["n_bins"])):
                errors[label, at] = calibration_error(bins, norm, debiased=debiased)
                positives[label, at] = bins.weight @ bins.positive
        average = self._arguments["average"]
        if average == "micro":
            return errors[0]
        if average is None:
            return errors.T
        weighted = average == "weighted"
        return np.array(
            [
                mean_of_defined(own, weight if weighted else None)
                for own, weight in zip(errors.T, positives.T, strict=True)
            ]
        )
