"""Heads: classifiers of many labels, and labels by name."""

from sklearn_clip._lazy import lazy_names

# Only the nets need torch: names are imported when they are used.
_HOMES = {
    "AttentionHead": "_tokens",
    "CLIPAdapterClassifier": "_clip_adapter",
    "CLIPAdapterHead": "_modules",
    "ConstantSafeClassifier": "_constant",
    "CosineHead": "_modules",
    "GMLPHead": "_tokens",
    "GatedHead": "_tokens",
    "LinearHead": "_modules",
    "MLPHead": "_modules",
    "MultiLabelLogisticRegression": "_logistic",
    "MultiLabelLogisticRegressionCV": "_logistic_cv",
    "MultiLabelNet": "_neural",
    "TipAdapterClassifier": "_tip_adapter",
    "labels_to_frame": "_labels",
    "predict_labels": "_labels",
    "top_labels": "_labels",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
