#!/usr/bin/env bash
# modAL-python 0.4.2.1 (scikit-learn 1.9.1, numpy 2.4.6)
#
# Behaviour: SVM_binary_minimum asks for the row of which some label is nearest to its
# boundary. With random_tie_break=True, which the help has for scores that are equal, it
# asks for the row whose nearest boundary is farthest: the one of which all labels are
# surest. The branch takes the largest of the distances in place of the smallest.
#
# Guess: the same row where there is no tie, and one of the equal rows where there is.
#
# Seen, of 2,900 rows with five labels, no two of which are equally near:
#   random_tie_break   distance of the row   rows that are nearer
#   False                    0.00003                    0
#   True                     1.20293                2,899
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet modAL-python==0.4.2.1 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from modAL.models import ActiveLearner
from modAL.multilabel import SVM_binary_minimum
from sklearn.datasets import make_multilabel_classification
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

packages = ("modAL-python", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

X, Y = make_multilabel_classification(3000, 20, n_classes=5, random_state=0)
learner = ActiveLearner(
    estimator=OneVsRestClassifier(LinearSVC(random_state=0)),
    query_strategy=SVM_binary_minimum,
    X_training=X[:100],
    y_training=Y[:100],
)
pool = X[100:]
nearest = np.abs(learner.estimator.decision_function(pool)).min(axis=1)
no_ties = len(np.unique(nearest)) == len(pool)

print("random_tie_break   distance of the row   rows that are nearer")
nearer = {}
for random in (False, True):
    row = int(np.ravel(learner.query(pool, random_tie_break=random)[0])[0])
    nearer[random] = int((nearest < nearest[row]).sum())
    print(f"{random!s:<16} {nearest[row]:15.5f}  {nearer[random]:19,}")

if not no_ties or nearer != {False: 0, True: len(pool) - 1}:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
