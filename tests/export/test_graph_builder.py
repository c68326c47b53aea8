import numpy as np
from extras import require

require("onnx")

from sklearn_clip.export._graph_builder import GraphBuilder  # noqa: E402


def test_equal_constants_are_stored_once():
    builder = GraphBuilder("sum")
    x = builder.input("x", "float32", ["n", 2])
    row = np.array([1, 2], dtype=np.float32)
    total = builder.add("Add", x, builder.constant(row))
    total = builder.add("Mul", total, builder.constant(row.copy()))
    total = builder.add("Sub", total, builder.constant(row.reshape(1, 2)))
    builder.output("total", "float32", ["n", 2], total)
    assert len(builder.finish({}).graph.initializer) == 2


def test_what_no_output_needs_is_left_out():
    builder = GraphBuilder("sum")
    x = builder.input("x", "float32", ["n", 2])
    doubled = builder.add("Add", x, x)
    builder.add("Mul", doubled, builder.constant(np.ones(2, dtype=np.float32)))
    builder.output("doubled", "float32", ["n", 2], doubled)
    graph = builder.finish({}).graph
    assert [node.op_type for node in graph.node] == ["Add", "Identity"]
    assert not graph.initializer
