"""scikit-learn's own checks, as far as they allow for two-dimensional targets."""

import pytest
import sklearn
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.fixes import parse_version

from sklearn_clip import MultiLabelLogisticRegression, RegionClassifier

ONE_D = "passes a 1-D y, which is refused with a sentence that says what to write"
OTHER_VALUES = "passes one column of classes other than 0 and 1"
CLASSES = "indexes classes_ of shape (n_labels, 2), which are 0 and 1, by labels"
ONE_COLUMN = "wants 1-D predictions, or (n, 2) probabilities, for one column"

EXPECTED = {
    "check_classifier_data_not_an_array": OTHER_VALUES,
    "check_classifier_multioutput": CLASSES,
    "check_classifier_not_supporting_multiclass": ONE_D,
    "check_classifiers_classes": ONE_D,
    "check_classifiers_one_label_sample_weights": ONE_D,
    "check_classifiers_regression_target": ONE_D,
    "check_classifiers_train": ONE_COLUMN,
    "check_decision_proba_consistency": ONE_D,
    "check_estimators_dtypes": OTHER_VALUES,
    "check_fit2d_1feature": OTHER_VALUES,
    "check_sample_weights_not_an_array": OTHER_VALUES,
    "check_sample_weights_not_overwritten": OTHER_VALUES,
    "check_sample_weights_pandas_series": OTHER_VALUES,
    "check_sample_weights_shape": OTHER_VALUES,
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


def check_id(value):
    """Name of a check, with its arguments."""
    if isinstance(value, RegionClassifier):
        return "RegionClassifier"
    arguments = "-".join(map(str, getattr(value, "keywords", {}).values()))
    return f"{getattr(value, 'func', value).__name__}-{arguments}".rstrip("-")


CHECKS = list(
    estimator_checks_generator(
        RegionClassifier(
            MultiLabelLogisticRegression(tol=1e-12),
            layout=(1, 1),
            cv=2,
            random_state=0,
        ),
        expected_failed_checks=EXPECTED,
        mark="xfail",
    )
)


@pytest.mark.parametrize("estimator, check", CHECKS, ids=check_id)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
