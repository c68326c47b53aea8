#!/usr/bin/env bash
# optisplit 0.2 (numpy 1.23.5, scipy 1.10.1; it needs a numpy before 1.24, so Python 3.11)
#
# Behaviour: of labels that more than half of the rows have, optisplit balances the rows
# without. It means to turn their columns round, and turns the first column round in
# their place, whichever it is. So the first label is left as chance has it, and where
# the targets are the sparse matrix that the help asks for, it is the caller's: all that
# was stored of the first label is 0 afterwards.
#
# Guess: the common label is turned round, in a copy, and every label is balanced.
#
# Seen, of 1,000 rows and labels with 16, 35 and 711 rows, in five parts:
#   targets               first label in the parts  second label      first afterwards
#   without the common    [3, 4, 3, 3, 3]           [7, 7, 7, 7, 7]       16 rows
#   with it               [7, 5, 0, 2, 2]           [7, 7, 7, 7, 7]        0 rows
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet optisplit==0.2 numpy==1.23.5 scipy==1.10.1

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import contextlib
import io
import sys
from importlib.metadata import version

import numpy as np
import scipy.sparse as sp
from optisplit.cv_balance import optisplit

print(", ".join(f"{name} {version(name)}" for name in ("optisplit", "numpy", "scipy")))

rng = np.random.default_rng(1)
Y = (rng.random((1000, 7)) < [0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.7]).astype(int)
Y = Y[:, [0, 1, 6, 2, 3, 4, 5]]

print("targets               first label in the parts  ", end="")
print("second label      first afterwards")
seen = {}
for name, columns in (
    ("without the common", [0, 1, 3, 4, 5, 6]),
    ("with it", [0, 1, 2, 3, 4, 5, 6]),
):
    targets = sp.csr_matrix(Y[:, columns])
    with contextlib.redirect_stdout(io.StringIO()):
        folds = optisplit(5, targets)
    first, second = ([int(Y[part, j].sum()) for _, part in folds] for j in (0, 1))
    left = int(targets[:, 0].sum())
    seen[name] = max(first) - min(first), max(second) - min(second), left
    print(f"{name:<20}  {first!s:<24}  {second!s:<16}  {left:6} rows")

rows = int(Y[:, 0].sum())
without, common = seen.values()
if (
    without != (1, 0, rows)
    or common[0] < 3
    or common[1:] != (0, 0)
    or (Y.mean(axis=0) > 0.5).tolist() != [False, False, True] + [False] * 4
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
