#!/usr/bin/env bash
# mean-average-precision 2024.1.5.0 (numpy 2.4.6, pandas 3.1.1)
#
# Behaviour: 1 is added to each side of a box before overlaps are measured, the pixel at
# its end. Where corners are shares of the picture, as YOLO and many networks give them,
# that is more than the boxes are: boxes that do not touch overlap by three quarters, and
# those of a model that never touches its object have an average precision of 1. Nothing
# says that corners must be in pixels, and what is given is not checked.
#
# Guess: an overlap is a ratio of areas, and so the same in any unit.
#
# Seen, of boxes of a tenth of the picture's side, in shares and in thousandths of it:
#                                          in shares   in pixels
#   the right box, at an overlap of 0.75   1.00        1.00
#   one beside it, at 0.75                 1.00        0.00
#   200 pictures, all beside it, at 0.5    1.00        0.00
#   200 pictures, boxes at random, at 0.5  0.09        0.00
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    mean-average-precision==2024.1.5.0 numpy==2.4.6 pandas==3.1.1

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from mean_average_precision import MetricBuilder

packages = ("mean-average-precision", "numpy", "pandas")
print(", ".join(f"{name} {version(name)}" for name in packages))


def average_precision(truth, predicted, scores, overlap):
    metric = MetricBuilder.build_evaluation_metric("map_2d", num_classes=1)
    for box, other, score in zip(truth, predicted, scores, strict=True):
        metric.add(np.array([[*other, 0, score]]), np.array([[*box, 0, 0, 0]]))
    return float(metric.value(iou_thresholds=overlap)["mAP"])


rng = np.random.default_rng(0)
box = np.array([[0.1, 0.1, 0.2, 0.2]])
corners = rng.uniform(0, 0.9, size=(2, 200, 2))
drawn = np.concatenate([corners, corners + 0.1], axis=2)
aside = np.tile(rng.permuted(np.tile([0.12, 0], (200, 1)), axis=1), 2)
seen = {}
for told, truth, predicted, overlap in (
    ("the right box", box, box, 0.75),
    ("one beside it", box, box + [0.15, 0, 0.15, 0], 0.75),
    ("all beside it", drawn[0], drawn[0] + aside, 0.5),
    ("at random", *drawn, 0.5),
):
    scores = rng.uniform(size=len(truth))
    seen[told] = [
        average_precision(truth * unit, predicted * unit, scores, overlap)
        for unit in (1, 1000)
    ]
    print(f"{told:<14} in shares {seen[told][0]:.2f}  in pixels {seen[told][1]:.2f}")

if not (
    seen["the right box"] == [1, 1]
    and seen["one beside it"] == [1, 0]
    and seen["all beside it"] == [1, 0]
    and seen["at random"][0] > 0.05
    and seen["at random"][1] < 0.01
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
