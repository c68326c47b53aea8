"""Soft F1 against its published value, a loop, and the F1 score of hard logits."""

import math

import pytest
import torch
from sklearn.metrics import f1_score

from sklearn_clip.losses import SoftF1Loss, soft_f1_loss


def test_soft_f1_has_the_published_value(published):
    assert SoftF1Loss()(*published).item() == pytest.approx(0.6072061360, abs=1e-9)


@pytest.mark.parametrize(("beta", "eta"), [(1, 0), (3, -0.5), (0.2, 1)])
def test_soft_f1_equals_a_loop(holes, beta, eta):
    losses = []
    for z, y in zip(*(x.T.tolist() for x in holes), strict=True):
        known = [(a, b) for a, b in zip(z, y, strict=True) if not math.isnan(b)]
        if known:
            soft = [(1 / (1 + math.exp(-beta * (a + eta))), b) for a, b in known]
            tp = sum(s * b for s, b in soft)
            fp = sum(s * (1 - b) for s, b in soft)
            fn = sum((1 - s) * b for s, b in soft)
            losses.append(1 - 2 * tp / (2 * tp + fp + fn))
    assert len(losses) == 4  # one label is unknown
    value = soft_f1_loss(*holes, beta=beta, eta=eta)
    assert value.item() == pytest.approx(sum(losses) / 4)


def test_soft_f1_of_steep_sigmoids_is_one_minus_macro_f1(batch):
    logits, targets = batch
    expected = 1 - f1_score(targets, logits > 0, average="macro", zero_division=0)
    assert soft_f1_loss(*batch, beta=1e4).item() == pytest.approx(expected)


def test_label_without_a_positive_costs_one_and_has_no_gradient():
    for size in (0.0, -50.0, -1e4):
        logits = torch.full((4, 1), size, requires_grad=True)
        loss = soft_f1_loss(logits, torch.zeros(4, 1))
        loss.backward()
        assert loss == 1 and (logits.grad == 0).all()


def test_shift_moves_the_decision():
    loss = SoftF1Loss(beta=2, eta=0.5)
    assert loss.decision_logit == -0.5
    logits = torch.tensor([[-1.0, 0.0]])
    torch.testing.assert_close(
        loss.activation(logits), torch.sigmoid(torch.tensor([[-1.0, 1.0]]))
    )
