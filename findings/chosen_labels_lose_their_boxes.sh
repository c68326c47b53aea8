#!/usr/bin/env bash
# cocojson 0.1.1 (numpy 2.4.6)
#
# Behaviour: merge(cids=...) merges COCO files and keeps the categories whose ids are
# given for each. Whether a box is kept is not asked of its own category, but of the last
# one in the list, by the number that this has in the merged file: most choices keep the
# pictures and the chosen categories, and no box at all. Of pictures without boxes the
# result does not differ. Without cids, or with all of them, every box is there.
#
# Guess: the boxes of the categories whose ids are given.
#
# Seen, of a file with dogs (1), cats (2) and birds (3), a picture and a box of each:
#   cids      categories       boxes        right
#   none      dog, cat, bird   3            3
#   1 2 3     dog, cat, bird   3            3
#   1         dog              0            1
#   1 2       dog, cat         0            2
#   1 3       dog, bird        0            2
#   3         bird             0            1
#   2 3       KeyError: 1                   2
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
from importlib.metadata import version
from pathlib import Path

import numpy as np
from cocojson.tools import merge
from PIL import Image

print(f"cocojson {version('cocojson')}, numpy {np.__version__}")

names = {1: "dog", 2: "cat", 3: "bird"}
images = [
    {"id": key, "file_name": f"{name}.png", "width": 8, "height": 8}
    for key, name in names.items()
]
boxes = [
    {"id": key, "image_id": key, "category_id": key, "bbox": [1, 1, 4, 4], "area": 16}
    for key in names
]
categories = [{"id": key, "name": name} for key, name in names.items()]
Path("pictures").mkdir()
for image in images:
    Image.new("RGB", (8, 8)).save(Path("pictures", image["file_name"]))
coco = {"images": images, "annotations": boxes, "categories": categories}
Path("animals.json").write_text(json.dumps(coco))

seen = {}
for chosen in (None, (1, 2, 3), (1,), (1, 2), (1, 3), (3,), (2, 3)):
    cids = None if chosen is None else [list(chosen)]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            merge(["animals.json"], ["pictures"], "merged", cids=cids)
    except KeyError as error:
        seen[chosen] = f"KeyError: {error}"
    else:
        merged = json.loads(Path("merged", "merged.json").read_text())
        kept = ", ".join(category["name"] for category in merged["categories"])
        count = len(merged["annotations"])
        seen[chosen] = (kept, len(merged["images"]), count)
    print(chosen, seen[chosen])

every = ("dog, cat, bird", 3, 3)
if seen != {
    None: every,
    (1, 2, 3): every,
    (1,): ("dog", 3, 0),
    (1, 2): ("dog, cat", 3, 0),
    (1, 3): ("dog, bird", 3, 0),
    (3,): ("bird", 3, 0),
    (2, 3): "KeyError: 1",
}:
    sys.exit("The behaviour is not that of the header any more.")
PYTHON
