#!/usr/bin/env bash
# sahi 0.12.8
#
# Behaviour: Coco.export_as_yolo writes the ids of COCO's categories into the files of
# the pictures as they are, and the names as a list, which YOLO counts from 0. With ids
# from 1 on, as COCO has them, each box has the name of the next category, and those of
# the last have none. It says nothing of it, nor does its help.
#
# Guess: each box has its name in the YOLO files.
#
# Seen: of three pictures with a box each
#   COCO   1 cat        2 dog        3 bird
#   YOLO   1, dog       2, bird      3, no name
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet numpy==2.4.6 shapely==2.1.2 tqdm==4.70.1 \
    pyyaml==6.0.4 pillow==13.0.0
"$work/venv/bin/pip" install --quiet --no-deps sahi==0.12.8

cd "$work"
TQDM_DISABLE=1 "$work/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version
from pathlib import Path

import yaml
from PIL import Image
from sahi.utils.coco import Coco

print("sahi", version("sahi"))

names = ["cat", "dog", "bird"]
images, boxes, categories = [], [], []
Path("images").mkdir()
for i, name in enumerate(names, start=1):
    Image.new("RGB", (100, 100)).save(f"images/{i}.png")
    images.append(dict(id=i, file_name=f"{i}.png", width=100, height=100))
    box = dict(bbox=[10, 10, 20, 20], area=400, iscrowd=0)
    boxes.append(dict(id=i, image_id=i, category_id=i, **box))
    categories.append(dict(id=i, name=name, supercategory="animal"))
given = dict(images=images, annotations=boxes, categories=categories)
Coco.from_coco_dict_or_path(given, image_dir="images").export_as_yolo("yolo")

of_yolo = dict(enumerate(yaml.safe_load(Path("yolo/data.yml").read_text())["names"]))
ids = [int(Path(f"yolo/train/{i}.txt").read_text().split()[0]) for i in (1, 2, 3)]
found = [of_yolo.get(number, "no name") for number in ids]
print("COCO  ", "   ".join(f"{i} {name}" for i, name in enumerate(names, start=1)))
print("YOLO  ", "   ".join(f"{i}, {name}" for i, name in zip(ids, found, strict=True)))

if list(of_yolo.values()) != names or found != ["dog", "bird", "no name"]:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
