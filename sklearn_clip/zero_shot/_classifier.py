"""The zero-shot classifier: rows through a featurizer against label prompts."""

from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._featurizer import CLIPFeaturizer
from sklearn_clip._shared import (
    POOLINGS,
    Interval,
    StrOptions,
    _fit_context,
    clean_name,
)
from sklearn_clip.embedding import (
    Background,
    embed_prompts,
    read_classes,
    read_templates,
)
from sklearn_clip.zero_shot._adaptation import (
    ADAPTATIONS,
    check_adaptation,
    read_prior,
)
from sklearn_clip.zero_shot._background import read_background
from sklearn_clip.zero_shot._checks import read_logits
from sklearn_clip.zero_shot._fitting import PromptFitting
from sklearn_clip.zero_shot._scoring import SCORINGS


class ZeroShotClassifier(PromptFitting):
    r"""Label rows by the words for the labels; no training rows are needed.

    Every label is put into prompts, such as "a photo of a dog", and embedded once. A
    row is scored by its cosine with each of them. Any number of labels may be true of a
    row, so by default a label competes with general words, not with the other labels.

    Parameters
    ----------
    classes : list of str, or dict of str to str or list of str
        The labels in words: names, or names with descriptions that are used instead of
        them, for example ``{"crane": ["crane, a bird", "wading bird"]}``.
    featurizer : CLIPFeaturizer, FrozenEstimator of one, or None, default=None
        What embeds rows and prompts; it is cloned, unless frozen. None is
        ``CLIPFeaturizer(text=None)``: images alone count, and a column of texts beside
        them is not read. For captions to count too give ``fusion="mean"``, for texts
        alone ``image=None``. With ``regions=`` the regions of a picture are scored as
        it is, and add to its scores.
    templates : str or list of str, default="default"
        Where the labels are put: ``"default"``, ``"photo"``, ``"product"``,
        ``"drawing"`` or ``"none"`` of `sklearn_clip.zero_shot.TEMPLATES`, or your own,
        with ``{}`` or ``{label}`` for the label. The embeddings of all prompts of a
        label are averaged and scaled to length 1. Descriptions that are sentences want
        ``"none"``. Which words suit a model is seen with :meth:`prompt_report`.
    background : "default" or list of str, default="default"
        What else a row may show, for ``scoring="contrast"``; put into the same
        templates. A text that is also a description of a label is no alternative to
        that label.
    scoring : {"contrast", "sigmoid", "softmax", "cosine"}, default="contrast"
        How cosines become scores:

        - "contrast": the share of the label in a softmax of this one label and all
          background texts. Probabilities are independent of the other labels;
        - "sigmoid": :math:`\sigma(\text{scale} \cdot \cos + \text{bias})` with the
          scale and bias of the model, which only models of SigLIP's kind have; others
          need ``calibrate=True``;
        - "softmax": the labels compete, and the probabilities of a row add up to 1;
        - "cosine": the similarity itself, which is no probability: there is no
          `predict_proba`, and `threshold` has to be given.
    logit_scale : float or "model", default="model"
        Factor of the cosines in logits, the inverse of the temperature. ``"model"`` is
        what the model was trained with.
    threshold : "auto", float, array-like of shape (n_labels,), dict, Series or None, \
            default="auto"
        A label is predicted from this score on: a probability, or for uncalibrated
        ``"cosine"`` a cosine. A dict or Series names labels and leaves the others at
        ``"auto"``, infinity is never, and None leaves all to `top_k`. ``"auto"`` is
        0.2, and with ``calibrate=True`` a threshold per label for the best expected F1.
        For cosines there is none. It is read by `fit`; `top_k` and `at_least_one` are
        read at every prediction, and may be changed with ``set_params`` on the fitted
        object.
    top_k : int or None, default=None
        Labels of a row at most: of those that reach their thresholds, the ones of the
        highest scores.
    at_least_one : bool, default=False
        Give a row without a label the one of the highest score.
    calibrate : bool, default=False
        Let ``fit(X, y)`` learn a scale and a bias per label. Labels share what they
        have in common, so that few rows, of few labels, are enough.
    region_pooling : {"softmax", "max", "mean_top_k"}, default="softmax"
        How the scores of regions become one, for a featurizer with ``regions=``, as
        the parameter `pooling` of :class:`RegionClassifier`.
    region_weight : float, default=1.5
        Weight of the odds of the regions beside those of the picture, at least 0. Both
        are read at every prediction; with ``calibrate=True`` the calibration is of the
        values at `fit`.
    adapt : {"scores", "captions", "images"} or None, default=None
        What ``fit(X)`` learns from rows whose labels nobody knows, which should be like
        those to come; a `y` is not looked at for it.

        - "scores": per label the scale and the level of its scores, so that its mean
          probability over the rows is its `prior`. The order within a label stays;
        - "captions": vectors of labels move towards the captions that contain their
          names, vectors of rows towards the captions that are nearest. Captions should
          be of things like those in the rows;
        - "images": to the score of the prompts that of a Gaussian classifier is added,
          fitted to the vectors (of pictures and their regions) that the prompts are
          confident of. Texts are not needed.

        "captions" and "images" leave the mean of all probabilities, captions that of
        each label too, unless there is a `prior`. For cosines, and for sigmoids of a
        model without a bias, there is only "captions".
    prior : float, array-like of shape (n_labels,), dict, Series or None, default=None
        How often labels occur, in [0, 1], for any `adapt`: mean probabilities over the
        rows at `fit` become this. A dict, or a Series with names, names labels, and NaN
        stands for what is not known. One number is the mean over all labels, each of
        which keeps its share; an array of equal numbers is for labels that are equally
        frequent. What is not given is estimated from the rows; the estimate stays near
        what zero-shot says, for rows without labels cannot tell more. 0 and 1 are taken
        as 0.0001 and 0.9999.
    captions : array-like of str or None, default=None
        Texts for ``adapt="captions"``. None takes the texts of X, the column or key
        ``"text"`` where the featurizer reads images alone. Missing ones are left out.

    Attributes
    ----------
    featurizer_ : CLIPFeaturizer or FrozenEstimator
        The featurizer in use.
    label_names_ : ndarray of shape (n_labels,), dtype object
        The names.
    label_embeddings_ : ndarray of shape (n_labels, embedding_dim), dtype float32
        One unit vector per label, for example for :class:`TipAdapterClassifier`. With
        ``adapt="captions"`` these are the moved ones.
    background_ : Background or None
        The background texts as one unit vector each, with `logit_scale_` and the texts
        that are the labels' own, for the same heads; None unless
        ``scoring="contrast"``.
    logit_scale_ : float
        The factor in use.
    logit_bias_ : float or None
        The bias the model was trained with, None if without.
    thresholds_ : ndarray of shape (n_labels,)
        The thresholds; minus infinity without, NaN where one has to be given first.
    slope_, intercept_ : ndarray of shape (n_labels,)
        The log-odds are ``slope_ * score + intercept_``. Only with ``calibrate=True``
        or `adapt`, and not for cosines.
    prior_ : ndarray of shape (n_labels,)
        Mean probabilities over the rows at `fit` after adapting: the `prior`, or what
        stands for it. Of few rows they are shrunk towards those of all labels. Only
        with `adapt`, and not for cosines.
    classes_ : ndarray of shape (n_labels, 2)
        0 and 1 for every label.

    See Also
    --------
    TipAdapterClassifier : Adds a memory of few labelled rows.
    RegionClassifier : Regions for any classifier that is fitted on labelled rows.
    ThresholdOptimizer : Chooses the thresholds on labelled rows.
    suggest_labels : Finds words that describe rows, where there are no classes yet.
    CLIPFeaturizer : What X may be, and how broken images are dealt with.

    Notes
    -----
    With unit embeddings f of a row, t of a label and b of the background, and the
    model's scale s, contrast is

    .. math:: p = \frac{e^{s f \cdot t}}{e^{s f \cdot t} + \sum_j e^{s f \cdot b_j}}.

    Scores rank rows within a label. Those of two labels are not on one scale, since the
    model likes some words better than others: compare labels within a row, as
    `top_labels`, `top_k` and GAP do, after ``calibrate=True``, or `adapt` with a
    `prior` that is known, rather than before.

    Where rows have regions, their pooled log-odds q are added to those of the picture,
    g, as :math:`\log((e^g + w e^q) / (1 + w))`, before labels compete under
    ``scoring="softmax"``, and before calibration. Cosines are pooled times
    `logit_scale_`.

    A row that shows nothing (a missing item, or a broken image with
    ``on_error="zero"``) has the probability 0, or cosine -1, for all labels; with
    ``on_error="nan"`` its scores are NaN. It gets no label either way, not by `top_k`
    or `at_least_one`, and a warning names it.

    Scores are computed in blocks of rows, in the array that is returned. Adapting keeps
    a histogram of each label's scores, not the scores. What is kept of rows without
    labels, in a pickle too: two numbers per label; with "images" a vector per label
    more; with "captions" a vector of 16-bit floats for every distinct caption, and no
    text.

    References
    ----------
    .. [1] Radford et al., "Learning Transferable Visual Models From Natural Language
       Supervision", 2021. :arxiv:`2103.00020`
    .. [2] Zhai et al., "Sigmoid Loss for Language Image Pre-Training", 2023.
       :arxiv:`2303.15343`

    Examples
    --------
    >>> from PIL import Image, ImageDraw
    >>> from sklearn_clip import CLIPFeaturizer, ZeroShotClassifier, top_labels
    >>> flag = Image.new("RGB", (90, 60), "white")
    >>> ImageDraw.Draw(flag).rectangle((0, 0, 30, 60), fill="green")
    >>> ImageDraw.Draw(flag).rectangle((60, 0, 90, 60), fill="red")
    >>> clip = CLIPFeaturizer("clipart-tiny", text=None)
    >>> model = ZeroShotClassifier(["bird", "flag", "fruit"], clip).fit()
    >>> [name for name, probability in top_labels(model, [flag], k=1)[0]]
    ['flag']
    """

    _parameter_constraints: dict = {
        "classes": ["array-like", dict],
        "featurizer": [CLIPFeaturizer, FrozenEstimator, None],
        "templates": [str, "array-like"],
        "background": [StrOptions({"default"}), "array-like"],
        "scoring": [StrOptions(set(SCORINGS))],
        "logit_scale": [
            StrOptions({"model"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "threshold": [StrOptions({"auto"}), Real, "array-like", dict, None],
        "top_k": [Interval(Integral, 1, None, closed="left"), None],
        "at_least_one": ["boolean"],
        "calibrate": ["boolean"],
        "region_pooling": [StrOptions(set(POOLINGS))],
        "region_weight": [Interval(Real, 0, None, closed="left")],
        "adapt": [StrOptions(set(ADAPTATIONS)), None],
        "prior": [Real, "array-like", dict, None],
        "captions": ["array-like", None],
    }

    def __init__(
        self,
        classes,
        featurizer=None,
        *,
        templates: Any = "default",
        background: Any = "default",
        scoring="contrast",
        logit_scale: Any = "model",
        threshold: Any = "auto",
        top_k=None,
        at_least_one=False,
        calibrate=False,
        region_pooling="softmax",
        region_weight=1.5,
        adapt=None,
        prior: Any = None,
        captions: Any = None,
    ):
        self.classes = classes
        self.featurizer = featurizer
        self.templates = templates
        self.background = background
        self.scoring = scoring
        self.logit_scale = logit_scale
        self.threshold = threshold
        self.top_k = top_k
        self.at_least_one = at_least_one
        self.calibrate = calibrate
        self.region_pooling = region_pooling
        self.region_weight = region_weight
        self.adapt = adapt
        self.prior = prior
        self.captions = captions

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X=None, y=None):
        """Embed the prompts, and learn from rows where parameters say so.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows, or None, default=None
            Rows as the featurizer takes them. Read only with `adapt`, or
            ``calibrate=True``.
        y : {array-like, sparse matrix, DataFrame} of shape (n, n_labels) or None, \
                default=None
            0 and 1, and NaN where a label is unknown, in the order of `classes`. Used
            only with ``calibrate=True``, but checked always.

        Returns
        -------
        ZeroShotClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If parameters contradict each other or the data, ``scoring="sigmoid"`` has
            neither a model with a bias nor ``calibrate=True``, or calibration or
            adapting has no rows, or no captions.
        WeightsUnavailableError
            If the model is neither on this machine nor to be fetched.
        """
        names, descriptions = read_classes(self.classes)
        templates = read_templates(self.templates)
        background = read_background(self.background)
        own = self._own_words(descriptions, background)
        targets = self._check(X, y, names)
        prior = read_prior(self.prior, names)
        clip = CLIPFeaturizer(text=None) if self.featurizer is None else self.featurizer
        clip = clone(clip)
        scale, bias = read_logits(clip)
        if self.scoring == "sigmoid" and bias is None and not self.calibrate:
            raise ValueError(
                "scoring='sigmoid' needs a model that was trained with a bias, as "
                "those of SigLIP's kind were. This one was not: its cosines have no "
                "zero. Learn one from labelled rows with calibrate=True, or use "
                "scoring='contrast'."
            )
        self.featurizer_ = clip
        given = self.logit_scale
        self.logit_scale_ = float(scale if given == "model" else given)
        self.logit_bias_ = bias
        check_adaptation(
            self.adapt,
            self.prior,
            X,
            is_probability=self._has_zero(),
            hint=f"scoring={self.scoring!r}",
        )
        self._templates, self._background = templates, background
        self._descriptions = descriptions
        self.label_names_ = np.array(names, dtype=object)
        self.label_embeddings_ = embed_prompts(clip, descriptions, templates)
        self.background_ = None
        if self.scoring == "contrast":
            words = self._embed_background(templates)
            self.background_ = Background(words, self.logit_scale_, own)
        for name in ("slope_", "intercept_", "_common", "prior_", "_bank", "_visual"):
            self.__dict__.pop(name, None)
        self.thresholds_ = self._read_thresholds(names, self.threshold)
        if self.adapt is None and not self.calibrate:
            return self
        features = self._features(X)
        if self.adapt is not None:
            self._adapt(X, features, prior)
        if self.calibrate:
            features = features if self._bank is None else self._bank.move(features)
            self._calibrate(features, targets)
        return self

    def add_classes(self, classes):
        """Add labels to the fitted ones, which keep their embeddings and thresholds.

        `classes` itself stays: a clone, or fitting again, forgets them. Under
        ``scoring="softmax"`` the new labels compete with the others from now on. With
        ``calibrate=True`` they get the scale and bias that all labels have in common.

        Parameters
        ----------
        classes : list of str, or dict of str to str or list of str
            New labels, in the form of the parameter `classes`.

        Returns
        -------
        ZeroShotClassifier
            This classifier.

        Raises
        ------
        ValueError
            If a label is there already, or the others are adapted to rows.
        """
        check_is_fitted(self)
        if self._is_adapted():
            raise ValueError(
                "add_classes has no rows to which new labels could be adapted as the "
                "others were. Fit again with all classes, or with adapt=None."
            )
        names, descriptions = read_classes(classes)
        known = set(map(clean_name, self.label_names_))
        for name in names:
            if clean_name(name) in known:
                raise ValueError(
                    f"classes must be new. Got {name!r}, which is there already."
                )
        own = self._own_words(descriptions, self._background)
        vectors = embed_prompts(self.featurizer_, descriptions, self._templates)
        count = len(known)
        if self.background_ is not None:
            own = {count + label: at for label, at in own.items()}
            own = self.background_.own | own
            self.background_ = replace(self.background_, own=own)
        self._descriptions = self._descriptions + descriptions
        self.label_names_ = np.append(self.label_names_, np.array(names, object))
        self.label_embeddings_ = np.concatenate([self.label_embeddings_, vectors])
        if hasattr(self, "slope_"):
            slope, intercept = self._common
            self.slope_ = np.append(self.slope_, np.full(len(names), slope, np.float32))
            self.intercept_ = np.append(
                self.intercept_, np.full(len(names), intercept, np.float32)
            )
        one_for_all = self.threshold is None or isinstance(self.threshold, str | Real)
        given = self.threshold if one_for_all else "auto"
        thresholds = self._read_thresholds(names, given)
        self.thresholds_ = np.append(self.thresholds_, thresholds)
        return self

    def __setstate__(self, state):
        """Give what was saved before there were these parameters their defaults."""
        super().__setstate__(
            {
                "region_pooling": "softmax",
                "region_weight": 1.5,
                "adapt": None,
                "prior": None,
                "captions": None,
                **state,
            }
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.input_tags.allow_nan = True
        return tags
