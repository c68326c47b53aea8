#!/usr/bin/env bash
# boxlab 0.1.4 (numpy 1.26.4, pillow 12.0.0, matplotlib 3.10.7, pyyaml 6.0.3; Python 3.12
# at most, as this numpy; without the page for the browser, which merging does not use)
#
# Behaviour: when two data sets are merged, a label that only the second one has keeps the
# number that it has there, even if that is the number of a label of the first. One name
# replaces the other in the list of labels, and the boxes of both are written with the one
# number: those of the first data set have the label of the second. No value of
# `resolve_conflicts` changes that, and "error" raises nothing: it looks at equal names.
#
# Guess: a number that is taken gives way to a new one, or an error is raised.
#
# Seen, of two COCO files, one with cat as label 1 and two boxes of it, and one with dog as
# label 1 and one box of it, merged and written as COCO:
#   labels   dog
#   boxes    dog, dog, dog
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==1.26.4 pillow==12.0.0 matplotlib==3.10.7 \
  pyyaml==6.0.3
"$work/venv/bin/pip" install --quiet --no-deps boxlab==0.1.4

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys
from importlib.metadata import version
from pathlib import Path

from boxlab.dataset import io
from boxlab.dataset.plugins.coco import COCOExporter, COCOLoader

print("boxlab", version("boxlab"))


def coco_of(name, boxes):
    image = {"id": 1, "file_name": f"{name}.png", "width": 64, "height": 48}
    box = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40], "area": 1200}
    coco = {
        "images": [image],
        "annotations": [box | {"id": number, "iscrowd": 0} for number in range(boxes)],
        "categories": [{"id": 1, "name": name}],
    }
    Path(f"{name}.json").write_text(json.dumps(coco))
    return COCOLoader().load(f"{name}.json")


cats, dogs = coco_of("cat", 2), coco_of("dog", 1)
seen = []
for resolved in ("skip", "rename", "error"):
    merged = io.merge(cats, dogs, resolve_conflicts=resolved)
    COCOExporter().export(merged, resolved, copy_images=False)
    coco = json.loads(Path(resolved, "annotations_train.json").read_text())
    names = {category["id"]: category["name"] for category in coco["categories"]}
    boxes = [names[box["category_id"]] for box in coco["annotations"]]
    seen.append((list(names.values()), boxes))
    print(f"resolve_conflicts={resolved!r}: labels {seen[-1][0]}, boxes {boxes}")

if seen != 3 * [(["dog"], ["dog", "dog", "dog"])]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
