"""Tip-Adapter: label prompts, a probe, and a memory of the few labelled rows."""

from numbers import Real
from typing import Any

import numpy as np
from scipy.special import stdtrit
from sklearn.utils.validation import check_is_fitted

from sklearn_clip._shared import Interval, StrOptions, row_blocks
from sklearn_clip.heads.few_shot._prompt_head import PromptHead

# Weights of the memory against the prompts (both in units of the cosine), and how fast
# the memory forgets what is not alike. 0 is zero-shot.
_ALPHAS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_BETAS = (1.0, 3.0, 10.0, 30.0)
# Of the bound on what the memory gains; 28 pairs are tried.
_CONFIDENCE = 0.99
# Positives, of labels with two, below which the memory is left out.
_LEAST_JUDGED = 10


class TipAdapterClassifier(PromptHead):
    r"""Score labels by their prompts and by the labelled rows that are most alike.

    With the unit embedding f of a row, those of the label prompts, w, and those of the
    labelled rows, F, the score of label l is

    .. math:: f \cdot w_l + \alpha \frac{\sum_i Y_{il} e^{-\beta (1 - f \cdot F_i)}}
              {\sum_i Y_{il}}.

    The memory is an average over the positives of a label, not a sum as for classes
    that exclude each other: popular labels would gain mass.

    By default a linear probe takes the place of the memory: the score is
    :math:`a f \cdot w_l + b f \cdot v_l + c_l`, with the coefficients v of a logistic
    regression of the labelled rows, and weights a, b that all labels share. These are
    learnt from probes that have not seen the rows they score, and a is shrunk by what
    chance would have given it. So it is zero-shot where words say all, the logistic
    regression where they say nothing, and mostly better than both between.

    Parameters
    ----------
    label_embeddings : array-like of shape (n_labels, n_features)
        Embeddings of the labels in words, for example
        ``featurizer.encode_texts(["a drawing of a dog", ...])``, in the order of the
        columns of y. Where both are DataFrames, their names are compared.
    alpha : float or "auto", default="auto"
        Weight of the memory, at least 0. ``"auto"`` chooses it with `beta`, by the mean
        average precision of the labelled rows, each scored without its own entry; it is
        0, which is zero-shot, unless the gain is beyond chance. With a probe it is 0:
        a memory beside one gained little and cost up to 0.03 in the study.
    beta : float or "auto", default="auto"
        Sharpness of the memory, at least 0.
    background : Background or None, default=None
        General words, for example `background_` of a fitted
        :class:`~sklearn_clip.ZeroShotClassifier` of these labels in this order. A
        label then has to stand out from what a row has in common with them, as in its
        ``scoring="contrast"``: from every cosine is taken
        :math:`\log \sum_j e^{s f \cdot b_j} / s`, with the embeddings b of the words
        and their scale s.
    probe : bool or "auto", default="auto"
        Whether a linear probe of the rows joins the prompts, each with the weight that
        held-out rows give it. ``"auto"`` is yes where `alpha` and
        `beta` are ``"auto"`` and some label has two positives. False is the
        classifier without it.

    Attributes
    ----------
    alpha_, beta_ : float
        Weight and sharpness in use.
    prompt_weight_ : float
        Weight of the prompts' scores: 1 without a probe; with one, in units of the
        logit, and 0 where the prompts mean nothing to the encoder.
    probe_coef_ : ndarray of shape (n_labels, n_features) or None
        Coefficients of the probe, its weight multiplied in; None without a probe.
    probe_intercept_ : ndarray of shape (n_labels,) or None
        Its intercepts, which centre the scores of every label.
    slope_ : float
        Shared slope of the probabilities over the scores.
    intercept_ : ndarray of shape (n_labels,)
        Offsets of the probabilities, shrunk towards a common one.
    classes_ : ndarray of shape (n_labels, 2)
        0 and 1 for every label.
    label_names_ : ndarray of shape (n_labels,)
        Column names of a DataFrame of targets; not set for others.
    n_features_in_ : int
        Width of the embeddings.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names of `X`. Defined if `X` was a DataFrame of named columns.

    See Also
    --------
    sklearn_clip.heads.CLIPAdapterClassifier : The same by a trained map of the rows.

    References
    ----------
    .. [1] Zhang et al., "Tip-Adapter: Training-free Adaption of CLIP for Few-shot
       Classification", 2022. :arxiv:`2207.09519`

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_clip import TipAdapterClassifier
    >>> prompts = np.eye(2, 3)
    >>> X = np.array([[0.6, 0.0, 0.8], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    >>> Y = np.array([[1, 0], [0, 1], [1, 0]])
    >>> model = TipAdapterClassifier(prompts, alpha=1.0, beta=1.0).fit(X, Y)
    >>> model.decision_function([[0.0, 0.0, 1.0]]).round(2)
    array([[0.59, 0.37]])
    """

    _parameter_constraints: dict = {
        "label_embeddings": ["array-like"],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "beta": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "background": "no_validation",  # read_background says it shorter
        "probe": ["boolean", StrOptions({"auto"})],
    }

    def __init__(
        self,
        label_embeddings,
        *,
        alpha: Any = "auto",
        beta: Any = "auto",
        background=None,
        probe: Any = "auto",
    ):
        self.label_embeddings = label_embeddings
        self.alpha = alpha
        self.beta = beta
        self.background = background
        self.probe = probe

    def decision_function(self, X):
        """Score every label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            Scores in units of the cosine, or with a probe of the logit; higher is more
            likely. See `predict_proba` for a scale that labels share.
        """
        check_is_fitted(self, "alpha_")
        X = self._unit_rows(X)
        scores = self._stand_out(X, self._prompts)
        if self.alpha_:
            rows, positive = self._memory
            found = _recall(X, rows, positive, self.beta_)
            scores = scores + self.alpha_ * found / _at_least_one(self._counts)
        return self._with_probe(X, scores)

    def _learn(self, X, positive, known):
        """Remember the labelled rows and choose what is ``"auto"``."""
        self._memory, self._counts = (X, positive), positive.sum(axis=0)
        own = self._stand_out(X, self._prompts)
        # Without its own entry, the only positive of a label has no memory at all.
        judged = known & ~((positive == 1) & (self._counts == 1))
        automatic = self.alpha == "auto" and self.beta == "auto"
        held_out = None
        if self.probe is True or (self.probe == "auto" and automatic):
            held_out = self._mix(X, own, positive, known)
            if held_out is not None and self.alpha == "auto":
                self.alpha_ = 0.0
                self.beta_ = _BETAS[0] if self.beta == "auto" else self.beta
                return held_out, judged
        else:
            self._leave_out_probe()
        self.alpha_, self.beta_, scores = self._choose(X, own, positive, known)
        if held_out is not None:  # beside a memory of given weight
            held_out = held_out + self.prompt_weight_ * (scores - own)
        return scores if held_out is None else held_out, judged

    def _choose(self, X, own, positive, known):
        """Weight, sharpness and the scores of all rows without their own entry.

        Few positives say little, and a memory that is trusted too much does harm: what
        counts is a lower bound of the gain in mean average precision over no memory.
        """
        alphas = _ALPHAS if self.alpha == "auto" else (self.alpha,)
        betas = _BETAS if self.beta == "auto" else (self.beta,)
        useful = self._counts >= 2  # of one positive, nothing can be left out
        judged = positive[:, useful], known[:, useful]
        without = _precisions(judged[0], own[:, useful], judged[1])
        share = 1 / (self._counts[useful] * max(useful.sum(), 1))
        weights = np.broadcast_to(share, judged[0].shape)[judged[0] > 0]
        best = None
        for beta in betas:
            others = _at_least_one(self._counts - positive)
            memory = _recall(X, X, positive, beta, leave_out_own=True) / others
            for alpha in alphas:
                scores = own + alpha * memory
                with_it = _precisions(judged[0], scores[:, useful], judged[1])
                sure = _lower_mean(with_it - without, weights) if alpha else 0.0
                if best is None or sure > best[0]:
                    best = sure, alpha, beta, scores
        return best[1:]


def _recall(X, rows, positive, beta, *, leave_out_own=False):
    """Add up the labels of remembered rows, each as far as it is like a row of X.

    The rows of X go by in blocks: likeness of all pairs takes the square of their
    number. `leave_out_own` is for the remembered rows themselves.
    """
    found = np.empty((len(X), positive.shape[1]))
    for some in row_blocks(len(X), len(rows)):
        alike = np.exp(-beta * (1 - X[some] @ rows.T))
        if leave_out_own:
            np.fill_diagonal(alike[:, some], 0)
        found[some] = alike @ positive
    return found


def _at_least_one(counts):
    return np.maximum(counts, 1)


def _precisions(positive, scores, known):
    """Precision at the rank of every positive; the mean of a label's is its AP."""
    scores = np.where(known, scores, -np.inf)
    order = np.argsort(-scores, axis=0, kind="stable")
    hits = np.take_along_axis(positive, order, axis=0)
    ranked = hits.cumsum(axis=0) / np.arange(1, len(hits) + 1)[:, None]
    precision = np.empty_like(ranked)
    np.put_along_axis(precision, order, ranked, axis=0)
    return precision[positive > 0]


def _lower_mean(gains, weights):
    """Lower end of Student's interval of the weighted mean of the positives' gains."""
    if len(gains) < _LEAST_JUDGED:
        return -np.inf
    mean = weights @ gains
    free = len(gains) - 1
    error = np.sqrt((weights**2 @ (gains - mean) ** 2) * len(gains) / free)
    return float(mean - stdtrit(free, _CONFIDENCE) * error)
