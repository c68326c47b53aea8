"""Sizes of a module, read off the weights that were saved of it."""

from contextlib import nullcontext
from itertools import product

import torch

from sklearn_clip._shared import kept_generator

# Entries of one label by one feature above which a module is not made to be compared.
_LARGEST_TRIAL = 2**24


def read_weights(file, *, use_safetensors, torch_load_kwargs):
    """Read what `save_params` has written, to the CPU.

    Parameters
    ----------
    file : str, PathLike or file-like
        Of a module or a loss. A file-like is left where it was.
    use_safetensors : bool
        Whether it is safetensors.
    torch_load_kwargs : dict or None
        Of the net; None reads tensors only.

    Returns
    -------
    dict of str to Tensor
        The weights.
    """
    start = file.tell() if hasattr(file, "tell") else None
    if use_safetensors:
        from safetensors.torch import load, load_file

        weights = load_file(file) if start is None else load(file.read())
    else:
        kwargs = {"weights_only": True} | (torch_load_kwargs or {})
        weights = torch.load(file, **kwargs | {"map_location": "cpu"})
    if start is not None:
        file.seek(start)
    return weights


def find_sizes(module, params, weights, missing):
    """Find the sizes with which a module has weights of the given shapes.

    Parameters
    ----------
    module : type
        Class of the module.
    params : dict
        Its other parameters.
    weights : dict of str to Tensor
        The weights.
    missing : list of str
        The sizes to find, of ``"n_features"`` and ``"n_labels"``.

    Returns
    -------
    dict of str to int
        The sizes.

    Raises
    ------
    ValueError
        If none fits, or several do.
    """
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    widths = {width for shape in shapes.values() for width in shape if width}
    # A module that sees a row as two tokens has weights of half its width.
    choices = {
        "n_features": sorted(widths | {2 * width for width in widths}),
        "n_labels": sorted(widths),
    }
    # Without memory where the constructor can do without values; else for real.
    for context in (torch.device("meta"), nullcontext()):
        found = []
        for sizes in product(*(choices[name] for name in missing)):
            if isinstance(context, nullcontext) and torch.Size(sizes).numel() > (
                _LARGEST_TRIAL
            ):
                continue
            trial = dict(zip(missing, sizes, strict=True))
            with context, kept_generator():
                if _shapes(module, params | trial) == shapes:
                    found.append(trial)
        if found:
            break
    if len(found) != 1:
        names = " and ".join(f"module__{name}" for name in missing)
        raise ValueError(
            f"f_params must hold weights of the module {module.__name__} from which "
            f"its sizes can be told. Got weights that fit {len(found)} of those tried. "
            f"Are the module's parameters those of the net that was saved? If so, "
            f"give {names}."
        )
    return found[0]


def _shapes(module, params):
    """Shapes of the weights of a module, None if it cannot be made so."""
    try:
        state = module(**params).state_dict()
    except Exception:  # whatever a constructor raises about sizes that do not fit
        return None
    return {name: tuple(weight.shape) for name, weight in state.items()}
