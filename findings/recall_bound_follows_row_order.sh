#!/usr/bin/env bash
# mapie 1.6.0 (scikit-learn 1.9.1, numpy 2.4.6)
#
# Behaviour: a threshold that guarantees the recall of a row by
# MultiLabelClassificationController(method="rcps", rcps_bound="wsr") depends on the order
# of the calibration rows. The same rows give 0.20 as they were drawn, 0.71 with rows of
# high recall first (the guarantee is lost: at 0.71 next to nothing is found) and 0.35
# with rows of low recall first. rcps_bound="hoeffding" gives one threshold for all three.
# Rows that were sorted, by date or by class, are never warned of.
#
# Guess: a bound on a mean does not depend on the order of its terms, or rows are shuffled.
#
# Seen:
#   rows               wsr    hoeffding   recall of these rows at wsr's threshold
#   as drawn           0.20   0.17        0.82
#   high recall first  0.71   0.17        0.18
#   low recall first   0.35   0.17        0.60
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet mapie==1.6.0 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import importlib.metadata
import sys

import numpy as np
from mapie.risk_control import MultiLabelClassificationController

packages = ("mapie", "scikit-learn", "numpy")
print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages))

# Calibrated probabilities of ten labels, and rows that have at least one of them.
rng = np.random.default_rng(0)
scores = rng.beta(0.3, 1.5, (600, 10))
labels = (rng.random(scores.shape) < scores).astype(int)
kept = labels.any(axis=1)
scores, labels = scores[kept], labels[kept]
hardness = -(scores * labels).sum(axis=1) / labels.sum(axis=1)
orders = {
    "as drawn": np.arange(len(scores)),
    "high recall first": np.argsort(hardness),
    "low recall first": np.argsort(-hardness),
}
found, recalls = {}, {}
print("rows               wsr    hoeffding   recall of these rows at wsr's threshold")
for name, order in orders.items():
    for bound in ("wsr", "hoeffding"):
        controller = MultiLabelClassificationController(
            lambda X: X,
            risk="recall",
            method="rcps",
            target_level=0.8,
            confidence_level=0.9,
            rcps_bound=bound,
        ).calibrate(scores[order], labels[order])
        found[name, bound] = float(np.ravel(controller.best_predict_param)[0])
    predicted = scores > found[name, "wsr"]
    recall = ((predicted & (labels == 1)).sum(axis=1) / labels.sum(axis=1)).mean()
    recalls[name] = recall
    print(
        f"{name:17}  {found[name, 'wsr']:.2f}   {found[name, 'hoeffding']:.2f}"
        f"        {recall:.2f}"
    )

wsr = [found[name, "wsr"] for name in orders]
if (
    len({found[name, "hoeffding"] for name in orders}) != 1
    or not wsr[1] > wsr[2] > wsr[0]
    or recalls["high recall first"] > 0.5
    or recalls["as drawn"] < 0.8
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
