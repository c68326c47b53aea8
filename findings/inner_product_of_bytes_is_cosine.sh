#!/usr/bin/env bash
# usearch 2.26.6 (numpy 2.4.6)
#
# Behaviour: an index of dtype="i8" scales every vector that is added to length 1 before
# it is cut to bytes, for every metric. With metric="ip", whose point is that longer
# vectors count more, it so ranks by cosine, and with "l2sq" by angle. Half, bfloat and
# single precision keep the lengths. Distances of bytes are in units of the bytes.
#
# Guess: 8 bits cost a little precision: the best ten by inner product are nearly the
# same ten in every dtype, or lengths above 1 are cut off.
#
# Seen, of 1,000 vectors of 64 numbers with lengths in 0.2 to 1 and 100 queries; share of
# the exact ten best that an exact search over the index finds:
#   f32   by inner product 1.00, by cosine 0.47
#   f16   by inner product 1.00, by cosine 0.47
#   bf16  by inner product 1.00, by cosine 0.47
#   i8    by inner product 0.47, by cosine 0.95
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet usearch==2.26.6 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys

import numpy as np
import usearch
from usearch.index import Index

print(f"usearch {usearch.__version__}, numpy {np.__version__}")

rng = np.random.default_rng(0)


def directions(n):
    rows = rng.normal(size=(n, 64)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


unit = directions(1000)
vectors = unit * rng.uniform(0.2, 1, size=(1000, 1)).astype(np.float32)
queries = directions(100)


def best_ten(rows):
    return np.argsort(-(queries @ rows.T), axis=1)[:, :10]


def share(found, exact):
    return np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact)])


by_product, by_cosine = best_ten(vectors), best_ten(unit)
shares = {}
for dtype in ("f32", "f16", "bf16", "i8"):
    index = Index(ndim=64, metric="ip", dtype=dtype)
    index.add(np.arange(1000), vectors)
    found = index.search(queries, 10, exact=True).keys
    shares[dtype] = share(found, by_product), share(found, by_cosine)
    print(f"{dtype:<5} by inner product {shares[dtype][0]:.2f}", end=", ")
    print(f"by cosine {shares[dtype][1]:.2f}")

true = all(shares[dtype][0] > 0.98 for dtype in ("f32", "f16", "bf16"))
if not true or shares["i8"][0] > 0.6 or shares["i8"][1] < 0.9:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
