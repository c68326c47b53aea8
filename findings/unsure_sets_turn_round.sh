#!/usr/bin/env bash
# river 0.26.1 (numpy 2.4.6)
#
# Behaviour: MultiClassEncoder makes each set of labels a class. It gives every label the
# probability of the likeliest set, for the value that the label has there, and one minus
# it for the other. Where that set has less than a half, predict_one has each label the
# other way round: a label of every row is absent. Its help says that the predicted class
# is converted back to the set.
#
# Guess: the likeliest set is predicted; or each label by the sum of the sets with it.
#
# Seen, of ten rows, four of cat and sky, three of cat, dog and sky, three of sky:
#   probabilities  cat 0.40, dog 0.60, sky 0.40
#   predicted      dog
# Of 1,000 new rows with six labels, after a naive Bayes learner saw 2,000, labels right:
#   likeliest set          rows   predicted   that set
#   has a half or more       55       84%        84%
#   has less than a half    945       26%        74%
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet river==0.26.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from river import dummy, multioutput, naive_bayes

print(", ".join(f"{name} {version(name)}" for name in ("river", "numpy")))


def labels(present):
    return {name: name in present.split() for name in ("cat", "dog", "sky")}


few = multioutput.MultiClassEncoder(dummy.PriorClassifier())
for present in ["cat sky"] * 4 + ["cat dog sky"] * 3 + ["sky"] * 3:
    few.learn_one({}, labels(present))
told = {name: p[True] for name, p in few.predict_proba_one({}).items()}
predicted = [name for name, value in few.predict_one({}).items() if value]
print("probabilities ", ", ".join(f"{name} {p:.2f}" for name, p in told.items()))
print("predicted     ", " ".join(predicted))

rng = np.random.default_rng(0)
X = rng.normal(size=(3000, 6))
Y = X + rng.normal(size=X.shape) > 0.5
model = multioutput.MultiClassEncoder(naive_bayes.GaussianNB())
for x, y in zip(X[:2000], Y[:2000]):
    model.learn_one(dict(enumerate(x)), dict(enumerate(y.tolist())))

right = {True: [], False: []}
for x, y in zip(X[2000:], Y[2000:]):
    features = dict(enumerate(x))
    probabilities = model.model.predict_proba_one(features)
    best = max(probabilities, key=probabilities.get)
    likeliest = dict(model._r_label_map[best])
    own = model.predict_one(features)
    hits = [[found[i] == y[i] for i in range(6)] for found in (own, likeliest)]
    right[probabilities[best] >= 0.5].append(np.mean(hits, axis=1))
print("likeliest set          rows   predicted   that set")
seen = {}
for sure, name in ((True, "has a half or more"), (False, "has less than a half")):
    own, likeliest = seen[sure] = np.mean(right[sure], axis=0)
    print(f"{name:<20} {len(right[sure]):6}   {own:7.0%}   {likeliest:8.0%}")

if (
    {name: round(p, 9) for name, p in told.items()}
    != {"cat": 0.4, "dog": 0.6, "sky": 0.4}
    or predicted != ["dog"]
    or seen[True][0] != seen[True][1]
    or abs(seen[False].sum() - 1) > 1e-9
    or seen[False][0] > 0.4
    or len(right[False]) < 300
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
