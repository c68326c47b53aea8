"""What the models of open_clip cost: sizes, operations, and time beside ViT-B-32."""

import contextlib
import time

import zoo_model

BESIDE = "ViT-B-32"
PICTURES = 4  # of one pass
PASSES = 3


def count(name):
    """Count parameters and operations of a model, without weights and at no time.

    Parameters
    ----------
    name : str
        Name of open_clip.

    Returns
    -------
    dict
        ``parameters`` in millions and ``gflops`` (two per product and sum) by tower,
        ``size`` in pixels, ``context`` in tokens, ``embedding`` and whether the
        ``extra`` of Hugging Face is needed. What could not be counted is left out.
    """
    import open_clip

    config = open_clip.get_model_config(name)
    text = config["text_cfg"]
    found = {
        "context": text.get("context_length") or 77,
        "embedding": config["embed_dim"],
        "extra": bool(text.get("hf_tokenizer_name")),
        "size": config["vision_cfg"].get("image_size", 224),
    }
    try:
        return found | _count_towers(config, found["context"], name)
    except ImportError:  # no transformers
        return found | {"extra": True}


def _count_towers(config, context, name):
    import open_clip
    import torch

    text = config["text_cfg"]
    with torch.device("meta"), _configured(text):
        model = open_clip.create_model(name, device="meta", pretrained_text=False)
        model.eval().requires_grad_(False)
        side = model.visual.image_size
        sides = (side, side) if isinstance(side, int) else tuple(side)
        gflops = {"image": _count(model.encode_image, torch.zeros(1, 3, *sides))}
        if not text.get("hf_model_name"):
            tokens = torch.zeros(1, context, dtype=torch.long)
            gflops["text"] = _count(model.encode_text, tokens)
    if text.get("hf_model_name"):
        gflops["text"] = _count_blocks(text, context)
    sizes = {"image": 0, "text": 0}
    for weight, tensor in model.named_parameters():
        if not weight.startswith(("text_decoder.", "logit_")):
            sizes["image" if weight.startswith("visual.") else "text"] += tensor.numel()
    return {
        "parameters": {tower: round(n / 1e6, 1) for tower, n in sizes.items()},
        "gflops": {tower: round(n / 1e9, 2) for tower, n in gflops.items()},
    }


def _count(encode, given):
    """Count the operations of one pass."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        encode(given)
    return counter.get_total_flops()


def _count_blocks(text, context):
    """Count the operations of a tower of Hugging Face, which needs real numbers.

    Some of its blocks are run, and the count is raised to all of them.
    """
    import torch
    from open_clip.hf_model import HFTextEncoder

    name = text["hf_model_name"]
    _, width, layers, _ = zoo_model.TEXT_TOWERS[name]
    cut = zoo_model.text_tower_config(name, full=False)
    tower = HFTextEncoder("", width, config=cut, pooler_type="mean_pooler").eval()
    if getattr(cut, "is_encoder_decoder", False):
        tower.transformer = tower.transformer.encoder
    counted = _count(tower, torch.full((1, context), 5))
    return counted * layers / zoo_model.BLOCKS


@contextlib.contextmanager
def _configured(text):
    """Give open_clip the configuration of a tower of Hugging Face, of its full size."""
    name = text.get("hf_model_name")
    if not name:
        yield
        return
    from open_clip import hf_model

    made = zoo_model.text_tower_config(name, full=True)
    before = hf_model.AutoConfig
    hf_model.AutoConfig = type("Given", (), {"from_pretrained": lambda _: made})
    try:
        yield
    finally:
        hf_model.AutoConfig = before


def measure(name):
    """Measure how long an image tower of full size takes beside that of ViT-B-32.

    The two take turns, so that whatever else the machine does slows both.

    Parameters
    ----------
    name : str
        Name of open_clip.

    Returns
    -------
    float
        Time of a picture over that of ViT-B-32, both in fp32.
    """
    import open_clip
    import torch

    towers = []
    for one in (name, BESIDE):
        config = open_clip.get_model_config(one)
        config["vision_cfg"]["output_tokens"] = False
        model = open_clip.CustomTextCLIP(
            config["embed_dim"],
            config["vision_cfg"],
            {"context_length": 1, "vocab_size": 1, "width": 1, "heads": 1, "layers": 1},
            quick_gelu=config.get("quick_gelu", False),
        )
        tower = model.visual.eval().to(memory_format=torch.channels_last)
        side = tower.image_size
        sides = (side, side) if isinstance(side, int) else tuple(side)
        batch = torch.rand(PICTURES, 3, *sides)
        towers.append((tower, batch.contiguous(memory_format=torch.channels_last)))
    best = [float("inf")] * 2
    with torch.inference_mode():
        for _ in range(PASSES + 1):
            for number, (tower, batch) in enumerate(towers):
                started = time.perf_counter()
                tower(batch)
                best[number] = min(best[number], time.perf_counter() - started)
    return round(best[0] / best[1], 2)
