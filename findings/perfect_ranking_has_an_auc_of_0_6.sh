#!/usr/bin/env bash
# keras 3.15.1 (jax 0.10.2, numpy 2.4.6)
#
# Behaviour: AUC(multi_label=True) is the mean over the labels, and a label that no row
# has, or every row, has an area of 0 in it under the ROC curve, without a word. A mean
# of five labels of which one is absent from the validation rows is at most 0.8, and it
# rises and falls with the rows that happen to be there. Under curve="PR" the label that
# no row has counts as 0, and the one that every row has as 1.
#
# Guess: a label whose area is undefined is left out of the mean, or is NaN; where it
# must have a value, 0.5, and not that of a ranking that is wrong throughout.
#
# Seen, of scores that rank all labels of 200 rows without a fault:
#   labels                                  ROC     PR
#   three with and without rows            1.00   1.00
#   and one that no row has                0.75   0.75
#   and one that every row has             0.60   0.80
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet keras==3.15.1 jax==0.10.2 numpy==2.4.6

export KERAS_HOME="$work/home" KERAS_BACKEND=jax
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import keras
import numpy as np

packages = ("keras", "jax", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

rng = np.random.default_rng(0)
labels = (rng.random((200, 5)) < [0.5, 0.3, 0.2, 0, 1]).astype(int)
scores = np.where(labels, 0.9, 0.1) + rng.uniform(-0.05, 0.05, labels.shape)

seen = []
print("labels                          ROC     PR")
for count, name in (
    (3, "three with and without rows"),
    (4, "and one that no row has"),
    (5, "and one that every row has"),
):
    row = []
    for curve in ("ROC", "PR"):
        metric = keras.metrics.AUC(curve=curve, multi_label=True, num_labels=count)
        metric.update_state(labels[:, :count], scores[:, :count])
        row.append(round(float(metric.result()), 2))
    seen.append(row)
    print(f"{name:<29} {row[0]:5.2f}  {row[1]:5.2f}")

if seen != [[1, 1], [0.75, 0.75], [0.6, 0.8]]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
