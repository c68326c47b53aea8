"""Focal and asymmetric losses against published values, torchvision and timm."""

import pytest
import torch
from timm.loss import AsymmetricLossMultiLabel
from torchvision.ops import sigmoid_focal_loss

from sklearn_clip.losses import AsymmetricLoss, asymmetric_loss, bce_loss, focal_loss


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [(0.25, 0.8522013863), (-1, 1.7044027725), (None, 1.7044027725)],
)
def test_focal_has_the_published_value(published, alpha, expected):
    assert focal_loss(*published, alpha=alpha).item() == pytest.approx(
        expected, abs=1e-9
    )


@pytest.mark.parametrize("alpha", [0.25, 0.8, 0, 1, -1])
@pytest.mark.parametrize("gamma", [0, 0.5, 2, 3])
def test_focal_equals_torchvision(batch, alpha, gamma):
    torch.testing.assert_close(
        focal_loss(*batch, alpha=alpha, gamma=gamma, reduction="none"),
        sigmoid_focal_loss(*batch, alpha=alpha, gamma=gamma),
    )


def test_focal_without_focusing_is_bce(holes):
    torch.testing.assert_close(
        focal_loss(*holes, alpha=None, gamma=0), bce_loss(*holes)
    )


@pytest.mark.parametrize(
    ("gamma_pos", "gamma_neg", "margin", "expected"),
    [
        (1, 4, 0.05, 7.6168749219),
        (0, 4, 0.05, 8.0036281153),
        (1, 4, 0, 10.2371645721),
        (1, 2, 0.05, 7.9947894762),
    ],
)
def test_asymmetric_has_the_published_value(
    published, gamma_pos, gamma_neg, margin, expected
):
    loss = AsymmetricLoss(gamma_neg, gamma_pos, margin, reduction="sum")
    assert loss(*published).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("gamma_pos", [0, 1, 2])
@pytest.mark.parametrize("gamma_neg", [0, 1, 4])
@pytest.mark.parametrize("margin", [0, 0.05, 0.3])
def test_asymmetric_equals_timm(batch, gamma_pos, gamma_neg, margin):
    # timm computes in float32, from p itself. In one row its sum and its mean over the
    # batch, which have both been its default, are the same.
    logits = batch[0].float().clamp(-6, 6).reshape(1, -1)
    targets = batch[1].float().reshape(1, -1)
    timm_loss = AsymmetricLossMultiLabel(gamma_neg, gamma_pos, clip=margin)
    ours = asymmetric_loss(
        logits,
        targets,
        gamma_neg=gamma_neg,
        gamma_pos=gamma_pos,
        margin=margin,
        reduction="sum",
    )
    torch.testing.assert_close(ours, timm_loss(logits, targets), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_asymmetric_without_asymmetry_is_bce(holes, reduction):
    torch.testing.assert_close(
        asymmetric_loss(
            *holes, gamma_neg=0, gamma_pos=0, margin=0, reduction=reduction
        ),
        bce_loss(*holes, reduction=reduction),
    )


@pytest.mark.parametrize("gamma", [0, 0.01, 0.5])
def test_gradient_is_finite_where_the_focusing_weight_vanishes(gamma):
    logits = torch.tensor([[1e4, 103, 90, 50, -50, -1e4]], requires_grad=True)
    for targets in (torch.zeros(1, 6), torch.ones(1, 6)):
        logits.grad = None
        focal_loss(logits, targets, gamma=gamma).backward()
        assert logits.grad.isfinite().all()


@pytest.mark.parametrize("gamma_neg", [0, 0.01, 0.5, 4])
@pytest.mark.parametrize("margin", [0.0, 0.05, 0.5])
def test_gradient_is_finite_where_the_shifted_probability_vanishes(gamma_neg, margin):
    logits = torch.tensor([[-1e4, -103, -90, -50, -2.9444389, -1, 0, 60, 1e4]])
    logits.requires_grad_()
    targets = torch.zeros_like(logits)
    loss = asymmetric_loss(logits, targets, gamma_neg=gamma_neg, margin=margin)
    loss.backward()
    assert loss.isfinite() and logits.grad.isfinite().all()


def test_negatives_up_to_the_margin_cost_nothing():
    logits = torch.logit(torch.tensor([[0.04, 0.049, 0.06]])).requires_grad_()
    loss = asymmetric_loss(logits, torch.zeros(1, 3), reduction="none")
    loss.sum().backward()
    assert ((loss > 0) == torch.tensor([[False, False, True]])).all()
    assert ((logits.grad > 0) == torch.tensor([[False, False, True]])).all()


def test_parameters_of_the_functions_are_checked_too(batch):
    with pytest.raises(ValueError, match="gamma must be a finite number at least 0"):
        focal_loss(*batch, gamma=-1)
    with pytest.raises(ValueError, match="margin must be .* below 1. Got 2"):
        asymmetric_loss(*batch, margin=2)
