"""The tensors of a file of weights: looked at by name, and read one at a time."""

import zipfile
from pathlib import Path

import safetensors
import torch

# Bytes that are read of what torch saved before it is opened anew.
_KEPT = 2**26
# What open_clip leaves out when it reads a tower of Hugging Face.
_IGNORED = "text.transformer.embeddings.position_ids"
# What a CLIP keeps bare and a model with a text tower of its own under "text.".
_TEXT_PARTS = (
    "text_projection",
    "positional_embedding",
    "token_embedding",
    "transformer",
    "ln_final",
)


class TensorFile:
    """A file of weights, its tensors by the names that open_clip's models give them.

    Parameters
    ----------
    file : str or os.PathLike
        Of safetensors, or of tensors saved by torch.
    custom_text : bool
        Whether the model has a text tower that is a module of its own.

    Attributes
    ----------
    shapes : dict of str to tuple of int
        Shape of each tensor.
    """

    def __init__(self, file, custom_text=False):
        self._file = file
        self._is_safe = Path(file).suffix == ".safetensors"
        if self._is_safe:
            with safetensors.safe_open(file, framework="pt") as opened:
                names = list(opened.keys())
                found = {n: tuple(opened.get_slice(n).get_shape()) for n in names}
        else:
            tensors = self._load()
            found = {
                name: tuple(getattr(t, "shape", ())) for name, t in tensors.items()
            }
        self._sources = _rename(found, custom_text)
        self.shapes = {name: found[own] for name, own in self._sources.items()}

    def read(self, names):
        """Read tensors, of which one at a time takes memory.

        Parameters
        ----------
        names : iterable of str
            Their names.

        Yields
        ------
        name : str
            The name.
        tensor : Tensor
            It is good until the next one is asked for.
        """
        # A file that stays open keeps all in memory that was read of it.
        tensors, seen = None, 0
        for name in names:
            own = self._sources[name]
            if self._is_safe:
                with safetensors.safe_open(self._file, framework="pt") as opened:
                    yield name, opened.get_tensor(own)
                continue
            if tensors is None or (seen > _KEPT and zipfile.is_zipfile(self._file)):
                tensors, seen = None, 0  # let go before the next
                tensors = self._load()
            seen += tensors[own].nbytes
            yield name, tensors[own]

    def _load(self):
        """Read what torch saved; it is not read but mapped where it can be."""
        mapped = zipfile.is_zipfile(self._file)
        options = {"map_location": "cpu", "weights_only": True, "mmap": mapped}
        tensors = torch.load(self._file, **options)
        return tensors.get("state_dict", tensors)


def _rename(names, custom_text):
    """Name tensors as open_clip does when it reads them: the file's name of each."""
    # As after a training on several devices.
    cut = 7 if next(iter(names), "").startswith("module") else 0
    found = {name[cut:]: name for name in names}
    found.pop(_IGNORED, None)
    if custom_text and {"positional_embedding", "text_projection"} <= found.keys():
        found = {
            f"text.{name}" if name.startswith(_TEXT_PARTS) else name: own
            for name, own in found.items()
        }
    return found
