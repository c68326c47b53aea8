"""The meta-estimator that makes probabilities of the scores of a classifier."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils import indexable
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared import (
    HasMethods,
    Interval,
    MaskedAccuracyMixin,
    MultiLabelMetaMixin,
    RealNotInt,
    StrOptions,
    _check_sample_weight,
    _fit_context,
    check_indicator,
    check_label_order,
    check_same_length,
    positive_scores,
    pull_in,
    warn_of_row_order,
)
from sklearn_clip.calibration._choice import (
    COUNTS,
    METHODS,
    choose_map,
    choose_smoothing,
)
from sklearn_clip.calibration._evidence import gather_evidence
from sklearn_clip.calibration._label_maps import (
    LabelMaps,
    apply_maps,
    fit_maps,
)
from sklearn_clip.calibration._monotone import MONOTONE, Steps
from sklearn_clip.model_selection._out_of_fold import (
    fit_and_score,
    split_rows,
    take_rows,
)

_WRAP_OUTSIDE = (
    "A classifier that knows one label only is wrapped inside: "
    "MultiLabelCalibrator(OneVsRestClassifier(...)). For a single binary target pass "
    "y.reshape(-1, 1), or y.to_frame() of a Series, or take "
    "sklearn.calibration.CalibratedClassifierCV."
)
# Of so many rows one more moves no level: Venn-Abers is isotonic, at more cost.
_MANY_ROWS = 20_000
# What `fit` learns beside `estimator_`, so that a second fit leaves nothing behind.
_LEARNT = (
    "map_coef_",
    "map_intercept_",
    "knots_",
    "lower_",
    "upper_",
    "common_knots_",
    "common_values_",
    "own_weight_",
    "label_names_",
    "n_features_in_",
    "feature_names_in_",
)


def _refuse_decisions(scores, rows):
    """Refuse what is called a probability and is none; its order would be cut off."""
    # What rounds in float32 is a probability all the same.
    wrong = (scores < -1e-6) | (scores > 1 + 1e-6)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            "predict_proba of the estimator must give probabilities in [0, 1]. Got "
            f"{scores[row, column]:.4g} (row {rows[row]}, column {column}). Decision "
            "values are calibrated as well, if it gives them as decision_function."
        )


class MultiLabelCalibrator(
    MultiLabelMetaMixin, MaskedAccuracyMixin, MetaEstimatorMixin, BaseEstimator
):
    """Make the probabilities of a multi-label classifier mean what they say.

    Of the rows that get a probability of 0.7 for a label, seven in ten should have it.
    Few classifiers keep to that: networks are too sure, forests not sure enough, votes
    of neighbours come in steps, and decision values are no probabilities at all. This
    meta-estimator scores rows that the classifier was not fitted on, learns a map from
    score to probability for every label, drawn towards one map for all labels as far as
    a label is rare, and fits the classifier again on all rows.

    Parameters
    ----------
    estimator : estimator instance
        Multi-label classifier with `predict_proba` (preferred) or
        `decision_function`, in any of scikit-learn's output shapes; a Pipeline is
        fine. `X` reaches it as it was given, only indexed by rows.
    method : {"auto", "sigmoid", "beta", "temperature", "isotonic", "venn-abers"}, \
            default="auto"
        The map of a label, with p its score, z the logit of p:

        - "temperature": ``a z``, one slope [1]_;
        - "sigmoid": ``a z + b`` [2]_;
        - "beta": ``a ln(p) - b ln(1 - p) + c`` [3]_, of which the two above are special
          cases;
        - "isotonic": the best map that does not fall [4]_;
        - "venn-abers": what isotonic regression says of a row if it is added with the
          label and if it is added without, made one number [5]_; it overfits less;
        - "auto": whichever of these has the least log loss out of fold, and none of
          them, which leaves the probabilities as they are, unless one is better by
          more than the standard error of the difference. Of more than 20,000 rows
          "venn-abers" is not tried, which is "isotonic" there.

        Slopes are never below 0: no map turns the order of the rows around.
    cv : int, float, "prefit", splitter or iterable, default=5
        Where the scores come from that the maps are learnt on:

        - int: that many folds of :class:`MultiLabelStratifiedKFold`, shuffled and
          seeded by `random_state`; None means 5;
        - float in (0, 1): one held-out part of that size, by
          :func:`multilabel_train_test_split`;
        - "prefit": `estimator` is fitted already, and all rows given to `fit` must
          be new to it;
        - a scikit-learn splitter, or an iterable of (train, test) indices.

        A :class:`~sklearn.frozen.FrozenEstimator` is scored as with "prefit", and
        unlike that survives :func:`~sklearn.base.clone`, as in a grid search.
    shrinkage : "auto", float >= 0 or None, default="auto"
        How far the maps of labels with few positives are drawn towards the map for all
        labels: the number of positives that the latter weighs as much as. Parameters
        get a normal prior around the common ones that tells what so many positives
        would tell; maps without parameters are mixed, as
        ``(n * own + m * common) / (n + m)`` for a label with `n` positives (or
        negatives, if there are fewer; or as many as the common map expects, if there
        are more of those). "auto" chooses it by the log loss out of fold;
        None and 0 leave each label alone, infinity gives all of them one map.
    n_jobs : int or None, default=None
        Folds fitted in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling for an int or float `cv`.

    Attributes
    ----------
    estimator_ : estimator instance
        The classifier, fitted on all rows.
    method_ : str
        The map that is used: one of `method`, or "identity".
    shrinkage_ : float
        The number of positives that was used; 0 where labels were left alone.
    smoothing_ : float or None
        Probabilities enter maps with parameters as ``(p + s) / (1 + 2 s)`` with this s,
        chosen by their log loss, lest those of exactly 0 or 1 have no logit. None for
        decision values, which are taken for logits.
    log_losses_ : dict
        Log loss of an entry, of every method that was tried, on rows that it was not
        fitted on. Empty where there was nothing to choose.
    map_coef_ : ndarray of shape (n_labels, 2)
        Of the calibrated logit ``map_coef_[:, 0] * ln(p) - map_coef_[:, 1] * ln(1 - p)
        + map_intercept_``, p being the smoothed score. Both columns are the same, the
        slope of z, but for "beta". Defined for maps with parameters; ones for
        "identity".
    map_intercept_ : ndarray of shape (n_labels,)
        See `map_coef_`; zeros for "temperature" and "identity".
    knots_ : list of n_labels ndarray
        Scores of every label in ascending order, at which `lower_` and `upper_` stand.
        Empty where nothing is known of a label. Defined for maps without parameters.
    lower_, upper_ : list of n_labels ndarray
        "isotonic": the probabilities at the knots, the same in both; straight lines
        between them. "venn-abers": of a score, `lower_` at the last knot that is no
        higher (0 if there is none) and `upper_` at the first that is no lower (1 if
        there is none) are the probabilities p0 and p1 of the two completions, and
        ``p1 / (1 - p0 + p1)`` is the one number. Defined as `knots_` is.
    common_knots_, common_values_ : ndarray of shape (n_knots,)
        The isotonic map of all labels together. Defined as `knots_` is.
    own_weight_ : ndarray of shape (n_labels,)
        What the own map of a label weighs beside the common one, in [0, 1]. Defined as
        `knots_` is.
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
    sklearn.calibration.CalibratedClassifierCV : For one target, binary or of several
        classes that exclude each other.
    sklearn_clip.thresholds.ThresholdOptimizer : Turns probabilities into labels; it may
        stand around this one.
    sklearn_clip.plotting.MultiLabelCalibrationDisplay : Shows what is left to do.

    Notes
    -----
    Unknown targets (NaN) are left out entry by entry; the estimator has to take them
    itself. Labels without a positive or without a negative are calibrated by the map
    for all labels and what their rows add to it. Sample weights go to the estimator,
    and count as that many rows for the maps: let their mean be 1.

    Without shrinkage, targets of maps with parameters are Platt's [2]_,
    ``(n + 1) / (n + 2)`` for n positives and ``1 / (n + 2)`` for n negatives, and no
    isotonic map goes beyond such values. Where methods or counts are compared, and for
    the map that others are drawn towards, logits are gathered in 128 nodes per label;
    what is kept is fitted on the rows themselves.

    Calibration changes how rows of different labels compare, and hardly how rows of one
    label do. It needs rows like those to come: after a change of the base rate it is to
    be done again, for which `cv="prefit"` is enough.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural
       networks", ICML 2017. :arxiv:`1706.04599`
    .. [2] J. C. Platt, "Probabilistic outputs for support vector machines and
       comparisons to regularized likelihood methods", Advances in Large Margin
       Classifiers, 1999.
    .. [3] M. Kull, T. M. Silva Filho, P. Flach, "Beyond sigmoids: how to obtain
       well-calibrated probabilities from binary classifiers with beta calibration",
       Electronic Journal of Statistics 11(2), 2017. :doi:`10.1214/17-EJS1338SI`
    .. [4] B. Zadrozny, C. Elkan, "Transforming classifier scores into accurate
       multiclass probability estimates", KDD 2002. :doi:`10.1145/775047.775151`
    .. [5] V. Vovk, I. Petej, "Venn-Abers predictors", UAI 2014. :arxiv:`1211.0025`

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn_clip.calibration import MultiLabelCalibrator
    >>> from sklearn_clip.metrics import masked_log_loss
    >>> X, Y = make_multilabel_classification(400, n_classes=4, random_state=0)
    >>> votes = KNeighborsClassifier(5).fit(X[:200], Y[:200])
    >>> calibrated = MultiLabelCalibrator(votes, random_state=0).fit(X[:200], Y[:200])
    >>> calibrated.method_ != "identity"
    True
    >>> before = [p[:, 1] for p in votes.predict_proba(X[200:])]
    >>> after = calibrated.predict_proba(X[200:])
    >>> masked_log_loss(Y[200:], after) < masked_log_loss(Y[200:], list(zip(*before)))
    True
    """

    # Sparse targets are made dense for an inner estimator that does not keep them so.
    _keeps_sparse_targets = True
    _parameter_constraints: dict = {
        "estimator": [
            HasMethods(["fit", "predict_proba"]),
            HasMethods(["fit", "decision_function"]),
        ],
        "method": [StrOptions({"auto", *METHODS})],
        "cv": [
            "cv_object",
            StrOptions({"prefit"}),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "shrinkage": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="both"),
            None,
        ],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        method="auto",
        cv: Any = 5,
        shrinkage: Any = "auto",
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.shrinkage = shrinkage
        self.n_jobs = n_jobs
        self.random_state = random_state

    # The inner estimator is checked by its own `fit`.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, **fit_params):
        """Learn the maps and fit the estimator.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, in any form the estimator takes and scikit-learn can index.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            Targets of 0 and 1, NaN where they are unknown. The estimator receives
            them as a dense integer array, or float with NaN if some are unknown; the
            linear heads and :class:`~sklearn.multiclass.OneVsRestClassifier` receive
            sparse ones as a CSR array.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights of at least 0, for the estimator and the maps.
        **fit_params : dict
            Passed to the estimator's `fit`, those of length n_samples cut to the rows
            of each fold. `groups` goes to the splitter. With metadata routing enabled
            the requests of both decide.

        Returns
        -------
        self : MultiLabelCalibrator
            The fitted instance.

        Raises
        ------
        ValueError
            If `y` is not 2-dimensional or holds anything but 0, 1 and NaN, if its
            columns are not in the order of the labels that the estimator knows, if no
            row has a weight above 0, if nothing is known of those that are held out,
            or if `predict_proba` gives no probabilities.
        TypeError
            If the fitted estimator has neither `predict_proba` nor
            `decision_function`, or if a prefit or frozen one is given `fit_params`.
        sklearn.exceptions.NotFittedError
            If a prefit or frozen estimator is not fitted.

        Warns
        -----
        UserWarning
            If labels that have positives have fewer of them than there are folds.
        """
        targets, names = check_indicator(
            y, one_dimensional_hint=_WRAP_OUTSIDE, keep_sparse=True
        )
        (X,) = indexable(X)
        check_same_length(X, targets)
        warn_of_row_order(X, y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, targets, ensure_non_negative=True
            )
            if not sample_weight.any():
                raise ValueError(
                    "sample_weight must be above 0 for at least one row. Got only "
                    "zeros."
                )
            fit_params["sample_weight"] = sample_weight
        self.estimator_, folds = fit_and_score(
            self, X, targets, fit_params, names, learns="maps"
        )
        check_label_order(self.estimator_, y)
        for name in _LEARNT:
            self.__dict__.pop(name, None)
        self.n_labels_ = targets.shape[1]
        if names is not None:
            self.label_names_ = names
        self._learn_maps(folds, targets, sample_weight)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def _learn_maps(self, folds, targets, sample_weight):
        """Choose and fit the maps on the pooled scores of all folds."""
        # Scores of all folds are pooled, as the scores of each come from a classifier
        # of nearly the size of the refitted one: one map, fitted on all rows.
        rows = np.concatenate([fold.rows for fold in folds])
        scores = np.concatenate([fold.scores for fold in folds])
        targets = take_rows(targets, rows)
        weight = None if sample_weight is None else sample_weight[rows]
        self.response_method_ = folds[0].method
        evidence = gather_evidence(scores, targets, weight)
        if not evidence.known.any():
            raise ValueError(
                "y must hold a known label, of a row whose sample_weight is above 0, "
                "among the rows that cv holds out: the maps are learnt on those. Got "
                "none. Pass a cv that holds out such rows."
            )
        if self.response_method_ == "decision_function":
            # One that lies far out, or is infinite, would flatten every map.
            known = evidence.known
            sides = known & evidence.yes, known & evidence.no
            evidence = evidence._replace(scores=pull_in(scores, *sides))
        else:
            _refuse_decisions(scores, rows)
            evidence = evidence._replace(smoothing=choose_smoothing(evidence))
        self.smoothing_ = evidence.smoothing
        methods, counts = self._candidate_methods(len(rows)), self._candidate_counts()
        parts = []
        if len(methods) > 1 or len(counts) > 1:
            parts = split_rows([fold.rows for fold in folds], targets)
        choice = choose_map(evidence, parts, methods, counts)
        self.method_, self.shrinkage_ = choice.method, choice.shrinkage
        self.log_losses_ = choice.log_losses
        maps = fit_maps(evidence, choice.method, choice.shrinkage)
        if self.method_ in MONOTONE:
            self.knots_, self.lower_, self.upper_ = (
                list(part) for part in zip(*maps.steps, strict=True)
            )
            self.common_knots_, self.common_values_, _ = maps.common_steps
            self.own_weight_ = maps.own_weight
        else:
            self.map_coef_, self.map_intercept_ = maps.coef, maps.intercept

    def _candidate_methods(self, n_rows):
        """Methods to choose from; decision values cannot stay what they are."""
        if self.method != "auto":
            return (self.method,)
        methods = METHODS
        if n_rows > _MANY_ROWS:
            methods = tuple(name for name in METHODS if name != "venn-abers")
        if self.response_method_ == "predict_proba":
            return ("identity", *methods)
        return methods

    def _candidate_counts(self):
        """Pseudo-counts of the shrinkage to choose from."""
        if self.shrinkage is None:
            return (0.0,)
        return COUNTS if self.shrinkage == "auto" else (float(self.shrinkage),)

    def predict_proba(self, X):
        """Predict the calibrated probability of every label.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, as the estimator takes them.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_labels), dtype=float64
            P(label = 1), whatever shape the estimator's output has.
        """
        check_is_fitted(self, "method_")
        scores, _ = positive_scores(
            self.estimator_, X, self.n_labels_, method=self.response_method_
        )
        return apply_maps(self._maps(), scores, self.method_, self.smoothing_)

    def predict(self, X):
        """Predict the labels whose calibrated probability is above 0.5.

        Parameters
        ----------
        X : array-like of length n_samples
            Rows, as the estimator takes them.

        Returns
        -------
        y : ndarray of shape (n_samples, n_labels), dtype=int64
            Labels of 0 and 1. For F1 and its relatives 0.5 is rarely the best place:
            :class:`~sklearn_clip.ThresholdOptimizer` finds one for each label.
        """
        return (self.predict_proba(X) > 0.5).astype(np.int64)

    def _maps(self):
        """Gather the learnt attributes, as they are applied."""
        if self.method_ not in MONOTONE:
            return LabelMaps(self.map_coef_, self.map_intercept_)
        parts = zip(self.knots_, self.lower_, self.upper_, strict=True)
        common = Steps(self.common_knots_, self.common_values_, self.common_values_)
        return LabelMaps(
            steps=[Steps(*part) for part in parts],
            common_steps=common,
            own_weight=self.own_weight_,
        )
