#!/usr/bin/env bash
# catboost 1.2.10 (onnx 1.23.2, onnxruntime 1.32.0, numpy 2.4.6)
#
# Behaviour: a CatBoostClassifier of several labels (loss_function="MultiLogloss") can be
# saved as ONNX, and is then a model of classes that exclude each other: the probabilities
# of a row sum to 1, and the output "label" is one number a row. Saved as JSON it is itself.
#
# Guess: the graph has a sigmoid for each label, or the format is refused, as PMML is.
#
# Seen:
#   a row with all three labels
#       catboost  [0.91, 0.86, 0.9] [1, 1, 1]
#       ONNX      [0.41, 0.23, 0.36] 0
#   a row with no label
#       catboost  [0.06, 0.06, 0.04] [0, 0, 0]
#       ONNX      [0.39, 0.38, 0.23] 0
#   labels found of 451, by catboost at 0.5: 403, from ONNX at 0.5: 270
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
# Without what it draws with.
"$work/venv/bin/pip" install --quiet --no-deps catboost==1.2.10 six==1.17.0

"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime
from catboost import CatBoostClassifier

packages = ("catboost", "onnx", "onnxruntime", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

work = Path(sys.argv[1])
rng = np.random.default_rng(0)
X = rng.normal(size=(400, 4)).astype(np.float32)
X[:2] = [[2, 2, 2, 0], [-2, -2, -2, 0]]
Y = (X[:, :3] + 0.3 * rng.normal(size=(400, 3)) > 0.3).astype(int)
model = CatBoostClassifier(
    loss_function="MultiLogloss",
    iterations=100,
    random_seed=0,
    thread_count=1,
    verbose=0,
    allow_writing_files=False,
).fit(X, Y)
own = model.predict_proba(X)

model.save_model(str(work / "model.json"), format="json")
again = CatBoostClassifier().load_model(str(work / "model.json"), format="json")
model.save_model(str(work / "model.onnx"), format="onnx")
session = onnxruntime.InferenceSession(str(work / "model.onnx"))
labels, tables = session.run(None, {"features": X})
exported = np.array([[table[place] for place in range(3)] for table in tables])

for row, name in enumerate(("all three labels", "no label")):
    print(f"a row with {name}")
    print(f"    catboost  {own[row].round(2).tolist()} {model.predict(X)[row].tolist()}")
    print(f"    ONNX      {exported[row].astype(float).round(2).tolist()} {labels[row]}")
print(f"labels found of {Y.sum()}, by catboost at 0.5: {Y[own > 0.5].sum()}", end=", ")
print(f"from ONNX at 0.5: {Y[exported > 0.5].sum()}")

softmax = np.exp(model.predict(X, prediction_type="RawFormulaVal"))
softmax /= softmax.sum(axis=1, keepdims=True)
if (
    not np.allclose(again.predict_proba(X), own)
    or not np.allclose(exported, softmax, atol=1e-4)
    or labels.shape != (400,)
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
