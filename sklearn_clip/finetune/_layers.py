"""How deep a weight of a model lies, whether it is trained, and at which rate."""

import re

import torch
from torch import nn

_LOGITS = ("logit_scale", "logit_bias")
# Last names of what maps a tower's width to that of the embedding, in open_clip's
# towers and in those it takes from timm and from Hugging Face.
_PROJECTION = re.compile(
    r"^visual\.(proj|head|attnpool)\b"
    r"|^visual\.trunk\.(head|attn_pool)\b"
    r"|^(text\.)?text_projection\b"
    r"|^text\.proj\b"
)
_EMBEDDING = re.compile(r"embed|\bcls_token\b|\breg_token\b")
_BLOCK = re.compile(r"^.*?\.\d+(?=\.)")


def layer_depths(model):
    """Place every weight of a model in its tower.

    Parameters
    ----------
    model : Module
        Model of open_clip.

    Returns
    -------
    dict of str to float
        Depth by name of the weight: 0 for the embeddings and the stem, 1 for what is
        behind all blocks (norm and projection), between them in equal steps for the
        blocks. Temperature and bias of the logits are left out.
    """
    towers = {"image": [], "text": []}
    for name, _ in model.named_parameters():
        if name not in _LOGITS and not name.startswith("text_decoder."):
            towers["image" if name.startswith("visual.") else "text"].append(name)
    depths = {}
    for names in towers.values():
        # Bare parameters are listed first and token tables anywhere: they say nothing
        # of where the blocks begin and end.
        blocks = list(dict.fromkeys(b for n in names if (b := _block_of(n))))
        place = {block: i + 1 for i, block in enumerate(blocks)}
        last, begun = len(blocks) + 1, False
        for number, name in enumerate(names):
            block = _block_of(name)
            begun = begun or block is not None
            if block is not None:
                depth = place[block]
            elif _EMBEDDING.search(name) and not _PROJECTION.search(name):
                depth = 0
            elif begun and not _PROJECTION.search(name):
                # With the block that follows, as the norm of a stem of several
                # convolutions, which are numbered as blocks are; or behind all.
                following = (b for n in names[number:] if (b := _block_of(n)))
                depth = place.get(next(following, None), last)
            else:
                depth = last if _PROJECTION.search(name) else 0
            depths[name] = depth / last
    return depths


def _block_of(name):
    """Prefix of a name up to its first number, that of the block; None without."""
    if _PROJECTION.search(name):
        return None
    found = _BLOCK.match(name)
    return found.group() if found else None


def is_projection(name):
    """Whether a weight maps a tower's width to that of the embedding.

    Parameters
    ----------
    name : str
        Name of the weight.

    Returns
    -------
    bool
        The answer.
    """
    return _PROJECTION.search(name) is not None


def set_trainable(model, trainable):
    """Switch gradients on for the weights that are trained.

    Parameters
    ----------
    model : Module
        Model of open_clip, changed in place.
    trainable : {"all", "last", "projection"}
        All weights; the last block of each tower and what is behind it; or the
        projections. Temperature and bias are always trained.

    Raises
    ------
    ValueError
        If a projection is to be trained and the model has none.
    """
    depths = layer_depths(model)
    blocks = {"visual": 0.0, "text": 0.0}  # depth of the last block of each tower
    for name, depth in depths.items():
        if depth < 1:
            tower = "visual" if name.startswith("visual.") else "text"
            blocks[tower] = max(blocks[tower], depth)
    for name, weight in model.named_parameters():
        tower = "visual" if name.startswith("visual.") else "text"
        weight.requires_grad_(
            name in _LOGITS
            or (name in depths and trainable == "all")
            or (trainable == "last" and depths.get(name, -1) >= blocks[tower])
            or (trainable == "projection" and is_projection(name))
        )
    trained = [n for n, w in model.named_parameters() if w.requires_grad]
    if set(trained) <= set(_LOGITS):
        raise ValueError(
            "trainable='projection' needs a model with projections by names known "
            "here. This one has none: use trainable='last'."
        )


def parameter_groups(model, *, lr, logit_lr, layer_decay, weight_decay):
    """Group the trained weights by rate and decay, for an optimizer.

    The rate falls by `layer_decay` with every block from the output to the input.
    Vectors (biases, norms), temperature and bias have no weight decay.

    Parameters
    ----------
    model : Module
        Model of open_clip.
    lr : float
        Rate of the projections.
    logit_lr : float
        Rate of temperature and bias.
    layer_decay : float
        Factor per block, in (0, 1].
    weight_decay : float
        Decay of matrices.

    Returns
    -------
    list of dict
        ``params``, ``names``, ``lr`` and ``weight_decay`` of each group, with the rate
        also under ``peak_lr``, from which a schedule comes down.
    """
    depths = layer_depths(model)
    steps = _blocks_per_tower(depths)
    groups = {}
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        if name in _LOGITS:
            rate, decay = logit_lr, 0.0
        else:
            tower = name.startswith("visual.")
            rate = lr * layer_decay ** round((1 - depths[name]) * steps[tower])
            decay = weight_decay if weight.ndim > 1 else 0.0
        group = groups.setdefault((rate, decay), {"params": [], "names": []})
        group["params"].append(weight)
        group["names"].append(name)
    return [
        {**group, "lr": rate, "peak_lr": rate, "weight_decay": decay}
        for (rate, decay), group in groups.items()
    ]


def _blocks_per_tower(depths):
    """Count the steps of depth in the image tower (True) and in the text tower."""
    found = {True: set(), False: set()}
    for name, depth in depths.items():
        found[name.startswith("visual.")].add(depth)
    # Depths are in equal steps, of which the smallest is one.
    return {
        tower: round(1 / min(d for d in {*values, 1.0} if d > 0))
        for tower, values in found.items()
    }


def keep_statistics(model):
    """Put batch normalisation into evaluation mode, within a model that trains.

    Its statistics are those of the large batches of pretraining: small ones would spoil
    them, and make a batch in parts another than the whole.

    Parameters
    ----------
    model : Module
        Changed in place.
    """
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def choose_format(model, device):
    """Choose the order in which a model that trains holds its pictures in memory.

    Parameters
    ----------
    model : Module
        Model of open_clip.
    device : str or torch.device
        Where it trains.

    Returns
    -------
    torch.memory_format
        Channels last, which is faster; on a CPU contiguous for a tower with grouped
        convolutions: of FastViT's, the backward pass of torch 2.14 ends the process in
        the other order.
    """
    grouped = any(
        isinstance(module, nn.modules.conv._ConvNd) and module.groups > 1
        for module in model.modules()
    )
    if grouped and torch.device(device).type == "cpu":
        return torch.contiguous_format
    return torch.channels_last
