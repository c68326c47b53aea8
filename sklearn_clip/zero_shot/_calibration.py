"""Scale and bias of every label from as few rows as there are."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from sklearn_clip._shared import row_blocks

# Standard deviations, in units of the logit, chosen on the training rows of the clip
# art (benchmarks/study_zero_shot.py): of a label's log slope and offset around those
# that all share, and of the shared ones around what zero-shot says.
_OF_LABELS = (0.1, 0.3)
_OF_ALL = (0.1, 0.3)
# The same where zero-shot says nothing: cosines have a scale but no zero.
_OF_ALL_UNKNOWN = (1.0, 10.0)
# Expected positives that a label's own threshold needs to weigh as much as the common
# one.
_THRESHOLD_SUPPORT = 10.0


class Calibration(NamedTuple):
    """What `fit_calibration` has learnt.

    Attributes
    ----------
    slope, intercept : ndarray of shape (n_labels,), dtype float32
        The log-odds are ``slope * score + intercept``; slopes are above 0.
    common_slope, common_intercept : float
        Those of a label about which nothing is known.
    """

    slope: np.ndarray
    intercept: np.ndarray
    common_slope: float
    common_intercept: float


def fit_calibration(scores, y, *, is_logit):
    """Learn slopes and intercepts by penalised logistic regression.

    Parameters
    ----------
    scores : ndarray of shape (n, n_labels)
        Scores in units of the logit.
    y : ndarray of shape (n, n_labels)
        0, 1 and NaN for unknown.
    is_logit : bool
        Whether the scores are log-odds already, which few rows are to change little;
        otherwise their zero means nothing.

    Returns
    -------
    Calibration
        The result.

    Notes
    -----
    With the mean score m, a label's log-odds are
    ``exp(a + a_l) (score - m) + c + b + b_l``, where c is m for log-odds and 0 else.
    ``a, b`` belong to all labels and ``a_l, b_l`` to one; all have normal priors with
    mean 0, so that with no rows the scores stay what they are, with few rows all labels
    are changed alike, and a label goes its own way as far as its own rows say. Slopes
    stay positive: the order of the rows is never turned around.
    """
    known = ~np.isnan(y)
    centre = float(scores[known].mean(dtype=np.float64))
    start = centre if is_logit else 0.0
    n_labels = scores.shape[1]
    common = _OF_ALL if is_logit else _OF_ALL_UNKNOWN
    widths = np.repeat([*common, *_OF_LABELS], [1, 1, n_labels, n_labels])

    def loss(parameters):
        slope, offset = _unpack(parameters, n_labels)
        value, by_slope, by_offset = _likelihood(
            scores, y, centre, slope, start + offset
        )
        gradient = np.concatenate(
            [[by_slope.sum(), by_offset.sum()], by_slope, by_offset]
        )
        penalty = 0.5 * ((parameters / widths) ** 2).sum()
        return value + penalty, gradient + parameters / widths**2

    found = minimize(loss, np.zeros(2 + 2 * n_labels), jac=True, method="L-BFGS-B").x
    slope, offset = _unpack(found, n_labels)
    common_slope = float(np.exp(found[0]))
    return Calibration(
        slope.astype(np.float32),
        (start + offset - slope * centre).astype(np.float32),
        common_slope,
        float(start + found[1] - common_slope * centre),
    )


def _unpack(parameters, n_labels):
    """Slope and offset of every label."""
    own = parameters[2:].reshape(2, n_labels)
    return np.exp(parameters[0] + own[0]), parameters[1] + own[1]


def _likelihood(scores, y, centre, slope, offset):
    """Log loss of what is known, and its gradient by log slope and offset."""
    value, by_slope, by_offset = 0.0, np.zeros_like(slope), np.zeros_like(slope)
    for rows in row_blocks(*scores.shape):
        targets = y[rows]
        known = ~np.isnan(targets)
        stretched = slope * (scores[rows] - centre)
        margins = np.where(targets == 1, 1, -1) * (stretched + offset)
        value -= log_expit(margins)[known].sum()
        pull = np.where(known, np.where(targets == 1, -1, 1) * expit(-margins), 0)
        by_slope += (pull * stretched).sum(axis=0)
        by_offset += pull.sum(axis=0)
    return value, by_slope, by_offset


def expected_f1_thresholds(probabilities, common):
    """Choose thresholds by the F1 that calibrated probabilities let one expect.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_labels)
        Calibrated, of rows like those to come.
    common : float
        The threshold of a label about which nothing is known.

    Returns
    -------
    ndarray of shape (n_labels,)
        Half the best expected F1, which is where the best threshold is, shrunk towards
        the common threshold the more, the fewer positives are expected.
    """
    thresholds = np.empty(probabilities.shape[1])
    ranks = np.arange(1, len(probabilities) + 1)
    for label, column in enumerate(probabilities.T):
        hits = np.sort(column.astype(np.float64))[::-1].cumsum()
        # F1 = 2 tp / (predicted + positive), with expectations in place of counts.
        own = (hits / (ranks + hits[-1])).max()
        evidence = hits[-1] + _THRESHOLD_SUPPORT
        thresholds[label] = (hits[-1] * own + _THRESHOLD_SUPPORT * common) / evidence
    return thresholds
