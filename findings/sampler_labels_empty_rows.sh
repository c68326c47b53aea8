#!/usr/bin/env bash
# imbalanced-learn 0.14.2 with scikit-learn 1.9.1 (numpy 2.4.6)
#
# Behaviour: the samplers refuse an indicator matrix in which a row has two labels, and
# take any other one for a multi-class target that was binarized. The class of a row is
# then its argmax, so that a row without any label is of the first class: it comes back
# with the first label set, in y_resampled, without a warning.
#
# Guess: rows without a label are refused as rows with two labels are, or stay empty, or
# are balanced as a group of their own.
#
# Seen, of 12 rows, where 2, 2 and 5 have the labels a, b and c, and 3 have none:
#   before    labels per column [2, 2, 5], rows without a label 3
#   after     labels per column [5, 5, 5], rows without a label 0
#   the three rows that had no label are now [[1, 0, 0], [1, 0, 0], [1, 0, 0]]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    imbalanced-learn==0.14.2 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys

import imblearn
import numpy as np
import sklearn
from imblearn.over_sampling import RandomOverSampler

print(f"imbalanced-learn {imblearn.__version__}", end=", ")
print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}")

X = np.arange(12.0).reshape(-1, 1)
Y = np.zeros((12, 3), dtype=int)
Y[0:2, 0] = Y[2:4, 1] = Y[4:9, 2] = 1


def told(when, labels):
    columns, empty = labels.sum(axis=0).tolist(), int((labels.sum(axis=1) == 0).sum())
    print(f"{when:<9} labels per column {columns}, rows without a label {empty}")
    return columns, empty


before = told("before", Y)
X_new, Y_new = RandomOverSampler(random_state=0).fit_resample(X, Y)
after = told("after", Y_new)

# The rows that were given come first, in their order: rows 9, 10 and 11 had no label.
same_rows = (X_new[:12] == X).all()
unlabelled = Y_new[9:12].tolist()
print(f"the three rows that had no label are now {unlabelled}")

expected = (([2, 2, 5], 3), ([5, 5, 5], 0), [[1, 0, 0]] * 3)
if not same_rows or (before, after, unlabelled) != expected:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
