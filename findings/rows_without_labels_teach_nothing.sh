#!/usr/bin/env bash
# vowpalwabbit 9.11.9
#
# Behaviour: in the format of --multilabel_oaa a line lists its labels, so that a row
# that has none begins with the bar. Such a line is taken for one to be predicted, and
# none of the models of the labels learns from it: a label that one row of eleven has is
# predicted for all of them. No word says so, from Python or from a file. With one more
# label that stands for "none", the same rows are learned.
#
# Guess: no label means that each label is absent, as for every label that a line with
# others does not list.
#
# Seen, of 30 rows of label 0 and 300 rows of no label, all of one feature: predicted
#   learned row by row                  [0]
#   learned from a file                 [0]
#   with a label 3 that means "none"    [3]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet vowpalwabbit==9.11.9

"$work/venv/bin/python" - "$work" <<'PYTHON'
import sys
from pathlib import Path

import vowpalwabbit
from vowpalwabbit import Workspace

print("vowpalwabbit", vowpalwabbit.__version__)

rows = (["0 | x"] + [" | x"] * 10) * 30
found = []

model = Workspace("--multilabel_oaa 4 --quiet")
for row in rows:
    model.learn(row)
found.append(("learned row by row", model.predict("| x")))

file = Path(sys.argv[1]) / "rows.txt"
file.write_text("\n".join(rows) + "\n")
model = Workspace(f"--multilabel_oaa 4 --quiet -d {file}")
found.append(("learned from a file", model.predict("| x")))

model = Workspace("--multilabel_oaa 4 --quiet")
for row in rows:
    model.learn(row if row[0] == "0" else "3" + row)
found.append(('with a label 3 that means "none"', model.predict("| x")))

for what, labels in found:
    print(f"{what:<35} {labels}")
if [labels for _, labels in found] != [[0], [0], [3]]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
