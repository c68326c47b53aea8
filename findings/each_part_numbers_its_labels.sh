#!/usr/bin/env bash
# bboxconverter 0.1.9 (pandas 3.1.1, scikit-learn 1.9.1, Pillow 13.0.0, numpy 2.4.6); the
# same with pandas 1.5.3 and numpy 1.26.4, which the package asks for
#
# Behaviour: export(format="coco", split=True) writes COCO files for training, validation
# and test. Each numbers its categories anew, from 0 in the order in which they come, so
# that an id means one label in training and another one in validation. The ids that the
# data were read with are gone. Folds are numbered alike.
#
# Guess: a category has the id it was read with, or at least one id in all parts.
#
# Seen, of 30 pictures with cat 1, dog 2 and bird 3
#   part    ids of the categories
#   train   0 bird, 1 cat, 2 dog
#   val     0 dog, 1 bird, 2 cat
#   test    0 bird, 1 dog, 2 cat
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pandas==3.1.1 scikit-learn==1.9.1 lxml==6.1.3 \
    Pillow==13.0.0 numpy==2.4.6
"$work/venv/bin/pip" install --quiet --no-deps bboxconverter==0.1.9

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys
from importlib.metadata import version
from pathlib import Path

import bboxconverter
import numpy as np
from PIL import Image

packages = ("bboxconverter", "pandas", "scikit-learn", "Pillow", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

folder = Path("data")
folder.mkdir()
rng = np.random.default_rng(0)
names = {1: "cat", 2: "dog", 3: "bird"}
images, boxes = [], []
for number in range(1, 31):
    file_name = f"{number:02}.png"
    Image.new("RGB", (64, 48)).save(folder / file_name)
    images.append({"id": number, "file_name": file_name, "width": 64, "height": 48})
    for category in rng.permutation(list(names))[:2].tolist():
        box = {"id": len(boxes) + 1, "image_id": number, "category_id": category}
        boxes.append({**box, "bbox": [1, 2, 10, 10], "area": 100, "iscrowd": 0})
categories = [{"id": key, "name": name} for key, name in names.items()]
data = {"images": images, "annotations": boxes, "categories": categories}
Path("coco.json").write_text(json.dumps(data))

bboxconverter.read_coco("coco.json").export(str(folder), format="coco", split=True)
seen = {}
print("part    ids of the categories")
for part in ("train", "val", "test"):
    written = json.loads((folder / part / f"{part}.json").read_text())
    ids = seen[part] = {entry["id"]: entry["name"] for entry in written["categories"]}
    print(f"{part:<7}", ", ".join(f"{key} {name}" for key, name in ids.items()))

if seen != {
    "train": {0: "bird", 1: "cat", 2: "dog"},
    "val": {0: "dog", 1: "bird", 2: "cat"},
    "test": {0: "bird", 1: "dog", 2: "cat"},
}:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
