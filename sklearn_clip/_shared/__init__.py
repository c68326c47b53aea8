"""What all rooms share: errors, checks, the private parts of scikit-learn."""

from sklearn_clip._shared._accuracy import MaskedAccuracyMixin
from sklearn_clip._shared._arrays import (
    as_array,
    column_names,
    refuse_unindexable,
)
from sklearn_clip._shared._cache_home import cache_home
from sklearn_clip._shared._cells import (
    EMPTY_WORDS,
    TEXTS_HINT,
    is_missing,
    shown,
    shown_first,
)
from sklearn_clip._shared._entries import (
    Entries,
    read_entries,
    read_stored,
    row_blocks,
)
from sklearn_clip._shared._errors import (
    ImageDecodeError,
    ModelMismatchError,
    WeightsUnavailableError,
    import_optional,
)
from sklearn_clip._shared._estimators import (
    check_label_order,
    nested_estimators,
    positive_scores,
)
from sklearn_clip._shared._groups import group_numbers
from sklearn_clip._shared._names import (
    clean_name,
    decode_percent,
    hint_at_name,
    path_readings,
    respell_keys,
    unify_names,
)
from sklearn_clip._shared._sklearn import (
    CallbackSupport,
    HasMethods,
    Interval,
    Options,
    RealNotInt,
    StrOptions,
    _check_method_params,
    _check_sample_weight,
    _fit_context,
    _num_samples,
    _safe_indexing,
)
from sklearn_clip._shared._targets import (
    as_targets,
    by_name,
    check_indicator,
    check_labelled_rows,
    check_same_length,
    label_array,
    label_classes,
    warn_of_row_order,
)
from sklearn_clip._shared._types import SparseMatrix, TableLike, TargetsLike
from sklearn_clip._shared._warnings import (
    is_part_of_a_fit,
    warn_user,
    warnings_given,
)
from sklearn_clip._shared._word_labels import WordLabelsMixin

__all__ = [
    "EMPTY_WORDS",
    "CallbackSupport",
    "Entries",
    "HasMethods",
    "ImageDecodeError",
    "Interval",
    "ModelMismatchError",
    "Options",
    "RealNotInt",
    "SparseMatrix",
    "StrOptions",
    "TEXTS_HINT",
    "TableLike",
    "TargetsLike",
    "WeightsUnavailableError",
    "MaskedAccuracyMixin",
    "WordLabelsMixin",
    "_check_method_params",
    "_check_sample_weight",
    "_fit_context",
    "_num_samples",
    "_safe_indexing",
    "as_array",
    "as_targets",
    "by_name",
    "cache_home",
    "check_indicator",
    "check_label_order",
    "check_labelled_rows",
    "clean_name",
    "decode_percent",
    "group_numbers",
    "hint_at_name",
    "check_same_length",
    "column_names",
    "import_optional",
    "is_missing",
    "is_part_of_a_fit",
    "label_array",
    "label_classes",
    "nested_estimators",
    "path_readings",
    "positive_scores",
    "respell_keys",
    "unify_names",
    "read_entries",
    "read_stored",
    "refuse_unindexable",
    "row_blocks",
    "shown",
    "shown_first",
    "warn_of_row_order",
    "warn_user",
    "warnings_given",
]
