#!/usr/bin/env bash
# skl2onnx 1.20.0 with scikit-learn 1.9.1 and onnxruntime 1.32.0 (onnx 1.23.2, numpy 2.4.6)
#
# Behaviour: a single tree of several labels is exported with probabilities of 0 and 1
# alone: every class that has any row in a leaf has 1 there. A label that 1 % of a leaf
# have is certainly there and certainly not there, so that a cut of the probabilities at
# 0.5 finds it. The exported labels are right, and so are the probabilities of a forest of
# several labels and those of a tree of one.
#
# Guess: they are the model's, to the precision of float32, as those of a forest.
#
# Seen, of three labels: P(label = 1) of one of 300 new rows, and how many of them have
# each label, by the model and by a cut of its probabilities at 0.5
#   scikit-learn  [0.121, 0.022, 0.011] labels [176, 56, 35]   cut [176, 56, 35]
#   onnxruntime   [1.0, 1.0, 1.0]       labels [176, 56, 35]   cut [289, 289, 283]
#   a forest: largest difference of a probability 0.000
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
from sklearn.tree import DecisionTreeClassifier

print(f"skl2onnx {skl2onnx.__version__}, scikit-learn {sklearn.__version__}", end=", ")
print(f"onnxruntime {onnxruntime.__version__}, numpy {np.__version__}")

rng = np.random.default_rng(0)
X, new = rng.normal(size=(2, 300, 4)).astype(np.float32)
Y = (X[:, :3] + rng.normal(size=(300, 3)) / 2 > [0, 0.7, 1.4]).astype(int)

tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, Y)
forest = RandomForestClassifier(5, max_depth=3, random_state=0).fit(X, Y)


def by_onnx(model):
    options = {id(model): {"zipmap": False}}
    graph = skl2onnx.to_onnx(model, X[:1], options=options).SerializeToString()
    return onnxruntime.InferenceSession(graph).run(None, {"X": new})


seen = []
for name, (labels, lists) in (
    ("scikit-learn", (tree.predict(new), tree.predict_proba(new))),
    ("onnxruntime", by_onnx(tree)),
):
    probabilities = np.asarray(lists)[:, :, 1].T
    counts = labels.sum(axis=0).astype(int).tolist()
    cut = (probabilities > 0.5).sum(axis=0).tolist()
    row = probabilities[1].astype(float).round(3).tolist()
    print(f"{name:<13} {row!s:<21} labels {counts!s:<15} cut {cut}")
    seen.append((probabilities, counts, cut))
off = np.abs(by_onnx(forest)[1] - np.asarray(forest.predict_proba(new))).max()
print(f"a forest: largest difference of a probability {off:.3f}")

(own, counts, cut), (exported, exported_counts, exported_cut) = seen
if (
    not np.array_equal(exported, own > 0)
    or exported_counts != counts
    or not all(a > b for a, b in zip(exported_cut, cut))
    or off > 1e-5
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
