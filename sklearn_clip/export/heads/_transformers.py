"""Steps between the featurizer and the classifier: scalers, projections, choices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.feature_selection import (
    RFE,
    RFECV,
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFromModel,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    SequentialFeatureSelector,
    VarianceThreshold,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)

from sklearn_clip.export.heads._answers import Refusal
from sklearn_clip.export.heads._classes import check_width, find_writer
from sklearn_clip.export.heads._graph_arrays import GraphArray, concatenate


def _keep_precision(rows, found):
    """Round as NumPy does where it computes in place."""
    return found.cast(rows.dtype)


def _write_standard(step, rows):
    # In the precision of the rows, as scikit-learn has it.
    if step.with_mean:
        rows = rows - step.mean_.astype(rows.dtype)
    if step.with_std:
        rows = rows / step.scale_.astype(rows.dtype)
    return rows


def _write_min_max(step, rows):
    rows = _keep_precision(rows, rows * step.scale_)
    rows = _keep_precision(rows, rows + step.min_)
    if step.clip:
        low, high = map(float, step.feature_range)
        rows = rows.maximum(low).minimum(high)
    return rows


def _write_max_abs(step, rows):
    rows = _keep_precision(rows, rows / step.scale_)
    if getattr(step, "clip", False):  # since scikit-learn 1.8
        rows = rows.maximum(-1.0).minimum(1.0)
    return rows


def _write_robust(step, rows):
    if step.with_centering:
        rows = _keep_precision(rows, rows - step.center_)
    if step.with_scaling:
        rows = _keep_precision(rows, rows / step.scale_)
    return rows


def _write_normalizer(step, rows):
    if step.norm == "max":
        lengths = rows.apply("Abs").reduce("ReduceMax")
    else:
        lengths = rows.reduce("ReduceL1" if step.norm == "l1" else "ReduceL2")
    return rows / lengths.where(lengths > 0.0, 1.0)


def _write_pca(step, rows):
    # Projected first and centred then, as scikit-learn does.
    components = step.components_
    found = rows @ components.T
    found = _keep_precision(found, found - step.mean_ @ components.T)
    if step.whiten:
        scale = np.sqrt(step.explained_variance_)
        scale = np.maximum(scale, np.finfo(scale.dtype).eps)
        found = _keep_precision(found, found / scale)
    return found


def _write_svd(step, rows):
    return rows @ step.components_.T


def _write_selector(step, rows):
    chosen = np.flatnonzero(step.get_support())
    if not len(chosen):
        raise Refusal(f"{type(step).__name__} has chosen no feature.")
    return rows.columns(chosen)


def _write_imputer(step, rows):
    if not (isinstance(step.missing_values, float) and np.isnan(step.missing_values)):
        raise Refusal(
            "SimpleImputer must fill in NaN, which is what missing vectors are. Got "
            f"missing_values={step.missing_values!r}."
        )
    if step.add_indicator:
        raise Refusal(
            "SimpleImputer with add_indicator=True adds columns. Take "
            "CLIPFeaturizer(add_missing_indicator=True) instead."
        )
    statistics = np.asarray(step.statistics_, dtype=np.float64)
    if not step.keep_empty_features:
        kept = np.flatnonzero(~np.isnan(statistics))
        rows, statistics = rows.columns(kept), statistics[kept]
    missing = rows.apply("IsNaN", dtype=bool)
    return rows.where(~missing, statistics.astype(rows.dtype))


def _write_function(step, rows):
    if step.func is not None:
        raise Refusal(
            f"FunctionTransformer calls {getattr(step.func, '__name__', step.func)}, "
            "which only Python can. Leave it out, or use a scaler of scikit-learn "
            "instead."
        )
    return rows


def _write_pipeline(step, rows):
    for _, inner in step.steps:
        rows = write_step(inner, rows)
    return rows


def _write_union(step, rows):
    weights = step.transformer_weights or {}
    parts = []
    for name, inner in step.transformer_list:
        if inner != "drop":
            part = write_step(inner, rows)
            parts.append(part * float(weights[name]) if name in weights else part)
    if not parts:
        raise Refusal("FeatureUnion has dropped all its parts.")
    return concatenate(parts)


def _write_frozen(step, rows):
    return write_step(step.estimator, rows)


_Writer = Callable[[Any, GraphArray], GraphArray]
TRANSFORMERS: dict[type, _Writer] = {
    FeatureUnion: _write_union,
    FrozenEstimator: _write_frozen,
    FunctionTransformer: _write_function,
    GenericUnivariateSelect: _write_selector,
    IncrementalPCA: _write_pca,
    MaxAbsScaler: _write_max_abs,
    MinMaxScaler: _write_min_max,
    Normalizer: _write_normalizer,
    PCA: _write_pca,
    Pipeline: _write_pipeline,
    RFE: _write_selector,
    RFECV: _write_selector,
    RobustScaler: _write_robust,
    SelectFdr: _write_selector,
    SelectFpr: _write_selector,
    SelectFromModel: _write_selector,
    SelectFwe: _write_selector,
    SelectKBest: _write_selector,
    SelectPercentile: _write_selector,
    SequentialFeatureSelector: _write_selector,
    SimpleImputer: _write_imputer,
    StandardScaler: _write_standard,
    TruncatedSVD: _write_svd,
    VarianceThreshold: _write_selector,
}


def write_step(step: Any, rows: GraphArray) -> GraphArray:
    """Write a fitted transformer of features.

    Parameters
    ----------
    step : estimator instance, "passthrough" or None
        The transformer.
    rows : GraphArray
        What it takes.

    Returns
    -------
    GraphArray
        What it gives.

    Raises
    ------
    Refusal
        If it has no form in ONNX here.
    """
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return rows
    writer = find_writer(TRANSFORMERS, step)
    if writer is None:
        raise Refusal(
            f"{type(step).__name__} has no form in ONNX here. Use a scaler, a "
            "projection (PCA, TruncatedSVD) or a selection of features of scikit-learn "
            "instead, or transform the features before the tagger is fitted."
        )
    check_width(step, rows)
    return writer(step, rows)
