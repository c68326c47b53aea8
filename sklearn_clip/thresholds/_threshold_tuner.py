"""How thresholds are chosen and applied: the settings of an optimizer, in one place."""

from typing import NamedTuple

import numpy as np

from sklearn_clip.thresholds._constraints import Bound, find_bounded_thresholds
from sklearn_clip.thresholds._counted_rows import CountedRows, counts_suffice
from sklearn_clip.thresholds._decoding import decode
from sklearn_clip.thresholds._exact_labels import find_worth, take_exactly
from sklearn_clip.thresholds._global_threshold import find_global_threshold
from sklearn_clip.thresholds._objective import Objective
from sklearn_clip.thresholds._row_sets import best_sets
from sklearn_clip.thresholds._score_maps import fit_score_map, map_scores
from sklearn_clip.thresholds._scored_rows import ScoredRows
from sklearn_clip.thresholds._search import search_thresholds
from sklearn_clip.thresholds._shrinkage import shrink_thresholds
from sklearn_clip.thresholds._top_k import find_top_k


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
    decision : {"cut", "expected"}
        Whether thresholds are chosen by counts of targets, or by those expected of
        probabilities; under a samples average the latter chooses a set for each row.
    score_map : ndarray of shape (n_labels, 3) or None
        What makes probabilities of scores, see :func:`fit_score_map`; None until it is
        fitted.
    probability : bool
        Whether scores lie in [0, 1], noted with `score_map`.
    exactly : int or None
        Number of labels that every row is given.
    worth : ndarray of shape (n_labels, 2) or None
        By which these are chosen, see :func:`find_worth`.
    """

    objective: Objective
    strategy: str = "per_label"
    at_least_one: bool = False
    limit: int | None = None
    bound: Bound | None = None
    decision: str = "cut"
    score_map: np.ndarray | None = None
    probability: bool = True
    exactly: int | None = None
    worth: np.ndarray | None = None

    @property
    def by_sets(self):
        """Whether a set is chosen for each row, and there are no thresholds."""
        by_row = self.decision == "expected" and self.objective.average == "samples"
        return by_row or self.exactly is not None

    @property
    def shrinks(self):
        """Whether the labels have thresholds of their own that are free to move."""
        by_label = self.strategy == "per_label" and not self.by_sets
        return by_label and self.bound is None

    def presort(self, rows, *, shrinks, subsets=()):
        """Sort what searches on several parts of the rows have in common.

        Parameters
        ----------
        rows : ScoredRows
            Scores and targets.
        shrinks : bool
            Whether thresholds will be drawn towards the global one.
        subsets : list of row numbers or slice, default=()
            The parts of the rows that will be taken.

        Returns
        -------
        ScoredRows or CountedRows
            The same, sorted as the searches go through them.
        """
        if self._counts(rows):
            return CountedRows.of(rows, subsets)
        by_label = self.strategy == "per_label"
        by_row = self.objective.average == "samples"
        if self.by_sets:
            return rows
        if not by_label and (by_row or self.bound is not None):
            return rows
        ruled = self.at_least_one or self.limit is not None
        pooled = not by_row and (not by_label or shrinks or ruled)
        return rows.presort(pooled=pooled)

    def counted(self, rows):
        """Rows that are counted, where that is all the searches need.

        Parameters
        ----------
        rows : ScoredRows or CountedRows
            Scores and targets.

        Returns
        -------
        ScoredRows or CountedRows
            Sorted once, for all that is sought on them.
        """
        return CountedRows.of(rows) if self._counts(rows) else rows

    def _counts(self, rows):
        """Whether counts are all the searches and judgements need of these rows."""
        if isinstance(rows, CountedRows) or self.strategy == "top_k":
            return False
        ruled = self.at_least_one or (
            self.limit is not None and self.limit < rows.shape[1]
        )
        plain = self.bound is None and self.exactly is None and not ruled
        cuts = self.decision == "cut" and plain
        return cuts and counts_suffice(rows, self.objective)

    def fit(self, rows):
        """Find the thresholds that are best on these rows, and how to apply them.

        Parameters
        ----------
        rows : ScoredRows or CountedRows
            Scores and targets.

        Returns
        -------
        applied : ThresholdTuner
            Itself, with the `score_map` found if there is one to find; under "top_k"
            with the number of labels found as its `limit`.
        thresholds : ndarray of shape (n_labels,)
            The thresholds, not shrunk; NaN where sets are chosen.
        """
        n_labels = rows.shape[1]
        learns_map = self.decision == "expected" or self.exactly is not None
        if learns_map and self.score_map is None:
            fitted = self._replace(
                score_map=fit_score_map(rows), probability=rows.probability
            )
            return fitted.fit(rows)
        if self.exactly is not None:
            return self._fit_exactly(rows), np.full(n_labels, np.nan)
        if self.by_sets:
            return self, np.full(n_labels, np.nan)
        rows = self._expected(rows)
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
        """Find the best threshold for all labels, once :meth:`fit` was called."""
        return find_global_threshold(
            self._expected(rows), self.objective, **self._rules()
        )

    def fit_shrunk(self, rows, count):
        """Find thresholds and draw them towards the global one.

        Parameters
        ----------
        rows : ScoredRows or CountedRows
            Scores and targets.
        count : float
            Number of positives that the global threshold weighs as much as.

        Returns
        -------
        applied, thresholds
            As of :meth:`fit`.
        """
        rows = self.counted(rows)
        applied, thresholds = self.fit(rows)
        if self.shrinks and count > 0 and rows.seen.any():
            positives = rows.support()[0]
            thresholds = shrink_thresholds(
                thresholds, applied.fit_global(rows), positives, count
            )
        return applied, thresholds

    def predict(self, scores, thresholds):
        """Labels of scores, as booleans, the rules applied."""
        if self.exactly is not None:
            if self.worth is not None:
                scores = self._map(scores)
            return take_exactly(scores, self.worth, self._at_most(scores))
        if self.by_sets:
            return best_sets(self._map(scores), self.objective, **self._rules())
        return decode(scores, thresholds, **self._rules())

    def tally(self, rows, predictions):
        """Count what the metric of predictions needs."""
        return self.objective.tally(
            rows.targets,
            predictions,
            known=rows.known,
            sample_weight=rows.sample_weight,
        )

    def tally_at(self, rows, choices):
        """Count what the metric of the predictions at several choices needs.

        Parameters
        ----------
        rows : ScoredRows or CountedRows
            The rows that are judged.
        choices : list of ndarray of shape (n_labels,)
            Thresholds.

        Returns
        -------
        tallies : list of ndarray
            As :meth:`tally` gives them.
        """
        if isinstance(rows, CountedRows):
            return list(rows.tally(np.array(choices)))
        return [self.tally(rows, self.predict(rows.scores, each)) for each in choices]

    def score(self, rows, predictions):
        """Metric of predictions."""
        return self.objective.score(self.tally(rows, predictions))

    def fit_batch(self, scores):
        """Find what is expected to be best on rows without targets.

        Parameters
        ----------
        scores : ndarray of shape (n_rows, n_labels)
            Their scores.

        Returns
        -------
        applied, thresholds
            As of :meth:`fit`.
        """
        # As for rows with targets: those that are expected stand in for them.
        rows = ScoredRows(scores, self._map(scores), probability=self.probability)
        return self._replace(decision="cut").fit(rows)

    def _fit_exactly(self, rows):
        """Find what labels are worth where every row gets as many."""
        worth = find_worth(
            rows,
            self._map(rows.scores),
            self._expected(rows),
            self.objective,
            self._at_most(rows.scores),
        )
        return self._replace(worth=worth)

    def _at_most(self, scores):
        """Give `exactly`, or as many labels as there are."""
        return min(self.exactly, scores.shape[1])

    def _map(self, scores):
        return map_scores(scores, self.score_map, probability=self.probability)

    def _expected(self, rows):
        """Rows whose targets are expected ones, if that is what is decided from."""
        if self.decision == "cut":
            return rows
        # The plug-in rule: the counts that are expected of calibrated probabilities,
        # put into the metric. Unlike counts of few positives they are not lucky.
        expected = self._map(rows.scores)
        if rows.known is not None:
            expected = np.where(rows.known, expected, 0.0)
        return rows._replace(targets=expected)

    def _rules(self):
        return {"at_least_one": self.at_least_one, "limit": self.limit}
