"""What classifiers that answer yes, no or neither have in common."""

from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import indexable
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared import (
    HasMethods,
    Interval,
    MultiLabelMetaMixin,
    RealNotInt,
    StrOptions,
    _check_sample_weight,
    check_indicator,
    check_label_order,
    check_same_length,
    positive_scores,
    row_blocks,
    warn_of_row_order,
)
from sklearn_clip.model_selection._out_of_fold import fit_and_score, is_prefit
from sklearn_clip.thresholds._predictions import _inner_has
from sklearn_clip.thresholds._scored_rows import scored_rows


def _wrap_outside(meta):
    """Say what to do with a classifier that knows one label only."""
    name = type(meta).__name__
    return (
        "A classifier that knows one label only is wrapped inside, and the answers "
        f"outside: {name}(OneVsRestClassifier(...)). For a single binary target pass "
        "y.reshape(-1, 1), or y.to_frame() of a Series."
    )


class AnswersMixin(
    MultiLabelMetaMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """Answers of a fitted classifier: yes at a high score, no at a low one, or ask.

    The part of :class:`RejectOptionClassifier` and :class:`LabelSetClassifier` that
    does not depend on how the cuts are found. It reads `estimator_`, `yes_thresholds_`,
    `no_thresholds_`, `response_method_` and `n_labels_`.
    """

    # Sparse targets are made dense for an inner estimator that does not keep them so.
    _keeps_sparse_targets = True
    _parameter_constraints: dict = {
        "estimator": [
            HasMethods(["fit", "predict_proba"]),
            HasMethods(["fit", "decision_function"]),
        ],
        "cv": [
            "cv_object",
            StrOptions({"prefit"}),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "refit": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def predict(self, X):
        """Answer for every label: 1 for yes, 0 for no, NaN for ask.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, as the estimator takes them.

        Returns
        -------
        y : ndarray of shape (n_samples, n_labels), dtype=float64
            The answers. As targets they are what the heads and metrics of this package
            take: NaN is unknown.
        """
        yes, possible = self.label_sets(X)
        return np.where(yes, 1.0, np.where(possible, np.nan, 0.0))

    def ask(self, X):
        """Tell which answers a person has to give.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, as the estimator takes them.

        Returns
        -------
        asked : ndarray of shape (n_samples, n_labels), dtype=bool
            True where the answer is neither yes nor no.
        """
        yes, possible = self.label_sets(X)
        return possible & ~yes

    def label_sets(self, X):
        """Give the labels that rows surely have, and those that they possibly have.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, as the estimator takes them.

        Returns
        -------
        surely : ndarray of shape (n_samples, n_labels), dtype=bool
            True where the answer is yes.
        possibly : ndarray of shape (n_samples, n_labels), dtype=bool
            True where it is not no; what is surely there is among them.
        """
        check_is_fitted(self, "yes_thresholds_")
        scores, _ = positive_scores(
            self.estimator_, X, self.n_labels_, method=self.response_method_
        )
        return scores >= self.yes_thresholds_, scores >= self.no_thresholds_

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
            P(label = 1), in one array whatever the estimator returns.
        """
        check_is_fitted(self, "yes_thresholds_")
        return positive_scores(
            self.estimator_, X, self.n_labels_, method="predict_proba"
        )[0]

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
            Decision value of every label.
        """
        check_is_fitted(self, "yes_thresholds_")
        return positive_scores(
            self.estimator_, X, self.n_labels_, method="decision_function"
        )[0]

    def score(self, X, y, sample_weight=None):
        """Compute the share of entries that are answered, and answered rightly.

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
            In [0, 1]; what is asked counts as not right. NaN if nothing is known.

        Raises
        ------
        ValueError
            If `y` is not a 2-dimensional array of 0, 1 and NaN with one column per
            label, or a DataFrame of other labels.
        """
        answers = self.predict(X)
        targets, _ = check_indicator(
            y, one_dimensional_hint=_wrap_outside(self), keep_sparse=True
        )
        check_label_order(self, y)
        warn_of_row_order(X, y)
        if targets.shape != answers.shape:
            raise ValueError(
                f"y must have shape {answers.shape}, like the predictions. "
                f"Got {targets.shape}."
            )
        weight = np.ones(len(answers))
        if sample_weight is not None:
            weight = _check_sample_weight(
                sample_weight, targets, ensure_non_negative=True
            )
        right = total = 0.0
        for rows in row_blocks(*answers.shape):
            truth = targets[rows]
            truth = truth.toarray() if sparse.issparse(truth) else truth
            total += (weight[rows] @ ~np.isnan(truth)).sum()
            # NaN is equal to nothing, so that asks are not right.
            right += (weight[rows] @ (answers[rows] == truth)).sum()
        return float(right / total) if total else np.nan

    def _score_unseen(
        self, X, y, sample_weight, fit_params, check, *, at_random
    ) -> Any:
        """Check the data, fit the estimator, and score rows that it has not seen.

        `check` is called with the keywords `held_out` and `weighted` before anything is
        fitted, and raises if the guarantee cannot be given; `at_random` is that of
        `fit_and_score`.
        """
        targets, names = check_indicator(
            y, one_dimensional_hint=_wrap_outside(self), keep_sparse=True
        )
        (X,) = indexable(X)
        check_same_length(X, targets)
        warn_of_row_order(X, y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, targets, ensure_non_negative=True
            )
            fit_params = {**fit_params, "sample_weight": sample_weight}
        check(
            held_out=is_prefit(self) or not self.refit,
            weighted=sample_weight is not None,
        )
        self.estimator_, folds = fit_and_score(
            self,
            X,
            targets,
            fit_params,
            names,
            learns="thresholds",
            at_random=at_random,
        )
        check_label_order(self.estimator_, y)
        self.response_method_ = folds[0].method
        self.n_labels_ = targets.shape[1]
        learnt = {"label_names_": names} | {
            name: getattr(self.estimator_, name, None)
            for name in ("n_features_in_", "feature_names_in_")
        }
        for name, value in learnt.items():
            self.__dict__.pop(name, None)
            if value is not None:
                setattr(self, name, value)
        every = np.concatenate([fold.rows for fold in folds])
        return scored_rows(
            np.concatenate([fold.scores for fold in folds]),
            targets[every],
            None if sample_weight is None else sample_weight[every],
            probability=self.response_method_ == "predict_proba",
        )

    def _set_cuts(self, rows, yes, no):
        """Set the cuts of every label, and what they answer of the rows."""
        self.yes_thresholds_ = np.broadcast_to(yes, self.n_labels_).copy()
        self.no_thresholds_ = np.broadcast_to(no, self.n_labels_).copy()
        asked = (rows.scores < self.yes_thresholds_) & (
            rows.scores >= self.no_thresholds_
        )
        self.ask_rate_ = np.average(asked, axis=0, weights=rows.sample_weight)
        self.coverage_ = 1 - self.ask_rate_
