"""What weights are used with: how pictures are prepared, and the activation."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_clip._shared import warn_user

CONFIG_NAME = "open_clip_config.json"
_CHOICES = {
    "interpolation": ("bicubic", "bilinear"),
    "resize_mode": ("shortest", "longest", "squash"),
}
_OF_PICTURES = ("mean", "std", "interpolation", "resize_mode", "size", "fill_color")
# What open_clip keeps with a tag.
_OF_TAG = ("mean", "std", "interpolation", "resize_mode", "quick_gelu")
_SHOWN_TAGS = 3  # of those that agree, in an error


def read_settings(model_name, location, tag, preprocess):
    """Find out what weights are used with.

    Parameters
    ----------
    model_name : str
        Model, as the user names it.
    location : str
        Name of open_clip, ``"hf-hub:..."`` or ``"local-dir:..."``.
    tag : str or None
        Tag, or absolute path of a file of weights.
    preprocess : dict, str or None
        What the user says: settings, or a tag whose settings are taken.

    Returns
    -------
    dict
        Settings that go before those of the architecture's configuration: of a tag, of
        a file those on which all tags of its name agree, and what the user says.

    Raises
    ------
    ValueError
        If the user says what cannot be, or the tags of a file's name do not agree.
    TypeError
        If a setting is of another type.
    """
    if ":" in location:  # a folder or a repository, which has a configuration
        return _read_own(model_name, {}, preprocess)
    import open_clip

    tags = {
        name: _read_tag(location, name)
        for name in open_clip.list_pretrained_tags_by_model(location)
    }
    own = _read_own(model_name, tags, preprocess)
    if tag in tags:
        return tags[tag] | own
    if not tags:
        _warn_of_default(f"No tag of {model_name!r} says", own, ["mean", "std"])
        return own
    agreed, split = {}, []
    for key in _OF_TAG:
        values = [settings[key] for settings in tags.values()]
        if all(value == values[0] for value in values):
            agreed[key] = values[0]
        elif key not in own:
            split.append(key)
    if split:
        raise ValueError(_name_choices(model_name, tag, tags, split))
    return agreed | own


def plain_settings(preprocess: Mapping[str, Any] | str) -> dict[str, Any] | str:
    """Write what the user says in plain numbers and lists, as a copy of it.

    Numbers and arrays of NumPy compare and are saved otherwise than Python's own.

    Parameters
    ----------
    preprocess : dict or str
        Settings, or a tag.

    Returns
    -------
    dict or str
        The same, lists in place of arrays and of tuples.
    """
    if isinstance(preprocess, str):
        return preprocess
    return {key: _write_plainly(value) for key, value in preprocess.items()}


def _write_plainly(value):
    value = value.tolist() if hasattr(value, "tolist") else value
    return [*map(_write_plainly, value)] if isinstance(value, list | tuple) else value


def read_folder_settings(folder, own):
    """Read what the configuration of a folder says, and tell what it leaves open.

    Parameters
    ----------
    folder : str or os.PathLike
        Holds open_clip_config.json.
    own : dict
        What the user says, from `read_settings`.

    Returns
    -------
    dict
        The settings of the configuration and, before these, those of the user.

    Raises
    ------
    ValueError
        If it is no configuration, or holds a value that cannot be.
    TypeError
        If a value is of another type.
    """
    file = Path(folder) / CONFIG_NAME
    where = f"preprocess_cfg of {str(file)!r}"
    said, image_size = _read_config(file)
    unknown = sorted(said.keys() - {*_OF_PICTURES, "mode"})
    if unknown:
        warn_user(
            f"open_clip ignores {', '.join(map(repr, unknown))} in the {where}: it "
            f"knows {', '.join(_OF_PICTURES)}. Correct the file, or pass "
            "preprocess={...}."
        )
    found = {key: said[key] for key in _OF_PICTURES if said.get(key) is not None}
    found = _check(found, where)
    size = found.pop("size", None)
    if size and image_size and "size" not in own and size != image_size:
        warn_user(
            f"The {where} has size {said['size']}, which open_clip ignores: pictures "
            f"are brought to the image_size of vision_cfg, {image_size[0]} x "
            f"{image_size[1]}. Correct the one that is wrong."
        )
    missing = [key for key in ("mean", "std") if key not in found]
    _warn_of_default(f"The {where} does not say", own, missing)
    return found | own


def _read_config(file):
    """Read preprocess_cfg and the size of pictures, where the architecture names it."""
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        size = config["model_cfg"]["vision_cfg"].get("image_size")
        said = dict(config.get("preprocess_cfg") or {})
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise ValueError(
            f"{str(file)!r} must be JSON with model_cfg (embed_dim, vision_cfg, "
            f"text_cfg) and preprocess_cfg. Got {type(exc).__name__}: {exc!s:.200}."
        ) from exc
    where = f"vision_cfg of {str(file)!r}"
    return said, None if size is None else _check_size(size, where, "image_size")


def _read_tag(name, tag):
    """Read the settings of a tag; the activation may be that of the name."""
    import open_clip

    said = open_clip.get_pretrained_cfg(name, tag)
    found = {key: said[key] for key in _OF_TAG if key in said}
    quick = said.get("quick_gelu") or open_clip.get_model_config(name).get("quick_gelu")
    return _check(found | {"quick_gelu": bool(quick)}, f"tag {tag!r}")


def _read_own(model_name, tags, preprocess):
    """Read what the user says."""
    if preprocess is None:
        return {}
    if isinstance(preprocess, str):
        if preprocess not in tags:
            near = difflib.get_close_matches(preprocess, tags, n=3, cutoff=0.4)
            names = ", ".join(map(repr, near or tags))
            which = f"Nearest: {names}" if names else "It has none: pass a dict"
            raise ValueError(
                f"preprocess must be a tag of {model_name!r} or a dict of "
                f"{', '.join(_OF_PICTURES)}, quick_gelu. Got {preprocess!r}. {which}."
            )
        return tags[preprocess]
    unknown = [key for key in preprocess if key not in {*_OF_PICTURES, "quick_gelu"}]
    if unknown:
        raise ValueError(
            f"preprocess must have the keys {', '.join(_OF_PICTURES)} or quick_gelu. "
            f"Got {unknown[0]!r}."
        )
    return _check(plain_settings(preprocess), "preprocess")


def _check(settings, where):
    """Check settings and write each of them in one way, so that equal ones are equal.

    open_clip takes a mean of 0 for one that is not given: a number becomes a list.
    """
    found = dict(settings)
    for key in settings.keys() & {"mean", "std"}:
        found[key] = _check_channels(settings[key], where, key)
    for key in settings.keys() & _CHOICES.keys():
        # Taken for bicubic by open_clip wherever it does not train.
        value = "bicubic" if settings[key] == "random" else settings[key]
        if value not in _CHOICES[key]:
            raise ValueError(
                f"{key} must be one of {', '.join(map(repr, _CHOICES[key]))}. Got "
                f"{value!r} ({where})."
            )
        found[key] = value
    if "size" in settings:
        found["size"] = _check_size(settings["size"], where)
    fill = settings.get("fill_color", 0)
    if not isinstance(fill, Integral) or not 0 <= fill <= 255:
        raise ValueError(
            f"fill_color must be a whole number in [0, 255]. Got {fill!r} ({where})."
        )
    quick = settings.get("quick_gelu", False)
    if not isinstance(quick, bool):
        raise TypeError(f"quick_gelu must be True or False. Got {quick!r} ({where}).")
    return found


def _check_channels(value, where, key):
    """Read one finite number per channel, or one for all; those of std are positive."""
    values = [value] * 3 if isinstance(value, Real) else value
    try:
        numbers = [float(number) for number in values]
    except (TypeError, ValueError):
        numbers = []
    good = len(numbers) == 3 and np.isfinite(numbers).all()
    if not good or (key == "std" and min(numbers) <= 0):
        rule = "positive numbers" if key == "std" else "finite numbers"
        raise ValueError(
            f"{key} must be three {rule}, of pixels in [0, 1], or one for all "
            f"channels. Got {value!r} ({where})."
        )
    return numbers


def _check_size(value, where, key="size"):
    """Read height and width."""
    sides = [value] * 2 if isinstance(value, Integral) else value
    sides = list(sides) if isinstance(sides, list | tuple) else []
    sides = sides * 2 if len(sides) == 1 else sides
    if len(sides) != 2 or not all(isinstance(s, Integral) and s > 0 for s in sides):
        raise ValueError(
            f"{key} must be a positive whole number of pixels, or a height and a "
            f"width. Got {value!r} ({where})."
        )
    return [int(side) for side in sides]


def _warn_of_default(subject, own, keys):
    """Tell that nobody says what is then taken from OpenAI's models."""
    keys = [key for key in keys if key not in own]
    if keys:
        example = ", ".join(f"{key!r}: [...]" for key in keys)
        warn_user(
            f"{subject} with which {' and '.join(keys)} pictures are prepared: those "
            "of OpenAI's models are taken, as open_clip does. Pass "
            f"preprocess={{{example}}} with those of the training."
        )


def _name_choices(model_name, file, tags, split):
    """Say on what tags do not agree, and how to choose."""
    said = []
    for key in split:
        groups = {}
        for tag, settings in tags.items():
            groups.setdefault(json.dumps(settings[key]), []).append(tag)
        choices = []
        for names in groups.values():
            shown = ", ".join(map(repr, names[:_SHOWN_TAGS]))
            more = len(names) - _SHOWN_TAGS
            also = f" and {more} more" if more > 0 else ""
            choices.append(f"{tags[names[0]][key]!r} for {shown}{also}")
        said.append(f"{key} is {', '.join(choices)}")
    first = next(iter(tags))
    some = {key: tags[first][key] for key in split}
    return (
        f"A file of weights has no tag, and the tags of {model_name!r} do not agree on "
        f"what weights are used with: {'; '.join(said)}. Say it of {file!r} with "
        f"preprocess={first!r} (as for that tag) or preprocess={some!r}, or put the "
        "file into a folder with its configuration (model_name='local-dir:...')."
    )
