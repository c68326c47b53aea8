"""One threshold for all labels, with a guarantee for the labels of a row together."""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy
from scipy.stats import binom

from sklearn_clip.thresholds._scored_rows import ScoredRows


def find_row_threshold(rows: ScoredRows, bound) -> float:
    """Find the threshold at which the mean row keeps a bound, on new rows.

    Parameters
    ----------
    rows : ScoredRows
        Rows that neither the classifier nor anything else was fitted on, without
        weights.
    bound : Bound
        A bound with a confidence. The recall of a row is the share of its labels that
        are predicted, over the rows that have a label; its precision the share of its
        predictions that are right, 1 for a row without any.

    Returns
    -------
    threshold : float
        The highest that keeps the recall, or the lowest that keeps the precision, with
        all those on its safe side. Infinite if none does.

    Notes
    -----
    Rows are exchangeable, the labels of one row are not: its share is one observation,
    between 0 and 1. With a number as confidence, each threshold is tested for "the mean
    share of errors is above the bound" by the p-value of Hoeffding and Bentkus [1]_, in
    order from the safe side until one fails [2]_. Recall never rises with the
    threshold, so that the bound on it is exact; that on precision is if its mean does
    not fall as the threshold rises.

    "expectation" is conformal risk control [3]_: over draws of rows and of the next row
    the mean recall keeps the bound.

    References
    ----------
    .. [1] S. Bates, A. N. Angelopoulos, L. Lei, J. Malik, M. I. Jordan,
       "Distribution-free, risk-controlling prediction sets", Journal of the ACM 68(6),
       2021. :arxiv:`2101.02703`
    .. [2] A. N. Angelopoulos, S. Bates, E. J. Candes, M. I. Jordan, L. Lei, "Learn
       then test: calibrating predictive algorithms to achieve risk control", Annals
       of Applied Statistics 19(2), 2025. :arxiv:`2110.01052`
    .. [3] A. N. Angelopoulos, S. Bates, A. Fisch, L. Lei, T. Schuster, "Conformal risk
       control", ICLR 2024. :arxiv:`2208.02814`
    """
    tolerated = 1 - bound.value
    if bound.quantity == "recall":
        scores, gains, n_rows = _recall_gains(rows)
        scores, gained = _accumulate(scores, gains / max(n_rows, 1))
        limit = _highest_risk(n_rows, tolerated, bound.confidence)
        kept = np.flatnonzero(1 - gained <= limit)
        return float(scores[kept[0]]) if len(kept) else np.inf
    scores, losses, n_rows = _error_changes(rows)
    scores, risk = _accumulate(scores, losses / max(n_rows, 1))
    fails = risk > _highest_risk(n_rows, tolerated, bound.confidence)
    first = int(fails.argmax()) if fails.any() else len(fails)
    return float(scores[first - 1]) if first else np.inf


def _recall_gains(rows):
    """Scores of the labels that rows have, the share each is of its row, the rows."""
    row, label = np.nonzero(rows.targets)
    counts = rows.targets.sum(axis=1)
    return rows.scores[row, label], 1 / counts[row], np.count_nonzero(counts)


def _error_changes(rows):
    """Scores of known entries, what each does to its row's share of errors, the rows.

    In a row, predicted label by label, the share of wrong ones is w_m / m after m of
    them, w_m wrong. The entry of rank m changes it by the difference to that of m - 1.
    """
    falling = (
        -rows.scores
        if rows.known is None
        else np.where(rows.known, -rows.scores, np.inf)
    )
    order = np.argsort(falling, axis=1)
    wrong = ~np.take_along_axis(rows.targets, order, axis=1)
    rank = np.arange(1, wrong.shape[1] + 1)
    changes = np.diff(np.cumsum(wrong, axis=1) / rank, axis=1, prepend=0)
    scores = -np.take_along_axis(falling, order, axis=1)
    known = np.isfinite(scores)
    counted = len(scores) if rows.known is None else rows.known.any(axis=1).sum()
    return scores[known], changes[known], counted


def _accumulate(scores, changes):
    """Distinct scores, falling, and the sum of the changes of scores as high."""
    order = np.argsort(-scores)
    scores, total = scores[order], np.cumsum(changes[order])
    last = np.append(scores[1:] != scores[:-1], True)[: len(scores)]
    # Sums of thirds, say, that should be whole are so up to rounding.
    return scores[last], total[last].round(12)


def _highest_risk(n_rows, tolerated, confidence):
    """Largest mean share of errors on `n_rows` that shows one of `tolerated` at most.

    Negative where none does.
    """
    if n_rows == 0:
        return -1.0
    if confidence == "expectation":
        # (n risk + 1) / (n + 1) <= tolerated: the next row may err in all it has.
        return (tolerated * (n_rows + 1) - 1) / n_rows + 1e-12
    low, high = 0.0, tolerated
    if _p_value(low, n_rows, tolerated) > 1 - confidence:
        return -1.0
    for _ in range(50):
        middle = (low + high) / 2
        if _p_value(middle, n_rows, tolerated) <= 1 - confidence:
            low = middle
        else:
            high = middle
    return low


def _p_value(risk, n_rows, tolerated):
    """P-value of Hoeffding and Bentkus for a mean above `tolerated`."""
    # exp(-n KL(risk, tolerated)), the tighter form of Hoeffding's inequality, ...
    divergence = xlogy(risk, risk / tolerated) if tolerated else 0.0
    divergence += xlogy(1 - risk, (1 - risk) / (1 - tolerated))
    # ... and e P(Binomial(n, tolerated) <= n risk), which Bentkus (2004) shows for any
    # values in [0, 1].
    tail = binom.cdf(np.ceil(n_rows * risk - 1e-9), n_rows, tolerated)
    return min(np.exp(-n_rows * divergence), np.e * tail)
