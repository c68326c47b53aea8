"""The weights of a tower in fewer bits; what it computes with stays float32.

Only weights are rounded, never what passes between layers: the ranges of that would
have to be taken from the batch, or guessed beforehand, and a vector must not depend on
what else is in its batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sklearn_clip._shared import import_optional

if TYPE_CHECKING:
    import onnx

WEIGHTS = ("float32", "float16", "int8")
# Entries of a tensor from which it is made smaller: norms, biases and the like make up
# a hundredth of a tower, and would cost as much accuracy as all the rest.
_LEAST_SIZE = 4096
_LARGEST_HALF = float(np.finfo(np.float16).max)
_LARGEST_INT8 = 127
_FLOAT = 1  # of `onnx.TensorProto`


def shrink(graph: onnx.ModelProto, weights: str) -> onnx.ModelProto:
    """Keep the weights of a tower in fewer bits.

    Parameters
    ----------
    graph : onnx.ModelProto
        Of float32. It is changed.
    weights : {"float32", "float16", "int8"}
        ``"float16"`` keeps every large tensor in half precision. ``"int8"`` keeps the
        matrices of products and the tables of tokens in 8 bits, with a scale for each
        output channel or token, and convolutions likewise.

    Returns
    -------
    onnx.ModelProto
        The graph, of the same inputs and outputs.
    """
    if weights == "float32":
        return graph
    onnx = import_optional("onnx", extra="onnx", purpose="Writing a tagger as one file")
    shrinker = _Shrinker(onnx, graph.graph)
    shrinker.shrink(_as_half if weights == "float16" else _as_int8)
    return graph


def _as_half(shrinker, name, values, axis):
    """Keep a tensor in half precision, unless a value is beyond it."""
    if np.abs(values).max() > _LARGEST_HALF:
        return None
    small = shrinker.constant(name, values.astype(np.float16))
    return [shrinker.node("Cast", [small], name, to=_FLOAT)]


def _as_int8(shrinker, name, values, axis):
    """Keep a tensor as bytes, w = scale * q, the scale such that the largest is 127."""
    if axis is None:
        return None
    others = tuple(a for a in range(values.ndim) if a != axis)
    largest = np.abs(values).max(axis=others, keepdims=True)
    scale = np.where(largest == 0, 1, largest / _LARGEST_INT8).astype(np.float32)
    rounded = np.rint(values / scale).astype(np.int8)
    small = shrinker.constant(f"{name}_bytes", rounded)
    scales = shrinker.constant(f"{name}_scale", scale.ravel())
    if shrinker.is_table(name):
        shrinker.look_up_bytes(name, small, scales)
        return []
    return [shrinker.node("DequantizeLinear", [small, scales], name, axis=axis)]


class _Shrinker:
    """Puts smaller tensors, and what makes them float32 again, into a graph."""

    def __init__(self, onnx, graph):
        self._onnx = onnx
        self._graph = graph
        self._axis = None

    def constant(self, name, values):
        """Add a tensor."""
        tensor = self._onnx.numpy_helper.from_array(
            np.ascontiguousarray(values), f"{name}_small"
        )
        self._graph.initializer.append(tensor)
        return tensor.name

    def node(self, operator, inputs, output, **attributes):
        """Make a node."""
        return self._onnx.helper.make_node(
            operator, inputs, [output], f"{output}_whole", **attributes
        )

    def is_table(self, name):
        """Whether rows of a tensor are looked up, and nothing else is done with it."""
        return {node.op_type for node in self._takers(name)} == {"Gather"}

    def _takers(self, name):
        return [node for node in self._graph.node if name in node.input]

    def look_up_bytes(self, name, small, scales):
        """Look rows up as bytes, and make float32 of them alone, not of the table."""
        for node in self._takers(name):
            _, places = node.input
            (rows,) = node.output
            steps = [
                ("Gather", [small, places], f"{rows}_bytes", {}),
                ("Cast", [f"{rows}_bytes"], f"{rows}_float", {"to": _FLOAT}),
                ("Gather", [scales, places], f"{rows}_scale", {}),
                # One scale for a row of entries: it is given a last axis.
                ("Unsqueeze", [f"{rows}_scale", self._last_axis()], f"{rows}_col", {}),
                ("Mul", [f"{rows}_float", f"{rows}_col"], rows, {}),
            ]
            at = list(self._graph.node).index(node)
            self._graph.node.remove(node)
            for step, (operator, inputs, output, attributes) in enumerate(steps):
                made = self.node(operator, inputs, output, **attributes)
                self._graph.node.insert(at + step, made)

    def _last_axis(self):
        if self._axis is None:
            self._axis = self.constant("last_axis", np.array([-1]))
        return self._axis

    def shrink(self, write):
        """Write all large tensors anew."""
        axes = self._channel_axes()
        large = [
            tensor
            for tensor in self._graph.initializer
            if tensor.data_type == _FLOAT and np.prod(tensor.dims) >= _LEAST_SIZE
        ]
        nodes = []
        for tensor in large:
            values = self._onnx.numpy_helper.to_array(tensor)
            made = write(self, tensor.name, values, axes.get(tensor.name))
            if made is not None:
                nodes += made
                self._graph.initializer.remove(tensor)
        # Before all others: a node has to follow what it takes.
        later = list(self._graph.node)
        del self._graph.node[:]
        self._graph.node.extend(nodes + later)

    def _channel_axes(self):
        """Axis of the output channels of each weight, where all uses agree on one."""
        found = {}
        for node in self._graph.node:
            for place, name in enumerate(node.input):
                found.setdefault(name, set()).add(_channel_axis(node, place))
        return {name: axes.pop() for name, axes in found.items() if len(axes) == 1}


def _channel_axis(node, place):
    """Axis of the output channels of a weight, by what takes it at which place."""
    if node.op_type == "MatMul" and place == 1:
        return 1
    if node.op_type == "Gemm" and place == 1:
        turned = any(a.name == "transB" and a.i for a in node.attribute)
        return 0 if turned else 1
    if node.op_type == "Conv" and place == 1:
        return 0
    if node.op_type == "Gather" and place == 0:
        return 0  # of a table, whose rows are tokens
    return None
