"""How good scores and labels are, where some of the true labels may be unknown.

NaN in `y_true` marks an unknown label, which every metric leaves out.
"""

from sklearn_clip.metrics._calibration import (
    BrierParts,
    brier_score_parts,
    expected_calibration_error,
    masked_brier_score,
    masked_log_loss,
)
from sklearn_clip.metrics._first_k import (
    label_propensities,
    ndcg_at_k_score,
    precision_at_k_score,
    propensity_scored_ndcg_at_k_score,
    propensity_scored_precision_at_k_score,
)
from sklearn_clip.metrics._interval_results import BootstrapInterval, Comparison
from sklearn_clip.metrics._intervals import bootstrap_interval, compare
from sklearn_clip.metrics._masked import (
    masked_f1_score,
    masked_fbeta_score,
    masked_hamming_loss,
    masked_jaccard_score,
    masked_precision_score,
    masked_recall_score,
    masked_subset_accuracy_score,
)
from sklearn_clip.metrics._ranking import (
    average_precision_per_label,
    global_average_precision_score,
    macro_average_precision_score,
)
from sklearn_clip.metrics._report import multilabel_report
from sklearn_clip.metrics._scorers import (
    MultiLabelScorer,
    gap_at_k_scorer,
    gap_scorer,
    make_multilabel_scorer,
    map_scorer,
    masked_f1_macro_scorer,
    masked_f1_micro_scorer,
    masked_f1_samples_scorer,
    masked_f1_weighted_scorer,
    masked_jaccard_samples_scorer,
    masked_neg_brier_scorer,
    masked_neg_hamming_loss_scorer,
    masked_neg_log_loss_scorer,
    masked_precision_macro_scorer,
    masked_recall_macro_scorer,
    masked_subset_accuracy_scorer,
    neg_expected_calibration_error_scorer,
)

__all__ = [
    "BootstrapInterval",
    "BrierParts",
    "Comparison",
    "MultiLabelScorer",
    "average_precision_per_label",
    "bootstrap_interval",
    "brier_score_parts",
    "compare",
    "expected_calibration_error",
    "gap_at_k_scorer",
    "gap_scorer",
    "global_average_precision_score",
    "label_propensities",
    "macro_average_precision_score",
    "make_multilabel_scorer",
    "map_scorer",
    "masked_brier_score",
    "masked_f1_macro_scorer",
    "masked_f1_micro_scorer",
    "masked_f1_samples_scorer",
    "masked_f1_score",
    "masked_f1_weighted_scorer",
    "masked_fbeta_score",
    "masked_hamming_loss",
    "masked_jaccard_samples_scorer",
    "masked_jaccard_score",
    "masked_log_loss",
    "masked_neg_brier_scorer",
    "masked_neg_hamming_loss_scorer",
    "masked_neg_log_loss_scorer",
    "masked_precision_macro_scorer",
    "masked_precision_score",
    "masked_recall_macro_scorer",
    "masked_recall_score",
    "masked_subset_accuracy_score",
    "masked_subset_accuracy_scorer",
    "multilabel_report",
    "ndcg_at_k_score",
    "neg_expected_calibration_error_scorer",
    "precision_at_k_score",
    "propensity_scored_ndcg_at_k_score",
    "propensity_scored_precision_at_k_score",
]
