#!/usr/bin/env bash
# albumentations 2.0.8 (numpy 2.4.6, opencv-python-headless 5.0.0.93)
#
# Behaviour: what label_fields names is carried beside the boxes in one table of 32-bit
# floats, and comes back from it. Whole numbers above 16,777,216 are rounded there, with
# an augmentation that changes nothing as well: ids of two boxes become one, and one
# that no box has. Given as an array they come back as integers of 64 bits, given as
# texts as they were. Points of keypoint_params lose their ids in the same way.
#
# Guess: a label field is copied for each box that is left, and comes back as it was
# given.
#
# Seen: ids after A.NoOp()
#   given        900100581374   900100581375   123456789
#   as a list    900100587520.0 900100587520.0 123456792.0
#   as an array  900100587520   900100587520   123456792   (int64)
#   as texts     900100581374   900100581375   123456789
#   of points    900100587520.0 900100587520.0 123456792.0
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet albumentations==2.0.8 numpy==2.4.6 \
    opencv-python-headless==5.0.0.93

export NO_ALBUMENTATIONS_UPDATE=1
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import albumentations as A
import numpy as np

packages = ("albumentations", "numpy", "opencv-python-headless")
print(", ".join(f"{name} {version(name)}" for name in packages))

image = np.zeros((100, 100, 3), np.uint8)
boxes = [[1, 2, 30, 40], [5, 5, 20, 20], [50, 50, 20, 20]]
ids = [900100581374, 900100581375, 123456789]


def box_ids(ids):
    params = A.BboxParams(format="coco", label_fields=["ids"])
    return A.Compose([A.NoOp()], bbox_params=params)(image=image, bboxes=boxes, ids=ids)


params = A.KeypointParams(format="xy", label_fields=["ids"])
points = A.Compose([A.NoOp()], keypoint_params=params)
array = box_ids(np.array(ids))["ids"]
corners = [box[:2] for box in boxes]
found = {
    "given": ids,
    "as a list": box_ids(ids)["ids"],
    "as an array": array,
    "as texts": [int(text) for text in box_ids([str(number) for number in ids])["ids"]],
    "of points": points(image=image, keypoints=corners, ids=ids)["ids"],
}
for name, values in found.items():
    print(f"{name:<12}", " ".join(f"{value!s:<14}" for value in values))
print("the array comes back as", array.dtype)

rounded = [int(np.float32(number)) for number in ids]
if found["as texts"] != ids or len(set(rounded)) != 2 or array.dtype != np.int64:
    sys.exit("The behaviour is not that of the header any more.")
for name in ("as a list", "as an array", "of points"):
    if [int(value) for value in found[name]] != rounded:
        sys.exit("The behaviour is not that of the header any more.")
PYTHON
