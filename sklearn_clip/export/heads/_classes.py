"""Which writer serves an estimator of which class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from sklearn_clip.export.heads._answers import Refusal
from sklearn_clip.export.heads._graph_arrays import GraphArray

Writer = TypeVar("Writer")

# What a subclass may have of its own without any effect on what is predicted.
_HARMLESS = {
    "_abc_impl",
    "_check_input_parameters",
    "_parameter_constraints",
    "_run_search",
    "_select_best_index",
    "_sklearn_auto_wrap_output_keys",
    "fit",
    "fit_transform",
    "get_feature_names_out",
    "get_metadata_routing",
    "get_params",
    "partial_fit",
    "score",
    "set_params",
}
_METHODS = ("predict", "predict_proba", "decision_function", "transform")


def find_writer(writers: Mapping[type, Writer], estimator: Any) -> Writer | None:
    """Find the writer of an estimator's class, or of the class that it derives from.

    Parameters
    ----------
    writers : dict of type to callable
        The table.
    estimator : estimator instance
        The estimator.

    Returns
    -------
    callable or None
        The writer; None if there is none.

    Raises
    ------
    Refusal
        If the class derives from one that there is a writer for, but predicts in a way
        of its own.
    """
    lineage = type(estimator).__mro__
    known = next((cls for cls in lineage if cls in writers), None)
    if known is None:
        return None
    own = [name for name in _METHODS if name in vars(estimator)]
    for cls in lineage[: lineage.index(known)]:
        own += [name for name in vars(cls) if _overrides(name, known)]
    if own:
        raise Refusal(
            f"{type(estimator).__name__} has {own[0]} of its own in place of that of "
            f"{known.__name__}. Use {known.__name__} instead."
        )
    return writers[known]


def _overrides(name, base):
    """Whether a name of a subclass stands in the way of one of its base."""
    if name in _HARMLESS or name.startswith("__") or name.endswith("_request"):
        return False
    return hasattr(base, name)


def check_width(estimator: Any, rows: GraphArray) -> None:
    """Check that an estimator was fitted on rows as wide as those it gets.

    Parameters
    ----------
    estimator : estimator instance
        The estimator.
    rows : GraphArray
        The rows.

    Raises
    ------
    Refusal
        If it was fitted on another width.
    """
    width = getattr(estimator, "n_features_in_", None)
    if width is not None and width != rows.width:
        raise Refusal(
            f"{type(estimator).__name__} was fitted on rows of {width} features, and "
            f"gets {rows.width}."
        )
