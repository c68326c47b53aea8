"""How thresholds are chosen and applied: the settings of an optimizer, in one place."""

from typing import NamedTuple

import numpy as np

from sklearn_clip.thresholds._constraints import Bound, find_bounded_thresholds
from sklearn_clip.thresholds._decoding import decode
from sklearn_clip.thresholds._global_threshold import find_global_threshold, find_top_k
from sklearn_clip.thresholds._objective import Objective, metric_score
from sklearn_clip.thresholds._search import find_thresholds
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
        What the cuts have to keep.
    """

    objective: Objective
    strategy: str = "per_label"
    at_least_one: bool = False
    limit: int | None = None
    bound: Bound | None = None

    @property
    def shrinks(self):
        """Whether the labels have cuts of their own that are free to move."""
        return self.strategy == "per_label" and self.bound is None

    def search(self, rows):
        """Find the cuts that are best on these rows.

        Parameters
        ----------
        rows : ScoredRows
            Scores and targets.

        Returns
        -------
        thresholds : ndarray of shape (n_labels,)
            The cuts, under "top_k" those of :meth:`search_top_k`.
        """
        if self.bound is not None:
            return find_bounded_thresholds(rows, self.bound, strategy=self.strategy)
        if self.strategy == "top_k":
            return self.search_top_k(rows)[1]
        return find_thresholds(
            rows.scores,
            rows.targets,
            known=rows.known,
            sample_weight=rows.sample_weight,
            probability=rows.probability,
            strategy=self.strategy,
            at_least_one=self.at_least_one,
            max_labels=self.limit,
            **self.objective._asdict(),
        )

    def search_top_k(self, rows):
        """Find the best number of labels per row and the cuts that go with it.

        Returns
        -------
        k : int
            Number of labels.
        thresholds : ndarray of shape (n_labels,)
            The score that labels have to reach, the same for all.
        """
        k, threshold = find_top_k(rows, self.objective, **self._rules())
        return k, np.full(rows.scores.shape[1], threshold)

    def search_global(self, rows):
        """Find the best cut for all labels."""
        return find_global_threshold(rows, self.objective, **self._rules())

    def search_shrunk(self, rows, count):
        """Find cuts and draw them towards the global one by a number of positives."""
        thresholds = self.search(rows)
        if not (self.shrinks and count > 0 and rows.targets.any()):
            return thresholds
        positives = rows.support()[0]
        return shrink_thresholds(thresholds, self.search_global(rows), positives, count)

    def predict(self, scores, thresholds):
        """Labels of scores, as booleans, the rules applied."""
        return decode(scores, thresholds, **self._rules())

    def score(self, rows, predictions):
        """Metric of predictions."""
        return metric_score(
            rows.targets,
            predictions,
            known=rows.known,
            sample_weight=rows.sample_weight,
            **self.objective._asdict(),
        )

    def _rules(self):
        return {"at_least_one": self.at_least_one, "limit": self.limit}
