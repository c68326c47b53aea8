"""open_clip models: found by name and fetched, their files opened."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Literal

import open_clip
import torch

from sklearn_clip._shared import WeightsUnavailableError
from sklearn_clip.embedding.backbone._hub import (
    cached_file,
    cached_weights,
    check_network,
    unavailable,
)
from sklearn_clip.embedding.backbone._hugging_face import place_text_tower
from sklearn_clip.embedding.backbone._model_files import ModelFiles
from sklearn_clip.embedding.backbone._names import BUNDLED
from sklearn_clip.embedding.backbone._one_tower import make_one_tower
from sklearn_clip.embedding.backbone._outputs import output_width
from sklearn_clip.embedding.backbone._parts import TOWERS
from sklearn_clip.embedding.backbone._preprocess_settings import (
    CONFIG_NAME,
    read_folder_settings,
)
from sklearn_clip.embedding.backbone._weight_files import find_weights

# Of configurations and of the files that tokenizers are read from.
_TEXT_SUFFIXES = (".json", ".txt", ".model")
# "ViT-B/32" is no such name: what stands before the slash is no organisation.
_REPOSITORY = re.compile(r"(?!ViT-|RN)[\w.-]+/[\w.-]+")


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
    return _read_config(model_name, pretrained)[1]["embed_dim"]


def read_widths(
    model_name: str,
    pretrained: str | None,
    output: Literal["embedding", "penultimate"],
    towers: Collection[str] = TOWERS,
) -> dict[str, int]:
    """Read how many numbers towers give from a model's configuration, without weights.

    Parameters
    ----------
    model_name : str
        The model, as in `load_backbone`.
    pretrained : str or None
        Its weights, as there.
    output : {"embedding", "penultimate"}
        What the towers give.
    towers : collection of {"image", "text"}, default=("image", "text")
        The towers.

    Returns
    -------
    dict of str to int
        The length of the vectors, by tower.

    Raises
    ------
    ValueError
        If there is no such model or tag, or it is not known of its towers.
    WeightsUnavailableError
        If the configuration, or that of a text tower of Hugging Face, is neither here
        nor to be fetched.
    """
    location, config = _read_config(model_name, pretrained)
    found = {}
    for tower in towers:
        text = None
        if tower == "text":
            text = place_text_tower((model_name, pretrained), location, config)
        with torch.device("meta"):  # of shapes alone: nothing is allocated or drawn
            model = make_one_tower(config, tower, text)
        found[tower] = output_width(model, tower, output, config["embed_dim"])
    return found


def _read_config(model_name, pretrained):
    """Find the configuration of a model, and where it lies."""
    location, tag = locate(model_name, pretrained)
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
        return location, open_clip.get_model_config(location)
    except Exception as exc:  # the network fails in the ways of four libraries
        raise unavailable(model_name, tag, exc) from exc


def locate(model_name, pretrained):
    """Check the names of a model.

    Parameters
    ----------
    model_name, pretrained : str, and str or None
        As the user names them.

    Returns
    -------
    location : str
        What open_clip takes: a name, ``"hf-hub:..."`` or ``"local-dir:..."``.
    tag : str or None
        Tag, or absolute path of a file.

    Raises
    ------
    ValueError, WeightsUnavailableError
        If there is no such model, tag or folder.
    """
    if model_name in BUNDLED:
        return f"local-dir:{BUNDLED[model_name]}", None
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
            model_name, [*known, *BUNDLED], n=3, cutoff=0.4
        )
        raise ValueError(
            f"model_name must be a model of open_clip. Got {model_name!r}. Nearest: "
            f"{', '.join(map(repr, nearest)) or 'none'}. All of them: "
            f"open_clip.list_models().{_hint_at_repository(model_name)}"
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


def _hint_at_repository(model_name):
    """Say how folders and repositories of the hub are named."""
    if os.path.isdir(model_name):
        return f" A folder is named 'local-dir:{model_name}'."
    if _REPOSITORY.fullmatch(model_name):
        return (
            " A repository of the Hugging Face hub with a model of open_clip is named "
            f"'hf-hub:{model_name}'; OpenAI's own weights are the tag 'openai', as in "
            "CLIPFeaturizer('ViT-B-32', 'openai')."
        )
    return ""


def fetch_files(model_name, location, tag, settings):
    """Have the files of a model here.

    Parameters
    ----------
    model_name : str
        As the user names it.
    location, tag : str, and str or None
        From `locate`.
    settings : dict
        What the weights are used with, as far as the model's folder does not say it.

    Returns
    -------
    dict
        What `open_files` takes, of values that JSON can hold.

    Raises
    ------
    WeightsUnavailableError
        If they are neither here nor to be fetched.
    """
    named = model_name, None if tag is None or os.path.isabs(tag) else tag
    location, file = _fetch_weights(named, location, tag)
    folder = location.removeprefix("local-dir:")
    if folder != location:
        file = find_weights(folder)
        settings = read_folder_settings(folder, settings)
    return {
        "named": list(named),
        "location": location,
        "file": str(file),
        "settings": settings,
    }


def open_files(start):
    """Open the files of a model.

    Parameters
    ----------
    start : dict
        From `fetch_files`, perhaps of an earlier process.

    Returns
    -------
    ModelFiles
        The model, none of whose towers is loaded yet.
    """
    location = start["location"]
    config = open_clip.get_model_config(location)
    named = tuple(start["named"])
    return ModelFiles(named, location, start["file"], config, start["settings"])


def list_files(start):
    """List the files that say which model it is.

    Parameters
    ----------
    start : dict
        From `fetch_files`.

    Returns
    -------
    list of str or Path
        The weights, the folder they lie in with its configurations and the files of its
        tokenizer, and the file that names the newest version of a repository.
    """
    files = [start["file"]]
    folder = start["location"].removeprefix("local-dir:")
    if folder != start["location"]:
        beside = sorted(Path(folder).iterdir())
        files += [folder, *(file for file in beside if file.suffix in _TEXT_SUFFIXES)]
    newest = Path(start["file"], "..", "..", "..", "refs", "main")
    return [*files, newest] if newest.is_file() else files


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
    return open_files(fetch_files(location, location, None, {}))


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
