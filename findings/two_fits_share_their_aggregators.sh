#!/usr/bin/env bash
# crowd-kit 1.4.2 (pandas 3.1.1, scikit-learn 1.9.1, numpy 2.4.6)
#
# Behaviour: BinaryRelevance keeps what it has fitted for each label in aggregators_,
# with the labels of the input data for keys, its help says. All instances share one
# such table. Fitting a second one puts its answers into the first, under the labels
# that both have, and the second has labels in it that its data lack. The labels_ of
# both are right.
#
# Guess: each instance has the aggregators of its own data.
#
# Seen: labels of the table, and the tasks that its "cat" knows
#   the first, after its fit     cat dog        t1
#   the second, after its fit    bird cat dog   u1
#   the first, after both        bird cat dog   u1
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pandas==3.1.1 scikit-learn==1.9.1 numpy==2.4.6 \
    attrs==26.1.0 nltk==3.10.4 tqdm==4.70.1
"$work/venv/bin/pip" install --quiet --no-deps crowd-kit==1.4.2

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import pandas as pd
from crowdkit.aggregation import BinaryRelevance, MajorityVote

packages = ("crowd-kit", "pandas", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))


def answers(task, labels):
    rows = [(task, f"w{i}", [label]) for i, label in enumerate(labels)]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def table(model):
    return sorted(model.aggregators_), list(model.aggregators_["cat"].labels_.index)


first = BinaryRelevance(MajorityVote()).fit(answers("t1", ["cat", "cat", "dog"]))
seen = {"the first, after its fit": table(first)}
second = BinaryRelevance(MajorityVote()).fit(answers("u1", ["bird", "bird", "cat"]))
seen["the second, after its fit"] = table(second)
seen["the first, after both"] = table(first)
for name, (labels, tasks) in seen.items():
    print(f"{name:<28} {' '.join(labels):<14} {' '.join(tasks)}")

right = first.labels_["t1"] == ["cat"] and second.labels_["u1"] == ["bird"]
shared = ["bird", "cat", "dog"], ["u1"]
if not right or list(seen.values()) != [(["cat", "dog"], ["t1"]), shared, shared]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
