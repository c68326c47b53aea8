"""An ONNX graph in the making: nodes by their operator, parts of other graphs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

# One version for all parts: the newest that torch's exporter writes. What runs graphs
# in browsers knows it too.
OPSET = 20
_ML_OPSET = 3
_IR_VERSION = 10
TYPES = {
    "bool": TensorProto.BOOL,
    "float32": TensorProto.FLOAT,
    "int32": TensorProto.INT32,
    "uint8": TensorProto.UINT8,
}


class GraphBuilder:
    """Collects the nodes of one graph.

    What a node gives is known by a name, which the methods return and take; no two
    nodes give the same one.

    Parameters
    ----------
    name : str
        Name of the graph.
    """

    def __init__(self, name: str):
        self._name = name
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._known: dict[tuple[Any, ...], str] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._domains = {"": OPSET}
        self._count = 0

    def _new_name(self, stem):
        self._count += 1
        return f"{stem}_{self._count}"

    def input(self, name: str, kind: str, shape: Sequence[int | str]) -> str:
        """Declare an input.

        Parameters
        ----------
        name : str
            Its name.
        kind : {"bool", "float32", "int32", "uint8"}
            Type of its entries.
        shape : sequence of int or str
            Its shape; a str names a length that may be any.

        Returns
        -------
        str
            The name.
        """
        self._inputs.append(helper.make_tensor_value_info(name, TYPES[kind], shape))
        return name

    def constant(self, values: ArrayLike, dtype: Any = None) -> str:
        """Put an array into the graph.

        Parameters
        ----------
        values : array-like
            The array.
        dtype : dtype or None, default=None
            What it is cast to; None keeps its own.

        Returns
        -------
        str
            Its name; an array that is there already keeps the one it has.
        """
        array = np.ascontiguousarray(values, dtype=dtype)
        # A scalar comes back from `ascontiguousarray` with one dimension.
        array = array.reshape(np.shape(values))
        content = hashlib.sha256(array.tobytes()).digest()
        key = (array.dtype.str, array.shape, content)
        if key not in self._known:
            self._known[key] = self._new_name("constant")
            constant = numpy_helper.from_array(array, self._known[key])
            self._constants.append(constant)
        return self._known[key]

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any):
        """Add a node that gives one array.

        Parameters
        ----------
        operator : str
            Its operator, as ONNX names it.
        *inputs : str
            What it takes; ``""`` where an optional one is left out.
        domain : str, default=""
            Of the operator.
        **attributes : object
            Of the node.

        Returns
        -------
        str
            Name of what it gives.
        """
        return self.add_several(operator, *inputs, n=1, domain=domain, **attributes)[0]

    def add_several(
        self, operator: str, *inputs: str, n: int, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Add a node that gives several arrays; see `add`.

        Parameters
        ----------
        operator : str
            Its operator.
        *inputs : str
            What it takes.
        n : int
            How many arrays it gives.
        domain : str, default=""
            Of the operator.
        **attributes : object
            Of the node.

        Returns
        -------
        list of str
            Names of what it gives.
        """
        if domain:
            self._domains.setdefault(domain, _ML_OPSET)
        outputs = [self._new_name(operator.lower()) for _ in range(n)]
        node = helper.make_node(
            operator, list(inputs), outputs, outputs[0], domain=domain, **attributes
        )
        self._nodes.append(node)
        return outputs

    def include(self, model: onnx.ModelProto, inputs: Mapping[str, str]) -> list[str]:
        """Make a whole graph a part of this one.

        Parameters
        ----------
        model : onnx.ModelProto
            It is taken apart: use it no more.
        inputs : dict of str to str
            What each of its inputs is here.

        Returns
        -------
        list of str
            Names of what its outputs are here, in their order.

        Raises
        ------
        ValueError
            If it was written for another version of the operators.
        """
        for domain in model.opset_import:
            # "ai.onnx" is another name of "".
            name = "" if domain.domain == "ai.onnx" else domain.domain
            if self._domains.setdefault(name, domain.version) != domain.version:
                raise ValueError(
                    f"The parts of a graph must be of one version of {name or 'ONNX'}: "
                    f"{self._domains[name]}. Got {domain.version}."
                )
        prefix = self._new_name("part") + "/"
        graph = onnx.compose.add_prefix_graph(model.graph, prefix, inplace=True)
        for name, source in inputs.items():
            node = helper.make_node("Identity", [source], [prefix + name])
            self._nodes.append(node)
        self._nodes.extend(graph.node)
        self._constants.extend(graph.initializer)
        return [output.name for output in graph.output]

    def output(
        self, name: str, kind: str, shape: Sequence[int | str], source: str
    ) -> None:
        """Declare an output.

        Parameters
        ----------
        name : str
            Its name.
        kind : {"bool", "float32", "int32", "uint8"}
            Type of its entries.
        shape : sequence of int or str
            Its shape; a str names a length that may be any.
        source : str
            What it is here.
        """
        self._nodes.append(helper.make_node("Identity", [source], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, TYPES[kind], shape))

    def finish(self, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """Close the graph, without what no output needs.

        Parameters
        ----------
        metadata : dict of str to str
            What the file says of itself.

        Returns
        -------
        onnx.ModelProto
            The graph.
        """
        wanted = {output.name for output in self._outputs}
        nodes = []
        for node in reversed(self._nodes):
            if wanted.intersection(node.output):
                nodes.append(node)
                wanted.update(_names_read(node))
        constants = [
            constant for constant in self._constants if constant.name in wanted
        ]
        graph = helper.make_graph(
            nodes[::-1], self._name, self._inputs, self._outputs, constants
        )
        opsets = [helper.make_opsetid(*pair) for pair in self._domains.items()]
        model = helper.make_model(
            graph,
            producer_name="sklearn-clip",
            opset_imports=opsets,
            ir_version=_IR_VERSION,
        )
        helper.set_model_props(model, dict(metadata))
        return model


def _names_read(node: Any) -> Iterator[str]:
    """Yield what a node takes, and what the graphs inside it take."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _names_read(inner)
            yield from (output.name for output in graph.output)
