"""The meta-estimator that turns the scores of a multi-label classifier into labels."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import indexable

from sklearn_clip._shared import (
    HasMethods,
    Interval,
    MultiLabelMetaMixin,
    RealNotInt,
    StrOptions,
    _check_sample_weight,
    _fit_context,
    check_indicator,
    check_label_order,
    check_same_length,
    warn_of_row_order,
)
from sklearn_clip.model_selection._out_of_fold import (
    count_values,
    fit_and_score,
    is_prefit,
)
from sklearn_clip.thresholds._constraints import (
    read_bound,
    warn_of_broken,
    warn_of_unmet,
)
from sklearn_clip.thresholds._decisions import (
    fit_sizes,
    joint_targets,
    resolve_decision,
    warn_of_constant,
)
from sklearn_clip.thresholds._fitted_thresholds import FittedThresholds, fit_thresholds
from sklearn_clip.thresholds._objective import AVERAGES, METRICS
from sklearn_clip.thresholds._predictions import WRAP_OUTSIDE, ThresholdedPredictions


class ThresholdOptimizer(
    ThresholdedPredictions,
    MultiLabelMetaMixin,
    ClassifierMixin,
    MetaEstimatorMixin,
    BaseEstimator,
):
    """Choose the threshold of every label so that a multi-label metric is maximal.

    A classifier gives each label a probability or a decision value, and `predict`
    usually cuts at 0.5 or 0. Under F1 and its relatives that is rarely the best
    place, least of all for rare labels. This meta-estimator scores rows that the
    classifier was not fitted on, tries every distinct score as a threshold, keeps the
    best ones in `thresholds_`, and fits the classifier again on all rows.

    Parameters
    ----------
    estimator : estimator instance
        Multi-label classifier with `predict_proba` (preferred) or
        `decision_function`, in any of scikit-learn's output shapes; a Pipeline is
        fine. `X` reaches it as it was given, only indexed by rows.
    metric : {"f1", "fbeta", "jaccard", "balanced_accuracy", "accuracy"} or callable, \
            default="f1"
        What is maximised, with scikit-learn's ``zero_division=0``. Accuracy counts
        entries (one row and label), as one minus the Hamming loss does. A callable
        takes four float arrays of one shape, the (weighted) counts ``(tp, fp, fn,
        tn)``, and returns the metric of each; NaN is read as 0. Give a named
        function rather than a lambda, which cannot be pickled.
    average : {"macro", "weighted", "micro", "samples"}, default="macro"
        Mean over labels, mean weighted by the number of positives, the metric of
        the counts summed over all labels, or the mean over rows. Choose the one that
        you are judged by: thresholds tuned for one average may cost another. "macro"
        spends false positives on rare labels, which can bring the micro average below
        that of thresholds of 0.5.
    strategy : {"per_label", "global", "top_k"}, default="per_label"
        One threshold per label, one for all, or the k labels of highest score in each
        row, of which those below a threshold for all are dropped; k and the threshold
        are chosen.
    beta : float, default=1.0
        Weight of recall against precision, used by ``metric="fbeta"`` only.
    min_precision : float in (0, 1] or None, default=None
        Maximise each label's recall among thresholds with at least this precision,
        instead of `metric`. With ``strategy="global"`` both are those of all labels
        pooled, and with `confidence` those of the mean row. A label that no threshold
        brings there is never predicted. Without `confidence` the bound holds on the
        rows searched, and on new rows for about half of the labels: `fit` warns of how
        many kept it on rows they were not chosen on.
    min_recall : float in (0, 1] or None, default=None
        The other way round: maximise precision under at least this recall. Without
        `confidence` the same holds as for `min_precision`.
    confidence : float in (0, 1), "expectation" or None, default=None
        Probability with which a label's threshold keeps `min_precision` or `min_recall`
        on new rows of the same kind, over draws of the rows searched; None asks only
        that it be kept on these. It is for each label alone; for all labels at once
        there is `family_error`. With ``strategy="global"`` it is for the mean row: the
        mean, over rows, of the share of a row's labels that are found, or of the
        share of its predictions that are right (1 without any). "expectation" goes with
        `min_recall` and asks less: that the recall, averaged over draws of the rows
        searched as well, be as high. All need a classifier that is not fitted again: a
        float `cv` with ``refit=False``, "prefit" or a frozen one.
    at_least_one : bool, default=False
        Give a row without any label the one of highest score. Labels with an infinite
        threshold are never given.
    max_labels : int or None, default=None
        Keep no more labels than this in a row, those of the highest scores. Both rules
        are applied in the search as well. Neither goes with a bound, which it would
        break.
    shrinkage : "auto", float >= 0 or None, default="auto"
        How far the thresholds of labels with few positives are drawn towards the
        threshold for all labels: a number of positives `m` that the latter weighs as
        much as, in ``(n * own + m * common) / (n + m)`` for a label with `n` positives.
        "auto" takes 10, unless another `m` does surely better on rows that the
        thresholds were not chosen on, and 0 if every label has 300 positives or more;
        None and 0 leave thresholds alone. Used by ``strategy="per_label"`` without a
        bound only.
    cv : int, float, "prefit", splitter or iterable, default=5
        Where the scores for the search come from:

        - int: that many folds of :class:`MultiLabelStratifiedKFold`, shuffled and
          seeded by `random_state`; None means 5;
        - float in (0, 1): one held-out part of that size, by
          :func:`multilabel_train_test_split`; with `confidence` or `family_error` drawn
          whatever the labels are, lest rows with rare labels are more, or fewer, among
          them than among new ones;
        - "prefit": `estimator` is fitted already, and all rows given to `fit` must
          be new to it;
        - a scikit-learn splitter, or an iterable of (train, test) indices.

        A :class:`~sklearn.frozen.FrozenEstimator` is scored as with "prefit", and
        unlike that survives :func:`~sklearn.base.clone`, as in a grid search.
    refit : bool, default=True
        Fit the estimator on all rows once the thresholds are known. False keeps the one
        fitted on the training part, which takes a `cv` of a single split. A prefit
        or frozen estimator is never fitted.
    n_jobs : int or None, default=None
        Folds fitted in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling for an int or float `cv`.
    store_curves : bool, default=False
        Keep the metric of every label at every threshold in `curves_`.
    family_error : float in (0, 1) or None, default=None
        In place of `confidence`: the probability that the threshold of any label at all
        breaks `min_precision` or `min_recall` on new rows. The labels share it equally,
        and those that are settled leave their share to the others.
    decision : {"auto", "cut", "expected"}, default="auto"
        What labels are decided from:

        - "cut": thresholds that are best by the counts of the targets;
        - "expected": thresholds that are best by the counts that probabilities let
          expect. These come from the scores by a sigmoid per label (`score_map_`),
          fitted to the same scores, and need not be probabilities before. Under a
          samples average there are no thresholds: each row is given the set of labels
          whose expected metric is highest, which is exact for every named metric if the
          labels of a row are independent given the row;
        - "auto": "expected" under a samples average where that goes (a named metric,
          ``strategy="per_label"``, no bound), else "cut".

        "expected" varies less with the rows searched, which pays where positives are
        few; "cut" is best on the rows searched, and takes less time.
    set_sizes : {"independent", "learnt"}, default="independent"
        How likely sets of labels are, where they are chosen for each row. "learnt" fits
        a clone of the estimator to one more target for each label and number of labels
        of a row that occur together, and needs no independence. It takes
        `predict_proba`, rows whose labels are all known, and any named metric but
        Jaccard's. Then `cv` is not used, and no score is known.
    transductive : bool, default=False
        With ``decision="expected"`` choose the thresholds anew for the rows given to
        `predict`, as those whose expected metric is highest on these. They need no
        targets, but what is predicted for a row then depends on the others: it pays
        for many rows at once, judged as a whole, and is wrong for rows that come one by
        one.
    exactly_k : int or None, default=None
        Give every row this many labels (all, where there are fewer): those of highest
        worth to the metric rather than of highest score, which under a macro average
        lets rare labels through. It takes the place of thresholds and other rules.

    Attributes
    ----------
    estimator_ : estimator instance
        The fitted classifier.
    thresholds_ : ndarray of shape (n_labels,)
        A label is predicted where its score is at least this. Infinite: never. Not
        defined where sets of labels are chosen for each row.
    threshold_std_ : ndarray of shape (n_labels,)
        Standard deviation of the thresholds found on each fold alone. Folds without a
        positive of the label are left out; NaN where fewer than two remain.
    top_k_ : int
        Number of labels kept in a row. Defined if ``strategy="top_k"``.
    shrinkage_ : float
        The `m` that was used; 0 where thresholds were left alone, infinite where they
        are all the threshold for all labels.
    unmet_labels_ : list
        Names (column numbers where `y` had none) of the labels that no threshold could
        keep `min_precision` or `min_recall` for, which are never predicted.
    best_score_ : float
        The metric of the scores used in the search, cut at `thresholds_`. It is
        optimistic, the more so the fewer the rows: thresholds and score come from the
        same ones. `cv_score_` is the estimate to quote.
    cv_score_ : float
        The metric of the same scores, each fold cut at the thresholds that the other
        folds give; the counts of all folds are added up first. Where there is one fold
        only (a float `cv`, "prefit", a frozen estimator) its rows are parted in five,
        which keep the share of every label with fewer than 300 positives, or in two
        where there is no such label. NaN for a single row.
    curves_ : list of n_labels dicts
        Of every label, on the scores used in the search: ``"thresholds"``, its finite
        thresholds in ascending order, and ``"scores"``, the `metric` of that label
        alone at each of them. Defined if `store_curves` is True.
    score_map_ : ndarray of shape (n_labels, 3)
        Slope and intercept of the sigmoid that makes a probability of each label's
        score, and how far scores that are probabilities are drawn from 0 and 1 before
        their log-odds go into it. Defined if labels are decided from expected counts,
        or with `exactly_k`.
    worth_ : ndarray of shape (n_labels, 2)
        What each label adds to the metric in a row that has it, and in one that has
        not. Defined with `exactly_k`, unless the highest scores do as well.
    size_estimator_ : estimator instance
        Fitted to the labels together with set sizes. Defined if
        ``set_sizes="learnt"``, as `best_score_` and `cv_score_` are not.
    size_pairs_ : ndarray of shape (n_pairs, 2)
        Label and set size of each of its targets.
    response_method_ : {"predict_proba", "decision_function"}
        Where the scores come from.
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Column names of `y`. Defined if `y` was a DataFrame.
    classes_ : ndarray of shape (n_labels, 2)
        0 and 1 for every label, the form that scikit-learn's scorers and
        `cross_val_predict` take.
    n_features_in_ : int
        Number of features. Defined if `estimator_` has it.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features. Defined if `estimator_` has it.

    See Also
    --------
    sklearn.model_selection.TunedThresholdClassifierCV : For a binary target.
    sklearn.frozen.FrozenEstimator : Keep a fitted estimator as it is.
    MultiLabelStratifiedGroupKFold : A `cv` for rows that must not be torn apart.

    Notes
    -----
    With ``decision="cut"`` macro and weighted averages, and micro averages of the named
    metrics, which are found by Dinkelbach's iteration [1]_, are maximised exactly where
    no shrinkage, bound or rule is active; "global" and "top_k" are exact always. The
    best threshold for F1 is half the best F1, and not 0.5 [2]_. The page on thresholds
    in the user guide says how each search works, and where among equals a threshold is
    put.

    What bias `cv_score_` has is rather pessimistic: the classifiers of the folds have
    seen fewer rows than the refitted one. Rows that belong together must not be torn
    apart: give a group splitter as `cv`.

    Unknown targets (NaN) are left out entry by entry: of the search, of every metric
    and of `threshold_std_`. The estimator has to take them itself.

    Sets of independent labels are found in O(n_labels * n_sizes) for a row [6]_, those
    of learnt sizes by the general maximisation of F-measures [7]_.

    With `confidence` the thresholds of a label are tested for its precision all at
    once: the hits among the rows of highest score, counted row by row, are compared
    with a boundary that those of a label of too low a precision would reach anywhere
    with no more than the error allowed, which is computed exactly. It holds wherever
    precision does not fall as the threshold rises. Recall is tested by exact binomial
    tests in an order fixed beforehand, until one fails [3]_, and so is a mean row, by
    p-values of Hoeffding and Bentkus [4]_: exact for its recall, and for its precision
    where the mean does not fall as the threshold rises. "expectation" is conformal risk
    control [5]_.

    Sample weights go to the estimator and to the metric, and count as that many rows.
    Their scale tells how much is known of a label, so that weights that sum to 1 make
    every label a rare one, and `shrinkage` all thresholds alike: let their mean be 1.
    An estimator that takes no `sample_weight` is fitted without, with a warning.

    References
    ----------
    .. [1] W. Dinkelbach, "On nonlinear fractional programming", Management Science
       13(7), 1967. :doi:`10.1287/mnsc.13.7.492`
    .. [2] Z. C. Lipton, C. Elkan, B. Narayanaswamy, "Optimal thresholding of
       classifiers to maximize F1 measure", ECML PKDD 2014. :arxiv:`1402.1892`
    .. [3] A. N. Angelopoulos, S. Bates, E. J. Candes, M. I. Jordan, L. Lei, "Learn
       then test: calibrating predictive algorithms to achieve risk control", Annals
       of Applied Statistics 19(2), 2025. :arxiv:`2110.01052`
    .. [4] S. Bates, A. N. Angelopoulos, L. Lei, J. Malik, M. I. Jordan,
       "Distribution-free, risk-controlling prediction sets", Journal of the ACM 68(6),
       2021. :arxiv:`2101.02703`
    .. [5] A. N. Angelopoulos, S. Bates, A. Fisch, L. Lei, T. Schuster, "Conformal risk
       control", ICLR 2024. :arxiv:`2208.02814`
    .. [6] N. Ye, K. M. A. Chai, W. S. Lee, H. L. Chieu, "Optimizing F-measures: a tale
       of two approaches", ICML 2012. :arxiv:`1206.4625`
    .. [7] K. Dembczynski, W. Waegeman, W. Cheng, E. Huellermeier, "An exact algorithm
       for F-measure maximization", NIPS 2011.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.multiclass import OneVsRestClassifier
    >>> from sklearn_clip.thresholds import ThresholdOptimizer
    >>> X, Y = make_multilabel_classification(n_classes=4, random_state=0)
    >>> head = OneVsRestClassifier(LogisticRegression())
    >>> tuned = ThresholdOptimizer(head, average="macro", random_state=0).fit(X, Y)
    >>> tuned.thresholds_.shape
    (4,)
    >>> tuned.predict(X[:2]).shape
    (2, 4)
    >>> tuned.cv_score_ < tuned.best_score_
    True
    """

    # Sparse targets are made dense for an inner estimator that does not keep them so.
    _keeps_sparse_targets = True
    _parameter_constraints: dict = {
        "estimator": [
            HasMethods(["fit", "predict_proba"]),
            HasMethods(["fit", "decision_function"]),
        ],
        "metric": [StrOptions(set(METRICS)), callable],
        "average": [StrOptions(set(AVERAGES))],
        "strategy": [StrOptions({"per_label", "global", "top_k"})],
        "beta": [Interval(Real, 0, None, closed="left")],
        "min_precision": [Interval(Real, 0, 1, closed="right"), None],
        "min_recall": [Interval(Real, 0, 1, closed="right"), None],
        "confidence": [
            Interval(Real, 0, 1, closed="neither"),
            StrOptions({"expectation"}),
            None,
        ],
        "at_least_one": ["boolean"],
        "max_labels": [Interval(Integral, 1, None, closed="left"), None],
        "shrinkage": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="both"),
            None,
        ],
        "cv": [
            "cv_object",
            StrOptions({"prefit"}),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "refit": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "store_curves": ["boolean"],
        "family_error": [Interval(Real, 0, 1, closed="neither"), None],
        "decision": [StrOptions({"auto", "cut", "expected"})],
        "set_sizes": [StrOptions({"independent", "learnt"})],
        "transductive": ["boolean"],
        "exactly_k": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        estimator,
        *,
        metric: Any = "f1",
        average="macro",
        strategy="per_label",
        beta=1.0,
        min_precision=None,
        min_recall=None,
        confidence=None,
        at_least_one=False,
        max_labels=None,
        shrinkage: Any = "auto",
        cv: Any = 5,
        refit=True,
        n_jobs=None,
        random_state=None,
        store_curves=False,
        family_error=None,
        decision="auto",
        set_sizes="independent",
        transductive=False,
        exactly_k=None,
    ):
        self.estimator = estimator
        self.metric = metric
        self.average = average
        self.strategy = strategy
        self.beta = beta
        self.min_precision = min_precision
        self.min_recall = min_recall
        self.confidence = confidence
        self.at_least_one = at_least_one
        self.max_labels = max_labels
        self.shrinkage = shrinkage
        self.cv = cv
        self.refit = refit
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.store_curves = store_curves
        self.family_error = family_error
        self.decision = decision
        self.set_sizes = set_sizes
        self.transductive = transductive
        self.exactly_k = exactly_k

    # The inner estimator is checked by its own `fit`.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, **fit_params):
        """Choose the thresholds and fit the estimator.

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
            Row weights, for the estimator and the metric.
        **fit_params : dict
            Passed to the estimator's `fit`, those of length n_samples cut to the rows
            of each fold. `groups` goes to the splitter. With metadata routing enabled
            the requests of both decide.

        Returns
        -------
        self : ThresholdOptimizer
            The fitted instance.

        Raises
        ------
        ValueError
            If `y` is not 2-dimensional or holds anything but 0, 1 and NaN, if its
            columns are not in the order of the labels that the estimator knows, if
            `refit` is False and `cv` has several splits, if a bound is given twice or
            cannot be kept, or if `decision`, `set_sizes`, `transductive` and
            `exactly_k` do not go with each other or with the rest.
        TypeError
            If the fitted estimator has neither `predict_proba` nor
            `decision_function`, or if a prefit or frozen one is given `fit_params`.
        sklearn.exceptions.NotFittedError
            If a prefit or frozen estimator is not fitted.

        Warns
        -----
        UserWarning
            If labels that have positives have fewer of them than there are folds, if no
            threshold keeps a bound for a label, if a bound without `confidence` does
            not hold on rows that the thresholds were not chosen on, or if the scores of
            a label are the same in every row.
        """
        targets, names = check_indicator(
            y, one_dimensional_hint=WRAP_OUTSIDE, keep_sparse=True
        )
        (X,) = indexable(X)
        check_same_length(X, targets)
        warn_of_row_order(X, y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, targets, ensure_non_negative=True
            )
            fit_params["sample_weight"] = sample_weight
        bound = read_bound(
            self, held_out=self._is_held_out(), weighted=sample_weight is not None
        )
        decision = resolve_decision(self)
        for name in ("size_estimator_", "size_pairs_", "label_names_"):
            self.__dict__.pop(name, None)
        if self.set_sizes == "learnt":
            dense = targets.toarray() if sparse.issparse(targets) else targets
            self._fit_sizes(X, dense, fit_params)
            folds = []
        else:
            self.estimator_, folds = fit_and_score(
                self,
                X,
                targets,
                fit_params,
                names,
                learns="thresholds",
                at_random=bound is not None and bound.confidence is not None,
            )
        check_label_order(self.estimator_, y)
        self.n_labels_ = targets.shape[1]
        if names is not None:
            self.label_names_ = names
        self._set_fitted(folds, targets, sample_weight, bound, decision)
        for name in ("n_features_in_", "feature_names_in_"):
            self.__dict__.pop(name, None)
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def _is_held_out(self):
        """Whether the scores are those of the very classifier that predicts."""
        return is_prefit(self) or not self.refit

    def _fit_sizes(self, X, Y, params):
        """Set `estimator_` and the one that tells labels and set sizes together."""
        if is_prefit(self):
            raise ValueError(
                "set_sizes='learnt' fits the estimator to other targets, so it must be "
                "neither prefit nor frozen. Pass set_sizes='independent'."
            )
        weight = params.get("sample_weight")
        rows, self.size_pairs_, indicators = joint_targets(Y, weight)
        self.estimator_, self.size_estimator_ = fit_sizes(
            self, X, Y, rows, indicators, params
        )

    def _set_fitted(self, folds, Y, sample_weight, bound, decision):
        """Set the learned thresholds and what is known about them."""
        for name in FittedThresholds._fields:
            self.__dict__.pop(f"{name}_", None)
        self.unmet_labels_ = []
        if not folds:
            self.response_method_ = "predict_proba"
            return
        self.response_method_ = folds[0].method
        tuner = self._tuner(bound)._replace(decision=decision, exactly=self.exactly_k)
        fitted, crossed = fit_thresholds(
            tuner,
            folds,
            Y,
            sample_weight,
            shrinkage=self.shrinkage,
            store_curves=self.store_curves,
        )
        if tuner.by_sets:
            fitted = fitted._replace(thresholds=None, threshold_std=None)
        for name, value in fitted._asdict().items():
            if value is not None:
                setattr(self, f"{name}_", value)
        names = self._names()
        both = np.minimum(*count_values(Y)) > 0
        warn_of_constant([fold.scores for fold in folds], both, names)
        if bound is not None:
            unmet = np.flatnonzero(self.thresholds_ == np.inf)
            self.unmet_labels_ = [names[label] for label in unmet]
            warn_of_unmet(self.unmet_labels_, bound)
            warn_of_broken(
                bound,
                crossed.label_tally,
                self.thresholds_,
                strategy=self.strategy,
                held_out=self._is_held_out(),
            )
