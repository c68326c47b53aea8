#!/usr/bin/env bash
# iterative-stratification 0.1.9 with scikit-learn 1.9.1 (numpy 2.4.6)
#
# Behaviour: MultilabelStratifiedShuffleSplit has train_size and test_size, described as
# in scikit-learn's splitters: a proportion or a number of rows. It takes both for a
# ratio and always deals out all rows, so that 20 rows of each become half of the table
# each. A learning curve made by a growing train_size measures another size than it says.
#
# Guess: as in ShuffleSplit and StratifiedShuffleSplit, rows in neither part are left out.
#
# Seen, of 100 rows (training, test):
#   train_size=0.1, test_size=0.2   ShuffleSplit (10, 20)   stratified (33, 67)
#   train_size=0.25, test_size=0.25 ShuffleSplit (25, 25)   stratified (50, 50)
#   train_size=20, test_size=20     ShuffleSplit (20, 20)   stratified (50, 50)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    iterative-stratification==0.1.9 scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import sklearn
from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit
from sklearn.model_selection import ShuffleSplit

print(f"iterative-stratification {version('iterative-stratification')}", end=", ")
print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}")

Y = (np.random.default_rng(0).random((100, 3)) < 0.3).astype(int)
X = np.zeros((100, 1))

seen = []
for train_size, test_size in ((0.1, 0.2), (0.25, 0.25), (20, 20)):
    sizes = []
    for splitter in (ShuffleSplit, MultilabelStratifiedShuffleSplit):
        parts = splitter(
            1, train_size=train_size, test_size=test_size, random_state=0
        ).split(X, Y)
        train, test = next(parts)
        sizes.append((len(train), len(test)))
    what = f"train_size={train_size}, test_size={test_size}"
    print(f"{what:<31} ShuffleSplit {sizes[0]}   stratified {sizes[1]}")
    seen.append(sizes)

if seen != [
    [(10, 20), (33, 67)],
    [(25, 25), (50, 50)],
    [(20, 20), (50, 50)],
]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
