"""What a tower gives: its embedding, or the vector before the last projection.

A tower ends in a projection into the space that images and texts share. Linear probes
of CLIP are fitted on what goes into it, which is often wider. Such a tower is a view of
the model: the same modules and weights, but for the projection, which is left out.
"""

from __future__ import annotations

import torch
from open_clip.hf_model import HFTextEncoder
from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import TextTransformer, VisionTransformer
from torch import nn

from sklearn_clip.embedding.backbone._export import copy_module, text_part
from sklearn_clip.embedding.backbone._tokens import view_tokens


def view_output(model, tower, output):
    """Return a model whose tower gives another output.

    Parameters
    ----------
    model : torch.nn.Module
        Model of open_clip; it is left as it is.
    tower : {"image", "text"}
        The tower.
    output : {"embedding", "penultimate", "tokens"}
        ``"tokens"`` is the embedding and behind it those of all places, see `_tokens`;
        ``"penultimate"`` leaves out the whole way into the shared space, be it a
        matrix, a linear layer or a perceptron. A tower that has none gives its
        embedding.

    Returns
    -------
    torch.nn.Module
        The model itself, or a view that has its weights.

    Raises
    ------
    ValueError
        If nothing is known of a tower of this class.
    """
    if output == "embedding":
        return model
    if output == "tokens":
        return view_tokens(model)
    for path in _find_projections(model, tower):
        model = _without(model, path)
    return model


def output_width(model, tower, output, embedding_dim):
    """Return how many numbers a tower gives.

    Parameters
    ----------
    model, tower, output : torch.nn.Module, str and str
        As of `view_output`.
    embedding_dim : int
        Length of an embedding.

    Returns
    -------
    int
        The width.

    Raises
    ------
    ValueError
        If nothing is known of a tower of this class.
    """
    paths = [] if output == "embedding" else _find_projections(model, tower)
    if not paths:
        return embedding_dim
    projection = model
    for name in paths[0]:
        projection = getattr(projection, name)
    return _n_inputs(getattr(projection, "c_proj", projection))


class BarePool(nn.Module):
    """Attention pooling of a ModifiedResNet without its last projection.

    Only the mean of the places asks, and nobody else's answer is read.

    Parameters
    ----------
    pool : open_clip.modified_resnet.AttentionPool2d
        Whose weights it has.
    """

    def __init__(self, pool):
        super().__init__()
        self.positional_embedding = pool.positional_embedding
        self.q_proj, self.k_proj, self.v_proj = pool.q_proj, pool.k_proj, pool.v_proj
        self.n_heads = pool.num_heads

    def forward(self, places):
        """Pool places of shape (n, d, h, w) to vectors of shape (n, d)."""
        places = places.flatten(2).transpose(1, 2)
        tokens = torch.cat([places.mean(dim=1, keepdim=True), places], dim=1)
        tokens = tokens + self.positional_embedding.to(places.dtype)
        query, key, value = (
            self._split(projected)
            for projected in (
                self.q_proj(tokens[:, :1]),
                self.k_proj(tokens),
                self.v_proj(tokens),
            )
        )
        # softmax(q k^T / sqrt(d)) v, by heads.
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(2, 3)
        return (scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(1)

    def _split(self, tokens):
        """Part vectors by heads: (n, l, d) to (n, n_heads, l, d / n_heads)."""
        return tokens.unflatten(2, (self.n_heads, -1)).transpose(1, 2)


def _find_projections(model, tower):
    """List the way into the shared space: paths of what is left out, mostly one."""
    if tower == "image":
        inner, path = model.visual, ("visual",)
    else:
        inner = text_part(model)
        path = () if inner is model else ("text",)
    if isinstance(inner, TimmModel):
        paths = _find_in_timm(inner)
    elif isinstance(inner, ModifiedResNet):
        paths = [("attnpool",)]
    elif isinstance(inner, VisionTransformer | HFTextEncoder):
        paths = [("proj",)]
    elif inner is model or isinstance(inner, TextTransformer):
        paths = [("text_projection",)]
    else:
        raise ValueError(
            f"features='penultimate' needs a tower whose projection is known. Got "
            f"{type(inner).__name__} for the {tower} tower: take features='embedding'."
        )
    there = [p for p in paths if not _is_nothing(inner, p)]
    return [path + p for p in there]


def _find_in_timm(inner):
    """Find the projection in the head that open_clip adds, or in timm's own."""
    for name in ("proj", "mlp"):
        if name in inner.head._modules:
            return [("head", name)]
    if "pool" in inner.head._modules:  # attention, which ends in a projection
        return [("head", "pool", "proj")]
    own = inner.trunk.get_classifier()
    own = own if isinstance(own, tuple) else (own,)
    return [
        ("trunk", *name.split("."))
        for name, module in inner.trunk.named_modules()
        if any(module is classifier for classifier in own)
    ]


def _is_nothing(inner, path):
    for name in path:
        inner = getattr(inner, name)
    return inner is None or isinstance(inner, nn.Identity)


def _without(module, path):
    """Copy modules along a path, whose end is left out."""
    name, *rest = path
    new = copy_module(module)
    child = getattr(module, name)
    if rest:
        new._modules[name] = _without(child, rest)
    elif isinstance(child, AttentionPool2d):
        new._modules[name] = BarePool(child)
    elif isinstance(child, nn.Parameter):
        new._parameters[name] = None
    else:
        # What open_clip calls text_projection is asked for its class, or is None.
        new._modules[name] = None if name == "text_projection" else nn.Identity()
    return new


def _n_inputs(projection):
    """Read how many numbers a projection takes off its first weights."""
    if isinstance(projection, nn.Parameter):  # of shape (width, embedding_dim)
        return projection.shape[0]
    return next(w.shape[1] for w in projection.parameters() if w.dim() > 1)
