"""scikit-learn's own checks, as far as they allow for two-dimensional targets."""

import pytest
from expected_checks import EXPECTED, EXPECTED_OF_SPARSE
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.utils.estimator_checks import estimator_checks_generator

from sklearn_clip import MultiLabelCalibrator


def check_id(value):
    """Name of a check, with its arguments."""
    if isinstance(value, MultiLabelCalibrator):
        return "MultiLabelCalibrator"
    arguments = "-".join(map(str, getattr(value, "keywords", {}).values()))
    return f"{getattr(value, 'func', value).__name__}-{arguments}".rstrip("-")


# A list, where `parametrize_with_checks` of scikit-learn 1.6 hands pytest a generator.
CHECKS = list(
    estimator_checks_generator(
        MultiLabelCalibrator(
            MultiOutputClassifier(LogisticRegression()), cv=2, random_state=0
        ),
        expected_failed_checks=EXPECTED | EXPECTED_OF_SPARSE,
        mark="xfail",
    )
)


@pytest.mark.parametrize("estimator, check", CHECKS, ids=check_id)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
