"""scikit-learn's own checks, as far as they allow for two-dimensional targets."""

import pytest
from expected_checks import EXPECTED, ONE_D
from sklearn.utils.estimator_checks import estimator_checks_generator

from sklearn_clip import MultiLabelLogisticRegression, RegionClassifier

CLASSES = "indexes classes_ of shape (n_labels, 2), which are 0 and 1, by labels"
OWN = EXPECTED | {
    "check_classifier_multioutput": CLASSES,
    "check_decision_proba_consistency": ONE_D,
}


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
        expected_failed_checks=OWN,
        mark="xfail",
    )
)


@pytest.mark.parametrize("estimator, check", CHECKS, ids=check_id)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
