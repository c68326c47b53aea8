"""Multi-label classification of images and texts with CLIP, in scikit-learn.

The way of the data, and the room each step lives in::

    rows -> images -> backbone <-> store -> fusion -> features   (embedding, fusion)
    features -> any multi-label classifier -> scores             (heads, losses)
    rows, labels in words -> scores without training             (zero_shot)
    rows, labels in words -> a CLIP that has learnt them         (finetune)
    scores -> probabilities that mean what they say              (calibration)
    scores -> labels                                             (thresholds)
    tag lists -> targets, labels -> names                        (labels)
    labels -> folds with every label, near copies on one side    (model_selection)
    scores, labels -> how good they are                          (metrics)
    scores, labels -> what to look at, and to ask about, next    (review)
    labels, scores, pictures -> drawings of them                 (plotting)
    a fitted tagger, rows -> one page for whoever decides        (report)
    the same features from more than one machine                 (distributed)
    a fitted tagger -> one file that needs no torch              (export)
"""

from typing import TYPE_CHECKING

from sklearn_clip._lazy import lazy_names

__version__ = "0.1.0"

# Public names and where they live. They are imported at first use, so that importing
# the package imports neither torch nor open_clip.
_HOMES = {
    "CLIPAdapterClassifier": "heads",
    "CLIPFeaturizer": "_featurizer",
    "CLIPFineTuner": "finetune",
    "ConstantSafeClassifier": "heads",
    "EmbeddingStore": "embedding",
    "ImageDecodeError": "_shared",
    "ModelMismatchError": "_shared",
    "LabelSetClassifier": "thresholds",
    "MultiLabelCalibrator": "calibration",
    "MultiLabelLogisticRegression": "heads",
    "MultiLabelLogisticRegressionCV": "heads",
    "MultiLabelNet": "heads",
    "MultiLabelStratifiedGroupKFold": "model_selection",
    "MultiLabelStratifiedKFold": "model_selection",
    "PrecomputedScores": "heads",
    "RegionClassifier": "heads",
    "RejectOptionClassifier": "thresholds",
    "TaggerReport": "report",
    "ThresholdOptimizer": "thresholds",
    "TipAdapterClassifier": "heads",
    "WeightsUnavailableError": "_shared",
    "ZeroShotClassifier": "zero_shot",
    "labels_to_frame": "labels",
    "multilabel_train_test_split": "model_selection",
    "near_duplicate_groups": "model_selection",
    "out_of_fold_scores": "model_selection",
    "predict_labels": "labels",
    "suggest_labels": "zero_shot",
    "top_labels": "labels",
}
_ROOMS = (
    "calibration",
    "datasets",
    "distributed",
    "embedding",
    "export",
    "finetune",
    "fusion",
    "heads",
    "labels",
    "losses",
    "metrics",
    "model_selection",
    "plotting",
    "report",
    "review",
    "thresholds",
    "zero_shot",
)

__all__ = ["__version__", *_HOMES, *_ROOMS]

if TYPE_CHECKING:
    from sklearn_clip import (
        calibration as calibration,
        datasets as datasets,
        distributed as distributed,
        embedding as embedding,
        export as export,
        finetune as finetune,
        fusion as fusion,
        heads as heads,
        labels as labels,
        losses as losses,
        metrics as metrics,
        model_selection as model_selection,
        plotting as plotting,
        report as report,
        review as review,
        thresholds as thresholds,
        zero_shot as zero_shot,
    )
    from sklearn_clip._featurizer import CLIPFeaturizer as CLIPFeaturizer
    from sklearn_clip._shared import (
        ImageDecodeError as ImageDecodeError,
        ModelMismatchError as ModelMismatchError,
        WeightsUnavailableError as WeightsUnavailableError,
    )
    from sklearn_clip.calibration import MultiLabelCalibrator as MultiLabelCalibrator
    from sklearn_clip.embedding import EmbeddingStore as EmbeddingStore
    from sklearn_clip.finetune import CLIPFineTuner as CLIPFineTuner
    from sklearn_clip.heads import (
        CLIPAdapterClassifier as CLIPAdapterClassifier,
        ConstantSafeClassifier as ConstantSafeClassifier,
        MultiLabelLogisticRegression as MultiLabelLogisticRegression,
        MultiLabelLogisticRegressionCV as MultiLabelLogisticRegressionCV,
        MultiLabelNet as MultiLabelNet,
        PrecomputedScores as PrecomputedScores,
        RegionClassifier as RegionClassifier,
        TipAdapterClassifier as TipAdapterClassifier,
    )
    from sklearn_clip.labels import (
        labels_to_frame as labels_to_frame,
        predict_labels as predict_labels,
        top_labels as top_labels,
    )
    from sklearn_clip.model_selection import (
        MultiLabelStratifiedGroupKFold as MultiLabelStratifiedGroupKFold,
        MultiLabelStratifiedKFold as MultiLabelStratifiedKFold,
        multilabel_train_test_split as multilabel_train_test_split,
        near_duplicate_groups as near_duplicate_groups,
        out_of_fold_scores as out_of_fold_scores,
    )
    from sklearn_clip.report import TaggerReport as TaggerReport
    from sklearn_clip.thresholds import (
        LabelSetClassifier as LabelSetClassifier,
        RejectOptionClassifier as RejectOptionClassifier,
        ThresholdOptimizer as ThresholdOptimizer,
    )
    from sklearn_clip.zero_shot import (
        ZeroShotClassifier as ZeroShotClassifier,
        suggest_labels as suggest_labels,
    )
else:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES, _ROOMS)
