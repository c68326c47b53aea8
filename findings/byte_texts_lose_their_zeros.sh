#!/usr/bin/env bash
# tfrecord 1.14.6 (numpy 2.4.6, torch 2.13.0)
#
# Behaviour: the bytes of a feature that has several are read into a numpy array of
# bytes, where zeros at the end do not count: each loses those that it ends with. What
# was four bytes of two numbers comes back as three, which can no longer be read, and
# four zeros as nothing. The same bytes alone in a feature are complete.
#
# Guess: the bytes that were written come back, or, as in the version 1.14.4, the first
# of them alone.
#
# Seen, of two numbers of 16 bits for each part of a picture, 4 bytes in all:
#   numbers     in the file   alone    together
#   (1, 2)           4          4          3
#   (0, 0)           4          4          0
#   (2, 513)         4          4          4
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet tfrecord==1.14.6 numpy==2.4.6 torch==2.13.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
from tfrecord import TFRecordWriter, example_pb2, tfrecord_loader
from tfrecord.reader import tfrecord_iterator

print(f"tfrecord {version('tfrecord')}, numpy {np.__version__}")
parts = [(1, 2), (0, 0), (2, 513)]
raw = [np.array(numbers, dtype="<i2").tobytes() for numbers in parts]

writer = TFRecordWriter("pictures.tfrecord")
alone = {f"part {place}": ([part], "byte") for place, part in enumerate(raw)}
writer.write({"parts": (raw, "byte"), **alone})
writer.close()

(read,) = tfrecord_loader("pictures.tfrecord", None)
(record,) = tfrecord_iterator("pictures.tfrecord")
stored = example_pb2.Example.FromString(bytes(record)).features.feature

seen = []
print("numbers     in the file   alone   together")
for place, numbers in enumerate(parts):
    found = (
        stored["parts"].bytes_list.value[place],
        read[f"part {place}"],
        read["parts"][place],
    )
    seen.append([len(part) for part in found])
    print("{!s:<10} {:8} {:10} {:8}".format(numbers, *seen[-1]))

if seen != [[4, 4, 3], [4, 4, 0], [4, 4, 4]]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
