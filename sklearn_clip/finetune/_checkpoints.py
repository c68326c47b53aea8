"""Checkpoints of a training: written at once or not at all, read if they are of it."""

import sys

import torch

from sklearn_clip._shared import as_path, remove_unfinished, whole_file


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
            folder = as_path(folder, "checkpoint_dir")
            folder.mkdir(parents=True, exist_ok=True)
            self.path = folder / f"finetune-{name}.pt"

    def write(self, state):
        """Replace the file; a process that is killed meanwhile leaves the old one.

        Parameters
        ----------
        state : dict
            Tensors, numbers, strings, and lists and dicts of them.
        """
        if self.path is not None:
            with whole_file(self.path) as file:
                _save(state, file)

    def read(self):
        """Read the file, and remove what a killed process left unfinished.

        Returns
        -------
        dict or None
            What was written last, on the CPU; None if nothing was.

        Raises
        ------
        ValueError
            If the file cannot be read.
        """
        if self.path is None:
            return None
        remove_unfinished(self.path)
        if not self.path.is_file():
            return None
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as exc:  # torch and pickle raise nearly anything
            raise ValueError(
                f"The checkpoint {str(self.path)!r} cannot be read ({exc!s:.200}). "
                "Remove it to start anew."
            ) from exc


def _save(state, file):
    """Write a state, and raise what ends it too early.

    Torch closes its archive then, and says of that alone that it is not whole: a full
    disk, or Ctrl-C, is the context of a RuntimeError about positions.
    """
    handled = sys.exception()
    try:
        torch.save(state, file)
    except RuntimeError as exc:
        if exc.__context__ in (None, handled):
            raise
        raise exc.__context__ from None
