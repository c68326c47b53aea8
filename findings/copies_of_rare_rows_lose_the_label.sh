#!/usr/bin/env bash
# multismote 0.1.0 (scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6)
#
# Behaviour: a new row is made between a row with a rare label and one of its neighbours
# among all rows, and has the labels that most neighbours of that row have. The row
# itself has no vote, and few neighbours have a label that is rare, so that four of five
# new rows have none: they teach that what is like the rare label is without it. The
# row's own labels are taken only where the neighbours agree on none.
#
# Guess: as in MLSMOTE, neighbours have the rare label too, so that new rows have it.
#
# Seen, of 2,000 rows with two frequent labels and two rare ones, which 100 rows have:
#   labels       sea   sky   owl   elk   owl or elk
#   given       1200  1000    60    40          100
#   new rows      76    53    16     3           19
#   rows that were made: 100
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet multismote==0.1.0 \
    scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from multismote import MultiSMOTE

packages = ("multismote", "scikit-learn", "scipy", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

rng = np.random.default_rng(0)
X = rng.normal(size=(2000, 8))
signal = X[:, :4] + rng.normal(size=(2000, 4))
shares = np.array([0.6, 0.5, 0.03, 0.02])
Y = (signal > np.diagonal(np.quantile(signal, 1 - shares, axis=0))).astype(int)

X_all, Y_all = MultiSMOTE(random_state=0).fit_resample(X, Y)
given = {row.tobytes() for row in X}
new = np.array([row.tobytes() not in given for row in X_all])

seen = {}
print("labels       sea   sky   owl   elk   owl or elk")
for name, labels in (("given", Y), ("new rows", Y_all[new])):
    either = labels[:, 2:].any(axis=1).sum()
    seen[name] = [*labels.sum(axis=0).tolist(), int(either)]
    print(f"{name:<10}", "".join(f"{n:6}" for n in seen[name][:4]), f"{either:12}")
print("rows that were made:", new.sum())

if (
    seen["given"] != [1200, 1000, 60, 40, 100]
    or new.sum() != 100
    or seen["new rows"][-1] > 30
    or seen["new rows"][0] < 60
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
