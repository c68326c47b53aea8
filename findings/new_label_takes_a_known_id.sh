#!/usr/bin/env bash
# labelme2coco 0.2.6 (sahi 0.12.8)
#
# Behaviour: get_coco_from_labelme_folder starts from a given list of categories, and
# counts labels that are not in the list from 0 on all the same, over the ids of the
# list. From then on the label of the list is not found any more and gets the next id,
# which is that of another label. The same label has two ids, and an id two names,
# without a word. Labels that stand in the list are all right as long as no other label
# occurs.
#
# Guess: a label that is not in the list gets an id that is free.
#
# Seen: two pictures of a cat, a bird beside the first and a dog beside the second; the
#   list is 0 cat, 1 dog
#   id of      the first cat   the bird   the second cat   the dog
#   a bird     0               0          1                2
#   no bird    0                          0                1
#   categories that are written: 0 cat, 1 dog, 0 bird, 1 cat, 2 dog
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 shapely==2.1.2 tqdm==4.70.1
"$work/venv/bin/pip" install --quiet --no-deps labelme2coco==0.2.6 sahi==0.12.8

cd "$work"
TQDM_DISABLE=1 "$work/venv/bin/python" -W ignore - <<'PYTHON'
import json
import sys
from importlib.metadata import version
from pathlib import Path

from labelme2coco.labelme2coco import get_coco_from_labelme_folder

print(", ".join(f"{name} {version(name)}" for name in ("labelme2coco", "sahi")))


def draw(folder, name, labels):
    shapes = []
    for i, label in enumerate(labels):
        points = [[30 * i, 10], [30 * i + 20, 40]]
        shape = dict(label=label, points=points, shape_type="rectangle", flags={})
        shapes.append(shape)
    picture = dict(imagePath=f"{name}.jpg", imageHeight=100, imageWidth=100)
    picture |= dict(version="5.5.0", flags={}, shapes=shapes, imageData=None)
    Path(folder).mkdir(exist_ok=True)
    Path(folder, f"{name}.json").write_text(json.dumps(picture))


def convert(folder):
    names = [dict(id=i, name=n, supercategory=n) for i, n in enumerate(["cat", "dog"])]
    found = get_coco_from_labelme_folder(folder, coco_category_list=names).json
    ids = [box["category_id"] for box in found["annotations"]]
    return ids, [(c["id"], c["name"]) for c in found["categories"]]


draw("birds", "1", ["cat", "bird"])
draw("plain", "1", ["cat"])
for folder in ("birds", "plain"):
    draw(folder, "2", ["cat", "dog"])
ids, categories = convert("birds")
plain_ids, plain_categories = convert("plain")
print("cat, bird, cat, dog:", *ids)
print("cat, cat, dog:      ", *plain_ids)
print("categories:", ", ".join(f"{i} {name}" for i, name in categories))

if ids != [0, 0, 1, 2] or plain_ids != [0, 0, 1]:
    sys.exit("The behaviour is not that of the header any more.")
if (0, "bird") not in categories or plain_categories != [(0, "cat"), (1, "dog")]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
