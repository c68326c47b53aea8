#!/usr/bin/env bash
# pytrec-eval-terrier 0.5.11 (scikit-learn 1.9.1, numpy 2.4.6)
#
# Behaviour: scores are Python's floats of 64 bits, and are compared in 32 bits. Two that
# then are one are ordered by the text of their names, the last in the alphabet first. In
# sigmoids that is every label with a decision value above 17, so that sure labels are
# ranked by name, and the measure follows how the labels are called.
#
# Guess: different floats are never ties, as in scikit-learn; or ties count as their mean.
#
# Seen, of 300 rows and 20 labels, mean average precision of one ranking:
#   form                       pytrec_eval   scikit-learn
#   decision values                  1.000          1.000
#   sigmoids                         0.792          1.000
#   sigmoids, names reversed         0.811          1.000
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    pytrec-eval-terrier==0.5.11 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import pytrec_eval
from sklearn.metrics import label_ranking_average_precision_score as ranking

packages = ("pytrec-eval-terrier", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

# Sure decision values: the three highest labels of a row are the relevant ones.
rng = np.random.default_rng(0)
values = rng.uniform(-10, 25, size=(300, 20))
relevant = (values.argsort(axis=1).argsort(axis=1) >= 17).astype(int)
sigmoids = 1 / (1 + np.exp(-values))
in_order = np.take_along_axis(sigmoids, values.argsort(axis=1), axis=1)
no_ties = (np.diff(in_order, axis=1) > 0).all()
print(f"the sigmoids have the order of the decision values, without a tie: {no_ties}")


def table(array, names, kind):
    return {
        str(row): {name: kind(cell) for name, cell in zip(names, cells)}
        for row, cells in enumerate(array)
    }


def mean_precision(scores, names):
    evaluator = pytrec_eval.RelevanceEvaluator(table(relevant, names, int), {"map"})
    found = evaluator.evaluate(table(scores, names, float))
    return np.mean([row["map"] for row in found.values()])


names = [f"label{place:02}" for place in range(20)]
seen = {
    "decision values": (mean_precision(values, names), ranking(relevant, values)),
    "sigmoids": (mean_precision(sigmoids, names), ranking(relevant, sigmoids)),
}
seen["sigmoids, names reversed"] = (
    mean_precision(sigmoids, names[::-1]),
    seen["sigmoids"][1],
)
print("form                       pytrec_eval   scikit-learn")
for name, (own, other) in seen.items():
    print(f"{name:25}  {own:11.3f}   {other:12.3f}")

values_map, sigmoids_map, reversed_map = (own for own, _ in seen.values())
if (
    not no_ties
    or min(other for _, other in seen.values()) < 1
    or values_map < 1
    or max(sigmoids_map, reversed_map) > 0.9
    or abs(sigmoids_map - reversed_map) < 0.005
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
