"""clipart-tiny as an open_clip model: architecture, fast text pass, export."""

import json

import open_clip
import torch
from clipart_start import WORD_WIDTH
from safetensors.torch import save_file
from torch.nn import functional

IMAGE_SIZE = 112
VOCABULARY = 49408
# Of the ImageNet weights: pixels in [-1, 1].
MEAN = STD = (0.5, 0.5, 0.5)
# Blocks of the image tower that stay as ImageNet left them: edges and textures.
FIXED_BLOCKS = 4


def config():
    """Return the content of ``open_clip_config.json``."""
    return {
        "model_cfg": {
            "embed_dim": 384,
            "vision_cfg": {
                "timm_model_name": "tf_efficientnet_lite0",
                "timm_model_pretrained": False,
                "timm_pool": "avg",
                "timm_proj": "linear",
                "timm_proj_bias": True,
                "image_size": IMAGE_SIZE,
            },
            "text_cfg": {
                "context_length": 77,
                "vocab_size": VOCABULARY,
                "width": 128,
                "heads": 4,
                "layers": 3,
            },
        },
        "preprocess_cfg": {
            "mean": list(MEAN),
            "std": list(STD),
            "interpolation": "bicubic",
            "resize_mode": "longest",
            "fill_color": 255,
        },
    }


def build(tokens, weights, vectors, decoder):
    """Return a model with the image weights and word vectors it starts from.

    Parameters
    ----------
    tokens : list of int
        The token of each row of the token table.
    weights : list of Tensor
        From :func:`clipart_start.image_weights`.
    vectors : dict of str to ndarray
        From :func:`clipart_start.word_vectors`.
    decoder : dict of int to str
        The tokenizer's.

    Returns
    -------
    model : open_clip.CLIP
        With its image tower in evaluation mode: batch statistics stay ImageNet's.
    free : Tensor of shape (n_tokens, width)
        0 where the token table holds a word vector, which training leaves alone, so
        that words without a picture keep their place among the others; else 1.
    """
    architecture = json.loads(json.dumps(config()["model_cfg"]))
    architecture["text_cfg"]["vocab_size"] = len(tokens)
    model = open_clip.CLIP(**architecture)
    trunk = model.visual.trunk
    names = list(trunk.state_dict())
    trunk.load_state_dict(dict(zip(names, weights[: len(names)], strict=True)))
    model.visual.eval()
    fixed = [trunk.conv_stem, trunk.bn1, trunk.blocks[:FIXED_BLOCKS]]
    for part in fixed:
        part.requires_grad_(False)
    table = model.token_embedding.weight.data
    free = torch.ones_like(table)
    for row, token in enumerate(tokens):
        vector = vectors.get(decoder[token].removesuffix("</w>"))
        if vector is not None and decoder[token].endswith("</w>"):
            table[row, :WORD_WIDTH] = torch.from_numpy(vector)
            table[row, WORD_WIDTH:] = 0
            free[row, :WORD_WIDTH] = 0
    return model, free


def centre(head, features):
    """Let the projection start from features without their mean, of unit spread.

    Parameters
    ----------
    head : nn.Sequential
        The head of the image tower.
    features : Tensor of shape (n, width)
        Of the trunk.
    """
    spread = features.std(0).mean()
    with torch.no_grad():
        torch.nn.init.normal_(head.proj.weight, std=features.shape[1] ** -0.5)
        head.proj.weight /= spread
        head.proj.bias.copy_(-head.proj.weight @ features.mean(0))


def encode_text(model, tokens, ends):
    """Encode texts that were cut to the longest of the batch.

    open_clip always runs all 77 positions. Attention is causal, so that positions
    after the end token change nothing and can be left out.

    Parameters
    ----------
    model : open_clip.CLIP
        The model.
    tokens : Tensor of shape (n, length)
        Rows of the token table.
    ends : Tensor of shape (n,)
        Position of the end token.

    Returns
    -------
    Tensor of shape (n, embed_dim)
        L2-normalised.
    """
    length = tokens.shape[1]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
    x = model.ln_final(x)[torch.arange(len(x)), ends] @ model.text_projection
    return functional.normalize(x, dim=-1)


def export(state, used_tokens, folder):
    """Write the model, with a row for every token of open_clip's tokenizer.

    Parameters
    ----------
    state : dict of str to Tensor
        Weights with the token table of training.
    used_tokens : list of int
        The token of each row of that table. All other rows become zero.
    folder : Path
        Where to write.
    """
    table = torch.zeros(VOCABULARY, state["token_embedding.weight"].shape[1])
    table[torch.tensor(used_tokens)] = state["token_embedding.weight"]
    weights = {}
    for name, value in (state | {"token_embedding.weight": table}).items():
        half = value.half() if value.is_floating_point() else value
        weights[name] = half.contiguous().clone()
    write_folder(weights, config(), folder)


def write_folder(weights, content, folder):
    """Write a folder that open_clip loads by ``local-dir:``.

    Parameters
    ----------
    weights : dict of str to Tensor
        By open_clip's names.
    content : dict
        Of ``open_clip_config.json``.
    folder : Path
        Where to write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "open_clip_model.safetensors"
    save_file(weights, path, {"format": "pt"})
    path.chmod(0o644)
    text = json.dumps(content, indent=2) + "\n"
    (folder / "open_clip_config.json").write_text(text)
