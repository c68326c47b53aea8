#!/usr/bin/env bash
# cvannotate 1.0.0
#
# Behaviour: read from Pascal VOC, every box has the class 0, whatever its name. The names
# are not looked at, and neither is the list of classes: the number is that of an element
# `name_id`, which the format does not have, and which the package does not write either.
# Converted to COCO or YOLO, or back to VOC, all boxes are of the first label.
#
# Guess: the name of a box is looked up in the list of classes that the conversion asks
# for.
#
# Seen, of boxes of a dog, a cat and a bird, and the classes bird, cat, dog:
#   VOC, as it was read    dog  cat  bird
#   COCO                   bird bird bird
#   YOLO                   0    0    0
#   VOC                    bird bird bird
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet cvannotate==1.0.0

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from importlib.metadata import version
from pathlib import Path

print("cvannotate", version("cvannotate"))

classes = ["bird", "cat", "dog"]
names = ["dog", "cat", "bird"]
corners = {"xmin": 1, "ymin": 2, "xmax": 30, "ymax": 40}
picture = ElementTree.Element("annotation")
ElementTree.SubElement(picture, "filename").text = "picture.png"
size = ElementTree.SubElement(picture, "size")
for side, length in {"width": 64, "height": 48, "depth": 3}.items():
    ElementTree.SubElement(size, side).text = str(length)
for name in names:
    box = ElementTree.SubElement(picture, "object")
    ElementTree.SubElement(box, "name").text = name
    place = ElementTree.SubElement(box, "bndbox")
    for corner, value in corners.items():
        ElementTree.SubElement(place, corner).text = str(value)
ElementTree.ElementTree(picture).write("picture.xml")

command = [str(Path(sys.executable).with_name("cvannotate")), "convert", "-i"]
command += ["picture.xml", "--from-format", "voc", "-o", "out", "-c", ",".join(classes)]
for form in ("coco", "yolo", "voc"):
    subprocess.run([*command, "-f", form], check=True)

coco = json.loads(Path("out", "annotations.json").read_text())
by_id = {category["id"]: category["name"] for category in coco["categories"]}
(yolo,) = Path("out").glob("*.txt")
(voc,) = Path("out").glob("*.xml")
seen = {
    "VOC, as it was read": names,
    "COCO": [by_id[box["category_id"]] for box in coco["annotations"]],
    "YOLO": [line.split()[0] for line in yolo.read_text().splitlines()],
    "VOC": [box.findtext("name") for box in ElementTree.parse(voc).iter("object")],
}
for form, labels in seen.items():
    print(f"{form:<20}", *labels)

if [*seen.values()][1:] != [3 * ["bird"], 3 * ["0"], 3 * ["bird"]]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
