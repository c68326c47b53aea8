#!/usr/bin/env bash
# label-studio-sdk 2.1.2
#
# Behaviour: a box may have several labels (choice="multiple"). The converters to COCO
# and VOC write the first of them, and the one to YOLO a box for each. Of a box that was
# turned, YOLO and VOC have the box as it stood before it was turned, and COCO the
# upright box around it, but turned as though the picture were a square: in one twice as
# wide as high it begins left of the picture. None says a word.
#
# Guess: an annotation for each label in each format, and the same box in all of them.
#
# Seen, in pixels (left, top, width, height) of a picture of 200 by 100:
#           a box that is a cat, and sleeping       a dog, turned by 30 degrees
#   COCO    cat (20, 20, 60, 40)                    dog (-20, 20, 92, 50)
#   VOC     cat (20, 20, 60, 40)                    dog (20, 20, 60, 40)
#   YOLO    cat and sleeping (20, 20, 60, 40)       dog (20, 20, 60, 40)
#   around the turned corners, in pixels            dog (0, 20, 72, 65)
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet label-studio-sdk==2.1.2

cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import json
import math
import sys
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

from label_studio_sdk.converter import Converter

print(f"label-studio-sdk {version('label-studio-sdk')}")
CONFIG = """
<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image" choice="multiple">
    <Label value="cat"/><Label value="dog"/><Label value="sleeping"/>
  </RectangleLabels>
</View>
"""
WIDTH, HEIGHT = 200, 100


def box(number, labels, rotation):
    place = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": rotation}
    result = {"type": "rectanglelabels", "from_name": "label", "to_name": "image"}
    result |= {"original_width": WIDTH, "original_height": HEIGHT}
    return result | {"id": str(number), "value": place | {"rectanglelabels": labels}}


when = "2026-01-01T00:00:00Z"
tasks = []
for number, labels, rotation in ((1, ["cat", "sleeping"], 0), (2, ["dog"], 30)):
    annotation = {"id": number, "completed_by": 1, "was_cancelled": False}
    annotation |= {"created_at": when, "updated_at": when, "lead_time": 1.0}
    annotation["result"] = [box(number, labels, rotation)]
    data = {"image": f"{number}.jpg"}
    tasks.append({"id": number, "data": data, "annotations": [annotation]})
Path("full.json").write_text(json.dumps(tasks))
converter = Converter(CONFIG, project_dir=".", download_resources=False)
for name in ("coco", "voc", "yolo"):
    convert = getattr(converter, f"convert_to_{name}")
    convert("full.json", name, is_dir=False)

seen = {"COCO": {}, "VOC": {}, "YOLO": {}}


def note(format, name, *place):
    seen[format][name] = tuple(round(value) for value in place)


coco = json.loads(Path("coco/result.json").read_text())
names = {category["id"]: category["name"] for category in coco["categories"]}
for annotation in coco["annotations"]:
    note("COCO", names[annotation["category_id"]], *annotation["bbox"])
for path in sorted(Path("voc").rglob("*.xml")):
    for item in ElementTree.parse(path).iter("object"):
        edges = [int(item.find(f"bndbox/{edge}").text) for edge in ("xmin", "ymin")]
        ends = [int(item.find(f"bndbox/{edge}").text) for edge in ("xmax", "ymax")]
        sides = [end - edge for edge, end in zip(edges, ends, strict=True)]
        note("VOC", item.find("name").text, *edges, *sides)
classes = Path("yolo/classes.txt").read_text().split()
for path in sorted(Path("yolo/labels").glob("*.txt")):
    for line in path.read_text().splitlines():
        number, x, y, w, h = (float(value) for value in line.split())
        left, top = (x - w / 2) * WIDTH, (y - h / 2) * HEIGHT
        note("YOLO", classes[int(number)], left, top, w * WIDTH, h * HEIGHT)
for format, boxes in seen.items():
    print(format, *(f"{name} {place}" for name, place in sorted(boxes.items())))

# The box of 60 by 40 pixels, turned about its corner at the top left.
cos, sin = math.cos(math.radians(30)), math.sin(math.radians(30))
corners = [(x * cos - y * sin, x * sin + y * cos) for x in (0, 60) for y in (0, 40)]
(left, right), (top, bottom) = ((min(v), max(v)) for v in zip(*corners, strict=True))
around = tuple(map(round, (20 + left, 20 + top, right - left, bottom - top)))
print("around the turned corners: dog", around)

upright = (20, 20, 60, 40)
if around != (0, 20, 72, 65) or seen != {
    "COCO": {"cat": upright, "dog": (-20, 20, 92, 50)},
    "VOC": {"cat": upright, "dog": upright},
    "YOLO": {"cat": upright, "sleeping": upright, "dog": upright},
}:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
