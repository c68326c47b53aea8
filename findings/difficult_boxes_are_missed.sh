#!/usr/bin/env bash
# mean-average-precision 2024.1.5.0 (numpy 2.4.6, pandas 3.1.1)
#
# Behaviour: a box marked as difficult counts among the boxes to be found, and finding it
# counts for nothing, so that boxes which are all right have an average precision below
# 1. The marks are besides repeated in the wrong direction: which of them is looked up
# for a plain box depends on the order of the boxes and of the predictions, so that a
# plain box which was found is passed over for the mark of another.
#
# Guess: as in PASCAL VOC, from which the mark comes and after whose matching the policy
# "greedy" is said to be: a difficult box is neither to be found nor held against one;
# and the order of the boxes changes nothing.
#
# Seen, the average precision of a picture of two plain dogs and a difficult one:
#   the difficult one in the list   both plain found   all three found   by VOC's rule
#   first                           0.33               0.67              1.00
#   second                          0.67               0.67              1.00
#   third                           0.33               0.67              1.00
#   (no mark at all)                0.67               1.00
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
boxes = [[0, 0, 100, 100], [200, 200, 300, 300], [400, 400, 500, 500]]


def average_precision(difficult, found):
    metric = MetricBuilder.build_evaluation_metric("map_2d", num_classes=1)
    truth = [[*box, 0, k == difficult, 0] for k, box in enumerate(boxes)]
    predicted = [[*boxes[k], 0, 0.9 - 0.1 * k] for k in found]
    metric.add(np.array(predicted, dtype=float), np.array(truth, dtype=float))
    return round(float(metric.value(iou_thresholds=0.5)["mAP"]), 2)


seen = []
for told, place in (("first", 0), ("second", 1), ("third", 2), ("no mark", None)):
    plain = [k for k in range(3) if k != place][:2]
    seen.append((average_precision(place, plain), average_precision(place, range(3))))
    print(f"{told:<8} the two others found {seen[-1][0]:.2f}  all {seen[-1][1]:.2f}")

if seen != [(0.33, 0.67), (0.67, 0.67), (0.33, 0.67), (0.67, 1.0)]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
