#!/usr/bin/env bash
# lancedb 0.40.0 (pyarrow 26.0.1, pandas 3.1.1)
#
# Behaviour: a table that is made of dicts, one a row, has the columns of the first. What
# later rows say of other labels is lost in silence. Added to a table, a row with a label
# that has no column is refused by its name when it is the first of what is added, and
# is taken, without that label, when it is any other. A DataFrame of pandas made of the
# same dicts has all columns.
#
# Guess: a column for each key of any row, and null where a row has none; and a row is
# refused or taken whatever stands before it.
#
# Seen, of the rows {cat: 1}, {dog: 1} and {cat: 1, dog: 1}, each with a vector:
#   made of dicts     cat 1 None 1
#   made of pandas    cat 1 None 1   dog None 1 1
#   add {bird: 1}               field 'bird' does not exist in table schema
#   add {cat: 1}, {bird: 1}     two rows more, and of the bird nothing
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet lancedb==0.40.0 pyarrow==26.0.1 pandas==3.1.1

cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import lancedb
import pandas as pd

packages = ("lancedb", "pyarrow", "pandas")
print(", ".join(f"{name} {version(name)}" for name in packages))


def rows(*labels):
    return [{"vector": [0.6, 0.8], **dict.fromkeys(row, 1)} for row in labels]


def columns(table):
    values = table.to_arrow().drop_columns("vector").to_pandas()
    return {
        name: [None if pd.isna(value) else int(value) for value in values[name]]
        for name in values
    }


database = lancedb.connect("database")
given = rows(["cat"], ["dog"], ["cat", "dog"])
table = database.create_table("dicts", given)
seen = {"dicts": columns(table)}
frame = pd.DataFrame(given)
seen["pandas"] = columns(database.create_table("pandas", frame))
try:
    table.add(rows(["bird"]))
    seen["bird"] = "no error"
except Exception as error:
    seen["bird"] = str(error)
table.add(rows(["cat"], ["bird"]))
seen["cat, bird"] = columns(table)
for told, outcome in seen.items():
    print(f"{told:<10} {outcome}")

lost = {"cat": [1, None, 1]}
if not (
    seen["dicts"] == lost
    and seen["pandas"] == lost | {"dog": [None, 1, 1]}
    and "field 'bird' does not exist" in seen["bird"]
    and seen["cat, bird"] == {"cat": [1, None, 1, 1, None]}
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
