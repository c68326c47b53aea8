"""Labels by name: tag lists to targets, predictions to names."""

from sklearn_clip.labels._frame import labels_to_frame
from sklearn_clip.labels._predictions import predict_labels, top_labels

__all__ = ["labels_to_frame", "predict_labels", "top_labels"]
