"""What all rooms share: errors, checks, the private parts of scikit-learn."""

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
    TEXTS_HINT,
    accuracy_of_known,
    as_binary,
    as_targets,
    binary_entries,
    by_name,
    check_indicator,
    check_labelled_rows,
    is_missing,
    label_array,
    label_classes,
    warn_of_row_order,
)
from sklearn_clip._shared._warnings import warn_user
from sklearn_clip._shared._word_labels import WordLabelsMixin

__all__ = [
    "CallbackSupport",
    "HasMethods",
    "ImageDecodeError",
    "Interval",
    "ModelMismatchError",
    "Options",
    "RealNotInt",
    "StrOptions",
    "TEXTS_HINT",
    "WeightsUnavailableError",
    "WordLabelsMixin",
    "_check_method_params",
    "_check_sample_weight",
    "_fit_context",
    "_num_samples",
    "_safe_indexing",
    "accuracy_of_known",
    "as_binary",
    "as_targets",
    "binary_entries",
    "by_name",
    "check_indicator",
    "check_label_order",
    "check_labelled_rows",
    "import_optional",
    "is_missing",
    "label_array",
    "label_classes",
    "nested_estimators",
    "positive_scores",
    "warn_of_row_order",
    "warn_user",
]
