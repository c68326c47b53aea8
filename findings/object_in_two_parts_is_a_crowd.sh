#!/usr/bin/env bash
# darwin-py 3.6.3 (numpy 2.4.6)
#
# Behaviour: written as COCO, a polygon of one path is an object, and one of several
# paths, as of a dog behind a post, is a crowd (iscrowd 1) with an area of 0. Readers
# and measures of COCO leave crowds out, and so does darwin-py itself where it reads its
# own file: the label is lost. The exporter to YOLO has the object as one box.
#
# Guess: an object in several parts is one object with several polygons, or an RLE mask,
# iscrowd 0 and its area; a crowd is what was marked as many objects at once.
#
# Seen, of a cat in one part and a dog in two, 20 by 20 pixels each:
#   COCO              cat iscrowd 0 area 400, dog iscrowd 1 area 0
#   read from COCO    cat
#   YOLO              0 cat, 1 dog
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet darwin-py==3.6.3 numpy==2.4.6

cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import contextlib
import io
import json
import sys
from importlib.metadata import version
from pathlib import Path

from darwin.exporter import get_exporter
from darwin.exporter.exporter import export_annotations
from darwin.importer import get_importer

print(f"darwin-py {version('darwin-py')}, numpy {version('numpy')}")


def outline(name, *lefts):
    """A polygon with a path, a square of 20 by 20 pixels, for each left edge."""
    corners = ((0, 0), (20, 0), (20, 20), (0, 20))
    paths = [[{"x": left + x, "y": 10 + y} for x, y in corners] for left in lefts]
    box = {"x": lefts[0], "y": 10, "w": lefts[-1] + 20 - lefts[0], "h": 20}
    annotation = {"id": name, "name": name, "slot_names": ["0"], "bounding_box": box}
    return annotation | {"polygon": {"paths": paths}}


slot = {"slot_name": "0", "type": "image", "width": 200, "height": 100}
slot["source_files"] = [{"file_name": "photo.jpg"}]
photo = {
    "version": "2.0",
    "item": {"name": "photo.jpg", "path": "/", "slots": [slot]},
    "annotations": [outline("cat", 10), outline("dog", 50, 100)],
}
Path("photo.json").write_text(json.dumps(photo))
for name in ("coco", "yolo"):
    Path(name).mkdir()
    with contextlib.redirect_stdout(io.StringIO()):
        export_annotations(get_exporter(name), [Path("photo.json")], Path(name))

coco = json.loads(Path("coco/output.json").read_text())
names = {category["id"]: category["name"] for category in coco["categories"]}
objects = {
    names[item["category_id"]]: (item["iscrowd"], item["area"])
    for item in coco["annotations"]
}
for name, (crowd, area) in objects.items():
    print(f"COCO: {name} iscrowd {crowd} area {area}")
read = [
    annotation.annotation_class.name
    for file in get_importer("coco")(Path("coco/output.json"))
    for annotation in file.annotations
]
print("read from COCO:", *read)
yolo = [line.split()[0] for line in Path("yolo/photo.txt").read_text().splitlines()]
print("YOLO, classes:", *yolo)

if (objects, read, yolo) != ({"cat": (0, 400), "dog": (1, 0)}, ["cat"], ["0", "1"]):
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
