#!/usr/bin/env bash
# pandas 3.1.1, with and without pyarrow 26.0.1 (numpy 2.4.6)
#
# Behaviour: Series.str.get_dummies makes a column of each label that texts such as
# "cat|dog" have. Where pyarrow is installed, an empty text has a label too, of the
# empty name, and so has one that ends in "|"; it is the first column, and each label
# stands one further right. Where pyarrow is not, there is no such column; nor is there
# for texts of dtype object.
#
# Guess: no labels, no column; and the same table whatever else is installed.
#
# Seen, of the texts "cat|dog", "" and "dog|":
#   without pyarrow               ['cat', 'dog']      [1, 1] [0, 0] [0, 1]
#   with pyarrow                  ['', 'cat', 'dog']  [0, 1, 1] [1, 0, 0] [1, 0, 1]
#   with pyarrow, dtype object    ['cat', 'dog']      [1, 1] [0, 0] [0, 1]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pandas==3.1.1 numpy==2.4.6

cat > "$work/tables.py" <<'PYTHON'
import sys
from importlib.metadata import version

import pandas

plain = ["cat", "dog"], [[1, 1], [0, 0], [0, 1]]
expected = {None: plain, "object": plain}
packages = ["pandas", "numpy"]
if sys.argv[1] == "with":
    expected[None] = ["", "cat", "dog"], [[0, 1, 1], [1, 0, 0], [1, 0, 1]]
    packages.append("pyarrow")
print(", ".join(f"{name} {version(name)}" for name in packages))

seen = {}
for dtype in (None, "object"):
    labels = pandas.Series(["cat|dog", "", "dog|"], dtype=dtype)
    table = labels.str.get_dummies("|")
    seen[dtype] = table.columns.tolist(), table.to_numpy().tolist()
    print(f"{sys.argv[1]} pyarrow, dtype {labels.dtype}:", *seen[dtype])

if seen != expected:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON

"$work/venv/bin/python" "$work/tables.py" without
"$work/venv/bin/pip" install --quiet pyarrow==26.0.1
"$work/venv/bin/python" "$work/tables.py" with
