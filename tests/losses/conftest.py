"""Batches that the tests of the losses share."""

import pytest
import torch


@pytest.fixture
def published():
    """The batch of the published test values, in float64."""
    logits = torch.tensor([[5, -5, 0], [5, -5, 0]], dtype=torch.float64)
    targets = torch.tensor([[1, 0, 1], [0, 1, 0]], dtype=torch.float64)
    return logits, targets


@pytest.fixture
def batch():
    """Random logits and 0/1 targets of shape (7, 5), in float64."""
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(7, 5, generator=generator, dtype=torch.float64)
    targets = (torch.rand(7, 5, generator=generator) < 0.4).double()
    return logits, targets


@pytest.fixture
def holes(batch):
    """The same batch with unknown targets, one unknown row and one unknown label."""
    logits, targets = batch
    generator = torch.Generator().manual_seed(1)
    unknown = torch.rand(7, 5, generator=generator) < 0.2
    unknown[2] = True
    unknown[:, 3] = True
    return logits, targets.masked_fill(unknown, torch.nan)
