#!/usr/bin/env bash
# scikit-learn 1.9.1 (numpy 2.4.6)
#
# Behaviour: of several labels class_weight="balanced" multiplies the weights that a row
# has by each label, as its help says. Of 20 labels the product spans seven orders of
# magnitude, so that 2,000 rows weigh as much as five equal ones. A forest then ranks far
# worse than without weights, and finds fewer rows at 0.5. Nothing warns.
#
# Guess: ranks about as well, and finds more rows of rare labels at 0.5.
#
# Seen, of 100 trees, 2,000 rows to learn and 1,000 to judge
#   labels   rows that weigh   average precision   F1 at 0.5
#                              without   with      without   with
#        5            1215.3     0.825  0.811        0.663  0.726
#       20               4.6     0.442  0.189        0.122  0.070
#       50               2.8     0.252  0.060        0.013  0.001
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, f1_score
from sklearn.utils.class_weight import compute_sample_weight

print(f"scikit-learn {version('scikit-learn')}, numpy {version('numpy')}")


def judge(class_weight, X, Y):
    forest = RandomForestClassifier(100, class_weight=class_weight, random_state=0)
    forest.fit(X[:2000], Y[:2000])
    scores = np.column_stack([p[:, -1] for p in forest.predict_proba(X[2000:])])
    precision = average_precision_score(Y[2000:], scores, average="macro")
    return precision, f1_score(Y[2000:], scores > 0.5, average="macro")


found = {}
print("labels   rows that weigh   average precision   F1 at 0.5")
print("                           without   with      without   with")
for n_labels in (5, 20, 50):
    X, Y = make_multilabel_classification(
        3000, 30, n_classes=n_labels, n_labels=2, length=60, random_state=0
    )
    weight = compute_sample_weight("balanced", Y[:2000])
    rows = weight.sum() ** 2 / (weight**2).sum()
    without, balanced = judge(None, X, Y), judge("balanced", X, Y)
    print(
        f"{n_labels:6d}  {rows:16.1f}     {without[0]:.3f}  {balanced[0]:.3f}"
        f"        {without[1]:.3f}  {balanced[1]:.3f}"
    )
    found[n_labels] = rows, without, balanced

if (
    found[5][0] < 500
    or any(found[n][0] > 20 for n in (20, 50))
    or any(found[n][2][0] > 0.7 * found[n][1][0] for n in (20, 50))
    or any(found[n][2][1] > found[n][1][1] for n in (20, 50))
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
