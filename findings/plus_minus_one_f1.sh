#!/usr/bin/env bash
# scikit-learn 1.9.1 (numpy 2.4.6, scipy 1.17.1)
#
# Behaviour: a target matrix of -1 and +1 counts as a multi-label indicator, since it
# holds two integers, and no metric refuses it. Then precision, recall, F1 and Jaccard
# make a sparse matrix of it and count what is not zero as positive, so that -1 is a
# positive too: every label is "there" and "found", whatever was predicted. Accuracy and
# the Hamming loss compare the values and are right, so they contradict the others.
#
# Guess: such a matrix is refused, or +1 is the positive class, as it is in the binary
# case, where f1_score of -1 and +1 is right.
#
# Seen, where every prediction is the opposite of the truth:
#   binary f1     0.0
#   f1            0.0 for 0/1    1.0 for -1/+1
#   precision     0.0 for 0/1    1.0 for -1/+1
#   recall        0.0 for 0/1    1.0 for -1/+1
#   jaccard       0.0 for 0/1    1.0 for -1/+1
#   accuracy      0.0 for 0/1    0.0 for -1/+1
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import scipy
import sklearn
from sklearn import metrics

print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}", end=", ")
print(f"scipy {scipy.__version__}")

truth = np.random.default_rng(0).integers(0, 2, size=(20, 3))
wrong = 1 - truth
signed_truth, signed_wrong = 2 * truth - 1, 2 * wrong - 1

binary = metrics.f1_score(signed_truth[:, 0], signed_wrong[:, 0])
print(f"{'binary f1':<13} {binary}")
seen = {"binary f1": binary}
for name in ("f1", "precision", "recall", "jaccard", "accuracy"):
    score = getattr(metrics, f"{name}_score")
    how = {} if name == "accuracy" else {"average": "macro"}
    seen[name] = (
        float(score(truth, wrong, **how)),
        float(score(signed_truth, signed_wrong, **how)),
    )
    print(f"{name:<13} {seen[name][0]} for 0/1    {seen[name][1]} for -1/+1")

expected = dict.fromkeys(("f1", "precision", "recall", "jaccard"), (0.0, 1.0))
if seen != expected | {"binary f1": 0.0, "accuracy": (0.0, 0.0)}:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
