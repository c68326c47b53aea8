"""A model of which one tower is whole: the other stands in, as small as can be."""

import copy

import open_clip

_NO_IMAGES = {
    "image_size": 1,
    "patch_size": 1,
    "layers": 1,
    "width": 1,
    "head_width": 1,
}
_NO_TEXTS = {"context_length": 1, "vocab_size": 1, "width": 1, "heads": 1, "layers": 1}
_PARTS = ("custom_text", "embed_dim", "multimodal_cfg", "text_cfg", "vision_cfg")


def make_one_tower(config, tower, text=None):
    """Make a model with one tower, its weights as they are initialised.

    Parameters
    ----------
    config : dict
        The architecture, as open_clip writes it.
    tower : {"image", "text"}
        The tower.
    text : dict or None, default=None
        ``text_cfg`` from `place_text_tower`, for the text tower.

    Returns
    -------
    torch.nn.Module
        Of open_clip.
    """
    config = copy.deepcopy(config)
    rest = {name: value for name, value in config.items() if name not in _PARTS}
    parts = {"vision_cfg": _NO_IMAGES, "text_cfg": _NO_TEXTS}
    kind = open_clip.CustomTextCLIP
    # CoCa's towers are those of a model without its decoder, but for the tokens
    # that they give beside the vector.
    if tower == "image":
        plain = {"timm_model_pretrained": False, "output_tokens": False}
        parts["vision_cfg"] = config["vision_cfg"] | plain
    else:
        parts["text_cfg"] = text | {"output_tokens": False}
        if not has_custom_text(config):
            kind = open_clip.CLIP
    return kind(config["embed_dim"], **parts, **rest)


def has_custom_text(config):
    """Whether the text tower is a module of its own in the model.

    Parameters
    ----------
    config : dict
        The architecture.

    Returns
    -------
    bool
        The answer.
    """
    return config.get("custom_text", False) or "hf_model_name" in config["text_cfg"]
