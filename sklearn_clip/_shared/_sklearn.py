"""scikit-learn's private functions: imported here and nowhere else.

A release which moves one of them is met in one place.
"""

from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    RealNotInt,
    StrOptions,
)
from sklearn.utils.validation import (
    _check_method_params,
    _check_sample_weight,
    _num_samples,
)

try:
    from sklearn.callback import CallbackSupportMixin as CallbackSupport
except ImportError:  # before scikit-learn 1.9

    class CallbackSupport:  # type: ignore[no-redef]  # it is one of the two
        """Stands for scikit-learn's mixin where that has no callbacks."""


__all__ = [
    "CallbackSupport",
    "HasMethods",
    "Interval",
    "Options",
    "RealNotInt",
    "StrOptions",
    "_check_method_params",
    "_check_sample_weight",
    "_fit_context",
    "_num_samples",
    "_safe_indexing",
]
