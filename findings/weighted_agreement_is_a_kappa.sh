#!/usr/bin/env bash
# iaa-kit 0.1.2, compared with irrCAC 0.4.4 (numpy 1.26.4)
#
# Behaviour: ac2 is Cohen's weighted kappa under the name of Gwet's AC2. AC1 and AC2 are
# for what kappa is bad at, labels that few rows have; beside ac1 of the same package,
# which is Gwet's, ac2 shows what AC was made to avoid. With two classes the weights
# change nothing, so that AC1 and AC2 are one number.
#
# Guess: AC2 of 0 and 1 is AC1, and near it for a scale, as irrCAC has both.
#
# Seen, of two annotators who agree on 96 of 100 rows that a label is absent, and never
# that it is present:
#   package  AC1      AC2      weighted kappa
#   iaa-kit   0.958   -0.020      -0.020
#   irrCAC    0.958    0.958
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet iaa-kit==0.1.2 irrCAC==0.4.4 numpy==1.26.4

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import pandas as pd
from iaa_kit import ac1, weighted_kappa
from iaa_kit.gwet import ac2
from irrCAC.raw import CAC

names = ("iaa-kit", "irrCAC", "numpy")
print(", ".join(f"{name} {version(name)}" for name in names))

first = [0] * 96 + [1, 1, 0, 0]
second = [0] * 96 + [0, 0, 1, 1]
own = ac1(first, second), ac2(first, second), weighted_kappa(first, second)
answers = pd.DataFrame({"first": first, "second": second})
gwet = [
    float(CAC(answers, weights=weights).gwet()["est"]["coefficient_value"])
    for weights in ("identity", "linear")
]
print("package  AC1      AC2      weighted kappa")
print(f"iaa-kit  {own[0]:6.3f}   {own[1]:6.3f}      {own[2]:6.3f}")
print(f"irrCAC   {gwet[0]:6.3f}   {gwet[1]:6.3f}")

if (
    abs(own[0] - gwet[0]) > 1e-3
    or abs(gwet[1] - gwet[0]) > 1e-3
    or own[1] != own[2]
    or own[1] > 0
    or gwet[1] < 0.9
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
