#!/usr/bin/env bash
# imantics 0.1.12 (opencv-python-headless 5.0.0.93, lxml 6.1.3, numpy 2.4.6)
#
# Behaviour: Dataset.yolo() numbers the labels of each picture anew, from 1, and leaves
# these numbers in the data set: what it gives afterwards as COCO has several categories
# of one id, and boxes of a dog and a cat cannot be told apart. In the lines for YOLO
# the first two numbers are the corner at the top left, where YOLO has the centre.
#
# Guess: one number for a label in all pictures, and a set that is as it was after it
# has been written.
#
# Seen, of a picture of a dog and one of a cat, with a box of 20 by 30 at (10, 10) of
# 100 by 80 pixels, whose centre is (0.2, 0.3125):
#   categories as COCO, before    2 dog, 1 cat
#   YOLO, the dog                 1 0.10000 0.12500 0.20000 0.37500
#   YOLO, the cat                 1 0.10000 0.12500 0.20000 0.37500
#   categories as COCO, after     1 dog, 1 cat
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 opencv-python-headless==5.0.0.93 \
    lxml==6.1.3 xmljson==0.2.1
"$work/venv/bin/pip" install --quiet --no-deps imantics==0.1.12

"$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

from imantics import Dataset

packages = ("imantics", "opencv-python-headless", "lxml", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

box = {"bbox": [10, 10, 20, 30], "area": 600, "iscrowd": 0}
box["segmentation"] = [[10, 10, 30, 10, 30, 40, 10, 40]]
size = {"width": 100, "height": 80}
photos = Dataset.from_coco(
    {
        "images": [
            {"id": 1, "file_name": "dog.jpg", **size},
            {"id": 2, "file_name": "cat.jpg", **size},
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 2, **box},
            {"id": 2, "image_id": 2, "category_id": 1, **box},
        ],
    }
)


def numbers():
    coco = photos.coco()
    used = [annotation["category_id"] for annotation in coco["annotations"]]
    return {entry["name"]: entry["id"] for entry in coco["categories"]}, used


before = numbers()
lines = photos.yolo()
after = numbers()
print("categories, and those of the two boxes, as COCO, before:", *before)
for name, written in lines.items():
    print(f"YOLO, {name}:", *written)
print("categories, and those of the two boxes, as COCO, after:", *after)

line = ["1 0.10000 0.12500 0.20000 0.37500"]
if (before, lines, after) != (
    ({"dog": 2, "cat": 1}, [2, 1]),
    {"dog.jpg": line, "cat.jpg": line},
    ({"dog": 1, "cat": 1}, [1, 1]),
):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
