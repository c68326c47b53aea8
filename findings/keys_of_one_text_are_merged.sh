#!/usr/bin/env bash
# skops 0.16.0 with scikit-learn 1.9.1 (numpy 2.4.6)
#
# Behaviour: a dict whose keys are of several types keeps these types through a skops
# file. Two keys of one text, such as the integer 1 and the string "1", become one on the
# way: the second value is kept, under the first key, and the other is gone. The keys
# behind them get each the type of the one before. The file is written and read without a
# warning, and the object that is read works.
#
# Guess: since the types of keys come back, so do both keys; or they are refused, as
# keys that are tuples are.
#
# Seen:
#   {1: 'one', 'two': 2}         -> {1: 'one', 'two': 2}
#   {1: 'one', '1': 'another'}   -> {1: 'another'}
#   {1.5: 'a', '1.5': 'b', 2: 3} -> {1.5: 'b', '2': 3}
#   a FunctionTransformer that renames by the second of them: [1, '1'] to
#   ['one', 'another'] before, and to ['another', '1'] after
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet skops==0.16.0 scikit-learn==1.9.1 numpy==2.4.6
cat > "$work/renaming.py" <<'PYTHON'
def rename(rows, names):
    return [names.get(row, row) for row in rows]
PYTHON

PYTHONPATH="$work" "$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import sklearn
import skops
from renaming import rename
from sklearn.preprocessing import FunctionTransformer
from skops.io import dumps, get_untrusted_types, loads

print(f"skops {skops.__version__}, scikit-learn {sklearn.__version__}", end=", ")
print(f"numpy {np.__version__}")


def there_and_back(thing):
    data = dumps(thing)
    return loads(data, trusted=get_untrusted_types(data=data))


seen = []
for given in (
    {1: "one", "two": 2},
    {1: "one", "1": "another"},
    {1.5: "a", "1.5": "b", 2: 3},
):
    seen.append(there_and_back(given))
    print(f"{given!s:<28} -> {seen[-1]}")

renamer = FunctionTransformer(rename, kw_args={"names": {1: "one", "1": "another"}})
before = renamer.transform([1, "1"])
after = there_and_back(renamer).transform([1, "1"])
print(f"renamed {before} before, {after} after")

expected = [{1: "one", "two": 2}, {1: "another"}, {1.5: "b", "2": 3}]
if (seen, before, after) != (expected, ["one", "another"], ["another", "1"]):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
