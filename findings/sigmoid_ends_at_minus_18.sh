#!/usr/bin/env bash
# onnxruntime 1.32.0 (onnx 1.23.2, numpy 2.4.6)
#
# Behaviour: the operator Sigmoid on float32 is exactly 0 from -18 down, where the
# function is 1.5e-08, and at -17 it gives twice the value. The same function spelled out
# in the same graph, 1 / (1 + exp(-x)) by Neg, Exp, Add and Reciprocal, is right. A rare
# label whose probability is cut at 1e-9 is never predicted by an exported classifier,
# and one that is cut at 0 or above no longer tells its rows apart.
#
# Guess: float32 carries the sigmoid to a relative error near 1e-7 down to about -87, as
# NumPy's and SciPy's do.
#
# Seen:
#   x             -50       -20       -18       -17       -5
#   Sigmoid       0.0e+00   0.0e+00   0.0e+00   8.9e-08   6.7e-03
#   spelled out   1.9e-22   2.1e-09   1.5e-08   4.1e-08   6.7e-03
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}", end=", ")
print(f"numpy {np.__version__}")

nodes = [
    helper.make_node("Sigmoid", ["x"], ["operator"]),
    helper.make_node("Neg", ["x"], ["minus"]),
    helper.make_node("Exp", ["minus"], ["power"]),
    helper.make_node("Add", ["power", "one"], ["below"]),
    helper.make_node("Reciprocal", ["below"], ["spelled"]),
]
graph = helper.make_graph(
    nodes,
    "sigmoid",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
    [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"])
        for name in ("operator", "spelled")
    ],
    [numpy_helper.from_array(np.float32([1]), "one")],
)
opset = [helper.make_opsetid("", 20)]
model = helper.make_model(graph, opset_imports=opset, ir_version=10)
session = onnxruntime.InferenceSession(
    model.SerializeToString(), providers=["CPUExecutionProvider"]
)
x = np.float32([-50, -20, -18, -17, -5])
operator, spelled = session.run(None, {"x": x})
true = 1 / (1 + np.exp(-x.astype(np.float64)))
for name, values in [("x", x), ("Sigmoid", operator), ("spelled out", spelled)]:
    shown = [f"{v:.0f}" if name == "x" else f"{v:.1e}" for v in values]
    print(f"{name:13} " + "   ".join(f"{cell:7}" for cell in shown).rstrip())

is_zero = (operator[:3] == 0).all() and operator[3] > 1.9 * true[3]
if not is_zero or not np.allclose(spelled, true, rtol=1e-5, atol=0):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
