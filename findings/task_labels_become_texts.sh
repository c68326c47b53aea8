#!/usr/bin/env bash
# pytorch-tabnet 4.1.0 (torch 2.13.0, scikit-learn 1.9.1, numpy 2.4.6, pandas 3.1.1)
#
# Behaviour: TabNetMultiTaskClassifier, fitted on columns of 0 and 1, predicts the texts
# "0" and "1", in a list of one array a label. Beside the targets they agree in no cell,
# without an error or a warning; read as numbers they agree in most. TabNetClassifier,
# fitted on one of the columns, predicts its integers.
#
# Guess: 0 and 1, of the type of the targets.
#
# Seen
#   model                       predicts   agrees with the targets   read as numbers
#   TabNetMultiTaskClassifier   <U1        0.00                      0.71
#   TabNetClassifier            int64      0.62                      0.62
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pytorch-tabnet==4.1.0 torch==2.13.0 \
    scikit-learn==1.9.1 numpy==2.4.6 pandas==3.1.1

cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import torch
from pytorch_tabnet.multitask import TabNetMultiTaskClassifier
from pytorch_tabnet.tab_model import TabNetClassifier
from sklearn.datasets import make_multilabel_classification

packages = ("pytorch-tabnet", "torch", "scikit-learn", "numpy", "pandas")
print(", ".join(f"{name} {version(name)}" for name in packages))

torch.set_num_threads(1)
X, Y = make_multilabel_classification(600, 10, n_classes=3, random_state=0)
X = X.astype(np.float32)
seen = {}
print("model                       predicts   agrees with the targets   as numbers")
for kind, targets in [(TabNetMultiTaskClassifier, Y), (TabNetClassifier, Y[:, 0])]:
    model = kind(seed=0, verbose=0, device_name="cpu")
    model.fit(X[:400], targets[:400], max_epochs=30, batch_size=128)
    found = model.predict(X[400:])
    found = np.column_stack(found) if isinstance(found, list) else found
    agrees = float(np.mean(found == targets[400:]))
    as_numbers = float(np.mean(found.astype(int) == targets[400:]))
    seen[kind.__name__] = found.dtype.kind, agrees, as_numbers
    print(f"{kind.__name__:<26}  {found.dtype!s:<9}  {agrees:.2f}{'':22}{as_numbers:.2f}")

kind, agrees, as_numbers = seen["TabNetMultiTaskClassifier"]
if (kind, agrees) != ("U", 0.0) or as_numbers < 0.55:
    sys.exit("The behaviour is not that of the header any more.")
if seen["TabNetClassifier"][0] != "i":
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
