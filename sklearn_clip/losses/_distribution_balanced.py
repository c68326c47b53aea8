"""Distribution-balanced loss for labels of very unequal frequency."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike

from sklearn_clip.losses._base import MultiLabelLoss
from sklearn_clip.losses._checks import (
    Reduction,
    blend,
    check_number,
    focal_term,
    match_labels,
    per_label,
    reduce_known,
    split_known,
)


def _check_balance(alpha, beta, mu, neg_scale, init_bias, gamma):
    check_number("alpha", alpha, low=0)
    check_number("beta", beta, above=0)
    check_number("mu", mu)
    check_number("neg_scale", neg_scale, above=0)
    check_number("init_bias", init_bias, low=0)
    check_number("gamma", gamma, low=0)


def _prior_bias(counts, n_samples, init_bias, neg_scale):
    """-log(N / n_c - 1) init_bias / neg_scale, the logit of the label's frequency."""
    # A label that is constant counts as if one more row had the other value.
    n_samples = torch.maximum(n_samples, counts + 1)
    # -log(N / n - 1) = log(n / (N - n)), the log-odds of the label among the rows: a
    # model that says z = 0 for everything then begins on the side of what is frequent,
    # by a fraction of the log-odds, and need not learn it from negatives.
    return -torch.log(n_samples / counts - 1) * init_bias / neg_scale


def distribution_balanced_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    class_counts: ArrayLike,
    n_samples: ArrayLike,
    *,
    alpha: float = 0.1,
    beta: float = 10.0,
    mu: float = 0.2,
    neg_scale: float = 2.0,
    init_bias: float = 0.05,
    gamma: float = 2.0,
    reduction: Reduction = "mean",
) -> torch.Tensor:
    """Distribution-balanced loss: re-balanced weights and tolerance for negatives.

    An entry is weighted by w = alpha + sigmoid(beta (r - mu)), where r = (1 / n_c) /
    (sum of 1 / n_c' over the positives c' of the sample) is how often the sample ought
    to be drawn for label c over how often it is drawn for any. The logit is shifted to
    z' = z + b_c with b_c = -log(N / n_c - 1) init_bias / neg_scale. A positive costs w
    times the focal term of z', a negative w / neg_scale times that of neg_scale z'.

    Parameters
    ----------
    logits, targets : tensor of shape (n_samples, n_labels)
        Outputs z of the model, and targets in [0, 1], NaN where unknown.
    class_counts : array-like of shape (n_labels,)
        Positives n_c of each label in the training data; 0 is taken for 1.
    n_samples : float or array-like of shape (n_labels,)
        Rows N of the training data, or the rows in which each label is known.
    alpha, beta, mu, neg_scale, init_bias, gamma : float
        0.1, 10.0, 0.2, 2.0, 0.05 and 2.0 by default; see
        :class:`DistributionBalancedLoss`, also for ranges and the source.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    Returns
    -------
    tensor
        A scalar, or of shape (n_samples, n_labels) for ``reduction="none"``.

    Notes
    -----
    A sample without a known positive has r = infinity, that is w = alpha + 1.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import distribution_balanced_loss
    >>> logits = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    >>> targets = torch.tensor([[1.0, 0.0], [torch.nan, 0.0]])
    >>> distribution_balanced_loss(logits, targets, [80, 5], 100, reduction="sum")
    tensor(3.2047)
    """
    _check_balance(alpha, beta, mu, neg_scale, init_bias, gamma)
    z, y, known = split_known(logits, targets)
    counts = match_labels("class_counts", class_counts, z, low=0).clamp(min=1)
    n_samples = match_labels("n_samples", n_samples, z, low=0)
    # r = P^C / P^I. Drawn label by label, a sample comes up for label c with the chance
    # 1 / n_c; drawn for any of its positives it comes up with the sum of theirs. The
    # common label of a sample with a rare one has been drawn far more often than it
    # asked for: its r is near 0. Soft targets count by y.
    share = (1 / counts) / (y / counts).sum(dim=1, keepdim=True)
    # r is at most 1 for a positive and unbounded for a negative: the sigmoid keeps the
    # weight between alpha and alpha + 1.
    weight = alpha + torch.sigmoid(beta * (share - mu))
    z = z + _prior_bias(counts, n_samples, init_bias, neg_scale)
    # Negatives sit at scale * z, where an easy one (z < 0) soon costs nothing, so that
    # the many negatives of a rare label do not push its logits down for ever. Division
    # by the scale keeps the slope at z' = 0 that of a positive: d/dz f(-kz) / k =
    # -f'(-kz). So 0 stays where both pull alike.
    negative = focal_term(-neg_scale * z, gamma) / neg_scale
    loss = weight * blend(y, focal_term(z, gamma), negative)
    return reduce_known(loss, known, reduction)


class DistributionBalancedLoss(MultiLabelLoss):
    """Distribution-balanced loss: for a long tail of rare labels.

    Rare labels weigh more, allowing for the frequent labels that come along with them,
    and negatives, of which a rare label has so many, pull less.

    Parameters
    ----------
    class_counts : array-like of shape (n_labels,)
        Positives of each label in the training data; 0 is taken for 1.
    n_samples : float or array-like of shape (n_labels,)
        Rows of the training data, or the rows in which each label is known.
    alpha : float, default=0.1
        Least weight, at least 0.
    beta : float, default=10.0
        Steepness of the weight, above 0.
    mu : float, default=0.2
        Where the weight is alpha + 0.5.
    neg_scale : float, default=2.0
        Scale of the logits of negatives, above 0.
    init_bias : float, default=0.05
        Size of the shift by the label's frequency, at least 0.
    gamma : float, default=2.0
        Focusing; 0 for none.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    Attributes
    ----------
    logit_bias : tensor of shape (n_labels,)
        What the loss adds to the logits.
    decision_logit : tensor of shape (n_labels,)
        ``-logit_bias``, where positive and negative pull alike.

    References
    ----------
    Wu et al., "Distribution-Balanced Loss for Multi-Label Classification in Long-Tailed
    Datasets", arXiv:2007.09654.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import DistributionBalancedLoss
    >>> targets = torch.tensor([[1, 0], [1, 0], [0, 1], [1, 0]])
    >>> loss = DistributionBalancedLoss(targets.sum(dim=0), len(targets))
    >>> loss(torch.zeros(4, 2), targets)
    tensor(0.1362)
    >>> loss.decision_logit
    tensor([-0.0275,  0.0275])
    """

    needs_class_counts = True

    def __init__(
        self,
        class_counts,
        n_samples,
        alpha=0.1,
        beta=10.0,
        mu=0.2,
        neg_scale=2.0,
        init_bias=0.05,
        gamma=2.0,
        reduction="mean",
    ):
        super().__init__(reduction)
        _check_balance(alpha, beta, mu, neg_scale, init_bias, gamma)
        counts = per_label("class_counts", class_counts, low=0)
        rows = per_label("n_samples", n_samples, low=0)
        _check_counts(counts, rows)
        dtype = torch.get_default_dtype()
        self.register_buffer("class_counts", counts.to(dtype))
        self.register_buffer("n_samples", rows.to(dtype))
        self.alpha = alpha
        self.beta = beta
        self.mu = mu
        self.neg_scale = neg_scale
        self.init_bias = init_bias
        self.gamma = gamma

    @property
    def logit_bias(self):
        """What the loss adds to the logits; a tensor of shape (n_labels,)."""
        counts = self.class_counts.clamp(min=1)
        return _prior_bias(counts, self.n_samples, self.init_bias, self.neg_scale)

    @property
    def decision_logit(self):
        """The logits at which positive and negative pull alike."""
        return -self.logit_bias

    def activation(self, logits):
        """Turn logits into probabilities, sigmoid(logits + logit_bias)."""
        return torch.sigmoid(logits + self.logit_bias.to(logits))

    def forward(self, logits, targets):
        """Return the loss; see `distribution_balanced_loss`."""
        return distribution_balanced_loss(
            logits,
            targets,
            self.class_counts,
            self.n_samples,
            alpha=self.alpha,
            beta=self.beta,
            mu=self.mu,
            neg_scale=self.neg_scale,
            init_bias=self.init_bias,
            gamma=self.gamma,
            reduction=self.reduction,
        )


def _check_counts(counts, rows):
    """Raise a ValueError unless there is one count per label, none above the rows."""
    if counts.ndim != 1:
        raise ValueError(
            "class_counts must hold one number per label. "
            f"Got {counts.item()}. Pass Y.sum(axis=0)."
        )
    if rows.ndim == 1 and len(rows) != len(counts):
        raise ValueError(
            f"n_samples must be a number or one number per label, here {len(counts)}. "
            f"Got {len(rows)} numbers."
        )
    above = counts > rows
    if above.any():
        label = int(above.nonzero()[0])
        raise ValueError(
            f"class_counts must not be above n_samples. Got {counts[label].item():g} "
            f"of {rows.expand_as(counts)[label].item():g} (label {label})."
        )
