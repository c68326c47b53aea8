"""OpenVINO: graphs from torch modules, and what runs them on a CPU.

What is asked of an engine is said in `_contract.py`.
"""

import hashlib
import os
import threading
import warnings

import numpy as np

from sklearn_clip._shared import abandon_in_forks, keep_forever
from sklearn_clip.embedding.engines._graphs import check_still_there
from sklearn_clip.embedding.engines._notes import find_version
from sklearn_clip.embedding.engines._quiet_imports import import_quietly

PLAIN_ATTENTION = False
_GRAPH = "graph.xml"
_COMPILED = "compiled"
HINTS = {"fp32": "f32", "bf16": "bf16"}


def version():
    """Return the version of OpenVINO; see `Engine.version`."""
    return find_version("openvino")


def convert(module, example):
    """Convert a module of torch to an openvino.Model; see `Engine.convert`."""
    import torch

    openvino = import_quietly("openvino")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of torch's tracer, for OpenVINO's authors
        graph = openvino.convert_model(module, example_input=example)
    is_pictures = example.dtype == torch.uint8
    graph.reshape([-1, *example.shape[1:]] if is_pictures else [-1, -1])
    return graph


def write(graph, folder, precision):
    """Write an openvino.Model; see `Engine.write`."""
    openvino = import_quietly("openvino")
    file = folder / _GRAPH
    try:
        openvino.save_model(graph, file, compress_to_fp16=precision != "fp32")
    except RuntimeError as exc:  # what it has for a full disk, too
        raise OSError(f"{str(file)!r} cannot be written: {exc}") from exc


def digest(folder):
    """Hash a graph.

    Parameters
    ----------
    folder : Path
        Where it was written.

    Returns
    -------
    str
        The digest, in hexadecimal.
    """
    hasher = hashlib.blake2b(digest_size=8)
    hasher.update((folder / _GRAPH).with_suffix(".bin").read_bytes())
    return hasher.hexdigest()


class Session:
    """A graph at work; see `_contract.Session`."""

    def __init__(self, folder, precision, graph=None):
        self._folder = folder
        self._asked = precision
        self._graph = graph
        self._opening = threading.Lock()
        self._open()
        abandon_in_forks(self)

    def _open(self):
        openvino = import_quietly("openvino")
        # Named and not left to OpenVINO, whose default follows the CPU.
        settings = {"INFERENCE_PRECISION_HINT": HINTS[self._asked], "NUM_STREAMS": 1}
        threads = os.environ.get("OMP_NUM_THREADS", "")  # as joblib bounds workers
        if threads.isdigit() and int(threads):
            settings["INFERENCE_NUM_THREADS"] = int(threads)
        graph = self._graph
        if graph is None:
            graph = self._folder / _GRAPH
            settings["CACHE_DIR"] = str(self._folder / _COMPILED)
            settings["CACHE_MODE"] = "OPTIMIZE_SIZE"  # without a copy of the weights
        try:
            self._compiled = openvino.Core().compile_model(graph, "CPU", settings)
        except RuntimeError:  # where the folder is only read, it does not pass over it
            if settings.pop("CACHE_DIR", None) is None:
                raise
            del settings["CACHE_MODE"]
            self._compiled = openvino.Core().compile_model(graph, "CPU", settings)
        self._requests = threading.local()
        hint = self._compiled.get_property("INFERENCE_PRECISION_HINT").to_string()
        self.precision = next((k for k, v in HINTS.items() if v == hint), hint)
        self._process = os.getpid()  # last: a second try must not run the parent's

    def run(self, batch):
        """Run the graph; see `_contract.Session.run`."""
        with self._opening:
            if self._process != os.getpid():  # a forked child has none of the threads
                check_still_there(self._folder, _GRAPH)
                self._open()
        request = getattr(self._requests, "request", None)
        if request is None:
            request = self._requests.request = self._compiled.create_infer_request()
        (vectors,) = request.infer([batch]).values()
        return np.array(vectors, dtype=np.float32)  # theirs is written over

    def abandon(self):
        """Never let go of what a forked child has of its parent, not even at its end.

        OpenVINO would wait for the parent's threads, which are not there, for ever.
        """
        request = getattr(self._requests, "request", None)
        keep_forever(self._compiled, self._requests, request)
        self._opening = threading.Lock()  # perhaps held by another thread
