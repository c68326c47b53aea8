#!/usr/bin/env bash
# scikit-learn 1.9.1 (numpy 2.4.6, scipy 1.17.1)
#
# Behaviour: MLPClassifier(early_stopping=True) watches, on the rows that it holds out,
# the share of those of which every label is right. Of 50 labels that is 0 whatever is
# learned. It so stops after ten passes without a rise, and as only a rise replaces the
# weights that it keeps, the network is the one of its first pass over the rows, which
# ranks labels as chance does. Nothing warns. Of 3 labels it works.
#
# Guess: what is held out is judged by its loss, or label by label; early stopping costs
# a tenth of the rows, and little precision.
#
# Seen: mean average precision of 1,000 new rows (labels in 18 % of the rows)
#   3 labels    to the end 0.77, in 100 passes   early stop 0.75, in 53, best score 0.70
#   50 labels   to the end 0.75, in 100 passes   early stop 0.20, in 12, best score 0.00
#   the weights of the last one are those after a single pass: True
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from sklearn.metrics import average_precision_score
from sklearn.neural_network import MLPClassifier

packages = ("scikit-learn", "numpy", "scipy")
print(", ".join(f"{name} {version(name)}" for name in packages))

rng = np.random.default_rng(0)
X = rng.normal(size=(3000, 20))
values = X @ rng.normal(size=(20, 50)) / 20**0.5 + rng.normal(size=(3000, 50)) / 2
labels = (values > 1).astype(int)
train, test = slice(2000), slice(2000, 3000)

found = {}
for count in (3, 50):
    Y = labels[:, :count]
    for stop in (False, True):
        network = MLPClassifier(
            64, early_stopping=stop, max_iter=100, random_state=0
        ).fit(X[train], Y[train])
        precision = average_precision_score(Y[test], network.predict_proba(X[test]))
        found[count, stop] = network, precision
    (whole, its), (stopped, of_stopped) = found[count, False], found[count, True]
    print(
        f"{count:>2} labels   to the end {its:.2f}, in {whole.n_iter_} passes   "
        f"early stop {of_stopped:.2f}, in {stopped.n_iter_}, "
        f"best score {stopped.best_validation_score_:.2f}"
    )

first = MLPClassifier(64, early_stopping=True, max_iter=1, random_state=0)
first.fit(X[train], labels[train])
same = all(map(np.array_equal, first.coefs_, stopped.coefs_))
print("the weights of the last one are those after a single pass:", same)

if not (
    same
    and stopped.best_validation_score_ == 0
    and stopped.n_iter_ < 20
    and found[50, False][1] > 0.6
    and found[50, True][1] < 0.3
    and found[3, True][1] > 0.7
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
