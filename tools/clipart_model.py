"""clipart-tiny as an open_clip model: architecture, fast text pass, export."""

import json

import open_clip
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from safetensors.torch import save_file
from torch.nn import functional

IMAGE_SIZE = 48
VOCABULARY = 49408


def config():
    """Return the content of ``open_clip_config.json``."""
    return {
        "model_cfg": {
            "embed_dim": 384,
            "vision_cfg": {
                "timm_model_name": "resnet10t",
                "timm_model_pretrained": False,
                "timm_pool": "avg",
                "timm_proj": "linear",
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
            "mean": list(OPENAI_DATASET_MEAN),
            "std": list(OPENAI_DATASET_STD),
            "interpolation": "bicubic",
            "resize_mode": "longest",
            "fill_color": 255,
        },
    }


def build(n_tokens=VOCABULARY):
    """Return a new model with random weights.

    Parameters
    ----------
    n_tokens : int, default=VOCABULARY
        Rows of the token table. Training keeps only the tokens of the corpus.

    Returns
    -------
    open_clip.CLIP
        The model in training mode.
    """
    architecture = json.loads(json.dumps(config()["model_cfg"]))
    architecture["text_cfg"]["vocab_size"] = n_tokens
    return open_clip.CLIP(**architecture)


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
    """Write a folder that open_clip loads by ``local-dir:``.

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
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "open_clip_model.safetensors"
    save_file(weights, path, {"format": "pt"})
    path.chmod(0o644)
    text = json.dumps(config(), indent=2) + "\n"
    (folder / "open_clip_config.json").write_text(text)
