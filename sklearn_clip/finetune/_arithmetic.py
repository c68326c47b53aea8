"""The arithmetic of a training: what passes run in, and what is left out of it."""

import contextlib

import torch
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from sklearn_clip import embedding

# What torch calls the arguments, which may come by name or by place.
_ATTENTION = ("query", "key", "value")
_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")


def choose_precision(precision, device, model):
    """Choose the arithmetic of the forward pass.

    Parameters
    ----------
    precision : {"auto", "fp32", "bf16", "fp16"}
        What is asked for.
    device : torch.device
        Where the model trains.
    model : Module
        Model of open_clip.

    Returns
    -------
    str
        What is asked for; of ``"auto"`` what the device is fastest in, and on a CPU
        fp32 for models with a narrow text tower.
    """
    if precision != "auto":
        return precision
    texts = (w for n, w in model.named_parameters() if not n.startswith("visual."))
    if device.type == "cpu" and embedding.is_narrow(texts):
        return "fp32"
    return embedding.fast_precision(device)["text"]


@contextlib.contextmanager
def forward_arithmetic(device, dtype):
    """Run forward passes in an arithmetic.

    Parameters
    ----------
    device : torch.device
        Where the model is.
    dtype : torch.dtype
        The arithmetic.

    Yields
    ------
    None
    """
    if dtype == torch.float32:
        yield
        return
    with contextlib.ExitStack() as stack:
        # Autocast forgets the weights that it has cast where it is left for good, and
        # here it is within another: the next step would run on those of this one.
        stack.callback(torch.clear_autocast_cache)
        stack.enter_context(torch.autocast(device.type, dtype=dtype))
        if device.type == "cpu":
            stack.enter_context(_ExactSteps())
        yield


class _ExactSteps(TorchFunctionMode):
    """Leave in fp32 what a CPU takes longer for in bf16, backwards.

    By torch 2.14 the gradient of attention takes five times as long as in fp32, that of
    the convolution that cuts patches seven times, and that of convolutions in groups
    up to twice; other convolutions and products take a third.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        """Call a function of torch, on tensors in fp32 where that is faster."""
        kwargs = kwargs or {}
        if not torch.is_grad_enabled() or not _goes_back_slowly(func, args, kwargs):
            return func(*args, **kwargs)
        with torch.autocast("cpu", enabled=False):
            named = {name: _exact(value) for name, value in kwargs.items()}
            return func(*map(_exact, args), **named)


def _goes_back_slowly(func, args, kwargs):
    """Whether a function has a gradient, which takes longer in bf16."""
    if func is F.scaled_dot_product_attention:
        given = dict(zip(_ATTENTION, args, strict=False)) | kwargs
        return any(given[name].requires_grad for name in _ATTENTION)
    if func is not F.conv2d:
        return False
    given = dict(zip(_CONVOLUTION, args, strict=False)) | kwargs
    # Of pictures, which the first convolution sees, no gradient is asked for.
    is_slow = given.get("groups", 1) > 1 or not given["input"].requires_grad
    return is_slow and given["weight"].requires_grad


def _exact(value):
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return value.float()
    return value
