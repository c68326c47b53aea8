"""Tip-Adapter: label prompts and a memory of the few labelled rows, no training."""

from numbers import Real

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, stdtrit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_clip._shared import Interval, StrOptions, _fit_context
from sklearn_clip.heads._targets import check_targets

# Weights of the memory against the prompts (both in units of the cosine), and how fast
# the memory forgets what is not alike. 0 is zero-shot.
_ALPHAS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
_BETAS = (1.0, 3.0, 10.0, 30.0)
# Strength with which the offsets of the labels are held together: rare ones follow.
_OFFSET_PENALTY = 1.0
# Of the bound on what the memory gains; 28 pairs are tried.
_CONFIDENCE = 0.99
# Positives, of labels with two, below which the memory is left out.
_LEAST_JUDGED = 10
# Of the probabilities' logits over standardised scores.
_LEAST_SLOPE = 0.1


class TipAdapterClassifier(ClassifierMixin, BaseEstimator):
    r"""Score labels by their prompts and by the labelled rows that are most alike.

    With the unit embedding f of a row, those of the label prompts, w, and those of the
    labelled rows, F, the score of label l is

    .. math:: f \cdot w_l + \alpha \frac{\sum_i Y_{il} e^{-\beta (1 - f \cdot F_i)}}
              {\sum_i Y_{il}}.

    The memory is an average over the positives of a label, not a sum as for classes
    that exclude each other: popular labels would gain mass. Nothing is trained by
    gradients, so that one positive a label already helps.

    Parameters
    ----------
    label_embeddings : array-like of shape (n_labels, n_features)
        Embeddings of the labels in words, for example
        ``featurizer.encode_texts(["a drawing of a dog", ...])``.
    alpha : float or "auto", default="auto"
        Weight of the memory, at least 0. ``"auto"`` chooses it with `beta`, by the mean
        average precision of the labelled rows, each scored without its own entry; it is
        0, which is zero-shot, unless the gain is beyond chance.
    beta : float or "auto", default="auto"
        Sharpness of the memory, at least 0.

    Attributes
    ----------
    alpha_, beta_ : float
        Weight and sharpness in use.
    slope_ : float
        Shared slope of the probabilities over the scores.
    intercept_ : ndarray of shape (n_labels,)
        Offsets of the probabilities, shrunk towards a common one.
    classes_ : list of ndarray
        ``[array([0, 1])] * n_labels``.
    label_names_ : ndarray of shape (n_labels,)
        Column names of a DataFrame of targets; not set for others.
    n_features_in_ : int
        Width of the embeddings.

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
    }

    def __init__(self, label_embeddings, *, alpha="auto", beta="auto"):
        self.label_embeddings = label_embeddings
        self.alpha = alpha
        self.beta = beta

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Remember the labelled rows and choose what is ``"auto"``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings, of images (``fusion="image"``) or of texts; scaled to length 1.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            0 and 1, and NaN where a label is unknown.

        Returns
        -------
        TipAdapterClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If y has other values or another number of labels than `label_embeddings`,
            or these have another width than X.
        """
        X = _unit(validate_data(self, X, dtype=[np.float64, np.float32]))
        targets = check_targets(y)
        self._prompts = self._check_prompts(targets, X)
        if len(X) != len(targets.positive):
            raise ValueError(
                f"X and y must have the same number of rows. Got {len(X)} and "
                f"{len(targets.positive)}."
            )
        if targets.names is not None:
            self.label_names_ = targets.names
        elif hasattr(self, "label_names_"):
            del self.label_names_
        positive = targets.positive.astype(np.float64)
        known = np.ones_like(positive) if targets.known is None else targets.known
        self._memory, self._counts = (X, positive), positive.sum(axis=0)
        self.classes_ = [np.array([0, 1])] * positive.shape[1]
        own = X @ self._prompts.T
        self.alpha_, self.beta_, scores = self._choose(X, own, positive, known)
        # Without its own entry, the only positive of a label has no memory at all.
        alone = (positive == 1) & (self._counts == 1)
        self.slope_, self.intercept_ = _calibrate(scores, positive, known * ~alone)
        return self

    def decision_function(self, X):
        """Score every label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            Scores in units of the cosine; higher is more likely. See
            `predict_proba` for a scale that labels share.
        """
        check_is_fitted(self, "alpha_")
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        X = _unit(X)
        scores = X @ self._prompts.T
        if self.alpha_:
            rows, positive = self._memory
            alike = np.exp(-self.beta_ * (1 - X @ rows.T))
            scores = scores + self.alpha_ * (alike @ positive) / _at_least_one(
                self._counts
            )
        return scores

    def predict_proba(self, X):
        """Give the probability of every label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_samples, n_labels)
            P(label = 1), in [0, 1].
        """
        return expit(self.slope_ * self.decision_function(X) + self.intercept_)

    def predict(self, X):
        """Predict every label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings.

        Returns
        -------
        ndarray of shape (n_samples, n_labels), dtype=int64
            0 and 1, cut at a probability of 0.5.
        """
        return (self.predict_proba(X) > 0.5).astype(np.int64)

    def _check_prompts(self, targets, X):
        prompts = _unit(np.asarray(self.label_embeddings, dtype=X.dtype))
        if targets.classes is not None:
            raise ValueError(
                "y must have 2 dimensions, one column per label. Got 1 dimension. For "
                "a single label give y.reshape(-1, 1) of 0 and 1."
            )
        wanted = (targets.positive.shape[1], X.shape[1])
        if prompts.shape != wanted:
            raise ValueError(
                f"label_embeddings must have shape {wanted}, one row per label of y "
                f"and as wide as X. Got {prompts.shape}. X is to be of one modality "
                "(fusion='image' or 'text')."
            )
        return prompts

    def _choose(self, X, own, positive, known):
        """Weight, sharpness and the scores of all rows without their own entry.

        Few positives say little, and a memory that is trusted too much does harm: what
        counts is a lower bound of the gain in mean average precision over no memory.
        """
        alphas = _ALPHAS if self.alpha == "auto" else (self.alpha,)
        betas = _BETAS if self.beta == "auto" else (self.beta,)
        cosines = X @ X.T
        useful = self._counts >= 2  # of one positive, nothing can be left out
        judged = positive[:, useful], known[:, useful]
        without = _precisions(judged[0], own[:, useful], judged[1])
        share = 1 / (self._counts[useful] * max(useful.sum(), 1))
        weights = np.broadcast_to(share, judged[0].shape)[judged[0] > 0]
        best = None
        for beta in betas:
            alike = np.exp(-beta * (1 - cosines))
            np.fill_diagonal(alike, 0)
            others = _at_least_one(self._counts - positive)
            memory = (alike @ positive) / others
            for alpha in alphas:
                scores = own + alpha * memory
                with_it = _precisions(judged[0], scores[:, useful], judged[1])
                sure = _lower_mean(with_it - without, weights) if alpha else 0.0
                if best is None or sure > best[0]:
                    best = sure, alpha, beta, scores
        return best[1:]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        return tags


def _unit(rows):
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms == 0, 1, norms)


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


def _calibrate(scores, positive, known):
    """Fit one slope and an offset per label by penalised logistic regression.

    The penalty holds the offsets near their mean, which is free. A label with one or
    no positive so borrows the offset of the others.
    """
    spread = scores.std() or 1.0
    scaled = (scores - scores.mean()) / spread
    n_labels = scores.shape[1]
    sign = 2 * positive - 1

    def loss(parameters):
        slope, common, offsets = parameters[0], parameters[1], parameters[2:]
        margins = sign * (slope * scaled + common + offsets)
        value = -(known * log_expit(margins)).sum()
        value += 0.5 * (_OFFSET_PENALTY * (offsets**2).sum() + 1e-3 * slope**2)
        pull = -sign * expit(-margins) * known
        gradient = np.concatenate(
            [
                [(pull * scaled).sum() + 1e-3 * slope, pull.sum()],
                pull.sum(axis=0) + _OFFSET_PENALTY * offsets,
            ]
        )
        return value, gradient

    # A slope below 0 would turn the order of the rows around, and one of 0 lose it.
    bounds = [(_LEAST_SLOPE, None)] + [(None, None)] * (n_labels + 1)
    start = np.concatenate([[1.0], np.zeros(n_labels + 1)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    slope = found[0] / spread
    return slope, found[1] + found[2:] - slope * scores.mean()
