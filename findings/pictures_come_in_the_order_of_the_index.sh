#!/usr/bin/env bash
# chromadb 1.5.9 (numpy 2.4.6, scikit-learn 1.9.1)
#
# Behaviour: get(ids=[...]) returns the records in the order in which they were added,
# and not in the order of the ids that were asked for; ids that are not there are left
# out. Embeddings that are fetched for a list of pictures stand beside the labels of
# other pictures, in silence as long as none is missing.
#
# Guess: row i is that of ids[i], as upsert and update take their rows, and as other
# stores of vectors return what is fetched by id.
#
# Seen, and of 400 pictures whose embeddings tell their label well:
#   asked for            c.png, a.png, b.png
#   returned             a.png, b.png, c.png
#   accuracy, rows as returned    0.47, that of chance
#   accuracy, rows put in order   0.93
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    chromadb==1.5.9 numpy==2.4.6 scikit-learn==1.9.1

cd "$work"
ANONYMIZED_TELEMETRY=False "$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import chromadb
import numpy as np
from sklearn.linear_model import LogisticRegression

packages = ("chromadb", "numpy", "scikit-learn")
print(", ".join(f"{name} {version(name)}" for name in packages))
client = chromadb.EphemeralClient()

few = client.create_collection("few-pictures", embedding_function=None)
few.add(ids=["a.png", "b.png", "c.png"], embeddings=np.eye(3))
asked = ["c.png", "a.png", "b.png"]
got = few.get(ids=asked)["ids"]
print("asked for", asked, "returned", got)
missing = few.get(ids=["c.png", "x.png", "b.png"])["ids"]

rng = np.random.default_rng(0)
labels = rng.integers(2, size=400)
X = rng.normal(size=(400, 8))
X[:, 0] += 3.5 * labels
names = np.array([f"{number}.png" for number in range(400)])
many = client.create_collection("many-pictures", embedding_function=None)
many.add(ids=names.tolist(), embeddings=X)

order = rng.permutation(400)
train, test = order[:200], order[200:]


def fetched(rows, sort):
    stored = many.get(ids=names[rows].tolist(), include=["embeddings"])
    embeddings = np.asarray(stored["embeddings"])
    if not sort:
        return embeddings
    place = {name: number for number, name in enumerate(stored["ids"])}
    return embeddings[[place[name] for name in names[rows]]]


accuracies = []
for sort in (False, True):
    model = LogisticRegression().fit(fetched(train, sort), labels[train])
    accuracies.append(model.score(fetched(test, sort), labels[test]))
print(f"accuracy, rows as returned {accuracies[0]:.2f}, in order {accuracies[1]:.2f}")

if not (
    got == sorted(asked)
    and missing == ["b.png", "c.png"]
    and accuracies[0] < 0.6
    and accuracies[1] > 0.9
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
