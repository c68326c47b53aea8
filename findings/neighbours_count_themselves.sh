#!/usr/bin/env bash
# scikit-multilearn-ng 0.0.8 (scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6)
#
# Behaviour: MLkNN learns from the training rows how many neighbours of a row with a label
# have it too, and counts each row as the first of its own neighbours. So it trusts the
# neighbours of a new row too much, and is sure of labels that were drawn by chance. With
# ignore_first_neighbours=1 it learns from others alone, but then also passes over the
# nearest neighbour of each new row. The documentation calls the default of 0 safe.
#
# Guess: as in the paper that it cites, a training row is not its own neighbour.
#
# Seen: the probabilities of labels that are tossed coins, where 0.5 is true of all, and
# the log loss of labels that depend on the features
#   k=1   ignoring none  probabilities 0.00 to 1.00   log loss 1.48
#   k=1   ignoring one   probabilities 0.46 to 0.51   log loss 0.51
#   k=10  ignoring none  probabilities 0.10 to 0.95   log loss 0.46
#   k=10  ignoring one   probabilities 0.33 to 0.89   log loss 0.44
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-multilearn-ng==0.0.8 \
    scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from skmultilearn.adapt import MLkNN

packages = ("scikit-multilearn-ng", "scikit-learn", "scipy", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

rng = np.random.default_rng(0)


def draw(n):
    X = rng.normal(size=(n, 5))
    return X, (X[:, :3] + rng.normal(size=(n, 3)) > 1).astype(int)


(X, Y), (new, truth) = draw(600), draw(1000)
coins = rng.integers(0, 2, size=(600, 3))

seen = {}
for k in (1, 10):
    for ignored in (0, 1):

        def probabilities(labels):
            model = MLkNN(k=k, ignore_first_neighbours=ignored).fit(X, labels)
            return model.predict_proba(new).toarray()

        told, p = probabilities(coins), probabilities(Y)
        loss = -np.log(np.where(truth == 1, p, 1 - p)).mean()
        seen[k, ignored] = told.min(), told.max(), loss
        name = "ignoring one" if ignored else "ignoring none"
        print(
            f"k={k:<3} {name:<14} probabilities {told.min():.2f} to {told.max():.2f}"
            f"   log loss {loss:.2f}"
        )

if (
    seen[1, 0][0] > 0.02
    or seen[1, 0][1] < 0.98
    or not 0.4 < seen[1, 1][0] <= seen[1, 1][1] < 0.6
    or seen[1, 0][2] < 2 * seen[1, 1][2]
    or seen[10, 0][2] <= seen[10, 1][2]
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
