#!/usr/bin/env bash
# scikit-learn 1.9.1 with pandas 3.1.1 (numpy 2.4.6, scipy 1.17.1)
#
# Behaviour: a table of labels of pandas' nullable type Int64, with nothing missing in
# it, is a target that the five multi-label classifiers below can be fitted on. Metrics of
# labels (accuracy, Hamming, F1) then refuse the same table: `score` of four classifiers
# raises that "scipy.sparse does not support dtype object", MultiOutputClassifier compares
# by itself and works, and a cross-validation by F1 is NaN for all five, with warnings
# only. Of one column the same metrics take the type; average precision takes the table.
#
# Guess: what fit takes score takes; one column and several are treated alike.
#
# Seen (score of the rows fitted on; cross-validated F1):
#   OneVsRestClassifier     fit yes   score ValueError   F1 nan
#   ClassifierChain         fit yes   score ValueError   F1 nan
#   KNeighborsClassifier    fit yes   score ValueError   F1 nan
#   RandomForestClassifier  fit yes   score ValueError   F1 nan
#   MultiOutputClassifier   fit yes   score a number     F1 nan
#   accuracy of one column 1.0, average precision of the table 1.0
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 pandas==3.1.1 \
    numpy==2.4.6 scipy==1.17.1

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import numpy as np
import pandas as pd
import scipy
import sklearn
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score
from sklearn.model_selection import cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier

print(f"scikit-learn {sklearn.__version__}, pandas {pd.__version__}", end=", ")
print(f"numpy {np.__version__}, scipy {scipy.__version__}")

X = np.random.default_rng(0).normal(size=(40, 4))
plain = (X[:, :3] > 0).astype(int)
Y = pd.DataFrame(plain, columns=["a", "b", "c"]).astype("Int64")

seen = []
for model in (
    OneVsRestClassifier(LogisticRegression()),
    ClassifierChain(LogisticRegression()),
    KNeighborsClassifier(),
    RandomForestClassifier(3, random_state=0),
    MultiOutputClassifier(LogisticRegression()),
):
    model.fit(X, Y)
    try:
        score = "a number" if 0 <= model.score(X, Y) <= 1 else "no number"
    except ValueError as error:
        score = type(error).__name__
    folds = cross_val_score(model, X, Y, scoring="f1_macro", cv=2)
    f1 = "nan" if np.isnan(folds).all() else "a number"
    print(f"{type(model).__name__:<23} fit yes   score {score:<12} F1 {f1}")
    seen.append((score, f1))

column = accuracy_score(Y["a"], plain[:, 0])
ranked = average_precision_score(Y, plain)
print(f"accuracy of one column {column}, average precision of the table {ranked}")

expected = [("ValueError", "nan")] * 4 + [("a number", "nan")]
if seen != expected or (column, ranked) != (1.0, 1.0):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
