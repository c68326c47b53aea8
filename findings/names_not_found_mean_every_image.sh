#!/usr/bin/env bash
# pycocotools 2.0.11 (numpy 2.4.6)
#
# Behaviour: a category name that no category has gives an empty list of ids, and an
# empty list of ids means every image of the data set. A name given as text and not as a
# list is searched the other way round: it finds the categories whose names stand in it.
#
# Guess: a name that is not there raises, or finds no image; a single text is one name.
#
# Seen, of 5 images, of which one has a dog and one a hot dog:
#   ["dog"]     categories ['dog']            images [0]
#   ["dgo"]     categories []                 images [0, 1, 2, 3, 4]
#   ["hot dog"] categories ['hot dog']        images [1]
#   "hot dog"   categories ['dog', 'hot dog'] images []
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pycocotools==2.0.11 numpy==2.4.6

"$work/venv/bin/python" - "$work" <<'PYTHON'
import contextlib
import io
import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO

print(f"pycocotools {version('pycocotools')}, numpy {np.__version__}")

path = Path(sys.argv[1]) / "instances.json"
box = {"bbox": [1, 1, 2, 2], "area": 4, "iscrowd": 0}
content = {
    "images": [
        {"id": i, "file_name": f"{i}.jpg", "width": 8, "height": 8} for i in range(5)
    ],
    "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "hot dog"}],
    "annotations": [
        {"id": 1, "image_id": 0, "category_id": 1, **box},
        {"id": 2, "image_id": 1, "category_id": 2, **box},
    ],
}
path.write_text(json.dumps(content))
with contextlib.redirect_stdout(io.StringIO()):
    coco = COCO(path)

seen = []
for names in (["dog"], ["dgo"], ["hot dog"], "hot dog"):
    ids = coco.getCatIds(catNms=names)
    found = [category["name"] for category in coco.loadCats(ids)]
    images = sorted(coco.getImgIds(catIds=ids))
    print(f"{json.dumps(names):<11} categories {found!s:<18} images {images}")
    seen.append((found, images))

expected = [
    (["dog"], [0]),
    ([], [0, 1, 2, 3, 4]),
    (["hot dog"], [1]),
    (["dog", "hot dog"], []),
]
if seen != expected:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
