"""open_clip models: found by name, fetched, loaded once per process and device."""

from __future__ import annotations

import difflib
import json
import os
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

import open_clip
import torch

from sklearn_clip._shared import WeightsUnavailableError, warn_user
from sklearn_clip.embedding.backbone._backbone import Backbone, fast_precision
from sklearn_clip.embedding.backbone._hub import (
    cached_file,
    cached_weights,
    check_network,
    unavailable,
)
from sklearn_clip.embedding.backbone._model_files import TOWERS, ModelFiles
from sklearn_clip.embedding.backbone._preprocess_settings import (
    CONFIG_NAME,
    read_folder_settings,
    read_settings,
)
from sklearn_clip.embedding.backbone._weight_files import find_weights

_MODELS = Path(__file__).parents[2] / "models"
_BUNDLED = {name: _MODELS / name for name in ("clipart-tiny", "photo-tiny")}
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
    towers: Collection[str] = TOWERS,
) -> Backbone:
    """Load a model, or return the one this process has loaded already.

    Parameters
    ----------
    model_name : str
        A name of open_clip, ``"hf-hub:..."``, ``"local-dir:..."``,
        ``"clipart-tiny"`` or ``"photo-tiny"``.
    pretrained : str or None
        Tag or file of the weights; ignored where the name stands for weights too.
    preprocess : dict, str or None, default=None
        What the weights are used with, or a tag of the name whose settings are taken;
        None for what the tag or the folder says, or all tags of the name of a file.
    device : str or torch.device, default="auto"
        The device.
    precision : {"auto", "fp32", "bf16", "fp16"}, default="auto"
        Arithmetic; ``"auto"`` is what is fast on the device and agrees with fp32.
    towers : collection of {"image", "text"}, default=("image", "text")
        What is loaded now; the other tower is when it is used.

    Returns
    -------
    Backbone
        The model.

    Raises
    ------
    ValueError, TypeError
        If there is no such model or tag, or it is not known what the weights are used
        with.
    WeightsUnavailableError
        If the weights, the tokenizer or what reads them are neither here nor to be
        fetched, or the file holds others.
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
        known, backbone = _loaded.get(key, (None, None))
        if backbone is None or known != state:
            backbone = _load(model_name, location, tag, settings, device, precision)
        backbone.load(towers)
        _loaded[key] = state, backbone
        return backbone


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
            path = cached_file(repository, CONFIG_NAME)
            if path is None:
                check_network()
                path = open_clip.pretrained.download_pretrained_from_hf(
                    repository, filename=CONFIG_NAME
                )
            location = f"local-dir:{os.path.dirname(path)}"
        return open_clip.get_model_config(location)["embed_dim"]
    except Exception as exc:  # the network fails in the ways of four libraries
        raise unavailable(model_name, tag, exc) from exc


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
    """Find the files of a model, of which no tower is loaded yet."""
    named = model_name, None if tag is None or os.path.isabs(tag) else tag
    location, file = _fetch_weights(named, location, tag)
    folder = location.removeprefix("local-dir:")
    if folder != location:
        file = find_weights(folder)
        settings = read_folder_settings(folder, settings)
    config = open_clip.get_model_config(location)
    source = ModelFiles(named, location, file, config, settings)
    return Backbone(source, device, precision)


def read_folder(folder: str | os.PathLike[str]) -> ModelFiles:
    """Read a model in a folder for the caller alone.

    Parameters
    ----------
    folder : str or os.PathLike
        Holds a configuration with all that it may say, and weights.

    Returns
    -------
    ModelFiles
        The model, none of whose towers is loaded yet.
    """
    location = f"local-dir:{folder}"
    settings = read_folder_settings(folder, {})
    config = open_clip.get_model_config(location)
    file = find_weights(folder)
    return ModelFiles((location, None), location, file, config, settings)


def _fetch_weights(named, location, tag):
    """Have the weights here; return where, and their file if it is no folder.

    What the Hugging Face cache holds is taken from there without asking the hub, which
    on a machine without a network would be asked again and again for half a minute.
    From a folder open_clip reads without a word to the hub, too.
    """
    if location.startswith("local-dir:"):
        return location, None
    if os.path.isabs(tag or ""):
        return location, tag
    try:
        if location.startswith("hf-hub:"):
            repository = location.removeprefix("hf-hub:")
            return f"local-dir:{_fetch_repository(repository)}", None
        source = open_clip.get_pretrained_cfg(location, tag)
        cached = cached_weights(*os.path.split(source.get("hf_hub", "")))
        if cached is None:
            check_network()
            cached = open_clip.download_pretrained(source)
        return location, cached
    except Exception as exc:  # the network fails in the ways of four libraries
        raise unavailable(*named, exc) from exc


def _fetch_repository(repository):
    """Have configuration and weights of a repository here, and return their folder."""
    config = cached_file(repository, CONFIG_NAME)
    if config is None or not _has_weights(os.path.dirname(config)):
        check_network()
        config = open_clip.pretrained.download_pretrained_from_hf(
            repository, filename=CONFIG_NAME
        )
        open_clip.pretrained.download_pretrained_from_hf(repository)
    return os.path.dirname(config)


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
