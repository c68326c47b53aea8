"""Focal losses: easy entries count less, negatives less than positives."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import functional as F

from sklearn_clip.losses._base import MultiLabelLoss
from sklearn_clip.losses._checks import (
    Reduction,
    blend,
    check_number,
    focal_term,
    reduce_known,
    split_known,
)


def _check_focal(alpha, gamma):
    if alpha is not None:
        check_number("alpha", alpha, high=1)
    check_number("gamma", gamma, low=0)


def focal_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    pos_weight: float | torch.Tensor | None = None,
    reduction: Reduction = "mean",
) -> torch.Tensor:
    """Focal loss, alpha_t (1 - p_t)^gamma times the cross-entropy.

    p_t is the probability of what is true, p for a positive and 1 - p for a negative;
    alpha_t likewise is alpha or 1 - alpha.

    Parameters
    ----------
    logits, targets : tensor of shape (n_samples, n_labels)
        Outputs z of the model, p = sigmoid(z), and targets in [0, 1], NaN where
        unknown.
    alpha : float or None, default=0.25
        Weight of positives, at most 1; None for no weights.
    gamma : float, default=2.0
        Focusing, at least 0; see :class:`FocalLoss`, also for the source.
    pos_weight : float or tensor of shape (n_labels,), default=None
        Another factor on the loss of positives, per label; None is 1.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    Returns
    -------
    tensor
        A scalar, or of shape (n_samples, n_labels) for ``reduction="none"``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import focal_loss
    >>> logits = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    >>> targets = torch.tensor([[1.0, 0.0], [torch.nan, 0.0]])
    >>> focal_loss(logits, targets, reduction="sum")
    tensor(2.0922)
    """
    _check_focal(alpha, gamma)
    z, y, known = split_known(logits, targets)
    positive, negative = focal_term(z, gamma), focal_term(-z, gamma)
    if alpha is not None and alpha >= 0:
        positive, negative = alpha * positive, (1 - alpha) * negative
    return reduce_known(blend(y, positive, negative, pos_weight), known, reduction)


class FocalLoss(MultiLabelLoss):
    """Focal loss: entries that are already right count little.

    Parameters
    ----------
    alpha : float or None, default=0.25
        Weight of positives in [0, 1], negatives have the rest. None, or a negative
        number as in torchvision, weights neither.
    gamma : float, default=2.0
        Focusing; 0 is the (weighted) cross-entropy.
    pos_weight : float or array-like of shape (n_labels,), default=None
        Another factor on the loss of positives, per label; None is 1.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    References
    ----------
    Lin et al., "Focal Loss for Dense Object Detection", arXiv:1708.02002.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import FocalLoss
    >>> logits = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    >>> targets = torch.tensor([[1.0, 0.0], [torch.nan, 0.0]])
    >>> FocalLoss(alpha=None)(logits, targets)
    tensor(0.9302)
    """

    def __init__(self, alpha: Any = 0.25, gamma=2.0, pos_weight=None, reduction="mean"):
        super().__init__(reduction)
        _check_focal(alpha, gamma)
        self.alpha = alpha
        self.gamma = gamma
        self._keep_pos_weight(pos_weight)

    def forward(self, logits, targets):
        """Return the loss; see `focal_loss`."""
        return focal_loss(
            logits,
            targets,
            alpha=self.alpha,
            gamma=self.gamma,
            pos_weight=self.pos_weight,
            reduction=self.reduction,
        )


def _check_asymmetric(gamma_neg, gamma_pos, margin):
    check_number("gamma_neg", gamma_neg, low=0)
    check_number("gamma_pos", gamma_pos, low=0)
    check_number("margin", margin, low=0, below=1)


def _shifted_negative(z, gamma, margin):
    """-(pm)^gamma log(1 - pm) with pm = max(p - margin, 0)."""
    # 1 - pm = (1 - p) + margin where p > margin, in logs so that p = 1 stays finite.
    log_margin = z.new_full((), math.log(margin) if margin > 0 else -math.inf)
    log_rest = torch.logaddexp(F.logsigmoid(-z), log_margin)
    shifted = torch.sigmoid(z) - margin
    # A power below 1 has an infinite slope at 0: it must not be taken there at all.
    counts = shifted > torch.finfo(z.dtype).tiny
    power = torch.where(counts, shifted, shifted.new_ones(())).pow(gamma)
    return torch.where(counts, power * -log_rest, z.new_zeros(()))


def asymmetric_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    gamma_neg: float = 4.0,
    gamma_pos: float = 1.0,
    margin: float = 0.05,
    pos_weight: float | torch.Tensor | None = None,
    reduction: Reduction = "mean",
) -> torch.Tensor:
    """Asymmetric loss (ASL): a focal loss with more focusing on the negatives.

    A positive costs -(1 - p)^gamma_pos log p, a negative -pm^gamma_neg log(1 - pm)
    with pm = max(p - margin, 0), so that very easy negatives cost nothing at all.

    Parameters
    ----------
    logits, targets : tensor of shape (n_samples, n_labels)
        Outputs z of the model, p = sigmoid(z), and targets in [0, 1], NaN where
        unknown.
    gamma_neg, gamma_pos, margin : float, default=4.0, 1.0, 0.05
        Focusing of at least 0, and a probability below 1; see :class:`AsymmetricLoss`,
        also for the source.
    pos_weight : float or tensor of shape (n_labels,), default=None
        Factor on the loss of positives; None is 1.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    Returns
    -------
    tensor
        A scalar, or of shape (n_samples, n_labels) for ``reduction="none"``.

    Notes
    -----
    The gradient is that of the formula, the focusing weight included. Logarithms are
    taken of logits, so no epsilon is needed.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import asymmetric_loss
    >>> logits = torch.tensor([[2.0, -4.0]])
    >>> targets = torch.tensor([[1.0, 0.0]])
    >>> asymmetric_loss(logits, targets, reduction="none")
    tensor([[0.0151, 0.0000]])
    """
    _check_asymmetric(gamma_neg, gamma_pos, margin)
    z, y, known = split_known(logits, targets)
    negative = _shifted_negative(z, gamma_neg, margin)
    loss = blend(y, focal_term(z, gamma_pos), negative, pos_weight)
    return reduce_known(loss, known, reduction)


class AsymmetricLoss(MultiLabelLoss):
    """Asymmetric loss (ASL): easy negatives, the bulk of multi-label data, fade out.

    Parameters
    ----------
    gamma_neg : float, default=4.0
        Focusing of negatives.
    gamma_pos : float, default=1.0
        Focusing of positives; the published trainings use 0.
    margin : float, default=0.05
        Probability in [0, 1) up to which a negative costs nothing.
    pos_weight : float or array-like of shape (n_labels,), default=None
        Factor on the loss of positives; None is 1.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    References
    ----------
    Ridnik et al., "Asymmetric Loss For Multi-Label Classification", arXiv:2009.14119.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import AsymmetricLoss
    >>> logits = torch.tensor([[2.0, -4.0], [-1.0, 0.5]])
    >>> targets = torch.tensor([[1.0, 0.0], [1.0, torch.nan]])
    >>> AsymmetricLoss(gamma_neg=2)(logits, targets)
    tensor(0.3251)
    """

    def __init__(
        self,
        gamma_neg=4.0,
        gamma_pos=1.0,
        margin=0.05,
        pos_weight=None,
        reduction="mean",
    ):
        super().__init__(reduction)
        _check_asymmetric(gamma_neg, gamma_pos, margin)
        self.gamma_neg = gamma_neg
        self.gamma_pos = gamma_pos
        self.margin = margin
        self._keep_pos_weight(pos_weight)

    def forward(self, logits, targets):
        """Return the loss; see `asymmetric_loss`."""
        return asymmetric_loss(
            logits,
            targets,
            gamma_neg=self.gamma_neg,
            gamma_pos=self.gamma_pos,
            margin=self.margin,
            pos_weight=self.pos_weight,
            reduction=self.reduction,
        )
