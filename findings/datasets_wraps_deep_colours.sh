#!/usr/bin/env bash
# datasets 5.2.0 with Pillow 13.0.0 and numpy 2.4.6
#
# Behaviour: the Image feature of Hugging Face's datasets keeps a grey array of uint16 as
# it is (in a TIFF of 16 bits). An array of uint16 with three channels is cast to uint8,
# value modulo 256, where its bright and its dark pixels lose all order. What is said is
# one warning of "downcasting", which does not tell that values do not fit; int64 (what
# numpy makes of a list of pixels) is cast the same way. An array of float32 with three
# channels is refused.
#
# Guess: colours of 16 bits are refused as float32 is, or divided by 257, or kept.
#
# Seen, of the pixel values 0, 255, 256, 32768, 65280 and 65535:
#   uint16, grey    mode I;16, values 0 255 256 32768 65280 65535
#   uint16, colour  mode RGB, values 0 255 0 0 0 255
#   int64, colour   mode RGB, values 0 255 0 0 0 255
#   float32, colour TypeError: Unsupported array dtype float32 for [...]
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datasets==5.2.0 pillow==13.0.0 numpy==2.4.6

HF_HUB_OFFLINE=1 HF_HOME="$work/home" "$work/venv/bin/python" - <<'PYTHON'
import sys

import datasets
import numpy as np
import PIL

print(f"datasets {datasets.__version__}, Pillow {PIL.__version__}", end=", ")
print(f"numpy {np.__version__}")

features = datasets.Features({"image": datasets.Image()})
grey = np.array([[0, 255, 256, 32768, 65280, 65535]])
colour = np.stack([grey] * 3, axis=2)

seen = []
for name, array in (
    ("uint16, grey", grey.astype(np.uint16)),
    ("uint16, colour", colour.astype(np.uint16)),
    ("int64, colour", colour.astype(np.int64)),
    ("float32, colour", (colour / 65535).astype(np.float32)),
):
    try:
        rows = datasets.Dataset.from_dict({"image": [array]}, features=features)
    except TypeError as error:
        seen.append(type(error).__name__)
        print(f"{name:<15} {seen[-1]}: {error}")
        continue
    picture = rows[0]["image"]
    values = np.asarray(picture).reshape(6, -1)[:, 0].tolist()
    seen.append((picture.mode, values))
    print(f"{name:<15} mode {picture.mode}, values", *values)

wrapped = ("RGB", [0, 255, 0, 0, 0, 255])
if seen != [("I;16", grey[0].tolist()), wrapped, wrapped, "TypeError"]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
