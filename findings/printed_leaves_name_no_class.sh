#!/usr/bin/env bash
# scikit-learn 1.9.1 (numpy 2.4.6)
#
# Behaviour: export_text prints "class: 2" for a leaf of a tree of several labels. It is
# neither a class nor a label of the leaf: it is the place of the label that is most
# surely absent there. The "weights" of show_weights=True are, for each label, the rows
# of the leaf that do not have it. class_names is taken where it has as many names as
# there are labels, and not used; by their number it takes two classes for two labels.
#
# Guess: several labels are refused, or each leaf has a class for each label, as
# export_graphviz writes all values.
#
# Seen, of leaves of ten rows of the labels cat, dog and owl:
#   predicted [0, 0, 0]   weights: [10.00, 10.00, 9.00] class: 0
#   predicted [0, 1, 0]   weights: [10.00, 0.00, 9.00] class: 0
#   predicted [1, 0, 0]   weights: [0.00, 10.00, 10.00] class: 1
#   predicted [1, 1, 0]   weights: [0.00, 0.00, 10.00] class: 2
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import sklearn
from sklearn.tree import DecisionTreeClassifier, export_text

print(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}")

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 10)
owl = np.zeros(40, dtype=int)
owl[:2] = 1  # one row in ten of the first two leaves
Y = np.column_stack([X, owl])

tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, Y)
names = ["cat", "dog", "owl"]
text = export_text(tree, class_names=names, show_weights=True)
leaves = [line[line.index("weights") :] for line in text.splitlines() if "class" in line]
predicted = tree.predict(X[:4]).tolist()
for labels, leaf in zip(predicted, leaves):
    print(f"predicted {labels}   {leaf}")

expected = [
    "weights: [10.00, 10.00, 9.00] class: 0",
    "weights: [10.00, 0.00, 9.00] class: 0",
    "weights: [0.00, 10.00, 10.00] class: 1",
    "weights: [0.00, 0.00, 10.00] class: 2",
]
if leaves != expected or predicted != [[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
