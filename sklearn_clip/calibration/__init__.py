"""Scores to probabilities that mean something: of those of 0.7, seven in ten are so."""

from sklearn_clip.calibration._calibrator import MultiLabelCalibrator

__all__ = ["MultiLabelCalibrator"]
