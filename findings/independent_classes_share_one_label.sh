#!/usr/bin/env bash
# netcal 1.4.0 (scikit-learn 1.9.1, numpy 2.4.6, torch 2.13.0)
#
# Behaviour: with independent_probabilities=True the calibrators treat the classes as
# independent of each other, their help says (sigmoid). An indicator of several labels is
# taken for one-hot all the same, without a check: of a row the first label that it has is
# kept, and a row without labels has the first. Calibrated so, the first label is far too
# likely, and the last less likely than before. ECE reads the indicator likewise:
# probabilities that are true have an error of 0.15.
#
# Guess: each column is calibrated with its own labels, or an indicator is refused.
#
# Seen: mean probability less share of the rows, of four labels by column; 5,000 rows
#   as they are            -0.143  -0.137  -0.136  -0.144
#   HistogramBinning       +0.235  -0.088  -0.148  -0.196
#   IsotonicRegression     +0.235  -0.088  -0.148  -0.196
#   a column at a time      0.000   0.000   0.000   0.000
#   ECE of the true probabilities: 0.150, a column at a time 0.010 to 0.018
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet netcal==1.4.0 scikit-learn==1.9.1 numpy==2.4.6 \
    torch==2.13.0

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from netcal.binning import HistogramBinning, IsotonicRegression
from netcal.metrics import ECE

packages = ("netcal", "scikit-learn", "numpy", "torch")
print(", ".join(f"{name} {version(name)}" for name in packages))

rng = np.random.default_rng(0)
true = rng.beta(0.6, 1.4, (5000, 4))
labels = (rng.random(true.shape) < true).astype(int)
scores = true**2


def calibrate(kind, scores, labels, **options):
    calibrator = kind(independent_probabilities=True, **options)
    calibrator.fit(scores, labels)
    return calibrator.transform(scores)


found = {
    "as they are": scores,
    "HistogramBinning": calibrate(HistogramBinning, scores, labels, bins=20),
    "IsotonicRegression": calibrate(IsotonicRegression, scores, labels),
}
columns = zip(scores.T, labels.T, strict=True)
alone = [calibrate(HistogramBinning, s, y, bins=20).ravel() for s, y in columns]
found["a column at a time"] = np.column_stack(alone)
bias = {}
for name, values in found.items():
    bias[name] = values.mean(axis=0) - labels.mean(axis=0)
    print(f"{name:<21} ", "  ".join(f"{value:+.3f}" for value in bias[name]))
whole = float(ECE(10).measure(true, labels))
each = [float(ECE(10).measure(s, y)) for s, y in zip(true.T, labels.T, strict=True)]
print(f"ECE: {whole:.3f}, a column at a time {min(each):.3f} to {max(each):.3f}")

calibrated = np.stack([bias["HistogramBinning"], bias["IsotonicRegression"]])
if (
    calibrated[:, 0].min() < 0.15
    or calibrated[:, 3].max() > -0.15
    or np.abs(bias["a column at a time"]).max() > 0.01
    or whole < 5 * max(each)
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
