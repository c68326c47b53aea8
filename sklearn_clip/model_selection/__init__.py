"""Splits of multi-label data: every label on every side, near copies on one."""

from sklearn_clip._lazy import lazy_names

_HOMES = {
    "MultiLabelStratifiedGroupKFold": "_splitters",
    "MultiLabelStratifiedKFold": "_splitters",
    "NearDuplicateReport": "_near_duplicate_report",
    "multilabel_train_test_split": "_train_test",
    "near_duplicate_groups": "_near_duplicates",
}

__all__ = list(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
