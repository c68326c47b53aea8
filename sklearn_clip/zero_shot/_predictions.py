"""What a fitted zero-shot classifier does: scores, probabilities, labels, a report."""

import numpy as np
from scipy.special import expit, logit
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_clip import embedding
from sklearn_clip._shared import (
    WordLabelsMixin,
    check_labelled_rows,
    row_blocks,
    warn_user,
)
from sklearn_clip.embedding import embed_prompts, read_templates
from sklearn_clip.zero_shot._checks import has_regions, shows_nothing
from sklearn_clip.zero_shot._report import rank_templates, show_report
from sklearn_clip.zero_shot._scoring import Scorer, decide


def _gives_probabilities(self):
    """Check for `available_if`: cosines are no probabilities until calibrated."""
    if self.scoring == "cosine" and not self.calibrate:
        raise AttributeError(
            "scoring='cosine' gives similarities and no probabilities: use "
            "decision_function, another scoring, or calibrate=True."
        )
    return True


class PromptPredictions(WordLabelsMixin, BaseEstimator):
    """The half of `ZeroShotClassifier` that works once the labels are embedded.

    A subclass has the parameters, and a `fit` that sets `featurizer_`, `label_names_`,
    `label_embeddings_`, `background_`, `logit_scale_`, `logit_bias_` and `thresholds_`,
    with calibration `slope_` and `intercept_`, and what the labels are embedded again
    from: `_descriptions`, `_templates` and `_background`.
    """

    # What rows without labels have changed, where `adapt` says so.
    _bank = None
    _visual = None

    def decision_function(self, X):
        """Score every label.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows as the featurizer takes them.

        Returns
        -------
        ndarray of shape (n, n_labels), dtype float32
            Log-odds of the probabilities, which unlike these never round to 1; cosines
            for ``scoring="cosine"`` without calibration.
        """
        check_is_fitted(self)
        return self._scorer().score(self._seen(X))

    @available_if(_gives_probabilities)
    def predict_proba(self, X):
        """Give the probability of every label.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows as the featurizer takes them.

        Returns
        -------
        ndarray of shape (n, n_labels), dtype float32
            P(label = 1), in [0, 1].
        """
        scores = self.decision_function(X)
        return expit(scores, out=scores)

    def predict(self, X):
        """Predict every label.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows as the featurizer takes them.

        Returns
        -------
        ndarray of shape (n, n_labels), dtype=int64
            0 and 1, by `threshold`, `top_k` and `at_least_one`.

        Raises
        ------
        ValueError
            If there is neither a threshold nor `top_k`.
        """
        check_is_fitted(self)
        thresholds = self._cuts()
        if np.isnan(thresholds).any():
            raise ValueError(
                "threshold must be given for scoring='cosine': what a high cosine is "
                "depends on the model (0.2 to 0.3 for many). Got 'auto'. Pass a "
                "number, top_k, or calibrate=True, or wrap this in ThresholdOptimizer."
            )
        self._check_top_k(thresholds)
        if self._has_logits():
            log_odds = logit(np.clip(thresholds, 0, 1))
            thresholds = np.where(np.isinf(thresholds), thresholds, log_odds)
        features = self._seen(X)
        scorer = self._scorer()
        predicted = np.empty((len(features), len(thresholds)), dtype=np.int64)
        for rows in row_blocks(*predicted.shape):
            predicted[rows] = decide(
                scorer.score(features[rows]),
                thresholds,
                top_k=self.top_k,
                at_least_one=self.at_least_one,
            )
        predicted[shows_nothing(features)] = 0
        return predicted

    def prompt_report(self, X, y, *, templates=None, output="frame", digits=3):
        """Rank templates by how well each alone ranks the rows of each label.

        Parameters
        ----------
        X : DataFrame, list or ndarray of n rows
            Rows as the featurizer takes them.
        y : {array-like, sparse matrix, DataFrame} of shape (n, n_labels)
            0 and 1, and NaN where a label is unknown.
        templates : str, list of str or None, default=None
            As the parameter `templates`; None takes those that were fitted.
        output : {"frame", "text"}, default="frame"
            A pandas DataFrame, or a text, which needs no pandas.
        digits : int, default=3
            Decimals in the text. The DataFrame is not rounded.

        Returns
        -------
        DataFrame of shape ((n_labels + 1) * (n_templates + 1), 4) or str
            Columns "label", "rank" (1 is best), "template" and "average_precision",
            best first for each label. The first label is ``"macro avg"``, the mean over
            labels; the template ``"(all)"`` is all of them together. A label without
            positives has NaN. Calibration is left out, which changes no order, and so
            is what `adapt` has changed.

        Raises
        ------
        ValueError
            If y has another shape, or holds other values.
        ImportError
            If ``output="frame"`` and pandas is not installed.
        """
        check_is_fitted(self)
        if output not in ("frame", "text"):
            raise ValueError(f"output must be 'frame' or 'text'. Got {output!r}.")
        targets = check_labelled_rows(X, y, self.label_names_)
        chosen = self._templates if templates is None else read_templates(templates)
        features = self._features(X)
        visible = ~shows_nothing(features)

        def score(some):
            labels = embed_prompts(self.featurizer_, self._descriptions, some)
            scorer = self._scorer(labels, self._embed_background(some))
            return scorer.score(features[visible])

        table = rank_templates(score, targets[visible], self.label_names_, chosen)
        return show_report(table, output=output, digits=digits)

    def _has_logits(self):
        """Tell log-odds from cosines."""
        return self.scoring != "cosine" or self.calibrate

    def _cuts(self):
        """Thresholds in force: what is to be given is left to `top_k`, if that was."""
        if self.top_k is None:
            return self.thresholds_
        return np.where(np.isnan(self.thresholds_), -np.inf, self.thresholds_)

    def _check_top_k(self, thresholds):
        """Check that there is a `top_k` where labels are left to it."""
        if self.top_k is None and np.isneginf(thresholds).any():
            raise ValueError(
                "Without a threshold top_k must be given, or every row would have all "
                f"labels. Got threshold={self.threshold!r} and top_k=None. Pass top_k, "
                "or fit with a number, one for each label, or a dict as threshold."
            )

    def _embed_background(self, templates):
        """Background vectors, where they are needed."""
        if self.scoring != "contrast":
            return None
        texts = [[text] for text in self._background]
        return embed_prompts(self.featurizer_, texts, templates)

    def _scorer(self, labels=None, background=None):
        """Put together what scores rows; other vectors are for uncalibrated scores."""
        alone = labels is not None
        if not alone and self.background_ is not None:
            background = self.background_.embeddings
        scoring, bias = self.scoring, self.logit_bias_ or 0.0
        if scoring == "cosine" and self.calibrate:
            scoring, bias = "sigmoid", 0.0  # what calibration takes: scale * cosine
        calibrated = hasattr(self, "slope_") and not alone
        return Scorer(
            scoring,
            labels if alone else self.label_embeddings_,
            scale=self.logit_scale_,
            bias=bias,
            background=background,
            own={} if self.background_ is None else self.background_.own,
            slope=self.slope_ if calibrated else None,
            intercept=self.intercept_ if calibrated else None,
            pooling=self.region_pooling,
            region_weight=self.region_weight,
            visual=None if alone else self._visual,
        )

    def _seen(self, X):
        """Embed rows, and move them to where captions are that are like them."""
        features = self._features(X)
        return features if self._bank is None else self._bank.move(features)

    def _features(self, X):
        """Embed rows, scale them to length 1, and warn of those that show nothing."""
        features = np.asarray(self.featurizer_.transform(X), dtype=np.float32)
        width = self.label_embeddings_.shape[1]
        parts = features.shape[1:]
        if has_regions(self.featurizer_) and len(parts) == 1:
            parts = (width,) if parts[0] % width == 0 else parts
        if parts != (width,):
            raise ValueError(
                f"The featurizer must give rows of the {width} columns that prompts "
                f"have. Got shape {features.shape}. Use fusion='image', 'text' or "
                "'mean'."
            )
        blank = np.flatnonzero(shows_nothing(features))
        if len(blank):
            warn_user(
                f"{len(blank)} of {len(features)} rows show nothing (first: row "
                f"{blank[0]}): their items are missing or could not be read. They get "
                "no label.",
            )
        # The picture and its regions, where there are any, are vectors of their own.
        vectors = embedding.unit_rows(features.reshape(-1, width))
        return vectors.reshape(features.shape)
