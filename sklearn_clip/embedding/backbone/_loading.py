"""Models: found by name, loaded once per process, device and engine."""

from __future__ import annotations

import functools
import json
import os
import sys
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sklearn_clip._shared import warnings_given
from sklearn_clip.embedding.backbone._backbone import Backbone
from sklearn_clip.embedding.backbone._device import choose_device
from sklearn_clip.embedding.backbone._names import expand_home, name_model
from sklearn_clip.embedding.backbone._parts import TOWERS
from sklearn_clip.embedding.backbone._preprocess_settings import (
    read_settings,
)
from sklearn_clip.embedding.engines._choice import (
    check_engine,
    list_graphs,
    naming_the_variable,
    resolve_engine,
)
from sklearn_clip.embedding.engines._notes import ModelNotes, begin_notes, find_notes

if TYPE_CHECKING:
    import torch


_MODEL_FILES = (".safetensors", ".bin", ".pth", ".json", ".txt", ".model")
_load_lock = threading.RLock()


def load_backbone(
    model_name: str,
    pretrained: str | None = None,
    *,
    preprocess: Mapping[str, Any] | str | None = None,
    device: str | torch.device = "auto",
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto",
    engine: Literal["auto", "torch", "onnxruntime", "openvino"] = "torch",
    output: Literal["embedding", "penultimate", "tokens"] = "embedding",
    towers: Collection[str] = TOWERS,
    verbose: int = 0,
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
    precision : {"auto", "fp32", "bf16", "fp16", "int8"}, default="auto"
        Arithmetic; ``"auto"`` is what is fast on the device and agrees with fp32.
    engine : {"auto", "torch", "onnxruntime", "openvino"}, default="torch"
        What runs the towers on a CPU; ``"auto"`` is the fastest that is installed.
    output : {"embedding", "penultimate", "tokens"}, default="embedding"
        What the towers give: the embedding that images and texts share, the vector
        before its projection, or of images the embeddings of the whole and of all
        places in one row.
    towers : collection of {"image", "text"}, default=("image", "text")
        What is loaded now; the other tower is when it is used.
    verbose : int, default=0
        Above 0, says what takes long.

    Returns
    -------
    Backbone
        The model.

    Raises
    ------
    ValueError, TypeError
        If there is no such model or tag, or it is not known what the weights are used
        with; if engine, precision and device do not go together, the model is not true
        to fp32 in 8 bits, or the projection of a tower of another class is unknown.
    ImportError
        If the engine is not installed.
    WeightsUnavailableError
        If the weights, the tokenizer or what reads them are neither here nor to be
        fetched, or the file holds others.
    """
    with naming_the_variable(engine):
        engine = resolve_engine(engine)
        check_engine(engine, precision)
        device = choose_device(device, engine)
        engine, precision = _settle(engine, precision, device)
    user = *expand_home(model_name, pretrained), preprocess
    named = name_model(*user)
    key = (*named[:2], repr(named[2]), str(device), precision, engine, output)
    with _load_lock:
        # Where open_clip is loaded, its tags and architectures may have been changed.
        meant = _ask_open_clip(*user) if "open_clip" in sys.modules else None
        state = _state_on_disk(*named[:2])
        loaded = _loaded.get(key)
        if loaded is None or not loaded.is_still(state, meant):
            notes, start = find_notes(named)
            alone = meant is None
            # Notes look at files here and there; this process knows of the change.
            rewritten = loaded is not None and loaded.state != state
            known = start is not None and not rewritten
            if not known or (alone and not _still_holds(notes, start, user)):
                notes, start = _begin(named, user, alone)
            elif meant not in (None, start["meant"]):
                # This program, or the one that wrote the notes, has changed what the
                # name means to open_clip: neither is to speak for the other.
                _, start = _begin(named, user, alone)
                notes = ModelNotes()
            others = functools.partial(_list_others, key, state, start["meant"])
            backbone = Backbone(
                _later(start), device, precision, engine, notes, output, others
            )
            loaded = _Loaded(state, start["meant"], backbone)
        loaded.backbone.load(towers, say=_say if verbose else lambda _: None)
        _loaded[key] = loaded
        return loaded.backbone


@dataclass(frozen=True)
class _Loaded:
    """A model that this process has loaded.

    Parameters
    ----------
    state : list or None
        Names, sizes, times and inodes of the user's own files.
    meant : list
        What its name meant to open_clip.
    backbone : Backbone
        The model.
    """

    state: Any
    meant: Any
    backbone: Backbone

    def is_still(self, state, meant):
        """Whether its name means the same; None where open_clip is not loaded."""
        return self.state == state and meant in (None, self.meant)


_loaded: dict[tuple[Any, ...], _Loaded] = {}


def _list_others(key, state, meant):
    """List what there is of a model with another output."""
    return [
        other.backbone
        for known, other in list(_loaded.items())
        if known[:-1] == key[:-1] and known != key and other.is_still(state, meant)
    ]


def _ask_open_clip(model_name, pretrained, preprocess):
    """Say what a name means: place, tag, settings and architecture."""
    import open_clip

    from sklearn_clip.embedding.backbone._fetching import locate

    location, tag = locate(model_name, pretrained)
    settings = read_settings(model_name, location, tag, preprocess)
    config = None if ":" in location else open_clip.get_model_config(location)
    # As it comes back from notes: tuples are lists.
    return json.loads(json.dumps([location, tag, settings, config]))


def _still_holds(notes, start, user):
    """Whether notes hold for a program that has not loaded open_clip.

    One that had it before may have changed what a name means; here it is as it comes.
    That is asked once: it takes the import that notes are there to save.
    """
    return start.get("alone") or notes.recall(
        "confirmed", lambda: _ask_open_clip(*user) == start["meant"]
    )


def _begin(named, user, alone):
    """Find the files of a model, and begin notes of it."""
    from sklearn_clip.embedding.backbone import _fetching

    given = warnings_given()
    meant = _ask_open_clip(*user)
    start = _fetching.fetch_files(user[0], *meant[:3])
    start |= {"meant": meant, "alone": alone}
    source = _fetching.open_files(start)
    # What was warned of is to be warned of again at the next start, and a file of
    # another form is opened before it is known what has to be said of it.
    if source.is_plain and warnings_given() == given:
        return begin_notes(named, start, _fetching.list_files(start)), start
    return ModelNotes(), start


def _later(start):
    """Open the files of a model when they are needed."""

    def open_source():
        from sklearn_clip.embedding.backbone._fetching import open_files

        return open_files(start)

    return open_source


def _say(sentence):
    print(f"[CLIPFeaturizer] {sentence}", flush=True)


def _settle(engine, precision, device):
    """Name what is asked for in one way, so that equal models are one."""
    if str(device) == "cpu":
        if any(list_graphs(engine, precision, tower) for tower in TOWERS):
            return engine, precision
    elif precision == "int8":
        raise ValueError(
            f"precision='int8' is for CPUs. Got device={str(device)!r}: take 'auto'."
        )
    if precision == "auto":
        import torch

        from sklearn_clip.embedding.backbone import _precision

        fast = _precision.fast_precision(torch.device(device))
        if set(fast.values()) == {"fp32"}:
            precision = "fp32"
    return "torch", precision


def _state_on_disk(model_name, pretrained):
    """Look at the user's own files; what was written anew is loaded anew."""
    if model_name.startswith("local-dir:"):
        folder = Path(model_name.removeprefix("local-dir:"))
        if not folder.is_dir():
            return None
        files = sorted(p for p in folder.iterdir() if p.suffix in _MODEL_FILES)
    elif pretrained is not None and os.path.isabs(pretrained):
        files = [Path(pretrained)]
    else:
        files = []
    return [(file.name, *_look_at(file.stat())) for file in files]


def _look_at(stat):
    # The time of the content alone is what a copy or an archive may set it to.
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def _renew_lock():
    """Give a forked child a lock that nobody holds."""
    global _load_lock
    _load_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)
