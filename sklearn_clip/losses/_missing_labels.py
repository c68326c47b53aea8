"""Losses for data in which many labels that hold were never written down."""

from __future__ import annotations

import torch

from sklearn_clip.losses._base import MultiLabelLoss
from sklearn_clip.losses._checks import (
    Reduction,
    blend,
    check_count,
    check_number,
    focal_term,
    reduce_known,
    split_known,
)


def _check_hill(lam, margin, gamma):
    # Below 1 a negative near p = 1 would be rewarded.
    check_number("lam", lam, low=1)
    check_number("margin", margin, low=0)
    check_number("gamma", gamma, low=0)


def hill_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    lam: float = 1.5,
    margin: float = 1.0,
    gamma: float = 2.0,
    reduction: Reduction = "mean",
) -> torch.Tensor:
    """Hill loss: confident negatives are taken for missed positives, and spared.

    A negative costs (lam - p) p^2, which for the default levels off towards p = 1; a
    positive costs the focal loss of z - margin.

    Parameters
    ----------
    logits, targets : tensor of shape (n_samples, n_labels)
        Outputs z of the model, p = sigmoid(z), and targets in [0, 1], NaN where
        unknown.
    lam, margin, gamma : float, default=1.5, 1.0, 2.0
        At least 1, 0 and 0; see :class:`HillLoss`, also for the source.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    Returns
    -------
    tensor
        A scalar, or of shape (n_samples, n_labels) for ``reduction="none"``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import hill_loss
    >>> hill_loss(torch.tensor([[2.0, 50.0]]), torch.tensor([[1.0, 0.0]]))
    tensor(0.2613)
    """
    _check_hill(lam, margin, gamma)
    z, y, known = split_known(logits, targets)
    p = torch.sigmoid(z)
    loss = blend(y, focal_term(z - margin, gamma), (lam - p) * p**2)
    return reduce_known(loss, known, reduction)


class HillLoss(MultiLabelLoss):
    """Hill loss: robust to labels that are missing, that is, wrongly 0.

    Parameters
    ----------
    lam : float, default=1.5
        Lambda of the hill (lam - p) p^2 that a negative costs, at least 1; at 1.5 its
        slope is 0 at p = 1.
    margin : float, default=1.0
        By how much the logits of positives are lowered.
    gamma : float, default=2.0
        Focusing of positives.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    References
    ----------
    Zhang et al., "Simple and Robust Loss Design for Multi-Label Learning with Missing
    Labels", arXiv:2112.07368.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import HillLoss
    >>> HillLoss()(torch.tensor([[2.0, 50.0]]), torch.tensor([[1.0, 0.0]]))
    tensor(0.2613)
    """

    def __init__(self, lam=1.5, margin=1.0, gamma=2.0, reduction="mean"):
        super().__init__(reduction)
        _check_hill(lam, margin, gamma)
        self.lam = lam
        self.margin = margin
        self.gamma = gamma

    def forward(self, logits, targets):
        """Return the loss; see `hill_loss`."""
        return hill_loss(
            logits,
            targets,
            lam=self.lam,
            margin=self.margin,
            gamma=self.gamma,
            reduction=self.reduction,
        )


def _check_splc(tau, margin, gamma):
    check_number("tau", tau, low=0, high=1)
    check_number("margin", margin, low=0)
    check_number("gamma", gamma, low=0)


def splc_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    correct: bool = True,
    tau: float = 0.6,
    margin: float = 1.0,
    gamma: float = 2.0,
    reduction: Reduction = "mean",
) -> torch.Tensor:
    """Self-paced loss correction (SPLC): confident negatives become positives.

    A positive costs the focal loss of z - margin, a negative that of 1 - p. With
    `correct`, a negative with p > tau costs what a positive at z costs.

    Parameters
    ----------
    logits, targets : tensor of shape (n_samples, n_labels)
        Outputs z of the model, p = sigmoid(z), and targets in [0, 1], NaN where
        unknown. The negatives that may be corrected are those of target 0.
    correct : bool, default=True
        Whether to correct; not before the model has learnt something.
    tau, margin, gamma : float, default=0.6, 1.0, 2.0
        tau in [0, 1], the others at least 0; see :class:`SPLCLoss`, also for the
        source.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    Returns
    -------
    tensor
        A scalar, or of shape (n_samples, n_labels) for ``reduction="none"``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import splc_loss
    >>> logits, targets = torch.tensor([[2.0, 3.0]]), torch.tensor([[1.0, 0.0]])
    >>> splc_loss(logits, targets, correct=False, reduction="none")
    tensor([[0.0227, 2.7663]])
    >>> splc_loss(logits, targets, correct=True, reduction="none")
    tensor([[0.0227, 0.0001]])
    """
    _check_splc(tau, margin, gamma)
    z, y, known = split_known(logits, targets)
    negative = focal_term(-z, gamma)
    if correct:
        missed = torch.sigmoid(z.detach()) > tau
        negative = torch.where(missed, focal_term(z, gamma), negative)
    loss = blend(y, focal_term(z - margin, gamma), negative)
    return reduce_known(loss, known, reduction)


class SPLCLoss(MultiLabelLoss):
    """Self-paced loss correction (SPLC): learns labels that are missing, wrongly 0.

    The loss has to know the epoch: call ``loss.set_epoch(epoch)`` with 0, 1, 2, ... at
    the start of each. Until then it is in epoch 0, where nothing is corrected.

    Parameters
    ----------
    tau : float, default=0.6
        Probability in [0, 1] above which a negative is taken for a positive.
    margin : float, default=1.0
        By how much the logits of labelled positives are lowered.
    gamma : float, default=2.0
        Focusing.
    change_epoch : int, default=1
        The first epoch, counted from 0, that corrects.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    Attributes
    ----------
    epoch : int
        The epoch as told by `set_epoch`.

    References
    ----------
    Zhang et al., "Simple and Robust Loss Design for Multi-Label Learning with Missing
    Labels", arXiv:2112.07368.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import SPLCLoss
    >>> loss = SPLCLoss()
    >>> logits, targets = torch.tensor([[2.0, 3.0]]), torch.tensor([[1.0, 0.0]])
    >>> loss(logits, targets)
    tensor(1.3945)
    >>> loss.set_epoch(1)
    >>> loss(logits, targets)
    tensor(0.0114)
    """

    def __init__(
        self, tau=0.6, margin=1.0, gamma=2.0, change_epoch=1, reduction="mean"
    ):
        super().__init__(reduction)
        _check_splc(tau, margin, gamma)
        check_count("change_epoch", change_epoch)
        self.tau = tau
        self.margin = margin
        self.gamma = gamma
        self.change_epoch = change_epoch
        self.epoch = 0

    def set_epoch(self, epoch):
        """Tell the loss which epoch begins.

        Parameters
        ----------
        epoch : int
            Number of epochs that are finished, so 0 for the first.
        """
        check_count("epoch", epoch)
        self.epoch = epoch

    def forward(self, logits, targets):
        """Return the loss in the epoch that was set; see `splc_loss`."""
        return splc_loss(
            logits,
            targets,
            correct=self.epoch >= self.change_epoch,
            tau=self.tau,
            margin=self.margin,
            gamma=self.gamma,
            reduction=self.reduction,
        )
