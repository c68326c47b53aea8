"""scikit-learn's own checks of the nets."""

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

from sklearn_clip.heads import MultiLabelNet

SKORCH = "skorch keeps its state and any number of dunder parameters as attributes"
EXPECTED = {
    "check_no_attributes_set_in_init": SKORCH,
    "check_do_not_raise_errors_in_init_or_set_params": (
        "skorch lists callbacks in `set_params`, so that they can be set by name"
    ),
}


def check_id(value):
    """Name of an estimator or of a check, with its arguments."""
    if isinstance(value, MultiLabelNet):
        return "MultiLabelNet"
    arguments = "-".join(map(str, getattr(value, "keywords", {}).values()))
    return f"{getattr(value, 'func', value).__name__}-{arguments}".rstrip("-")


# The checks fit a few dozen rows of two to ten features.
NET = MultiLabelNet(
    module__hidden=32,
    module__dropout=0.0,
    lr=0.01,
    batch_size=32,
    random_state=0,
    device="cpu",
)

# A list, where `parametrize_with_checks` of scikit-learn 1.6 hands pytest a generator.
CHECKS = list(
    estimator_checks_generator(NET, expected_failed_checks=EXPECTED, mark="xfail")
)


# `check_set_params` warns of what skorch refuses at once; see EXPECTED.
@pytest.mark.filterwarnings("ignore:.*set_params:UserWarning")
@pytest.mark.parametrize("estimator, check", CHECKS, ids=check_id)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
