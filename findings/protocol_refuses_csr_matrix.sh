#!/usr/bin/env bash
# pyright 1.1.414 with scipy 1.17.1 (without scipy-stubs)
#
# Behaviour: a Protocol that asks for nothing but a readable `shape` takes a csr_array, and
# refuses a csr_matrix: its `shape` is made by property(fget=..., fset=...), which does not
# fit the Protocol's property. One with the method `toarray` takes both.
#
# Guess: both have `shape`, so that both fit; a function annotated for "anything of a
# shape" can be given either.
#
# Seen: one error, at the csr_matrix that is given to the function of `shape`.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "pyright[nodejs]==1.1.414" scipy==1.17.1 numpy==2.4.6
cat > "$work/given.py" <<'PYTHON'
from typing import Any, Protocol

from scipy import sparse


class HasShape(Protocol):
    @property
    def shape(self) -> Any: ...


class HasToarray(Protocol):
    def toarray(self) -> Any: ...


def by_shape(x: HasShape) -> None: ...
def by_toarray(x: HasToarray) -> None: ...


by_shape(sparse.csr_array((2, 2)))
by_shape(sparse.csr_matrix((2, 2)))
by_toarray(sparse.csr_array((2, 2)))
by_toarray(sparse.csr_matrix((2, 2)))
PYTHON
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import subprocess
import sys
from pathlib import Path

here = Path.cwd()
command = [here / "venv/bin/pyright", "--outputjson", "--pythonpath", sys.executable]
done = subprocess.run([*command, "given.py"], capture_output=True, text=True)
told = json.loads(done.stdout)
lines = (here / "given.py").read_text().splitlines()
refused = [
    lines[d["range"]["start"]["line"]]
    for d in told["generalDiagnostics"]
    if d["severity"] == "error"
]
print(f"pyright {told['version']}, refused: {refused}")
if refused != ["by_shape(sparse.csr_matrix((2, 2)))"]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
