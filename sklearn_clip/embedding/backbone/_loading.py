"""open_clip models: found by name, fetched, loaded once per process and device."""

from __future__ import annotations

import difflib
import json
import os
import pickle
import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import huggingface_hub
import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2

from sklearn_clip._shared import WeightsUnavailableError, warn_user
from sklearn_clip.embedding.backbone._backbone import Backbone, fast_precision
from sklearn_clip.embedding.backbone._preprocess_settings import (
    CONFIG_NAME,
    read_folder_settings,
    read_settings,
)
from sklearn_clip.embedding.backbone._weight_files import (
    check_weights,
    find_weights,
    warn_of_changes,
)

_BUNDLED = {"clipart-tiny": Path(__file__).parents[2] / "models" / "clipart-tiny"}
_MODEL_FILES = (".safetensors", ".bin", ".pth", ".json", ".txt", ".model")
_loaded: dict[tuple[Any, ...], tuple[Any, Backbone]] = {}
_load_lock = threading.RLock()


def load_backbone(
    model_name: str,
    pretrained: str | None = None,
    *,
    preprocess: Mapping[str, Any] | str | None = None,
    device: str | torch.device = "auto",
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto",
) -> Backbone:
    """Load a model, or return the one this process has loaded already.

    Parameters
    ----------
    model_name : str
        A name of open_clip, ``"hf-hub:..."``, ``"local-dir:..."`` or
        ``"clipart-tiny"``.
    pretrained : str or None
        Tag or file of the weights; ignored where the name stands for weights too.
    preprocess : dict, str or None, default=None
        What the weights are used with, or a tag of the name whose settings are taken;
        None for what the tag or the folder says, or all tags of the name of a file.
    device : str or torch.device, default="auto"
        The device.
    precision : {"auto", "fp32", "bf16", "fp16"}, default="auto"
        Arithmetic; ``"auto"`` is what is fast on the device and agrees with fp32.

    Returns
    -------
    Backbone
        The model.

    Raises
    ------
    ValueError, TypeError
        If there is no such model or tag, the file holds no weights of the model, or it
        is not known what they are used with.
    WeightsUnavailableError
        If the weights are neither here nor to be fetched.
    """
    location, tag = _locate(model_name, pretrained)
    settings = read_settings(model_name, location, tag, preprocess)
    device = resolve_device(device)
    if precision == "auto" and set(fast_precision(device).values()) == {"fp32"}:
        precision = "fp32"  # one and the same model
    used_with = json.dumps(settings, sort_keys=True)
    key = (location, tag, used_with, str(device), precision)
    state = _state_on_disk(location, tag)
    with _load_lock:
        if key not in _loaded or _loaded[key][0] != state:
            backbone = _load(model_name, location, tag, settings, device, precision)
            _loaded[key] = state, backbone
        return _loaded[key][1]


def read_embedding_dim(model_name: str, pretrained: str | None = None) -> int:
    """Read the length of an embedding from a model's configuration, without weights.

    Parameters
    ----------
    model_name : str
        The model, as in `load_backbone`.
    pretrained : str or None, default=None
        Its weights, as there.

    Returns
    -------
    int
        The length.

    Raises
    ------
    ValueError
        If there is no such model or tag.
    WeightsUnavailableError
        If the configuration is neither here nor to be fetched.
    """
    location, tag = _locate(model_name, pretrained)
    repository = location.removeprefix("hf-hub:")
    try:
        if repository != location:
            path = huggingface_hub.try_to_load_from_cache(repository, CONFIG_NAME)
            if not isinstance(path, str):
                _check_network()
        return open_clip.get_model_config(location)["embed_dim"]
    except Exception as exc:  # the network fails in the ways of four libraries
        raise _unavailable(model_name, tag, exc) from exc


def resolve_device(device: str | torch.device) -> torch.device:
    """Choose the device: CUDA, then Apple's MPS, then the CPU.

    Parameters
    ----------
    device : str or torch.device
        ``"auto"`` or a torch device.

    Returns
    -------
    torch.device
        The device.

    Raises
    ------
    ValueError
        If it is no device, or there is no such device on this machine.
    """
    if device != "auto":
        try:
            chosen = torch.device(device)
        except (RuntimeError, TypeError) as exc:
            raise ValueError(
                f"device must be 'auto' or a torch device such as 'cpu' or 'cuda:0'. "
                f"Got {device!r}."
            ) from exc
        try:
            torch.empty(1, device=chosen)
        except (RuntimeError, AssertionError, NotImplementedError) as exc:
            raise ValueError(
                f"device={device!r} cannot be used on this machine "
                f"({str(exc).splitlines()[0]:.200}). device='auto' takes what there is."
            ) from exc
        return chosen
    if torch.cuda.is_available():
        try:
            torch.zeros(1, device="cuda")
            return torch.device("cuda")
        except RuntimeError as exc:
            _warn_unusable_gpu(exc)
    elif os.path.exists("/proc/driver/nvidia/version"):
        _warn_unusable_gpu("this build of torch does not see it")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _warn_unusable_gpu(reason):
    warn_user(
        f"An NVIDIA GPU is present but cannot be used ({reason}): CLIP runs on the CPU,"
        " many times slower. Check torch.cuda.is_available() and the torch build, or "
        "silence this with device='cpu'.",
    )


def _locate(model_name, pretrained):
    """Check the names and return what open_clip takes: a location and a tag."""
    if model_name in _BUNDLED:
        return f"local-dir:{_BUNDLED[model_name]}", None
    if model_name.startswith("local-dir:"):
        folder = os.path.abspath(model_name.removeprefix("local-dir:"))
        if not os.path.isfile(os.path.join(folder, CONFIG_NAME)):
            raise WeightsUnavailableError(
                f"model_name={model_name!r}: the folder {folder!r} must hold "
                "open_clip_config.json and the weights. It does not."
            )
        return f"local-dir:{folder}", None
    if model_name.startswith("hf-hub:"):
        return model_name, None
    known = open_clip.list_models()
    if model_name not in known:
        nearest = difflib.get_close_matches(
            model_name, [*known, *_BUNDLED], n=3, cutoff=0.4
        )
        raise ValueError(
            f"model_name must be a model of open_clip. Got {model_name!r}. Nearest: "
            f"{', '.join(map(repr, nearest)) or 'none'}. All of them: "
            "open_clip.list_models()."
        )
    tags = open_clip.list_pretrained_tags_by_model(model_name)
    if pretrained not in tags:  # as in open_clip, a tag goes before a file of its name
        if pretrained and os.path.isfile(pretrained):
            return model_name, os.path.abspath(pretrained)
        nearest = difflib.get_close_matches(str(pretrained), tags, n=3, cutoff=0.4)
        raise ValueError(
            f"pretrained must be a tag of {model_name!r} or a file of weights; random "
            f"weights are never used in silence. Got {pretrained!r}. Nearest: "
            f"{', '.join(map(repr, nearest or tags)) or 'none'}."
        )
    return model_name, pretrained


def _state_on_disk(location, tag):
    """Sizes and times of the user's own files; what was written anew is loaded anew."""
    if location.startswith("local-dir:"):
        folder = Path(location.removeprefix("local-dir:"))
        files = sorted(p for p in folder.iterdir() if p.suffix in _MODEL_FILES)
    elif tag is not None and os.path.isabs(tag):
        files = [Path(tag)]
    else:
        files = []
    stats = [(file.name, file.stat()) for file in files]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _load(model_name, location, tag, settings, device, precision):
    weights = _fetch_weights(model_name, location, tag)
    if location.startswith("hf-hub:"):
        location = _cached_folder(location)
    folder = location.removeprefix("local-dir:")
    file = weights
    if folder != location:
        file = find_weights(folder)
        settings = read_folder_settings(folder, settings)
    config, model = _create(model_name, location, weights, file, settings)
    preprocess = image_transform_v2(
        PreprocessCfg(**open_clip.get_model_preprocess_cfg(model)), is_train=False
    )
    return Backbone(
        model.eval().requires_grad_(False),
        preprocess,
        open_clip.get_tokenizer(location),
        config,
        device,
        precision,
    )


def _create(model_name, location, weights, file, settings):
    """Make the model; what open_clip does in silence to make weights fit is told."""
    # open_clip applies what a tag says of preprocessing and activation only when it
    # downloads by that tag; here it gets a file.
    settings = dict(settings)
    config = open_clip.get_model_config(location)
    quick_gelu = settings.pop("quick_gelu", config.get("quick_gelu", False))
    if quick_gelu != config.get("quick_gelu", False):
        config["quick_gelu"] = quick_gelu
    if file is not None:
        check_weights(file)
    try:
        model = open_clip.create_model(
            location,
            pretrained=weights,
            quick_gelu=quick_gelu,
            force_preprocess_cfg=settings,
            require_pretrained=True,
        )
    except (MemoryError, ImportError):
        raise
    except Exception as exc:  # those of torch, safetensors, pickle, timm ...
        raise ValueError(_explain(exc, model_name, file)) from exc
    if file is not None:
        warn_of_changes(file, model)
    _check_size(model_name, model, settings)
    return config, model


def _explain(exc, model_name, file):
    """Say why a model could not be made."""
    source = "" if file is None else f" of the weights in {str(file)!r}"
    reason = " ".join(str(exc).split())[:400]
    if isinstance(exc, pickle.UnpicklingError):
        # torch then advises to unpickle whatever is there.
        reason = "the file is none of tensors alone, or is damaged"
    text = f"open_clip cannot make {model_name!r}{source}: {reason.rstrip('.')}."
    if "state_dict" in reason:
        text += " A file must hold all weights of the architecture named and no others."
    return text


@torch.inference_mode()
def _check_size(model_name, model, settings):
    """Try whether a model takes pictures of another size than its own."""
    if "size" not in settings:
        return
    size, own = settings["size"], getattr(model.visual, "image_size", None)
    try:
        model.eval().encode_image(torch.zeros(1, 3, *size))
    except (RuntimeError, AssertionError, ValueError) as exc:
        raise ValueError(
            f"size must be that of the pictures that {model_name!r} takes, {own}. Got "
            f"{size} ({exc!s:.200})."
        ) from exc


def _fetch_weights(model_name, location, tag):
    """Have the weights on this machine and return their file where open_clip needs it.

    What the Hugging Face cache holds is taken from there without asking the hub, which
    on a machine without a network would be asked again and again for half a minute.
    """
    try:
        if location.startswith("hf-hub:"):
            repository = location.removeprefix("hf-hub:")
            if _cached_file(repository, "") is None:
                _check_network()
                open_clip.get_model_config(location)
                open_clip.download_pretrained_from_hf(repository)
            return None
        if tag is None:
            return None
        if os.path.isabs(tag):
            return tag
        source = open_clip.get_pretrained_cfg(location, tag)
        cached = _cached_file(*os.path.split(source.get("hf_hub", "")))
        if cached is None:
            _check_network()
            cached = open_clip.download_pretrained(source)
        return cached
    except Exception as exc:  # the network fails in the ways of four libraries
        raise _unavailable(model_name, tag, exc) from exc


def _unavailable(model_name, tag, exc):
    named = f"{model_name!r}" if tag is None else f"{model_name!r}, {tag!r}"
    reason = (str(exc).splitlines() or [type(exc).__name__])[0]
    return WeightsUnavailableError(
        f"The weights of {named} are not on this machine and could not be fetched "
        f"({reason:.200}). Fetch them where there is a network, with "
        f"CLIPFeaturizer({named}).encode_texts(['a']), and copy the Hugging Face cache "
        "(HF_HOME) here; or save the model to a folder and use "
        "model_name='local-dir:/the/folder'. CLIPFeaturizer('clipart-tiny') works "
        "without a network."
    )


def _cached_file(repository, filename):
    """File of a repository of the hub in the local cache, or None."""
    if not repository:
        return None
    stem, extension = os.path.splitext(filename)
    names = (
        [f"{stem}.safetensors", filename]
        if extension
        else ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    )
    for name in names:
        path = huggingface_hub.try_to_load_from_cache(repository, name)
        if isinstance(path, str):
            return path
    return None


def _cached_folder(location):
    """Name a repository in the cache as a folder, if all of it is there.

    From a folder open_clip reads without a word to the hub, which it otherwise asks
    whether each file is the newest, also where there is no network.
    """
    repository = location.removeprefix("hf-hub:")
    path = huggingface_hub.try_to_load_from_cache(repository, CONFIG_NAME)
    if not isinstance(path, str) or not _has_weights(os.path.dirname(path)):
        return location
    folder = Path(path).parent
    text = json.loads(Path(path).read_text(encoding="utf-8"))["model_cfg"].get(
        "text_cfg", {}
    )
    tokenizers = ("tokenizer.json", "tokenizer_config.json")
    own = not text.get("hf_tokenizer_name")
    if own or any((folder / name).is_file() for name in tokenizers):
        return f"local-dir:{folder}"
    return location


def _check_network():
    """Fail at once where the hub's name does not resolve; a proxy resolves it."""
    if urllib.request.getproxies():
        return
    host = urllib.parse.urlsplit(huggingface_hub.constants.ENDPOINT).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError as exc:
        raise ConnectionError(f"no network: {host} cannot be found") from exc


def _has_weights(folder):
    """Whether open_clip would know which file of a folder to read."""
    try:
        return bool(find_weights(folder))
    except (WeightsUnavailableError, ValueError):
        return False


def _renew_lock():
    """Give a forked child a lock that nobody holds."""
    global _load_lock
    _load_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
