#!/usr/bin/env bash
# ir-measures 0.4.3 with pytrec-eval-terrier 0.5.11 (numpy 2.4.6, scikit-learn 1.9.1)
#
# Behaviour: SetF(beta=b) is handed to set_F of trec_eval, whose parameter is the square of
# beta. It is the F measure for the square root of b: a beta of 2 gives F for 1.41, and
# one of 0.5 gives F for 0.71. The sentence about beta says "relative importance of R to
# P in the harmonic mean"; the error stays where P and R differ, and is 0 for a beta of 1.
#
# Guess: the F measure of van Rijsbergen, as fbeta_score of scikit-learn has it.
#
# Seen, of a picture with four labels, one of which is among the two that are predicted:
#   beta   SetF   F of beta   F of its root
#   0.5    0.375    0.417         0.375
#   1      0.333    0.333         0.333
#   2      0.300    0.278         0.300
#   4      0.278    0.258         0.278
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ir-measures==0.4.3 pytrec-eval-terrier==0.5.11 \
    numpy==2.4.6 scikit-learn==1.9.1

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import ir_measures
from ir_measures import SetF
from sklearn.metrics import fbeta_score

names = ("ir-measures", "pytrec-eval-terrier", "numpy", "scikit-learn")
print(", ".join(f"{name} {version(name)}" for name in names))

labels = ("cat", "dog", "owl", "fox", "cow")
present, predicted = {"cat", "dog", "owl", "fox"}, {"cat", "cow"}
truth = {"p1": {label: int(label in present) for label in labels}}
run = {"p1": {label: 1.0 for label in predicted}}
indicators = [[int(label in found) for label in labels] for found in (present, predicted)]

print("beta   SetF   F of beta   F of its root")
expected = True
for beta in (0.5, 1.0, 2.0, 4.0):
    measure = SetF(beta=beta)
    own = ir_measures.calc_aggregate([measure], truth, run)[measure]
    right = fbeta_score(*indicators, beta=beta)
    root = fbeta_score(*indicators, beta=beta**0.5)
    print(f"{beta:<4g}  {own:6.3f}  {right:7.3f}  {root:12.3f}")
    expected &= abs(own - root) < 1e-4 and (beta == 1 or abs(own - right) > 0.01)
if not expected:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
