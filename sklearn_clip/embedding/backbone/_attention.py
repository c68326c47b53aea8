"""Attention by operations on tensors alone, which a tracer sees at any length."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional as F

from sklearn_clip.embedding.backbone._export import copy_module


class PlainAttention(nn.Module):
    """What `torch.nn.MultiheadAttention` does, in fewer and plainer steps.

    Of torch's own, the exporter takes the number of tokens of the example for that of
    all texts.

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
        if query is key and key is value:
            projected = F.linear(query, self.in_proj_weight, self.in_proj_bias)
            parts = projected.chunk(3, dim=-1)
        else:
            parts = self._project(query, key, value)
        heads = self.n_heads, self.head_dim
        query, key, value = (
            part.reshape(*part.shape[:2], *heads).transpose(1, 2) for part in parts
        )
        # softmax(q k^T / sqrt(d)) v, by heads.
        scores = (query * self.head_dim**-0.5) @ key.transpose(2, 3)
        if attn_mask is not None:
            if attn_mask.dim() == 3:
                attn_mask = attn_mask.reshape(scores.shape)
            scores = scores + attn_mask
        found = (scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)
        return self.out_proj(found), None

    def _project(self, *given):
        """Project what are three different inputs, each by its third of the weights."""
        weights = self.in_proj_weight.chunk(3)
        biases = (None,) * 3
        if self.in_proj_bias is not None:
            biases = self.in_proj_bias.chunk(3)
        return tuple(map(F.linear, given, weights, biases))


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
    return _swap(module, {})


def _swap(module, known):
    # A module that has two names, such as a tied one, stays one.
    if id(module) not in known:
        if _is_plain(module):
            known[id(module)] = PlainAttention(module)
        else:
            new = known[id(module)] = copy_module(module)
            for name, child in module._modules.items():
                if child is not None:
                    new._modules[name] = _swap(child, known)
    return known[id(module)]


def _is_plain(module):
    return (
        type(module) is nn.MultiheadAttention
        and module.batch_first
        and module._qkv_same_embed_dim
        and module.bias_k is None
        and not module.add_zero_attn
    )
