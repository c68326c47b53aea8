#!/usr/bin/env bash
# labelformat 0.1.17 (Pillow 13.0.0, numpy 2.4.6)
#
# Behaviour: the writer for Lightly's format gives a box that has no confidence, as those
# that people draw, the score 0. Read again and written as COCO, they are predictions of
# which the model is sure that they are wrong: any threshold, however low, drops them.
#
# Guess: such a box has no score in the file, or 1.
#
# Seen, of one box that was drawn and one that a model found
#   step               keys besides the box and its category
#   COCO               none; score 0.8
#   Lightly            score 0.0; score 0.8
#   COCO again         score 0.0; score 0.8
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet \
    labelformat==0.1.17 Pillow==13.0.0 numpy==2.4.6

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import sys
from importlib.metadata import version
from pathlib import Path

from labelformat.formats import (
    COCOObjectDetectionInput,
    COCOObjectDetectionOutput,
    LightlyObjectDetectionInput,
    LightlyObjectDetectionOutput,
)
from PIL import Image

packages = ("labelformat", "Pillow", "numpy")
print(", ".join(f"{name} {version(name)}" for name in packages))

Path("images").mkdir()
Image.new("RGB", (64, 48)).save("images/a.png")
box = {"image_id": 1, "category_id": 1, "bbox": [1.0, 2.0, 10.0, 10.0]}
boxes = [{"id": 1, **box}, {"id": 2, **box, "score": 0.8}]
image = {"id": 1, "file_name": "a.png", "width": 64, "height": 48}
data = {
    "images": [image],
    "categories": [{"id": 1, "name": "cat"}],
    "annotations": boxes,
}
Path("coco.json").write_text(json.dumps(data))

lightly, again = Path("lightly"), Path("again.json")
LightlyObjectDetectionOutput(lightly).save(COCOObjectDetectionInput("coco.json"))
COCOObjectDetectionOutput(again).save(LightlyObjectDetectionInput(lightly, "../images"))
seen = {
    "COCO": boxes,
    "Lightly": json.loads((lightly / "a.json").read_text())["predictions"],
    "COCO again": json.loads(again.read_text())["annotations"],
}
print("step               keys besides the box and its category")
scores = {}
for name, found in seen.items():
    scores[name] = [entry.get("score") for entry in found]
    told = ("none" if score is None else f"score {score}" for score in scores[name])
    print(f"{name:<18}", "; ".join(told))

if list(scores.values()) != [[None, 0.8], [0.0, 0.8], [0.0, 0.8]]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
