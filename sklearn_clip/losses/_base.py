"""What every loss offers beside its value: its threshold, probabilities and repr."""

import inspect

import torch
from torch import nn

from sklearn_clip.losses._checks import check_reduction, per_label


class MultiLabelLoss(nn.Module):
    """What every multi-label loss is: a module over (logits, targets).

    A subclass implements ``forward(logits, targets)`` for tensors of shape (n_samples,
    n_labels). Targets are in [0, 1]; NaN is an unknown label, which is left out of the
    value and of the gradient. A batch with no known label has loss 0 and gradient 0.
    Half-precision logits are computed, and the loss is returned, in float32.

    Parameters
    ----------
    reduction : {"mean", "sum", "none"}, default="mean"
        Mean or sum over what is known, or one loss per entry, sample or class.

    Attributes
    ----------
    decision_logit : float or tensor of shape (n_labels,)
        The logit above which the loss holds a label to be present, where `activation`
        is 0.5. A class attribute of 0 unless the loss has a bias.
    needs_class_counts : bool
        Whether the constructor needs `class_counts` and `n_samples`.
    """

    decision_logit = 0.0
    needs_class_counts = False

    def __init__(self, reduction="mean"):
        super().__init__()
        check_reduction(reduction)
        self.reduction = reduction

    def activation(self, logits):
        """Turn logits into probabilities as this loss sees them.

        Parameters
        ----------
        logits : tensor of shape (n_samples, n_labels)
            What the model puts out, and `forward` takes.

        Returns
        -------
        tensor of shape (n_samples, n_labels)
            Values in [0, 1], above 0.5 where the logit is above `decision_logit`.
        """
        return torch.sigmoid(logits)

    def set_epoch(self, epoch):
        """Tell the loss which epoch begins; most losses do not mind.

        Parameters
        ----------
        epoch : int
            Number of epochs that are finished, so 0 for the first.
        """

    def forward(self, logits, targets):
        """Return the loss.

        Parameters
        ----------
        logits : tensor of shape (n_samples, n_labels)
            Outputs of the model, of any floating dtype.
        targets : tensor of shape (n_samples, n_labels)
            Targets in [0, 1] of any dtype, NaN where unknown.

        Returns
        -------
        tensor
            The loss, reduced.
        """
        raise NotImplementedError

    def extra_repr(self):
        """Show the parameters as they would be passed to the constructor."""
        names = inspect.signature(type(self)).parameters
        kept = (name for name in names if hasattr(self, name))
        return ", ".join(f"{name}={_show(getattr(self, name))}" for name in kept)

    def _keep_pos_weight(self, pos_weight):
        """Check the weight of positives and keep it on the device of the loss."""
        if pos_weight is not None:
            pos_weight = per_label("pos_weight", pos_weight, above=0)
        self.register_buffer("pos_weight", pos_weight)


def _show(value):
    if not isinstance(value, torch.Tensor):
        return repr(value)
    if value.ndim == 0:
        return f"{value.item():.4g}"
    if len(value) > 4:
        return f"<{len(value)} values>"
    return f"[{', '.join(f'{v:.4g}' for v in value.tolist())}]"
