"""How a model is named: by the user in several ways, by us in one."""

import os
from pathlib import Path

from sklearn_clip.embedding.backbone._preprocess_settings import plain_settings

_MODELS = Path(__file__).parents[2] / "models"
_FOLDER = "local-dir:"
BUNDLED = {name: _MODELS / name for name in ("clipart-tiny", "photo-tiny")}


def expand_home(model_name, pretrained):
    """Put the home folder in place of a tilde.

    Parameters
    ----------
    model_name, pretrained : str, and str or None
        As the user names them.

    Returns
    -------
    model_name, pretrained : str, and str or None
        The same, where they name no folder or file below a tilde.
    """
    if model_name.startswith(_FOLDER):
        model_name = _FOLDER + os.path.expanduser(model_name.removeprefix(_FOLDER))
    return model_name, pretrained and os.path.expanduser(pretrained)


def weights_tag(model_name, pretrained):
    """Tell the tag of the weights, which some names of models stand for too.

    Parameters
    ----------
    model_name, pretrained : str, and str or None
        As the user names them.

    Returns
    -------
    str or None
        `pretrained`; None of a bundled model, a folder or a repository, which have
        weights of their own.
    """
    own = model_name in BUNDLED or model_name.startswith((_FOLDER, "hf-hub:"))
    return None if own else pretrained


def name_model(model_name, pretrained, preprocess):
    """Name a model in one way, without open_clip.

    Parameters
    ----------
    model_name, pretrained, preprocess : str, str or None, and dict, str or None
        As the user names it.

    Returns
    -------
    list
        Name, tag or file, and settings: of values that JSON can hold.
    """
    if preprocess is not None:
        preprocess = plain_settings(preprocess)
    if model_name in BUNDLED:
        # Where it is: another environment of this user has its own.
        return [f"{_FOLDER}{BUNDLED[model_name]}", None, preprocess]
    if model_name.startswith(_FOLDER):
        folder = os.path.abspath(model_name.removeprefix(_FOLDER))
        return [f"{_FOLDER}{folder}", None, preprocess]
    if model_name.startswith("hf-hub:"):
        return [model_name, None, preprocess]
    if pretrained and os.path.isfile(pretrained):
        # As in open_clip, a tag goes before a file of its name: both are named.
        return [model_name, os.path.abspath(pretrained), [pretrained, preprocess]]
    return [model_name, pretrained, preprocess]
