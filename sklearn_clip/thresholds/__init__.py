"""Scores to labels: one threshold per label, best for the metric one is judged by.

Or two, with yes above, no below, and a question between them.
"""

from sklearn_clip.thresholds._label_sets import LabelSetClassifier
from sklearn_clip.thresholds._optimizer import ThresholdOptimizer
from sklearn_clip.thresholds._reject_option import RejectOptionClassifier

__all__ = ["LabelSetClassifier", "RejectOptionClassifier", "ThresholdOptimizer"]
