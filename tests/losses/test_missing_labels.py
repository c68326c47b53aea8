"""Hill and SPLC against published values and their formulas, and the epoch."""

import math

import pytest
import torch

from sklearn_clip.losses import HillLoss, SPLCLoss, hill_loss, splc_loss


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def focal_positive(z, gamma):
    return -((1 - sigmoid(z)) ** gamma) * math.log(sigmoid(z))


def by_entry(formula, logits, targets):
    """Sum of a formula over the known entries."""
    return sum(
        formula(z, y)
        for row in zip(logits.tolist(), targets.tolist(), strict=True)
        for z, y in zip(*row, strict=True)
        if not math.isnan(y)
    )


def test_hill_has_the_published_value(published):
    value = HillLoss(reduction="sum")(*published)
    assert value.item() == pytest.approx(7.4247028377, abs=1e-9)


@pytest.mark.parametrize(
    ("lam", "margin", "gamma"), [(1.5, 1, 2), (1, 0, 0), (3, 2, 1)]
)
def test_hill_equals_its_formula(holes, lam, margin, gamma):
    def formula(z, y):
        negative = (lam - sigmoid(z)) * sigmoid(z) ** 2
        return focal_positive(z - margin, gamma) if y else negative

    value = hill_loss(*holes, lam=lam, margin=margin, gamma=gamma, reduction="sum")
    assert value.item() == pytest.approx(by_entry(formula, *holes), rel=1e-9)


def test_hill_spares_the_most_confident_negatives():
    logits = torch.tensor([[0.0, 2.0, 8.0]], requires_grad=True)
    hill_loss(logits, torch.zeros(1, 3)).backward()
    hardest = logits.grad[0].argmax()
    assert hardest == 0 and logits.grad[0, 2] < 1e-3 * logits.grad[0, 0]


@pytest.mark.parametrize(("epoch", "expected"), [(0, 11.7879111553), (1, 6.8479902345)])
def test_splc_has_the_published_value(published, epoch, expected):
    loss = SPLCLoss(reduction="sum")
    loss.set_epoch(epoch)
    assert loss(*published).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("correct", [False, True])
@pytest.mark.parametrize(("tau", "margin", "gamma"), [(0.6, 1, 2), (0.2, 0.5, 1)])
def test_splc_equals_its_formula(holes, correct, tau, margin, gamma):
    def formula(z, y):
        if y:
            return focal_positive(z - margin, gamma)
        missed = correct and sigmoid(z) > tau
        return focal_positive(z if missed else -z, gamma)

    value = splc_loss(
        *holes, correct=correct, tau=tau, margin=margin, gamma=gamma, reduction="sum"
    )
    assert value.item() == pytest.approx(by_entry(formula, *holes), rel=1e-9)


def test_splc_corrects_from_its_epoch_on(batch):
    loss = SPLCLoss(change_epoch=2)
    assert loss.epoch == 0
    plain, corrected = (splc_loss(*batch, correct=c) for c in (False, True))
    assert not torch.equal(plain, corrected)
    for epoch, expected in [(0, plain), (1, plain), (2, corrected), (5, corrected)]:
        loss.set_epoch(epoch)
        assert torch.equal(loss(*batch), expected)


@pytest.mark.parametrize("epoch", [-1, 1.0, None, True])
def test_epoch_that_is_no_count_is_refused(epoch):
    with pytest.raises(ValueError, match="epoch must be an integer of at least 0. Got"):
        SPLCLoss().set_epoch(epoch)
