#!/usr/bin/env bash
# cleanlab 2.9.0 (scikit-learn 1.9.1, numpy 2.4.6)
#
# Behaviour: the functions for several labels take a list of classes for each row. An
# indicator of 0 and 1, the form of scikit-learn, passes their checks: each cell is taken
# for the number of a class, so that a row with any label has the classes 0 and 1, and a
# row without one has class 0. Issues and scores are of that table. The only warning is
# of a class with too few examples, and not of the form.
#
# Guess: an indicator is recognised by its shape, which is that of the probabilities, or
# refused, because a row names a class many times.
#
# Seen, of 300 rows and 5 labels of which 15 rows have one turned round:
#   form              issues   of them wrong rows   wrong rows of the 15 lowest scores
#   lists of classes      12                   12                   15
#   indicator            268                   14                    1
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    cleanlab==2.9.0 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from cleanlab.multilabel_classification import get_label_quality_scores
from cleanlab.multilabel_classification.filter import find_label_issues

packages = ("cleanlab", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

# Sure probabilities, the labels that follow from them, and 15 rows with a wrong one.
rng = np.random.default_rng(0)
truth = rng.random((300, 5)) < 0.25
probabilities = np.where(truth, 0.95, 0.05) + rng.uniform(-0.04, 0.04, truth.shape)
labels = truth.astype(int)
wrong = np.arange(0, 300, 20)
labels[wrong, wrong // 20 % 5] ^= 1

forms = {
    "lists of classes": [np.flatnonzero(row).tolist() for row in labels],
    "indicator": labels.tolist(),
}
seen = []
print("form              issues   of them wrong rows", end="   ")
print("wrong rows of the 15 lowest scores")
for name, form in forms.items():
    issues = np.flatnonzero(find_label_issues(form, probabilities))
    scores = get_label_quality_scores(form, probabilities)
    lowest = np.argsort(scores, kind="stable")[:15]
    right, low = np.isin(issues, wrong).sum(), np.isin(lowest, wrong).sum()
    seen.append((len(issues), right, low))
    print(f"{name:16}  {len(issues):6}   {right:18}   {low:18}")

lists, indicator = seen
right = lists[0] == lists[1] and lists[0] >= 10 and lists[2] == 15
if not right or indicator[0] < 100 or indicator[2] > 5:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
