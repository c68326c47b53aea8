"""What thresholds do once they are known: labels, their score, other thresholds."""

import numpy as np
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared import (
    _check_sample_weight,
    by_name,
    check_indicator,
    check_label_order,
    hint_at_name,
    positive_scores,
    respell_keys,
    shown_first,
    warn_of_row_order,
)
from sklearn_clip.thresholds._decisions import predict_learnt_sets
from sklearn_clip.thresholds._objective import Objective
from sklearn_clip.thresholds._scored_rows import scored_rows
from sklearn_clip.thresholds._threshold_tuner import ThresholdTuner

WRAP_OUTSIDE = (
    "To use a classifier that knows one label only, wrap it inside and the thresholds "
    "outside: ThresholdOptimizer(OneVsRestClassifier(...)), since "
    "OneVsRestClassifier(ThresholdOptimizer(...)) would ignore the thresholds. For a "
    "single binary target pass y.reshape(-1, 1), or y.to_frame() of a Series."
)


def override_thresholds(thresholds, new, *, label_names, probability):
    """Replace thresholds by those a user has written.

    Parameters
    ----------
    thresholds : ndarray of shape (n_labels,)
        The present ones.
    new : float, array-like of shape (n_labels,) or dict of {label name: threshold}
        One for all, one for each, or those to change. A Series that has names is
        read as a dict.
    label_names : list
        Name of every label.
    probability : bool
        Whether a finite one must lie in [0, 1].

    Returns
    -------
    thresholds : ndarray of shape (n_labels,), dtype=float64
        The new ones, a new array.

    Raises
    ------
    ValueError
        If a name is unknown, there are too many or too few, or one is NaN or out of
        range.
    """
    new = by_name(new)
    if isinstance(new, dict):
        thresholds = thresholds.copy()
        for name, threshold in respell_keys(new, label_names).items():
            if name not in label_names:
                raise ValueError(
                    f"The keys of thresholds must be label names. Got {name!r}; "
                    f"the labels are [{shown_first(label_names, 10)}]."
                    + hint_at_name(name, label_names)
                )
            thresholds[label_names.index(name)] = threshold
    else:
        new = np.asarray(new, dtype=np.float64)
        if new.shape not in ((), thresholds.shape):
            raise ValueError(
                f"thresholds must have shape {thresholds.shape}, one per label. "
                f"Got {new.shape}."
            )
        thresholds = np.broadcast_to(new, thresholds.shape).copy()
    wrong = np.isnan(thresholds)
    rule = "be a number"
    if probability:
        wrong |= (thresholds < 0) | ((thresholds > 1) & np.isfinite(thresholds))
        rule = "lie in [0, 1], or be infinite for a label that is never predicted"
    if wrong.any():
        label = np.flatnonzero(wrong)[0]
        raise ValueError(
            f"Each threshold must {rule}. "
            f"Got {thresholds[label]} (label {label_names[label]!r})."
        )
    return thresholds


def _inner_has(method):
    """Check for `available_if`: the fitted estimator, else the given one, has it."""

    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), method)
        return True

    return check


class ThresholdedPredictions:
    """Predictions of a fitted classifier, cut at `thresholds_`.

    The part of :class:`ThresholdOptimizer` that needs no search: it reads
    `estimator_`, `thresholds_`, `response_method_` and `n_labels_`, and the parameters
    that say what is maximised and which rules follow.
    """

    def __setstate__(self, state):
        # One that was written before a parameter was there goes on as it was.
        former = {
            "decision": "cut",
            "set_sizes": "independent",
            "transductive": False,
            "exactly_k": None,
            "family_error": None,
        }
        super().__setstate__({**former, **state})

    def predict(self, X):
        """Predict labels: 1 where the score is at least the label's threshold.

        `top_k_`, `max_labels` and `at_least_one` are applied after the thresholds. With
        ``decision="expected"`` under a samples average, every row is given the set of
        labels whose expected metric is highest. With `transductive` the thresholds are
        those of these very rows, and depend on which they are.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, as the estimator takes them.

        Returns
        -------
        y : ndarray of shape (n_samples, n_labels), dtype=int64
            Labels of 0 and 1.
        """
        check_is_fitted(self, "n_labels_")
        if hasattr(self, "size_estimator_"):
            sets = predict_learnt_sets(
                self.size_estimator_,
                self.size_pairs_,
                X,
                self.n_labels_,
                self._tuner().objective,
                at_least_one=self.at_least_one,
                limit=self.max_labels,
            )
            return sets.astype(np.int64)
        scores, _ = positive_scores(
            self.estimator_, X, self.n_labels_, method=self.response_method_
        )
        return self._decide(scores).astype(np.int64)

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X):
        """Predict the probability of every label with the fitted estimator.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, as the estimator takes them.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_labels)
            P(label = 1), in one array whatever the estimator returns. The thresholds do
            not change it.
        """
        check_is_fitted(self, "n_labels_")
        return positive_scores(
            self.estimator_, X, self.n_labels_, method="predict_proba"
        )[0]

    @available_if(_inner_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Predict the logarithm of the probabilities, as the fitted estimator does.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, as the estimator takes them.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_labels) or list of ndarray
            What the estimator returns, in its own shape.
        """
        check_is_fitted(self, "n_labels_")
        return self.estimator_.predict_log_proba(X)

    @available_if(_inner_has("decision_function"))
    def decision_function(self, X):
        """Compute the decision values of the fitted estimator.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, as the estimator takes them.

        Returns
        -------
        decisions : ndarray of shape (n_samples, n_labels)
            Decision value of every label. The thresholds do not change it.
        """
        check_is_fitted(self, "n_labels_")
        return positive_scores(
            self.estimator_, X, self.n_labels_, method="decision_function"
        )[0]

    def score(self, X, y, sample_weight=None):
        """Compute the optimised metric of the predictions at the thresholds.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, as the estimator takes them.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            True labels of 0 and 1; NaN where unknown, which is left out.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights.

        Returns
        -------
        score : float
            `metric` under `average`, with 0 / 0 read as 0.

        Raises
        ------
        ValueError
            If `y` is not a 2-dimensional array of 0, 1 and NaN with one column per
            label, or a DataFrame of other labels.
        """
        predicted = self.predict(X)
        targets, _ = check_indicator(
            y, one_dimensional_hint=WRAP_OUTSIDE, keep_sparse=True
        )
        check_label_order(self, y)
        warn_of_row_order(X, y)
        if targets.shape != predicted.shape:
            raise ValueError(
                f"y must have shape {predicted.shape}, like the predictions. "
                f"Got {targets.shape}."
            )
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, targets, ensure_non_negative=True
            )
        rows = scored_rows(predicted, targets, sample_weight)
        return self._tuner().score(rows, predicted > 0)

    def set_thresholds(self, thresholds):
        """Replace thresholds by hand; what is known about the old ones stays as it was.

        Parameters
        ----------
        thresholds : float, array-like of shape (n_labels,), dict or Series
            One for all labels, one for each, or a dict or Series from label name
            (column number where `y` had no names) to threshold, which leaves the others
            alone. Infinity means never. Thresholds of probabilities lie in [0, 1].
            Where the labels of a row were chosen as a set, they are cut by these
            thresholds from now on, and there must be one for each.

        Returns
        -------
        self : ThresholdOptimizer
            The same instance, with the new `thresholds_`.

        Raises
        ------
        ValueError
            If a name is unknown, the number of thresholds is wrong, or a threshold is
            NaN or out of range.
        """
        check_is_fitted(self, "n_labels_")
        names = self._names()
        present = getattr(self, "thresholds_", None)
        given = by_name(thresholds)
        if present is None and isinstance(given, dict) and len(given) < len(names):
            raise ValueError(
                "thresholds must be one for every label, as there are none to keep: "
                "the labels of each row were chosen together. "
                f"Got {len(given)} for {len(names)} labels."
            )
        self.thresholds_ = override_thresholds(
            np.full(len(names), np.nan) if present is None else present,
            thresholds,
            label_names=names,
            probability=self.response_method_ == "predict_proba",
        )
        for name in ("score_map_", "worth_", "size_estimator_", "size_pairs_"):
            self.__dict__.pop(name, None)
        return self

    def _tuner(self, bound=None):
        """Gather the settings of the search and the rules."""
        objective = Objective(self.metric, self.average, self.beta)
        return ThresholdTuner(
            objective, self.strategy, self.at_least_one, self.max_labels, bound
        )

    def _decide(self, scores):
        """Labels of scores, as booleans."""
        limit = getattr(self, "top_k_", self.max_labels)
        tuner = self._tuner()._replace(limit=limit)
        score_map = getattr(self, "score_map_", None)
        if score_map is not None:
            # Without one thresholds are cuts, however they were found.
            tuner = tuner._replace(
                decision="expected",
                score_map=score_map,
                exactly=self.exactly_k,
                worth=getattr(self, "worth_", None),
                probability=self.response_method_ == "predict_proba",
            )
        thresholds = getattr(self, "thresholds_", None)
        if score_map is not None and self.transductive and len(scores):
            found, thresholds = tuner.fit_batch(scores)
            tuner = tuner._replace(worth=found.worth)
        return tuner.predict(scores, thresholds)
