"""Two cuts a label: above one the answer is yes, below the other no."""

from __future__ import annotations

from itertools import repeat
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklearn_clip.thresholds._constraints import Bound, trace_kept
from sklearn_clip.thresholds._scored_rows import ScoredRows


class AnswerCuts(NamedTuple):
    """Where the answers of every label begin.

    Attributes
    ----------
    yes : ndarray of shape (n_labels,)
        Yes where the score is at least this; infinite where it never is.
    no : ndarray of shape (n_labels,)
        No where the score is lower than this, which is no more than `yes`; minus
        infinity where it never is.
    """

    yes: np.ndarray
    no: np.ndarray


def find_answer_cuts(
    rows: ScoredRows, yes: Bound | None, no: Bound | None
) -> AnswerCuts:
    """Find the cuts that answer most under a bound on each answer.

    Parameters
    ----------
    rows : ScoredRows
        What the cuts are chosen on. With a confidence, rows that neither the
        classifier nor anything else was fitted on, without weights.
    yes, no : Bound or None
        Bounds on the precision of the answer: yes for the rows of the highest scores,
        no for those of the lowest. Never given where None. If they are shared, all
        cuts of all labels keep them together.

    Returns
    -------
    AnswerCuts
        The cuts.

    Notes
    -----
    Where every row could be answered and some both ways, the two cuts are one: of
    those at which both bounds are kept the one with the fewest errors.
    """
    # No is yes to the opposite: the scores are mirrored, the targets exchanged.
    known = rows.known if rows.known is not None else np.True_
    mirrored = rows._replace(
        scores=-rows.scores, targets=known & ~rows.targets, order=None
    )
    sides = [(rows, yes), (mirrored, no)]
    given = [(each, bound) for each, bound in sides if bound is not None]
    traced = iter(trace_kept(given))
    answers = [repeat(None) if bound is None else next(traced) for _, bound in sides]
    cuts = []
    for high, low in zip(*answers, strict=False):
        n_labels = len(low.kept if high is None else high.kept)
        cuts += [_cut(high, low, label) for label in range(n_labels)]
    return AnswerCuts(*np.array(cuts, dtype=np.float64).reshape(-1, 2).T)


def _cut(yes, no, label):
    """Cuts of one label, of the counts and accepted cuts of both answers."""
    lowest, highest = np.inf, -np.inf
    if yes is not None:
        high, accepted = _accepted(yes, label)
        lowest = high.min(initial=np.inf)
    if no is not None:
        low = -_accepted(no, label)[0]
        highest = low.max(initial=-np.inf)
    if lowest > highest:
        return lowest, _above(highest)
    # One cut for both: the scores below it must be an accepted no as well.
    ranked = yes.curves.ranked.scores[label]
    below = np.append(ranked, -np.inf)[accepted]
    both = np.isin(below, low)
    if not both.any():
        # On rows that were searched, without a confidence, it may be that none is.
        return lowest, _above(low[low < lowest].max(initial=-np.inf))
    curves, at = yes.curves, accepted[both]
    errors = curves.fp[label, at] - curves.tp[label, at]  # and all positives, missed
    cut = high[both][errors.argmin()]
    return cut, cut


def _accepted(answer, label):
    """Lowest scores that accepted cuts predict, and how many rows each predicts."""
    at = np.flatnonzero(answer.kept[label])
    return answer.curves.ranked.scores[label, at - 1], at


def _above(score):
    """Lowest number that is higher than a score."""
    return np.nextafter(score, np.inf) if np.isfinite(score) else score


def find_row_cuts(
    rows: ScoredRows, *, surely_error: float, possibly_error: float
) -> tuple[float, float]:
    """Find one pair of cuts at which all answers of a row are right together.

    Parameters
    ----------
    rows : ScoredRows
        Rows that neither the classifier nor anything else was fitted on, all of their
        labels known: else the worst is not.
    surely_error : float
        Probability that a yes of a row is wrong.
    possibly_error : float
        Probability that a no of a row is wrong.

    Returns
    -------
    yes, no : float
        As of :class:`AnswerCuts`.

    Notes
    -----
    Split conformal prediction (Vovk, Gammerman and Shafer 2005) with one number a row:
    the highest score of the labels it does not have, and the lowest of those it has.
    The number of the next row is as likely to have any rank among those of the rows as
    another, so that it is beyond the k-th worst of n with a probability of at most
    k / (n + 1). A row costs its labels once, where a set of label sets has 2^n_labels.
    """
    worst_no = np.where(rows.targets, -np.inf, rows.scores).max(axis=1)
    worst_yes = np.where(rows.targets, rows.scores, np.inf).min(axis=1)
    highest = -_kth_smallest(-worst_no, surely_error)
    lowest = _kth_smallest(worst_yes, possibly_error)
    yes = np.inf if highest == np.inf else np.nextafter(highest, np.inf)
    if lowest > yes:
        # Scores between would be both. A lower cut for no, a higher one for yes answer
        # less, and what is left is right.
        yes = lowest = float(np.clip(rows.default, yes, lowest))
    return float(yes), float(lowest)


def _kth_smallest(values: NDArray[np.float64], error: float) -> float:
    """Value that the next one is lower than with a probability of at most `error`."""
    # Of n + 1 in random order the last is below the k-th smallest of the others with
    # probability k / (n + 1) at most.
    k = int(np.floor((len(values) + 1) * error + 1e-9))
    return float(np.sort(values)[k - 1]) if k else -np.inf
