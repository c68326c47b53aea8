"""Local features of one forward pass: the whole picture, and every place of it.

A tower ends in layers that gather what all places say into one vector. Here they are
applied a second time, to each place as if it were all there is: pooling one place gives
the place, and attention that sees one token gives its value. What comes out lies in the
space that images and texts share.
"""

from __future__ import annotations

import torch
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from torch import nn

from sklearn_clip._shared import own_modes
from sklearn_clip.embedding.backbone._export import copy_module


def view_tokens(model):
    """Return a model whose image tower gives the whole picture and its places.

    Parameters
    ----------
    model : torch.nn.Module
        Model of open_clip; it is left as it is.

    Returns
    -------
    torch.nn.Module
        A view that has its weights: ``encode_image`` gives vectors of shape
        (n, (1 + n_places) * embedding_dim), the whole first, then the places row by
        row.

    Raises
    ------
    ValueError
        If the tower has no places, or it is not known how to project them.
    """
    view = copy_module(model)
    view._modules["visual"] = _choose(model.visual)
    return view


def read_grid(view, size):
    """Read how many places there are.

    Parameters
    ----------
    view : torch.nn.Module
        From `view_tokens`.
    size : tuple of (int, int)
        Height and width of the pixels.

    Returns
    -------
    tuple of (int, int)
        Rows and columns.
    """
    return view.visual.read_grid(size)


def _choose(visual):
    if isinstance(visual, VisionTransformer) and (
        getattr(visual, "attn_pool_contrastive", None) is None
    ):
        return _OpenClipTransformer(visual)
    if isinstance(visual, ModifiedResNet):
        return _ResNet(visual)
    if isinstance(visual, TimmModel) and "pool" not in visual.head._modules:
        trunk = visual.trunk
        if not hasattr(trunk, "num_prefix_tokens"):
            return _TimmPlaces(visual)
        pool = getattr(trunk, "attn_pool", None)
        # One place has no position among several.
        if getattr(pool, "pos_embed", None) is None and _has_grid(trunk):
            return _TimmTransformer(visual)
    raise ValueError(_refuse(visual))


def _refuse(visual):
    name = type(visual).__name__
    if isinstance(visual, TimmModel):
        name = f"{name} of {type(visual.trunk).__name__}"
    return (
        "regions='tokens' needs an image tower whose places can be projected one by "
        f"one. Got {name}: take regions='2x2', which any tower encodes."
    )


def _has_grid(trunk):
    return getattr(getattr(trunk, "patch_embed", None), "grid_size", None) is not None


class _Places(nn.Module):
    """An image tower that gives the whole picture and its places.

    Parameters
    ----------
    visual : torch.nn.Module
        The tower.
    """

    def __init__(self, visual):
        super().__init__()
        self.visual = visual

    def forward(self, pixels):
        """Encode pixels of shape (n, 3, h, w)."""
        whole, places = self.look(pixels)
        flat = torch.cat([whole[:, None], places], dim=1).flatten(1)
        # CoCa takes what else its tower says apart.
        return (flat, places) if getattr(self.visual, "output_tokens", False) else flat

    def look(self, pixels):
        """Return vectors of shape (n, d) and (n, n_places, d)."""
        raise NotImplementedError

    @own_modes()
    @torch.inference_mode()
    def read_grid(self, size):
        """Read rows and columns of the places off what comes of an empty picture."""
        places = self.map(self._empty(size))
        if places.ndim != 4:
            raise ValueError(_refuse(self.visual))
        return tuple(places.shape[-2:])

    def _empty(self, size):
        weight = next(self.visual.parameters())
        return torch.zeros(1, 3, *size, dtype=weight.dtype, device=weight.device)

    def map(self, pixels):
        """Return the places before they are projected, of shape (n, c, rows, cols)."""
        raise NotImplementedError


class _OpenClipTransformer(_Places):
    """A vision transformer of open_clip."""

    def look(self, pixels):
        visual = self.visual
        x = visual._embeds(pixels)
        *early, last = visual.transformer.resblocks
        for block in early:
            x = block(x)
        mixed = last(x)
        whole, _ = visual._pool(mixed)
        if visual.attn_pool is None:
            places = see_alone(last, x[:, 1:])
        else:
            places = _values(visual.attn_pool, mixed[:, 1:])
        places = visual.ln_post(places)
        if visual.proj is not None:
            whole, places = whole @ visual.proj, places @ visual.proj
        return whole, places

    def read_grid(self, size):
        return tuple(self.visual.grid_size)


class _TimmTransformer(_Places):
    """A vision transformer of timm, whatever its blocks, positions and pooling are."""

    def look(self, pixels):
        trunk = self.visual.trunk
        prefix = trunk.num_prefix_tokens
        if getattr(trunk, "attn_pool", None) is not None:
            # Trained to be read one by one, by the pooling that follows.
            whole = trunk.forward_features(pixels)
            places = whole[:, prefix:]
        else:
            x = self._with_values(trunk, prefix).forward_features(pixels)
            n_places = (x.shape[1] - prefix) // 2
            whole, places = x[:, : prefix + n_places], x[:, prefix + n_places :]
        # A sequence that is this place everywhere: class token, mean and attention all
        # find the place itself.
        one = places.flatten(0, 1)[:, None].expand(-1, prefix + 1, -1)
        return self._head(whole), self._head(one).unflatten(0, places.shape[:2])

    def _with_values(self, trunk, prefix):
        """Return a view of the trunk that gives what places are alone behind all."""
        blocks = copy_module(trunk.blocks)
        name = str(len(blocks) - 1)
        blocks._modules[name] = _AlsoAlone(blocks._modules[name], prefix)
        view = copy_module(trunk)
        view._modules["blocks"] = blocks
        return view

    def _head(self, x):
        return self.visual.head(self.visual.trunk.forward_head(x))

    @own_modes()
    @torch.inference_mode()
    def read_grid(self, size):
        trunk = self.visual.trunk
        sequence = trunk.forward_features(self._empty(size))
        n_places = sequence.shape[1] - trunk.num_prefix_tokens
        rows, columns = trunk.patch_embed.grid_size
        if rows * columns != n_places:
            # Made for another size than the model's, and takes any (ViTamin-XL-384).
            rows = round((n_places * size[0] / size[1]) ** 0.5)
            columns = n_places // rows
        if rows * columns != n_places:
            raise ValueError(_refuse(self.visual))
        return rows, columns


class _AlsoAlone(nn.Module):
    """A last block that also gives what places are to it alone, behind the others.

    Parameters
    ----------
    block : torch.nn.Module
        The block.
    n_prefix : int
        Tokens that are no places.
    """

    def __init__(self, block, n_prefix):
        super().__init__()
        self.block = block
        self.n_prefix = n_prefix

    def forward(self, x, *args, **options):
        """Take tokens of shape (n, l, d)."""
        places = see_alone(self.block, x[:, self.n_prefix :])
        return torch.cat([self.block(x, *args, **options), places], dim=1)


def see_alone(block, places):
    """Put each place through a block as a sequence of its own."""
    return block(places.flatten(0, 1)[:, None]).view_as(places)


def _values(pool, places):
    """Pool each place alone by open_clip's attention pooling: its value, projected."""
    attention = pool.attn
    x, width = pool.ln_k(places), attention.embed_dim
    if attention._qkv_same_embed_dim:
        weight = attention.in_proj_weight[2 * width :]
    else:
        weight = attention.v_proj_weight
    bias = attention.in_proj_bias
    bias = None if bias is None else bias[2 * width :]
    return attention.out_proj(nn.functional.linear(x, weight, bias))


class _ResNet(_Places):
    """A ResNet of CLIP, whose attention pooling gives a place its value."""

    def map(self, pixels):
        visual = self.visual
        x = visual.stem(pixels)
        for layer in (visual.layer1, visual.layer2, visual.layer3, visual.layer4):
            x = layer(x)
        return x

    def look(self, pixels):
        x, pool = self.map(pixels), self.visual.attnpool
        places = x.flatten(2).transpose(1, 2)
        places = places + pool.positional_embedding[1:].to(x.dtype)
        # Of one place alone the softmax is 1: its value v_proj(x), and the projection.
        return pool(x), pool.c_proj(pool.v_proj(places))


class _TimmPlaces(_Places):
    """A trunk of timm that keeps a map to its end; its head sees one place at a time.

    Where the head is an average and a linear layer, the mean of the places is the whole
    picture.
    """

    def map(self, pixels):
        x = self.visual.trunk.forward_features(pixels)
        return x.movedim(-1, 1) if self._channels_last else x

    @property
    def _channels_last(self):
        return str(getattr(self.visual.trunk, "output_fmt", "")).endswith("NHWC")

    def look(self, pixels):
        x = self.visual.trunk.forward_features(pixels)
        axis = -1 if self._channels_last else 1
        places = x.movedim(axis, -1).flatten(1, 2)
        one = places.flatten(0, 1)
        one = one[:, None, None] if self._channels_last else one[:, :, None, None]
        return self._head(x), self._head(one).unflatten(0, places.shape[:2])

    def _head(self, x):
        return self.visual.head(self.visual.trunk.forward_head(x))
