#!/usr/bin/env bash
# pyirr 0.84.1.2 (numpy 2.4.6, pandas 3.1.1, scipy 1.17.1)
#
# Behaviour: kripp_alpha() pairs the pairs of different answers with the wrong cells of
# its table of coincidences. Where the answers are two or three, as present and absent,
# cells of agreement are counted as disagreement: annotators who agree in all have an
# alpha of almost -1, and worse than those who answer by chance. With four or five
# answers it is right.
#
# Guess: Krippendorff's alpha of two annotators who always agree is 1, of however many
# answers.
#
# Seen, of two annotators and 60 items:
#   answers   in full agreement   by chance
#      2            -0.98          -0.12
#      3            -0.98           0.06
#      4             1.00           0.03
#      5             1.00           0.03
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pyirr==0.84.1.2 numpy==2.4.6 pandas==3.1.1 \
  scipy==1.17.1

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from pyirr import kripp_alpha

print("pyirr", version("pyirr"))
random = np.random.RandomState(0)
seen = []
print("answers   in full agreement   by chance")
for answers in (2, 3, 4, 5):
    first = np.arange(60) % answers
    other = random.permutation(first)
    alphas = [kripp_alpha(np.column_stack([first, by])).value for by in (first, other)]
    seen.append([round(float(alpha), 2) for alpha in alphas])
    print(f"{answers:4} {alphas[0]:18.2f} {alphas[1]:14.2f}")

if seen != [[-0.98, -0.12], [-0.98, 0.06], [1.0, 0.03], [1.0, 0.03]]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
