"""ONNX Runtime, as graphs are tried by it."""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from sklearn_clip._shared import abandon_in_forks, import_optional, keep_forever

# Bytes of a graph that protobuf takes in one piece are 2 GiB; some are left for what
# the file says of itself.
LARGEST_FILE = 2**31 - 2**24


class Session:
    """A graph at work on the CPU.

    Parameters
    ----------
    graph : onnx.ModelProto or Path
        The graph, or its file; larger graphs than protobuf holds in one piece are
        written to a file for it.

    Raises
    ------
    ImportError
        If ONNX Runtime is not installed.
    """

    def __init__(self, graph: Any):
        runtime: Any = import_optional(
            "onnxruntime", extra="onnx", purpose="Writing a tagger as one file"
        )
        options = runtime.SessionOptions()
        threads = os.environ.get("OMP_NUM_THREADS", "")  # as joblib bounds workers
        if threads.isdigit():
            options.intra_op_num_threads = int(threads)
        options.log_severity_level = 4  # errors are raised, not printed
        with contextlib.ExitStack() as stack:
            if not isinstance(graph, Path):
                graph = _as_source(graph, stack)
            source = str(graph) if isinstance(graph, Path) else graph
            self._session = runtime.InferenceSession(
                source, options, providers=["CPUExecutionProvider"]
            )
        abandon_in_forks(self)
        self.outputs = [output.name for output in self._session.get_outputs()]

    def abandon(self) -> None:
        """Never let go of what a forked child has of its parent."""
        keep_forever(self._session)

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Run the graph.

        Parameters
        ----------
        inputs : dict of str to ndarray
            What it takes.

        Returns
        -------
        dict of str to ndarray
            What it gives.
        """
        found = self._session.run(None, dict(inputs))
        return dict(zip(self.outputs, found, strict=True))


def count_bytes(graph: Any) -> int:
    """Count the bytes of the tensors of a graph.

    Its own `ByteSize` writes it all, and fails where protobuf cannot.

    Parameters
    ----------
    graph : onnx.ModelProto
        The graph.

    Returns
    -------
    int
        The number.
    """
    onnx: Any = import_optional("onnx", extra="onnx", purpose="Writing a tagger")
    tensors = list(graph.graph.initializer)
    for node in graph.graph.node:
        tensors += [a.t for a in node.attribute if a.HasField("t")]
    sizes = (
        math.prod(tensor.dims)
        * onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        for tensor in tensors
    )
    return sum(sizes)


def _as_source(graph, stack):
    """Bytes of a graph, or a file where these were too many."""
    import onnx

    if count_bytes(graph) < LARGEST_FILE:
        return graph.SerializeToString()
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    path = Path(folder) / "graph.onnx"
    # Saving takes the weights out of the graph, which gets them back afterwards.
    onnx.save(graph, path, save_as_external_data=True, location="graph.data")
    stack.callback(onnx.load_external_data_for_model, graph, folder)
    return path
