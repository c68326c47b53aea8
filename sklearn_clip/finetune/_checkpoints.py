"""Checkpoints of a training: written at once or not at all, read if they are of it."""

import os
import tempfile
from pathlib import Path

import torch


class Checkpoint:
    """The file that one training writes after every epoch.

    Parameters
    ----------
    folder : str, os.PathLike or None
        Where the file is; made if it is not there. None writes and reads nothing.
    name : str
        From `fingerprint`: trainings of other data or parameters have other files.
    """

    def __init__(self, folder, name):
        self.path = None
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.path = Path(folder) / f"finetune-{name}.pt"

    def write(self, state):
        """Replace the file; a process that is killed meanwhile leaves the old one.

        Parameters
        ----------
        state : dict
            Tensors, numbers, strings, and lists and dicts of them.
        """
        if self.path is not None:
            write_atomically(self.path, lambda file: torch.save(state, file))

    def read(self, device):
        """Read the file, and remove what a killed process left unfinished.

        Parameters
        ----------
        device : torch.device
            Where tensors are put.

        Returns
        -------
        dict or None
            What was written last; None if nothing was.

        Raises
        ------
        ValueError
            If the file cannot be read.
        """
        if self.path is None:
            return None
        for unfinished in self.path.parent.glob(f".{self.path.name}-*"):
            unfinished.unlink(missing_ok=True)
        if not self.path.is_file():
            return None
        try:
            return torch.load(self.path, map_location=device, weights_only=True)
        except Exception as exc:  # torch and pickle raise nearly anything
            raise ValueError(
                f"The checkpoint {str(self.path)!r} cannot be read ({exc!s:.200}). "
                "Remove it to start anew."
            ) from exc


def write_atomically(path, write):
    """Write a file so that whoever looks sees the old content or the new one.

    Parameters
    ----------
    path : str or os.PathLike
        The file.
    write : callable
        Writes the content to the binary file it is given.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder):
    """Have the new name on disk too, where folders can be synced."""
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
