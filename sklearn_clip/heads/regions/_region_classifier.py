"""The meta-estimator that scores the whole of a picture and its regions."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_clip._shared import (
    POOLINGS,
    HasMethods,
    Interval,
    MaskedAccuracyMixin,
    MultiLabelMetaMixin,
    RealNotInt,
    StrOptions,
    _check_sample_weight,
    _fit_context,
    add_regions,
    check_indicator,
    check_label_order,
    check_same_length,
    warn_of_row_order,
    without_tensor,
)
from sklearn_clip.heads.regions._agreement import usual_agreement
from sklearn_clip.heads.regions._fitting import fit_and_score_parts
from sklearn_clip.heads.regions._layout import read_layout
from sklearn_clip.heads.regions._part_scores import (
    N_TRIED,
    find_method,
    score_parts,
    score_regions,
)
from sklearn_clip.heads.regions._weight_choice import choose_weight

_WRAP_OUTSIDE = (
    "For a single label pass y.reshape(-1, 1), or y.to_frame() of a Series; a "
    "classifier that knows one label only is wrapped inside: "
    "RegionClassifier(OneVsRestClassifier(...))."
)


def _gives_probabilities(self):
    """Check for `available_if`: only what has probabilities inside gives them."""
    estimator = getattr(self, "estimator_", self.estimator)
    if not hasattr(estimator, "predict_proba"):
        raise AttributeError(
            f"{type(estimator).__name__} has no predict_proba, and its decision values "
            "are no log-odds. MultiLabelCalibrator(RegionClassifier(...)) makes "
            "probabilities of them."
        )
    return True


def _takes_nan(estimator):
    """Whether a classifier, what is inside it or its first step says so of itself."""
    while estimator is not None:
        if get_tags(estimator).input_tags.allow_nan:
            return True
        if hasattr(estimator, "steps"):  # whose own tags do not tell
            steps = (step for _, step in estimator.steps)
            estimator = next((s for s in steps if s not in (None, "passthrough")), None)
        else:
            estimator = getattr(estimator, "estimator", None)
    return False


class RegionClassifier(
    MultiLabelMetaMixin, MaskedAccuracyMixin, MetaEstimatorMixin, BaseEstimator
):
    r"""Score pictures as wholes and in their parts, with any multi-label classifier.

    One vector of a picture is taken up by the largest thing in it. With
    ``CLIPFeaturizer(regions=...)`` a row holds the vector of the picture and those of
    its regions. This meta-estimator fits a classifier on the pictures, scores every
    region with it as if it were a picture of its own, and adds what the regions say of
    a label to what the picture says of it.

    Parameters
    ----------
    estimator : estimator instance
        Multi-label classifier with `predict_proba` or `decision_function`, in any of
        scikit-learn's output shapes. It sees rows of one vector, with what stands
        behind the regions (a text, indicators) kept beside it.
    pooling : {"softmax", "max", "mean_top_k"}, default="softmax"
        How the log-odds s of the regions become one:

        - "softmax": a smooth maximum, ``0.7 * log(mean(exp(s / 0.7)))``;
        - "max": the highest, which finds small things and is easily fooled;
        - "mean_top_k": the mean of the two highest.
    weight : float >= 0 or "auto", default="auto"
        Weight of the odds of the regions beside those of the picture, of a row whose
        regions are as alike as is usual (see Notes); 0 is `estimator` on pictures
        alone. "auto" is the largest of 0, 1/8, 1/4, 1/2, 1, 2 and 4 that
        out of fold loses at most 0.005 of the mean average precision of 0: pictures to
        come may hold more things at once than those that were labelled.
    fit_on : {"global", "all"}, default="global"
        What `estimator` is fitted on: pictures; or these and, for every label of a
        picture, the region that shows it best to a classifier of pictures
        (multiple-instance learning, see Notes).
    layout : "auto" or tuple of int (embedding_dim, n_regions), default="auto"
        How a row is made up: `embedding_dim` columns of the picture, as many for each
        of the `n_regions` regions, and what is kept with each of them. "auto" goes by
        the column names of the featurizer, or by the length of 1 that each part has. It
        has to be said where columns were scaled on the way, or others stand behind.
    cv : int, float, "prefit", splitter or iterable, default=5
        Where the scores come from by which ``weight="auto"`` chooses:

        - int: that many folds of :class:`MultiLabelStratifiedKFold`, shuffled and
          seeded by `random_state`; None means 5;
        - float in (0, 1): one held-out part of that size;
        - "prefit": `estimator` is fitted already, on rows of one vector, and all rows
          given to `fit` are new to it;
        - a scikit-learn splitter, or an iterable of (train, test) indices.

        A :class:`~sklearn.frozen.FrozenEstimator` is scored as with "prefit", and
        unlike that survives :func:`~sklearn.base.clone`.
    n_jobs : int or None, default=None
        Folds fitted in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling for an int or float `cv`.

    Attributes
    ----------
    estimator_ : estimator instance
        The classifier, fitted on all rows.
    layout_ : tuple of int (embedding_dim, n_regions)
        How a row is made up.
    weight_ : float
        The weight in use.
    weight_scores_ : dict of float to float
        Macro mean average precision out of fold, by weight. Empty where there was
        nothing to choose, or no label with positives and negatives to choose by.
    agreement_ : tuple of float (mean, spread)
        How alike the regions of the rows of `fit` are: (weighted) mean and standard
        deviation of the length of the mean of their unit vectors, in [0, 1].
    response_method_ : {"predict_proba", "decision_function"}
        What log-odds are made of: decision values where they are the log-odds of the
        probabilities, or there are none of these; else probabilities.
    n_labels_ : int
        Number of labels.
    label_names_ : ndarray of shape (n_labels,)
        Column names of `y`. Defined if `y` was a DataFrame.
    classes_ : ndarray of shape (n_labels, 2)
        0 and 1 for every label.
    n_features_in_ : int
        Number of columns of a row.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns. Defined if `X` was a DataFrame of named columns.

    See Also
    --------
    sklearn_clip.CLIPFeaturizer : Makes the rows, by its parameter `regions`.
    sklearn_clip.ZeroShotClassifier : Pools regions as well, without labelled rows.
    sklearn_clip.ThresholdOptimizer : Chooses the cuts; it stands around this one.

    Notes
    -----
    With the log-odds g of a picture and p of its pooled regions the score is

    .. math:: \log \frac{e^g + w e^p}{1 + w}, \qquad w = w_0 \, e^{(m - a) / s}.

    It is the residual attention of [1]_ with odds in the place of scores: a label
    that one region is sure of stays one, whatever the whole says, which the sum of
    log-odds would average away, and no score lies beyond those of the picture and its
    regions. Of a picture of several things the regions are less alike, and count more:
    a is the length of the mean of their unit vectors, m and s its mean and standard
    deviation over the rows of `fit`, and the exponent is held between -4 and 4. A row
    without a picture keeps the score of the rest of it.

    With ``fit_on="all"`` a region that witnesses some labels of its picture is negative
    for the others, except for those that the classifier of pictures predicts for it
    [2]_; a picture without labels gives the region with the highest score, as a
    negative of all. That is one round: others changed no score for the better. Unknown
    labels (NaN) stay unknown.

    References
    ----------
    .. [1] K. Zhu, J. Wu, "Residual attention: a simple but effective method for
       multi-label recognition", ICCV 2021. :arxiv:`2108.02456`
    .. [2] S. Andrews, I. Tsochantaridis, T. Hofmann, "Support vector machines for
       multiple-instance learning", NIPS 2002.

    Examples
    --------
    >>> from PIL import Image, ImageDraw
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_clip import (
    ...     CLIPFeaturizer,
    ...     MultiLabelLogisticRegression,
    ...     RegionClassifier,
    ... )
    >>> def draw(*colors):
    ...     picture = Image.new("RGB", (96, 96), "white")
    ...     for at, color in enumerate(colors):
    ...         box = (48 * (at % 2) + 8, 48 * (at // 2) + 8)
    ...         ImageDraw.Draw(picture).ellipse((*box, box[0] + 32, box[1] + 32), color)
    ...     return picture
    >>> colors = ["red", "blue", "green"]
    >>> X = [draw(colors[i % 3], *[None] * (i // 3)) for i in range(12)]
    >>> Y = [[int(i % 3 == label) for label in range(3)] for i in range(12)]
    >>> tagger = make_pipeline(
    ...     CLIPFeaturizer("clipart-tiny", text=None, regions="2x2"),
    ...     RegionClassifier(MultiLabelLogisticRegression(C=100), cv=3, random_state=0),
    ... ).fit(X, Y)
    >>> tagger[-1].layout_
    (384, 4)
    >>> tagger.predict_proba([draw("red", "green")]).shape
    (1, 3)
    """

    _parameter_constraints: dict = {
        "estimator": [
            HasMethods(["fit", "predict_proba"]),
            HasMethods(["fit", "decision_function"]),
        ],
        "pooling": [StrOptions(set(POOLINGS))],
        "weight": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "fit_on": [StrOptions({"global", "all"})],
        "layout": [StrOptions({"auto"}), "array-like"],
        "cv": [
            "cv_object",
            StrOptions({"prefit"}),
            Interval(RealNotInt, 0, 1, closed="neither"),
        ],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        pooling="softmax",
        weight: Any = "auto",
        fit_on="global",
        layout: Any = "auto",
        cv: Any = 5,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.pooling = pooling
        self.weight = weight
        self.fit_on = fit_on
        self.layout = layout
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    # The inner estimator is checked by its own `fit`.
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, **fit_params):
        """Fit the classifier, and choose the weight of the regions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows [picture | region 1 | ... | region r | ...].
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            Targets of 0 and 1, NaN where they are unknown. The estimator receives
            them as a dense integer array, or float with NaN if some are unknown.
        sample_weight : array-like of shape (n_samples,), default=None
            Row weights of at least 0, for the estimator, `agreement_` and the choice
            of the weight.
        **fit_params : dict
            Passed to the estimator's `fit`, those of length n_samples cut to the rows
            of each fold. `groups` goes to the splitter. With metadata routing enabled
            the requests of both decide.

        Returns
        -------
        self : RegionClassifier
            The fitted instance.

        Raises
        ------
        ValueError
            If `layout` does not fit the rows, or "auto" finds no regions in them; if
            `X` holds NaN and the estimator takes none; if `y` is not 2-dimensional or
            holds anything but 0, 1 and NaN; or if a prefit or frozen estimator is to
            be fitted on regions.
        TypeError
            If the fitted estimator has neither `predict_proba` nor
            `decision_function`, or if a prefit or frozen one is given `fit_params`.
        sklearn.exceptions.NotFittedError
            If a prefit or frozen estimator is not fitted.
        """
        rows_given, X = X, self._read_rows(X, reset=True)
        targets, names = check_indicator(y, one_dimensional_hint=_WRAP_OUTSIDE)
        check_same_length(X, targets)
        warn_of_row_order(rows_given, y)
        columns = getattr(self, "feature_names_in_", None)
        self._layout = layout = read_layout(self.layout, X, columns)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, targets, ensure_non_negative=True
            )
            fit_params["sample_weight"] = sample_weight
        self.estimator_, parts, rows = fit_and_score_parts(
            self, layout, X, targets, fit_params, names
        )
        check_label_order(self.estimator_, y)
        self.__dict__.pop("label_names_", None)
        self.n_labels_ = targets.shape[1]
        if names is not None:
            self.label_names_ = names
        self.layout_ = layout.embedding_dim, layout.n_regions
        self.response_method_ = find_method(
            self.estimator_, layout.whole(X[:N_TRIED]), self.n_labels_
        )
        self.agreement_ = usual_agreement(layout, X, sample_weight)
        self.weight_, self.weight_scores_ = self.weight, {}
        if parts is not None:
            self.weight_, self.weight_scores_ = choose_weight(
                parts,
                self.agreement_.factors(layout, X)[rows],
                targets[rows],
                None if sample_weight is None else sample_weight[rows],
            )
        self.weight_ = float(self.weight_)
        return self

    def _read_rows(self, X, *, reset):
        """Check rows; NaN only where the estimator takes it."""
        X = validate_data(
            self,
            without_tensor(X, "X"),
            dtype=[np.float32, np.float64],
            ensure_all_finite="allow-nan",
            reset=reset,
        )
        if not _takes_nan(self.estimator):
            empty = np.isnan(X).any(axis=1)
            if empty.any():
                raise ValueError(
                    "X must not hold NaN, which "
                    f"{type(self.estimator).__name__} does not take. Got Input X "
                    f"contains NaN (row {int(empty.argmax())}). Take "
                    "CLIPFeaturizer(on_error='zero'), or leave these rows out."
                )
        return X

    def decision_function(self, X):
        """Score every label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, as for `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), dtype=float64
            Log-odds of picture and regions together; above 0 for labels that are
            predicted. Where the estimator has decision values alone, these take their
            place.
        """
        check_is_fitted(self, "weight_")
        X = self._read_rows(X, reset=False)
        parts = score_parts(
            self.estimator_,
            self._layout,
            X,
            self.n_labels_,
            self.response_method_,
            self.pooling,
        )
        factors = self.agreement_.factors(self._layout, X)
        return add_regions(*parts, self.weight_ * factors)

    @available_if(_gives_probabilities)
    def predict_proba(self, X):
        """Predict the probability of every label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, as for `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), dtype=float64
            P(label = 1), in [0, 1]: the weighted mean of the odds of the picture and
            of its regions, as a probability.
        """
        return expit(self.decision_function(X))

    def predict(self, X):
        """Predict the labels whose log-odds are above 0.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, as for `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), dtype=int64
            Labels of 0 and 1; cuts of `estimator` are not used.
            :class:`~sklearn_clip.ThresholdOptimizer` around this classifier finds
            better ones.
        """
        return (self.decision_function(X) > 0).astype(np.int64)

    def score_regions(self, X):
        """Score every label in every region: where in the picture a label was seen.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, as for `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_regions, n_labels), dtype=float64
            Log-odds of the regions, each with what stands behind them in the row; in
            the order of the boxes of `CLIPFeaturizer.encode_regions`.
        """
        check_is_fitted(self, "weight_")
        X = self._read_rows(X, reset=False)
        return score_regions(
            self.estimator_, self._layout, X, self.n_labels_, self.response_method_
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = _takes_nan(self.estimator)
        return tags
