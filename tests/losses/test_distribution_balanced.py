"""The distribution-balanced loss against a loop over entries, and its counts."""

import math

import numpy as np
import pytest
import torch

from sklearn_clip.losses import (
    LOSSES,
    DistributionBalancedLoss,
    distribution_balanced_loss,
    focal_loss,
)

COUNTS = [3, 1, 4, 2, 8]
ROWS = 10


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def by_loop(logits, targets, *, alpha, beta, mu, neg_scale, init_bias, gamma):
    """The losses of the known entries, in a list."""
    losses = []
    for z_row, y_row in zip(logits.tolist(), targets.tolist(), strict=True):
        drawn = sum(1 / n for n, y in zip(COUNTS, y_row, strict=True) if y == 1)
        for n, z, y in zip(COUNTS, z_row, y_row, strict=True):
            if math.isnan(y):
                continue
            # Without a positive the ratio is infinite and the sigmoid 1.
            weight = alpha + (sigmoid(beta * ((1 / n) / drawn - mu)) if drawn else 1)
            z = z - math.log(ROWS / n - 1) * init_bias / neg_scale
            if y == 1:
                p = sigmoid(z)
                losses.append(weight * (1 - p) ** gamma * -math.log(p))
            else:
                p = sigmoid(neg_scale * z)
                focal = p**gamma * -math.log(sigmoid(-neg_scale * z))
                losses.append(weight / neg_scale * focal)
    return losses


DEFAULTS = {
    "alpha": 0.1,
    "beta": 10.0,
    "mu": 0.2,
    "neg_scale": 2.0,
    "init_bias": 0.05,
    "gamma": 2.0,
}


@pytest.mark.parametrize(
    "params",
    [{}, {"gamma": 0}, {"neg_scale": 5, "init_bias": 1}, {"alpha": 0.5, "mu": 0.6}],
    ids=str,
)
def test_equals_a_loop(holes, params):
    losses = by_loop(*holes, **(DEFAULTS | params))
    assert len(losses) == (~holes[1].isnan()).sum()
    value = distribution_balanced_loss(*holes, COUNTS, ROWS, **params)
    assert value.item() == pytest.approx(sum(losses) / len(losses), rel=1e-6)
    module = DistributionBalancedLoss(COUNTS, ROWS, **params, reduction="sum")
    assert module(*holes).item() == pytest.approx(sum(losses), rel=1e-6)


def test_row_without_a_positive_has_the_largest_weight():
    logits, targets = torch.zeros(1, 5), torch.zeros(1, 5)
    plain = distribution_balanced_loss(
        logits, targets, COUNTS, ROWS, init_bias=0, neg_scale=1
    )
    expected = 1.1 * focal_loss(logits, targets, alpha=None)
    torch.testing.assert_close(plain, expected)


def test_rare_labels_weigh_more_and_have_lower_logits():
    loss = DistributionBalancedLoss([50, 2], 100, reduction="none")
    each = loss(torch.zeros(1, 2), torch.ones(1, 2))
    assert each[0, 1] > each[0, 0]
    assert loss.logit_bias.tolist() == pytest.approx([0, -math.log(49) * 0.025])
    assert torch.equal(loss.decision_logit, -loss.logit_bias)


@pytest.mark.parametrize("counts", [[0, 10], [10, 10], [0, 0]])
def test_labels_that_are_constant_have_finite_losses(counts):
    logits = torch.tensor([[3.0, -3.0], [0.0, 1.0]], requires_grad=True)
    loss = DistributionBalancedLoss(counts, 10)
    value = loss(logits, torch.tensor([[1, 0], [0, 1]]))
    value.backward()
    assert value.isfinite() and logits.grad.isfinite().all()
    assert loss.logit_bias.isfinite().all()


def test_rows_may_be_counted_by_label(batch):
    loss = DistributionBalancedLoss([2, 2, 2, 2, 2], [4, 8, 16, 32, 64])
    expected = [-math.log(n / 2 - 1) * 0.025 for n in (4, 8, 16, 32, 64)]
    assert loss.logit_bias.tolist() == pytest.approx(expected)
    assert loss(*batch).isfinite()


def read_only(counts):
    array = np.array(counts, dtype=np.float32)
    array.flags.writeable = False
    return array


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", [list, np.asarray, read_only, torch.as_tensor])
def test_counts_of_any_kind_are_taken(batch, kind):
    expected = distribution_balanced_loss(*batch, COUNTS, ROWS)
    torch.testing.assert_close(
        DistributionBalancedLoss(kind(COUNTS), ROWS)(*batch), expected
    )
    torch.testing.assert_close(
        distribution_balanced_loss(*batch, kind(COUNTS), ROWS), expected
    )


@pytest.mark.parametrize(
    ("counts", "rows", "message"),
    [
        (3, 10, "class_counts must hold one number per label. Got 3"),
        ([3, -1], 10, r"class_counts must hold .* at least 0. Got -1.0 \(label 1\)"),
        ([3, 11], 10, r"not be above n_samples. Got 11 of 10 \(label 1\)"),
        ([3, 4], [5, 3], r"not be above n_samples. Got 4 of 3 \(label 1\)"),
        ([3, 4], [5, 5, 5], "n_samples must be .* here 2. Got 3 numbers"),
        ([3, 4], None, "n_samples must be a number or one number per label. Got None"),
        (None, 10, "class_counts must be a number or one number per label. Got None"),
    ],
)
def test_counts_that_cannot_be_are_refused(counts, rows, message):
    with pytest.raises(ValueError, match=message):
        DistributionBalancedLoss(counts, rows)


def test_counts_for_another_number_of_labels_are_refused(batch):
    with pytest.raises(ValueError, match=r"class_counts .* here 5. Got shape \(2,\)"):
        DistributionBalancedLoss([1, 2], 10)(*batch)


def test_only_this_loss_needs_counts():
    needing = [name for name, loss in LOSSES.items() if loss.needs_class_counts]
    assert needing == ["distribution_balanced"]


def test_counts_are_required():
    with pytest.raises(TypeError, match="'class_counts' and 'n_samples'"):
        DistributionBalancedLoss()


def test_counts_travel_with_the_state():
    loss = DistributionBalancedLoss([1, 2], 10)
    assert set(loss.state_dict()) == {"class_counts", "n_samples"}
