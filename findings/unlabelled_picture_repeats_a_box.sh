#!/usr/bin/env bash
# pylabel 0.1.55 (pandas 2.3.3, numpy 2.4.6)
#
# Behaviour: a COCO file is read right, and a picture without a box is a row without
# one. ExportToCoco, which goes through the rows, writes for such a row once more what
# it wrote for the row before: the box of another picture, with the same id. The file
# has as many boxes too many as there are pictures without one, and counts of a class
# rise with them.
#
# Guess: the boxes of the file that was read, and the pictures without a box as they
# were.
#
# Seen: four pictures, of which the second and the third have no box
#   read      1 cat, 1 dog
#   written   3 cat, 1 dog; three times the same box of the first picture, with one id
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pandas==2.3.3 numpy==2.4.6 scikit-learn==1.9.1 \
    matplotlib==3.10.9 opencv-python-headless==5.0.0.93 jupyter-bbox-widget==0.7.0 \
    pyyaml==6.0.4 tqdm==4.70.1
"$work/venv/bin/pip" install --quiet --no-deps pylabel==0.1.55 bbox-visualizer==1.0.1

cd "$work"
TQDM_DISABLE=1 "$work/venv/bin/python" -W ignore - <<'PYTHON'
import json
import sys
from collections import Counter
from importlib.metadata import version

from pylabel import importer

packages = ("pylabel", "pandas", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

names = {1: "cat", 2: "dog"}
images = [dict(id=i, file_name=f"{i}.jpg", width=90, height=90) for i in range(1, 5)]
common = dict(area=400, iscrowd=0, segmentation=[])
boxes = [
    dict(id=1, image_id=1, category_id=1, bbox=[10, 10, 20, 20], **common),
    dict(id=2, image_id=4, category_id=2, bbox=[50, 50, 20, 20], **common),
]
categories = [dict(id=i, name=n, supercategory="animal") for i, n in names.items()]
with open("coco.json", "w") as file:
    json.dump(dict(images=images, annotations=boxes, categories=categories), file)

dataset = importer.ImportCoco("coco.json")
dataset.export.ExportToCoco("written.json")
with open("written.json") as file:
    written = json.load(file)["annotations"]


def count(labels):
    return ", ".join(f"{n} {label}" for label, n in Counter(labels).items())


read = [name for name in dataset.df.cat_name if name]
print("read     ", count(read))
print("written  ", count(names[box["category_id"]] for box in written))
for box in written:
    print("id", box["id"], "picture", box["image_id"], box["bbox"])

if read != ["cat", "dog"] or len(written) != 4:
    sys.exit("The behaviour is not that of the header any more.")
if not written[0] == written[1] == written[2] or written[3]["image_id"] != 4:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
