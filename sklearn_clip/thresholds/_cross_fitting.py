"""Thresholds judged on rows they were not chosen on."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import KFold

from sklearn_clip.model_selection import MultiLabelStratifiedKFold
from sklearn_clip.thresholds._objective import Objective
from sklearn_clip.thresholds._scored_rows import take_rows
from sklearn_clip.thresholds._shrinkage import (
    ENOUGH_POSITIVES,
    choose_count,
    shrink_thresholds,
)

_N_PARTS = 5


class CrossFit(NamedTuple):
    """What thresholds come to on parts of the rows, each chosen on the other parts.

    Attributes
    ----------
    objective : Objective
        What is maximised.
    counts : tuple of float
        Pseudo-counts of the shrinkage that were tried.
    tallies : ndarray of shape (n_parts, n_counts, ...)
        What :meth:`Objective.tally` counts of every part and pseudo-count.
    label_tally : ndarray of shape (4, n_labels)
        Weighted tp, fp, positives and negatives of every label in all parts, at the
        first pseudo-count.
    """

    objective: Objective
    counts: tuple
    tallies: np.ndarray
    label_tally: np.ndarray

    def choose_count(self):
        """Choose the pseudo-count, see :func:`choose_count`."""
        return choose_count(self.objective, self.counts, self.tallies)

    def score(self):
        """Metric of all parts together, each with the choices of the other parts.

        The pseudo-count is chosen anew without the part that it is judged on: the best
        of several is flattered by the rows it was found best on.

        Returns
        -------
        score : float
            NaN if no part could be judged.
        """
        if not len(self.tallies):
            return np.nan
        found = []
        for part, tally in enumerate(self.tallies):
            others = np.delete(self.tallies, part, axis=0)
            count = choose_count(self.objective, self.counts, others)
            found.append(tally[self.counts.index(count)])
        # Counts are added up before the metric is taken: a mean of the metrics of parts
        # is another quantity, and undefined where a part lacks a label.
        return self.objective.score(np.sum(found, axis=0))


def cross_fit(tuner, rows, parts, counts):
    """Choose thresholds on all parts but one and judge them on that one, for each.

    Parameters
    ----------
    tuner : ThresholdTuner
        How thresholds are chosen and applied.
    rows : ScoredRows
        The scored rows.
    parts : list of tuple of ndarray (train, test)
        As :func:`split_rows` gives them.
    counts : tuple of float
        Pseudo-counts of the shrinkage to try.

    Returns
    -------
    CrossFit
        What they come to.
    """
    by_label = Objective(average="macro")
    # Rows that are judged are not searched: no order of theirs is asked for.
    unsorted = rows._replace(order=None, pooled_order=None)
    tallies, label_tally = [], np.zeros((4, rows.scores.shape[1]))
    for train, test in parts:
        # One search serves all pseudo-counts: shrinking is a sum of two thresholds.
        seen, judged = rows.take(train), unsorted.take(test)
        applied, thresholds = tuner.fit(seen)
        drawn = [thresholds] * len(counts)
        if tuner.shrinks and any(counts) and seen.targets.any():
            near, positives = applied.fit_global(seen), seen.support()[0]
            drawn = [
                shrink_thresholds(thresholds, near, positives, count)
                for count in counts
            ]
        predictions = [applied.predict(judged.scores, each) for each in drawn]
        tallies.append([tuner.tally(judged, each) for each in predictions])
        if tuner.bound is not None:
            label_tally += tuner._replace(objective=by_label).tally(
                judged, predictions[0]
            )
    return CrossFit(tuner.objective, counts, np.array(tallies), label_tally)


def split_rows(row_numbers, targets):
    """Parts of the scored rows, each to be judged with the thresholds of the others.

    Parameters
    ----------
    row_numbers : list of ndarray
        Rows that were held out in each fold, in the order of their scores.
    targets : ndarray of shape (n_rows, n_labels)
        Targets of all scored rows of all folds, 0, 1 and NaN.

    Returns
    -------
    parts : list of tuple of ndarray (train, test)
        Positions among the scored rows: the folds. With one fold, or where a fold holds
        every row there is, five parts of the distinct rows, stratified by the labels
        with fewer positives than `ENOUGH_POSITIVES`, or halves if there is none of
        them. Empty if there are fewer than two rows.
    """
    rows = np.concatenate(row_numbers)
    if len(row_numbers) > 1:
        ends = np.cumsum([len(part) for part in row_numbers])
        # A row may be held out in several folds: it is never on both sides.
        parts = [
            (np.flatnonzero(~np.isin(rows, part)), np.arange(end - len(part), end))
            for part, end in zip(row_numbers, ends, strict=True)
            if len(part)
        ]
        if all(len(train) for train, _ in parts):
            return parts
    distinct, first = np.unique(rows, return_index=True)
    if len(distinct) < 2:
        return []
    targets = take_rows(targets, first)
    folds = MultiLabelStratifiedKFold(min(_N_PARTS, len(distinct)), random_state=0)
    # Chance spreads as many evenly, and of a label without any there is nothing to
    # spread: both would only make the dealing long.
    positives = (targets == 1).sum(axis=0)
    rare = (positives > 0) & (positives < ENOUGH_POSITIVES)
    if positives.any() and not rare.any():
        # The thresholds of one half are good enough to judge the other with: a quarter
        # of the work of five parts.
        folds = KFold(2, shuffle=True, random_state=0)
    with warnings.catch_warnings():
        # Labels with fewer positives than parts are what shrinkage is for.
        warnings.simplefilter("ignore", UserWarning)
        splits = list(folds.split(targets, targets[:, rare] if rare.any() else targets))
    return [
        tuple(np.flatnonzero(np.isin(rows, distinct[side])) for side in split)
        for split in splits
    ]
