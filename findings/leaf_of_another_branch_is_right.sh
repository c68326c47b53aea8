#!/usr/bin/env bash
# hiclass 5.0.8 (scikit-learn 1.9.1, numpy 2.4.6)
#
# Behaviour: leaves of one name under two parents are two classes for the classifiers,
# which tell them apart. The metrics take the names alone, whatever stands above them:
# "other" of the plants is right for "other" of the animals, and half of such a
# prediction counts. A name that occurs twice in a path counts once, so that a wrong
# leaf below it has recall 1.
#
# Guess: a class is right with all that is above it, as the classifiers have it.
#
# Seen: hierarchical precision, recall and F1 of one row
#   true            predicted      precision   recall   F1
#   animal, other   plant, other   0.50        0.50     0.50
#   animal, dog     plant, other   0.00        0.00     0.00
#   cat, cat        cat, wildcat   0.50        1.00     0.67
#   a classifier of the four leaves is right in 4 of 4 rows
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet hiclass==5.0.8 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from hiclass import LocalClassifierPerNode
from hiclass.metrics import f1, precision, recall
from sklearn.tree import DecisionTreeClassifier

packages = ("hiclass", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
leaves = [["animal", "dog"], ["animal", "other"], ["plant", "rose"], ["plant", "other"]]
model = LocalClassifierPerNode(DecisionTreeClassifier(random_state=0))
found = model.fit(X, np.array(leaves)).predict(X)
n_right = int((found == np.array(leaves)).all(axis=1).sum())

rows = [
    (["animal", "other"], ["plant", "other"]),
    (["animal", "dog"], ["plant", "other"]),
    (["cat", "cat"], ["cat", "wildcat"]),
]
seen = []
for true, predicted in rows:
    both = np.array([true]), np.array([predicted])
    scores = [round(float(score(*both)), 2) for score in (precision, recall, f1)]
    seen.append(scores)
    print(f"{', '.join(true):<15} {', '.join(predicted):<14}", *scores)
print("rows that the classifier gets right:", n_right)

if n_right != 4 or seen != [[0.5] * 3, [0.0] * 3, [0.5, 1.0, 0.67]]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
