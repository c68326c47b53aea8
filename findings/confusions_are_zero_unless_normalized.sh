#!/usr/bin/env bash
# scikit-activeml 1.0.1 (numpy 2.4.6, scikit-learn 1.9.1)
#
# Behaviour: ext_confusion_matrix counts what each annotator said of the rows of each
# class. Its default is normalize=None, of which the help says that the matrix is not
# normalized. All matrices are 0 then, without a warning: the counts are kept in the
# branches of "true", "pred" and "all" alone.
#
# Guess: counts, as confusion_matrix of scikit-learn has them, one matrix an annotator.
#
# Seen, of five rows and two annotators, the second of whom left one row out:
#   normalize  first annotator           second annotator
#   None       [[0, 0], [0, 0]]          [[0, 0], [0, 0]]
#   'true'     [[1, 0], [0.33, 0.67]]    [[0.5, 0.5], [0, 1]]
#   counts     [[2, 0], [1, 2]]          [[1, 1], [0, 2]]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    scikit-activeml==1.0.1 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from skactiveml.utils import ext_confusion_matrix
from sklearn.metrics import confusion_matrix

names = ("scikit-activeml", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in names))

truth = np.array([0, 0, 1, 1, 1])
said = np.array([[0, 1], [0, 0], [1, 1], [0, 1], [1, np.nan]])


def told(name, matrices):
    first, second = (
        "[" + ", ".join(f"[{a:.2g}, {b:.2g}]" for a, b in matrix) + "]"
        for matrix in matrices
    )
    print(f"{name:<9}  {first:<24}  {second}")
    return np.round(matrices, 9).tolist()


print("normalize  first annotator           second annotator")
default = told("None", ext_confusion_matrix(truth, said))
by_row = told("'true'", ext_confusion_matrix(truth, said, normalize="true"))
answered = ~np.isnan(said)
counts = np.array(
    [confusion_matrix(truth[a], s[a]) for s, a in zip(said.T, answered.T)]
)
told("counts", counts)

shares = np.round(counts / counts.sum(axis=2, keepdims=True), 9).tolist()
if np.any(default) or by_row != shares:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
