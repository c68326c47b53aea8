"""The F1 score of a batch, made smooth."""

from __future__ import annotations

import torch

from sklearn_clip.losses._base import MultiLabelLoss
from sklearn_clip.losses._checks import (
    Reduction,
    check_number,
    reduce_known,
    split_known,
)


def _check_soft_f1(beta, eta):
    check_number("beta", beta, above=0)
    check_number("eta", eta)


def soft_f1_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    beta: float = 1.0,
    eta: float = 0.0,
    reduction: Reduction = "mean",
) -> torch.Tensor:
    """Soft F1 loss (sigmoidF1): 1 - F1 of each label, with probabilities for counts.

    With S = sigmoid(beta (z + eta)) and sums over the batch, tp = sum S y, fp = sum
    S (1 - y), fn = sum (1 - S) y, a label costs 1 - 2 tp / (2 tp + fp + fn).

    Parameters
    ----------
    logits, targets : tensor of shape (n_samples, n_labels)
        Outputs z of the model, and targets in [0, 1], NaN where unknown.
    beta, eta : float, default=1.0, 0.0
        Steepness, above 0, and shift of the sigmoid; see :class:`SoftF1Loss`, also for
        the source and what a batch should hold.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean over the labels with a known entry, sum, or one loss per label.

    Returns
    -------
    tensor
        A scalar, or of shape (n_labels,) for ``reduction="none"``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import soft_f1_loss
    >>> logits = torch.tensor([[5.0, -5.0, 0.0], [5.0, -5.0, 0.0]])
    >>> targets = torch.tensor([[1, 0, 1], [0, 1, 0]])
    >>> soft_f1_loss(logits, targets, reduction="none")
    tensor([0.3348, 0.9868, 0.5000])
    """
    _check_soft_f1(beta, eta)
    z, y, known = split_known(logits, targets)
    soft = torch.where(known, torch.sigmoid(beta * (z + eta)), z.new_zeros(()))
    # Counts with S for a decision: tp = sum S y, fp = sum S (1 - y), fn = sum (1 - S)
    # y.
    hits = (soft * y).sum(dim=0)
    total = soft.sum(dim=0) + y.sum(dim=0)  # 2 tp + fp + fn
    # Where every S underflows and nothing is positive it would be 0 / 0.
    total = torch.where(total > 0, total, total.new_ones(()))
    return reduce_known(1 - 2 * hits / total, known.any(dim=0), reduction)


class SoftF1Loss(MultiLabelLoss):
    """Soft F1 loss (sigmoidF1): macro F1 of the batch, differentiable.

    Parameters
    ----------
    beta : float, default=1.0
        Steepness of the sigmoid, above 0; the larger, the closer to counts.
    eta : float, default=0.0
        Shift of the sigmoid.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean over the labels with a known entry, sum, or one loss per label.

    Attributes
    ----------
    decision_logit : float
        -eta, where the sigmoid is 0.5.

    Notes
    -----
    A label without a positive in the batch costs 1 whatever the logits are, and has no
    gradient. Batches should be large enough for most labels to have one.

    References
    ----------
    Bénédict et al., "sigmoidF1: A Smooth F1 Score Surrogate Loss for Multilabel
    Classification", arXiv:2108.10566.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import SoftF1Loss
    >>> logits = torch.tensor([[5.0, -5.0, 0.0], [5.0, -5.0, 0.0]])
    >>> SoftF1Loss()(logits, torch.tensor([[1, 0, 1], [0, 1, 0]]))
    tensor(0.6072)
    """

    def __init__(self, beta=1.0, eta=0.0, reduction="mean"):
        super().__init__(reduction)
        _check_soft_f1(beta, eta)
        self.beta = beta
        self.eta = eta

    @property
    def decision_logit(self):
        """The logit at which the sigmoid is 0.5."""
        return -float(self.eta)

    def activation(self, logits):
        """Turn logits into probabilities, sigmoid(beta * (logits + eta))."""
        return torch.sigmoid(self.beta * (logits + self.eta))

    def forward(self, logits, targets):
        """Return the loss; see `soft_f1_loss`."""
        return soft_f1_loss(
            logits, targets, beta=self.beta, eta=self.eta, reduction=self.reduction
        )
