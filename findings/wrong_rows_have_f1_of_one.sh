#!/usr/bin/env bash
# napkinxc 0.7.2 (scikit-learn 1.9.1, numpy 2.4.6)
#
# Behaviour: in F1 averaged over rows, zero_division=1 is given to each row in which no
# predicted label is right, also where labels are there and no division by zero is. The
# rows that are without labels and predicted so, for which one sets it, have 0 instead.
#
# Guess: as in scikit-learn, whose names the arguments have, a row without labels that is
# predicted so counts 1, and a wrong one 0.
#
# Seen, of 100 rows each with zero_division=1:
#   rows                              napkinxc   scikit-learn
#   labels there, all others said         1.00           0.00
#   labels there, none said               1.00           0.00
#   no labels there, none said            0.00           1.00
#   half of the rows right, half wrong    1.00           0.50
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    napkinxc==0.7.2 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from napkinxc.metrics import f1_measure
from sklearn.metrics import f1_score

packages = ("napkinxc", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

rng = np.random.default_rng(0)
labels = (rng.random((100, 6)) < 0.4).astype(int)
labels[np.arange(100), rng.integers(0, 6, size=100)] = 1
none = np.zeros_like(labels)
half = np.where(np.arange(100)[:, None] < 50, labels, 1 - labels)
cases = {
    "labels there, all others said": (labels, 1 - labels),
    "labels there, none said": (labels, none),
    "no labels there, none said": (none, none),
    "half of the rows right, half wrong": (labels, half),
}
seen = {}
print("rows                              napkinxc   scikit-learn")
for name, (truth, found) in cases.items():
    own, other = seen[name] = (
        round(float(f1_measure(truth, found, average="samples", zero_division=1)), 3),
        round(float(f1_score(truth, found, average="samples", zero_division=1)), 3),
    )
    print(f"{name:<34} {own:7.2f}   {other:12.2f}")

if list(seen.values()) != [(1, 0), (1, 0), (0, 1), (1, 0.5)]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
