"""Scores to labels: one threshold per label, best for the metric one is judged by."""

from sklearn_clip.thresholds._optimizer import ThresholdOptimizer

__all__ = ["ThresholdOptimizer"]
