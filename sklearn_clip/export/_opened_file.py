"""The file of a tagger at work: opened by ONNX Runtime, and what it says of itself."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_clip._shared import ModelMismatchError, abandon_in_forks, keep_forever
from sklearn_clip.export._description import KEY, Description

_CPU = "CPUExecutionProvider"


def import_needed(module: str) -> Any:
    """Import what runs the file, or say how it is installed.

    Parameters
    ----------
    module : str
        Name of the module, which is also that of its package.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as exc:
        # Not the extra: that would bring torch where it was left out on purpose.
        raise ImportError(
            f"OnnxTagger needs {module}, which is not installed. Install it with: pip "
            f"install {module}"
        ) from exc


class OpenedFile:
    """The graph of a tagger, which several threads may run, and forked processes.

    Parameters
    ----------
    path : Path
        The file.
    providers : sequence or None
        ONNX Runtime's execution providers; None is the CPU.
    num_threads : int or None
        Threads of one run; None leaves it to ``OMP_NUM_THREADS`` or ONNX Runtime.

    Attributes
    ----------
    description : Description
        What the file says of itself.

    Raises
    ------
    OSError, ValueError
        If it is no such file, or parts of it are missing.
    """

    def __init__(
        self, path: Path, providers: Sequence[Any] | None, num_threads: int | None
    ):
        self._path = path
        self._providers = _check_providers(providers)
        self._num_threads = num_threads
        self._open()
        self._process = os.getpid()
        abandon_in_forks(self)
        text = self._said = self._session.get_modelmeta().custom_metadata_map.get(KEY)
        if text is None:
            raise ValueError(
                f"path must name a file that to_onnx wrote. Got {str(path)!r}, a graph "
                "that does not say which tagger it is."
            )
        try:
            self.description = Description.from_json(text)
        except ValueError as exc:
            raise ValueError(f"{str(path)!r} cannot be used. {exc}") from exc
        self._score = (
            "probabilities"
            if self.description.response == "predict_proba"
            else "decisions"
        )

    @property
    def providers(self) -> list[str]:
        """Names of the execution providers that run it."""
        return self._session.get_providers()

    @property
    def on_cpu(self) -> bool:
        """Whether nothing but the CPU runs it."""
        return self.providers == [_CPU]

    def abandon(self) -> None:
        """Never let go of what a forked child has of its parent."""
        keep_forever(self._session)

    def _reopen(self):
        """Open the file in a forked process, if it is still the one of its parent."""
        self._open()
        if self._session.get_modelmeta().custom_metadata_map.get(KEY) != self._said:
            raise ModelMismatchError(
                f"{str(self._path)!r} must be the file that was opened, since a forked "
                "process opens it again. Got another one: it was replaced since. Open "
                "it with OnnxTagger in the process that uses it."
            )
        self._process = os.getpid()

    def _open(self):
        runtime = import_needed("onnxruntime")
        options = runtime.SessionOptions()
        threads = self._num_threads
        if threads is None:
            said = os.environ.get("OMP_NUM_THREADS", "")  # as joblib bounds workers
            threads = int(said) if said.isdigit() else 0
        options.intra_op_num_threads = threads
        options.log_severity_level = 4  # errors are raised, not printed
        # Batches differ in their numbers of pictures, texts and tokens: a plan of the
        # memory of each would be kept.
        options.enable_mem_pattern = False
        _check_there(self._path)
        try:
            self._session = runtime.InferenceSession(
                str(self._path), options, providers=self._providers
            )
        except Exception as exc:  # ONNX Runtime has classes of its own for its errors
            raise _explain(self._path, exc) from exc

    def run(
        self, feeds: Mapping[str, NDArray[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Run the graph.

        Parameters
        ----------
        feeds : dict of str to ndarray
            Its inputs.

        Returns
        -------
        scores : ndarray of shape (n_rows, n_labels), dtype float32
            Probabilities, or decision values.
        labels : ndarray of shape (n_rows, n_labels), dtype bool
            What is given.

        Raises
        ------
        OSError
            If this is a forked process, and the file is no longer there.
        ModelMismatchError
            If it is one, and there is another file in its place.
        """
        if self._process != os.getpid():  # a forked child has none of the threads
            self._reopen()
        scores, labels = self._session.run([self._score, "labels"], dict(feeds))
        return scores, labels


def _check_providers(providers):
    if providers is None:
        return [_CPU]
    there = import_needed("onnxruntime").get_available_providers()
    listed = isinstance(providers, list | tuple)
    given = list(providers) if listed else []
    names = [name[0] if isinstance(name, tuple) else name for name in given]
    # ONNX Runtime itself goes on without one that is not there.
    if not names or not all(name in there for name in names):
        raise ValueError(
            "providers must be a list of execution providers that the installed "
            f"onnxruntime has ({', '.join(there)}). Got {providers!r}."
        )
    return given


def _check_there(path):
    if path.is_dir():
        raise IsADirectoryError(
            f"path must name a file that to_onnx wrote. Got {str(path)!r}, a folder."
        )
    if not path.exists():
        raise FileNotFoundError(
            f"path must name a file that to_onnx wrote. Got {str(path)!r}, which does "
            "not exist."
        )


def _explain(path, exc):
    """Make the error of a file that ONNX Runtime does not open."""
    said = " ".join(str(exc).split())
    # Of external data or initializers, or a file that the system does not find.
    if "xternal" in said or "filesystem error" in said:
        return FileNotFoundError(
            f"{str(path)!r} keeps its weights in a second file beside it, which is "
            f"missing or cut short. Copy both, under the names they had. ({said:.300})"
        )
    if "Unsupported model IR version" in said or "*guarantees*" in said:
        return ValueError(
            f"{str(path)!r} needs a newer onnxruntime: pip install --upgrade "
            f"onnxruntime. ({said:.300})"
        )
    return ValueError(
        f"path must name a file that to_onnx wrote. Got {str(path)!r}, which ONNX "
        f"Runtime cannot open: it is damaged, cut short, or something else. "
        f"({said:.300})"
    )
