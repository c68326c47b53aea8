#!/usr/bin/env bash
# scikit-learn 1.9.1 with scipy 1.17.1 (numpy 2.4.6)
#
# Behaviour: a sparse indicator matrix may store zeros; cutting sparse scores in place
# (`scores.data = scores.data >= 0.5`) leaves them there. MultiLabelBinarizer looks
# whether the stored values are 0 or 1, lets both pass, and then returns every stored
# entry as a label. f1_score counts every stored entry of the prediction as predicted.
# accuracy_score, of the same two matrices, is right.
#
# Guess: a stored zero is a zero; a sparse matrix means what its dense form means.
#
# Seen, of scores 0.9 and 0.1 for the labels "cat" and "dog" in both of two rows, where
# "cat" alone is true:
#   dense         labels [('cat',), ('cat',)]  micro F1 1.000  accuracy 1.0
#   sparse        labels [('cat', 'dog'), ('cat', 'dog')]  micro F1 0.667  accuracy 1.0
#   zeros removed labels [('cat',), ('cat',)]  micro F1 1.000  accuracy 1.0
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import scipy
import sklearn
from scipy.sparse import csr_array
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import MultiLabelBinarizer

print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}", end=", ")
print(f"scipy {scipy.__version__}")

binarizer = MultiLabelBinarizer().fit([["cat", "dog"]])
truth = np.array([[1, 0], [1, 0]])

found = csr_array(np.array([[0.9, 0.1], [0.9, 0.1]]))
found.data = (found.data >= 0.5).astype(int)
removed = found.copy()
removed.eliminate_zeros()

seen = []
for name, rows in (
    ("dense", found.toarray()),
    ("sparse", found),
    ("zeros removed", removed),
):
    labels = binarizer.inverse_transform(rows)
    f1 = f1_score(truth, rows, average="micro")
    accuracy = accuracy_score(truth, rows)
    print(f"{name:<13} labels {labels}  micro F1 {f1:.3f}  accuracy {accuracy}")
    seen.append((len(labels[0]), round(f1, 3), accuracy))

if seen != [(1, 1.0, 1.0), (2, 0.667, 1.0), (1, 1.0, 1.0)]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
