#!/usr/bin/env bash
# scikit-learn 1.9.1 (numpy 2.4.6)
#
# Behaviour: OneVsRestClassifier around a classifier of decision values cuts all labels at
# 0. If the first label of the training set is constant, it cuts the decision values of
# all the others at 0.5 instead; a constant label in any other place changes nothing. And
# such a model then says that it has predict_proba, which raises.
#
# Guess: a constant label is predicted as it is, and has no part in the others.
#
# Seen, of the labels "never", "a", "b" in two orders:
#   never, a, b   cut of a and b between 0.50 and 0.50   has predict_proba: True
#   a, b, never   cut of a and b between -0.00 and 0.00   has predict_proba: False
#   predicted a or b: 98 and 268 of 600 entries
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import numpy as np
import sklearn
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC

print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}")

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 5))
known = (X[:, :2] + rng.normal(size=(300, 2)) > 0).astype(int)
never = np.zeros((300, 1), dtype=int)


def look(name, Y, columns):
    """Say between which decision values the cut of two labels lies."""
    model = OneVsRestClassifier(LinearSVC(random_state=0)).fit(X, Y)
    values = model.decision_function(X)[:, columns]
    labels = model.predict(X)[:, columns] == 1
    low, high = values[~labels].max(), values[labels].min()
    print(
        f"{name}   cut of a and b between {low:.2f} and {high:.2f}   "
        f"has predict_proba: {hasattr(model, 'predict_proba')}"
    )
    return low, high, hasattr(model, "predict_proba"), int(labels.sum())


first = look("never, a, b", np.hstack([never, known]), [1, 2])
last = look("a, b, never", np.hstack([known, never]), [0, 1])
print(f"predicted a or b: {first[3]} and {last[3]} of 600 entries")

if (
    not 0.4 < first[0] < 0.5 <= first[1] < 0.6
    or not -0.1 < last[0] <= 0 < last[1] < 0.1
    or (first[2], last[2]) != (True, False)
    or first[3] >= last[3]
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
