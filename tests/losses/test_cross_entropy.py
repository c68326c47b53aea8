"""Binary cross-entropy against torch, and the learnt temperature."""

import math

import pytest
import torch
from torch.nn import functional as F

from sklearn_clip.losses import (
    BCELoss,
    TemperedBCELoss,
    bce_loss,
    tempered_bce_loss,
)


def test_bce_has_the_published_value(published):
    assert bce_loss(*published).item() == pytest.approx(1.9021926258, abs=1e-9)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("pos_weight", [None, [1.0, 3.0, 0.5, 2.0, 9.0]])
def test_bce_equals_torch(batch, reduction, pos_weight):
    weight = None if pos_weight is None else torch.tensor(pos_weight)
    torch.testing.assert_close(
        BCELoss(pos_weight, reduction)(*batch),
        F.binary_cross_entropy_with_logits(
            *batch, pos_weight=weight, reduction=reduction
        ),
    )


@pytest.mark.parametrize("tau", [0.07, 0.5, 1.0])
def test_tempered_bce_is_bce_on_tempered_cosines(holes, tau):
    cosines, targets = holes[0].tanh(), holes[1]
    torch.testing.assert_close(
        tempered_bce_loss(cosines, targets, scale=1 / tau, bias=-0.3),
        bce_loss(cosines / tau - 0.3, targets),
    )


def test_tempered_gradient_is_error_over_temperature(holes):
    cosines, targets = holes[0].tanh().requires_grad_(), holes[1]
    loss = TemperedBCELoss(temperature=0.07, bias=-2).double()
    loss(cosines, targets).backward()
    known = ~targets.isnan()
    error = loss.activation(cosines) - targets
    expected = torch.where(known, error * loss.scale / known.sum(), 0)
    torch.testing.assert_close(cosines.grad, expected.detach())


def test_temperature_and_bias_have_gradients_and_a_start(holes):
    loss = TemperedBCELoss().double()
    assert loss.temperature.item() == pytest.approx(0.07)
    assert loss.log_scale.item() == pytest.approx(math.log(1 / 0.07))
    assert loss.bias.item() == 0
    cosines, targets = holes[0].tanh(), holes[1]

    def value(log_scale, bias):
        return tempered_bce_loss(cosines, targets, scale=log_scale.exp(), bias=bias)

    assert torch.autograd.gradcheck(value, tuple(loss.parameters()))
    loss(cosines, targets).backward()
    assert all(p.grad != 0 for p in loss.parameters())


def test_scale_is_capped_and_can_come_back():
    cosines, targets = torch.tensor([[0.3, 0.1]]), torch.tensor([[0.0, 1.0]])
    loss = TemperedBCELoss(temperature=0.01)
    with torch.no_grad():
        loss.log_scale.fill_(9.0)
    assert loss.scale.item() == pytest.approx(100)
    expected = tempered_bce_loss(cosines, targets, scale=100.0)
    torch.testing.assert_close(loss(cosines, targets), expected)
    # Both labels are wrong, so the scale is to fall, and does.
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.01)
    loss(cosines, targets).backward()
    optimizer.step()
    assert loss.scale.item() < 99


def test_two_batches_may_share_one_backward(batch):
    loss = TemperedBCELoss(temperature=0.01).double()
    first, second = loss(*batch), loss(*batch)
    (first + second).backward()
    assert loss.log_scale.grad.isfinite()


def test_cosine_is_decided_at_the_bias_over_the_scale():
    loss = TemperedBCELoss(temperature=0.05, bias=-4)
    assert loss.decision_logit == pytest.approx(0.2)
    cosines = torch.tensor([[0.1, 0.2, 0.3]])
    expected = torch.sigmoid(20 * cosines - 4)
    torch.testing.assert_close(loss.activation(cosines), expected)


def test_repr_shows_the_temperature_and_bias_as_they_are_now():
    loss = TemperedBCELoss(temperature=0.05, bias=-4)
    with torch.no_grad():
        loss.bias.sub_(1)
    assert "temperature=0.05, bias=-5, max_scale=100.0" in repr(loss)


def test_temperature_below_the_cap_is_refused():
    with pytest.raises(ValueError, match="at least 1 / max_scale = 0.01. Got 0.001"):
        TemperedBCELoss(temperature=0.001)
    assert TemperedBCELoss(0.001, max_scale=1000.0).scale.item() == pytest.approx(1000)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"scale": 0}, "scale must be a finite number above 0. Got 0"),
        ({"bias": math.nan}, "bias must be a finite number. Got nan"),
    ],
)
def test_function_refuses_a_wrong_scale_or_bias(batch, params, message):
    with pytest.raises(ValueError, match=message):
        tempered_bce_loss(*batch, **params)
