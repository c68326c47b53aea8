#!/usr/bin/env bash
# alipy 1.2.5 (scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6)
#
# Behaviour: one_error of several labels looks at no rank: it is the share of rows in
# which the predictions sum up to the number of labels. Right predictions have 1.0, the
# worst value. Scores, which its help asks for, have 0.0, the best value, right or
# wrong, as they hardly ever sum up to a whole number. Nothing is said of either.
#
# Guess: the share of rows whose highest score is that of a label which the row lacks.
#
# Seen: one_error, and the share counted by argmax
#   the labels themselves   1.00   0.00
#   scores that are right   0.00   0.00
#   scores that are wrong   0.00   1.00
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet alipy==1.2.5 scikit-learn==1.9.1 scipy==1.17.1 \
    numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from alipy.metrics import one_error

packages = ("alipy", "scikit-learn", "scipy", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

Y = np.array([[1, 0, 0], [0, 1, 1], [0, 1, 0], [1, 1, 0]])
drawn = np.random.default_rng(0).uniform(0.1, 0.3, Y.shape)
kinds = {
    "the labels themselves": Y,
    "scores that are right": 0.6 * Y + drawn,
    "scores that are wrong": 0.6 * (1 - Y) + drawn,
}
seen = {}
for name, scores in kinds.items():
    by_rank = 1 - np.take_along_axis(Y, scores.argmax(1)[:, None], axis=1).mean()
    seen[name] = float(one_error(Y, scores)), float(by_rank)
    print(f"{name:<23}", *(f"{value:.2f}  " for value in seen[name]))

if list(seen.values()) != [(1.0, 0.0), (0.0, 0.0), (0.0, 1.0)]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
