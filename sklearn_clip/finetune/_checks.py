"""What `fit` is given, checked before a long training starts."""

import inspect
from copy import deepcopy

import numpy as np
import torch
from torch import nn

from sklearn_clip import embedding
from sklearn_clip._shared import ImageDecodeError
from sklearn_clip.finetune._rows import find_present
from sklearn_clip.losses import LOSSES, TemperedBCELoss, make_loss

_ONE = {"image": "an image", "text": "a text"}


def check_cells(cells, root, modalities, *, what="X"):
    """Check that every row has something to learn from, and images can be read.

    Parameters
    ----------
    cells : Cells
        The rows.
    root : str, os.PathLike or None
        Folder of relative paths.
    modalities : tuple of {"image", "text"}
        What of a row is used.
    what : str, default="X"
        Names the rows in errors.

    Raises
    ------
    ValueError
        If a row has nothing.
    ImageDecodeError
        If an image cannot be read.
    """
    empty = find_empty(cells, modalities)
    if len(empty):
        needed = " or ".join(_ONE[modality] for modality in modalities)
        raise ValueError(
            f"Every row of {what} must have {needed} to be trained on. Got none for "
            f"{cells.name_row(empty[0])} ({len(empty)} such rows). Leave them out."
        )
    if "image" not in modalities:
        return
    remarks = []
    failed = embedding.find_unreadable(cells.image, root, remarks=remarks)
    if failed:
        row, source, reason = failed[0]
        raise ImageDecodeError(
            f"An image of {what} could not be read: {cells.name_row(row)}, "
            f"{embedding.describe_image(source)}: {reason}. {len(failed)} such images "
            "are listed in the `failures` of this error: leave their rows out.",
            failed,
        )
    embedding.report_remarks(remarks, cells)


def find_empty(cells, modalities):
    """Find rows that have nothing.

    Parameters
    ----------
    cells : Cells
        The rows.
    modalities : tuple of {"image", "text"}
        What of a row is used.

    Returns
    -------
    ndarray of int
        Their positions.
    """
    present = find_present(cells, modalities)
    return np.flatnonzero(~np.any([present[m] for m in modalities], axis=0))


def make_criterion(loss, params, targets):
    """Make the loss over logits.

    Parameters
    ----------
    loss : str, type or Module
        As `make_loss` takes it. ``"tempered_bce"`` is plain cross-entropy here, since
        the logits are tempered already.
    params : dict or None
        Parameters of the loss.
    targets : ndarray of shape (n, n_labels)
        The targets, for losses that count them.

    Returns
    -------
    Module
        The loss.

    Raises
    ------
    ValueError
        If there is no such loss, or it has a temperature or other parameters of its own
        to learn, or is no mean, or has parameters of other labels.
    TypeError
        If it is no loss.
    """
    kind = LOSSES.get(loss) if isinstance(loss, str) else loss
    if kind is TemperedBCELoss and isinstance(loss, str):
        loss = "bce"
    elif kind is TemperedBCELoss or isinstance(loss, TemperedBCELoss):
        raise ValueError(
            "loss must work on logits, which are tempered already. Got "
            "TemperedBCELoss: pass loss='tempered_bce', and temperature, bias and "
            "max_scale as parameters of CLIPFineTuner."
        )
    params = dict(params or {})
    if inspect.isclass(kind) and getattr(kind, "needs_class_counts", False):
        counts = {
            "class_counts": np.nansum(targets, axis=0),
            "n_samples": (~np.isnan(targets)).sum(axis=0),
        }
        params = counts | params
    criterion = make_loss(loss, **params)
    _check_criterion(criterion)
    if type(criterion) in LOSSES.values():
        # It is tried, which changes nothing of ours: are its parameters of all labels?
        blank = torch.zeros(1, targets.shape[1])
        criterion(blank, blank)
    return criterion


def _check_criterion(criterion):
    """Check that passes may be parts of a step, and that nothing else has to learn."""
    reduction = getattr(criterion, "reduction", "mean")
    if reduction in ("none", "sum"):
        raise ValueError(
            "loss must be a mean, since passes of one step are weighted by their known "
            f"entries. Got reduction={reduction!r} in {type(criterion).__name__}. Pass "
            "reduction='mean'."
        )
    learns = [name for name, p in criterion.named_parameters() if p.requires_grad]
    if learns:
        raise ValueError(
            "loss must have nothing to learn: the optimizer moves the model, its "
            f"temperature and its bias alone. Got {learns} in "
            f"{type(criterion).__name__}. Freeze it with requires_grad_(False), or "
            "register it as a buffer."
        )


def copy_loss(loss):
    """Copy a loss that was given as a module, so that nothing of it is changed.

    Parameters
    ----------
    loss : object
        A name, a class or a module.

    Returns
    -------
    object
        A copy of a module, else `loss`.
    """
    return deepcopy(loss) if isinstance(loss, nn.Module) else loss
