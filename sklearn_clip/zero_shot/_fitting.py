"""What `fit` of the zero-shot classifier is made of, beside the prompts."""

import numpy as np
from scipy.special import expit

from sklearn_clip._shared import check_labelled_rows
from sklearn_clip.zero_shot._adaptation import adapt_scores
from sklearn_clip.zero_shot._background import own_words
from sklearn_clip.zero_shot._calibration import expected_f1_thresholds, fit_calibration
from sklearn_clip.zero_shot._captions import read_captions
from sklearn_clip.zero_shot._checks import check_featurizer, shows_nothing
from sklearn_clip.zero_shot._predictions import PromptPredictions
from sklearn_clip.zero_shot._scoring import read_thresholds

# Of a probability. The best threshold for F1 is half the best F1, which without
# training is about 0.4; on the training rows of the clip art 0.15 to 0.2 was best.
_AUTO_THRESHOLD = 0.2


class PromptFitting(PromptPredictions):
    """The half of `ZeroShotClassifier` that checks, adapts and calibrates."""

    def _check(self, X, y, names):
        """Check what can be checked without a model; return the targets."""
        if self.scoring == "softmax" and len(names) < 2:
            raise ValueError(
                "scoring='softmax' needs at least two labels that compete. Got "
                f"{names}. Use scoring='contrast'."
            )
        self._check_top_k(self._read_thresholds(names, self.threshold))
        if self.featurizer is not None:
            check_featurizer(self.featurizer)
        if self.calibrate and (X is None or y is None):
            raise ValueError(
                "calibrate=True learns from labelled rows: X and y must be given to "
                "fit. Got None."
            )
        return None if y is None else check_labelled_rows(X, y, names)

    def _own_words(self, descriptions, background):
        """Background texts that are no alternative to a label, by label."""
        return own_words(descriptions, background) if self.scoring == "contrast" else {}

    def _read_thresholds(self, names, threshold, auto=_AUTO_THRESHOLD):
        """One threshold per label, on the scale of the parameter."""
        if not self._has_logits():
            auto = np.nan if self.top_k is None else -np.inf
        return read_thresholds(threshold, names, auto, probability=self._has_logits())

    def _adapt(self, X, features, prior):
        """Fit vectors and scores to rows whose labels are not known."""
        captions = None
        if self.adapt == "captions":
            texts = read_captions(self.captions, X, self.featurizer_)
            captions = self.featurizer_, self._descriptions, texts
        found = adapt_scores(
            self.adapt,
            self._scorer(),
            features,
            prior,
            captions=captions,
            is_probability=self._has_zero(),
        )
        self.label_embeddings_ = found.labels
        self._bank, self._visual = found.bank, found.visual
        if found.prior is not None:
            self.prior_ = found.prior
            self.slope_, self.intercept_ = found.slope, found.intercept

    def _is_adapted(self):
        """Tell whether rows without labels have changed anything."""
        parts = self._bank, self._visual, getattr(self, "prior_", None)
        return any(part is not None for part in parts)

    def _has_zero(self):
        """Tell whether prompts alone give log-odds, before any calibration."""
        biased = self.scoring == "sigmoid" and self.logit_bias_ is not None
        return biased or self.scoring in ("contrast", "softmax")

    def _calibrate(self, features, targets):
        """Learn scale and bias of every label, and its threshold."""
        visible = ~shows_nothing(features)
        targets = targets[visible]
        if np.isnan(targets).all():
            raise ValueError(
                "calibrate=True needs rows that show something and of which a label "
                "is known. Got none."
            )
        scores = self._scorer().score(features[visible])
        learnt = fit_calibration(scores, targets, is_logit=self._has_zero())
        scores *= learnt.slope
        scores += learnt.intercept
        self._common = learnt.common_slope, learnt.common_intercept
        if hasattr(self, "slope_"):  # the scores were brought to a prior before
            self.intercept_ = learnt.slope * self.intercept_ + learnt.intercept
            self.slope_ = learnt.slope * self.slope_
        else:
            self.slope_, self.intercept_ = learnt.slope, learnt.intercept
        auto = expected_f1_thresholds(expit(scores, out=scores), _AUTO_THRESHOLD)
        self.thresholds_ = self._read_thresholds(
            self.label_names_, self.threshold, auto
        )
