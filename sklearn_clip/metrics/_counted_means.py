"""Means over rows or entries, as functions of how often each row occurs."""

import inspect

import numpy as np

from sklearn_clip.metrics._counts import average_counts, count_entries, mean_of_defined


def bind(metric, kwargs):
    """Add the defaults of a metric to keyword arguments.

    Parameters
    ----------
    metric : callable
        The metric.
    kwargs : dict
        The arguments given.

    Returns
    -------
    dict
        All that have a value.
    """
    known = inspect.signature(metric).parameters
    defaults = {n: p.default for n, p in known.items() if p.default is not p.empty}
    return defaults | kwargs


class MeanOfRows:
    """Mean over rows, or over known entries, of what one row decides alone.

    Parameters
    ----------
    rows : Rows
        The rows.
    above, below : ndarray of shape (n_samples,)
        What each row adds to the sum, and to the number it is divided by.
    most : float, default=inf
        No mean is above this: sums of weights round.
    """

    def __init__(self, rows, above, below, most=np.inf):
        self._sums = rows.sum_by_unit(np.column_stack([above, below]))
        self._most = most

    def __call__(self, counts):
        """Compute the metric of each resample."""
        above, below = (counts.T.astype(np.float64) @ self._sums).T
        nothing = np.full(len(above), np.nan)
        values = np.divide(above, below, out=nothing, where=below > 0)
        return np.minimum(values, self._most)


class ShareOfBest:
    """Sum over rows, as a share of the best there is; 0 where that is nothing.

    Parameters
    ----------
    rows : Rows
        The rows.
    found, best : ndarray of shape (n_samples,)
        What each row adds to the two sums.
    """

    def __init__(self, rows, found, best):
        known = rows.entries.count_known(axis=1) > 0
        self._sums = rows.sum_by_unit(np.column_stack([found, best, known]))

    def __call__(self, counts):
        """Compute the metric of each resample."""
        found, best, known = (counts.T.astype(np.float64) @ self._sums).T
        values = np.where(known > 0, 0.0, np.nan)
        np.divide(found, best, out=values, where=best > 0)
        return np.minimum(values, 1.0)


class MeanOfLabels:
    """Mean loss of the known entries of each label, or its mean over labels.

    Parameters
    ----------
    rows : Rows
        The rows.
    losses : ndarray of shape (n_samples, n_labels)
        Of every entry; 0 of unknown ones.
    average : {"macro", "weighted"} or None
        How the labels are put together.
    """

    def __init__(self, rows, losses, average):
        entries = rows.entries
        # Where all is known the labels have as many entries as there are rows.
        known = np.ones((len(losses), 1)) if entries.known is None else entries.known
        self._above, self._below = rows.sum_by_unit(losses), rows.sum_by_unit(known)
        self._average, self._positive = average, None
        if average == "weighted":
            self._positive = rows.sum_by_unit(entries.positive)

    def __call__(self, counts):
        """Compute the metric of each resample."""
        times = counts.T.astype(np.float64)
        above, below = times @ self._above, times @ self._below
        labels = np.full(above.shape, np.nan)
        np.divide(above, below, out=labels, where=below > 0)
        if self._average is None:
            return labels
        weights = [None] * len(times)
        if self._positive is not None:
            weights = times @ self._positive
        pairs = zip(labels, weights, strict=True)
        return np.array([mean_of_defined(*own) for own in pairs])


def mean_of_losses(rows, losses, average):
    """Prepare the mean of a loss over known entries.

    Parameters
    ----------
    rows : Rows
        The rows.
    losses : ndarray of shape (n_samples, n_labels)
        Of every entry; 0 of unknown ones.
    average : {"macro", "micro", "weighted", "samples"} or None
        As of the metric.

    Returns
    -------
    callable
        Takes counts of shape (n_units, n_resamples).
    """
    if average not in ("micro", "samples"):
        return MeanOfLabels(rows, losses, average)
    above, known = losses.sum(axis=1), rows.entries.count_known(axis=1)
    if average == "micro":
        return MeanOfRows(rows, above, known)
    return MeanOfRows(rows, above / np.maximum(known, 1), known > 0)


def wrong_share(entries, predicted):
    """Count wrong entries of each row, and known ones.

    Parameters
    ----------
    entries : Entries
        Checked targets.
    predicted : ndarray of shape (n_samples, n_labels), dtype=bool
        Checked predictions.

    Returns
    -------
    wrong, known : ndarray of shape (n_samples,)
        The counts.
    """
    counts = count_entries(entries, predicted, axis=1)
    return counts.fp + counts.fn, counts.known


def all_right(entries, predicted):
    """Tell whether each row is right, and whether anything of it is known.

    Parameters
    ----------
    entries, predicted
        As of `wrong_share`.

    Returns
    -------
    right, known : ndarray of shape (n_samples,), dtype=bool
        The answers.
    """
    counts = count_entries(entries, predicted, axis=1)
    known = counts.known > 0
    return known & (counts.fp + counts.fn == 0), known


def ratio_by_row(entries, predicted, ratio, arguments):
    """Compute a ratio of counts of each row, and whether it is defined.

    Parameters
    ----------
    entries, predicted
        As of `wrong_share`.
    ratio : str
        Name of the metric, as of `fraction`.
    arguments : dict
        Arguments of the metric.

    Returns
    -------
    values : ndarray of shape (n_samples,)
        The ratios; 0 where they are not defined.
    defined : ndarray of shape (n_samples,), dtype=bool
        Whether they are.
    """
    values = average_counts(
        count_entries(entries, predicted, axis=1),
        ratio,
        average=None,
        beta=float(arguments.get("beta", 1.0)),
        zero_division=arguments["zero_division"],
    )
    defined = ~np.isnan(values)
    return np.where(defined, values, 0.0), defined
