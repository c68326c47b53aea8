"""Losses that put the positives of a group above its negatives."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from sklearn_clip.losses._base import MultiLabelLoss
from sklearn_clip.losses._checks import (
    Reduction,
    check_number,
    check_reduction,
    reduce_known,
    split_known,
)


def _weighted_logsumexp(scores, weights, dim):
    """Log of sum(weights * e^scores); the lowest float where all weights are 0."""
    # Not -inf: where nothing counts, logsumexp would have the gradient exp(-inf + inf)
    # = NaN.
    lowest = scores.new_full((), torch.finfo(scores.dtype).min)
    counts = weights > 0
    # w e^z = e^(z + log w): soft targets and unknown entries become shifts of the
    # scores, and the sum stays finite at any |z|.
    log_weights = torch.where(counts, weights, weights.new_ones(())).log()
    terms = torch.where(counts, scores + log_weights, lowest)
    return terms.logsumexp(dim)


def zlpr_loss(
    logits: torch.Tensor, targets: torch.Tensor, *, reduction: Reduction = "mean"
) -> torch.Tensor:
    """Zero-bounded log-sum-exp and pairwise rank-based loss (ZLPR).

    Per sample, log(1 + sum over negatives e^z) + log(1 + sum over positives e^-z):
    positives are to be above negatives and above 0, negatives below 0.

    Parameters
    ----------
    logits, targets : tensor of shape (n_samples, n_labels)
        Outputs z of the model, and targets in [0, 1], NaN where unknown. A soft target
        y weights e^-z by y in the sum of the positives, and e^z by 1 - y in that of the
        negatives.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean over the samples with a known label, sum, or one loss per sample.

    Returns
    -------
    tensor
        A scalar, or of shape (n_samples,) for ``reduction="none"``.

    References
    ----------
    Su et al., "ZLPR: A Novel Loss for Multi-label Classification", arXiv:2208.02955.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import zlpr_loss
    >>> logits = torch.tensor([[5.0, -5.0, 0.0], [5.0, -5.0, 0.0]])
    >>> targets = torch.tensor([[1, 0, 1], [0, 1, 0]])
    >>> zlpr_loss(logits, targets, reduction="none")
    tensor([ 0.7032, 10.0201])
    """
    z, y, known = split_known(logits, targets)
    # log(1 + sum e^z) = softplus(logsumexp z)
    # log(1 + sum_n e^z_n) + log(1 + sum_p e^-z_p): the 1 is e^0, a label of score 0
    # that every negative is to be below and every positive above. That is why 0
    # decides, and pairs (n, p) need not be compared: being on the right sides of 0
    # ranks them.
    negatives = F.softplus(_weighted_logsumexp(z, (1 - y) * known, 1))
    positives = F.softplus(_weighted_logsumexp(-z, y * known, 1))
    return reduce_known(negatives + positives, known.any(dim=1), reduction)


class ZLPRLoss(MultiLabelLoss):
    """ZLPR: ranks positives above negatives and both about 0, sample by sample.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean over the samples with a known label, sum, or one loss per sample.

    References
    ----------
    Su et al., "ZLPR: A Novel Loss for Multi-label Classification", arXiv:2208.02955.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import ZLPRLoss
    >>> logits = torch.tensor([[5.0, -5.0, 0.0], [5.0, -5.0, 0.0]])
    >>> ZLPRLoss()(logits, torch.tensor([[1, 0, 1], [0, 1, 0]]))
    tensor(5.3617)
    """

    def __init__(self, reduction="mean"):
        super().__init__(reduction)

    def forward(self, logits, targets):
        """Return the loss; see `zlpr_loss`."""
        return zlpr_loss(logits, targets, reduction=self.reduction)


def _check_two_way(temperature_pos, temperature_neg):
    check_number("temperature_pos", temperature_pos, above=0)
    check_number("temperature_neg", temperature_neg, above=0)


def _two_way_groups(z, positives, negatives, dim, temperature_pos, temperature_neg):
    """Loss of each group along a dimension, and which groups have a positive."""
    # T logsumexp(z / T) is a soft maximum: max z <= it <= max z + T log n. So `high` is
    # the soft maximum of the negatives and `low` that of -z of the positives, minus
    # their soft minimum. At Tn = Tp = 1, e^(high + low) is the sum of e^(z_n - z_p)
    # over all pairs, and softplus of it the loss log(1 + sum) of a pairwise ranking, in
    # n + p terms instead of n p.
    high = temperature_neg * _weighted_logsumexp(z / temperature_neg, negatives, dim)
    low = temperature_pos * _weighted_logsumexp(-z / temperature_pos, positives, dim)
    # Without a positive or without a negative there is nothing to rank: the sum is
    # lower than any float, and the loss 0.
    return F.softplus(high + low), (positives > 0).any(dim)


def two_way_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    temperature_pos: float = 4.0,
    temperature_neg: float = 1.0,
    reduction: Reduction = "mean",
) -> torch.Tensor:
    """Two-way loss: ranks labels within each sample and samples within each label.

    A group, a sample or a label that has a positive, costs softplus(Tn logsumexp of
    its negatives' z / Tn + Tp logsumexp of its positives' -z / Tp), a soft form of
    max(negative) - min(positive).

    Parameters
    ----------
    logits, targets : tensor of shape (n_samples, n_labels)
        Outputs z of the model, and targets in [0, 1], NaN where unknown. A soft target
        y weights e^(-z / Tp) by y and e^(z / Tn) by 1 - y.
    temperature_pos, temperature_neg : float, default=4.0, 1.0
        Tp and Tn, above 0; see :class:`TwoWayLoss`, also for the source.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean over the samples with a known positive plus mean over such labels; the
        sum over both; or one loss per group.

    Returns
    -------
    tensor
        A scalar, or of shape (n_samples + n_labels,) for ``reduction="none"``: samples
        first, then labels, 0 where there is no known positive.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import two_way_loss
    >>> logits = torch.tensor([[5.0, -5.0, 0.0], [5.0, -5.0, 0.0]])
    >>> two_way_loss(logits, torch.tensor([[1, 0, 1], [0, 1, 0]]))
    tensor(5.7057)
    """
    _check_two_way(temperature_pos, temperature_neg)
    check_reduction(reduction)
    z, y, known = split_known(logits, targets)
    positives, negatives = y * known, (1 - y) * known
    temperatures = temperature_pos, temperature_neg
    # The two ways: labels of a sample (dim 1) decide which labels it gets, samples of a
    # label (dim 0) make its scores comparable between samples.
    samples, kept = _two_way_groups(z, positives, negatives, 1, *temperatures)
    labels, kept_labels = _two_way_groups(z, positives, negatives, 0, *temperatures)
    if reduction == "none":
        return torch.cat([samples, labels])
    return reduce_known(samples, kept, reduction) + reduce_known(
        labels, kept_labels, reduction
    )


class TwoWayLoss(MultiLabelLoss):
    """Two-way loss: ranks labels within each sample and samples within each label.

    Only differences of logits matter to it, so that a model trained with it has no
    threshold of its own: `decision_logit` is 0 for want of a better one, and its
    probabilities are ranks in disguise. Choose thresholds with
    :class:`~sklearn_clip.ThresholdOptimizer`.

    Parameters
    ----------
    temperature_pos : float, default=4.0
        The larger, the more of the positives count beside the lowest.
    temperature_neg : float, default=1.0
        The larger, the more of the negatives count beside the highest.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean over the samples with a known positive plus mean over such labels; the
        sum over both; or one loss per sample, then per label.

    References
    ----------
    Kobayashi, "Two-way Multi-Label Loss", CVPR 2023.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import TwoWayLoss
    >>> loss = TwoWayLoss()
    >>> logits = torch.tensor([[5.0, -5.0, 0.0], [5.0, -5.0, 0.0]])
    >>> targets = torch.tensor([[1, 0, 1], [0, 1, 0]])
    >>> loss(logits, targets), loss(logits + 3, targets)
    (tensor(5.7057), tensor(5.7057))
    """

    def __init__(self, temperature_pos=4.0, temperature_neg=1.0, reduction="mean"):
        super().__init__(reduction)
        _check_two_way(temperature_pos, temperature_neg)
        self.temperature_pos = temperature_pos
        self.temperature_neg = temperature_neg

    def forward(self, logits, targets):
        """Return the loss; see `two_way_loss`."""
        return two_way_loss(
            logits,
            targets,
            temperature_pos=self.temperature_pos,
            temperature_neg=self.temperature_neg,
            reduction=self.reduction,
        )
