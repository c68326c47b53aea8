#!/usr/bin/env bash
# skl2onnx 1.20.0 (onnx 1.23.2, onnxruntime 1.32.0, scikit-learn 1.9.1, numpy 2.4.6)
#
# Behaviour: the exported probabilities of an MLPClassifier for three labels are those of
# scikit-learn, a column a label. For two labels they are four columns: first the
# probabilities that each label is absent, then that it is present. Column j, which is
# label j for any other number of labels, is its opposite.
#
# Guess: a column a label, for two labels as for three; or, for each label, a pair.
#
# Seen, of one row:
#   2 labels, scikit-learn  0.21 0.02
#   2 labels, exported      0.79 0.98 0.21 0.02
#   3 labels, scikit-learn  0.15 0.05 0.71
#   3 labels, exported      0.15 0.05 0.71
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.neural_network import MLPClassifier

packages = ("skl2onnx", "onnx", "onnxruntime", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))
onnxruntime.set_default_logger_severity(3)

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4)).astype(np.float32)
Y = (X[:, :3] + 0.5 * rng.normal(size=(300, 3)) > 0.5).astype(int)


def told(row):
    return " ".join(f"{value:.2f}" for value in row)


right = True
for count in (2, 3):
    model = MLPClassifier((8,), solver="lbfgs", max_iter=200, random_state=0)
    model.fit(X, Y[:, :count])
    graph = to_onnx(model, X[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    labels, exported = session.run(None, {"X": X})
    own = model.predict_proba(X)
    print(f"{count} labels, scikit-learn  {told(own[0])}")
    print(f"{count} labels, exported      {told(exported[0])}")
    wanted = np.hstack([1 - own, own]) if count == 2 else own
    right &= exported.shape == wanted.shape and np.allclose(exported, wanted, atol=1e-4)
    right &= (labels == model.predict(X)).all()

if not right:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
