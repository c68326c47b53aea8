"""What every loss does before and after its formula: checks, masking, reduction."""

from math import inf
from numbers import Integral, Real
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from torch.nn import functional as F

_HALF = (torch.float16, torch.bfloat16)
Reduction: TypeAlias = Literal["mean", "sum", "none"]


def check_number(name, value, *, low=-inf, high=inf, above=-inf, below=inf):
    """Raise a ValueError unless a parameter is a finite number within its bounds."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if (
        number
        and low <= value <= high
        and above < value < below
        and value not in (-inf, inf)
    ):
        return
    bounds = {"at least": low, "at most": high, "above": above, "below": below}
    rule = " and ".join(
        f"{word} {bound}" for word, bound in bounds.items() if abs(bound) != inf
    )
    raise ValueError(
        f"{name} must be a finite number{' ' + rule if rule else ''}. Got {value!r}."
    )


def check_count(name, value):
    """Raise a ValueError unless a parameter is an integer of at least 0."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
        raise ValueError(f"{name} must be an integer of at least 0. Got {value!r}.")


def check_reduction(reduction):
    """Raise a ValueError unless the reduction is one that every loss knows."""
    if reduction not in get_args(Reduction):
        raise ValueError(
            f"reduction must be 'mean', 'sum' or 'none'. Got {reduction!r}."
        )


def per_label(name, value, *, low=-inf, above=-inf):
    """Turn a number or one number per label into a tensor of 0 or 1 dimensions.

    A tensor keeps its dtype and device, anything else gets the default dtype.
    """
    rule = f"{name} must be a number or one number per label"
    if not isinstance(value, torch.Tensor):
        try:
            # A copy: torch warns of arrays that are read-only, as pandas' are.
            value = torch.as_tensor(np.array(value), dtype=torch.get_default_dtype())
        except (TypeError, ValueError) as exc:
            raise ValueError(f"{rule}. Got {value!r}.") from exc
    if value.ndim > 1:
        raise ValueError(f"{rule}. Got shape {tuple(value.shape)}.")
    flat = value.detach().reshape(-1)
    bad = ~(flat.isfinite() & (flat >= low) & (flat > above))
    if bad.any():
        bound = f" of at least {low}" if low > -inf else ""
        bound = f" above {above}" if above > -inf else bound
        label = int(bad.nonzero()[0])
        raise ValueError(
            f"{name} must hold finite numbers{bound}. "
            f"Got {flat[label].item()} (label {label})."
        )
    return value


def match_labels(name, value, logits, **bounds):
    """Give a number or one number per label the dtype and device of the logits.

    The values of a tensor are not read: on a GPU that would wait for it at every
    step, and a module has checked its own.
    """
    if not isinstance(value, torch.Tensor):
        value = per_label(name, value, **bounds)
    if value.ndim > 1 or (value.ndim == 1 and len(value) != logits.shape[1]):
        raise ValueError(
            f"{name} must be a number or one number per label, here "
            f"{logits.shape[1]}. Got shape {tuple(value.shape)}."
        )
    return value.to(logits)


def split_known(logits, targets):
    """Check a batch and put zeros where the target is unknown.

    Unknown entries are zeroed in the logits as well, before any formula sees them: a
    formula whose result is masked only afterwards would still pass 0 * NaN back.

    Parameters
    ----------
    logits, targets : tensor of shape (n_samples, n_labels)
        Logits of a floating dtype, and targets in [0, 1] or NaN.

    Returns
    -------
    logits, targets : tensor of shape (n_samples, n_labels)
        In the dtype of the logits, float32 for half precision.
    known : tensor of shape (n_samples, n_labels), dtype=bool
        Where the target is not NaN.

    Raises
    ------
    ValueError
        If the shapes differ or are not 2-dimensional, or a target is out of range.
    TypeError
        If they are not tensors, or the logits are not floating.
    """
    for name, value in (("logits", logits), ("targets", targets)):
        if not isinstance(value, torch.Tensor):
            raise TypeError(
                f"{name} must be a torch.Tensor. Got {type(value).__name__}. "
                f"Convert with torch.as_tensor({name})."
            )
    if logits.ndim != 2 or logits.shape != targets.shape:
        raise ValueError(
            "logits and targets must have the same shape (n_samples, n_labels). "
            f"Got {tuple(logits.shape)} and {tuple(targets.shape)}."
        )
    if not logits.is_floating_point():
        raise TypeError(f"logits must have a floating dtype. Got {logits.dtype}.")
    # Eight bits of mantissa are too few to sum a batch in.
    logits = logits.float() if logits.dtype in _HALF else logits
    targets = targets.to(logits.dtype)
    outside = (targets < 0) | (targets > 1)  # NaN is neither
    if outside.any():
        row, column = outside.nonzero()[0].tolist()
        raise ValueError(
            "targets must be in [0, 1], or NaN where unknown. "
            f"Got {targets[row, column].item()} (row {row}, column {column})."
        )
    known = ~targets.isnan()
    zero = logits.new_zeros(())
    return torch.where(known, logits, zero), torch.where(known, targets, zero), known


def blend(targets, positive, negative, pos_weight=None):
    """Entry losses y * positive + (1 - y) * negative, positives weighted.

    A soft target is thus the expected loss of a label that is 1 with probability y.
    """
    if pos_weight is not None:
        positive = positive * match_labels("pos_weight", pos_weight, positive, above=0)
    return targets * positive + (1 - targets) * negative


def reduce_known(loss, known, reduction):
    """Sum or average losses over what is known; 0 where nothing is.

    Parameters
    ----------
    loss : tensor
        One loss per entry, sample or class.
    known : tensor of the shape of `loss`, dtype=bool
        Which of them count.
    reduction : {"mean", "sum", "none"}
        What to do with them.

    Returns
    -------
    tensor
        A scalar, or for ``"none"`` the losses with 0 where not known.
    """
    check_reduction(reduction)
    loss = torch.where(known, loss, loss.new_zeros(()))
    if reduction == "none":
        return loss
    total = loss.sum()
    return total / known.sum().clamp(min=1) if reduction == "mean" else total


def focal_term(logits, gamma):
    """(1 - p)^gamma * -log p; with -z for z it is the term of a negative.

    The power is taken as exp(gamma * log(1 - p)), whose gradient stays finite where
    1 - p underflows and gamma < 1.
    """
    return torch.exp(gamma * F.logsigmoid(-logits)) * F.softplus(-logits)
