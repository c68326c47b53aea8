"""Splits of multi-label data: every label on every side, near copies on one."""

from typing import TYPE_CHECKING

from sklearn_clip._lazy import lazy_names

_HOMES = {
    "MultiLabelStratifiedGroupKFold": "_splitters",
    "MultiLabelStratifiedKFold": "_splitters",
    "NearDuplicateReport": "_near_duplicate_report",
    "multilabel_train_test_split": "_train_test",
    "near_duplicate_groups": "_near_duplicates",
    "out_of_fold_scores": "_out_of_fold_scores",
}

__all__ = list(_HOMES)

if TYPE_CHECKING:
    from sklearn_clip.model_selection._near_duplicate_report import (
        NearDuplicateReport as NearDuplicateReport,
    )
    from sklearn_clip.model_selection._near_duplicates import (
        near_duplicate_groups as near_duplicate_groups,
    )
    from sklearn_clip.model_selection._out_of_fold_scores import (
        out_of_fold_scores as out_of_fold_scores,
    )
    from sklearn_clip.model_selection._splitters import (
        MultiLabelStratifiedGroupKFold as MultiLabelStratifiedGroupKFold,
        MultiLabelStratifiedKFold as MultiLabelStratifiedKFold,
    )
    from sklearn_clip.model_selection._train_test import (
        multilabel_train_test_split as multilabel_train_test_split,
    )
else:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
