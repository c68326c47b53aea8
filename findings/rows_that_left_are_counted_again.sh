#!/usr/bin/env bash
# river 0.26.1
#
# Behaviour: utils.Rolling takes a row that leaves its window back by revert(). That of
# MultiLabelConfusionMatrix adds the row instead, so that all rows are counted, and those
# that left the window twice. The errors of long ago weigh the most, without an end.
#
# Guess: the matrix has the rows of the window, as that of one label has.
#
# Seen, of 1,000 rows with a window of 100, where one label is predicted wrongly in the
# first half and rightly in the second:
#   matrix                      rows   accuracy
#   ConfusionMatrix              100       1.00
#   MultiLabelConfusionMatrix   1900       0.47
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet river==0.26.1

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

from river import metrics, utils

print("river", version("river"))

one = utils.Rolling(metrics.ConfusionMatrix, window_size=100)
several = utils.Rolling(metrics.multioutput.MultiLabelConfusionMatrix, window_size=100)
for row in range(1000):
    truth = row % 2 == 0
    found = truth if row >= 500 else not truth
    one.update(truth, found)
    several.update({"cat": truth}, {"cat": found})

seen = []
print("matrix                      rows   accuracy")
for name, matrix in (
    ("ConfusionMatrix", one.obj),
    ("MultiLabelConfusionMatrix", several.obj.data["cat"]),
):
    cells = {(a, b): matrix[a][b] for a in (False, True) for b in (False, True)}
    rows = sum(cells.values())
    accuracy = (cells[False, False] + cells[True, True]) / rows
    seen.append((rows, round(accuracy, 2)))
    print(f"{name:<25} {rows:6.0f}   {accuracy:8.2f}")

if seen != [(100, 1.0), (1900, 0.47)]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
