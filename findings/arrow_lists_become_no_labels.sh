#!/usr/bin/env bash
# scikit-learn 1.9.1 with pyarrow 26.0.1 (polars 2.1.0, pandas 3.1.1, numpy 2.4.6)
#
# Behaviour: MultiLabelBinarizer, given its classes, makes a table of zeros of a pyarrow
# list array: the labels that come out of it are Arrow scalars, which equal no str, and
# so all of them are "unknown classes" that are ignored with one warning. The same lists
# as a polars Series, and as a pandas Series of the very same Arrow type, come out right,
# and LabelBinarizer reads a plain pyarrow array of text correctly.
#
# Guess: lists of text are lists of text, whichever table library holds them; or a
# TypeError, since splitters and estimators take pyarrow's arrays.
#
# Seen, of the rows ["cat", "dog"] and ["dog"] with the classes cat and dog:
#   list            [[1, 1], [0, 1]]  warnings 0
#   polars          [[1, 1], [0, 1]]  warnings 0
#   pandas on Arrow [[1, 1], [0, 1]]  warnings 0
#   pyarrow         [[0, 0], [0, 0]]  warnings 1
#   LabelBinarizer, pyarrow array of bird, cat, dog: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 pyarrow==26.0.1 \
    polars==2.1.0 pandas==3.1.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import sklearn
from sklearn.preprocessing import LabelBinarizer, MultiLabelBinarizer

print(f"scikit-learn {sklearn.__version__}, pyarrow {pa.__version__}", end=", ")
print(f"polars {pl.__version__}, pandas {pd.__version__}, numpy {np.__version__}")

rows = [["cat", "dog"], ["dog"]]
arrow = pa.array(rows, type=pa.list_(pa.string()))

seen = []
for name, column in (
    ("list", rows),
    ("polars", pl.Series(rows)),
    ("pandas on Arrow", pd.Series(rows, dtype=pd.ArrowDtype(arrow.type))),
    ("pyarrow", arrow),
):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        binarizer = MultiLabelBinarizer(classes=["cat", "dog"])
        table = binarizer.fit_transform(column).tolist()
    ignored = sum("will be ignored" in str(warning.message) for warning in told)
    print(f"{name:<15} {table}  warnings {ignored}")
    seen.append((table, ignored))

plain = LabelBinarizer().fit_transform(pa.array(["bird", "cat", "dog"])).tolist()
print(f"LabelBinarizer, pyarrow array of bird, cat, dog: {plain}")

right, zeros = ([[1, 1], [0, 1]], 0), ([[0, 0], [0, 0]], 1)
if seen != [right, right, right, zeros] or plain != np.eye(3).tolist():
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
