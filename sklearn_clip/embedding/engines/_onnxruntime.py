"""ONNX Runtime: graphs from torch modules, and what runs them on a CPU.

What is asked of an engine is said in `_contract.py`.
"""

import io
import os

import numpy as np

from sklearn_clip._shared import abandon_in_forks, keep_forever, trace_to_onnx
from sklearn_clip.embedding.engines._graphs import check_still_there
from sklearn_clip.embedding.engines._notes import find_version

PLAIN_ATTENTION = True
_GRAPH = "graph.onnx"


def version():
    """Return the version of ONNX Runtime; see `Engine.version`."""
    return find_version("onnxruntime")


def convert(module, example):
    """Convert a module of torch to bytes; see `Engine.convert`."""
    file = io.BytesIO()
    trace_to_onnx(
        module,
        example,
        file,
        names=("items", "vectors"),
        opset=18,
        any_length=example.dim() == 2,
    )
    return file.getvalue()


def write(graph, folder, precision):
    """Write a graph, in fp32; see `Engine.write`."""
    (folder / _GRAPH).write_bytes(graph)


class Session:
    """A graph at work, in fp32; see `_contract.Session`."""

    def __init__(self, folder, precision, graph=None):
        self._folder = folder
        self._graph = str(folder / _GRAPH) if graph is None else graph
        self.precision = precision
        self._open()
        abandon_in_forks(self)

    def _open(self):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        threads = os.environ.get("OMP_NUM_THREADS", "")  # as joblib bounds workers
        if threads.isdigit():
            options.intra_op_num_threads = int(threads)
        options.log_severity_level = 4  # errors are raised, not printed
        self._session = onnxruntime.InferenceSession(
            self._graph, options, providers=["CPUExecutionProvider"]
        )
        # Last: another thread, or a second try, must not run what the parent opened.
        self._process = os.getpid()

    def run(self, batch):
        """Run the graph; see `_contract.Session.run`."""
        if self._process != os.getpid():  # a forked child has none of the threads
            check_still_there(self._folder, _GRAPH)
            self._open()
        return self._session.run(None, {"items": batch})[0].astype(np.float32)

    def abandon(self):
        """Never let go of what a forked child has of its parent."""
        keep_forever(self._session)
