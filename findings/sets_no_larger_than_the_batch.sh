#!/usr/bin/env bash
# puncc 0.9.3 (scikit-learn 1.9.1, numpy 2.4.6); the same with numpy 1.26.4, which the
# package asks for
#
# Behaviour: the conformal sets of APS and RAPS have at most as many classes as rows are
# predicted together. Meant is the number of classes, a comment in the code says. Row by
# row, as a service does it, each set is the first class, and the guarantee is that of
# the first class alone. A test of 1,000 rows at once shows nothing of it.
#
# Guess: the set of a row does not depend on how many rows are beside it.
#
# Seen, of 1,000 rows of six classes with alpha=0.1, that is a coverage of 0.90:
#   rows at once   coverage   mean size   largest
#           1000       0.90         3.4         6
#             10       0.90         3.4         6
#              3       0.85         2.8         3
#              2       0.74         2.0         2
#              1       0.51         1.0         1
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6 pandas==3.1.1 \
    matplotlib==3.11.2 tqdm==4.70.1
"$work/venv/bin/pip" install --quiet --no-deps puncc==0.9.3

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from deel.puncc.api.prediction import BasePredictor
from deel.puncc.classification import APS
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

packages = ("puncc", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

X, y = make_classification(
    3000,
    10,
    n_informative=8,
    n_redundant=0,
    n_classes=6,
    n_clusters_per_class=1,
    class_sep=0.6,
    random_state=0,
)


class Probabilities(BasePredictor):
    def predict(self, X):
        return self.model.predict_proba(X)


np.random.seed(0)
model = LogisticRegression().fit(X[:1000], y[:1000])
conformal = APS(Probabilities(model, is_trained=True), train=False)
conformal.fit(X_calib=X[1000:2000], y_calib=y[1000:2000])

seen = {}
print("rows at once   coverage   mean size   largest")
for rows in (1000, 10, 3, 2, 1):
    sets = []
    for start in range(2000, 3000, rows):
        sets += conformal.predict(X[start : start + rows], alpha=0.1)[1]
    coverage = np.mean([label in found for label, found in zip(y[2000:], sets)])
    sizes = [len(found) for found in sets]
    seen[rows] = coverage, max(sizes)
    print(f"{rows:12}   {coverage:8.2f}   {np.mean(sizes):9.1f}   {max(sizes):7}")

if (
    [seen[rows][1] for rows in (3, 2, 1)] != [3, 2, 1]
    or min(seen[1000][0], seen[10][0]) < 0.87
    or seen[3][0] > 0.88
    or seen[1][0] > 0.6
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
