#!/usr/bin/env bash
# scikit-learn 1.9.1 with pyarrow 26.0.1 (numpy 2.4.6)
#
# Behaviour: train_test_split of a pyarrow Table gives Tables. Of a RecordBatch, which has
# the same columns and the same methods, it gives StructArrays, one dict for each row,
# with or without shuffling. A model fits the whole batch, but a cross-validation hands it
# structs and fails; and from the whole batch it learns no feature names, as it does from
# a Table.
#
# Guess: a batch is split into batches, since its own `take` and `slice` return batches;
# what fits a Table fits a batch, and what can be fitted can be cross-validated.
#
# Seen:
#   Table        take gives Table        split gives Table
#                names ['a', 'b']  cross-validation works
#   RecordBatch  take gives RecordBatch  split gives StructArray
#                names none        cross-validation ValueError: Expected 2D array, got 1D
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 pyarrow==26.0.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import pyarrow as pa
import sklearn
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score, train_test_split

print(f"scikit-learn {sklearn.__version__}, pyarrow {pa.__version__}", end=", ")
print(f"numpy {np.__version__}")

rng = np.random.default_rng(0)
batch = pa.record_batch({"a": rng.normal(size=20), "b": rng.normal(size=20)})
y = rng.normal(size=20)

seen = []
for X in (pa.table(batch), batch):
    taken = type(X.take([2, 0])).__name__
    parts = train_test_split(X, random_state=0) + train_test_split(X, shuffle=False)
    (split,) = {type(part).__name__ for part in parts}
    print(f"{type(X).__name__:<12} take gives {taken:<12} split gives {split}")

    names = getattr(LinearRegression().fit(X, y), "feature_names_in_", None)
    names = "none" if names is None else str(list(map(str, names)))
    try:
        cross_val_score(LinearRegression(), X, y, error_score="raise")
        outcome = "works"
    except ValueError as error:
        outcome = f"ValueError: {str(error)[:25]}"
    print(f"{'':<12} names {names:<11} cross-validation {outcome}")
    seen.append((taken, split, names, outcome))

if seen != [
    ("Table", "Table", "['a', 'b']", "works"),
    ("RecordBatch", "StructArray", "none", "ValueError: Expected 2D array, got 1D"),
]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
