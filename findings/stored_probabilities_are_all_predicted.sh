#!/usr/bin/env bash
# xcolumns 0.0.2 (numpy 2.4.6, scipy 1.17.1, numba 0.66.0)
#
# Behaviour: without a number of labels a row (k=0), the decoder that is to maximise the
# macro-averaged F1 of a batch predicts, from a sparse matrix of probabilities, every
# label that is stored, however unlikely; from the same numbers in an array it chooses.
# With a number of labels a row (k=1) the two forms give the same F1.
#
# Guess: a sparse matrix is another way to hold the same probabilities, so that the
# predictions are the same, or differ by rounding in a few cells.
#
# Seen (600 rows, 12 labels, all probabilities stored):
#   k=0  array          1.80 labels a row, expected macro F1 0.387
#   k=0  sparse matrix  12.00 labels a row, expected macro F1 0.166
#   k=1  array          1.00 labels a row, expected macro F1 0.314
#   k=1  sparse matrix  1.00 labels a row, expected macro F1 0.314
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet xcolumns==0.0.2 numpy==2.4.6 scipy==1.17.1 \
  numba==0.66.0

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from scipy.sparse import csr_matrix
from xcolumns.block_coordinate import predict_optimizing_macro_f1_score_using_bc

print(", ".join(f"{p} {version(p)}" for p in ("xcolumns", "numpy", "scipy", "numba")))
rng = np.random.default_rng(0)
probabilities = rng.beta(0.5, 5, size=(600, 12))


def decode(table, k):
    """Labels a row, and the F1 to expect where the probabilities are right."""
    found = predict_optimizing_macro_f1_score_using_bc(table, k, seed=0)
    chosen = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    hits = (chosen * probabilities).sum(axis=0)
    f1 = 2 * hits / (chosen.sum(axis=0) + probabilities.sum(axis=0))
    return chosen.sum(axis=1).mean(), f1.mean()


forms = {"array": probabilities, "sparse matrix": csr_matrix(probabilities)}
seen = {}
for k in (0, 1):
    for name, table in forms.items():
        seen[k, name] = labels, f1 = decode(table, k)
        print(f"k={k}  {name:13}  {labels:.2f} labels a row, expected macro F1 {f1:.3f}")

all_of_them = seen[0, "sparse matrix"][0] == 12
alike = abs(seen[1, "array"][1] - seen[1, "sparse matrix"][1]) < 0.01
if not all_of_them or not alike or seen[0, "array"][0] > 3:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
