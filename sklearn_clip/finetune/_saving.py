"""A tuned model as files that open_clip reads, in a folder or inside of a pickle."""

import copy
import json
import tempfile
from pathlib import Path

import open_clip
import safetensors.torch
import torch

from sklearn_clip import embedding
from sklearn_clip._shared import whole_file

_CONFIG, _WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"
_TEXT_CONFIG = "config.json"


def read_tokenizer(tokenizer, config):
    """Read the files of a tokenizer of Hugging Face, which a saved model has to bring.

    Parameters
    ----------
    tokenizer : callable
        That of a `Backbone`.
    config : dict
        Its architecture.

    Returns
    -------
    dict of str to bytes
        Content by name of the file; empty where the tokenizer is open_clip's own.
    """
    if not config.get("text_cfg", {}).get("hf_tokenizer_name"):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        return {f.name: f.read_bytes() for f in Path(folder).iterdir() if f.is_file()}


def pack_model(model, config, tokenizer):
    """Turn a model into the files that open_clip reads.

    Parameters
    ----------
    model : Module
        Model of open_clip, with a logit bias.
    config : dict
        Its architecture.
    tokenizer : dict of str to bytes
        From `read_tokenizer`.

    Returns
    -------
    dict of str to bytes
        Content by name of the file; the weights as safetensors.
    """
    config = copy.deepcopy(config)
    config["init_logit_bias"] = model.logit_bias.item()  # so that the model has one
    pixels = open_clip.get_model_preprocess_cfg(model)
    # Of a folder open_clip takes the size of the architecture alone.
    config["vision_cfg"]["image_size"] = pixels["size"]
    both = {"model_cfg": config, "preprocess_cfg": pixels}
    weights = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.state_dict().items()
    }
    text = getattr(getattr(model, "text", None), "config", None)
    if text is not None:  # of a tower of Hugging Face, which is asked for by its name
        tokenizer = tokenizer | {_TEXT_CONFIG: text.to_json_string().encode()}
    return {
        **tokenizer,
        _CONFIG: json.dumps(both, indent=2).encode(),
        _WEIGHTS: safetensors.torch.save(weights),
    }


def write_folder(folder, files):
    """Write the files of a model.

    Parameters
    ----------
    folder : str or os.PathLike
        Made if it is not there. Files of the same names are replaced.
    files : dict of str to bytes
        From `pack_model`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        with whole_file(folder / name) as file:
            file.write(content)


def unpack_model(files):
    """Make a model of its files.

    Parameters
    ----------
    files : dict of str to bytes
        From `pack_model`.

    Returns
    -------
    model : Module
        Model of open_clip on the CPU, in evaluation mode.
    config : dict
        Its architecture.
    tokenizer : callable
        Its tokenizer.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_folder(folder, files)
        source = embedding.read_folder(folder)
        model = source.load(("image", "text"), whole=True)["image"]
        return model, source.config, source.make_tokenizer()
