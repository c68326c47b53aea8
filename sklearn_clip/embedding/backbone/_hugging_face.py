"""What a text tower may need of Hugging Face: a tokenizer, a configuration."""

import json
from importlib.util import find_spec
from pathlib import Path

import huggingface_hub
import open_clip
from open_clip.tokenizer import DEFAULT_CONTEXT_LENGTH, HFTokenizer

from sklearn_clip._shared import WeightsUnavailableError
from sklearn_clip.embedding.backbone._hub import (
    cached_file,
    check_network,
    unavailable,
)

# Any of these makes a folder one that a tokenizer may be read from.
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.json",
    "vocab.txt",
)


def context_length(config):
    """Read how many tokens the tokenizer of a model gives.

    It is what a text is cut to: a tower of Hugging Face has positions for more, or
    names none.

    Parameters
    ----------
    config : dict
        The architecture.

    Returns
    -------
    int
        The number, special tokens among them.
    """
    return config["text_cfg"].get("context_length") or DEFAULT_CONTEXT_LENGTH


def make_tokenizer(named, location, config):
    """Make the tokenizer of a model.

    Parameters
    ----------
    named : tuple of (str, str or None)
        Model and tag, as the user names them.
    location : str
        Name of open_clip, or ``"local-dir:..."``.
    config : dict
        The architecture.

    Returns
    -------
    callable
        Texts to token ids of shape (n, context length).

    Raises
    ------
    WeightsUnavailableError
        If it needs `transformers`, which is not installed, or files that are neither
        here nor to be fetched.
    """
    text = config["text_cfg"]
    source = text.get("hf_tokenizer_name")
    if not source:
        return open_clip.get_tokenizer(location)
    _require_transformers(named[0], f"the tokenizer {source!r}")
    folder = location.removeprefix("local-dir:")
    options = {
        "context_length": context_length(config),
        "tokenizer_mode": text.get("tokenizer_mode"),
        **text.get("tokenizer_kwargs", {}),
    }
    if folder != location and _has_tokenizer(folder):
        source = folder
    try:
        return HFTokenizer(source, local_files_only=True, **options)
    except Exception as exc:  # those of transformers, tokenizers, sentencepiece ...
        if "sentencepiece" in str(exc) and find_spec("sentencepiece") is None:
            what = f"the tokenizer {text['hf_tokenizer_name']!r}"
            raise _missing_extra(named[0], what, "sentencepiece") from exc
        if source == folder:
            raise WeightsUnavailableError(
                f"The files of the tokenizer in {folder!r} cannot be read "
                f"({_first_line(exc)}). Save them there with "
                f"transformers.AutoTokenizer.from_pretrained("
                f"{text['hf_tokenizer_name']!r}).save_pretrained({folder!r})."
            ) from exc
    try:
        check_network()
        return HFTokenizer(source, **options)
    except Exception as exc:  # the network fails in the ways of four libraries
        what = f"The files of the tokenizer {source!r}"
        if folder != location:
            raise WeightsUnavailableError(
                f"{what} are not in the folder {folder!r}, nor in the Hugging Face "
                f"cache, and could not be fetched ({_first_line(exc)}). Save them in "
                f"it with transformers.AutoTokenizer.from_pretrained({source!r})"
                f".save_pretrained({folder!r}), or use the images alone (text=None)."
            ) from exc
        raise unavailable(*named, exc, what) from exc


def place_text_tower(named, location, config):
    """Find where the configuration of a text tower of Hugging Face lies.

    Parameters
    ----------
    named : tuple of (str, str or None)
        Model and tag, as the user names them.
    location : str
        Name of open_clip, or ``"local-dir:..."``.
    config : dict
        The architecture.

    Returns
    -------
    dict
        ``text_cfg`` of the architecture, with a folder in place of a name of the hub,
        which open_clip would ask again.

    Raises
    ------
    WeightsUnavailableError
        If `transformers` is not installed, or the configuration is neither here nor to
        be fetched.
    """
    text = dict(config["text_cfg"])
    name = text.get("hf_model_name")
    if not name:
        return text
    _require_transformers(named[0], f"the text tower {name!r}")
    text |= {"hf_model_name": _find_config(named, location, name)}
    return text | {"hf_model_pretrained": False}  # the weights come from the file


def _find_config(named, location, name):
    """Find the folder with the configuration of a tower, here or on the hub."""
    folder = Path(location.removeprefix("local-dir:"))
    if _is_config(folder / "config.json"):
        return str(folder)
    if Path(name).is_dir():
        return name
    file = cached_file(name, "config.json")
    if file is None:
        try:
            check_network()
            file = huggingface_hub.hf_hub_download(name, "config.json")
        except Exception as exc:  # the network fails in the ways of four libraries
            what = f"The configuration and tokenizer of the text tower {name!r}"
            raise unavailable(*named, exc, what) from exc
    return str(Path(file).parent)


def _is_config(file):
    """Whether a file is a configuration of transformers; those of timm are not."""
    try:
        return "model_type" in json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def _has_tokenizer(folder):
    return any((Path(folder) / name).is_file() for name in TOKENIZER_FILES)


def _require_transformers(model_name, what):
    """Say which extra brings what is missing."""
    try:
        import transformers  # noqa: F401 (open_clip imports it)
    except ImportError as exc:
        raise _missing_extra(model_name, what, "transformers") from exc


def _missing_extra(model_name, what, package):
    return WeightsUnavailableError(
        f"The texts of {model_name!r} need {what}, and that needs {package}, which is "
        'not installed. Install it with: pip install "sklearn-clip[hf]". Images alone '
        "(text=None or fusion='image') need none."
    )


def _first_line(exc):
    return f"{(str(exc).splitlines() or [type(exc).__name__])[0]:.200}"
