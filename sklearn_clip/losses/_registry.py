"""The short names of the losses."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, TypeVar, overload

from torch import nn

from sklearn_clip.losses._base import MultiLabelLoss
from sklearn_clip.losses._cross_entropy import BCELoss, TemperedBCELoss
from sklearn_clip.losses._distribution_balanced import DistributionBalancedLoss
from sklearn_clip.losses._focal import AsymmetricLoss, FocalLoss
from sklearn_clip.losses._missing_labels import HillLoss, SPLCLoss
from sklearn_clip.losses._ranking import TwoWayLoss, ZLPRLoss
from sklearn_clip.losses._soft_f1 import SoftF1Loss

LossModule = TypeVar("LossModule", bound=nn.Module)

#: Class of each loss by the short name that `criterion` of a network takes.
LOSSES: dict[str, type[MultiLabelLoss]] = {
    "bce": BCELoss,
    "focal": FocalLoss,
    "asl": AsymmetricLoss,
    "tempered_bce": TemperedBCELoss,
    "two_way": TwoWayLoss,
    "zlpr": ZLPRLoss,
    "hill": HillLoss,
    "splc": SPLCLoss,
    "soft_f1": SoftF1Loss,
    "distribution_balanced": DistributionBalancedLoss,
}


@overload
def make_loss(loss: str, **params: Any) -> MultiLabelLoss: ...
@overload
def make_loss(loss: type[LossModule] | LossModule, **params: Any) -> LossModule: ...
def make_loss(loss: str | type[nn.Module] | nn.Module, **params: Any) -> nn.Module:
    """Turn a name, a class or a module into a loss.

    Parameters
    ----------
    loss : str, type or Module
        A key of `LOSSES`, a class of modules that take (logits, targets), ours or
        another, or a module, which is returned as it is.
    **params
        Parameters of the constructor; none for a module.

    Returns
    -------
    Module
        The loss.

    Raises
    ------
    ValueError
        If there is no loss of that name; the nearest names are in the message.
    TypeError
        If it is none of the three, or a module comes with parameters.

    Examples
    --------
    >>> from sklearn_clip.losses import make_loss
    >>> make_loss("asl", gamma_pos=0)
    AsymmetricLoss(gamma_neg=4.0, gamma_pos=0, margin=0.05, pos_weight=None,
    reduction='mean')
    """
    if isinstance(loss, nn.Module):
        if params:
            raise TypeError(
                "Parameters must come with the name or the class of a loss. Got "
                f"{sorted(params)} with a {type(loss).__name__} that is made already."
            )
        return loss
    if isinstance(loss, type) and issubclass(loss, nn.Module):
        return loss(**params)
    if not isinstance(loss, str):
        raise TypeError(
            "loss must be a name such as 'bce', a class of modules, or a module. "
            f"Got {loss!r}."
        )
    if loss not in LOSSES:
        near = get_close_matches(loss.lower(), LOSSES, n=3, cutoff=0.4)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(f"loss must be one of {sorted(LOSSES)}. Got {loss!r}.{hint}")
    return LOSSES[loss](**params)
