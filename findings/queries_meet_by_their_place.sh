#!/usr/bin/env bash
# ranx 0.3.21 (numba 0.68.1, numpy 2.4.6)
#
# Behaviour: evaluate takes judgements and scores as dicts by query. It checks that both
# have the same queries, and compares the first of one with the first of the other, the
# second with the second, and so on: keys are not looked up.
#
# Guess: a query is compared with the query of its key, as the check of the keys says.
#
# Seen, of 30 pictures with one of three labels, all ranked first by the scores:
#   scores                       reciprocal rank
#   in the order of the labels         1.00
#   the same dict, shuffled            0.58
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet ranx==0.3.21 numba==0.68.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import random
import sys
from importlib.metadata import version

from ranx import evaluate

names = ("ranx", "numba", "numpy")
print(", ".join(f"{name} {version(name)}" for name in names))

labels = ("cat", "dog", "owl")
rng = random.Random(0)
truth = {f"p{i}": {rng.choice(labels): 1} for i in range(30)}
scores = {
    picture: {label: 0.9 if label in present else 0.1 for label in labels}
    for picture, present in truth.items()
}
shuffled = dict(rng.sample(list(scores.items()), len(scores)))
assert shuffled == scores

# The plain computation: how often the best label of a picture is one of its own.
right = all(max(scores[p], key=scores[p].get) in truth[p] for p in truth)

print("scores                       reciprocal rank")
seen = {}
for name, given in (
    ("in the order of the labels", scores),
    ("the same dict, shuffled", shuffled),
):
    seen[name] = evaluate(truth, given, "mrr")
    print(f"{name:<26}  {seen[name]:9.2f}")

ordered, moved = seen.values()
if not right or ordered != 1.0 or moved > 0.8:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
