"""One architecture of open_clip with random weights, and the vectors open_clip gives.

The towers are cut to two blocks; widths, sizes, pooling, preprocessing and the kind of
tokenizer stay. What a hub would be asked for (the configuration of a tower of Hugging
Face, a tokenizer) is made on the spot and laid into a cache of the hub, which is all
that open_clip and we see of a network.
"""

import copy
import functools
from pathlib import Path

import numpy as np

BLOCKS = 2
# Rows of a table of tokens whose tokenizer is trained on the spot.
VOCABULARY = 2000
# Towers of Hugging Face: the width, the full size and the cut one.
TEXT_TOWERS = {
    "roberta-base": ("roberta", 768, 12, 50265),
    "xlm-roberta-base": ("xlm-roberta", 768, 12, 250002),
    "xlm-roberta-large": ("xlm-roberta", 1024, 24, 250002),
    "google/mt5-base": ("mt5", 768, 12, 250112),
    "google/mt5-xl": ("mt5", 2048, 24, 250112),
    "facebook/nllb-200-distilled-600M": ("m2m_100", 1024, 12, 256206),
    "facebook/nllb-200-distilled-1.3B": ("m2m_100", 1024, 24, 256206),
}
# Special tokens in the order of their numbers, and what stands around a text.
TOKENIZERS = {
    "bert": (["[PAD]", "[UNK]", "[CLS]", "[SEP]"], "[CLS] $A [SEP]", "[PAD]", "[SEP]"),
    "gemma": (["<pad>", "<eos>", "<bos>", "<unk>"], "$A <eos>", "<pad>", "<eos>"),
    "mt5": (["<pad>", "</s>", "<unk>"], "$A </s>", "<pad>", "</s>"),
    "nllb": (
        ["<s>", "<pad>", "</s>", "<unk>", "eng_Latn"],
        "eng_Latn $A </s>",
        "<pad>",
        "</s>",
    ),
    "siglip": (["<unk>", "</s>"], "$A </s>", "</s>", "</s>"),
    "xlm": (["<s>", "<pad>", "</s>", "<unk>"], "<s> $A </s>", "<pad>", "</s>"),
}
TEXTS = [
    "a",
    "a photo of a cat",
    "two red bicycles and a small dog in front of a house by the sea",
    "Äpfel und Birnen: zwei Sorten Obst, süß & reif!",
    "猫と犬",
    "a long text that no tower takes as a whole, " * 30,
]
# How near vectors must be: of the largest component where the pixels are the same, and
# as cosines where Pillow rounds otherwise (photos are resized), or in lower precision.
TOLERANCE = 1e-4
LEAST_COSINE = {"fp32": 0.9999, "auto": 0.999}
COMMIT = "0" * 40


def cut_config(config):
    """Cut both towers of an architecture to `BLOCKS` blocks.

    Parameters
    ----------
    config : dict
        As open_clip writes it.

    Returns
    -------
    dict
        A copy, whose towers of timm are cut by `cut_timm`.
    """
    config = copy.deepcopy(config)
    image, text = config["vision_cfg"], config["text_cfg"]
    if isinstance(image.get("layers"), list):
        image["layers"] = [1] * len(image["layers"])
    elif not image.get("timm_model_name"):
        image["layers"] = BLOCKS
    if not text.get("hf_model_name"):
        text["layers"] = BLOCKS
    if text.get("hf_tokenizer_name"):
        text["vocab_size"] = VOCABULARY
    if "multimodal_cfg" in config:
        config["multimodal_cfg"]["layers"] = BLOCKS
    return config


def cut_timm(name):
    """Say by which arguments timm makes a tower of few blocks.

    Parameters
    ----------
    name : str
        Model of timm.

    Returns
    -------
    dict
        Keyword arguments of `timm.create_model`.
    """
    if name.startswith("fastvit"):
        return {"layers": (1,) * (5 if name[-1] in "34" else 4)}
    if name.startswith("convnext"):
        return {"depths": (1, 1, 1, 1)}
    if name.startswith("swin"):
        return {"depths": (2, 2, 2, 2)}
    return {"depth": BLOCKS}


def tokenizer_family(repository):
    """Tell of which family the tokenizer of a repository is.

    Parameters
    ----------
    repository : str
        Name on the hub.

    Returns
    -------
    str
        Key of `TOKENIZERS`.
    """
    name = repository.lower()
    marks = {
        "bert-base": "bert",
        "siglip2": "gemma",
        "i18n": "mt5",
        "siglip": "siglip",
        "mt5": "mt5",
        "nllb": "nllb",
    }
    if "roberta" in name:
        return "xlm"
    return next((family for mark, family in marks.items() if mark in name), "xlm")


def text_tower_config(name, *, full):
    """Make the configuration of a tower of Hugging Face.

    Parameters
    ----------
    name : str
        Key of `TEXT_TOWERS`.
    full : bool
        Whether it has all its blocks and rows.

    Returns
    -------
    PretrainedConfig
        The configuration.
    """
    import transformers

    kind, width, layers, rows = TEXT_TOWERS[name]
    layers, rows = (layers, rows) if full else (BLOCKS, VOCABULARY)
    if kind == "mt5":
        large = width > 1000
        return transformers.MT5Config(
            vocab_size=rows,
            d_model=width,
            num_layers=layers,
            num_decoder_layers=1,
            d_ff=5120 if large else 2048,
            num_heads=32 if large else 12,
        )
    if kind == "m2m_100":
        return transformers.M2M100Config(
            vocab_size=rows,
            d_model=width,
            encoder_layers=layers,
            decoder_layers=1,
            encoder_ffn_dim=8192 if name.endswith("1.3B") else 4096,
            max_position_embeddings=1024,
        )
    classes = {
        "roberta": transformers.RobertaConfig,
        "xlm-roberta": transformers.XLMRobertaConfig,
    }
    return classes[kind](
        vocab_size=rows,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        intermediate_size=4 * width,
        max_position_embeddings=514,
        type_vocab_size=1,
    )


def lay_into_cache(repository, write):
    """Lay files into the cache of the hub, as its client does.

    Parameters
    ----------
    repository : str
        Name on the hub.
    write : callable
        Writes the files into a folder.
    """
    import huggingface_hub

    cache = Path(huggingface_hub.constants.HF_HUB_CACHE)
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text(COMMIT)
    snapshot = folder / "snapshots" / COMMIT
    snapshot.mkdir(parents=True, exist_ok=True)
    write(snapshot)
    if not (snapshot / "config.json").exists():
        (snapshot / "config.json").write_text("{}")  # transformers asks for one


def train_tokenizer(family):
    """Train a tokenizer of a family on some texts.

    Parameters
    ----------
    family : str
        Key of `TOKENIZERS`.

    Returns
    -------
    PreTrainedTokenizerFast
        The tokenizer.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special, around, pad, end = TOKENIZERS[family]
    unknown = next(token for token in special if "unk" in token.lower())
    tokenizer = Tokenizer(models.BPE(unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY // 2, special_tokens=special)
    tokenizer.train_from_iterator(TEXTS, trainer)
    numbers = [(t, tokenizer.token_to_id(t)) for t in special if t in around.split()]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=around, special_tokens=numbers
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=unknown,
        pad_token=pad,
        eos_token=end,
        sep_token=end,
    )


def prepare(name, folder):
    """Put a cut architecture with random weights where open_clip finds it.

    Parameters
    ----------
    name : str
        Name of open_clip.
    folder : Path
        Gets the weights.

    Returns
    -------
    file : str
        The weights.
    tag : str or None
        The tag whose settings are taken.
    """
    import open_clip
    import timm
    import torch
    from safetensors.torch import save_file

    config = cut_config(open_clip.get_model_config(name))
    open_clip.factory._MODEL_CONFIGS[name] = config
    text = config["text_cfg"]
    for repository in {text.get("hf_model_name"), text.get("hf_tokenizer_name")}:
        if repository in TEXT_TOWERS:
            made = text_tower_config(repository, full=False)
            lay_into_cache(repository, made.save_pretrained)
        if repository and repository == text.get("hf_tokenizer_name"):
            trained = train_tokenizer(tokenizer_family(repository))
            lay_into_cache(repository, trained.save_pretrained)
    if config["vision_cfg"].get("timm_model_name"):
        cut = cut_timm(config["vision_cfg"]["timm_model_name"])
        timm.create_model = functools.partial(timm.create_model, **cut)
    torch.manual_seed(0)
    tags = open_clip.list_pretrained_tags_by_model(name)
    model = open_clip.create_model(name, pretrained_text=False)
    file = folder / "weights.safetensors"
    save_file(model.state_dict(), file)
    return str(file), tags[0] if tags else None


def encode_plainly(name, file, tag, pictures):
    """Encode pictures and `TEXTS` with open_clip alone.

    Parameters
    ----------
    name, file, tag : str
        The model, from `prepare`.
    pictures : list of PIL.Image.Image
        The pictures.

    Returns
    -------
    images, texts : ndarray of shape (n, d)
        Vectors, not normalised.
    """
    import open_clip
    import torch
    from open_clip.transform import (
        PreprocessCfg,
        image_transform_v2,
        merge_preprocess_dict,
    )

    said = open_clip.get_pretrained_cfg(name, tag) if tag else {}
    quick = bool(said.get("quick_gelu"))
    model = open_clip.create_model(name, file, force_quick_gelu=quick).eval()
    pixels = merge_preprocess_dict(PreprocessCfg(), said)
    pixels["size"] = model.visual.image_size
    transform = image_transform_v2(PreprocessCfg(**pixels), is_train=False)
    with torch.inference_mode():
        batch = torch.stack([transform(picture) for picture in pictures])
        images = model.encode_image(batch, normalize=False)
        tokens = open_clip.get_tokenizer(name)(TEXTS)
        texts = model.encode_text(tokens, normalize=False)
    return images.numpy(), texts.numpy()


def make_pictures(size):
    """Draw pictures of a model's own size, and two photos of another.

    Parameters
    ----------
    size : tuple of int
        Height and width.

    Returns
    -------
    same, photos : list of PIL.Image.Image
        The pictures.
    """
    from PIL import Image
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (2, 6, 6, 3), dtype=np.uint8)
    same = [Image.fromarray(n).resize(size[::-1], Image.BICUBIC) for n in noise]
    return same, [Image.fromarray(photo) for photo in load_sample_images().images]


def least_cosine(a, b):
    """Return the least cosine between the rows of two arrays.

    Parameters
    ----------
    a, b : ndarray of shape (n, d)
        Vectors.

    Returns
    -------
    float
        The cosine.
    """
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / norms).min())


def project(model, tower, vectors):
    """Bring what goes into the last projection of a tower into the shared space.

    Parameters
    ----------
    model : torch.nn.Module
        Model of open_clip.
    tower : {"image", "text"}
        The tower.
    vectors : ndarray of shape (n, width)
        What it gives before.

    Returns
    -------
    ndarray of shape (n, d)
        Its embeddings, where that is so.
    """
    import torch

    if tower == "text":
        inner = getattr(model, "text", model)
        steps = [inner.proj if hasattr(inner, "proj") else inner.text_projection]
    elif hasattr(model.visual, "trunk"):
        # Of what is left out, nothing but the last layers is a layer at all.
        steps = [model.visual.trunk.get_classifier(), model.visual.head]
    elif hasattr(model.visual, "attnpool"):
        steps = [model.visual.attnpool.c_proj]
    else:
        steps = [model.visual.proj]
    found = torch.from_numpy(vectors)
    with torch.inference_mode():
        for step in steps:
            if isinstance(step, torch.nn.Parameter):
                found = found @ step
            elif step is not None:
                found = step(found)
    return found.numpy()


def leave_random():
    """Let nothing be drawn for weights that are read from a file a moment later."""
    import torch

    for name in ("kaiming_uniform_", "normal_", "trunc_normal_", "xavier_uniform_"):
        setattr(torch.nn.init, name, lambda tensor, *args, **options: tensor)
