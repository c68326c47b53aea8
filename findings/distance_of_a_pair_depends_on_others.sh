#!/usr/bin/env bash
# voyager 2.2.3 (numpy 2.4.6)
#
# Behaviour: in the space of the inner product get_distance(a, b) is 1 minus the inner
# product only as long as the index has not met a longer vector than a and b, neither
# added nor handed to get_distance. After that a product of two whole numbers is
# subtracted besides, which grows with the length of the longest and shrinks with those
# of a and b: pairs stand in another order than by their inner products, and asking the
# same again has another answer. The distances of query() stay right.
#
# Guess: the distance of a pair depends on the pair, and is the one that query() gives,
# as in the other spaces; and asking for it changes nothing.
#
# Seen, of a = (3, 0) with b = (0, 3), at right angles, and with c = (5, 0), far along:
#   right, and query()                       a to b 1     a to c -14
#   an index of a and b, b asked first       a to b 1     a to c -14
#   an index of a, b and c                   a to b -15   a to c -14
#   a vector of length 13 compared before    a to b -143  a to c -158
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet voyager==2.2.3 numpy==2.4.6

"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from voyager import Index, Space

print(f"voyager {version('voyager')}, numpy {np.__version__}")
a, b, c, far = np.array([[3, 0], [0, 3], [5, 0], [5, 12]], dtype=np.float32)


def index_of(*vectors):
    index = Index(Space.InnerProduct, num_dimensions=2)
    index.add_items(np.array(vectors))
    return index


def distances(index):
    return index.get_distance(a, b), index.get_distance(a, c)


compared = index_of(a, b, c)
compared.get_distance(far, a)
ids, told = compared.query(a, k=3)
queried = dict(zip(ids.tolist(), told.tolist(), strict=True))
seen = {
    "right": (float(1 - a @ b), float(1 - a @ c)),
    "query(), after all that": (queried[1], queried[2]),
    "an index of a and b": distances(index_of(a, b)),
    "an index of a, b and c": distances(index_of(a, b, c)),
    "a vector of length 13 compared before": distances(compared),
}
for name, (to_b, to_c) in seen.items():
    print(f"{name:<38} a to b {to_b:<5g} a to c {to_c:g}")

if list(seen.values()) != 3 * [(1, -14)] + [(-15, -14), (-143, -158)]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
