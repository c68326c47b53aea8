#!/usr/bin/env bash
# small-text 1.4.1 (scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6)
#
# Behaviour: the stratified start for several labels,
# multilabel_stratified_subsets_sampling, promises a row of each set of labels that the
# rows have, if there is room. It tells sets apart by how numpy prints the row of the
# indicator, and of more than 1,000 numbers numpy prints the first three and the last
# three. So from 1,001 labels on nearly all rows are of one set, and the sample is drawn
# at random, without a word.
#
# Guess: the rows of the sample have the sets of labels in their shares, of any number
# of labels.
#
# Seen: sets of labels among 24 of 1,000 rows, where 945 rows are of the first set and 5
#   of each of the 11 others; smallest and largest number of 20 draws
#   1,000 labels   12 to 12 of 12
#   1,001 labels   1 to 4 of 12
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet small-text==1.4.1 scikit-learn==1.9.1 \
    scipy==1.17.1 numpy==2.4.6

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from scipy.sparse import csr_matrix
from small_text.data.sampling import multilabel_stratified_subsets_sampling

packages = ("small-text", "scikit-learn", "scipy", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

sets = np.concatenate([np.zeros(945, int), np.repeat(np.arange(1, 12), 5)])
seen = {}
for n_labels in (1000, 1001):
    Y = np.zeros((len(sets), n_labels), int)
    Y[np.arange(len(sets)), 10 + 20 * sets] = 1
    np.random.seed(0)
    counts = []
    for _ in range(20):
        rows = multilabel_stratified_subsets_sampling(csr_matrix(Y), n_samples=24)
        counts.append(len(set(sets[rows])))
    seen[n_labels] = min(counts), max(counts)
    print(f"{n_labels:,} labels   {min(counts)} to {max(counts)} of 12")

if seen[1000] != (12, 12) or seen[1001][1] > 8:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
