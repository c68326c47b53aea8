"""Yes, no, or ask: two cuts a label, each with a precision that is guaranteed."""

from numbers import Real
from typing import Any

import numpy as np

from sklearn_clip._shared import (
    Interval,
    _fit_context,
    is_part_of_a_fit,
    shown_first,
    warn_user,
)
from sklearn_clip.thresholds._answer_cuts import find_answer_cuts
from sklearn_clip.thresholds._answers import AnswersMixin
from sklearn_clip.thresholds._constraints import Bound, check_held_out


class RejectOptionClassifier(AnswersMixin):
    """Answer yes or no where that is right often enough, and ask where it is not.

    Each label gets two cuts on the scores of rows that the classifier was not fitted
    on. Above the upper one the answer is yes, with a precision of at least
    `min_precision`; below the lower one it is no, with a negative predictive value of
    at least `min_npv`. Between them a person is asked. `predict` gives 1, 0 and NaN,
    which heads and metrics of this package take for unknown. A classifier that may
    decline to answer is one with a reject option [1]_.

    Parameters
    ----------
    estimator : estimator instance
        Multi-label classifier with `predict_proba` (preferred) or
        `decision_function`, in any of scikit-learn's output shapes; a Pipeline is
        fine. `X` reaches it as it was given, only indexed by rows.
    min_precision : float in (0, 1] or None, default=0.9
        Least share of the yes answers of a label that are right. None never answers
        yes.
    min_npv : float in (0, 1] or None, default=0.95
        Least share of the no answers of a label that are right (its negative predictive
        value). The labels of a row are few, so that no is right mostly anyway: a
        value below the share of rows without the label asks nothing. None never answers
        no.
    confidence : float in (0, 1) or None, default=0.95
        Probability with which a cut of a label keeps its bound on new rows of the same
        kind, over draws of the rows searched; each cut of each label alone. It needs a
        classifier that is not fitted again: a float `cv` with ``refit=False``, "prefit"
        or a frozen one. None asks only that the bounds be kept on the rows searched;
        on new rows about half of them will not be.
    family_error : float in (0, 1) or None, default=None
        Takes the place of `confidence`, which is then not read: the probability that
        any cut of any label breaks its bound on new rows.
    cv : int, float, "prefit", splitter or iterable, default=0.5
        Where the scores come from, as for :class:`ThresholdOptimizer`: a float holds
        out a part of the rows of that size, with `confidence` drawn whatever their
        labels are; with "prefit" or a
        :class:`~sklearn.frozen.FrozenEstimator` all rows given to `fit` must be new to
        the classifier. An int or a splitter goes without `confidence` only.
    refit : bool, default=False
        Fit the estimator on all rows once the cuts are known, which goes without
        `confidence` only. False keeps the one fitted on the training part.
    n_jobs : int or None, default=None
        Folds fitted in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling for an int or float `cv`.

    Attributes
    ----------
    estimator_ : estimator instance
        The fitted classifier.
    yes_thresholds_ : ndarray of shape (n_labels,)
        Yes where the score is at least this. Infinite: never.
    no_thresholds_ : ndarray of shape (n_labels,)
        No where the score is lower than this, which is at most the one for yes. Minus
        infinity: never.
    coverage_ : ndarray of shape (n_labels,)
        Share of the rows searched that are answered, yes or no.
    ask_rate_ : ndarray of shape (n_labels,)
        The other rows, ``1 - coverage_``.
    unmet_yes_, unmet_no_ : list
        Names (column numbers where `y` had none) of the labels to which the answer is
        never yes, or never no, as no cut keeps the bound.
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
    LabelSetClassifier : All answers of a row are right together.
    ThresholdOptimizer : One cut a label, so that every row is answered.

    Notes
    -----
    Both guarantees are exact where the share of right answers does not fall as its cut
    moves outwards, as for scores that rank sensibly. They are for new rows of the same
    kind: rows that are alike in groups (pictures of one series, say) are fewer than
    they look, and of rows that people were asked about nothing is promised.

    Where nothing need be asked, as some rows could be answered either way, the cuts of
    a label are one: of those that keep both bounds the one with the fewest errors.

    References
    ----------
    .. [1] C. K. Chow, "On optimum recognition error and reject tradeoff", IEEE
       Transactions on Information Theory 16(1), 1970. :doi:`10.1109/TIT.1970.1054406`

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn_clip import MultiLabelLogisticRegression, RejectOptionClassifier
    >>> X, Y = make_multilabel_classification(
    ...     2000, n_classes=3, n_labels=1, random_state=0
    ... )
    >>> head = MultiLabelLogisticRegression()
    >>> answers = RejectOptionClassifier(
    ...     head, min_precision=0.8, min_npv=0.8, random_state=0
    ... ).fit(X, Y)
    >>> answers.predict(X[:1]).shape
    (1, 3)
    >>> bool((answers.ask_rate_ < 1).all())
    True
    """

    _parameter_constraints: dict = {
        **AnswersMixin._parameter_constraints,
        "min_precision": [Interval(Real, 0, 1, closed="right"), None],
        "min_npv": [Interval(Real, 0, 1, closed="right"), None],
        "confidence": [Interval(Real, 0, 1, closed="neither"), None],
        "family_error": [Interval(Real, 0, 1, closed="neither"), None],
    }

    def __init__(
        self,
        estimator,
        *,
        min_precision: Any = 0.9,
        min_npv: Any = 0.95,
        confidence: Any = 0.95,
        family_error=None,
        cv: Any = 0.5,
        refit=False,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.min_precision = min_precision
        self.min_npv = min_npv
        self.confidence = confidence
        self.family_error = family_error
        self.cv = cv
        self.refit = refit
        self.n_jobs = n_jobs
        self.random_state = random_state

    # The inner estimator is checked by its own `fit`.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, **fit_params):
        """Fit the estimator and choose the cuts.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, in any form the estimator takes and scikit-learn can index.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            Targets of 0 and 1, NaN where they are unknown.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights, for the estimator and the cuts. They go without a confidence
            only, which counts rows.
        **fit_params : dict
            Passed to the estimator's `fit`, as by :class:`ThresholdOptimizer`; `groups`
            goes to the splitter.

        Returns
        -------
        self : RejectOptionClassifier
            The fitted instance.

        Raises
        ------
        ValueError
            If `y` is not 2-dimensional or holds anything but 0, 1 and NaN, if its
            columns are not in the order of the labels that the estimator knows, if both
            bounds are None, or if a confidence is asked for that cannot be given.
        TypeError
            If the fitted estimator has neither `predict_proba` nor
            `decision_function`, or if a prefit or frozen one is given `fit_params`.
        sklearn.exceptions.NotFittedError
            If a prefit or frozen estimator is not fitted.

        Warns
        -----
        UserWarning
            If labels have no cut that keeps a bound.
        """
        shared = self.family_error is not None
        confidence = 1 - self.family_error if shared else self.confidence
        rows = self._score_unseen(
            X,
            y,
            sample_weight,
            fit_params,
            self._check_guarantee,
            at_random=confidence is not None,
        )
        bounds = {
            answer: None
            if value is None
            else Bound("precision", value, confidence, shared)
            for answer, value in (("yes", self.min_precision), ("no", self.min_npv))
        }
        self._set_cuts(rows, *find_answer_cuts(rows, **bounds))
        names = self._names()
        self.unmet_yes_ = [
            names[at] for at in np.flatnonzero(self.yes_thresholds_ == np.inf)
        ]
        self.unmet_no_ = [
            names[at] for at in np.flatnonzero(self.no_thresholds_ == -np.inf)
        ]
        for answer, unmet, rate in (
            ("yes", self.unmet_yes_, "precision"),
            ("no", self.unmet_no_, "negative predictive value"),
        ):
            if unmet and bounds[answer] is not None and not is_part_of_a_fit():
                warn_user(
                    f"No cut has a {rate} of at least {bounds[answer].value} for "
                    f"{len(unmet)} label(s): [{shown_first(unmet, 10)}]. The answer to "
                    f"them is never {answer}. More rows, a better classifier, a lower "
                    "bound or less confidence would help.",
                )
        return self

    def _check_guarantee(self, *, held_out, weighted):
        """Refuse what cannot be kept."""
        if self.min_precision is None and self.min_npv is None:
            raise ValueError(
                "min_precision and min_npv must not both be None: nothing would ever "
                "be answered."
            )
        given = self.confidence if self.family_error is None else self.family_error
        if given is not None:
            name = "confidence" if self.family_error is None else "family_error"
            check_held_out(self, name, held_out=held_out, weighted=weighted)
