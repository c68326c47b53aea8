"""ZLPR and two-way losses against published values and loops over groups."""

import math

import pytest
import torch

from sklearn_clip.losses import TwoWayLoss, ZLPRLoss, two_way_loss, zlpr_loss


def split(logits, targets):
    """Known negatives and positives of one group, as lists of floats."""
    pairs = list(zip(logits.tolist(), targets.tolist(), strict=True))
    return [z for z, y in pairs if y == 0], [z for z, y in pairs if y == 1]


def zlpr_by_loop(logits, targets):
    losses = []
    for row in zip(logits, targets, strict=True):
        negatives, positives = split(*row)
        if negatives or positives:
            losses.append(
                math.log(1 + sum(math.exp(z) for z in negatives))
                + math.log(1 + sum(math.exp(-z) for z in positives))
            )
    return losses


def test_zlpr_has_the_published_values(published):
    rows = ZLPRLoss(reduction="none")(*published)
    assert rows.tolist() == pytest.approx([0.7032258403, 10.0201012502], abs=1e-9)


def test_zlpr_equals_a_loop(holes):
    losses = zlpr_by_loop(*holes)
    assert len(losses) == 6  # one row is unknown
    assert zlpr_loss(*holes).item() == pytest.approx(sum(losses) / 6)
    assert zlpr_loss(*holes, reduction="sum").item() == pytest.approx(sum(losses))


def test_zlpr_weights_by_soft_targets(batch):
    logits, _ = batch
    soft = torch.full_like(logits, 0.3)
    expected = (
        torch.log(1 + (0.7 * logits.exp()).sum(dim=1))
        + torch.log(1 + (0.3 * (-logits).exp()).sum(dim=1))
    ).mean()
    torch.testing.assert_close(zlpr_loss(logits, soft), expected)


def two_way_group(negatives, positives, tp, tn):
    if not negatives:
        return 0.0
    high = tn * math.log(sum(math.exp(z / tn) for z in negatives))
    low = tp * math.log(sum(math.exp(-z / tp) for z in positives))
    return math.log1p(math.exp(high + low))


def two_way_by_loop(logits, targets, tp, tn):
    """Losses of the samples and of the labels that have a known positive."""
    sides = []
    for z, y in ((logits, targets), (logits.T, targets.T)):
        groups = [split(*group) for group in zip(z, y, strict=True)]
        sides.append([two_way_group(*g, tp, tn) for g in groups if g[1]])
    return sides


def test_two_way_has_the_published_value(published):
    assert TwoWayLoss()(*published).item() == pytest.approx(5.7056720236, abs=1e-9)


@pytest.mark.parametrize(("tp", "tn"), [(4, 1), (1, 1), (0.5, 3)])
def test_two_way_equals_a_loop(holes, tp, tn):
    samples, labels = two_way_by_loop(*holes, tp, tn)
    params = {"temperature_pos": tp, "temperature_neg": tn}
    mean = sum(samples) / len(samples) + sum(labels) / len(labels)
    assert two_way_loss(*holes, **params).item() == pytest.approx(mean)
    total = two_way_loss(*holes, **params, reduction="sum")
    assert total.item() == pytest.approx(sum(samples) + sum(labels))


def test_two_way_groups_without_a_positive_are_not_counted():
    logits = torch.tensor([[1.0, -1.0], [2.0, 0.5], [0.3, 0.1]])
    targets = torch.tensor([[1, 0], [0, 0], [1, 1]])
    each = two_way_loss(logits, targets, reduction="none")
    assert (each != 0).tolist() == [True, False, False, True, True]
    # The second sample has no positive; the third has, and no negative: it counts as 0.
    expected = each[0] / 2 + (each[3] + each[4]) / 2
    torch.testing.assert_close(two_way_loss(logits, targets), expected)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 50.0])
@pytest.mark.parametrize("target", [0, 1])
def test_two_way_with_nothing_to_rank_is_zero_with_zero_gradient(target, temperature):
    logits = torch.randn(3, 2, requires_grad=True)
    loss = two_way_loss(
        logits,
        torch.full((3, 2), target),
        temperature_pos=temperature,
        temperature_neg=temperature,
    )
    loss.backward()
    assert loss == 0 and (logits.grad == 0).all()
