"""Scores to labels: one cut per label, optimal for the metric one is judged by."""

from sklearn_clip.thresholds._optimizer import ThresholdOptimizer

__all__ = ["ThresholdOptimizer"]
