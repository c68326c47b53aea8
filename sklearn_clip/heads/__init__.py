"""Heads: classifiers of many labels, by family: linear, networks, few_shot, regions."""

from typing import TYPE_CHECKING

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
    "PrecomputedScores": "_precomputed_scores",
    "RegionClassifier": "regions._region_classifier",
    "TipAdapterClassifier": "few_shot._tip_adapter",
}

__all__ = list(_HOMES)

if TYPE_CHECKING:
    from sklearn_clip.heads._constant import (
        ConstantSafeClassifier as ConstantSafeClassifier,
    )
    from sklearn_clip.heads._precomputed_scores import (
        PrecomputedScores as PrecomputedScores,
    )
    from sklearn_clip.heads.few_shot._clip_adapter import (
        CLIPAdapterClassifier as CLIPAdapterClassifier,
    )
    from sklearn_clip.heads.few_shot._tip_adapter import (
        TipAdapterClassifier as TipAdapterClassifier,
    )
    from sklearn_clip.heads.linear._logistic import (
        MultiLabelLogisticRegression as MultiLabelLogisticRegression,
    )
    from sklearn_clip.heads.linear._logistic_cv import (
        MultiLabelLogisticRegressionCV as MultiLabelLogisticRegressionCV,
    )
    from sklearn_clip.heads.networks._modules import (
        CLIPAdapterHead as CLIPAdapterHead,
        CosineHead as CosineHead,
        LinearHead as LinearHead,
        MLPHead as MLPHead,
    )
    from sklearn_clip.heads.networks._net import MultiLabelNet as MultiLabelNet
    from sklearn_clip.heads.networks._token_modules import (
        AttentionHead as AttentionHead,
        GatedHead as GatedHead,
        GMLPHead as GMLPHead,
    )
    from sklearn_clip.heads.regions._region_classifier import (
        RegionClassifier as RegionClassifier,
    )
else:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
