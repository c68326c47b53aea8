"""The errors that a caller may want to catch, and the one of a missing extra."""

import importlib
from typing import Any


class ImageDecodeError(ValueError):
    """An image could not be read; the message names the row, the source and the cause.

    Parameters
    ----------
    message : str
        The complete sentence shown to the user.
    failures : list of tuple (row, source, reason), default=()
        Every item that failed: its position in the call, what was given, and why
        it could not be decoded.
    """

    def __init__(self, message, failures: Any = ()):
        super().__init__(message)
        self.failures = list(failures)


class WeightsUnavailableError(OSError):
    """The weights of a CLIP model are not on this machine and could not be fetched."""


class ModelMismatchError(ValueError):
    """A saved featurizer met a CLIP model that is not the one it was saved with."""


def import_optional(module, *, extra, purpose):
    """Import an optional dependency or say which extra brings it.

    Parameters
    ----------
    module : str
        Name of the module, for example ``"pandas"``.
    extra : str
        The extra of sklearn-clip that installs it.
    purpose : str
        What needs it, as the subject of the error sentence.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    ImportError
        If the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as exc:
        raise ImportError(
            f"{purpose} needs {module}, which is not installed. "
            f'Install it with: pip install "sklearn-clip[{extra}]"'
        ) from exc
