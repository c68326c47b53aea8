"""Binary cross-entropy, plain and with a learnt temperature."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from sklearn_clip.losses._base import MultiLabelLoss
from sklearn_clip.losses._checks import (
    Reduction,
    blend,
    check_number,
    reduce_known,
    split_known,
)


def bce_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    pos_weight: float | torch.Tensor | None = None,
    reduction: Reduction = "mean",
) -> torch.Tensor:
    """Binary cross-entropy on logits, -y log p - (1 - y) log(1 - p).

    Parameters
    ----------
    logits, targets : tensor of shape (n_samples, n_labels)
        Outputs z of the model, p = sigmoid(z), and targets in [0, 1], NaN where
        unknown.
    pos_weight : float or tensor of shape (n_labels,), default=None
        Factor on the loss of positives; None is 1.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    Returns
    -------
    tensor
        A scalar, or of shape (n_samples, n_labels) for ``reduction="none"``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import bce_loss
    >>> logits = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    >>> targets = torch.tensor([[1.0, 0.0], [torch.nan, 0.0]])
    >>> bce_loss(logits, targets, reduction="none")
    tensor([[0.1269, 0.3133],
            [0.0000, 3.0486]])
    """
    z, y, known = split_known(logits, targets)
    loss = blend(y, F.softplus(-z), F.softplus(z), pos_weight)
    return reduce_known(loss, known, reduction)


class BCELoss(MultiLabelLoss):
    """Binary cross-entropy on logits that leaves unknown labels out.

    Without NaN in the targets it is :class:`torch.nn.BCEWithLogitsLoss`.

    Parameters
    ----------
    pos_weight : float or array-like of shape (n_labels,), default=None
        Factor on the loss of positives, for example negatives / positives of each
        label; None is 1.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import BCELoss
    >>> logits = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    >>> targets = torch.tensor([[1.0, 0.0], [torch.nan, 0.0]])
    >>> BCELoss()(logits, targets)
    tensor(1.1629)
    """

    def __init__(self, pos_weight=None, reduction="mean"):
        super().__init__(reduction)
        self._keep_pos_weight(pos_weight)

    def forward(self, logits, targets):
        """Return the loss; see `bce_loss`."""
        return bce_loss(
            logits, targets, pos_weight=self.pos_weight, reduction=self.reduction
        )


def tempered_bce_loss(
    cosines: torch.Tensor,
    targets: torch.Tensor,
    *,
    scale: float | torch.Tensor = 1 / 0.07,
    bias: float | torch.Tensor = 0.0,
    pos_weight: float | torch.Tensor | None = None,
    reduction: Reduction = "mean",
) -> torch.Tensor:
    """Binary cross-entropy on scaled and shifted similarities, z = scale * s + bias.

    The gradient for a similarity is (p - y) scale / n: a small temperature 1 / scale
    lets the entries that are wrong (hard) dominate.

    Parameters
    ----------
    cosines : tensor of shape (n_samples, n_labels)
        Similarities s of samples and label prompts, in [-1, 1].
    targets : tensor of shape (n_samples, n_labels)
        Targets in [0, 1], NaN where unknown.
    scale : float or tensor, default=1 / 0.07
        Inverse temperature.
    bias : float or tensor, default=0.0
        Shift of the logits.
    pos_weight : float or tensor of shape (n_labels,), default=None
        Factor on the loss of positives; None is 1.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    Returns
    -------
    tensor
        A scalar, or of shape (n_samples, n_labels) for ``reduction="none"``.

    References
    ----------
    Wang et al., "MuMIC", arXiv:2211.05232.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import tempered_bce_loss
    >>> cosines = torch.tensor([[0.31, 0.18]])
    >>> targets = torch.tensor([[1.0, 0.0]])
    >>> tempered_bce_loss(cosines, targets, scale=100.0, bias=-25.0)
    tensor(0.0017)
    """
    if not isinstance(scale, torch.Tensor):
        check_number("scale", scale, above=0)
    if not isinstance(bias, torch.Tensor):
        check_number("bias", bias)
    s, y, known = split_known(cosines, targets)
    z = scale * s + bias
    loss = blend(y, F.softplus(-z), F.softplus(z), pos_weight)
    return reduce_known(loss, known, reduction)


class TemperedBCELoss(MultiLabelLoss):
    """Binary cross-entropy on cosines, with a learnt temperature and bias (MuMIC).

    The model puts out cosine similarities; the loss learns how steep and where the
    sigmoid over them is. Its two parameters must be given to the optimizer (skorch
    does so); ``loss.log_scale.requires_grad_(False)`` and the like fix them.

    Parameters
    ----------
    temperature : float, default=0.07
        Start of the temperature; log(1 / temperature) is what is learnt.
    bias : float, default=0.0
        Start of the bias. Raw CLIP cosines of right and wrong labels alike are
        positive, about 0.2, so the bias has to learn to be negative.
    max_scale : float, default=100.0
        Cap of the scale 1 / temperature, as in CLIP.
    pos_weight : float or array-like of shape (n_labels,), default=None
        Factor on the loss of positives; None is 1.
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over known entries, or all entries with 0 where unknown.

    Attributes
    ----------
    log_scale : Parameter of shape ()
        log(1 / temperature).
    bias : Parameter of shape ()
        The bias as it is now.
    decision_logit : float
        The cosine at which the probability is 0.5, -bias / scale.

    References
    ----------
    Wang et al., "MuMIC: Multimodal Embedding for Multi-label Image Classification with
    Tempered Sigmoid", arXiv:2211.05232.

    Examples
    --------
    >>> import torch
    >>> from sklearn_clip.losses import TemperedBCELoss
    >>> loss = TemperedBCELoss(temperature=0.01, bias=-25.0)
    >>> cosines = torch.tensor([[0.31, 0.18]])
    >>> loss(cosines, torch.tensor([[1.0, 0.0]])).item() < 0.01
    True
    >>> loss.activation(cosines).detach()
    tensor([[9.9753e-01, 9.1105e-04]])
    >>> loss.decision_logit
    0.25
    """

    def __init__(
        self,
        temperature=0.07,
        bias=0.0,
        max_scale=100.0,
        pos_weight=None,
        reduction="mean",
    ):
        super().__init__(reduction)
        check_number("temperature", temperature, above=0)
        check_number("bias", bias)
        check_number("max_scale", max_scale, above=0)
        log_scale, log_cap = -math.log(temperature), math.log(max_scale)
        if log_scale > log_cap + 1e-9:
            raise ValueError(
                f"temperature must be at least 1 / max_scale = {1 / max_scale:g}. "
                f"Got {temperature!r}. Raise max_scale to start lower."
            )
        self.max_scale = max_scale
        self.log_scale = nn.Parameter(torch.tensor(log_scale))
        self.bias = nn.Parameter(torch.tensor(float(bias)))
        self._keep_pos_weight(pos_weight)

    @property
    def scale(self):
        """Inverse temperature, at most `max_scale`; a tensor of shape ()."""
        return self.log_scale.exp().clamp(max=self.max_scale)

    @property
    def temperature(self):
        """The temperature as it is now; a tensor of shape ()."""
        return 1 / self.scale

    @property
    def decision_logit(self):
        """The cosine at which the probability is 0.5."""
        return (-self.bias / self.scale).item()

    def activation(self, logits):
        """Turn cosines into probabilities, sigmoid(scale * cosine + bias)."""
        return torch.sigmoid(self.scale * logits + self.bias)

    def forward(self, logits, targets):
        """Return the loss of cosines; see `tempered_bce_loss`."""
        # The clamp in `scale` passes no gradient above the cap, so a step beyond it
        # could never be taken back: put the parameter itself on the cap.
        with torch.no_grad():
            self.log_scale.clamp_(max=math.log(self.max_scale))
        return tempered_bce_loss(
            logits,
            targets,
            scale=self.log_scale.exp(),
            bias=self.bias,
            pos_weight=self.pos_weight,
            reduction=self.reduction,
        )
