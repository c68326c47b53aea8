"""The fingerprint of a training: a digest of all that its outcome depends on."""

import hashlib
import inspect
import json
import os
from functools import partial

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import nn


def fingerprint(**facts):
    """Digest all that the outcome of a training depends on.

    Values count by their content, and classes and functions by their names: arrays and
    tensors by dtype, shape and entries, modules and estimators by class and by what
    they hold.

    Parameters
    ----------
    **facts : object
        Parameters, fingerprints and data: None, numbers, strings, bytes, paths, arrays,
        tensors, modules, estimators, importable classes and functions, and collections
        of them.

    Returns
    -------
    str
        A digest.

    Raises
    ------
    TypeError
        If a value is something else, of which it is not known what it holds.
    """
    found = [[name, _describe(facts[name], name)] for name in sorted(facts)]
    return hashlib.blake2b(json.dumps(found).encode(), digest_size=12).hexdigest()


def _describe(value, where):
    """Turn a value into lists of strings and numbers, others for every other value."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, bool | int | float | str):
        return [type(value).__name__, value]
    if isinstance(value, bytes):
        return ["bytes", _digest(value)]
    if isinstance(value, os.PathLike):
        return ["path", os.fspath(value)]
    if isinstance(value, list | tuple | set | frozenset | dict):
        return _describe_items(value, where)
    if isinstance(value, torch.dtype | torch.device):
        return ["torch", str(value)]
    if isinstance(value, torch.Tensor) and value.layout == torch.strided:
        flat = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        return [str(value.dtype), list(value.shape), _digest(flat.numpy().tobytes())]
    if isinstance(value, partial):
        parts = [value.func, value.args, value.keywords]
        return ["partial", _describe(parts, where)]
    if isinstance(value, nn.Module):
        return _describe_parts(value, vars(value), where)
    if isinstance(value, BaseEstimator):
        return _describe_parts(value, value.get_params(deep=False), where)
    if hasattr(value, "__array__") and not isinstance(value, torch.Tensor):
        return _describe_array(np.asarray(value), where)
    return ["name", *_read_name(value, where)]


def _describe_items(value, where):
    """Describe what a collection holds; sets and dicts have no order."""
    if isinstance(value, dict):
        pairs = [
            [_describe(key, where), _describe(item, f"{where}[{key!r}]")]
            for key, item in value.items()
        ]
        return ["dict", sorted(pairs, key=json.dumps)]
    items = [_describe(item, f"{where}[{at}]") for at, item in enumerate(value)]
    if isinstance(value, set | frozenset):
        return ["set", sorted(items, key=json.dumps)]
    return ["list", items]


def _describe_parts(value, parts, where):
    """Describe an object by its class and its attributes."""
    parts = {f"{where}.{name}": part for name, part in parts.items()}
    described = [[name, _describe(part, name)] for name, part in sorted(parts.items())]
    return [*_read_name(type(value), where), described]


def _describe_array(array, where):
    """Describe an array by its bytes; one of objects, by these."""
    if array.dtype.hasobject:
        return ["objects", list(array.shape), _describe(array.ravel().tolist(), where)]
    return [array.dtype.str, list(array.shape), _digest(array.tobytes())]


def _read_name(value, where):
    """Name of a class or function, which must be one that others cannot have."""
    # Not a method: its outcome depends on what it is bound to.
    owner = getattr(value, "__self__", None)
    bound = owner is not None and not inspect.ismodule(owner)
    kinds = (inspect.isclass, inspect.isfunction, inspect.isbuiltin)
    named = not bound and any(is_kind(value) for is_kind in kinds)
    if not named or "<" in value.__qualname__:
        raise TypeError(
            "With checkpoint_dir, parameters must be numbers, strings, arrays, tensors,"
            " modules, or classes and functions of a module that can be imported, since"
            f" a checkpoint belongs to their values. Got {where}={value!r:.80} (type "
            f"{type(value).__name__}). Pass one of these, or checkpoint_dir=None."
        )
    return [value.__module__, value.__qualname__]


def _digest(data):
    return hashlib.blake2b(data).hexdigest()
