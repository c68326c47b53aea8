#!/usr/bin/env bash
# joblib 1.6.0 with scipy 1.17.1 (scikit-learn 1.9.1, numpy 2.4.6)
#
# Behaviour: a sparse matrix remembers whether its entries are in canonical order once it
# has been asked, which `sum()`, `max()` and `nonzero()` do. The note is an attribute,
# pickled with the matrix, and joblib hashes what would be pickled: looking at a matrix
# changes its hash, though no value, index or dtype does. A pipeline with `memory=` then
# fits its first steps again on the matrix that it has in the cache.
#
# Guess: the hash is one of the contents, so that reading changes nothing.
#
# Seen:
#   same hash after X @ X.T True, after X.sum() False, after X.sum() again True
#   fits of the first step: 1, after the same call 1, after X.sum() 2
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet joblib==1.6.0 scikit-learn==1.9.1 \
    scipy==1.17.1 numpy==2.4.6

cat >"$work/counted.py" <<'PYTHON'
from sklearn.preprocessing import MaxAbsScaler

fits = []


class CountedScaler(MaxAbsScaler):
    def fit(self, X, y=None):
        fits.append(1)
        return super().fit(X, y)
PYTHON

PYTHONPATH="$work" "$work/venv/bin/python" - "$work/cache" <<'PYTHON'
import sys

import joblib
import numpy as np
import scipy
import sklearn
from counted import CountedScaler, fits
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

print(f"joblib {joblib.__version__}, scipy {scipy.__version__}", end=", ")
print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}")

dense = np.eye(20)[np.arange(40) % 20]
y = np.arange(40) % 2

X = csr_array(dense)
hashes = [joblib.hash(X)]
for read in (lambda: X @ X.T, X.sum, X.sum):
    read()
    hashes.append(joblib.hash(X))
same = [a == b for a, b in zip(hashes, hashes[1:], strict=False)]
print(f"same hash after X @ X.T {same[0]}, after X.sum() {same[1]}", end=", ")
print(f"after X.sum() again {same[2]}")

pipeline = make_pipeline(CountedScaler(), LogisticRegression(), memory=sys.argv[1])
X, counts = csr_array(dense), []
for read in (None, None, X.sum):
    if read is not None:
        read()
    pipeline.fit(X, y)
    counts.append(len(fits))
print(f"fits of the first step: {counts[0]}, after the same call {counts[1]}", end=", ")
print(f"after X.sum() {counts[2]}")

if (same, counts) != ([True, False, True], [1, 1, 2]):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
