#!/usr/bin/env bash
# safetensors 0.8.0 (numpy 2.4.6)
#
# Behaviour: `safetensors.numpy` writes the memory of an array as it lies there. A
# transposed array, or one in Fortran order, comes back with its shape and with its
# numbers in other places; neither writing nor reading says anything. A copy in C order
# comes back as it is.
#
# Guess: the values come back, as from np.save, or the array is refused, as
# safetensors.torch refuses a tensor that is not contiguous.
#
# Seen, of [[0, 1, 2], [3, 4, 5]] and what is made of it:
#   as it is               [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]  equal True
#   Fortran order          [[0.0, 3.0, 1.0], [4.0, 2.0, 5.0]]  equal False
#   transposed             [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]  equal False
#   copy of the transposed [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]  equal True
#   np.save, transposed    [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]  equal True
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet safetensors==0.8.0 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import io
import sys

import numpy as np
import safetensors
from safetensors.numpy import load, save

print(f"safetensors {safetensors.__version__}, numpy {np.__version__}")


def by_safetensors(array):
    return load(save({"array": array}))["array"]


def by_numpy(array):
    file = io.BytesIO()
    np.save(file, array)
    file.seek(0)
    return np.load(file)


array = np.arange(6, dtype=np.float32).reshape(2, 3)
seen = []
for name, write, given in (
    ("as it is", by_safetensors, array),
    ("Fortran order", by_safetensors, np.asfortranarray(array)),
    ("transposed", by_safetensors, array.T),
    ("copy of the transposed", by_safetensors, array.T.copy()),
    ("np.save, transposed", by_numpy, array.T),
):
    found = write(given)
    equal = found.shape == given.shape and bool((found == given).all())
    print(f"{name:<22} {found.tolist()}  equal {equal}")
    seen.append(equal)

if seen != [True, False, False, True, True]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
