#!/usr/bin/env bash
# scikit-learn 1.9.1 (numpy 2.4.6)
#
# Behaviour: RidgeClassifierCV takes several labels. With scoring="accuracy" or "f1_macro"
# its leave-one-out search scores one label a row: the first that the row has (the first
# of all if it has none) against that of the highest decision value. alpha_ and
# best_score_ are those of this other problem. With cv=5 the scores are those of the
# labels. Without scoring the squared error of all labels decides.
#
# Guess: the score of the labels that are predicted when each row is left out.
#
# Seen, of 150 rows and four labels: accuracy of whole rows, each left out once
#   alpha                      0.001     0.1      10    1000
#   labels, row by row         0.293   0.293   0.307   0.300
#   first against highest      0.520   0.520   0.500   0.360
#   RidgeClassifierCV          alpha_ 0.001, best_score_ 0.520
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from sklearn.datasets import make_multilabel_classification
from sklearn.linear_model import RidgeClassifier, RidgeClassifierCV
from sklearn.metrics import get_scorer
from sklearn.model_selection import LeaveOneOut

print(f"scikit-learn {version('scikit-learn')}, numpy {version('numpy')}")

X, Y = make_multilabel_classification(150, 60, n_classes=4, random_state=1)
alphas = [0.001, 0.1, 10.0, 1000.0]


def leave_one_out(alpha):
    values = np.empty(Y.shape)
    for train, test in LeaveOneOut().split(X):
        model = RidgeClassifier(alpha).fit(X[train], Y[train])
        values[test] = model.decision_function(X[test])
    return values


values = [leave_one_out(alpha) for alpha in alphas]
same = []
for scoring in ("accuracy", "f1_macro"):
    options = {"average": "macro", "zero_division": 0} if "f1" in scoring else {}
    score = get_scorer(scoring)._score_func
    labels = [score(Y, v > 0, **options) for v in values]
    one = [score(Y.argmax(axis=1), v.argmax(axis=1), **options) for v in values]
    search = RidgeClassifierCV(alphas, scoring=scoring).fit(X, Y)
    print(scoring)
    print(f"{'alpha':<21}", "  ".join(f"{alpha:>6}" for alpha in alphas))
    print(f"{'labels, row by row':<21}", "  ".join(f"{s:6.3f}" for s in labels))
    print(f"{'first against highest':<21}", "  ".join(f"{s:6.3f}" for s in one))
    print(f"RidgeClassifierCV: {search.alpha_:g}, {search.best_score_:.3f}")
    same.append(
        abs(search.best_score_ - max(one)) < 1e-9
        and abs(search.best_score_ - max(labels)) > 0.05
        and search.alpha_ == alphas[int(np.argmax(one))]
    )
if not all(same):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
