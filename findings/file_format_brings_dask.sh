#!/usr/bin/env bash
# skops 0.16.0 (scikit-learn 1.9.1, numpy 2.4.6, dask 2026.8.0)
#
# Behaviour: import skops.io imports every package of scikit-learn, to learn the names of
# its estimators. Among them are adapters of the array libraries, so that dask, torch and
# the like are imported too where they are installed, by a process that only reads a small
# file with a linear model. Of torch that is seconds.
#
# Guess: it imports scikit-learn and what it needs itself.
#
# Seen, after an import of
#                           dask.array   packages of scikit-learn, of 31
#   sklearn.linear_model    no           10
#   skops.io                yes          31
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet skops==0.16.0 scikit-learn==1.9.1 numpy==2.4.6 \
    "dask[array]==2026.8.0"

cat > "$work/imported.py" <<'PYTHON'
import importlib
import pkgutil
import sys

importlib.import_module(sys.argv[1])
dask = "dask.array" in sys.modules
before = set(sys.modules)

import sklearn

names = {
    f"sklearn.{module.name}"
    for module in pkgutil.iter_modules(sklearn.__path__)
    if module.ispkg and module.name != "tests"
}
print(sys.argv[1], dask, len(names & before), len(names))
PYTHON

"$work/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

packages = ("skops", "scikit-learn", "numpy", "dask")
print(", ".join(f"{name} {version(name)}" for name in packages))
PYTHON
plain=$("$work/venv/bin/python" -W ignore "$work/imported.py" sklearn.linear_model)
reader=$("$work/venv/bin/python" -W ignore "$work/imported.py" skops.io)
echo "imported: is dask.array there; how many packages of scikit-learn, of how many"
echo "$plain"
echo "$reader"
read -r _ dask_plain some all <<< "$plain"
read -r _ dask_reader most _ <<< "$reader"
if [ "$dask_plain" != False ] || [ "$dask_reader" != True ] \
    || [ "$most" -lt "$all" ] || [ "$some" -ge "$all" ]; then
    echo "The behaviour is not that of the header any more." >&2
    exit 1
fi
