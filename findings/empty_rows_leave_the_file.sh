#!/usr/bin/env bash
# scikit-learn 1.9.1 (numpy 2.4.6, scipy 1.17.1)
#
# Behaviour: dump_svmlight_file(multilabel=True) writes a row without labels and without a
# nonzero feature as a line of blanks, and load_svmlight_file(multilabel=True) passes over
# such lines: the row is gone, and all rows after it are one place too early for ids,
# groups or pictures kept elsewhere. A row that has only labels or only features stays, as
# does an empty row of a single target, and one of several labels with query_id=True.
#
# Guess: what is written is read with as many rows.
#
# Seen, of the rows "a" (features, label), "b" (neither), "c" (label), "d" (features):
#   several labels      4 rows written, 3 read, labels [(0.0,), (1.0,), ()]
#   one target          4 rows written, 4 read
#   with query numbers  4 rows written, 4 read
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1

"$work/venv/bin/python" - <<'PYTHON'
import io
import sys

import numpy as np
import scipy
import sklearn
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}", end=", ")
print(f"scipy {scipy.__version__}")

X = np.array([[1, 2], [0, 0], [0, 0], [3, 4]])
Y = np.array([[1, 0], [0, 0], [0, 1], [0, 0]])

seen = []
for name, target, several, queries in (
    ("several labels", Y, True, None),
    ("one target", Y[:, 0], False, None),
    ("with query numbers", Y, True, np.arange(4)),
):
    file = io.BytesIO()
    dump_svmlight_file(X, target, file, multilabel=several, query_id=queries)
    file.seek(0)
    rows, labels, *_ = load_svmlight_file(
        file, multilabel=several, query_id=queries is not None
    )
    read = rows.shape[0]
    told = f", labels {labels}" if read < len(X) else ""
    print(f"{name:<19} {len(X)} rows written, {read} read{told}")
    seen.append((read, rows.toarray()[-1].tolist()))

if seen != [(3, [3, 4]), (4, [3, 4]), (4, [3, 4])]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
