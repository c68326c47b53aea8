"""Names, classes and modules as losses."""

import pytest
import torch

from sklearn_clip import losses
from sklearn_clip.losses import LOSSES, FocalLoss, MultiLabelLoss, make_loss

NAMES = {
    "bce": "BCELoss",
    "focal": "FocalLoss",
    "asl": "AsymmetricLoss",
    "tempered_bce": "TemperedBCELoss",
    "two_way": "TwoWayLoss",
    "zlpr": "ZLPRLoss",
    "hill": "HillLoss",
    "splc": "SPLCLoss",
    "soft_f1": "SoftF1Loss",
    "distribution_balanced": "DistributionBalancedLoss",
}


def test_every_loss_has_its_name():
    assert {name: loss.__name__ for name, loss in LOSSES.items()} == NAMES
    for name, class_name in NAMES.items():
        assert LOSSES[name] is getattr(losses, class_name)
        assert issubclass(LOSSES[name], MultiLabelLoss)


@pytest.mark.parametrize("loss", ["focal", FocalLoss])
def test_name_or_class_is_made_with_the_parameters(loss):
    made = make_loss(loss, gamma=3.0)
    assert type(made) is FocalLoss and made.gamma == 3.0


def test_names_make_new_modules():
    assert make_loss("tempered_bce") is not make_loss("tempered_bce")


def test_module_is_returned_as_it_is():
    made = FocalLoss()
    assert make_loss(made) is made
    with pytest.raises(TypeError, match=r"Got \['gamma'\] with a FocalLoss that is"):
        make_loss(made, gamma=3.0)


def test_modules_of_others_are_taken():
    made = make_loss(torch.nn.BCEWithLogitsLoss, reduction="sum")
    assert made.reduction == "sum"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("ASL", r"Did you mean 'asl'"),
        ("two-way", r"Did you mean 'two_way'"),
        ("focal_loss", r"Did you mean 'focal'"),
        ("distribution", r"Did you mean 'distribution_balanced'"),
        ("softf1", r"Did you mean 'soft_f1'"),
    ],
)
def test_unknown_name_is_refused_with_the_nearest(name, hint):
    with pytest.raises(ValueError, match=rf"loss must be one of \['asl', .*{hint}"):
        make_loss(name)


def test_name_near_to_nothing_is_refused_without_a_guess():
    with pytest.raises(ValueError, match=r"'zlpr'\]. Got 'xxxx'.$"):
        make_loss("xxxx")


@pytest.mark.parametrize("loss", [None, 3, int, len])
def test_other_types_are_refused(loss):
    with pytest.raises(TypeError, match="loss must be a name such as 'bce', a class"):
        make_loss(loss)


def test_parameter_that_the_loss_lacks_is_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'gamma_neg'"):
        make_loss("focal", gamma_neg=4)
