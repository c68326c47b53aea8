"""Heads: classifiers of many labels, by family: linear, networks, few_shot."""

from sklearn_clip._lazy import lazy_names

# Only the nets need torch: names are imported when they are used.
_HOMES = {
    "AttentionHead": "networks._token_modules",
    "CLIPAdapterClassifier": "few_shot._clip_adapter",
    "CLIPAdapterHead": "networks._modules",
    "ConstantSafeClassifier": "_constant",
    "CosineHead": "networks._modules",
    "GMLPHead": "networks._token_modules",
    "GatedHead": "networks._token_modules",
    "LinearHead": "networks._modules",
    "MLPHead": "networks._modules",
    "MultiLabelLogisticRegression": "linear._logistic",
    "MultiLabelLogisticRegressionCV": "linear._logistic_cv",
    "MultiLabelNet": "networks._net",
    "TipAdapterClassifier": "few_shot._tip_adapter",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
