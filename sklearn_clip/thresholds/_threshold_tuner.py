"""How thresholds are chosen and applied: the settings of an optimizer, in one place."""

from typing import NamedTuple

import numpy as np

from sklearn_clip.thresholds._constraints import Bound, find_bounded_thresholds
from sklearn_clip.thresholds._decoding import decode
from sklearn_clip.thresholds._global_threshold import find_global_threshold, find_top_k
from sklearn_clip.thresholds._objective import Objective
from sklearn_clip.thresholds._search import search_thresholds
from sklearn_clip.thresholds._shrinkage import shrink_thresholds


class ThresholdTuner(NamedTuple):
    """Settings of the search and of the rules after it.

    Attributes
    ----------
    objective : Objective
        What is maximised, unless there is a bound.
    strategy : {"per_label", "global", "top_k"}
        What is chosen.
    at_least_one : bool
        The rule of :func:`decode`.
    limit : int or None
        The same.
    bound : Bound or None
        What the thresholds have to keep.
    """

    objective: Objective
    strategy: str = "per_label"
    at_least_one: bool = False
    limit: int | None = None
    bound: Bound | None = None

    @property
    def shrinks(self):
        """Whether the labels have thresholds of their own that are free to move."""
        return self.strategy == "per_label" and self.bound is None

    def presort(self, rows, *, shrinks):
        """Sort what searches on several parts of the rows have in common.

        Parameters
        ----------
        rows : ScoredRows
            Scores and targets.
        shrinks : bool
            Whether thresholds will be drawn towards the global one.

        Returns
        -------
        ScoredRows
            The same, sorted as the searches go through them.
        """
        by_label = self.strategy == "per_label"
        by_row = self.objective.average == "samples"
        if not by_label and (by_row or self.bound is not None):
            return rows
        ruled = self.at_least_one or self.limit is not None
        pooled = not by_row and (not by_label or shrinks or ruled)
        return rows.presort(pooled=pooled)

    def fit(self, rows):
        """Find the thresholds that are best on these rows, and how to apply them.

        Parameters
        ----------
        rows : ScoredRows
            Scores and targets.

        Returns
        -------
        applied : ThresholdTuner
            Itself; under "top_k" with the number of labels found as its `limit`.
        thresholds : ndarray of shape (n_labels,)
            The thresholds, not shrunk.
        """
        n_labels = rows.scores.shape[1]
        if self.bound is not None:
            return self, find_bounded_thresholds(
                rows, self.bound, strategy=self.strategy
            )
        if self.strategy == "top_k":
            k, threshold = find_top_k(rows, self.objective, **self._rules())
            return self._replace(limit=k), np.full(n_labels, threshold)
        return self, search_thresholds(
            rows, self.objective, strategy=self.strategy, **self._rules()
        )

    def fit_global(self, rows):
        """Find the best threshold for all labels."""
        return find_global_threshold(rows, self.objective, **self._rules())

    def fit_shrunk(self, rows, count):
        """Find thresholds and draw them towards the global one.

        Parameters
        ----------
        rows : ScoredRows
            Scores and targets.
        count : float
            Number of positives that the global threshold weighs as much as.

        Returns
        -------
        applied, thresholds
            As of :meth:`fit`.
        """
        applied, thresholds = self.fit(rows)
        if self.shrinks and count > 0 and rows.targets.any():
            positives = rows.support()[0]
            thresholds = shrink_thresholds(
                thresholds, self.fit_global(rows), positives, count
            )
        return applied, thresholds

    def predict(self, scores, thresholds):
        """Labels of scores, as booleans, the rules applied."""
        return decode(scores, thresholds, **self._rules())

    def tally(self, rows, predictions):
        """Count what the metric of predictions needs."""
        return self.objective.tally(
            rows.targets,
            predictions,
            known=rows.known,
            sample_weight=rows.sample_weight,
        )

    def score(self, rows, predictions):
        """Metric of predictions."""
        return self.objective.score(self.tally(rows, predictions))

    def _rules(self):
        return {"at_least_one": self.at_least_one, "limit": self.limit}
