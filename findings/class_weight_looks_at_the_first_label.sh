#!/usr/bin/env bash
# keras 3.15.1 with jax 0.10.2 (numpy 2.4.6)
#
# Behaviour: `fit(class_weight=...)` of several labels gives a row one weight, that of
# its first label by the order of the columns. A weight for a rare label in the last
# column does not reach the rows that have another label too, and a weight for the first
# column is that of rows without any label as well. The help asks for one-hot rows; rows
# of several labels, or of none, are not refused, and nothing warns.
#
# Guess: each label's part of the loss has the weight of that label, or rows that are
# not one-hot are refused.
#
# Seen, the loss of one row, divided by that without class_weight:
#   labels of the row    {cat: 10}    {person: 10}
#   cat                    10.0            1.0
#   person, cat             1.0           10.0
#   dog, cat                1.0            1.0
#   none                    1.0           10.0
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet keras==3.15.1 jax==0.10.2 numpy==2.4.6

export KERAS_HOME="$work/home" KERAS_BACKEND=jax
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys

import jax
import keras
import numpy as np

print(f"keras {keras.__version__}, jax {jax.__version__}, numpy {np.__version__}")

LABELS = ["person", "dog", "cat"]
row = np.ones((1, 2), dtype="float32")

# Nothing is learnt, so that the loss of the pass is that of the weights as they are.
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "sigmoid")])
model.compile(keras.optimizers.SGD(0.0), loss="binary_crossentropy")


def loss(target, class_weight=None):
    history = model.fit(row, target, class_weight=class_weight, verbose=0)
    return history.history["loss"][0]


print(f"{'labels of the row':<20} {{cat: 10}}   {{person: 10}}")
seen = []
for names in (["cat"], ["person", "cat"], ["dog", "cat"], []):
    target = np.array([[float(label in names) for label in LABELS]])
    cat, person = (
        round(loss(target, weights) / loss(target), 3)
        for weights in ({0: 1.0, 1: 1.0, 2: 10.0}, {0: 10.0, 1: 1.0, 2: 1.0})
    )
    print(f"{', '.join(names) or 'none':<20} {cat:>8}   {person:>12}")
    seen.append((cat, person))

if seen != [(10, 1), (1, 10), (1, 1), (1, 10)]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
