"""ONNX Runtime: graphs from torch modules, and what runs them on a CPU."""

import contextlib
import io
import os
import warnings

import numpy as np

from sklearn_clip.embedding.engines._notes import find_version

_GRAPH = "graph.onnx"


def version():
    """Return the version of ONNX Runtime that is installed."""
    return find_version("onnxruntime")


def convert(module, example):
    """Convert a module of torch.

    Parameters
    ----------
    module : torch.nn.Module
        It takes one tensor and returns one; what its tensor's shape decides has to be
        decided by operations on tensors.
    example : Tensor
        An input.

    Returns
    -------
    bytes
        The graph, for any number of items.
    """
    import torch

    axes = {0: "items"} | ({1: "tokens"} if example.dim() == 2 else {})
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad(), _plain_attention():
        warnings.simplefilter("ignore")  # of the exporter, for its authors
        torch.onnx.export(
            module,
            (example,),
            file,
            input_names=["items"],
            output_names=["vectors"],
            dynamic_axes={"items": axes, "vectors": {0: "items"}},
            opset_version=18,
            dynamo=False,  # the other exporter fixes the length of texts
        )
    return file.getvalue()


@contextlib.contextmanager
def _plain_attention():
    """Have torch's attention done by operations that the exporter knows."""
    import torch

    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def write(graph, folder, precision):
    """Write a graph.

    Parameters
    ----------
    graph : bytes
        The graph.
    folder : Path
        Where to.
    precision : {"fp32"}
        What it is for.
    """
    (folder / _GRAPH).write_bytes(graph)


class Session:
    """A graph at work.

    Parameters
    ----------
    folder : Path
        Where the graph is.
    precision : {"fp32"}
        Arithmetic.
    graph : bytes or None, default=None
        The graph, if it is not in the folder yet.

    Attributes
    ----------
    precision : str
        The arithmetic.
    """

    def __init__(self, folder, precision, graph=None):
        self._graph = str(folder / _GRAPH) if graph is None else graph
        self.precision = precision
        self._open()

    def _open(self):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        threads = os.environ.get("OMP_NUM_THREADS", "")  # as joblib bounds workers
        if threads.isdigit():
            options.intra_op_num_threads = int(threads)
        options.log_severity_level = 4  # errors are raised, not printed
        self._process = os.getpid()
        self._session = onnxruntime.InferenceSession(
            self._graph, options, providers=["CPUExecutionProvider"]
        )

    def run(self, batch):
        """Run the graph; several threads may.

        Parameters
        ----------
        batch : ndarray
            Items along the first axis.

        Returns
        -------
        ndarray of shape (n, d), dtype float32
            Their vectors.
        """
        if self._process != os.getpid():  # a forked child has none of the threads
            self._open()
        return self._session.run(None, {"items": batch})[0].astype(np.float32)
