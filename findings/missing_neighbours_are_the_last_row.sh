#!/usr/bin/env bash
# faissknn 0.4.2 with faiss-cpu 1.15.1 (torch 2.13.0, numpy 2.4.6)
#
# Behaviour: faiss gives the number -1 for a neighbour that is not there. The classifiers
# look labels up by these numbers, and -1 is the last row of training. Asked for more
# neighbours than there are rows, the last row has a vote for each that is missing, and
# the probabilities are shares of the number that was asked for.
#
# Guess: an error, as KNeighborsClassifier of scikit-learn has it, or the rows there are.
#
# Seen, of six rows, five of a cat and the last of a dog, for a row that is like the first:
#   neighbours   cat    dog    predicted
#   6            0.83   0.17   cat
#   10           0.50   0.50   neither
#   20           0.25   0.75   dog
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    faissknn==0.4.2 faiss-cpu==1.15.1 torch==2.13.0 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from faissknn import FaissKNNMultilabelClassifier

names = ("faissknn", "faiss-cpu", "torch", "numpy")
print(", ".join(f"{name} {version(name)}" for name in names))

X = np.arange(6, dtype=np.float32).reshape(-1, 1)
Y = np.array([[1, 0]] * 5 + [[0, 1]])

print("neighbours   cat    dog    predicted")
seen = {}
for neighbours in (6, 10, 20):
    model = FaissKNNMultilabelClassifier(n_neighbors=neighbours).fit(X, Y)
    cat, dog = model.predict_proba(X[:1])[0]
    found = model.predict(X[:1])[0]
    label = "cat" if found[0] else "dog" if found[1] else "neither"
    seen[neighbours] = round(float(cat), 9), round(float(dog), 9), label
    print(f"{neighbours:<10}  {cat:5.2f}  {dog:5.2f}   {label}")

# Six rows vote once, and the last row again for each neighbour that is missing.
expected = {
    k: (round(5 / k, 9), round((k - 5) / k, 9), label)
    for k, label in ((6, "cat"), (10, "neither"), (20, "dog"))
}
if seen != expected:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
