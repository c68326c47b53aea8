"""What a module has to offer that brings an engine: said here, once for all of them."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np


class Session(Protocol):
    """A graph at work.

    Parameters
    ----------
    folder : Path or None
        Where the graph is; what is compiled for this CPU may be kept beside it.
    precision : {"fp32", "bf16"}
        Arithmetic of what is not in 8 bits.
    graph : object or None, default=None
        The graph, from `Engine.convert`, if it is in no folder yet.

    Attributes
    ----------
    precision : str
        The arithmetic that the CPU really does.
    """

    precision: str

    def __init__(self, folder: Path | None, precision: str, graph: Any = None): ...

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Run the graph; several threads may, and a forked child.

        Parameters
        ----------
        batch : ndarray
            Items along the first axis: bytes of shape (n, h, w, 3), or tokens of shape
            (n, length).

        Returns
        -------
        ndarray of shape (n, d), dtype float32
            Their vectors, which are the caller's own.

        Raises
        ------
        FileNotFoundError
            If this is a forked child, and the folder of the graph was removed.
        """
        ...


class Engine(Protocol):
    """A module that brings an engine; it imports its library when it is used.

    Attributes
    ----------
    Session : type
        What runs a graph.
    PLAIN_ATTENTION : bool
        Whether torch's attention has to be spelled out, lest `convert` fix the length
        of texts.
    """

    Session: type[Session]
    PLAIN_ATTENTION: bool

    def version(self) -> str | None:
        """Return the version of the engine, None if it is not installed."""
        ...

    def convert(self, module: Any, example: Any) -> Any:
        """Convert a module of torch.

        Parameters
        ----------
        module : torch.nn.Module
            It takes one tensor and returns one; what its tensor's shape decides has to
            be decided by operations on tensors.
        example : Tensor
            An input.

        Returns
        -------
        object
            The graph in the engine's own form, for any number of items and, if it takes
            tokens, any length.
        """
        ...

    def write(self, graph: Any, folder: Path, precision: str) -> None:
        """Write a graph.

        Parameters
        ----------
        graph : object
            From `convert`.
        folder : Path
            Where to.
        precision : {"int8", "bf16", "fp32"}
            What it is for: only fp32 needs weights of 32 bits.

        Raises
        ------
        OSError
            If the file cannot be written, whatever the library raises then.
        """
        ...
