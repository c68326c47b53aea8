#!/usr/bin/env bash
# polars 2.1.0 (pandas 3.1.1, pyarrow 26.0.1)
#
# Behaviour: a column that is built from dicts, a score for each label of the row, has
# the keys of the first dict. What the others have under other keys is lost in silence,
# with strict=True, the default; infer_schema_length=None changes nothing. The same dicts
# one a row, or by way of pandas, or from JSON, keep all keys.
#
# Guess: every key of any row, and null where a row has none, as pyarrow makes it, and as
# polars itself makes it of rows.
#
# Seen, of three pictures with scores for a cat, a dog, and a bird and a dog:
#   as a column       {'cat'}
#   column, all rows  {'cat'}
#   as rows           {'bird', 'cat', 'dog'}
#   from JSON         {'bird', 'cat', 'dog'}
#   from pandas       {'bird', 'cat', 'dog'}
#   from pyarrow      {'bird', 'cat', 'dog'}
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet polars==2.1.0 pandas==3.1.1 pyarrow==26.0.1

"$work/venv/bin/python" - <<'PYTHON'
import io
import json
import sys

import pandas as pd
import polars as pl
import pyarrow as pa

print(f"polars {pl.__version__}, pandas {pd.__version__}, pyarrow {pa.__version__}")

scores = [{"cat": 0.9}, {"dog": 0.8}, {"bird": 0.7, "dog": 0.6}]
table = {"picture": ["a.png", "b.png", "c.png"], "scores": scores}
rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]

frames = {
    "as a column": pl.DataFrame(table),
    "column, all rows": pl.DataFrame(table, infer_schema_length=None, strict=True),
    "as rows": pl.DataFrame(rows),
    "from JSON": pl.read_json(io.StringIO(json.dumps(rows))),
    "from pandas": pl.from_pandas(pd.DataFrame(table)),
    "from pyarrow": pl.from_arrow(pa.table(table)),
}
right = True
for number, (told, frame) in enumerate(frames.items()):
    kept = [
        {name: score for name, score in row.items() if score is not None}
        for row in frame["scores"].to_list()
    ]
    names = sorted(frame.schema["scores"].to_schema())
    print(f"{told:<17} {{{', '.join(map(repr, names))}}}  {kept}")
    right &= kept == ([{"cat": 0.9}, {}, {}] if number < 2 else scores)

if not right:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
