"""What heads have in common that start from the embeddings of label prompts."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logsumexp
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_clip._shared import (
    MaskedAccuracyMixin,
    _fit_context,
    first_difference,
    label_classes,
    without_tensor,
)
from sklearn_clip.heads._background import other_words, read_background
from sklearn_clip.heads._targets import check_targets
from sklearn_clip.heads.few_shot._probe import mix

# Strength with which the offsets of the labels are held together: rare ones follow.
_OFFSET_PENALTY = 1.0
# Of the probabilities' logits over standardised scores.
_LEAST_SLOPE = 0.1


class PromptHead(MaskedAccuracyMixin, BaseEstimator):
    """Base of heads with `label_embeddings` that calibrate scores to probabilities.

    A subclass has `background` and `probe` too, `decision_function`, and `_learn`: with
    the checked rows, 1.0 and 0.0 of the labels, and where they are known, it sets what
    it learns and returns scores of the rows and which entries to calibrate on.
    """

    # Of the rows, in the order of preference.
    _dtype: tuple[type, ...] = (np.float64, np.float32)

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Learn from the labelled rows, and calibrate the probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Embeddings, of images (``fusion="image"``) or of texts; scaled to length 1.
        y : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_labels)
            0 and 1, and NaN where a label is unknown. Rows of NaN alone are left out.

        Returns
        -------
        self : estimator instance
            The fitted classifier.

        Raises
        ------
        ValueError
            If y has other values, no known label, or another number of labels than
            `label_embeddings`, or names them otherwise; or if these or `background`
            have another width than X.
        TypeError
            If `background` is no Background.
        """
        X, positive, known = self._read(X, y)
        scores, judged = self._learn(X, positive, known)
        if not (positive[judged] == 1).any():
            # All positives are the only ones of their labels. Their scores are too low
            # where they were held out, but without any all labels would seem absent.
            judged = known
        self.slope_, self.intercept_ = calibrate(scores, positive, judged)
        return self

    def _read(self, X, y):
        """Check rows and targets, and set what is learned without the former.

        Returns
        -------
        rows : ndarray of shape (n_labelled, n_features)
            Of length 1: those of which a label is known. Others have nothing to teach,
            and would change folds and spreads, and lie in a memory of every row.
        positive, known : ndarray of shape (n_labelled, n_labels)
            1.0 and 0.0, and whether the label is known.
        """
        X = self._unit_rows(X, reset=True)
        targets = check_targets(y)
        if targets.classes is not None:
            raise ValueError(
                "y must have 2 dimensions, one column per label. Got 1 dimension. For "
                "a single label give y.reshape(-1, 1) of 0 and 1."
            )
        if len(X) != len(targets.positive):
            turned = targets.positive.shape[1] == len(X)
            raise ValueError(
                "X and y must have the same number of rows. Got "
                f"{len(X)} and {len(targets.positive)}.{' Pass y.T.' * turned}"
            )
        if targets.known is not None and not targets.known.any():
            raise ValueError("y must hold at least one known label. Got NaN only.")
        self._prompts = self._read_prompts(targets, X)
        self._background = read_background(
            self.background, len(self._prompts), X.shape[1], X.dtype
        )
        positive = targets.positive.astype(np.float64)
        self.__dict__.pop("label_names_", None)
        if targets.names is not None:
            self.label_names_ = targets.names
        self.classes_ = label_classes(positive.shape[1])
        if targets.known is None:
            return X, positive, np.ones(positive.shape, dtype=bool)
        labelled = targets.known.any(axis=1)
        return X[labelled], positive[labelled], targets.known[labelled]

    def _unit_rows(self, X, *, reset=False):
        """Check rows, and scale them to length 1."""
        X = without_tensor(X, "X")
        return unit_rows(validate_data(self, X, dtype=list(self._dtype), reset=reset))

    def _read_prompts(self, targets, X):
        prompts = without_tensor(self.label_embeddings, "label_embeddings")
        prompts = np.asarray(prompts, dtype=X.dtype)
        wanted = (targets.positive.shape[1], X.shape[1])
        if prompts.shape != wanted:
            raise ValueError(
                f"label_embeddings must have shape {wanted}, one row per label of y "
                f"and as wide as X. Got {prompts.shape}. X is to be of one modality "
                "(fusion='image' or 'text'), in the space of the prompts "
                "(features='embedding')."
            )
        is_table = hasattr(self.label_embeddings, "iloc")
        names = list(self.label_embeddings.index) if is_table else None
        at = first_difference(names, targets.names)
        if at is not None:
            raise ValueError(
                "label_embeddings must have the labels of y as rows, in their order: "
                f"pass label_embeddings.loc[list(y.columns)]. Got {names[at]!r} (row "
                f"{at}) for the label {targets.names[at]!r}."
            )
        bad = ~np.isfinite(prompts).all(axis=1) | (prompts == 0).all(axis=1)
        if bad.any():
            raise ValueError(
                "label_embeddings must hold finite vectors that are not zero. Got "
                f"another one (label {int(bad.argmax())})."
            )
        return unit_rows(prompts)

    def _mix(self, X, prompted, positive, known):
        """Set weights of prompts and probe; give held-out scores, None without."""
        found = mix(X, prompted, positive, known)
        if found is None:
            self._leave_out_probe()
            return None
        self.prompt_weight_ = found.prompt_weight
        self.probe_coef_, self.probe_intercept_ = found.coef, found.intercept
        return found.held_out

    def _leave_out_probe(self):
        self.prompt_weight_, self.probe_coef_, self.probe_intercept_ = 1.0, None, None

    def _with_probe(self, X, scores):
        """Weigh the scores of rows by their prompts, and add those of the probe."""
        if self.probe_coef_ is None:
            return scores
        return (
            self.prompt_weight_ * scores
            + X @ self.probe_coef_.T
            + self.probe_intercept_
        )

    def __setstate__(self, state):
        state = {"probe": False} | state  # of a version that had none
        if "slope_" in state:
            unused = {"probe_coef_": None, "probe_intercept_": None}
            state = {"prompt_weight_": 1.0} | unused | state
        super().__setstate__(state)

    def _stand_out(self, X, vectors):
        """Cosines of rows with label vectors, less those with the background."""
        cosines = X @ vectors.T
        words = self._background
        if words is None:
            return cosines
        alike = words.logit_scale * (X @ words.embeddings.T)
        common = np.repeat(
            logsumexp(alike, axis=1, keepdims=True), len(vectors), axis=1
        )
        for label, others in other_words(words).items():
            common[:, label] = logsumexp(alike[:, others], axis=1)
        return cosines - common / words.logit_scale

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
        check_is_fitted(self, "slope_")
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = False
        return tags


def unit_rows(rows):
    """Scale rows to length 1; rows of zeros stay."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms == 0, 1, norms)


def calibrate(scores, positive, known):
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
