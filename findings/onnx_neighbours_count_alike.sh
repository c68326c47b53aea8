#!/usr/bin/env bash
# skl2onnx 1.20.0 with scikit-learn 1.9.1 and onnxruntime 1.32.0 (onnx 1.23.2, numpy 2.4.6)
#
# Behaviour: nearest neighbours of weights="distance" are exported so that all of them
# count alike, as with weights="uniform": of one label, of several and in a regressor.
# Nothing warns. A callable for `weights` is refused, with an error.
#
# Guess: distances are exported, as the operators for it are there; or refused like a
# callable.
#
# Seen, of 300 new rows and four neighbours: the largest difference of the exported model
# to the model that was exported, and to one of weights="uniform" on the same rows
#   one label        to the model 0.20   to uniform weights 0.00
#   three labels     to the model 0.20   to uniform weights 0.00
#   regressor        to the model 0.14   to uniform weights 0.00
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet skl2onnx==1.20.0 onnx==1.23.2 \
    onnxruntime==1.32.0 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import onnxruntime
import skl2onnx
import sklearn
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

print(f"skl2onnx {skl2onnx.__version__}, scikit-learn {sklearn.__version__}", end=", ")
print(f"onnxruntime {onnxruntime.__version__}, numpy {np.__version__}")

rng = np.random.default_rng(0)
X, new = rng.normal(size=(2, 300, 4)).astype(np.float32)
Y = (X[:, :3] + rng.normal(size=(300, 3)) / 2 > [0, 0.7, 1.4]).astype(int)


def by_itself(model):
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(new))
    return model.predict(new)


def by_onnx(model):
    classifies = hasattr(model, "predict_proba")
    options = {id(model): {"zipmap": False}} if classifies else None
    graph = skl2onnx.to_onnx(model, X[:1], options=options).SerializeToString()
    outputs = onnxruntime.InferenceSession(graph).run(None, {"X": new})
    return np.asarray(outputs[1]) if classifies else outputs[0].ravel()


seen = []
for name, kind, target in (
    ("one label", KNeighborsClassifier, Y[:, 0]),
    ("three labels", KNeighborsClassifier, Y),
    ("regressor", KNeighborsRegressor, X[:, 0]),
):
    model = kind(4, weights="distance").fit(X, target)
    alike = kind(4, weights="uniform").fit(X, target)
    exported = by_onnx(model)
    own, uniform = (np.abs(exported - by_itself(m)).max() for m in (model, alike))
    print(f"{name:<16} to the model {own:.2f}   to uniform weights {uniform:.2f}")
    seen.append(own > 0.1 and uniform < 1e-5)

if not all(seen):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
