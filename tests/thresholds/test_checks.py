"""scikit-learn's own checks, as far as they allow for two-dimensional targets."""

import pytest
from expected_checks import EXPECTED, EXPECTED_OF_SPARSE, ONE_D
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.utils.estimator_checks import estimator_checks_generator

from sklearn_clip.thresholds import (
    LabelSetClassifier,
    RejectOptionClassifier,
    ThresholdOptimizer,
)

CUTS = "wants a predicted label to be a probability above 0.5"
OPEN = "wants labels of the dtype of the targets, where open answers are NaN"
NO_WEIGHTS = "passes weights, which a guarantee does not take"
SPLITS = "sets a cv of several splits, of which no classifier could be kept"
ONE_ROW = "one row cannot be held out and fitted on: refused with a sentence of ours"
CUT = EXPECTED | EXPECTED_OF_SPARSE | {"check_classifier_multioutput": CUTS}


ANSWERS = CUT | {
    "check_classifiers_multilabel_output_format_predict": OPEN,
    "check_fit2d_1sample": ONE_ROW,
}
WEIGHTS = ("list", "pandas_series", "not_an_array", "shape", "not_overwritten")
BY_CLASS = {
    ThresholdOptimizer: CUT,
    RejectOptionClassifier: ANSWERS
    | {f"check_sample_weights_{name}": NO_WEIGHTS for name in WEIGHTS}
    | {
        f"check_sample_weight_equivalence_on_{name}_data": SPLITS
        for name in ("dense", "sparse")
    },
    LabelSetClassifier: {
        name: reason
        for name, reason in ANSWERS.items()
        if "sample_weights_" not in name
    }
    | {"check_classifiers_one_label_sample_weights": ONE_D},
}


def check_id(value):
    """Name of a check, with its arguments."""
    if isinstance(value, tuple(BY_CLASS)):
        return type(value).__name__
    arguments = "-".join(map(str, getattr(value, "keywords", {}).values()))
    return f"{getattr(value, 'func', value).__name__}-{arguments}".rstrip("-")


HEAD = MultiOutputClassifier(LogisticRegression())
# A list, where `parametrize_with_checks` of scikit-learn 1.6 hands pytest a generator.
CHECKS = [
    check
    for classifier in (
        ThresholdOptimizer(HEAD, cv=2, random_state=0),
        RejectOptionClassifier(HEAD, random_state=0),
        LabelSetClassifier(HEAD, random_state=0),
    )
    for check in estimator_checks_generator(
        classifier,
        expected_failed_checks=BY_CLASS[type(classifier)],
        mark="xfail",
    )
]


# What hardly any row can show is said in a warning, not what is checked here.
@pytest.mark.filterwarnings("ignore:No cut has", "ignore:Rows to choose the cuts on")
@pytest.mark.parametrize("estimator, check", CHECKS, ids=check_id)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
