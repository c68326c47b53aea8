#!/usr/bin/env bash
# implicit 0.7.3 (scipy 1.17.1, numpy 2.4.6)
#
# Behaviour: precision_at_k, and "precision" of ranking_metrics_at_k, divide what was
# found among the first K by what could have been found there, K or fewer where a row
# has fewer, and not by K. It is a recall, of all rows together. The help of the
# function says P@K.
#
# Guess: what was found among the first K, over K.
#
# Seen, of 979 pictures and 40 labels that go together in tens, where labels were held
# back to be suggested from the others of the row; K is 10:
#   labels held back   implicit   found / (rows x 10)   the most there can be
#   one of each row        0.72                 0.072                    0.1
#   two of each row        0.66                 0.132                    0.2
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet implicit==0.7.3 scipy==1.17.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from implicit.evaluation import precision_at_k
from implicit.nearest_neighbours import CosineRecommender
from scipy.sparse import csr_matrix

packages = ("implicit", "scipy", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

# Pictures of four scenes, of which each makes ten labels likely; four labels or more.
rng = np.random.default_rng(0)
scene = rng.integers(0, 4, 1000)
likely = scene[:, None] == np.arange(40) // 10
labels = rng.random((1000, 40)) < np.where(likely, 0.5, 0.08)
labels = labels[labels.sum(axis=1) >= 4]

seen = []
print(len(labels), "rows")
print("held back   implicit   found / (rows x 10)   the most")
for held in (1, 2):
    order = np.argsort(np.where(labels, rng.random(labels.shape), 2), axis=1)
    test = np.zeros_like(labels)
    np.put_along_axis(test, order[:, :held], True, axis=1)
    train = csr_matrix((labels & ~test).astype(float))
    model = CosineRecommender(K=40, num_threads=1)
    model.fit(train, show_progress=False)
    options = {"K": 10, "show_progress": False, "num_threads": 1}
    theirs = precision_at_k(model, train, csr_matrix(test.astype(float)), **options)
    ids = model.recommend(np.arange(len(labels)), train, N=10)[0]
    found = np.take_along_axis(test, ids, axis=1).sum()
    seen.append((theirs, found / (len(labels) * 10), found / test.sum(), held / 10))
    print(f"{held:9}   {theirs:8.2f}   {seen[-1][1]:19.3f}   {held / 10:8.1f}")

if not all(
    np.isclose(theirs, recall) and theirs > 2 * most and precision <= most
    for theirs, precision, recall, most in seen
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
