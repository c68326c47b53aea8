#!/usr/bin/env bash
# catboost 1.2.10 with scikit-learn 1.9.1 (pandas 3.1.1, numpy 2.4.6)
#
# Behaviour: `CatBoostClassifier.score` of a target that is an array of one column, such
# as `Y[:, [0]]`, compares each prediction with the labels of all rows, and gives the
# mean of n * n comparisons. `fit` takes the column for the same labels as a vector, and
# the model is the same. Of a rare label, features that tell nothing then have a better
# score than those that tell all, so that searches and cross-validation choose them. A
# DataFrame of one column is scored right, several columns are refused with an error.
#
# Guess: the accuracy, as of a vector; or the column is refused, as scikit-learn warns.
#
# Seen, of 500 rows of which 74 have the label, accuracy by cross-validation:
#   target              features that tell    features that do not
#   vector                     0.96                  0.85
#   DataFrame                  0.96                  0.85
#   array of a column          0.75                  0.85
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet catboost==1.2.10 scikit-learn==1.9.1 \
    pandas==3.1.1 numpy==2.4.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys

import catboost
import numpy as np
import pandas as pd
import sklearn
from catboost import CatBoostClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import cross_val_score

print(f"catboost {catboost.__version__}, scikit-learn {sklearn.__version__}", end=", ")
print(f"numpy {np.__version__}")

rng = np.random.default_rng(0)
X = rng.normal(size=(500, 5))
y = (X[:, 0] + rng.normal(size=500) * 0.3 > 1).astype(int)
noise = rng.normal(size=(500, 5))
column = y.reshape(-1, 1)
model = CatBoostClassifier(iterations=30, random_seed=0, thread_count=1, verbose=0)
model.set_params(allow_writing_files=False)

print(f"rows with the label: {y.sum()}")
print(f"{'target':<20} tell    do not")
seen = {}
for name, target in (
    ("vector", y),
    ("DataFrame", pd.DataFrame({"label": y})),
    ("array of a column", column),
):
    seen[name] = [cross_val_score(model, rows, target).mean() for rows in (X, noise)]
    print(f"{name:<20} {seen[name][0]:.2f}    {seen[name][1]:.2f}")

found = model.fit(X, column).predict(X)
same_model = (found == model.fit(X, y).predict(X)).all()
pairs = np.mean(found.reshape(1, -1) == column)
print(f"accuracy of one model: {accuracy_score(y, found):.2f}", end=", ")
print(f"score of the column: {model.score(X, column):.2f}, all pairs: {pairs:.2f}")

tell, do_not = seen["array of a column"]
as_seen = tell < do_not and seen["vector"] == seen["DataFrame"]
right = seen["vector"][0] > seen["vector"][1] + 0.05
if not (as_seen and right and same_model and np.isclose(pairs, model.score(X, column))):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
