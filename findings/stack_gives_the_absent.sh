#!/usr/bin/env bash
# scikit-learn 1.9.1 (scipy 1.17.1, numpy 2.4.6)
#
# Behaviour: of several labels, StackingClassifier gives the probabilities of absence. Its
# predict_proba takes the first of the two columns that a forest on top has for each label,
# and calls those the labels. Where the classifier on top has one table of probabilities of
# presence, as one-vs-rest has, the call ends in an error about indices. The predicted
# labels are right in both cases, and so are the probabilities of the classifier on top.
#
# Guess: P(label = 1) of each label, as one table, whichever classifier is on top.
#
# Seen: ROC AUC of three labels of 500 new rows, by the stack and by the forest on top of
# it, what a cut at 0.5 makes of the stack's probabilities, and the other stack
#   forest on top       AUC 0.08   the forest itself 0.92
#   labels predicted    786        probabilities above 0.5 698
#   one-vs-rest on top  IndexError: too many indices for array
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from sklearn.ensemble import RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier

packages = ("scikit-learn", "scipy", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

rng = np.random.default_rng(0)
X = rng.normal(size=(1000, 5))
Y = (X[:, :3] + rng.normal(size=(1000, 3)) / 2 > 0).astype(int)
(X, new), (Y, truth) = np.split(X, 2), np.split(Y, 2)


def stack(top):
    below = [("knn", KNeighborsClassifier(20))]
    return StackingClassifier(below, top, passthrough=True, cv=3).fit(X, Y)


forest = stack(RandomForestClassifier(50, random_state=0))
given = forest.predict_proba(new)
columns = forest.final_estimator_.predict_proba(forest.transform(new))
own = np.stack([two[:, 1] for two in columns], axis=1)
aucs = [roc_auc_score(truth, scores) for scores in (given, own)]
n_predicted, n_above = int(forest.predict(new).sum()), int((given > 0.5).sum())
print(f"forest on top       AUC {aucs[0]:.2f}   the forest itself {aucs[1]:.2f}")
print(f"labels predicted    {n_predicted:<10} probabilities above 0.5 {n_above}")

by_label = stack(OneVsRestClassifier(LogisticRegression()))
right = (by_label.predict(new) == truth).mean()
try:
    by_label.predict_proba(new)
    said = "no error"
except IndexError as exc:
    said = f"IndexError: {str(exc).partition(':')[0]}"
print(f"one-vs-rest on top  {said}")

if (
    not np.allclose(given, 1 - own)
    or not aucs[0] < 0.3 < 0.7 < aucs[1]
    or right < 0.7
    or not said.startswith("IndexError")
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
