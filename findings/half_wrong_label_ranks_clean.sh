#!/usr/bin/env bash
# cleanlab 2.9.0 (scikit-learn 1.9.1, numpy 2.4.6)
#
# Behaviour: rank_classes_by_multilabel_quality puts the labels in the order of the
# share of their wrong marks. Its help says that this is a share of the rows that have
# the mark; it is one of all rows, so that a label of few rows is always among the best.
# The function of one class a row, rank_classes_by_label_quality, divides as its help
# says.
#
# Guess: a label of which every other mark is wrong has a quality of 0.5 and ranks
# first.
#
# Seen, of 2,000 rows:
#   place   label    marks   found wrong   quality   1 - found / marks
#       1   person    1046            31     0.985                0.97
#       2   owl         84            26     0.987                0.69
#       3   car        596             0     1.000                1.00
#       4   dog        217             0     1.000                1.00
#   in truth 60 marks of person and 42 of owl are wrong: 0.94 and 0.50 are right
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
from cleanlab.multilabel_classification.dataset import (
    rank_classes_by_multilabel_quality,
)

packages = ("cleanlab", "scikit-learn", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

# Probabilities that are sure and right, and labels with marks that should not be there:
# 60 of the common label, and of the rare one as many as right ones.
rng = np.random.default_rng(0)
names = ["person", "car", "dog", "owl"]
truth = rng.random((2000, 4)) < [0.5, 0.3, 0.1, 0.02]
noise = rng.normal(0, 0.05, truth.shape)
probabilities = np.clip(np.where(truth, 0.9, 0.1) + noise, 0.01, 0.99)
given = truth.copy()
for label, count in ((3, int(truth[:, 3].sum())), (0, 60)):
    given[rng.choice(np.flatnonzero(~truth[:, label]), count, replace=False), label] = 1

ranked = rank_classes_by_multilabel_quality(
    labels=[np.flatnonzero(row).tolist() for row in given],
    pred_probs=probabilities,
    class_names=names,
)
print("place   label    marks   found wrong   quality   of the marks")
shares = {}
for place, row in ranked.iterrows():
    name = row["Class Name"]
    marks = int(given[:, row["Class Index"]].sum())
    shares[name] = 1 - row["Label Issues"] / marks
    print(f"{place + 1:5}   {name:<7} {marks:6}   {row['Label Issues']:11}", end="   ")
    print(f"{row['Label Quality Score']:7.3f}   {shares[name]:12.2f}")
wrong = (given & ~truth).sum(axis=0) / given.sum(axis=0)
print("in truth", {n: round(1 - w, 2) for n, w in zip(names, wrong.tolist())})

quality = ranked.set_index("Class Name")["Label Quality Score"]
of_all = 1 - ranked.set_index("Class Name")["Label Issues"] / len(given)
if (
    not np.allclose(quality, of_all, atol=1e-3)
    or quality["owl"] < quality["person"]
    or shares["owl"] > shares["person"] - 0.2
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
