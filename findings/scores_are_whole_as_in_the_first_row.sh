#!/usr/bin/env bash
# polars 2.1.0
#
# Behaviour: a column that is built from lists of numbers has the type of the first list
# that is not empty. If its numbers are whole, those of all later lists are cut off at
# the point, in silence and with strict=True, the default: 0.9 becomes 0. If it is of
# True and False, every number but 0 becomes True. The same numbers one a row, not in
# lists, are refused, and the same lists as dicts, one a row, become 64-bit floats.
#
# Guess: floats, as of the numbers of one list; or an error, since strict=True is
# documented to refuse a value that does not match the type that was inferred.
#
# Seen, of what five people say of two labels, as a share for each picture:
#   given                          [1, 0] [0.9, 0.2] [0.4, 0.8]
#   as a column                    [1, 0] [0, 0] [0, 0]
#   as rows                        [1.0, 0.0] [0.9, 0.2] [0.4, 0.8]
#   with the first picture last    [0.9, 0.2] [0.4, 0.8] [1.0, 0.0]
#   with the first [True, False]   [True, False] [True, True] [True, True]
#   the first label, no lists      TypeError
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet polars==2.1.0

"$work/venv/bin/python" - <<'PYTHON'
import json
import sys

import polars as pl

print(f"polars {pl.__version__}")

# As another program writes it: JSON has one kind of number.
shares = json.loads("[[1, 0], [0.9, 0.2], [0.4, 0.8]]")
column = pl.DataFrame({"shares": shares}, strict=True)["shares"].to_list()
rows = pl.DataFrame([{"shares": share} for share in shares])["shares"].to_list()
turned = pl.Series(shares[1:] + shares[:1]).to_list()
marks = pl.Series([[True, False], *shares[1:]]).to_list()
try:
    pl.Series([share[0] for share in shares])
    single = "no error"
except TypeError:
    single = "TypeError"

for told, lists in (
    ("given", shares),
    ("as a column", column),
    ("as rows", rows),
    ("with the first picture last", turned),
    ("with the first [True, False]", marks),
):
    print(f"{told:<30} {' '.join(map(str, lists))}")
print(f"{'the first label, no lists':<30} {single}")

if not (
    column == [[1, 0], [0, 0], [0, 0]]
    and rows == shares
    and turned == shares[1:] + shares[:1]
    and marks == [[True, False], [True, True], [True, True]]
    and single == "TypeError"
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
