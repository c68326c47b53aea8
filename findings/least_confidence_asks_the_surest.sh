#!/usr/bin/env bash
# modAL-python 0.4.2.1 (scikit-learn 1.9.1, numpy 2.4.6)
#
# Behaviour: modAL.multilabel.min_confidence asks for the rows with the lowest probability
# of any label. That a label is surely absent counts as least confidence, so that the rows
# asked for are those of which the classifier is surest: between a row of probabilities
# (0.01, 0.99) and one of (0.50, 0.50) it asks for the first. The measure for one label,
# modAL.uncertainty.classifier_uncertainty, is highest at 0.5.
#
# Guess: the rows with a label that the classifier can least tell, that is near 0.5.
#
# Seen, of 100 rows asked for among 2,900, by what is in doubt of a label (1 at a
# probability of 0.5, 0 at 0 and 1)
#   rows                       least sure label   mean of five labels
#   asked for                  0.65               0.25
#   all                        0.73               0.35
#   by the least sure label    0.99               0.49
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet modAL-python==0.4.2.1 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from modAL.multilabel import min_confidence
from modAL.uncertainty import classifier_uncertainty
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

packages = ("modAL-python", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

X, Y = make_multilabel_classification(3000, 20, n_classes=5, random_state=0)
head = OneVsRestClassifier(LogisticRegression(max_iter=1000)).fit(X[:100], Y[:100])
pool = X[100:]
doubt = 1 - np.abs(2 * head.predict_proba(pool) - 1)
least_sure = doubt.max(axis=1)
rows = {
    "asked for": np.ravel(min_confidence(head, pool, 100)[0]),
    "all": np.arange(len(pool)),
    "by the least sure label": np.argsort(-least_sure)[:100],
}
print("rows                       least sure label   mean of five labels")
for name, chosen in rows.items():
    print(f"{name:<25}  {least_sure[chosen].mean():.2f}{'':15}{doubt[chosen].mean():.2f}")


class Told:
    """A classifier that gives the probabilities that it is asked about."""

    def predict_proba(self, X):
        return np.asarray(X)


two = np.array([[0.01, 0.99], [0.50, 0.50]])
first = int(np.ravel(min_confidence(Told(), two, 1)[0])[0])
single = classifier_uncertainty(Told(), two)
print(f"of {two.tolist()}, row {first}; as one target of two classes, {single.tolist()}")
if (
    first != 0
    or single[0] >= single[1]
    or doubt[rows["asked for"]].mean() > 0.8 * doubt.mean()
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
