#!/usr/bin/env bash
# cocojson 0.1.1 (numpy 2.4.6)
#
# Behaviour: sample_by_class(class_ks=[...]) draws so many pictures of each category, "a
# list of integers corresponding to the categories". The numbers are given out in the
# order in which categories first have a box, and not in that of the list of categories
# or of their ids: all the rare label was to keep is drawn of the common one.
#
# Guess: the first number is that of the first category of the file.
#
# Seen, of categories dog, cat, bird with 20, 30 and 5 pictures, in an order of boxes
# that begins with a bird and a dog, and class_ks=[2, 10, 5]:
#   asked   2 dogs, 10 cats, 5 birds
#   drawn   10 dogs, 5 cats, 2 birds
#   with the boxes in the order of the categories   2 dogs, 10 cats, 5 birds
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet cocojson==0.1.1 numpy==2.4.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import contextlib
import io
import json
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

import numpy as np
from cocojson.tools import sample_by_class
from PIL import Image

print(f"cocojson {version('cocojson')}, numpy {np.__version__}")

names = {1: "dog", 2: "cat", 3: "bird"}
counts = {1: 20, 2: 30, 3: 5}
asked = {"dog": 2, "cat": 10, "bird": 5}
categories = [{"id": key, "name": name} for key, name in names.items()]
Path("pictures").mkdir()
images, boxes = [], []
for key, count in counts.items():
    for _ in range(count):
        number = len(images) + 1
        file_name = f"{number}.png"
        Image.new("RGB", (8, 8)).save(Path("pictures", file_name))
        images.append({"id": number, "file_name": file_name, "width": 8, "height": 8})
        box = {"id": number, "image_id": number, "category_id": key}
        boxes.append(box | {"bbox": [1, 1, 4, 4], "area": 16})


def drawn(order):
    coco = {"images": images, "annotations": order, "categories": categories}
    Path("animals.json").write_text(json.dumps(coco))
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        sample_by_class("animals.json", "pictures", "out", class_ks=[*asked.values()])
    sampled = json.loads(Path("out", "animals.json").read_text())
    count = Counter(names[box["category_id"]] for box in sampled["annotations"])
    return {name: count[name] for name in asked}


turned = [boxes[-1], boxes[0], *boxes[1:-1]]
seen = {"asked": asked, "drawn": drawn(turned), "boxes in order": drawn(boxes)}
for told, count in seen.items():
    print(f"{told:<14} {count}")

if seen["boxes in order"] != asked or seen["drawn"] != {"dog": 10, "cat": 5, "bird": 2}:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
