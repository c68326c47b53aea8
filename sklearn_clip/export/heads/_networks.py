"""Networks of torch as a part of the graph."""

from __future__ import annotations

import io
from copy import deepcopy
from itertools import product
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

from sklearn_clip._shared import trace_to_onnx
from sklearn_clip.export._graph_builder import OPSET
from sklearn_clip.export._sessions import Session
from sklearn_clip.export.heads._answers import Answer, Refusal, both_classes
from sklearn_clip.export.heads._graph_arrays import GraphArray

# Rows in other numbers than the graph was traced with, and of either sign, are to come
# out as they do from the network, to this share of the greatest output.
_TRACED_ROWS = 2
_TRIED_ROWS = (1, 5)
_TRIED_SCALES = (1.0, -1.0, 0.1, 0.0)
_TOLERANCE = 1e-4


class _Probabilities(nn.Module):
    """A network and what makes probabilities of its outputs."""

    def __init__(self, module, activation):
        super().__init__()
        self.module = module
        self.activation = activation

    def forward(self, x):
        outputs = self.module(x)
        if isinstance(outputs, tuple):  # skorch goes by the first
            outputs = outputs[0]
        return self.activation(outputs) if self.activation else outputs


def write_net(estimator: Any, rows: GraphArray, write: Any) -> Answer:
    """Write a MultiLabelNet, its module and the probabilities of its loss."""
    if estimator.classes_.ndim == 1:
        both_classes(estimator)
    n_labels = estimator.n_labels_
    criterion = deepcopy(estimator.criterion_).cpu()
    activation = estimator.predict_nonlinearity
    if activation == "auto":
        activation = getattr(criterion, "activation", torch.sigmoid)
    network = _Probabilities(deepcopy(estimator.module_).cpu(), activation).eval()
    # What the loss has learnt becomes a constant.
    for part in (network, criterion):
        for parameter in part.parameters():
            parameter.requires_grad_(False)
    example = torch.randn(
        max(_TRIED_ROWS), rows.width, generator=torch.Generator().manual_seed(0)
    )
    name = type(estimator.module_).__name__
    model = _trace(network, example[:_TRACED_ROWS], name)
    _spell_out_sigmoids(model)
    _check(model, network, example, name)
    # Traces cannot reshape what has no rows at all.
    padded = rows.cast(np.float32).padded()
    (found,) = rows.builder.include(model, {"rows": padded.name})
    padded = GraphArray(rows.builder, found, np.float32, n_labels)
    probabilities = padded.without_last()
    return Answer(probabilities, None, probabilities > 0.5, np.full(n_labels, 0.5))


def _trace(network, example, name):
    """Turn a network into a graph from "rows" to "probabilities"."""
    file = io.BytesIO()
    try:
        names = ("rows", "probabilities")
        trace_to_onnx(network, example, file, names=names, opset=OPSET)
    except Exception as exc:  # whatever a tracer raises about a module
        raise Refusal(
            f"torch cannot write the module {name} as ONNX ({_first_line(exc)}). Use "
            "operations that ONNX has."
        ) from exc
    return onnx.load_from_string(file.getvalue())


def _first_line(exc):
    return (str(exc).strip() or type(exc).__name__).splitlines()[0].rstrip(".")


def _spell_out_sigmoids(model):
    """Replace Sigmoid by its formula; see `GraphArray.sigmoid`."""
    graph = model.graph
    one = numpy_helper.from_array(np.array(1, dtype=np.float32), "sigmoid/one")
    nodes = []
    for node in graph.node:
        if node.op_type != "Sigmoid":
            nodes.append(node)
            continue
        (z,), (p,) = node.input, node.output
        steps = [f"{p}/minus", f"{p}/exp", f"{p}/plus_one"]
        nodes.append(helper.make_node("Neg", [z], [steps[0]]))
        nodes.append(helper.make_node("Exp", [steps[0]], [steps[1]]))
        nodes.append(helper.make_node("Add", [steps[1], one.name], [steps[2]]))
        nodes.append(helper.make_node("Reciprocal", [steps[2]], [p]))
    if len(nodes) > len(graph.node):
        del graph.node[:]
        graph.node.extend(nodes)
        graph.initializer.append(one)


def _check(model, network, example, name):
    """Refuse a graph that says other than the network about any number of rows."""
    session = Session(model)
    for count, scale in product(_TRIED_ROWS, _TRIED_SCALES):
        rows = example[:count] * scale
        with torch.no_grad():
            expected = network(rows).numpy()
        try:
            (found,) = session.run({"rows": rows.numpy()}).values()
        except Exception as exc:  # ONNX Runtime's errors have no base of their own
            raise _differs(name, count, _first_line(exc)) from exc
        limit = _TOLERANCE * max(1.0, np.abs(expected).max())
        if found.shape != expected.shape:
            shapes = f"the shape {found.shape} instead of {expected.shape}"
            raise _differs(name, count, shapes)
        off = np.abs(found - expected).max()
        if not off <= limit:
            raise _differs(name, count, f"values that are off by {off:.2g}")


def _differs(name, count, what):
    return Refusal(
        f"the module {name} does other than its trace: {count} rows give {what}. A "
        "module must do the same whatever the number of rows and what they hold, and "
        "draw nothing by chance in eval mode."
    )
