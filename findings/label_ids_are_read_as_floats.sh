#!/usr/bin/env bash
# litdata 0.2.76 (torch 2.13.0, numpy 2.4.6)
#
# Behaviour: an array or tensor of one dimension is stored as its bytes, and the type of
# the first row's is noted once for all. The bytes of later rows are read as that type,
# whatever they were, in silence. An empty array is one of floats, np.array([]) as well
# as torch.tensor([]): where the first picture has no label, the ids of all others are
# read as floats, and of tensors as twice as many. Lists of ids are right. (The Cache is
# what optimize() writes with, a picture for each of its inputs.)
#
# Guess: each array comes back with its type, as it does from a file of numpy's and as
# arrays of two dimensions do from this one; or writing another type is an error.
#
# Seen, of a picture without labels, one of the labels 1 and 4, and one of the label 2:
#   lists                       []  [1, 4]  [2]
#   arrays                      []  [4.9e-324, 2e-323]  [9.9e-324]
#   tensors                     []  [1.4e-45, 0, 5.6e-45, 0]  [2.8e-45, 0]
#   arrays, that picture last   [1, 4]  [2]  []
#   whole numbers, then shares  [1, 0]  [4602678819172646912, 0]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet litdata==0.2.76 torch==2.13.0 numpy==2.4.6

cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import torch
from litdata import StreamingDataset
from litdata.streaming import Cache

packages = ("litdata", "torch", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

labels = [[], [1, 4], [2]]
shares = [np.array([1, 0]), np.array([0.5, 0.0])]
written = {
    "lists": labels,
    "arrays": [np.array(row) for row in labels],
    "tensors": [torch.tensor(row) for row in labels],
    "arrays, that picture last": [np.array(row) for row in labels[1:] + labels[:1]],
    "whole numbers, then shares": shares,
}


def text(row):
    values = (f"{x:.2g}" if isinstance(x, float) else str(x) for x in row)
    return f"[{', '.join(values)}]"


read = {}
for number, (told, rows) in enumerate(written.items()):
    cache = Cache(str(number), chunk_size=10)
    for row, given in enumerate(rows):
        cache[row] = {"picture": f"{row}.png", "labels": given}
    cache.done()
    cache.merge()
    dataset = StreamingDataset(str(number))
    read[told] = [dataset[row]["labels"] for row in range(len(rows))]
    if told != "lists":
        read[told] = [row.tolist() for row in read[told]]
    print(f"{told:<27} {'  '.join(map(text, read[told]))}")

bits = [np.array(row).view(float).tolist() for row in labels[1:]]
halves = [torch.tensor(row).view(torch.float32).tolist() for row in labels[1:]]
if read != {
    "lists": labels,
    "arrays": [[], *bits],
    "tensors": [[], *halves],
    "arrays, that picture last": labels[1:] + labels[:1],
    "whole numbers, then shares": [[1, 0], shares[1].view(int).tolist()],
}:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
