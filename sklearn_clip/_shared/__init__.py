"""What all rooms share: errors, checks, the private parts of scikit-learn."""

from typing import TYPE_CHECKING

from sklearn_clip._lazy import lazy_names

# At once: it notes every fork, also one before any model of ours is at work.
from sklearn_clip._shared import _torch_modes  # noqa: F401

# Much of it needs no scikit-learn: names are imported when they are used.
_HOMES = {
    "abandon_in_forks": "_forks",
    "add_regions": "_region_pooling",
    "as_array": "_arrays",
    "stored_form": "_arrays",
    "StoredEntries": "_entries",
    "as_path": "_paths",
    "as_targets": "_targets",
    "bring_near": "_far_scores",
    "by_name": "_targets",
    "cache_home": "_cache_home",
    "CallbackSupport": "_sklearn",
    "check_columns": "_targets",
    "check_indicator": "_targets",
    "check_label_order": "_estimators",
    "check_labelled_rows": "_targets",
    "_check_method_params": "_sklearn",
    "check_same_length": "_targets",
    "_check_sample_weight": "_sklearn",
    "clean_name": "_names",
    "column_names": "_arrays",
    "counted": "_cells",
    "decode_percent": "_names",
    "EMPTY_WORDS": "_cells",
    "Entries": "_entries",
    "first_difference": "_names",
    "_fit_context": "_sklearn",
    "group_numbers": "_groups",
    "HasMethods": "_sklearn",
    "has_lost_team": "_torch_modes",
    "hint_at_name": "_names",
    "ImageDecodeError": "_errors",
    "import_optional": "_errors",
    "in_given_order": "_names",
    "in_label_order": "_targets",
    "Interval": "_sklearn",
    "is_exported": "_estimators",
    "is_missing": "_cells",
    "is_part_of_a_fit": "_warnings",
    "keep_forever": "_forks",
    "kept_generator": "_seeds",
    "label_array": "_targets",
    "label_classes": "_targets",
    "last_part": "_public_repr",
    "MaskedAccuracyMixin": "_accuracy",
    "ModelMismatchError": "_errors",
    "MultiLabelMetaMixin": "_meta_estimators",
    "deciding_estimators": "_estimators",
    "inner_featurizers": "_estimators",
    "nested_estimators": "_estimators",
    "_num_samples": "_sklearn",
    "number_of_word": "_cells",
    "Options": "_sklearn",
    "own_modes": "_torch_modes",
    "path_readings": "_names",
    "pool_regions": "_region_pooling",
    "POOLINGS": "_region_pooling",
    "positive_scores": "_estimators",
    "public_repr": "_public_repr",
    "pull_in": "_far_scores",
    "read_entries": "_entries",
    "read_stored": "_entries",
    "RealNotInt": "_sklearn",
    "refuse_other_order": "_names",
    "refuse_unindexable": "_arrays",
    "remove_unfinished": "_whole_files",
    "respell_keys": "_names",
    "row_blocks": "_entries",
    "_safe_indexing": "_sklearn",
    "seeded_torch": "_seeds",
    "shown": "_cells",
    "shown_first": "_cells",
    "SparseMatrix": "_types",
    "StrOptions": "_sklearn",
    "TableLike": "_types",
    "TargetsLike": "_types",
    "tell_of_left_out": "_names",
    "TEXTS_HINT": "_cells",
    "trace_to_onnx": "_onnx_tracing",
    "unify_names": "_names",
    "warn_of_row_order": "_targets",
    "warn_user": "_warnings",
    "warnings_given": "_warnings",
    "WeightsUnavailableError": "_errors",
    "whole_file": "_whole_files",
    "WholeFiles": "_whole_files",
    "without_tensor": "_arrays",
    "WordLabelsMixin": "_word_labels",
}

__all__ = list(_HOMES)

if TYPE_CHECKING:
    from sklearn_clip._shared._accuracy import (
        MaskedAccuracyMixin as MaskedAccuracyMixin,
    )
    from sklearn_clip._shared._arrays import (
        as_array as as_array,
        stored_form as stored_form,
        column_names as column_names,
        refuse_unindexable as refuse_unindexable,
        without_tensor as without_tensor,
    )
    from sklearn_clip._shared._cache_home import (
        cache_home as cache_home,
    )
    from sklearn_clip._shared._cells import (
        EMPTY_WORDS as EMPTY_WORDS,
        TEXTS_HINT as TEXTS_HINT,
        counted as counted,
        is_missing as is_missing,
        number_of_word as number_of_word,
        shown as shown,
        shown_first as shown_first,
    )
    from sklearn_clip._shared._entries import (
        Entries as Entries,
        StoredEntries as StoredEntries,
        read_entries as read_entries,
        read_stored as read_stored,
        row_blocks as row_blocks,
    )
    from sklearn_clip._shared._errors import (
        ImageDecodeError as ImageDecodeError,
        ModelMismatchError as ModelMismatchError,
        WeightsUnavailableError as WeightsUnavailableError,
        import_optional as import_optional,
    )
    from sklearn_clip._shared._estimators import (
        check_label_order as check_label_order,
        deciding_estimators as deciding_estimators,
        inner_featurizers as inner_featurizers,
        is_exported as is_exported,
        nested_estimators as nested_estimators,
        positive_scores as positive_scores,
    )
    from sklearn_clip._shared._far_scores import (
        bring_near as bring_near,
        pull_in as pull_in,
    )
    from sklearn_clip._shared._forks import (
        abandon_in_forks as abandon_in_forks,
        keep_forever as keep_forever,
    )
    from sklearn_clip._shared._groups import (
        group_numbers as group_numbers,
    )
    from sklearn_clip._shared._meta_estimators import (
        MultiLabelMetaMixin as MultiLabelMetaMixin,
    )
    from sklearn_clip._shared._names import (
        clean_name as clean_name,
        decode_percent as decode_percent,
        first_difference as first_difference,
        hint_at_name as hint_at_name,
        in_given_order as in_given_order,
        path_readings as path_readings,
        refuse_other_order as refuse_other_order,
        respell_keys as respell_keys,
        tell_of_left_out as tell_of_left_out,
        unify_names as unify_names,
    )
    from sklearn_clip._shared._onnx_tracing import trace_to_onnx as trace_to_onnx
    from sklearn_clip._shared._paths import (
        as_path as as_path,
    )
    from sklearn_clip._shared._public_repr import (
        last_part as last_part,
        public_repr as public_repr,
    )
    from sklearn_clip._shared._region_pooling import (
        POOLINGS as POOLINGS,
        add_regions as add_regions,
        pool_regions as pool_regions,
    )
    from sklearn_clip._shared._seeds import (
        kept_generator as kept_generator,
        seeded_torch as seeded_torch,
    )
    from sklearn_clip._shared._sklearn import (
        CallbackSupport as CallbackSupport,
        HasMethods as HasMethods,
        Interval as Interval,
        Options as Options,
        RealNotInt as RealNotInt,
        StrOptions as StrOptions,
        _check_method_params as _check_method_params,
        _check_sample_weight as _check_sample_weight,
        _fit_context as _fit_context,
        _num_samples as _num_samples,
        _safe_indexing as _safe_indexing,
    )
    from sklearn_clip._shared._targets import (
        as_targets as as_targets,
        by_name as by_name,
        check_columns as check_columns,
        check_indicator as check_indicator,
        check_labelled_rows as check_labelled_rows,
        check_same_length as check_same_length,
        in_label_order as in_label_order,
        label_array as label_array,
        label_classes as label_classes,
        warn_of_row_order as warn_of_row_order,
    )
    from sklearn_clip._shared._torch_modes import (
        has_lost_team as has_lost_team,
        own_modes as own_modes,
    )
    from sklearn_clip._shared._types import (
        SparseMatrix as SparseMatrix,
        TableLike as TableLike,
        TargetsLike as TargetsLike,
    )
    from sklearn_clip._shared._warnings import (
        is_part_of_a_fit as is_part_of_a_fit,
        warn_user as warn_user,
        warnings_given as warnings_given,
    )
    from sklearn_clip._shared._whole_files import (
        WholeFiles as WholeFiles,
        remove_unfinished as remove_unfinished,
        whole_file as whole_file,
    )
    from sklearn_clip._shared._word_labels import (
        WordLabelsMixin as WordLabelsMixin,
    )
else:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
