"""Attention in the place of torch's: for tracers, and for towers under a mask."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from sklearn_clip.embedding.backbone._export import copy_module


class _Attention(nn.Module):
    """What `torch.nn.MultiheadAttention` does; see the classes that have it as base.

    Parameters
    ----------
    attention : torch.nn.MultiheadAttention
        Whose weights it has; batch first, and of one width.
    """

    def __init__(self, attention: nn.MultiheadAttention):
        super().__init__()
        self.in_proj_weight = attention.in_proj_weight
        self.in_proj_bias = attention.in_proj_bias
        self.out_proj = attention.out_proj
        self.n_heads = attention.num_heads
        self.head_dim = attention.head_dim

    def _attend(self, query, key, value, mask):
        """Attend to `key` and `value`, where `query` is the same or another input."""
        if query is key and key is value:
            projected = F.linear(query, self.in_proj_weight, self.in_proj_bias)
            parts = projected.chunk(3, dim=-1)
        else:
            parts = self._project(query, key, value)
        heads = self.n_heads, self.head_dim
        query, key, value = (
            part.reshape(*part.shape[:2], *heads).transpose(1, 2) for part in parts
        )
        found = self._mix(query, key, value, mask)
        return self.out_proj(found.transpose(1, 2).flatten(2))

    def _mix(self, query, key, value, mask):
        """Compute softmax(q k^T / sqrt(d) + mask) v, by heads."""
        raise NotImplementedError

    def _project(self, *given):
        """Project what are three different inputs, each by its third of the weights."""
        weights = self.in_proj_weight.chunk(3)
        biases = (None,) * 3
        if self.in_proj_bias is not None:
            biases = self.in_proj_bias.chunk(3)
        return tuple(map(F.linear, given, weights, biases))


class PlainAttention(_Attention):
    """Attention in fewer and plainer steps than torch's.

    Of torch's own, the exporter takes the number of tokens of the example for that of
    all texts.
    """

    def forward(
        self, query: Any, key: Any, value: Any, attn_mask: Any = None, **_: Any
    ) -> tuple[Any, None]:
        """Attend; other arguments of torch's say nothing here.

        Parameters
        ----------
        query : Tensor of shape (n, l, d)
            What asks.
        key, value : Tensor of shape (n, m, d)
            What is asked.
        attn_mask : Tensor of shape (l, m) or (n * n_heads, l, m), or None
            Added to the scores.

        Returns
        -------
        found : Tensor of shape (n, l, d)
            What is found.
        weights : None
            Nobody asks for them.
        """
        return self._attend(query, key, value, attn_mask), None

    def _mix(self, query, key, value, mask):
        scores = (query * self.head_dim**-0.5) @ key.transpose(2, 3)
        if mask is not None:
            scores = scores + (mask.reshape(scores.shape) if mask.dim() == 3 else mask)
        return scores.softmax(dim=-1) @ value


class FusedAttention(_Attention):
    """Attention under a mask, or in training, in less time than torch's.

    Torch's own projects a transposed view. Weights that are frozen it multiplies with
    one matrix for each token, and in bf16 copies them for each: up to nine tenths of
    the time of a text tower. Without a mask and gradients its own is as fast.
    """

    def __init__(self, attention: nn.MultiheadAttention):
        super().__init__(attention)
        self._own = [attention]  # in a list, it is no second submodule

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        **options: Any,
    ) -> tuple[Any, Any]:
        """Attend; see `torch.nn.MultiheadAttention`, which does what this does not."""
        unmasked = attn_mask is None and options.get("is_causal")
        done_here = query.dim() == 3 and key_padding_mask is None and not unmasked
        if not done_here or need_weights:
            return self._own[0](
                query, key, value, key_padding_mask, need_weights, attn_mask, **options
            )
        return self._attend(query, key, value, attn_mask), None

    def _mix(self, query, key, value, mask):
        if mask is not None:
            if mask.dim() == 3:
                mask = mask.unflatten(0, (-1, self.n_heads))
            if mask.dtype == torch.bool:  # True is what is not seen, and there what is
                mask = ~mask
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)


def with_plain_attention(module: nn.Module) -> nn.Module:
    """Copy a module, not its tensors, with plain attention in the place of torch's.

    Parameters
    ----------
    module : torch.nn.Module
        It is left as it is.

    Returns
    -------
    torch.nn.Module
        The copy.
    """
    return _swap(module, PlainAttention, {})


def with_fused_attention(module: nn.Module) -> nn.Module:
    """Copy a module, not its tensors, with fused attention in the place of torch's.

    Parameters
    ----------
    module : torch.nn.Module
        It is left as it is.

    Returns
    -------
    torch.nn.Module
        The copy; the module itself if it has no attention of torch's.
    """
    if not any(map(_is_plain, module.modules())):
        return module
    return _swap(module, FusedAttention, {})


def _swap(module, attention, known):
    # A module that has two names, such as a tied one, stays one.
    if id(module) not in known:
        if _is_plain(module):
            known[id(module)] = attention(module)
        else:
            new = known[id(module)] = copy_module(module)
            for name, child in module._modules.items():
                if child is not None:
                    new._modules[name] = _swap(child, attention, known)
    return known[id(module)]


def _is_plain(module):
    return (
        type(module) is nn.MultiheadAttention
        and module.batch_first
        and module._qkv_same_embed_dim
        and module.bias_k is None
        and not module.add_zero_attn
        and not module.dropout
    )
