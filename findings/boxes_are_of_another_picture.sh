#!/usr/bin/env bash
# labelme2datasets 0.0.4 (xmltodict 0.13.0, pycocotools 2.0.11; without labelme and the
# like, which the conversion does not use)
#
# Behaviour: voc2coco numbers the boxes of each picture from 1 on, so that an id stands for
# one box of every picture. Readers that look a box up by its id find that of the last
# picture: the first one has the boxes and the labels of another.
#
# Guess: ids go on from picture to picture, as COCO asks for, or the boxes are found by
# their picture, whatever their ids are.
#
# Seen, of a picture of a cat and a dog and one of two birds, read by pycocotools:
#   boxes in the file              1 cat, 2 dog, 1 bird, 2 bird
#   boxes of the first picture     bird, bird, which say that they are of the second
#   boxes of label dog             bird
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet xmltodict==0.13.0 pycocotools==2.0.11 \
  numpy==2.4.6 pillow==13.0.0
"$work/venv/bin/pip" install --quiet --no-deps labelme2datasets==0.0.4

cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from importlib.metadata import version
from pathlib import Path

from PIL import Image
from pycocotools.coco import COCO

print("labelme2datasets", version("labelme2datasets"))

voc = Path("voc")
for folder in ("Annotations", "ImageSets/Main", "JPEGImages"):
    Path(voc, folder).mkdir(parents=True)
pictures = {"first": ["cat", "dog"], "second": ["bird", "bird"]}
for name, labels in pictures.items():
    Image.new("RGB", (64, 48)).save(Path(voc, "JPEGImages", f"{name}.jpg"))
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = f"{name}.jpg"
    size = ElementTree.SubElement(root, "size")
    for side, length in {"width": 64, "height": 48, "depth": 3}.items():
        ElementTree.SubElement(size, side).text = str(length)
    for label in labels:
        box = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(box, "name").text = label
        place = ElementTree.SubElement(box, "bndbox")
        for corner, value in {"xmin": 1, "ymin": 2, "xmax": 30, "ymax": 40}.items():
            ElementTree.SubElement(place, corner).text = str(value)
    ElementTree.ElementTree(root).write(Path(voc, "Annotations", f"{name}.xml"))
Path(voc, "class_names.txt").write_text("bird\ncat\ndog\n")
Path(voc, "ImageSets", "Main", "train.txt").write_text("\n".join(pictures) + "\n")

command = str(Path(sys.executable).with_name("voc2coco"))
subprocess.run([command, "--voc_dir", "voc", "--coco_dir", "coco"], check=True)

coco = COCO("coco/annotations/train.json")
names = {category["id"]: category["name"] for category in coco.cats.values()}
first, second = (image["id"] for image in coco.dataset["images"])
stored = [(b["id"], names[b["category_id"]]) for b in coco.dataset["annotations"]]
boxes = coco.loadAnns(coco.getAnnIds(imgIds=[first]))
found = [names[box["category_id"]] for box in boxes]
dogs = coco.loadAnns(coco.getAnnIds(catIds=coco.getCatIds(catNms=["dog"])))
dog_names = [names[box["category_id"]] for box in dogs]
print("boxes in the file          ", stored)
print("boxes of the first picture ", found, [box["image_id"] for box in boxes])
print("boxes of label dog         ", dog_names)

if stored != [(1, "cat"), (2, "dog"), (1, "bird"), (2, "bird")]:
    sys.exit("The behaviour is not that of the header any more.")
if found != ["bird", "bird"] or {box["image_id"] for box in boxes} != {second}:
    sys.exit("The behaviour is not that of the header any more.")
if dog_names != ["bird"]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
