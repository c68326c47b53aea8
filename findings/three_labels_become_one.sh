#!/usr/bin/env bash
# hummingbird-ml 0.4.12 (xgboost 3.2.0, scikit-learn 1.9.1, torch 2.13.0, numpy 2.4.6)
#
# Behaviour: an XGBClassifier of three labels, converted to PyTorch, becomes a classifier
# of one: predict has a 0 or 1 a row, and predict_proba two columns. The trees of all
# three labels are added up for it: its logit is the sum of theirs, without what XGBoost
# starts each of them from. An MLPClassifier of three labels becomes one of three classes,
# of which a row has one; its probabilities sum to 1. Neither warns.
#
# Guess: the labels and probabilities of the model, or that it cannot be converted.
#
# Seen, of 400 rows
#   model           predict    predict_proba   which is, to 1e-4
#   XGBClassifier   (400,)     (400, 2)        the sigmoid of the sum of three logits
#   MLPClassifier   (400,)     (400, 3)        the softmax of the three logits
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet hummingbird-ml==0.4.12 xgboost==3.2.0 \
    scikit-learn==1.9.1 torch==2.13.0 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import json
import sys
from importlib.metadata import version

import numpy as np
from hummingbird.ml import convert
from scipy.special import expit, logit, softmax
from sklearn.datasets import make_multilabel_classification
from sklearn.neural_network import MLPClassifier
from xgboost import XGBClassifier

packages = ("hummingbird-ml", "xgboost", "scikit-learn", "torch", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

X, Y = make_multilabel_classification(400, 8, n_classes=3, random_state=0)
X = X.astype(np.float32)
trees = XGBClassifier(n_estimators=20, max_depth=3, n_jobs=1).fit(X, Y)
settings = json.loads(trees.get_booster().save_raw("json"))["learner"]
start = json.loads(settings["learner_model_param"]["base_score"])
summed = (logit(trees.predict_proba(X)) - logit(start)).sum(axis=1)
network = MLPClassifier((8,), max_iter=300, random_state=0).fit(X, Y)
one_of_three = softmax(logit(network.predict_proba(X)), axis=1)
expected = {
    "XGBClassifier": (trees, np.column_stack([expit(-summed), expit(summed)])),
    "MLPClassifier": (network, one_of_three),
}
same = []
print("model           predict    predict_proba   differs by")
for name, (model, other) in expected.items():
    converted = convert(model, "torch", X[:1])
    labels = np.asarray(converted.predict(X))
    probabilities = np.asarray(converted.predict_proba(X))
    if probabilities.shape != other.shape or labels.shape != (400,):
        sys.exit("The behaviour is not that of the header any more.")
    off = np.abs(probabilities - other).max()
    print(f"{name:<14}  {labels.shape!s:<9}  {probabilities.shape!s:<13}   {off:.0e}")
    same.append(off < 1e-4)
if not all(same):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
