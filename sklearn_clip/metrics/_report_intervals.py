"""Bootstrap intervals beside the figures of a report."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_random_state

from sklearn_clip.metrics._intervals import bootstrap_interval
from sklearn_clip.metrics._masked import masked_f1_score
from sklearn_clip.metrics._ranking import (
    average_precision_per_label,
    global_average_precision_score,
    macro_average_precision_score,
)


def interval_columns(entries, predicted, scores, averages, options):
    """Compute the columns of intervals of a report.

    Parameters
    ----------
    entries : Entries or StoredEntries
        Checked targets.
    predicted : {ndarray, csr_array} of shape (n_samples, n_labels)
        Predicted labels.
    scores : ndarray of shape (n_samples, n_labels) or None
        Scores.
    averages : tuple of str
        Those that the report has.
    options : dict
        Keyword arguments of `bootstrap_interval`; an integer seed makes all columns of
        the same resamples.

    Returns
    -------
    dict of str to dict of str to tuple
        For ``"f1"``, and for ``"ap"`` where there are scores: the columns and, for
        each, the values of the labels and of the averages.
    """
    # What is drawn is a table of one byte a cell, or of four where some are unknown.
    positive, known, _ = entries.dense()
    y_true = positive if known is None else np.where(known, positive, np.float32("nan"))
    predicted = predicted.toarray() if sparse.issparse(predicted) else predicted
    rng = check_random_state(options.pop("random_state"))
    options["random_state"] = rng.randint(1 << 31)
    f1 = [
        (masked_f1_score, predicted, {"average": average})
        for average in (None, *averages)
    ]
    ap = [
        (average_precision_per_label, scores, {}),
        (macro_average_precision_score, scores, {}),
        (global_average_precision_score, scores, {}),
        None,
        None,
    ]
    tables = {"f1": f1} if scores is None else {"f1": f1, "ap": ap}
    return {
        name: _limits(name, y_true, table, options) for name, table in tables.items()
    }


def _limits(name, y_true, table, options):
    """Compute the ends of the intervals of one metric, for labels and averages."""
    found = []
    with warnings.catch_warnings():
        # The report says by its own empty cells what is not defined.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        for row in table:
            ends = (np.nan, np.nan)
            if row is not None:
                metric, response, kwargs = row
                interval = bootstrap_interval(
                    metric, y_true, response, **options, **kwargs
                )
                ends = interval.low, interval.high
            found.append(ends)
    labels, *averages = found
    return {
        f"{name}_{end}": (labels[i], np.array([ends[i] for ends in averages]))
        for i, end in enumerate(("low", "high"))
    }
