#!/usr/bin/env bash
# shap 0.51.0 (scikit-learn 1.9.1, numpy 2.4.6, numba 0.68.1)
#
# Behaviour: TreeExplainer takes a tree or forest of several labels and gives a column for
# each class of each label. The leaves are scaled so that all classes of all labels sum to
# 1: with three labels every probability that is explained, and every value of a feature,
# is a third of what it is. The check that the values add up to the model's output is on
# and passes, for it asks the explainer's own copy of the trees.
#
# Guess: values and expected value add up to P(label = 1) of the model; or, as the shape
# of several labels is another one, a model of them is refused.
#
# Seen, of P(label = 1) for one row, in forests of 1, 2 and 3 labels: the model's, and the
# sum of the values and the expected value
#   1 label, alone  model [0.628]                shap [0.628]
#   2 labels        model [0.584, 0.001]         shap [0.292, 0.0]
#   3 labels        model [0.807, 0.014, 0.01]   shap [0.269, 0.005, 0.003]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet shap==0.51.0 scikit-learn==1.9.1 \
    numpy==2.4.6 numba==0.68.1

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import shap
from sklearn.ensemble import RandomForestClassifier

packages = ("shap", "scikit-learn", "numpy", "numba")
print(", ".join(f"{name} {version(name)}" for name in packages))

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4))
Y = (X[:, :3] + rng.normal(size=(300, 3)) / 10 > [0, 0.7, 1.4]).astype(int)

ratios = []
for labels in (1, 2, 3):
    target = Y[:, 0] if labels == 1 else Y[:, :labels]
    forest = RandomForestClassifier(20, max_depth=4, random_state=0).fit(X, target)
    own = forest.predict_proba(X[:50])
    own = np.stack([p[:, 1] for p in (own if labels > 1 else [own])], axis=1)
    explainer = shap.TreeExplainer(forest)
    values = explainer.shap_values(X[:50], check_additivity=True)
    explained = (values.sum(axis=1) + explainer.expected_value)[:, 1::2]
    rows = [table[0].round(3).tolist() for table in (own, explained)]
    name = "1 label, alone" if labels == 1 else f"{labels} labels"
    print(f"{name:<15} model {rows[0]!s:<22} shap {rows[1]}")
    ratios.append(np.allclose(explained * labels, own, atol=1e-6))

if not all(ratios):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
