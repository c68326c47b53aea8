"""Checks of scikit-learn that estimators of several labels are expected to fail."""

import sklearn
from sklearn.utils.fixes import parse_version

ONE_D = "passes a 1-D y, which is refused with a sentence that says what to write"
OTHER_VALUES = "passes one column of classes other than 0 and 1"
ONE_COLUMN = "wants 1-D predictions, or (n, 2) probabilities, for one column"

# Of all of them; what takes no sparse X, or is no plain classifier, adds its own.
EXPECTED = {
    "check_classifier_data_not_an_array": OTHER_VALUES,
    "check_classifier_not_supporting_multiclass": ONE_D,
    "check_classifiers_classes": ONE_D,
    "check_classifiers_one_label_sample_weights": ONE_D,
    "check_classifiers_regression_target": ONE_D,
    "check_classifiers_train": ONE_COLUMN,
    "check_estimators_dtypes": OTHER_VALUES,
    "check_fit2d_1feature": OTHER_VALUES,
    "check_sample_weights_not_an_array": OTHER_VALUES,
    "check_sample_weights_not_overwritten": OTHER_VALUES,
    "check_sample_weights_pandas_series": OTHER_VALUES,
    "check_sample_weights_shape": OTHER_VALUES,
}
# Of those that hand X on to another estimator, sparse or dense.
EXPECTED_OF_SPARSE = {
    "check_complex_data": ONE_D,
    "check_estimator_sparse_array": ONE_COLUMN,
    "check_estimator_sparse_matrix": ONE_COLUMN,
}

if parse_version(sklearn.__version__) < parse_version("1.7"):
    # These checks make the two classes 1 and 2 of what is 0 and 1 in later releases.
    EXPECTED |= dict.fromkeys(
        [
            "check_dict_unchanged",
            "check_dont_overwrite_parameters",
            "check_dtype_object",
            "check_estimators_fit_returns_self",
            "check_estimators_overwrite_params",
            "check_estimators_pickle",
            "check_f_contiguous_array_estimator",
            "check_fit2d_predict1d",
            "check_fit_check_is_fitted",
            "check_methods_sample_order_invariance",
            "check_methods_subset_invariance",
            "check_pipeline_consistency",
            "check_readonly_memmap_input",
            "check_sample_weight_equivalence_on_dense_data",
        ],
        OTHER_VALUES,
    )
    EXPECTED_OF_SPARSE |= dict.fromkeys(
        [
            "check_estimators_empty_data_messages",
            "check_sample_weight_equivalence_on_sparse_data",
        ],
        OTHER_VALUES,
    )
