"""Thresholds judged on rows they were not chosen on."""

from typing import NamedTuple

import numpy as np

from sklearn_clip.thresholds._objective import Objective
from sklearn_clip.thresholds._shrinkage import choose_count, shrink_thresholds


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
    expected : bool, default=False
        Whether thresholds were chosen by counts that probabilities let expect.
    """

    objective: Objective
    counts: tuple
    tallies: np.ndarray
    label_tally: np.ndarray
    expected: bool = False

    def choose_count(self):
        """Choose the pseudo-count, see :func:`choose_count`."""
        return self._choose(self.tallies)

    def _choose(self, tallies):
        return choose_count(
            self.objective, self.counts, tallies, expected=self.expected
        )

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
            found.append(tally[self.counts.index(self._choose(others))])
        # Counts are added up before the metric is taken: a mean of the metrics of parts
        # is another quantity, and undefined where a part lacks a label.
        return self.objective.score(np.sum(found, axis=0))


def cross_fit(tuner, rows, parts, counts):
    """Choose thresholds on all parts but one and judge them on that one, for each.

    Parameters
    ----------
    tuner : ThresholdTuner
        How thresholds are chosen and applied.
    rows : ScoredRows or CountedRows
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
    unsorted = rows.unsorted()
    tallies, label_tally = [], np.zeros((4, rows.shape[1]))
    for train, test in parts:
        # One search serves all pseudo-counts: shrinking is a sum of two thresholds.
        known, judged = tuner.counted(rows.take(train)), unsorted.take(test)
        applied, thresholds = tuner.fit(known)
        drawn = [thresholds] * len(counts)
        if tuner.shrinks and any(counts) and known.seen.any():
            near, positives = applied.fit_global(known), known.support()[0]
            drawn = [
                shrink_thresholds(thresholds, near, positives, count)
                for count in counts
            ]
        tallies.append(applied.tally_at(judged, drawn))
        if tuner.bound is not None:
            label_tally += applied._replace(objective=by_label).tally_at(
                judged, drawn[:1]
            )[0]
    return CrossFit(
        tuner.objective,
        counts,
        np.array(tallies),
        label_tally,
        tuner.decision == "expected",
    )
