#!/usr/bin/env bash
# datumaro 1.13.12 (numpy 2.2.6)
#
# Behaviour: Items without a label, or with several, are split at random, its help says,
# and the others label by label. With such items in the data set some others come into
# no part at all: they stay in "default", and 40 items without a label leave out as many
# that have one. It is as if places among the items of one label were taken for places
# among all. With 40 such items at the end all is well, so that a sorted data set hides
# it. Nothing warns.
#
# Guess: every item is in one of the two parts.
#
# Seen, of 400 items split into halves
#   items                         train   test   in neither
#   one label each                  200    200            0
#   the first 40 without labels     188    172           40
#   the first 40 with two           188    172           40
#   the last 40 without labels      200    200            0
#   of each label by chance         178    128           94, all with one label
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datumaro==1.13.12 numpy==2.2.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from collections import Counter
from importlib.metadata import version

import numpy as np
from datumaro import Dataset, DatasetItem
from datumaro.components.annotation import Label

print(f"datumaro {version('datumaro')}, numpy {np.__version__}")

rng = np.random.default_rng(0)
one = [[int(label)] for label in rng.integers(3, size=400)]
chance = rng.random((400, 3)) < [0.5, 0.3, 0.2]
contents = {
    "one label each": one,
    "the first 40 without labels": [[]] * 40 + one[40:],
    "the first 40 with two": [[0, 1]] * 40 + one[40:],
    "the last 40 without labels": one[:360] + [[]] * 40,
    "of each label by chance": [np.flatnonzero(row).tolist() for row in chance],
}
neither = {}
print("items                         train   test   in neither")
for name, rows in contents.items():
    items = [
        DatasetItem(id=f"{place:03d}", annotations=[Label(label) for label in labels])
        for place, labels in enumerate(rows)
    ]
    halves = [("train", 0.5), ("test", 0.5)]
    dataset = Dataset.from_iterable(items, categories=["car", "dog", "tree"])
    dataset.transform("split", task="classification", splits=halves, seed=0)
    parts = Counter(item.subset for item in dataset)
    left = [len(item.annotations) for item in dataset if item.subset == "default"]
    neither[name] = left
    print(f"{name:<28}  {parts['train']:5d}  {parts['test']:5d}  {len(left):11d}")

labels_left = set(neither["of each label by chance"])
print("labels of each that is in neither, by chance:", sorted(labels_left))
if (
    [len(left) for left in neither.values()][:4] != [0, 40, 40, 0]
    or len(neither["of each label by chance"]) < 50
    or labels_left != {1}
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
