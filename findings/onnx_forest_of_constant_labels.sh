#!/usr/bin/env bash
# skl2onnx 1.20.0 with scikit-learn 1.9.1 and onnxruntime 1.32.0 (numpy 2.4.6)
#
# Behaviour: a multi-label forest is exported with its probabilities as one tensor
# (label, row, class). A label that all rows of the training set have has one class, and
# its single probability, 1, is written first and filled up with a 0: just like that of a
# label that no row has. The second column, the probability of the label for all others,
# says 0 for the label that is always there. The exported labels are right, so that a
# comparison of predictions does not show it.
#
# Guess: the second column is P(label = 1) throughout, or the export refuses the model.
#
# Seen, of the labels "some", "always", "never" for one row that has the first two:
#   scikit-learn   labels [1, 1, 0]  classes [[0, 1], [1], [0]]
#                  probabilities [[0.0, 1.0], [1.0], [1.0]]
#   onnxruntime    labels [1, 1, 0]
#                  probabilities [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]
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
from sklearn.ensemble import RandomForestClassifier

print(f"skl2onnx {skl2onnx.__version__}, scikit-learn {sklearn.__version__}", end=", ")
print(f"onnxruntime {onnxruntime.__version__}, numpy {np.__version__}")

X = np.array([[0.0], [0.1], [0.9], [1.0]] * 10, dtype=np.float32)
some = (X[:, 0] > 0.5).astype(int)
Y = np.stack([some, np.ones_like(some), np.zeros_like(some)], axis=1)
row = X[3:4]

forest = RandomForestClassifier(5, random_state=0).fit(X, Y)
labels = forest.predict(row)[0].astype(int).tolist()
own = [label[0].tolist() for label in forest.predict_proba(row)]
classes = [label.tolist() for label in forest.classes_]
print(f"scikit-learn   labels {labels}  classes {classes}")
print(f"               probabilities {own}")

model = skl2onnx.to_onnx(forest, row, options={id(forest): {"zipmap": False}})
session = onnxruntime.InferenceSession(model.SerializeToString())
exported_labels, tensor = session.run(None, {"X": row})
exported_labels = exported_labels[0].tolist()
exported = tensor[:, 0].round(6).tolist()
print(f"onnxruntime    labels {exported_labels}")
print(f"               probabilities {exported}")

if (
    (labels, classes, own) != ([1, 1, 0], [[0, 1], [1], [0]], [[0.0, 1.0], [1.0], [1.0]])
    or exported_labels != labels
    or exported != [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
