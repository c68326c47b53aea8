"""scikit-learn's own checks of the linear heads."""

import pytest
import sklearn
from sklearn.utils.estimator_checks import estimator_checks_generator
from sklearn.utils.fixes import parse_version

from sklearn_clip.heads import (
    MultiLabelLogisticRegression,
    MultiLabelLogisticRegressionCV,
)

EXPECTED = {
    "check_classifier_multioutput": (
        "indexes classes_ by predictions; it holds 0 and 1 for each label, as "
        "scikit-learn's scorers take"
    )
}

if parse_version(sklearn.__version__) < parse_version("1.7"):
    # For binary classifiers class 0 is what the first row has, which the checks do not
    # keep the same row.
    EXPECTED |= dict.fromkeys(
        [
            "check_sample_weight_equivalence_on_dense_data",
            "check_sample_weight_equivalence_on_sparse_data",
        ],
        "compares fits to different targets",
    )


def check_id(value):
    """Name of an estimator or of a check, with its arguments."""
    if not callable(value):
        return type(value).__name__
    arguments = "-".join(map(str, getattr(value, "keywords", {}).values()))
    return f"{getattr(value, 'func', value).__name__}-{arguments}".rstrip("-")


# A list, where `parametrize_with_checks` of scikit-learn 1.6 hands pytest a generator.
CHECKS = [
    pair
    # Weights and repetitions are compared to seven digits.
    for estimator in [
        MultiLabelLogisticRegression(tol=1e-9),
        MultiLabelLogisticRegressionCV(3, cv=3, tol=1e-9, random_state=0),
    ]
    for pair in estimator_checks_generator(
        estimator, expected_failed_checks=EXPECTED, mark="xfail"
    )
]


@pytest.mark.parametrize("estimator, check", CHECKS, ids=check_id)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
