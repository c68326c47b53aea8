"""Sets of labels that hold for a row as a whole."""

from numbers import Real
from typing import Any

import numpy as np

from sklearn_clip._shared import Interval, _fit_context, warn_user
from sklearn_clip.thresholds._answer_cuts import find_row_cuts
from sklearn_clip.thresholds._answers import AnswersMixin
from sklearn_clip.thresholds._constraints import check_held_out


class LabelSetClassifier(AnswersMixin):
    """Answer yes or no so that all answers of a row are right together.

    For a row, `label_sets` gives the labels that it surely has and those that it
    possibly has: with a probability of at least `coverage` the first are among its
    labels, and its labels among the second. `predict` gives the same as 1 (surely), 0
    (not possibly) and NaN.

    Parameters
    ----------
    estimator : estimator instance
        Multi-label classifier with `predict_proba` (preferred) or
        `decision_function`, in any of scikit-learn's output shapes. The scores of
        different labels are compared: probabilities that mean something give smaller
        sets.
    coverage : float in (0, 1), default=0.9
        Probability that all answers to a new row are right.
    surely_error : float in [0, 1] or None, default=None
        The part of ``1 - coverage`` that is spent on labels that a row surely has and
        does not have; the rest is for labels that it has and that are not possible.
        None takes a half each, 0 never says surely.
    cv : float, "prefit", splitter or iterable, default=0.5
        Where the scores come from, as for :class:`ThresholdOptimizer`: a float holds
        out a part of the rows of that size, drawn whatever their labels are; with
        "prefit" or a :class:`~sklearn.frozen.FrozenEstimator` all rows given to `fit`
        must be new to the classifier. A splitter or iterable must give a single split.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling for a float `cv`.

    Attributes
    ----------
    estimator_ : estimator instance
        The fitted classifier.
    yes_thresholds_, no_thresholds_ : ndarray of shape (n_labels,)
        Surely where the score is at least the first, not possibly where it is lower
        than the second. They are the same for all labels.
    n_calibration_ : int
        Number of rows that the cuts were chosen on.
    coverage_ : ndarray of shape (n_labels,)
        Share of the rows scored to which the answer is yes or no.
    ask_rate_ : ndarray of shape (n_labels,)
        The other rows, ``1 - coverage_``.
    response_method_ : {"predict_proba", "decision_function"}
        Where the scores come from.
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Column names of `y`. Defined if `y` was a DataFrame.
    classes_ : ndarray of shape (n_labels, 2)
        0 and 1 for every label.
    n_features_in_ : int
        Number of features. Defined if `estimator_` has it.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined if `estimator_` has it.

    See Also
    --------
    RejectOptionClassifier : Each label has answers of a precision of its own.

    Notes
    -----
    Split conformal prediction [1]_ with one number a row: the highest score of the
    labels that it does not have, and the lowest of those it has. It costs as much as
    the labels of a row are, where a set of label sets has 2 to the power of that. The
    coverage is that of the mean new row, over draws of the rows searched as well, if
    these and the new ones are exchangeable. Rows held out by a splitter that looks at
    labels are not: those with rare labels are more, or fewer, among them. Rows with an
    unknown label are left out, which assumes that rows are incomplete by chance.

    References
    ----------
    .. [1] V. Vovk, A. Gammerman, G. Shafer, "Algorithmic learning in a random world",
       Springer, 2005. :doi:`10.1007/b106715`

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn_clip import LabelSetClassifier, MultiLabelLogisticRegression
    >>> X, Y = make_multilabel_classification(500, random_state=0)
    >>> sets = LabelSetClassifier(MultiLabelLogisticRegression(), random_state=0)
    >>> surely, possibly = sets.fit(X, Y).label_sets(X)
    >>> bool((surely <= possibly).all())
    True
    """

    _parameter_constraints: dict = {
        "coverage": [Interval(Real, 0, 1, closed="neither")],
        "surely_error": [Interval(Real, 0, 1, closed="both"), None],
        **{
            name: AnswersMixin._parameter_constraints[name]
            for name in ("estimator", "cv", "random_state")
        },
    }

    # What the shared loop over splits reads: one split, whose classifier is kept.
    refit = False
    n_jobs = None

    def __init__(
        self,
        estimator,
        *,
        coverage: Any = 0.9,
        surely_error=None,
        cv: Any = 0.5,
        random_state=None,
    ):
        self.estimator = estimator
        self.coverage = coverage
        self.surely_error = surely_error
        self.cv = cv
        self.random_state = random_state

    # The inner estimator is checked by its own `fit`.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, **fit_params):
        """Fit the estimator and choose the cuts.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, in any form the estimator takes and scikit-learn can index.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            Targets of 0 and 1, NaN where they are unknown.
        **fit_params : dict
            Passed to the estimator's `fit`, as by :class:`ThresholdOptimizer`; `groups`
            goes to the splitter. The rows count alike in the cuts: `sample_weight` is
            refused.

        Returns
        -------
        self : LabelSetClassifier
            The fitted instance.

        Raises
        ------
        ValueError
            If `y` is not 2-dimensional or holds anything but 0, 1 and NaN, if its
            columns are not in the order of the labels that the estimator knows, if `cv`
            has several splits, if `surely_error` is more than ``1 - coverage``, if rows
            have weights or none of those held out has all its labels known.
        TypeError
            If the fitted estimator has neither `predict_proba` nor
            `decision_function`, or if a prefit or frozen one is given `fit_params`.
        sklearn.exceptions.NotFittedError
            If a prefit or frozen estimator is not fitted.

        Warns
        -----
        UserWarning
            If there are too few rows for any answer.
        """
        error = 1 - self.coverage
        surely = error / 2 if self.surely_error is None else self.surely_error
        if surely > error + 1e-12:
            raise ValueError(
                f"surely_error must be at most 1 - coverage, here {error:.3g}. "
                f"Got {surely}."
            )
        weight = fit_params.pop("sample_weight", None)
        rows = self._score_unseen(
            X, y, weight, fit_params, self._check_guarantee, at_random=True
        )
        complete = rows
        if rows.known is not None:
            complete = rows.take(np.flatnonzero(rows.known.all(axis=1)))
        self.n_calibration_ = len(complete.scores)
        if not self.n_calibration_:
            raise ValueError(
                "y must have all labels known in some of the held-out rows: the cuts "
                f"are chosen on those. Got NaN in each of {len(rows.scores)} rows."
            )
        cuts = find_row_cuts(
            complete, surely_error=surely, possibly_error=max(error - surely, 0.0)
        )
        self._set_cuts(rows, *cuts)
        if not np.isfinite(cuts).any():
            # The k-th worst of n rows is k / (n + 1): at least the first is needed.
            least = int(np.ceil(1 / max(surely, error - surely) - 1e-9)) - 1
            warn_user(
                f"Rows to choose the cuts on must be {least} or more for any answer at "
                f"coverage={self.coverage}. Got "
                f"{self.n_calibration_}: everything is possible, nothing sure."
            )
        return self

    def _check_guarantee(self, *, held_out, weighted):
        """Refuse weights; the scores are always those of the classifier kept."""
        check_held_out(self, "coverage", held_out=held_out, weighted=weighted)
