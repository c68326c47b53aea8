#!/usr/bin/env bash
# calibre 0.4.0 (numpy 2.4.6, scikit-learn 1.9.1)
#
# Behaviour: mean_calibration_error() is the mean distance of the probabilities from the
# outcomes of 0 and 1. It does not ask how often a probability comes true: that of
# probabilities which are exactly right is a third, and it falls as they are pushed to 0
# and 1. Chosen by it, the worst calibrated of three models is the best.
#
# Guess: a measure like the expected calibration error, with bins or without, which is
# about 0 for probabilities that come true as often as they say.
#
# Seen, of 100,000 rows with probabilities spread evenly from 0 to 1:
#   probabilities             mean    expected calibration error
#   exactly right             0.335            0.003
#   drawn in to 0.5 by half   0.417            0.124
#   pushed to 0 and 1         0.251            0.251
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet calibre==0.4.0 numpy==2.4.6 scikit-learn==1.9.1

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from calibre import expected_calibration_error, mean_calibration_error

print("calibre", version("calibre"))
random = np.random.RandomState(0)
right = (np.arange(100_000) + 0.5) / 100_000
outcomes = (random.uniform(size=right.size) < right).astype(int)
models = {
    "exactly right": right,
    "drawn in to 0.5 by half": (right + 0.5) / 2,
    "pushed to 0 and 1": np.round(right),
}

means, expected = [], []
print("probabilities             mean    expected calibration error")
for name, probabilities in models.items():
    means.append(mean_calibration_error(outcomes, probabilities))
    expected.append(expected_calibration_error(outcomes, probabilities))
    print(f"{name:<24} {means[-1]:6.3f} {expected[-1]:16.3f}")

if [round(float(mean), 2) for mean in means] != [0.33, 0.42, 0.25]:
    sys.exit("The behaviour is not that of the header any more.")
if expected[0] > 0.01 or min(expected[1:]) < 0.1:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
