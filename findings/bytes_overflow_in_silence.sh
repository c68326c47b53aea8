#!/usr/bin/env bash
# nncf 3.4.0 (openvino 2026.4.1, numpy 2.4.6); a CPU of x86
#
# Behaviour: on a CPU of x86 without units for 8 bits (AVX2, or AVX-512 without VNNI) a graph
# that nncf quantises with its defaults gives other numbers than on one that has them. The
# CPU adds two products of 8 bits in 16 and cuts off what is more. By default nncf keeps only
# the weights of the first layer small enough for that. Here the mean of 64 activations, a
# second layer of equal weights, comes out an eighth too small, without a warning;
# `overflow_fix=OverflowFix.ENABLE` halves the range of all weights, and it is right.
# The worst vector of an image tower of CLIP had a cosine of 0.986 to fp32, and with all
# weights halved of 0.9995.
#
# Guess: static quantisation fixes the arithmetic, so that a graph of 8 bits that was tried
# on one CPU gives the same numbers on another one; or nncf's default, which names the
# overflow, is enough.
#
# ONEDNN_MAX_CPU_ISA=AVX2 has a CPU with units do without them, by oneDNN's documentation.
# Seen on one without:
#   overflow_fix   mean of all outputs to fp32   worst
#   default        -12.4 %                       -19.4 %
#   ENABLE         -0.8 %                        -1.0 %
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet nncf==3.4.0 openvino==2026.4.1 numpy==2.4.6

ONEDNN_MAX_CPU_ISA=AVX2 HOME="$work" "$work/venv/bin/python" - <<'PYTHON'
import logging
import platform
import sys

import nncf
import numpy as np
import openvino
import rich
from nncf.quantization.advanced_parameters import (
    AdvancedQuantizationParameters,
    OverflowFix,
)
from openvino import opset13 as ops

print(f"nncf {nncf.__version__}, openvino {openvino.__version__.partition('-')[0]}", end=", ")
print(f"numpy {np.__version__}")
if platform.machine().lower() not in ("x86_64", "amd64"):
    sys.exit("This is about CPUs of x86.")
logging.getLogger("nncf").setLevel(logging.ERROR)
rich.get_console().quiet = True

random = np.random.default_rng(0)
rows = random.standard_normal((256, 64)).astype(np.float32)
weights = random.standard_normal((64, 64)).astype(np.float32) / 8
means = np.full((64, 8), 1 / 64, dtype=np.float32)
x = ops.parameter([-1, 64], openvino.Type.f32, name="x")
hidden = ops.sigmoid(ops.matmul(x, ops.constant(weights), False, False))
y = ops.matmul(hidden, ops.constant(means), False, False)
graph = openvino.Model([y], [x])


def run(graph):
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino.Core().compile_model(graph, "CPU", exact)(rows)[0].copy()


expected, average = run(graph), {}
print("overflow_fix   mean of all outputs to fp32   worst")
for name, fix in [("default", None), ("ENABLE", OverflowFix.ENABLE)]:
    small = nncf.quantize(
        graph.clone(),
        nncf.Dataset([rows]),
        subset_size=1,
        advanced_parameters=AdvancedQuantizationParameters(overflow_fix=fix),
    )
    errors = run(small) / expected - 1
    average[name] = errors.mean()
    worst = errors.flat[np.abs(errors).argmax()]
    print(f"{name:15}{errors.mean():<30.1%}{worst:.1%}")

if not (average["default"] < -0.1 and abs(average["ENABLE"]) < 0.02):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
