"""Files of weights: which one of a folder is read, and what open_clip does to them."""

import re
import zipfile
from pathlib import Path

from sklearn_clip._shared import WeightsUnavailableError, warn_user
from sklearn_clip.embedding.backbone._tensor_files import TensorFile

# What open_clip 3.3 reads of a folder: the first of these names that is there, else the
# first by name of what has one of these suffixes.
_NAMES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.pth",
    "model.pth",
)
_SUFFIXES = (".safetensors", ".bin", ".pth")
_OTHER_SUFFIXES = (".pt", ".ckpt", ".npz", ".h5", ".msgpack", ".onnx")
_RENAMED = {".pt": _NAMES[2], ".ckpt": _NAMES[2]}  # torch.load reads the content
_PART = re.compile(r"-\d+-of-\d+$")
# Tables of positions, which open_clip interpolates where the model's are longer or
# shorter, and what their length follows from.
_POSITIONS = {
    "visual.positional_embedding": "image_size",
    "positional_embedding": "context_length",
    "text.positional_embedding": "context_length",
}
_POINTER = b"version https://git-lfs"


class UnfitWeightsError(WeightsUnavailableError, ValueError):
    """A file holds no weights, or not those of the model that is named."""


def find_weights(folder):
    """Find the file of weights that open_clip reads from a folder.

    Parameters
    ----------
    folder : str or os.PathLike
        The folder.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    WeightsUnavailableError
        If there is none that open_clip reads.
    ValueError
        If there are several, none of them by a name that goes before the others.
    """
    folder = Path(folder)
    for name in _NAMES:
        if (folder / name).exists():
            return folder / name
    files = sorted(path for path in folder.iterdir() if path.is_file())
    found = [path for path in files if path.suffix in _SUFFIXES]
    parts = [path for path in found if _PART.search(path.stem)]
    if parts and len(parts) == len(found):
        raise WeightsUnavailableError(
            f"The folder {str(folder)!r} holds its weights in parts "
            f"({parts[0].name!r}, ...), of which open_clip reads one. Put all tensors "
            f"into one file, {_NAMES[0]!r}."
        )
    if len(found) > 1:
        names = ", ".join(repr(path.name) for path in found)
        raise ValueError(
            f"The folder {str(folder)!r} holds several files that may be the weights: "
            f"{names}. Give the one that is meant a name that goes first, "
            f"{_NAMES[0]!r} or, for one of torch, {_NAMES[2]!r}."
        )
    if not found:
        raise WeightsUnavailableError(_name_others(folder, files))
    return found[0]


def _name_others(folder, files):
    """Say which files are no weights for open_clip, and what would make them such."""
    text = f"The folder {str(folder)!r} holds no file of weights that open_clip reads"
    others = [path for path in files if path.suffix in _OTHER_SUFFIXES]
    if not others:
        return f"{text}. Put them there as {_NAMES[0]!r}."
    name, suffix = others[0].name, others[0].suffix
    if suffix in _RENAMED:
        fix = f"Rename {name!r} to {_RENAMED[suffix]!r}"
    else:
        fix = f"{name!r} is none of {', '.join(_SUFFIXES)}: save it as {_NAMES[0]!r}"
    return f"{text}. {fix}."


def check_weights(file):
    """Refuse a file that cannot be weights, before a model is made for it.

    Parameters
    ----------
    file : str or os.PathLike
        The file.

    Raises
    ------
    WeightsUnavailableError
        If it is empty, a folder, or stands for a file that was not fetched.
    ValueError
        If it is a program of TorchScript, which is not read for safety.
    """
    file = Path(file)
    what = None
    if file.is_dir():
        what = "a folder, as an archive becomes that is unpacked"
    else:
        with file.open("rb") as opened:
            start = opened.read(len(_POINTER))
        if start in (b"", _POINTER):
            what = "a pointer of Git LFS, run git lfs pull" if start else "empty"
    if what:
        raise WeightsUnavailableError(
            f"The file of weights {str(file)!r} does not hold any: it is {what}."
        )
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            scripted = any("/code/" in name for name in archive.namelist())
        if scripted:
            raise ValueError(
                f"{str(file)!r} is a program of TorchScript, as OpenAI published its "
                "models, and is not run. Take pretrained='openai', or save the tensors "
                "of torch.jit.load(file).state_dict() but for input_resolution, "
                "context_length and vocab_size as safetensors."
            )


def warn_of_changes(file, model):
    """Tell what open_clip changed in silence to make weights fit a model.

    Parameters
    ----------
    file : str or os.PathLike
        The file.
    model : Module
        The model that was made of it.
    """
    if Path(file).suffix in (".npz", ".npy"):
        return  # of big_vision, which is converted by other names
    before = TensorFile(file).shapes
    after = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    for name, cause in _POSITIONS.items():
        now = after.get(name) or after.get(f"text.{name}")
        if name in before and now and before[name] != now:
            warn_user(
                f"The weights in {str(file)!r} were trained with another {cause} than "
                f"the model named has: {name} has {before[name][0]} rows there and "
                f"{now[0]} here, and open_clip interpolates them. Name the model of "
                f"that {cause} for the vectors it was trained to give."
            )
    if "logit_bias" in after and before and "logit_bias" not in before:
        warn_user(
            f"The model named has a logit_bias and the weights in {str(file)!r} have "
            "none, for which open_clip takes 0: probabilities by scoring='sigmoid' "
            "mean nothing. Name the model that the weights come from."
        )
