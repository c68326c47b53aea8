"""The figures of a report: over all labels with their intervals, and of each label."""

from typing import Any, NamedTuple

import numpy as np

from sklearn_clip.metrics import (
    average_precision_per_label,
    bootstrap_interval,
    expected_calibration_error,
    global_average_precision_score,
    macro_average_precision_score,
    masked_f1_score,
)
from sklearn_clip.metrics._counts import average_counts, count_entries
from sklearn_clip.plotting._calibration import wilson_interval

_Z = 1.96  # 95 % of a normal distribution
_N_BINS = 10
# Beside a value stands what it is, for a reader who does not know the word.
_METRICS: tuple[tuple[str, str, Any, bool, dict[str, Any]], ...] = (
    (
        "mAP",
        "mean average precision: how well each label ranks the rows, whatever the cuts",
        macro_average_precision_score,
        True,
        {},
    ),
    (
        "GAP",
        "global average precision: how well all scores rank together",
        global_average_precision_score,
        True,
        {},
    ),
    (
        "macro F1",
        "precision and recall at the cuts, the mean over labels",
        masked_f1_score,
        False,
        {"average": "macro"},
    ),
    (
        "micro F1",
        "precision and recall at the cuts, over all cells together",
        masked_f1_score,
        False,
        {"average": "micro"},
    ),
)


class Figure(NamedTuple):
    """A figure over all labels.

    Attributes
    ----------
    name, meaning : str
        What it is called, and what it says.
    value, low, high : float
        The figure and the ends of its interval; NaN where there is none.
    """

    name: str
    meaning: str
    value: float
    low: float
    high: float


class LabelFigures(NamedTuple):
    """Figures of each label, arrays of shape (n_labels,).

    Attributes
    ----------
    support, known : ndarray, dtype=int64
        Rows with the label, and rows of which it is known.
    average_precision, precision, recall, f1 : ndarray, dtype=float64
        In [0, 1]; the first is NaN without positives, all are where nothing is known.
    """

    support: np.ndarray
    known: np.ndarray
    average_precision: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray


class Reliability(NamedTuple):
    """How often probabilities hold, over all labels together.

    Attributes
    ----------
    error : float
        Expected calibration error, 0 is best.
    predicted, share, low, high, size : ndarray of shape (n_bins,)
        Mean probability of each bin, the share of its cells that are true, the ends of
        that share's 95 % interval, and the number of cells.
    """

    error: float
    predicted: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    size: np.ndarray


def measure_all(Y, scores, predicted, *, groups, level, random_state):
    """Compute the figures over all labels.

    Parameters
    ----------
    Y : ndarray of shape (n_samples, n_labels)
        0, 1, and NaN where unknown.
    scores : ndarray of shape (n_samples, n_labels)
        Scores.
    predicted : ndarray of shape (n_samples, n_labels), dtype=bool
        What the tagger says.
    groups : array-like of shape (n_samples,) or None
        Rows drawn together.
    level : float or None
        Confidence level of the intervals, None for none.
    random_state : int, RandomState instance or None
        What is drawn.

    Returns
    -------
    list of Figure
        mAP, GAP, macro and micro F1.
    """
    found = []
    judged = (Y == 1).any(axis=0)  # the page says how many are not
    for name, meaning, metric, ranks, options in _METRICS:
        response = scores if ranks else predicted
        labels = judged if metric is macro_average_precision_score else slice(None)
        truth, response = Y[:, labels], response[:, labels]
        if not judged.any():
            ends = (np.nan, np.nan, np.nan)
        elif level is None:
            ends = (float(metric(truth, response, **options)), np.nan, np.nan)
        else:
            interval = bootstrap_interval(
                metric,
                truth,
                response,
                groups=groups,
                confidence_level=level,
                random_state=random_state,
                **options,
            )
            ends = (interval.estimate, interval.low, interval.high)
        found.append(Figure(name, meaning, *map(float, ends)))
    return found


def measure_labels(Y, entries, scores, predicted):
    """Compute the figures of each label.

    Parameters
    ----------
    Y, scores, predicted : ndarray of shape (n_samples, n_labels)
        As for `measure_all`.
    entries : Entries
        The checked targets.

    Returns
    -------
    LabelFigures
        The figures.
    """
    counts = count_entries(entries, predicted, axis=0)
    return LabelFigures(
        counts.tp + counts.fn,
        counts.known,
        average_precision_per_label(Y, scores),
        *(
            average_counts(counts, metric, average=None)
            for metric in ("precision", "recall", "fbeta")
        ),
    )


def measure_reliability(Y, entries, probabilities):
    """Compare probabilities with how often they hold.

    Parameters
    ----------
    Y : ndarray of shape (n_samples, n_labels)
        As for `measure_all`.
    entries : Entries
        The checked targets.
    probabilities : ndarray of shape (n_samples, n_labels)
        Probabilities in [0, 1].

    Returns
    -------
    Reliability
        Over the cells of all labels together.
    """
    # A reader looks up what 0.7 means: bins of equal width, whose emptiness is shown.
    known = slice(None) if entries.known is None else entries.known
    values = probabilities[known].ravel().astype(np.float64)
    truth = entries.positive[known].ravel()
    place = np.minimum((values * _N_BINS).astype(np.int64), _N_BINS - 1)
    size = np.bincount(place, minlength=_N_BINS)
    filled = size > 0
    size = size[filled]
    predicted, share = (
        np.bincount(place, weights=weights, minlength=_N_BINS)[filled] / size
        for weights in (values, truth)
    )
    low, high = wilson_interval(share, size, _Z)
    error = expected_calibration_error(Y, probabilities, average="micro")
    return Reliability(float(error), predicted, share, low, high, size)
